"""The program in the package: `wherefore` on the command line, fit and evaluate."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

from ._errors import BusyError, FileError, InputError, ProgramError
from ._library import PACKAGE
from ._places import default_model

PROGRAM = PACKAGE / "bin" / "wherefore"
USAGE = 2  # exit status: the command line is wrong
DONE = re.compile(r"progress (\d+)/(\d+)\n")

# Is told how many photos of how many are done; False cancels.
Progress = Callable[[int, int], object]


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


def _listen(messages: IO[str], progress: Progress | None) -> str:
    """What the program says on standard error, until it ends; tells `progress` of
    what is done."""
    said = ""
    for line in messages:
        if (done := DONE.fullmatch(line)) is None:
            said += line
        elif progress is not None and progress(int(done[1]), int(done[2])) is False:
            raise BusyError("cancelled")
    return said


def _run(
    command: str, *arguments: str | os.PathLike[str], progress: Progress | None
) -> None:
    """Runs the command. Raises InputError or ProgramError with what it says on
    standard error, unless its exit status is 0. Whatever ends the wait, such as
    Ctrl-C or what `progress` raises, ends the program."""
    import subprocess  # here, since it takes a while

    told = ["--progress-lines"] if progress is not None else []
    with subprocess.Popen(
        [PROGRAM, command, *told, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        assert process.stderr is not None
        try:
            said = _listen(process.stderr, progress)
        except BaseException:
            process.terminate()
            raise
    if process.returncode == 0:
        return
    text = said.replace(f"wherefore {command}: ", "").strip()
    kind = InputError if process.returncode == USAGE else ProgramError
    raise kind(text or f"wherefore {command} ended with status {process.returncode}")


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
    *,
    progress: Progress | None = None,
    **options: object,
) -> dict[str, Any]:
    """Makes a model of your own classes, in seconds (docs/fit.md).

    photos    a folder with a folder of photos for each class, or a CSV file
    to        the folder of the model that is made, for `wherefore.open`
    base      the model that gets a new head; None: the default model
    progress  is called with the photos whose features are found, and of how many;
              if it returns False, the work ends with a BusyError, and no model is made
    options   those of `wherefore fit`: `force=True`, `layer="-2"`, `threads=1`

    Returns what is in the model's report.json: `accuracy`, `classes`, `warnings`
    and more. Raises ProgramError with what the program says, or InputError.
    """
    base = default_model() if base is None else base
    arguments = [*_flags(options), f"--base={base}", f"--to={to}"]
    _run("fit", *arguments, "--", photos, progress=progress)
    return _read(Path(to) / "report.json")


def evaluate(
    data: str | os.PathLike[str],
    model: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    *,
    progress: Progress | None = None,
    **options: object,
) -> dict[str, Any]:
    """Measures how often a model is right, and how well its maps find the objects
    (docs/evaluate.md).

    data      photos with known classes and boxes: a CSV file, COCO, Pascal VOC,
              WSOL, or a folder of class folders
    model     a model's folder; None: the default model
    out       where results are written; an evaluation that was interrupted goes on
              there. None: nowhere
    progress  is called with the photos that are measured, and of how many; if it
              returns False, the work ends with a BusyError, to go on in `out`
    options   those of `wherefore eval`: `method=["cam", "gradcam"]`, `curves=20`

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
            _run("eval", *arguments, "--", data, progress=progress)
        except ProgramError:
            if not report.exists():
                raise
        return _read(report)
