"""A model, and its sessions: one for each thread."""

from __future__ import annotations

import ctypes
import json
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _images
from ._errors import BusyError, InputError
from ._explanation import Explanation, Size
from ._library import PROGRESS, CError, Library, library, options_of
from ._places import default_model

if TYPE_CHECKING:
    import pyarrow

    from ._arrow import ColumnLike

MAX_BYTES = 16 * 1024 * 1024  # of a file, as the command has it

# Is told how many passes or rows of how many are done; False cancels.
Progress = Callable[[int, int], object]


class Watch:
    """Tells `progress` of what is done, and keeps what it raises."""

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.failure: BaseException | None = None
        self.is_cancelled = False

    def told(self, _user: object, done: int, total: int) -> bool:
        try:
            if self.progress is not None and self.progress(done, total) is False:
                self.is_cancelled = True
        except BaseException as failure:
            self.failure = failure
        return self.failure is None and not self.is_cancelled

    def raise_failure(self, error: Exception) -> None:
        """Raises what has ended the work: what the progress raised, Ctrl-C, or
        the library's error."""
        if self.failure is not None:
            raise self.failure
        if isinstance(error, BusyError) and not self.is_cancelled:
            raise KeyboardInterrupt  # which came as told() was called
        raise error


class Handle:
    """An open model of the library's. It is freed when it and its sessions are gone,
    in whatever order the garbage collector finds them, by the process that opened
    it."""

    def __init__(self, folder: Path, options: Mapping[str, object]) -> None:
        err = CError()
        self.library: Library = library()
        self.pid = os.getpid()
        self.pointer: int = self.library.model_open(
            os.fsencode(folder), *options_of(options), err
        )
        if not self.pointer:
            raise self.library.error(err)
        self.users = {id(self)}  # and its sessions; a set, which threads may share

    def leave(self, user: int) -> None:
        """Frees the model if nobody else uses it."""
        self.users.discard(user)
        if not self.users and (pointer := self.__dict__.pop("pointer", None)):
            self.library.model_free(pointer)

    def __del__(self, getpid: Callable[[], int] = os.getpid) -> None:
        if hasattr(self, "users") and self.pid == getpid():
            self.leave(id(self))


class Session:
    """The memory to explain one image at a time with."""

    def __init__(self, handle: Handle, threads: int) -> None:
        err = CError()
        self.library = handle.library
        self.handle = handle
        self.pid = os.getpid()
        self.is_busy = False
        self.shown: weakref.ref[Explanation] | None = None
        self.watch = Watch()
        self._callback = PROGRESS(self.watch.told)
        self.pointer: int | None = self.library.session_new(
            handle.pointer, threads, err
        )
        if not self.pointer:
            raise self.library.error(err)
        handle.users.add(id(self))
        self.library.session_set_progress(self.pointer, self._callback, None)

    def __del__(self, getpid: Callable[[], int] = os.getpid) -> None:
        # The threads of a parent's session are not in this process.
        if getattr(self, "pointer", None) and self.pid == getpid():
            self.library.session_free(self.pointer)
            self.pointer = None
            self.handle.leave(id(self))

    def explain(
        self,
        image: bytes | _images.Pixels | None,
        options: Mapping[str, object],
        classes: Sequence[object],
        progress: Progress | None,
    ) -> int:
        """The library's explanation of an image, or, if that is None, of the last
        one once more; valid until the next call."""
        err = CError()
        asked = options_of(options, classes)
        self.watch.progress = progress
        self.watch.failure = None
        self.watch.is_cancelled = False
        self.shown = None
        found: int | None
        if image is None:
            found = self.library.explain_again(self.pointer, *asked, err)
        elif isinstance(image, bytes):
            found = self.library.explain(self.pointer, image, len(image), *asked, err)
        else:
            found = self.library.explain_pixels(
                self.pointer, *image.arguments(), *asked, err
            )
        self.watch.progress = None
        if not found:
            self.watch.raise_failure(self.library.error(err))
        assert found
        return found

    def heatmap(self, pointer: int) -> bytes:
        """The picture that is in an explanation."""
        png, length = ctypes.c_void_p(), ctypes.c_size_t()
        if not self.library.explanation_heatmap(pointer, png, length) or not png.value:
            raise InputError("there is no picture of this kind")
        return ctypes.string_at(png.value, length.value)


_models: weakref.WeakSet[Model] = weakref.WeakSet()


