import h5py
import numpy as np
import pytest

from fcn_repro.caffe import CaffeError
from tests.fixtures.layers.one_layer import OneLayer

DATA, LABEL = np.arange(6, dtype=np.float32).reshape(2, 3), np.float32([4, 5])


def test_writes_both_bottoms_with_four_axes_once(tmp_path):
    path = tmp_path / "out.h5"
    built = OneLayer("HDF5Output", [DATA, LABEL], f'hdf5_output_param {{ file_name: "{path}" }}', tops=0)
    built.forward()
    with h5py.File(path) as file:
        assert file["data"].shape == (2, 3, 1, 1) and file["label"].shape == (2, 1, 1, 1)
        assert (np.array(file["data"]).ravel() == DATA.ravel()).all()
    with pytest.raises(CaffeError, match="a second forward is not supported"):
        built.forward()
