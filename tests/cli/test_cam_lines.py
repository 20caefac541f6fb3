"""wherefore cam --jsonl: an image a line, an answer a line."""

import base64
import json
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, WHEREFORE

SAMPLES = ROOT / "static/samples"
ROCKET = str(SAMPLES / "rocket.jpg")


def cam(*options: str, stdin: str | bytes = "") -> subprocess.CompletedProcess[bytes]:
    """What is said to lines on standard input."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    return subprocess.run(
        [WHEREFORE, "cam", *options],
        input=given,
        capture_output=True,
        timeout=120,
        check=False,
    )


def answers(*lines: object, options: tuple[str, ...] = ()) -> list[dict]:
    """One for each line, which is a text or an object."""
    text = "".join(
        (line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines
    )
    done = cam("--jsonl", "-", *options, stdin=text)
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


def without_timing(found: dict, *names: str) -> dict:
    """Without what differs."""
    return {key: found[key] for key in found if key not in ("timing_ms", *names)}


def test_a_line_is_answered_as_its_image_alone() -> None:
    encoded = base64.b64encode(Path(ROCKET).read_bytes()).decode()
    alone = json.loads(cam("--method", "gradcam", ROCKET).stdout)
    found = answers(
        ROCKET,
        {"file": ROCKET, "id": {"row": 1}},
        {"b64": encoded, "id": "a"},
        {"b64": "data:image/jpeg;base64," + encoded, "file": "its name"},
        options=("--method", "gradcam"),
    )

    for row in found:
        assert without_timing(row, "file", "id") == without_timing(alone)
    assert [row.get("file") for row in found] == [ROCKET, ROCKET, None, "its name"]
    assert [row.get("id") for row in found] == [None, {"row": 1}, "a", None]


def test_a_line_that_fails_is_answered_in_its_place() -> None:
    found = answers(
        "none.jpg",
        ROCKET,
        "",
        {"id": 3},
        "{bad",
        {"id": 4, "b64": "?"},
        {"id": 5, "file": str(ROOT / "README.md")},
        "-",
        {"id": 6, "b64": ""},
        '{"id": 1, "id": 2}',
    )
    errors = [row.get("error", {}).get("kind") for row in found]

    assert errors == [
        *("io", None, "bad-input", "bad-input", "bad-input"),
        *("unsupported", "bad-input", "bad-input", "bad-input"),
    ]
    assert [row.get("id") for row in found] == [None, None, 3, None, 4, 5, None, 6, None]
    assert found[0]["file"] == "none.jpg"
    assert "neither" in found[2]["error"]["detail"]


def test_the_last_line_needs_no_end_and_windows_ends_are_fine(tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_bytes(f"{ROCKET}\r\n{ROCKET}".encode())
    done = cam("--jsonl", str(lines), "--top", "1")
    assert [json.loads(row)["file"] for row in done.stdout.splitlines()] == [ROCKET] * 2
    assert cam("--jsonl", "-").stdout == b""


def test_a_long_line_costs_its_row() -> None:
    options = ("--max-bytes", "1000")
    found = answers({"b64": "A" * 10_000}, "x" * 100_000, "y", options=options)
    assert [row["error"]["kind"] for row in found] == ["over-limit", "over-limit", "io"]
    assert "1000 bytes" in found[0]["error"]["detail"]
    done = cam("--jsonl", "-", stdin=b"a\0b\n")
    assert json.loads(done.stdout)["error"]["detail"] == "the line has a NUL byte"


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--jsonl", "-", ROCKET), b"--jsonl: there are images, too"),
        (("--jsonl", "-", "--heatmap", "a.png"), b"there is no --heatmap then"),
    ],
)
def test_what_does_not_go_together(options: tuple[str, ...], part: bytes) -> None:
    done = cam(*options)
    assert done.returncode == 2
    assert part in done.stderr


def test_a_file_of_lines_that_is_not_there() -> None:
    done = cam("--jsonl", "none")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"none cannot be opened" in done.stderr
