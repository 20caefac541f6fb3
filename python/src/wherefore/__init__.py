"""wherefore: what is in a picture, and where the evidence is.

    import wherefore

    model = wherefore.open()
    found = model.explain("cat.jpg", method="gradcam")
    found.best.label, found.best.score     # what is in it
    found.best.map, found.best.box         # where the evidence is
    found.overlay().save("evidence.png")

`model.explain_batch` explains a column of images on all cores, `fit` makes a model of
your own classes, `evaluate` measures one, and `python -m wherefore` is the program.

THREADS. A Model is for all threads, each of which has a session of its own. The GIL
is released while the library works. An Explanation is for one thread at a time.

FORK. A model can be used in a forked child, which makes sessions of its own.

NumPy, Pillow and pyarrow are imported when they are first needed: for maps and
arrays, for overlay(), and for explain_batch().
"""

from typing import TYPE_CHECKING

from ._errors import (
    BusyError,
    Error,
    FileError,
    InputError,
    InternalError,
    LimitError,
    NoMemoryError,
    ProgramError,
    UnsupportedError,
)
from ._explanation import Box, Class, Explanation, Peak, Size
from ._model import Model, open
from ._program import evaluate, fit

if TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name: str) -> str:
        if name == "__version__":
            from ._library import library

            return library().version().decode()
        raise AttributeError(f"module 'wherefore' has no attribute {name!r}")


__all__ = [
    "Box",
    "BusyError",
    "Class",
    "Error",
    "Explanation",
    "FileError",
    "InputError",
    "InternalError",
    "LimitError",
    "Model",
    "NoMemoryError",
    "Peak",
    "ProgramError",
    "Size",
    "UnsupportedError",
    "__version__",
    "evaluate",
    "fit",
    "open",
]
