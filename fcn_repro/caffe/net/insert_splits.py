"""A Split layer for every blob with several readers, so that their gradients add up.

Source   caffe 9b89154 insert_splits.cpp (InsertSplits and the two naming functions)
"""

from collections import Counter

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2

Place = tuple[int, int]  # (layer index, top index) of a blob's writer


def insert_splits(layers: list) -> list:
    """Return copies of the LayerParameters with Split layers for tops that are used more than once.

    An explicit non-zero loss_weight counts as a use and takes the Split's first output.

    Raises   CaffeError for a bottom that no earlier layer makes
    """
    sources, uses, loss_weights = _count_uses(layers)
    served: Counter[Place] = Counter()
    result = []
    for i, original in enumerate(layers):
        layer = caffe_pb2.LayerParameter()
        layer.CopyFrom(original)
        result.append(layer)
        for j, name in enumerate(layer.bottom):
            source = sources[i, j]
            if uses[source] > 1:
                first = 1 if source in loss_weights else 0
                layer.bottom[j] = f"{_split_name(layers[source[0]].name, name, source[1])}_{first + served[source]}"
                served[source] += 1
        for j, name in enumerate(layer.top):
            if uses[i, j] > 1:
                weight = loss_weights.get((i, j), 0.0)
                result.append(_split(_split_name(layer.name, name, j), name, uses[i, j], weight))
                if weight:
                    del layer.loss_weight[:]
    return result


def _count_uses(layers: list) -> tuple[dict[Place, Place], Counter[Place], dict[Place, float]]:
    """Return the writer of every bottom, the number of uses of every top, and the tops with a loss weight."""
    writer: dict[str, Place] = {}
    sources: dict[Place, Place] = {}
    uses: Counter[Place] = Counter()
    loss_weights: dict[Place, float] = {}
    for i, layer in enumerate(layers):
        for j, name in enumerate(layer.bottom):
            if name not in writer:
                raise CaffeError(
                    f"layer {layer.name!r} ({layer.type}) reads the bottom {name!r}, which no earlier layer makes"
                )
            sources[i, j] = writer[name]
            uses[writer[name]] += 1
        for j, name in enumerate(layer.top):
            writer[name] = (i, j)
        for j, weight in enumerate(list(layer.loss_weight)[: len(layer.top)]):
            if weight:
                loss_weights[i, j] = weight
                uses[i, j] += 1
    return sources, uses, loss_weights


def _split(name: str, blob_name: str, count: int, loss_weight: float):
    tops = [f"{name}_{k}" for k in range(count)]
    weights = [loss_weight] + [0.0] * (count - 1) if loss_weight else []
    return caffe_pb2.LayerParameter(name=name, type="Split", bottom=[blob_name], top=tops, loss_weight=weights)


def _split_name(layer_name: str, blob_name: str, index: int) -> str:
    return f"{blob_name}_{layer_name}_{index}_split"
