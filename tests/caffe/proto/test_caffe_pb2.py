import pytest

from fcn_repro.caffe.proto import caffe_pb2


def test_phases_are_module_attributes():
    assert (caffe_pb2.TRAIN, caffe_pb2.TEST) == (0, 1)
    assert caffe_pb2.Phase.Name(1) == "TEST"


def test_nested_enum_values_are_class_attributes():
    assert caffe_pb2.PoolingParameter.AVE == 1
    assert caffe_pb2.LossParameter.BATCH_SIZE == 2
    assert caffe_pb2.V1LayerParameter.LayerType.Name(39) == "DECONVOLUTION"


def test_lists_its_names():
    assert {"NetParameter", "SolverParameter", "Phase", "TRAIN", "TEST"} <= set(dir(caffe_pb2))


def test_refuses_a_name_that_the_schema_lacks():
    with pytest.raises(AttributeError, match="caffe.proto has no message, enum or enum value 'NetParam'"):
        _ = caffe_pb2.NetParam


def test_leaves_the_shared_pool_to_real_pycaffe():
    from google.protobuf import descriptor_pool

    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("caffe.NetParameter")


def test_messages_survive_a_round_trip_in_binary():
    net = caffe_pb2.NetParameter(name="round")
    net.layer.add(name="conv", type="Convolution").convolution_param.kernel_size.extend([3, 5])
    assert caffe_pb2.NetParameter.FromString(net.SerializeToString()) == net
