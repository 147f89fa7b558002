import gc

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.blob import Blob
from tests.fixtures.small_net import DEPLOY, TRAINABLE, small_net


@pytest.fixture
def net(tmp_path):
    return small_net(tmp_path, DEPLOY, caffe.TEST)


def test_shape_is_a_list_of_integers(net):
    shape = net.blobs["data"].shape
    assert list(shape) == [4, 3, 2, 2]
    assert not isinstance(shape, tuple)
    assert net.blobs["data"].data.shape == (4, 3, 2, 2)


def test_legacy_axes_that_do_not_exist_are_one(net):
    bias = net.params["score"][1]
    assert (bias.num, bias.channels, bias.height, bias.width, bias.count) == (5, 1, 1, 1, 5)


def test_a_blob_without_axes_holds_one_number():
    blob = Blob((2, 3))
    blob.reshape()
    assert blob.count == 1
    assert blob.data.shape == ()
    assert float(blob.data) == blob.data.flat[0] == 0


def test_legacy_axes_are_refused_beyond_four():
    with pytest.raises(caffe.CaffeError, match="5 axes"):
        _ = Blob((1, 1, 1, 1, 1)).num


@pytest.mark.parametrize("dim", [2.0, "2", (2, 3)])
def test_refuses_a_dim_that_is_no_integer(net, dim):
    with pytest.raises(TypeError):
        net.blobs["data"].reshape(dim)


def test_refuses_dims_by_name(net):
    with pytest.raises(RuntimeError, match="Blob.reshape takes no kwargs"):
        net.blobs["data"].reshape(num=1)
    with pytest.raises(RuntimeError, match="BlobVec.add_blob takes no kwargs"):
        net.params["score"].add_blob(num=1)


@pytest.mark.parametrize("name", ["data", "diff", "shape", "num", "count"])
def test_what_a_blob_holds_is_not_assigned_to(net, name):
    with pytest.raises(AttributeError):
        setattr(net.blobs["data"], name, 1)


def test_writing_a_view_feeds_the_net(net):
    net.params["score"][0].data[...] = 0
    net.params["score"][0].data[2] = 1
    net.params["score"][1].data.flat = range(5)
    net.blobs["data"].data[1, :, 0, 1] = [1, 2, 3]
    assert net.forward()["score"][1].tolist() == [0, 1, 2 + 6, 3, 4]


def test_a_held_view_shows_every_later_result(net):
    net.forward()
    first, second = net.blobs["score"].data, net.blobs["score"].data
    row, flat = second[3], net.blobs["score"].data.flat
    del second
    gc.collect()
    net.blobs["data"].data[...] = 7
    score = net.forward()["score"]
    np.testing.assert_array_equal(first, score)
    np.testing.assert_array_equal(row, score[3])
    np.testing.assert_array_equal(list(flat), score.ravel())


def test_a_held_view_keeps_looking_at_the_old_buffer_when_the_blob_grows():
    blob = Blob((2,))
    blob.data[...] = 1
    old = blob.data
    blob.reshape(3)
    blob.data[...] = 2
    assert old.tolist() == [1, 1]


def test_a_blob_keeps_its_content_when_it_shrinks():
    blob = Blob((2, 3))
    blob.data.flat = range(6)
    blob.reshape(4)
    assert blob.data.tolist() == [0, 1, 2, 3]
    blob.reshape(6)
    assert blob.data.tolist() == [0, 1, 2, 3, 4, 5]


def test_arrays_outlive_the_net(tmp_path):
    net = small_net(tmp_path)
    net.forward()
    net.backward()
    expected = [blob.data.sum() + blob.diff.sum() for blobs in net.params.values() for blob in blobs]
    params = [blob for blobs in net.params.values() for blob in blobs]
    arrays = [(blob.data, blob.diff) for blob in params]
    activations = list(net.blobs.values())
    del net, params
    gc.collect()
    assert [data.sum() + diff.sum() for data, diff in arrays] == expected
    assert all(np.isfinite(blob.data.sum()) for blob in activations)


def test_split_tops_are_the_same_memory_as_the_blob_they_split(tmp_path):
    text = DEPLOY + 'layer { name: "s" type: "Silence" bottom: "data" }'
    net = small_net(tmp_path, text, caffe.TEST)
    net.forward()
    net.blobs["data"].data[...] = 5
    assert (net.blobs["data_data_0_split_1"].data == 5).all()


def test_params_are_lists_of_blobs(tmp_path):
    blobs = small_net(tmp_path, TRAINABLE).params["conv"]
    assert len(blobs) == 2
    assert [list(blob.shape) for blob in blobs] == [[11, 2, 2, 2], [11]]
    assert blobs[-1] is blobs[1]
    with pytest.raises(IndexError):
        _ = blobs[2]
