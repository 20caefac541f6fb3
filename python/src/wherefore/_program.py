"""The program in the package: `wherefore` on the command line, fit and evaluate."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from ._errors import FileError, InputError, ProgramError
from ._library import PACKAGE
from ._places import default_model

PROGRAM = PACKAGE / "bin" / "wherefore"
USAGE = 2  # exit status: the command line is wrong


def main() -> NoReturn:
    """Becomes the program, with this process's arguments."""
    os.execv(PROGRAM, ["wherefore", *sys.argv[1:]])


def _flags(options: Mapping[str, object]) -> list[str]:
    """`max_pixels=1000` as `--max-pixels=1000`; True is a flag alone, lists have
    commas."""
    flags = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            flags.append(flag)
        elif isinstance(value, Iterable) and not isinstance(value, str):
            flags.append(f"{flag}={','.join(str(item) for item in value)}")
        else:
            flags.append(f"{flag}={value}")
    return flags


def _run(command: str, *arguments: str | os.PathLike[str]) -> tuple[str, str]:
    """What the command says on standard output and error. Raises InputError or
    ProgramError with the latter, unless the exit status is 0."""
    import subprocess  # here, since it takes a while

    done = subprocess.run(
        [PROGRAM, command, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return done.stdout, done.stderr
    text = done.stderr.replace(f"wherefore {command}: ", "").strip()
    kind = InputError if done.returncode == USAGE else ProgramError
    raise kind(text or f"wherefore {command} ended with status {done.returncode}")


def _read(path: Path) -> dict[str, Any]:
    try:
        report: dict[str, Any] = json.loads(path.read_bytes())
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    return report


def fit(
    photos: str | os.PathLike[str],
    to: str | os.PathLike[str],
    base: str | os.PathLike[str] | None = None,
    **options: object,
) -> dict[str, Any]:
    """Makes a model of your own classes, in seconds (docs/fit.md).

    photos   a folder with a folder of photos for each class, or a CSV file
    to       the folder of the model that is made, for `wherefore.open`
    base     the model that gets a new head; None: the default model
    options  those of `wherefore fit`: `force=True`, `layer="-2"`, `threads=1`

    Returns what is in the model's report.json: `accuracy`, `classes`, `warnings`
    and more. Raises ProgramError with what the program says, or InputError.
    """
    base = default_model() if base is None else base
    _run("fit", *_flags(options), f"--base={base}", f"--to={to}", "--", photos)
    return _read(Path(to) / "report.json")


def evaluate(
    data: str | os.PathLike[str],
    model: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    **options: object,
) -> dict[str, Any]:
    """Measures how often a model is right, and how well its maps find the objects
    (docs/evaluate.md).

    data     photos with known classes and boxes: a CSV file, COCO, Pascal VOC,
             WSOL, or a folder of class folders
    model    a model's folder; None: the default model
    out      where results are written; an evaluation that was interrupted goes on
             there. None: nowhere
    options  those of `wherefore eval`: `method=["cam", "gradcam"]`, `curves=20`

    Returns report.json, in which photos that could not be measured are counted.
    Raises ProgramError with what the program says, or InputError.
    """
    import tempfile  # here, since it takes a while

    folder = default_model() if model is None else model
    with tempfile.TemporaryDirectory(prefix="wherefore-") as scratch:
        results = Path(out) if out is not None else Path(scratch)
        report = results / "report.json"
        arguments = [*_flags(options), f"--model={folder}", f"--out={results}"]
        try:
            _run("eval", *arguments, "--", data)
        except ProgramError:
            if not report.exists():
                raise
        return _read(report)
