"""Read PyTorch's state_dicts without torch: a pickle of names, shapes and storages, and the storages' raw numbers.

A pickle is a program, and Python's reader runs it. This module interprets only the instructions that build dicts,
lists, texts, numbers and tensors; every other instruction, and every class but those of tensors, is refused by name.

Zip format      of torch 1.6 and later: PREFIX/data.pkl and PREFIX/data/KEY for each storage
Legacy format   of all earlier ones: four pickles (magic number, version, machine, content), the keys of the storages,
                and for each key its length in 8 bytes and its numbers

Source   torch.serialization; Python's pickletools
"""

from __future__ import annotations

import io
import math
import pickletools
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Callable, Container, Iterator, Mapping, Sequence

import numpy as np

from fcn_repro.model.exchange.weight_files.safetensors_file import widen_bfloat16
from fcn_repro.model.exchange.weight_files.weight_file import UnreadableFile, WeightFile, check_total

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
INSTRUCTIONS = 1_000_000  # of one pickle; the known ones have some thousands
PICKLE_BYTES = 16_000_000  # of names and shapes; the known ones have less than 100 kB
STATE_DICTS = ("state_dict", "model_state_dict", "model")  # keys of checkpoints
PARALLEL = "module."  # what torch.nn.DataParallel puts before names
TYPES = {"Float": "<f4", "Double": "<f8", "Half": "<f2", "BFloat16": "<u2", "Long": "<i8", "Int": "<i4", "Short": "<i2"}
TYPES.update(Char="<i1", Byte="<u1", Bool="<u1")
STORAGE = "Storage"
MARK = object()


@dataclass(frozen=True)
class Name:
    """A class or function that a pickle names."""

    module: str
    name: str


