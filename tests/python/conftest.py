"""What the tests of the Python package share: a model, photos, and the program that
its answers are held to."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import wherefore

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models/efficientnet-lite0"
SAMPLES = ROOT / "static/samples"
PHOTOS = sorted(path for path in SAMPLES.iterdir() if path.suffix in (".png", ".jpg"))
ROCKET = SAMPLES / "rocket.jpg"
LABEL = "drilling platform"  # what the default model takes it for
PACKAGE = Path(wherefore.__file__).parent
PROGRAM = ROOT / "build/wherefore"  # not the one in the package


def run_python(code: str, **options) -> subprocess.CompletedProcess[str]:
    """What a new process says to some lines."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


def printed_by(code: str, **options) -> str:
    """The same, which must succeed."""
    done = run_python(code, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def untimed(reply: dict) -> dict:
    """A reply without what differs from time to time."""
    return {name: value for name, value in reply.items() if name != "timing_ms"}


@pytest.fixture(scope="session")
def model() -> wherefore.Model:
    """The default model."""
    return wherefore.open(MODEL)


@pytest.fixture(scope="session")
def cam() -> Callable[..., list[dict]]:
    """The answers of `wherefore cam` to photos."""

    def run(*arguments: str | Path, photos: list[Path] = PHOTOS) -> list[dict]:
        done = subprocess.run(
            [PROGRAM, "cam", "--model", MODEL, "--jsonl", "-", *arguments],
            input="".join(f"{photo}\n" for photo in photos),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        found = [json.loads(line) for line in done.stdout.splitlines()]
        for reply in found:
            del reply["file"]
        return found

    return run
