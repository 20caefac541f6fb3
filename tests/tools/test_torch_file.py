"""tools/torch_file.py against files written here, byte by byte."""

import io
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch_file
from torch_file import TorchFileError, read_state_dict


class _Global:
    """Pickles as the name of something that need not exist here."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class _Reduced:
    """Pickles as a call of a global."""

    def __init__(self, function: _Global, *arguments) -> None:
        self.function, self.arguments = function, arguments


class _Storage:
    def __init__(self, kind: str, key: str, count: int) -> None:
        self.pid = ("storage", _Global("torch", kind), key, "cpu", count, None)


class _Pickler(pickle._Pickler):
    def persistent_id(self, obj):
        return obj.pid if isinstance(obj, _Storage) else None

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, _Global):
            self.write(b"c%b\n%b\n" % (obj.module.encode(), obj.name.encode()))
        elif isinstance(obj, _Reduced):
            self.save(obj.function)
            self.save(obj.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(obj, save_persistent_id)


def dumps(*objects) -> bytes:
    file = io.BytesIO()
    for obj in objects:
        _Pickler(file, protocol=2).dump(obj)
    return file.getvalue()


def tensor(storage, shape, strides, offset=0):
    rebuild = _Global("torch._utils", "_rebuild_tensor_v2")
    arguments = (storage, offset, shape, strides, False, OrderedDict())
    return _Reduced(rebuild, *arguments)


HEADER = (torch_file.MAGIC, torch_file.PROTOCOL, {"little_endian": True})


def file_of(state, contents: dict[str, np.ndarray]) -> bytes:
    raw = dumps(*HEADER, state, list(contents))
    for array in contents.values():
        raw += array.size.to_bytes(8, "little") + array.tobytes()
    return raw


SIX = np.arange(6, dtype="<f4")


def six(shape=(2, 3), strides=(3, 1), offset=0, count=6):
    storage = _Storage("FloatStorage", "a", count)
    return {"w": tensor(storage, shape, strides, offset)}


def test_tensors_come_back_with_shape_and_values():
    steps = np.array([7], dtype="<i8")
    state = six() | {"n": tensor(_Storage("LongStorage", "b", 1), (), ())}

    read = read_state_dict(file_of(state, {"a": SIX, "b": steps}))

    assert list(read) == ["w", "n"]
    np.testing.assert_array_equal(read["w"], SIX.reshape(2, 3))
    assert read["w"].dtype == np.float32
    assert read["n"].shape == () and read["n"] == 7


def test_strides_and_offsets_are_followed():
    read = read_state_dict(file_of(six((2, 2), (1, 2), 1), {"a": SIX}))

    np.testing.assert_array_equal(read["w"], [[1, 3], [2, 4]])
    assert read["w"].flags.c_contiguous


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("torch", "load"),
        ("torch._utils", "_rebuild_parameter"),
        ("collections", "namedtuple"),
        ("torch_file", "os.system"),
    ],
)
def test_a_name_that_no_weights_need_is_refused_by_name(module, name):
    raw = file_of({"w": _Global(module, name)}, {})

    with pytest.raises(TorchFileError, match=f"{module}.{name}"):
        read_state_dict(raw)


@pytest.mark.parametrize("part", range(5))
def test_a_hostile_call_never_runs_wherever_it_stands(tmp_path, part):
    victim = tmp_path / "touched"
    call = _Reduced(_Global(os.mkdir.__module__, "mkdir"), str(victim))
    parts = [*HEADER, six(), ["a"]]
    parts[part] = call

    with pytest.raises(TorchFileError, match="asks for"):
        read_state_dict(dumps(*parts))

    assert not victim.exists()


@pytest.mark.parametrize(("module", "name"), torch_file.GLOBALS)
@pytest.mark.parametrize("state", [{"x": 1}, (None, {"x": 1})])
def test_a_pickle_cannot_change_what_it_is_given(module, name, state):
    given = dumps(_Global(module, name))[:-1]  # without the final STOP
    build = given + dumps(state)[2:-1] + pickle.BUILD + pickle.STOP

    with pytest.raises(TorchFileError, match="cannot be read"):
        read_state_dict(dumps(*HEADER) + build)

    assert not hasattr(torch_file.GLOBALS[module, name], "x")


def test_every_truncation_is_refused():
    raw = file_of(six(), {"a": SIX})
    read_state_dict(raw)

    for length in range(len(raw)):
        with pytest.raises(TorchFileError):
            read_state_dict(raw[:length])


@pytest.mark.parametrize(
    "state",
    [
        six(offset=1),
        six((2, 3), (4, 1)),
        six((1 << 20, 1 << 20), (0, 0)),
        six((2, 3), (1,)),
        six((2, 3), (-3, 1)),
        six((2, 3), (3, 1), -1),
        six((2.0, 3), (3, 1)),
        six((7,), (1,), count=7),
        six((6,), (1,), count=-6),
        {"w": "not a tensor"},
        {1: six()["w"]},
        ["w"],
    ],
)
def test_a_tensor_that_does_not_fit_its_data_is_refused(state):
    with pytest.raises(TorchFileError):
        read_state_dict(file_of(state, {"a": SIX}))


def test_missing_data_is_refused():
    with pytest.raises(TorchFileError, match="missing"):
        read_state_dict(file_of(six(), {}))


def test_data_of_no_tensor_is_refused():
    with pytest.raises(TorchFileError, match="belongs to no tensor"):
        read_state_dict(file_of(six(), {"a": SIX, "b": SIX}))


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04 a new file", b"\x80\x02."])
def test_something_else_than_a_pytorch_file_is_refused(raw):
    with pytest.raises(TorchFileError):
        read_state_dict(raw)