class Model:
    """A model that is open: `wherefore.open` makes it.

    It may be used by any number of threads at the same time, each of which gets a
    session of its own, and in processes that are forked: see `explain`.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None,
        options: Mapping[str, object],
        threads: int,
    ) -> None:
        self.folder = Path(folder) if folder is not None else default_model()
        self._options = dict(options)
        self._threads = threads
        self._max_bytes = int(str(options["max_bytes"]))
        self._handle = Handle(self.folder, self._options)
        self._local = threading.local()
        self._inside: set[int] = set()  # threads that the library is working for
        _models.add(self)

    @property
    def _opened_by(self) -> tuple[str, Mapping[str, object], int]:
        """The arguments of a model like this one, wherever it is opened."""
        return str(self.folder.resolve()), self._options, self._threads

    # ---- facts ----

    @property
    def name(self) -> str:
        """The name in model.json."""
        name: bytes = self._handle.library.model_name(self._handle.pointer)
        return name.decode()

    @property
    def input_size(self) -> Size:
        """The sides of the network's input, in pixels."""
        return self._size("input")

    @property
    def map_size(self) -> Size:
        """The sides of the maps of the default layer, in cells; 0 without one."""
        return self._size("map")

    def _size(self, of: str) -> Size:
        shared, pointer = self._handle.library, self._handle.pointer
        width = getattr(shared, f"model_{of}_width")(pointer)
        height = getattr(shared, f"model_{of}_height")(pointer)
        return Size(width, height)

    @property
    def labels(self) -> list[str | None]:
        """The label of each class; None where there is none."""
        return self._texts("label")

    @property
    def ids(self) -> list[str | None]:
        """The id of each class, such as "n02124075"; None where there is none."""
        return self._texts("id")

    def _texts(self, of: str) -> list[str | None]:
        shared, pointer = self._handle.library, self._handle.pointer
        read = getattr(shared, f"model_class_{of}")
        found = (read(pointer, i) for i in range(shared.model_num_classes(pointer)))
        return [text.decode() if text else None for text in found]

    def find_class(self, name: str | int) -> int | None:
        """The index of a class by its index, id or label; None: there is none."""
        index = ctypes.c_size_t()
        shared, pointer = self._handle.library, self._handle.pointer
        if shared.model_find_class(pointer, str(name).encode(), index):
            return index.value
        return None

    def info(self) -> dict[str, Any]:
        """What the service says of a model at GET /model."""
        return dict(self._json("model_json"))

    def methods(self) -> list[dict[str, Any]]:
        """The methods of explanation, with what each is for, its parameters, what it
        costs, and why it is not defined where it is not (GET /methods)."""
        return list(self._json("model_methods_json")["methods"])

    def _json(self, function: str) -> dict[str, Any]:
        err = CError()
        shared, pointer = self._handle.library, self._handle.pointer
        text = shared.text(getattr(shared, function)(pointer, err), err)
        found: dict[str, Any] = json.loads(text)
        return found

    # ---- explanations ----

    def explain(
        self,
        image: _images.ImageLike,
        method: str | None = None,
        classes: Iterable[str | int] = (),
        *,
        progress: Progress | None = None,
        **options: object,
    ) -> Explanation:
        """Classifies an image and shows where the evidence is.

        image     the bytes of a JPEG, PNG or WebP file, or its path, which is
                  brought upright and into sRGB; or pixels as they are: an image
                  of Pillow, or an array of uint8, (height, width) or (height,
                  width, channels), with 1 channel, 3 (RGB) or 4 (and alpha)
        method    how the map is made, such as "gradcam"; None: the model's default
        classes   what to explain: indices, ids, labels, or "top" for all that are
                  listed; by default the best class
        progress  is called with the passes of the network that are done, and of
                  how many; if it returns False, the work ends with a BusyError
        options   those of POST /cam: `top=3`, `layer="-2"`, `map="object"`,
                  `box="paper"`, `samples=64` (docs/api.md, docs/methods.md)

        Other threads of Python run meanwhile. Raises InputError, UnsupportedError,
        LimitError and the others of wherefore.Error.

        After a fork, the child goes on with the model of its parent and sessions
        of its own. If the library was working in another thread at that moment,
        the child opens the model again.
        """
        read = _images.read(image, self._max_bytes)
        asked = {"method": method, **options}
        return self._explain(read, asked, tuple(classes), progress)

    def _explain(
        self,
        image: bytes | _images.Pixels,
        asked: Mapping[str, object],
        classes: tuple[object, ...],
        progress: Progress | None,
    ) -> Explanation:
        session = self._enter()
        try:
            found = session.explain(image, asked, classes, progress)
            err = CError()
            shared = session.library
            text = shared.text(shared.explanation_json(found, err), err)
            explanation = Explanation(
                shared, found, text, self, image, (asked, classes)
            )
            session.shown = weakref.ref(explanation)
        finally:
            self._leave(session)
        return explanation

    def _draw(self, explanation: Explanation, style: Mapping[str, object]) -> bytes:
        """The picture of an explanation in a style."""
        asked, classes = explanation._asked
        options = {**asked, **style}
        session = self._enter()
        try:
            shown = session.shown
            again = shown is not None and shown() is explanation
            image = None if again else explanation._image
            found = session.explain(image, options, classes, None)
            session.shown = weakref.ref(explanation)
            return session.heatmap(found)
        finally:
            self._leave(session)

    def explain_batch(
        self,
        images: ColumnLike,
        method: str | None = None,
        classes: Iterable[str | int] = (),
        *,
        threads: int = 0,
        progress: Progress | None = None,
        **options: object,
    ) -> pyarrow.StructArray:
        """Explains a column of image files on several cores. Needs pyarrow.

        images    a column of binary: an Array or ChunkedArray of pyarrow, or what
                  has `__arrow_c_array__` or `__arrow_c_stream__`, such as a column
                  of Polars; or a list of bytes
        classes   the first one is explained instead of the best one
        threads   0: one for each core
        progress  is called with the rows that are done, and of how many; if it
                  returns False, no further row begins, and BusyError is raised

        Returns a StructArray with a row for each image: `class`, `id`, `label`,
        `score`, `logit`, `box` (x, y, width, height), `peak` (x, y, value), `map`
        (a list of float32, by rows; the field's metadata has its width and height)
        and `error` (kind, detail). A row that fails has only its error, and costs
        no other.
        """
        from . import _arrow

        asked = {"method": method, **options}
        return _arrow.explain(self, images, asked, tuple(classes), threads, progress)

    # ---- sessions ----

    def _enter(self) -> Session:
        """A session for this thread, which is not in use."""
        session: Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = Session(self._handle, self._threads)
        elif session.is_busy:  # a progress explains another image
            session = Session(self._handle, self._threads)
        session.is_busy = True
        self._inside.add(id(session))
        return session

    def _leave(self, session: Session) -> None:
        self._inside.discard(id(session))
        session.is_busy = False

    def _after_fork(self) -> None:
        """In a child: its parent's sessions are left alone, and so is the model if
        a thread that is not here may hold its locks."""
        self._local = threading.local()
        if self._inside:
            self._inside = set()
            self._handle = Handle(self.folder, self._options)

    def __reduce__(self) -> tuple[Any, ...]:
        """A model that is sent to another process is opened there."""
        return Model, self._opened_by

    def __repr__(self) -> str:
        return f"<Model {self.name}>"