@dataclass(frozen=True)
class Storage:
    """A reference to raw numbers."""

    type: str
    key: str
    count: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides count numbers."""

    storage: Storage
    offset: int
    shape: Sequence[int]
    strides: Sequence[int]


def read_zip(path: Path) -> WeightFile:
    """Read a state_dict, or the one of a checkpoint, in the zip format."""
    with zipfile.ZipFile(str(path)) as archive:
        members = {member.filename: member for member in archive.infolist()}
        check_total(sum(member.file_size for member in members.values()))
        main = next((name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")), None)
        if main is None or members[main].file_size > PICKLE_BYTES:
            raise UnreadableFile("got a zip archive without PREFIX/data.pkl, expected a file of torch.save")
        prefix = main[: -len("data.pkl")]
        if f"{prefix}byteorder" in members and archive.read(f"{prefix}byteorder") != b"little":
            raise UnreadableFile("got big-endian numbers, expected little-endian ones")
        tensors = _find_tensors(_interpret(io.BytesIO(archive.read(main))))

        def read(storage: Storage) -> bytes:
            return archive.read(f"{prefix}data/{storage.key}")

        return WeightFile("PyTorch (zip)", _build(tensors, read))


def read_legacy(path: Path) -> WeightFile:
    """Read a state_dict, or the one of a checkpoint, in the legacy format."""
    with open(str(path), "rb") as file:
        if _interpret(file) != MAGIC:
            raise UnreadableFile("got a pickle of another program, expected a file of torch.save")
        version = _interpret(file)
        if version != VERSION:
            raise UnreadableFile(f"got version {version} of torch's legacy format, expected {VERSION}")
        machine = _interpret(file)  # the writer's
        if not isinstance(machine, dict) or machine.get("little_endian") is not True:
            raise UnreadableFile("got big-endian numbers, expected little-endian ones")
        storages: dict[str, Storage] = {}
        tensors = _find_tensors(_interpret(file, storages))
        needed = {tensor.storage.key for tensor in tensors.values()}
        contents = dict(_read_storages(file, _interpret(file), storages, needed))
        return WeightFile("PyTorch (legacy)", _build(tensors, lambda storage: contents[storage.key]))


def _read_storages(
    file: IO[bytes], keys: Any, storages: Mapping[str, Storage], needed: Container[str]
) -> Iterator[tuple[str, bytes]]:
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in storages for key in keys):
        raise UnreadableFile("got a list of storages that does not fit the arrays")
    total = 0
    for key in keys:
        size = int.from_bytes(file.read(8), "little") * np.dtype(TYPES[storages[key].type]).itemsize
        total += size
        check_total(total)
        content = file.read(size)
        if len(content) != size:
            raise UnreadableFile(f"ends after {len(content)} of {size} bytes of storage {key}")
        if key in needed:
            yield key, content


def _find_tensors(content: Any) -> dict[str, Tensor]:
    """Return the tensors of a state_dict by name."""
    found = next(
        (content[key] for key in STATE_DICTS if isinstance(content, dict) and _is_dict(content.get(key))), content
    )
    if not _is_dict(found) or not all(isinstance(name, str) for name in found):
        raise UnreadableFile(f"got {type(found).__name__}, expected a state_dict, tensors by name")
    others = [name for name, value in found.items() if not isinstance(value, Tensor)]
    if others or not found:
        raise UnreadableFile(
            f"got something else than a tensor as {others[:1]}, expected a state_dict, tensors by name"
        )
    is_parallel = all(name.startswith(PARALLEL) for name in found)
    return {name[len(PARALLEL) if is_parallel else 0 :]: tensor for name, tensor in found.items()}


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _build(tensors: Mapping[str, Tensor], read: Callable[[Storage], bytes]) -> dict[str, np.ndarray]:
    arrays, storages = {}, {}
    check_total(sum(4 * math.prod(tensor.shape) for tensor in tensors.values()))
    for name, tensor in tensors.items():
        storage = tensor.storage
        if storage.key not in storages:
            storages[storage.key] = np.frombuffer(read(storage), TYPES[storage.type])
        numbers = storages[storage.key]
        last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides))
        count = math.prod(tensor.shape)
        if count > len(numbers) or (count and last >= len(numbers)):
            raise UnreadableFile(f"{name}: got {len(numbers)} numbers for the shape {list(tensor.shape)}")
        strides = [stride * numbers.itemsize for stride in tensor.strides]
        array = np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides, writeable=False)
        arrays[name] = widen_bfloat16(array) if storage.type == "BFloat16" else array
    return arrays


# -- the pickle's instructions ------------------------------------------------------------------------------------


class _Machine:
    """A stack machine for the instructions of a pickle that build plain data and tensors."""

    def __init__(self, storages: dict[str, Storage]) -> None:
        self.stack: list[Any] = []
        self.storages = storages
        self.memo: dict[int, Any] = {}

    def run(self, file: IO[bytes]) -> Any:
        """Interpret one pickle and return its value; the file stands behind it."""
        for number, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            name = opcode.name
            if number > INSTRUCTIONS:
                raise UnreadableFile(f"got a pickle of more than {INSTRUCTIONS} instructions")
            if name == "STOP":
                return self.stack.pop()
            if name in VALUES:
                self.stack.append(argument)
            elif name in CONSTANTS:
                self.stack.append(CONSTANTS[name]())
            elif name in TUPLES:
                count = TUPLES[name]
                self.stack[len(self.stack) - count :] = [tuple(self._take(count))]
            elif name in ACTIONS:
                ACTIONS[name](self, argument)
            else:
                raise UnreadableFile(f"got the pickle instruction {name}, which a state_dict does not need")
        raise UnreadableFile("got a pickle without an end")

    def _take(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise UnreadableFile("got a damaged pickle")
        return self.stack[len(self.stack) - count :]

    def pop_to_mark(self) -> list[Any]:
        """Remove and return the values above the last mark, and the mark."""
        position = max(i for i, value in enumerate(self.stack) if value is MARK)
        values = self.stack[position + 1 :]
        del self.stack[position:]
        return values

    def append(self, values: Sequence[Any]) -> None:
        """Append to the list on top."""
        if not isinstance(self.stack[-1], list):
            raise UnreadableFile("got a damaged pickle")
        self.stack[-1].extend(values)

    def update(self, values: Sequence[Any]) -> None:
        """Add keys and values to the dict on top."""
        pairs = dict(zip(values[::2], values[1::2])) if all(_is_key(key) for key in values[::2]) else None
        if pairs is None or not isinstance(self.stack[-1], dict):
            raise UnreadableFile("got a dict with other keys than texts and numbers")
        self.stack[-1].update(pairs)

    def call(self) -> None:
        """Build what the pickle's function on the stack would: a dict or a tensor."""
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Name) or (function.module, function.name) not in BUILDERS:
            raise UnreadableFile(_describe_code(function))
        self.stack.append(BUILDERS[function.module, function.name](*arguments))

    def find(self, module: str, name: str) -> None:
        """Push a name, if tensors need it."""
        is_storage = module in ("torch", "torch.cuda") and name.endswith(STORAGE) and name[: -len(STORAGE)] in TYPES
        if not is_storage and (module, name) not in BUILDERS:
            raise UnreadableFile(_describe_code(Name(module, name)))
        self.stack.append(Name(module, name))

    def refer(self) -> None:
        """Push the storage of a persistent id: ("storage", type, key, location, count, view)."""
        kind, storage_type, key, _, count, *view = self.stack.pop()
        if (
            kind != "storage"
            or not isinstance(storage_type, Name)
            or view not in ([], [None])
            or not isinstance(key, str)
        ):
            raise UnreadableFile(f"got a reference to {kind!r}, expected a separate storage")
        self.storages[key] = Storage(storage_type.name[: -len(STORAGE)], key, count)
        self.stack.append(self.storages[key])

    def set_state(self) -> None:
        """Ignore the attributes of a dict, such as a state_dict's versions of modules."""
        self.stack.pop()
        if not isinstance(self.stack[-1], dict):
            raise UnreadableFile("got an object with attributes, expected a state_dict")


