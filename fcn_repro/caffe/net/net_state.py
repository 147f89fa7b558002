"""Which layers of a prototxt a net keeps: phase, level and stage against include and exclude rules.

Source   caffe 9b89154 net.cpp (FilterNet, StateMeetsRule)
"""

from fcn_repro.caffe.errors import CaffeError


def filter_layers(net_param) -> list:
    """Return the LayerParameters whose rules meet the `state` of `net_param`, in order.

    Raises   CaffeError for a layer with both include and exclude rules
    """
    return [layer for layer in net_param.layer if _is_kept(layer, net_param.state)]


def _is_kept(layer, state) -> bool:
    if layer.include and layer.exclude:
        raise CaffeError(f"layer {layer.name!r} has include and exclude rules; expected one kind")
    if layer.include:
        return any(_is_met(rule, state) for rule in layer.include)
    return not any(_is_met(rule, state) for rule in layer.exclude)


def _is_met(rule, state) -> bool:
    """Return whether every part of the rule holds; an empty rule always does."""
    if rule.HasField("phase") and rule.phase != state.phase:
        return False
    if rule.HasField("min_level") and state.level < rule.min_level:
        return False
    if rule.HasField("max_level") and state.level > rule.max_level:
        return False
    return all(stage in state.stage for stage in rule.stage) and not any(s in state.stage for s in rule.not_stage)
