"""What real Caffe has and this engine has not, each with its reason; the error messages say it."""

from __future__ import annotations

from fcn_repro.caffe.errors import CaffeError

UNSUPPORTED = {
    "WindowData": "R-CNN's window files belong to another task; warp the windows beforehand and read them by ImageData",
    "Pooling STOCHASTIC": "Caffe computes it on a GPU only, from a random stream that torch has not; use MAX or AVE",
    "Data backend LEVELDB": "LevelDB has no maintained Python package; convert the data base to LMDB",
}


def unsupported(feature: str, param) -> CaffeError:
    """The error for a LayerParameter that asks for one of them."""
    return CaffeError(
        f"layer {param.name!r} ({param.type}) asks for {feature}, unsupported here: {UNSUPPORTED[feature]}"
    )
