"""Which layers of a prototxt belong to a net: phase, level and stage against include and exclude rules.

Source   caffe 9b89154 net.cpp (FilterNet, StateMeetsRule)
"""

from __future__ import annotations

from fcn_repro.caffe.errors import CaffeError


def filtered_layers(net_param) -> list:
    """The LayerParameters of `net_param` whose rules its `state` meets, in order.

    Raises   CaffeError for a layer with both include and exclude rules.
    """
    return [layer for layer in net_param.layer if _is_kept(layer, net_param.state)]


def _is_kept(layer, state) -> bool:
    if layer.include and layer.exclude:
        raise CaffeError(f"layer {layer.name!r} has both include and exclude rules; keep one kind")
    if layer.include:
        return any(_meets(state, rule) for rule in layer.include)
    return not any(_meets(state, rule) for rule in layer.exclude)


def _meets(state, rule) -> bool:
    """An empty rule is always met; otherwise every part that it gives must hold."""
    if rule.HasField("phase") and rule.phase != state.phase:
        return False
    if rule.HasField("min_level") and state.level < rule.min_level:
        return False
    if rule.HasField("max_level") and state.level > rule.max_level:
        return False
    return all(stage in state.stage for stage in rule.stage) and not any(s in state.stage for s in rule.not_stage)
