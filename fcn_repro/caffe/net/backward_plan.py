"""Which layers run backward, and to which of their bottoms: fixed when a net is built.

Source   caffe 9b89154 net.cpp (Net::Init, the scan from the last layer to the first, and force_backward)
"""

from dataclasses import dataclass, field


@dataclass
class BackwardStep:
    """One layer's part in the backward pass."""

    bottom_names: list[str]
    top_names: list[str]
    has_loss: bool  # one of its tops has a loss weight
    runs: bool  # a bottom needs a gradient, or a parameter is trained
    propagate_down: list[bool] = field(default_factory=list)


def prune(steps: list[BackwardStep]) -> None:
    """Switch off, in place, gradients that no loss depends on or that no layer below needs."""
    under_loss: set[str] = set()
    skipped: set[str] = set()
    for step in reversed(steps):
        contributes = step.has_loss or any(name in under_loss for name in step.top_names)
        if step.runs and all(name in skipped for name in step.top_names):
            step.runs = False
            step.propagate_down = [False] * len(step.propagate_down)
        if not contributes:
            step.runs = False
        for index, name in enumerate(step.bottom_names):
            if contributes:
                under_loss.add(name)
            else:
                step.propagate_down[index] = False
            if not step.propagate_down[index]:
                skipped.add(name)
