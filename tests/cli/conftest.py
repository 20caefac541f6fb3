"""What the command line's tests share: the program, the model, the photos."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))  # for tiny.py
WHEREFORE = os.environ.get("WHEREFORE", str(ROOT / "build/wherefore"))
MODEL = ROOT / "models/efficientnet-lite0"
SAMPLES = ROOT / "static/samples"

Run = subprocess.CompletedProcess[bytes]


def run_in(folder: Path, *args: str | Path) -> Run:
    """Runs the program in a folder, with nothing on its standard input."""
    return subprocess.run(
        [WHEREFORE, *args],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


def said_by(result: Run) -> dict:
    """The object that a run which must succeed has printed."""
    assert result.stderr == b""
    assert result.returncode == 0
    return json.loads(result.stdout)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of its own with cat.png, coffee.png and rocket.jpg."""
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(SAMPLES / "chelsea.png", folder / "cat.png")
    shutil.copy(SAMPLES / "coffee.png", folder / "coffee.png")
    shutil.copy(SAMPLES / "rocket.jpg", folder / "rocket.jpg")
    return folder


@pytest.fixture
def cam(photos: Path) -> Callable[..., Run]:
    """Runs `wherefore cam` in the folder of photos."""

    def run(*args: str | bytes | Path, **options) -> Run:
        options = {"cwd": photos, "stdin": subprocess.DEVNULL} | options
        if "input" in options:
            del options["stdin"]
        return subprocess.run(
            [WHEREFORE, "cam", "--model", MODEL, *args],
            capture_output="stdout" not in options,
            timeout=60,
            check=False,
            **options,
        )

    return run


@pytest.fixture
def answer(cam: Callable[..., Run]) -> Callable[..., dict]:
    """Runs `wherefore cam` for one photo that must be answered."""

    return lambda *args, **options: said_by(cam(*args, **options))