def _after_fork() -> None:
    for model in list(_models):
        model._after_fork()


os.register_at_fork(after_in_child=_after_fork)


def open(
    folder: str | os.PathLike[str] | None = None,
    *,
    precision: str | None = None,
    size: str | int | None = None,
    threads: int = 0,
    max_bytes: int = MAX_BYTES,
    max_width: int | None = None,
    max_height: int | None = None,
    max_pixels: int | None = None,
) -> Model:
    """Opens the model in a folder with model.onnx (docs/models.md).

    folder      None: the folder in $WHEREFORE_MODEL, or the default model where it
                is found; `python -m wherefore.model` makes it
    precision   "fp32" (the default), "int8", or "auto", whichever a check prefers,
                which takes some tenths of a second
    size        the size of the network's input in pixels, such as 448 or "160x80"
                (width x height); a larger one gives finer maps
    threads     of each session, which compute one image together; 0: one for each
                core. For many images at once, `explain_batch`, or threads of yours
                with threads=1, do more
    max_bytes   longest file of an image, in bytes
    max_width, max_height, max_pixels
                largest image that is decoded

    Raises FileError, InputError, UnsupportedError.
    """
    options = {
        "precision": precision,
        "size": size,
        "max_bytes": max_bytes,
        "max_width": max_width,
        "max_height": max_height,
        "max_pixels": max_pixels,
    }
    return Model(folder, options, threads)
