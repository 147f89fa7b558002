"""Which layers of a prototxt a net keeps: phase, level and stage against include and exclude rules.

Source   caffe 9b89154 net.cpp (FilterNet, StateMeetsRule)
"""

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.net import net_log


def filter_layers(net_param) -> list:
    """Return the LayerParameters whose rules meet the `state` of `net_param`, in order.

    Raises   CaffeError for a layer with both include and exclude rules
    """
    return [layer for layer in net_param.layer if _is_kept(layer, net_param.state)]


def _is_kept(layer, state) -> bool:
    if layer.include and layer.exclude:
        raise CaffeError(f"layer {layer.name!r} has include and exclude rules; expected one kind")
    if layer.include:
        return any(_is_met(rule, state, layer.name) for rule in layer.include)
    return not any(_is_met(rule, state, layer.name) for rule in layer.exclude)


def _is_met(rule, state, layer_name: str) -> bool:
    """Return whether every part of the rule holds, and log the first that does not; an empty rule always holds."""
    broken = _find_broken_part(rule, state)
    if broken:
        net_log.write("The NetState %s specified by a rule in layer %s", broken, layer_name)
    return not broken


def _find_broken_part(rule, state) -> str:
    if rule.HasField("phase") and rule.phase != state.phase:
        return f"phase ({state.phase}) differed from the phase ({rule.phase})"
    if rule.HasField("min_level") and state.level < rule.min_level:
        return f"level ({state.level}) is above the min_level ({rule.min_level})"  # Caffe's word: above
    if rule.HasField("max_level") and state.level > rule.max_level:
        return f"level ({state.level}) is above the max_level ({rule.max_level})"
    for stage in rule.stage:
        if stage not in state.stage:
            return f"did not contain stage '{stage}'"
    for stage in rule.not_stage:
        if stage in state.stage:
            return f"contained a not_stage '{stage}'"
    return ""
