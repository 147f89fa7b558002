"""Weights of known nets from other programs' files, as caffemodels with Caffe's layer names.

`read` recognises the file's container, the program's convention and the net, and brings every array into Caffe's axes
and channel order. `write` puts them into the net of a prototxt, refuses what is not that net, and notes the origin.
Values change only where the file holds other types than float32, where conv1_1 absorbs another preprocessing, and where
a bias moves to a layer that has one; the result's `differs` lists each.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from fcn_repro.datasets.download.fetch import RemoteFile, read_catalogue
from fcn_repro.datasets.voc import MEAN_BGR
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model.exchange.naming import CONVENTIONS, FIRST_LAYERS, IN_ORDER, Convention
from fcn_repro.model.exchange.preprocessing import Preprocessing, fold_preprocessing
from fcn_repro.model.exchange.weight_files.identify import read_file
from fcn_repro.model.exchange.weight_files.weight_file import WeightFile
from fcn_repro.model.surgery import save
from fcn_repro.model.weights_origin import Origin, write_origin

ALEXNET_OF_TORCHVISION = (64, 3, 11, 11)
ORDERED = ("PyTorch (zip)", "PyTorch (legacy)", "ONNX")  # containers that keep the order of layers
# A layer that only this net has, among those not ruled out by an earlier row.
MARKS = (
    *(("voc-fcn8s", "upscore8"), ("voc-fcn16s", "upscore16"), ("voc-fcn32s", "upscore")),
    *(("googlenet", "inception_5b/1x1"), ("vgg19", "conv5_4"), ("vgg16", "conv5_3")),
)
ALEXNETS = {"LRN": "alexnet", "MaxPool": "caffenet"}  # what follows the first ReLU
AUXILIARY = re.compile("loss[12]/")  # GoogLeNet's auxiliary classifiers, which only training uses
FOLLOWING = {"upscore2": "score_pool4", "upscore_pool4": "score_pool3"}  # an interpolation, and what is added to it
COST = "others measured 59.0 mean IU for FCN-8s at once from torchvision's weights, and 64.7 from Caffe's"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImportedWeights:
    """A net's weights in Caffe's layout, and what was read.

    net       a classifier's or a run's name; empty where the file does not say
    layers    weights and bias by Caffe's layer name, or by position for a file without known names
    """

    path: Path
    net: str
    layers: Mapping[str, Sequence[np.ndarray]]
    convention: Convention
    origin: Origin

    @property
    def has_names(self) -> bool:
        """Whether the file names the layers, so that their order does not matter."""
        return self.convention is not IN_ORDER

    def __str__(self) -> str:
        return f"{self.path}: read {len(self.layers)} layers of {self.net or 'a net'}, {self.origin}"


def read(path: Path, net: str = "", images: Preprocessing | str | None = None) -> ImportedWeights:
    """Read a file of weights.

    Parameters
        net      the net's name, where the file does not say
        images   the preprocessing that the weights expect, or "caffe"; None: the convention's

    Raises   DataError for a file that is damaged or holds another net
    """
    found = read_file(path)
    convention, names = _find_convention(path, found)
    copy = _find_converted(path)
    net = net or (copy.instead_of if copy else "") or _recognise_net(names, found.operators)
    if images is None:
        images = "caffe" if copy else convention.images or "caffe"
    differs = [copy.differs] if copy and copy.differs else []
    types = sorted({str(array.dtype) for array in found.arrays.values()} - {"float32"})
    differs += [f"{', '.join(types)} converted to float32"] * bool(types)
    layers = {
        layer: _to_caffe(layer, [found.arrays[name] for name in pair], convention) for layer, pair in names.items()
    }
    _reorder_flattened(layers, convention)
    if isinstance(images, Preprocessing):
        first = next(layer for layer in layers if layer in FIRST_LAYERS or convention is IN_ORDER)
        weights, *bias = layers[first]
        bias = bias or [np.zeros(len(weights), np.float32)]
        layers[first] = list(fold_preprocessing(weights, bias[0], images, MEAN_BGR))
        differs.append(f"trained on R G B of 0-1, normalised; {first} absorbs this. {COST}")
    source = f"{path.name}, {found.container}, {convention.title}"
    return ImportedWeights(path, net, layers, convention, Origin(source, isinstance(images, Preprocessing), differs))


def write(imported: ImportedWeights, prototxt: Path, out: Path) -> Origin:
    """Write the weights as the caffemodel of a deploy net, with a note of their origin; return the origin.

    Raises   DataError for layers that are missing, unknown or of other shapes, for NaN and infinity, and for a bias
             that the net cannot hold. Nothing is written then
    """
    net = caffe.Net(str(prototxt), caffe.TEST)
    weighted = [name for name in net.params if net.layer_dict[name].type != "Scale"]  # scales are constants of the net
    layers = {name: list(pair) for name, pair in _name_layers(imported, weighted, set(net.params)).items()}
    notes = [_move_bias(name, layers, imported) for name in weighted if len(layers[name]) > len(net.params[name])]
    for name in weighted:
        _set_layer(name, net.params[name], layers[name], imported)
    origin = imported.origin
    origin = Origin(origin.source, origin.trained_elsewhere, [*origin.differs, *filter(None, notes)])
    save(net, out)
    write_origin(out, origin)
    return origin


def _name_layers(
    imported: ImportedWeights, weighted: Sequence[str], known: set[str]
) -> Mapping[str, Sequence[np.ndarray]]:
    """Return the weights by the net's layers; `known` are all that hold something, `weighted` those to fill."""
    expected, layers = f"expected {imported.net or 'a known net'}", imported.layers
    if imported.convention is IN_ORDER:
        if len(layers) != len(weighted):
            shapes = [list(pair[0].shape) for pair in layers.values()]
            raise DataError(
                f"{imported.path}: {len(shapes)} layers with weights, {shapes}; {expected}'s {len(weighted)}"
            )
        return dict(zip(weighted, layers.values()))
    missing = [name for name in weighted if name not in layers]
    unknown = [name for name in layers if name not in known and not AUXILIARY.match(name)]
    if missing or unknown:
        lacks = f"lacks {', '.join(missing[:3])}" if missing else f"has {', '.join(unknown[:3])}"
        raise DataError(
            f"{imported.path}: {lacks} ({len(missing)} missing and {len(unknown)} unknown layers); {expected}"
        )
    return layers


