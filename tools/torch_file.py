"""Reads the tensors of a PyTorch file in the old format, without PyTorch.

The format (torch.save before version 1.6) is five pickles in a row, followed
by the storages' raw contents:

    magic number, protocol 1001, system info, the object, the storages' keys,
    then for each key: the number of elements (int64) and the elements

A pickle is a program. Ours runs with the few names that a state dict needs and
refuses every other, so that a file from elsewhere cannot do anything but
describe tensors.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from typing import Any, BinaryIO, NamedTuple

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MAX_ELEMENTS = 1 << 30

# Names stand for themselves: a pickle can neither call nor change a string.
STORAGES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class TorchFileError(ValueError):
    """The file is not what we can read; the text says why."""


class Storage(NamedTuple):
    key: str
    dtype: str
    count: int


class Tensor(NamedTuple):
    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Rebuild:
    """torch._utils._rebuild_tensor_v2; without a dict, so immutable."""

    __slots__ = ()

    def __call__(
        self, storage, offset, shape, strides, requires_grad=False, hooks=None
    ) -> Tensor:
        numbers = (offset, *shape, *strides)
        if not isinstance(storage, Storage) or not all(
            type(n) is int and 0 <= n <= MAX_ELEMENTS for n in numbers
        ):
            raise TorchFileError("a tensor's description makes no sense")
        if len(shape) != len(strides):
            raise TorchFileError("a tensor has more sides than strides")
        return Tensor(storage, offset, tuple(shape), tuple(strides))


GLOBALS = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Rebuild(),
    **{("torch", name): name for name in STORAGES},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return GLOBALS[module, name]
        except KeyError:
            raise TorchFileError(
                f"the file asks for {module}.{name}, which no file of weights needs"
            ) from None

    def persistent_load(self, pid: Any) -> Storage:
        if not (
            isinstance(pid, tuple)
            and len(pid) == 6
            and pid[0] == "storage"
            and pid[1] in STORAGES
            and isinstance(pid[2], str)
            and type(pid[4]) is int
            and pid[5] is None
        ):
            raise TorchFileError("the file refers to data of an unknown kind")
        return Storage(pid[2], STORAGES[pid[1]], pid[4])


def _unpickle(file: BinaryIO, what: str) -> Any:
    try:
        return _Unpickler(file).load()
    except TorchFileError:
        raise
    except Exception as error:  # a broken pickle raises nearly anything
        raise TorchFileError(f"the file's {what} cannot be read: {error}") from error


def _read_storages(
    file: BinaryIO, keys: Any, dtypes: dict[str, Storage]
) -> dict[str, np.ndarray]:
    if not isinstance(keys, list) or len(set(map(str, keys))) != len(keys):
        raise TorchFileError("the list of storages is malformed")
    contents = {}
    for key in keys:
        if key not in dtypes:
            raise TorchFileError("a storage belongs to no tensor")
        storage = dtypes[key]
        count = int.from_bytes(file.read(8), "little", signed=True)
        if count != storage.count:
            raise TorchFileError(
                f"storage {key} has {count} elements instead of {storage.count}"
            )
        size = count * np.dtype(storage.dtype).itemsize
        raw = file.read(size)
        if len(raw) != size:
            raise TorchFileError("the file is cut short")
        contents[key] = np.frombuffer(raw, storage.dtype)
    return contents


def _array(tensor: Tensor, contents: dict[str, np.ndarray]) -> np.ndarray:
    if tensor.storage.key not in contents:
        raise TorchFileError("a tensor's data is missing")
    data = contents[tensor.storage.key]
    if 0 in tensor.shape:
        return np.empty(tensor.shape, data.dtype)
    last = tensor.offset + sum(
        (side - 1) * stride
        for side, stride in zip(tensor.shape, tensor.strides, strict=True)
    )
    if last >= data.size or np.prod(tensor.shape, dtype=float) > data.size:
        raise TorchFileError("a tensor reaches beyond its data")
    view = np.lib.stride_tricks.as_strided(
        data[tensor.offset :],
        tensor.shape,
        [stride * data.itemsize for stride in tensor.strides],
        writeable=False,
    )
    return np.ascontiguousarray(view).reshape(tensor.shape)


def read_state_dict(raw: bytes) -> dict[str, np.ndarray]:
    """The state dict in the bytes of a file: name to array, in file order.

    Raises TorchFileError, whose text is the reason.
    """
    file = io.BytesIO(raw)
    if _unpickle(file, "magic number") != MAGIC:
        raise TorchFileError("the file is not PyTorch's old format")
    if _unpickle(file, "protocol number") != PROTOCOL:
        raise TorchFileError("the file has an unknown protocol number")
    info = _unpickle(file, "system information")
    if not isinstance(info, dict) or info.get("little_endian") is not True:
        raise TorchFileError("the file is not little-endian")

    state = _unpickle(file, "list of tensors")
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor)
        for name, tensor in state.items()
    ):
        raise TorchFileError("the file holds something else than tensors")
    storages: dict[str, Storage] = {}
    for tensor in state.values():
        known = storages.setdefault(tensor.storage.key, tensor.storage)
        if known != tensor.storage:
            raise TorchFileError("two descriptions of a storage differ")

    keys = _unpickle(file, "list of storages")
    contents = _read_storages(file, keys, storages)
    return {name: _array(tensor, contents) for name, tensor in state.items()}
