"""HDF5Output."""

from collections.abc import Sequence

import h5py

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.proto.text_encoding import file_path


class HDF5Output(Layer):
    """Writes its two bottoms to an HDF5 file, as the data sets `data` and `label`.

    Shapes   bottom[0], bottom[1] with equal first dims and at most 4 axes; written as float32 (num, channels, height,
             width)
    Reads    hdf5_output_param: file_name
    Source   caffe 9b89154 hdf5_output_layer.cpp: the file is created with the net; a second forward is an error
    """

    bottoms = exactly(2)
    tops = exactly(0)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Create an empty file."""
        self._path = file_path(self.param.hdf5_output_param.file_name)
        if not self._path:
            raise self.error("has no hdf5_output_param.file_name")
        h5py.File(self._path, "w").close()

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Do nothing: there is no top."""

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        data, label = bottom
        if data.num != label.num:
            raise self.error(f"writes {data.num} data rows and {label.num} labels; expected equal numbers")
        with h5py.File(self._path, "r+") as file:
            if "data" in file:
                raise self.error(f"already wrote {self._path}; a second forward is not supported")
            for name, blob in (("data", data), ("label", label)):
                shape = (blob.num, blob.channels, blob.height, blob.width)
                file[name] = blob.tensor.cpu().numpy().reshape(shape)

    def backward(self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]) -> None:
        """Do nothing: no bottom gets a gradient."""