def _find_convention(path: Path, found: WeightFile) -> tuple[Convention, Mapping[str, Sequence[str]]]:
    """Return the file's convention, and the names of weights and bias by Caffe's layers."""
    batch_normalised = [name for name in found.arrays if name.endswith("running_mean")]
    if batch_normalised:
        reason = (
            f"has batch normalisation ({batch_normalised[0]}; vgg16_bn?), which the paper's nets lack. Fix: use vgg16"
        )
        raise DataError(f"{path}: {reason}")
    shapes = [array.shape for array in found.arrays.values()]
    if shapes[:1] == [ALEXNET_OF_TORCHVISION]:
        raise DataError(
            f"{path}: torchvision's AlexNet is another net than Caffe's: 64 filters in its first layer instead of 96, "
            "no groups, no normalisation. Its weights fit no layer of CaffeNet or FCN-AlexNet."
        )
    for convention in CONVENTIONS:
        names = convention.find_layers(list(found.arrays))
        if names:
            return convention, names
    if found.container in ORDERED:
        return IN_ORDER, _number_layers(found.arrays)
    known = ", ".join(convention.title for convention in CONVENTIONS)
    raise DataError(f"{path}: got the arrays {', '.join([*found.arrays][:3])}, ...; expected names as in {known}")


def _number_layers(arrays: Mapping[str, np.ndarray]) -> Mapping[str, Sequence[str]]:
    """Number the layers of a file without known names; an array of one axis is the bias of the one before."""
    layers: dict[str, list[str]] = {}
    for name, array in arrays.items():
        if array.ndim > 1:
            layers[str(len(layers))] = [name]
        elif layers:
            layers[str(len(layers) - 1)].append(name)
    return layers


