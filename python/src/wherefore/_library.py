"""libwherefore by ctypes: its structs and functions, as wherefore.h declares them.

ctypes releases the GIL while a function runs.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int64,
    c_size_t,
    c_uint,
    c_uint32,
    c_void_p,
)
from functools import cache
from pathlib import Path
from typing import Any

from ._errors import Error, error_of

PACKAGE = Path(__file__).resolve().parent
ABI_VERSION = 1


class CError(Structure):
    _fields_ = [("kind", c_int), ("text", c_char * 500)]


class COption(Structure):
    _fields_ = [("name", c_char_p), ("value", c_char_p)]


class CBox(Structure):
    _fields_ = [
        ("x", c_uint32),
        ("y", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("threshold", c_float),
        ("share", c_float),
    ]


class CMap(Structure):
    _fields_ = [
        ("width", c_size_t),
        ("height", c_size_t),
        ("values", c_void_p),
        ("min", c_float),
        ("max", c_float),
        ("region_x", c_double),
        ("region_y", c_double),
        ("region_width", c_double),
        ("region_height", c_double),
        ("peak", c_size_t),
        ("peak_x", c_float),
        ("peak_y", c_float),
        ("is_refined", c_bool),
    ]


class CClass(Structure):
    _fields_ = [
        ("index", c_size_t),
        ("id", c_char_p),
        ("label", c_char_p),
        ("logit", c_float),
        ("score", c_float),
        ("is_asked", c_bool),
        ("map", POINTER(CMap)),
        ("box", POINTER(CBox)),
        ("num_boxes", c_size_t),
    ]


class CSummary(Structure):
    _fields_ = [
        ("image_width", c_uint32),
        ("image_height", c_uint32),
        ("image_format", c_char_p),
        ("method", c_char_p),
        ("layer", c_char_p),
        ("refusal", c_char_p),
        ("passes", c_size_t),
        ("num_classes", c_size_t),
        ("first", c_size_t),
    ]


class ArrowSchema(Structure):
    _fields_ = [
        ("format", c_char_p),
        ("name", c_char_p),
        ("metadata", c_void_p),
        ("flags", c_int64),
        ("n_children", c_int64),
        ("children", c_void_p),
        ("dictionary", c_void_p),
        ("release", c_void_p),
        ("private_data", c_void_p),
    ]


class ArrowArray(Structure):
    _fields_ = [
        ("length", c_int64),
        ("null_count", c_int64),
        ("offset", c_int64),
        ("n_buffers", c_int64),
        ("n_children", c_int64),
        ("buffers", c_void_p),
        ("children", c_void_p),
        ("dictionary", c_void_p),
        ("release", c_void_p),
        ("private_data", c_void_p),
    ]


# Told of what is done; returns whether to go on.
PROGRESS = CFUNCTYPE(c_bool, c_void_p, c_size_t, c_size_t)

_ERROR = POINTER(CError)
_OPTIONS = (POINTER(COption), c_size_t)
_TEXT = c_void_p  # a char * that is freed with wherefore_free

# name: (what it returns, what it takes)
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "kind_name": (c_char_p, (c_int,)),
    "version": (c_char_p, ()),
    "free": (None, (_TEXT,)),
    "model_open": (c_void_p, (c_char_p, *_OPTIONS, _ERROR)),
    "model_free": (None, (c_void_p,)),
    "model_json": (_TEXT, (c_void_p, _ERROR)),
    "model_methods_json": (_TEXT, (c_void_p, _ERROR)),
    "model_name": (c_char_p, (c_void_p,)),
    "model_input_width": (c_size_t, (c_void_p,)),
    "model_input_height": (c_size_t, (c_void_p,)),
    "model_map_width": (c_size_t, (c_void_p,)),
    "model_map_height": (c_size_t, (c_void_p,)),
    "model_num_classes": (c_size_t, (c_void_p,)),
    "model_class_id": (c_char_p, (c_void_p, c_size_t)),
    "model_class_label": (c_char_p, (c_void_p, c_size_t)),
    "model_find_class": (c_bool, (c_void_p, c_char_p, POINTER(c_size_t))),
    "session_new": (c_void_p, (c_void_p, c_uint, _ERROR)),
    "session_free": (None, (c_void_p,)),
    "session_set_progress": (None, (c_void_p, PROGRESS, c_void_p)),
    "explain": (c_void_p, (c_void_p, c_void_p, c_size_t, *_OPTIONS, _ERROR)),
    "explain_pixels": (
        c_void_p,
        (
            *(c_void_p, c_void_p, c_uint32, c_uint32, c_uint, c_size_t),
            *(*_OPTIONS, _ERROR),
        ),
    ),
    "explain_again": (c_void_p, (c_void_p, *_OPTIONS, _ERROR)),
    "explanation_summary": (POINTER(CSummary), (c_void_p,)),
    "explanation_class": (POINTER(CClass), (c_void_p, c_size_t)),
    "explanation_box": (POINTER(CBox), (c_void_p, c_size_t, c_size_t)),
    "explanation_heatmap": (
        c_bool,
        (c_void_p, POINTER(c_void_p), POINTER(c_size_t)),
    ),
    "explanation_json": (_TEXT, (c_void_p, _ERROR)),
    "explain_arrow": (
        c_bool,
        (
            *(c_void_p, c_uint, c_void_p, c_void_p),
            *(*_OPTIONS, PROGRESS, c_void_p),
            *(c_void_p, c_void_p, _ERROR),
        ),
    ),
}


class Library:
    """The functions without their prefix: `library.explain` is wherefore_explain."""

    def __init__(self, path: Path) -> None:
        try:
            shared = ctypes.CDLL(str(path))
        except OSError as error:
            raise ImportError(
                f"wherefore's library cannot be loaded: {error}"
            ) from None
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(shared, f"wherefore_{name}")
            function.restype = result
            function.argtypes = arguments
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:  # for type checkers
        raise AttributeError(name)

    def error(self, err: CError) -> Error:
        """What a function that has failed says."""
        kind: bytes = self.kind_name(err.kind)
        return error_of(kind.decode(), err.text.decode("utf-8", "replace"))

    def text(self, pointer: int | None, err: CError) -> str:
        """The text that a function has returned, which is freed."""
        if not pointer:
            raise self.error(err)
        try:
            return ctypes.string_at(pointer).decode()
        finally:
            self.free(pointer)


@cache
def library() -> Library:
    """The library in the package, loaded when first asked for."""
    return Library(PACKAGE / f"libwherefore.so.{ABI_VERSION}")


def _value(value: object) -> bytes:
    """A value as a request to POST /cam has it."""
    if isinstance(value, bool):
        return b"1" if value else b"0"
    if isinstance(value, bytes):
        return value
    return str(value).encode()


def options_of(
    options: Mapping[str, object], classes: Sequence[object] = ()
) -> tuple[ctypes.Array[COption], int]:
    """Options for a call. One that is None is left to its default."""
    rows = [
        COption(name.encode(), _value(value))
        for name, value in options.items()
        if value is not None
    ]
    rows += [COption(b"class", _value(item)) for item in classes]
    return (COption * len(rows))(*rows), len(rows)
