"""The nets, message by message, against digests of what the reference's own net.py (1305c73) makes on real Caffe.

The data layer's module and param_str are left out: they are the data set's, and its paths are ours.
"""

import hashlib

import pytest

from nets import build
from tests.fixtures.window_arithmetic import data

DIGESTS = {
    "voc-fcn32s": "1cce1375115666bc15b9b8843e94bde837001a639e39d4e79bcb6c3e2e24bef8",
    "voc-fcn16s": "cd7913b3ac8a72735378b92ad3313d5b8a69ea89dcc1d630509ff13d420a796c",
    "voc-fcn8s": "baef6034b3565018766a5979a645e971a191998ded3efb9d2ab743c1146d1655",
    "voc-fcn8s-atonce": "beda517f67f28f2746a6006c0387ca2c23d96c138c3159cd4ee9d0f453709b5d",
    "voc-fcn-alexnet": "4b91657a391684dd27905eb82e33b15a3f29fdb66b03cfe62824ce45efae1400",
    "nyud-fcn32s-color": "4d8dcac6696b2f8873d20f55dbcbd6099ac0784c602fc548d52f7e4e7287b3a2",
    "nyud-fcn32s-color-d": "3cb85071476315e07576c314b639bfc241583e1d6552799b653bf2b1076d5604",
    "nyud-fcn32s-color-hha": "c7ae6e47baa2cf35b7deaa09044ccedc7a9cbd897a70680e0908935d08b69556",
    "siftflow-fcn32s": "0dfa05e98e22a06a5067e9a818ea26c517df43df220985a2bcc567f2203c0fe1",
    "siftflow-fcn16s": "9b1dc92f627472f4e0abe7ad736023dffb418e63764c6cb36df0885807f35c9f",
    "siftflow-fcn8s": "f16d1a77269439ceb7b0095f89b984b6d7e81161fdeeaf05ccc5228bf29a08bf",
    "pascalcontext-fcn32s": "b3a8dc2003dc1e2e45c2482b81388966b0c5396fea08fef0f96a36693339b164",
    "pascalcontext-fcn16s": "5e5c0e25458eb2b575e52e0aadb3e3f934722127c000e20961625b9729347986",
    "pascalcontext-fcn8s": "66691760f986e92d6547af9fea63f761a311823fff7cfd985af5696ece5c32b0",
}
NETS = {"voc-fcn-alexnet": "alexnet-32s", "nyud-fcn32s-color": "vgg16-32s"} | {
    "nyud-fcn32s-color-d": "vgg16-32s-early",
    "nyud-fcn32s-color-hha": "vgg16-32s-late",
}
DATA = {
    "voc": data(),
    "nyud": data(label=40),
    "siftflow": data(sem=33, geo=3),
    "pascalcontext": data(label=60),
    "nyud-fcn32s-color-d": data("color", "depth", label=40),
    "nyud-fcn32s-color-hha": data("color", "hha", label=40),
}


@pytest.mark.parametrize("run", DIGESTS)
@pytest.mark.parametrize("phase", ["train", "val"])
def test_is_the_references_net_to_the_last_field(run: str, phase: str):
    family, _, stage = run.partition("-fcn")
    message = build(
        NETS.get(run, f"vgg16-{stage}"), phase, DATA.get(run, DATA[family]), normalize=run == "voc-fcn-alexnet"
    )
    message.layer[0].ClearField("python_param")
    assert hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest() == DIGESTS[run]