def _find_converted(path: Path) -> RemoteFile | None:
    """Return the catalogue's row of a known converted copy: by the file's name, or else by its digest."""
    try:
        rows = [file for file in read_catalogue().values() if file.instead_of]
    except DataError:
        return None  # outside of the repository
    named = [file for file in rows if file.file == path.name]
    digests = [digest.partition(":")[2] for file in rows for digest in file.digests]
    found = _compute_md5(path) if digests else ""
    same = [file for file in rows if f"md5:{found}" in file.digests]
    if named and not same and named[0].digest:
        log.warning("%s: got md5 %s, expected %s: not the known file of this name", path, found, named[0].digest)
    return next(iter(same or named), None)


def _compute_md5(path: Path) -> str:
    digest = hashlib.md5()
    with open(str(path), "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _recognise_net(layers: Mapping[str, object], operators: Sequence[str]) -> str:
    for net, layer in MARKS:
        if layer in layers:
            return net
    following = next((operator for operator in operators if operator in ALEXNETS), "")
    return ALEXNETS.get(following, "") if "conv5" in layers else ""


def _to_caffe(layer: str, pair: Sequence[np.ndarray], convention: Convention) -> list[np.ndarray]:
    """Return float32 weights (O, I, kH, kW) or (O, I), and the bias (O), if the layer has one."""
    weights, biases = pair[0], pair[1:]
    if convention.axes == "HWIO":
        weights = weights.transpose(3, 2, 0, 1) if weights.ndim == 4 else weights.T
    if convention.is_rgb and not convention.images and layer in FIRST_LAYERS:
        weights = weights[:, ::-1]
    return [np.ascontiguousarray(array, np.float32) for array in (weights, *(bias.reshape(-1) for bias in biases))]


def _reorder_flattened(layers: dict[str, list[np.ndarray]], convention: Convention) -> None:
    """Reorder the inputs of the first fully connected layer, the last feature map, from H W C to C H W."""
    weights = layers.get("fc6", [np.zeros(0)])[0]
    if convention.axes != "HWIO" or weights.ndim != 2:
        return
    channels = len(layers[max(layer for layer, pair in layers.items() if pair[0].ndim == 4)][0])
    side = int(round((weights.shape[1] / channels) ** 0.5))
    if side * side * channels == weights.shape[1]:  # else `write` refuses the shape
        spatial = weights.reshape(-1, side, side, channels).transpose(0, 3, 1, 2)
        layers["fc6"][0] = np.ascontiguousarray(spatial).reshape(weights.shape)


def _set_layer(name: str, blobs: Sequence[caffe.Blob], pair: Sequence[np.ndarray], imported: ImportedWeights) -> None:
    """Copy a layer's arrays in memory order; a missing bias is zero."""
    arrays = [*pair, *[np.zeros(len(pair[0]), np.float32)] * (len(blobs) - len(pair))]
    for blob, array in zip(blobs, arrays):
        if blob.shape[0] != array.shape[0] or blob.count != array.size:
            found, expected = list(array.shape), list(blob.shape)
            raise DataError(
                f"{imported.path}: {found} where {name} has {expected}; expected {imported.net or 'that net'}"
            )
        if not np.isfinite(array).all():
            hint = "torchvision's IMAGENET1K_FEATURES hold only convolutions. Fix: use IMAGENET1K_V1"
            raise DataError(f"{imported.path}: the weights of {name} hold NaN or infinity; {hint}")
        blob.data[...] = array.reshape(blob.data.shape)


def _move_bias(name: str, layers: Mapping[str, list[np.ndarray]], imported: ImportedWeights) -> str:
    """Add the bias of an interpolation, which the reference's nets lack, to the score that is added to it.

    Returns a note; an empty one for a bias of zeros
    """
    bias, target = layers[name].pop(), FOLLOWING.get(name, "")
    if not bias.any():
        return ""
    if len(layers.get(target, ())) < 2 or layers[target][1].shape != bias.shape:
        raise DataError(f"{imported.path}: {name} has a bias, for which {imported.net} has no place; expected zeros")
    layers[target][1] = layers[target][1] + bias
    return f"the bias of {name} is added to that of {target}"
