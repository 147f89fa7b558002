"""How a loss layer normalises its sum over positions.

The one reader of LossParameter's two fields, for the engine and above it. It takes the message of either engine and
needs the standard library alone.

Source   caffe 9b89154 loss_layer.cpp (LayerSetUp, GetNormalizer), sigmoid_cross_entropy_loss_layer.cpp (LayerSetUp)
"""

from __future__ import annotations

from typing import Any

SUMMED = ("BATCH_SIZE", "NONE")  # these losses grow with the size of the image
SUMMED_BY_DEFAULT = ("SigmoidCrossEntropyLoss",)


def read_normalization(layer: Any) -> str:
    """Return the divisor of a LayerParameter's loss: VALID, FULL, BATCH_SIZE or NONE.

    The older `normalize` counts only where `normalization` is missing. Without both, the type decides.
    """
    loss_param = layer.loss_param
    if loss_param.HasField("normalize") and not loss_param.HasField("normalization"):
        return "VALID" if loss_param.normalize else "BATCH_SIZE"
    if layer.type in SUMMED_BY_DEFAULT and not loss_param.HasField("normalization"):
        return "BATCH_SIZE"
    return loss_param.NormalizationMode.Name(loss_param.normalization)


def is_summed(normalization: str) -> bool:
    """Whether the loss is a sum over pixels, as in the paper's heavy learning, and not a mean."""
    return normalization in SUMMED
