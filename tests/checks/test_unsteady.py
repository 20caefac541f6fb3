"""tests/pytest.sh and tests/run: a test that passes on a second try only."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Fails the first time, then passes; the second one fails if it is told to.
TESTS = """
import os, pathlib
HERE = pathlib.Path(__file__).parent

def test_unsteady():
    mark = HERE / "mark"
    was_there = mark.exists()
    mark.touch()
    assert was_there

def test_steady():
    assert "FAULT" not in os.environ
"""


def run(folder: pathlib.Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A stage of these two tests, as tests/run runs it."""
    test = folder / "test_them.py"
    test.write_text(TESTS)
    (folder / "mark").unlink(missing_ok=True)
    environment = {**os.environ, "TEST_VENV": sys.prefix, "TEST_JOBS": "1"}
    environment.pop("CI", None)
    return subprocess.run(
        [ROOT / "tests/pytest.sh", test],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


def test_what_passes_on_a_second_try_is_said_to_be_unsteady(
    tmp_path: pathlib.Path,
) -> None:
    ran = run(tmp_path, CI="true")
    assert ran.returncode == 0, ran.stdout
    assert "FAILED" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "unsteady: 1"


@pytest.mark.parametrize("variables", [{"CI": "true", "FAULT": "1"}, {}])
def test_what_fails_twice_or_is_not_tried_again_has_failed(
    tmp_path: pathlib.Path, variables: dict[str, str]
) -> None:
    ran = run(tmp_path, **variables)
    assert ran.returncode == 1, ran.stdout
    assert "unsteady:" not in ran.stdout
    assert ("once more" in ran.stdout) == ("CI" in variables)


def test_the_summary_counts_it_as_passed_and_names_it(tmp_path: pathlib.Path) -> None:
    """tests/run works in the folder above its own."""
    (tmp_path / "tests").mkdir()
    copy = tmp_path / "tests" / "run"
    copy.write_text((ROOT / "tests/run").read_text())
    copy.chmod(0o755)
    (tmp_path / "Makefile").write_text(
        "stage:\n\t@echo '1 failed, 4 passed in 0.2s'; "
        "echo '1 passed, 4 deselected in 0.1s'; echo 'unsteady: 1'\n"
    )
    ran = subprocess.run(
        [copy, "stage"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert ran.returncode == 0, ran.stdout
    assert "5 passed    0 failed" in ran.stdout
    assert ran.stdout.splitlines()[-2:] == [
        "5 passed, 0 failed",
        "1 of them passed on a second try only: mend them",
    ]
