"""The nets, message by message, against digests of what the reference's own net.py (1305c73) makes on real Caffe.

The data layer's module and param_str are left out: they are the data set's, and its paths are ours.
"""

import hashlib

import pytest
from window_arithmetic import DATA

from nets import build

DIGESTS = {
    "vgg16-32s": "1cce1375115666bc15b9b8843e94bde837001a639e39d4e79bcb6c3e2e24bef8",
    "vgg16-16s": "cd7913b3ac8a72735378b92ad3313d5b8a69ea89dcc1d630509ff13d420a796c",
    "vgg16-8s": "baef6034b3565018766a5979a645e971a191998ded3efb9d2ab743c1146d1655",
    "vgg16-8s-atonce": "beda517f67f28f2746a6006c0387ca2c23d96c138c3159cd4ee9d0f453709b5d",
    "alexnet-32s": "4b91657a391684dd27905eb82e33b15a3f29fdb66b03cfe62824ce45efae1400",
}


@pytest.mark.parametrize("net", DIGESTS)
@pytest.mark.parametrize("phase", ["train", "val"])
def test_is_the_references_net_to_the_last_field(net: str, phase: str):
    message = build(net, phase, DATA, normalize=net == "alexnet-32s")
    message.layer[0].ClearField("python_param")
    assert hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest() == DIGESTS[net]