def _interpret(file: IO[bytes], storages: dict[str, Storage] | None = None) -> Any:
    """Return the value of one pickle; `storages` collects what it refers to."""
    try:
        return _Machine({} if storages is None else storages).run(file)
    except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, UnreadableFile):
            raise
        raise UnreadableFile(f"got a damaged pickle ({type(error).__name__}: {error})") from error


def _is_key(key: Any) -> bool:
    return isinstance(key, (str, int, float))


def _describe_code(name: Any) -> str:
    shown = f"{name.module}.{name.name}" if isinstance(name, Name) else type(name).__name__
    return (
        f"got {shown}, which a pickle would run or load as code; expected a state_dict, tensors by name. Fix, in the "
        "program that wrote it: torch.save(model.state_dict(), FILE)"
    )


def _make_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    numbers = [offset, *shape, *strides]
    is_view = isinstance(storage, Storage) and len(shape) == len(strides)
    if not is_view or not all(isinstance(number, int) and number >= 0 for number in numbers):
        raise UnreadableFile("got a tensor with an invalid shape")
    return Tensor(storage, offset, shape, strides)


def _make_dict(*arguments: Any) -> dict[Any, Any]:
    pairs = arguments[0] if arguments else []
    if not all(len(pair) == 2 and _is_key(pair[0]) for pair in pairs):
        raise UnreadableFile("got a dict with other keys than texts and numbers")
    return {key: value for key, value in pairs}


def _make_parameter(tensor: Any, *_: Any) -> Any:
    return tensor


BUILDERS: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): _make_dict,
    ("torch._utils", "_rebuild_tensor"): _make_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _make_tensor,
    ("torch._utils", "_rebuild_parameter"): _make_parameter,
}
VALUES = (
    *("BINUNICODE", "SHORT_BINUNICODE", "UNICODE", "BINSTRING", "SHORT_BINSTRING", "STRING"),
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT"),
)
CONSTANTS: Mapping[str, Callable[[], Any]] = {
    "MARK": lambda: MARK,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
ACTIONS: Mapping[str, Callable[[_Machine, Any], Any]] = {
    "PROTO": lambda machine, version: None,
    "FRAME": lambda machine, size: None,
    "POP": lambda machine, _: machine.stack.pop(),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.pop_to_mark())),
    "LIST": lambda machine, _: machine.stack.append(machine.pop_to_mark()),
    "APPEND": lambda machine, _: machine.append([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.pop_to_mark()),
    "SETITEM": lambda machine, _: machine.update([machine.stack.pop(-2), machine.stack.pop()]),
    "SETITEMS": lambda machine, _: machine.update(machine.pop_to_mark()),
    "GLOBAL": lambda machine, names: machine.find(*names.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.find(machine.stack.pop(-2), machine.stack.pop()),
    "REDUCE": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.set_state(),
    "BINPERSID": lambda machine, _: machine.refer(),
    **dict.fromkeys(
        ("BINPUT", "LONG_BINPUT", "PUT"), lambda machine, key: machine.memo.update({key: machine.stack[-1]})
    ),
    "MEMOIZE": lambda machine, _: machine.memo.update({len(machine.memo): machine.stack[-1]}),
    **dict.fromkeys(("BINGET", "LONG_BINGET", "GET"), lambda machine, key: machine.stack.append(machine.memo[key])),
}
