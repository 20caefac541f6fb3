"""A column of images in, a column of explanations out, by Arrow's C data interface."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, Union

import pyarrow as pa

from ._library import PROGRESS, ArrowArray, ArrowSchema, CError, options_of

if TYPE_CHECKING:
    from ._model import Model, Progress


class HasArray(Protocol):
    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]: ...


class HasStream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object = None) -> Any: ...


ColumnLike: TypeAlias = Union[HasArray, HasStream, "Sequence[bytes | None]"]


def chunks_of(images: ColumnLike) -> list[Any]:
    """The column as arrays: what has `__arrow_c_array__` or `_export_to_c`."""
    if isinstance(images, pa.ChunkedArray):
        return list(images.chunks)
    if any(hasattr(images, name) for name in ("__arrow_c_array__", "_export_to_c")):
        return [images]
    if hasattr(images, "__arrow_c_stream__"):
        return list(pa.chunked_array(images).chunks)
    if isinstance(images, (bytes, str)) or not isinstance(images, Sequence):
        raise TypeError(
            "images are a column of Arrow or a list of bytes, not "
            f"{type(images).__name__}"
        )
    for image in images:
        if image is not None and not isinstance(image, bytes):
            raise TypeError(
                f"a list of images has bytes or None, not {type(image).__name__}"
            )
    return [pa.array(images, pa.large_binary())]


class Exported:
    """An array of somebody's as the two structs of the interface, as long as this
    object lives."""

    def __init__(self, array: Any) -> None:
        if hasattr(array, "__arrow_c_array__"):
            self._capsules = array.__arrow_c_array__()  # which release the structs
            self.schema = _pointer(self._capsules[0], b"arrow_schema")
            self.array = _pointer(self._capsules[1], b"arrow_array")
            return
        self._schema, self._array = ArrowSchema(), ArrowArray()
        self.schema = ctypes.addressof(self._schema)
        self.array = ctypes.addressof(self._array)
        array._export_to_c(self.array, self.schema)

    @property
    def length(self) -> int:
        """The number of its rows."""
        return int(ArrowArray.from_address(self.array).length)

    def __del__(self) -> None:
        for struct in (getattr(self, "_schema", None), getattr(self, "_array", None)):
            if struct is not None and struct.release:
                release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(struct.release)
                release(ctypes.addressof(struct))


def _pointer(capsule: object, name: bytes) -> int:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype = ctypes.c_void_p
    get.argtypes = [ctypes.py_object, ctypes.c_char_p]
    address: int = get(capsule, name)
    return address


def explain(
    model: Model,
    images: ColumnLike,
    options: Mapping[str, object],
    classes: tuple[object, ...],
    threads: int,
    progress: Progress | None,
) -> pa.StructArray:
    """See Model.explain_batch."""
    chunks = chunks_of(images) or [pa.array([], pa.large_binary())]
    batch = Batch(model, options, classes, threads, progress)
    exported = [Exported(chunk) for chunk in chunks]
    batch.total = sum(chunk.length for chunk in exported)
    parts = []
    for chunk in exported:
        parts.append(batch.explain(chunk))
        batch.done += chunk.length
    return parts[0] if len(parts) == 1 else pa.concat_arrays(parts)


class Batch:
    """One call of explain_batch."""

    def __init__(
        self,
        model: Model,
        options: Mapping[str, object],
        classes: tuple[object, ...],
        threads: int,
        progress: Progress | None,
    ) -> None:
        from ._model import Watch

        self.model = model
        self.options = options_of(options, classes)
        self.threads = threads
        self.progress = progress
        self.watch = Watch()
        self.watch.progress = self._told
        self.done = 0  # rows of chunks that are done
        self.total = 0

    def _told(self, done: int, _total: int) -> object:
        if self.progress is None:
            return None
        return self.progress(self.done + done, self.total)

    def explain(self, exported: Exported) -> pa.StructArray:
        """The rows of one array."""
        schema, array, err = ArrowSchema(), ArrowArray(), CError()
        if not self._call(exported, schema, array, err):
            self.watch.raise_failure(self.model._handle.library.error(err))
        return pa.Array._import_from_c(
            ctypes.addressof(array), ctypes.addressof(schema)
        )

    def _call(
        self, images: Exported, schema: ArrowSchema, array: ArrowArray, err: CError
    ) -> bool:
        handle = self.model._handle
        is_main = threading.current_thread() is threading.main_thread()
        watched = self.progress is not None or is_main
        callback = PROGRESS(self.watch.told) if watched else PROGRESS()
        answer: list[bool] = []

        def call() -> None:
            self.model._inside.add(id(err))
            try:
                answer.append(
                    handle.library.explain_arrow(
                        *(handle.pointer, self.threads, images.schema, images.array),
                        *(*self.options, callback, None),
                        *(ctypes.addressof(schema), ctypes.addressof(array), err),
                    )
                )
            finally:
                self.model._inside.discard(id(err))

        if is_main:
            self._call_beside(call)
        else:
            call()
        return answer[0]

    def _call_beside(self, call: Callable[[], None]) -> None:
        """Calls in another thread, so that Ctrl-C reaches this one: it ends the
        work at the next row.

        An event tells that the call is over: Thread.join(), once interrupted, takes
        a thread that runs for one that has ended (CPython 3.11)."""
        beside = Beside(call)
        try:
            threading.Thread(target=beside.run, name="wherefore-batch").start()
            beside.over.wait()
        except BaseException as failure:
            self.watch.failure = failure
            beside.end()
            raise


class Beside:
    """A call in another thread. What interrupts who waits for it may come at any
    moment, also before that thread has run at all."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.may_begin = True
        self.has_begun = False

    def run(self) -> None:
        with self.lock:
            self.has_begun = self.may_begin
        try:
            if self.has_begun:
                self.call()
        finally:
            self.over.set()

    def end(self) -> None:
        """Returns when the call is over, or will never begin. Another interruption
        changes nothing."""
        while True:
            try:
                with self.lock:
                    self.may_begin = False
                if self.has_begun:
                    self.over.wait()
                return
            except KeyboardInterrupt:
                continue
