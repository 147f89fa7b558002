"""The order in which a data layer serves the items of its split, and its place in it."""

from __future__ import annotations

import random
from typing import Any, Mapping


class Order:
    """An endless walk over the numbers 0 to items - 1.

    Attributes
        next     the number that `step` will give
        random   the generator that the numbers after it are drawn from, and whatever else is random in an item
        seed     what that was seeded with; None as an argument takes a seed from the operating system
        steps    made so far

    Order   random: uniform draws with replacement, the same as the reference's under Python 2.
            Otherwise one after the other, starting again at the end.
    """

    def __init__(self, items: int, randomize: bool, seed: int | None) -> None:
        self.items, self.randomize = items, randomize
        self.seed = random.SystemRandom().getrandbits(32) if seed is None else seed
        self.random = random.Random(self.seed)
        self.steps = 0
        self.next = self._draw() if randomize else 0

    def step(self) -> int:
        """The next number; the order moves on."""
        number = self.next
        self.steps += 1
        self.next = self._draw() if self.randomize else (number + 1) % self.items
        return number

    def copy(self) -> Order:
        """Another walk that will go on as this one will."""
        other = Order.__new__(Order)
        other.items, other.randomize, other.next = self.items, self.randomize, self.next
        other.seed, other.steps = self.seed, self.steps
        other.random = random.Random()
        other.random.setstate(self.random.getstate())
        return other

    def position(self) -> dict:
        """The place, fit for JSON."""
        version, words, gauss = self.random.getstate()
        place = {"images": self.items, "next": self.next, "random": [version, list(words), gauss]}
        return {**place, "seed": self.seed, "steps": self.steps}

    def seek(self, position: Mapping[str, Any]) -> None:
        """Go to a place that `position` told."""
        version, words, gauss = position["random"]
        self.random.setstate((version, tuple(words), gauss))
        self.next = position["next"]
        # Places that were noted before anything depended on these do not tell them.
        self.seed, self.steps = position.get("seed", self.seed), position.get("steps", self.steps)

    def _draw(self) -> int:
        # Python 2's randint(0, n - 1); Python 3's draws differ.
        return int(self.random.random() * self.items)
