"""Features of real Caffe that this engine lacks, each with the reason that its error message gives."""

from fcn_repro.caffe.errors import CaffeError

UNSUPPORTED = {
    "Pooling STOCHASTIC": "Caffe computes it on a GPU only, from a random stream that torch lacks; use MAX or AVE",
    "Data backend LEVELDB": "LevelDB has no maintained Python package; convert the database to LMDB",
}


def unsupported(feature: str, param) -> CaffeError:
    """Make the error for a LayerParameter that uses an unsupported feature."""
    return CaffeError(
        f"layer {param.name!r} ({param.type}) asks for {feature}, unsupported here: {UNSUPPORTED[feature]}"
    )
