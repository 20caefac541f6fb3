"""What is raised: an exception for each kind of error of the library."""

from __future__ import annotations


class Error(Exception):
    """Something went wrong; `kind` is for programs, `text` for people.

    Kinds are those of the service's answers and of the C library: "bad-input",
    "unsupported", "over-limit", "busy", "no-memory", "io" and "internal"; and
    "program" where `fit` or `evaluate` failed.
    """

    kind: str = "internal"

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return self.text


class InputError(Error, ValueError):
    """The image or an option is malformed; the text names it."""

    kind = "bad-input"


class UnsupportedError(Error):
    """It is well formed, but not supported: a format, a node of the network, a
    method that is not defined for the model."""

    kind = "unsupported"


class LimitError(Error):
    """It is larger than a limit (`wherefore.open`)."""

    kind = "over-limit"


class BusyError(Error):
    """It was cancelled: `progress` returned False."""

    kind = "busy"


class NoMemoryError(Error, MemoryError):
    """There was not enough memory."""

    kind = "no-memory"


class FileError(Error, OSError):
    """A file cannot be read."""

    kind = "io"


class InternalError(Error, RuntimeError):
    """A bug of wherefore's."""

    kind = "internal"


class ProgramError(Error):
    """`wherefore fit` or `wherefore eval` failed; the text is what it said."""

    kind = "program"


KINDS: dict[str, type[Error]] = {
    error.kind: error
    for error in (
        InputError,
        UnsupportedError,
        LimitError,
        BusyError,
        NoMemoryError,
        FileError,
        InternalError,
    )
}


def error_of(kind: str, text: str) -> Error:
    """The exception for a kind; one that a later library has is an Error."""
    error = KINDS.get(kind, Error)(text)
    error.kind = kind
    return error
