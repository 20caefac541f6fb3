"""The progress bar, through a pseudo-terminal."""

import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import termios

import numpy as np
import pytest
import tiny
from conftest import MODEL, WHEREFORE
from PIL import Image

BAR = re.compile(rb"\[[#-]+\] (\d+)/(\d+)")
CLEAR = b"\r\x1b[K"


def run_on_terminal(
    args,
    cwd,
    columns=80,
    term="xterm",
    stdout_too=False,
    command=("cam", "--model"),
    model=MODEL,
):
    """Runs wherefore cam, or another command, with a terminal on standard error.

    Returns the exit status, standard output and what the terminal got.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    with subprocess.Popen(
        [WHEREFORE, *command, model, *args],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=slave if stdout_too else (cwd / "stdout").open("wb"),
        stderr=slave,
        env=os.environ | {"TERM": term},
    ) as process:
        os.close(slave)
        seen = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # EIO: the last writer has closed its end
                break
            if not part:
                break
            seen += part
        process.wait(timeout=60)
    os.close(master)
    stdout = b"" if stdout_too else (cwd / "stdout").read_bytes()
    return process.returncode, stdout, seen


def drawn_lines(seen: bytes) -> list[bytes]:
    """The texts that were put on the bar's line."""
    return [re.sub(rb"\x1b\[K", b"", part) for part in seen.split(b"\r") if part]


def test_many_photos_show_a_bar_that_is_gone_at_the_end(photos):
    status, stdout, seen = run_on_terminal(["cat.png"] * 12, photos)

    assert status == 0
    assert len(stdout.splitlines()) == 12
    counts = [(int(a), int(b)) for a, b in BAR.findall(seen)]
    assert counts[0] == (0, 12)
    assert len(counts) > 1
    assert counts == sorted(counts)
    assert seen.endswith(CLEAR)


def test_folders_that_are_left_out_do_not_fill_the_bar(photos, tmp_path):
    """More of them than photos: the bar counts these alone, and ends when they do."""
    for i in range(4):
        shutil.copy(photos / "cat.png", photos / f"{i}.png")
        (photos / f"deep{i}" / "/".join("x" * 32)).mkdir(parents=True)
        (photos / f"deeper{i}" / "/".join("x" * 32)).mkdir(parents=True)
    model = tiny.model(tmp_path / "tiny", ["cat", "dog"])

    status, stdout, seen = run_on_terminal(
        [photos, "--to", "out"],
        tmp_path,
        command=("exemplars", "--model"),
        model=model,
    )

    assert status == 0
    said = json.loads(stdout)
    assert (said["photos"], said["failed"]) == (7, 8)
    assert seen.count(b"it is deeper than 32 folders, and left out") == 8
    counts = [(int(a), int(b)) for a, b in BAR.findall(seen)]
    assert (7, 7) in counts
    assert all(done <= total for done, total in counts)
    assert seen.endswith(CLEAR)


def test_a_fit_has_a_bar_for_photos_and_one_for_what_cross_validation_tries(tmp_path):
    for name, red in (("cat", 200), ("dog", 40)):
        folder = tmp_path / "set" / name
        folder.mkdir(parents=True)
        for i in range(4):
            noise = np.random.default_rng(red + i).integers(0, 200, (30, 40, 3))
            noise[..., 0] = red
            Image.fromarray(noise.astype(np.uint8)).save(folder / f"{i}.png")
    model = tiny.model(tmp_path / "tiny", ["cat", "dog"])

    status, _, seen = run_on_terminal(
        ["set", "--to", "mine"], tmp_path, command=("fit", "--base"), model=model
    )

    assert status == 0, seen
    bars = [(int(done), int(total)) for done, total in BAR.findall(seen)]
    photos = [done for done, total in bars if total == 8]
    tried = [done for done, total in bars if total == 23]
    assert bars == [(done, 8) for done in photos] + [(done, 23) for done in tried]
    assert photos
    assert tried[0] == 1
    assert CLEAR in seen[seen.rindex(b"/23") :]


def test_the_bar_stays_within_the_terminals_width(photos):
    _, _, seen = run_on_terminal(["cat.png"] * 12, photos, columns=30)

    widths = [len(line) for line in drawn_lines(seen)]
    assert max(widths) > 0
    assert max(widths) < 30


def test_answers_on_the_same_terminal_stay_whole(photos):
    status, _, seen = run_on_terminal(["cat.png"] * 6, photos, stdout_too=True)

    assert status == 0
    # What is left when every cleared line is taken away.
    text = re.sub(rb"\r[^\r\n]*\x1b\[K", b"", seen)
    found = [json.loads(line) for line in text.splitlines() if line.strip()]
    assert [entry["file"] for entry in found] == ["cat.png"] * 6


def test_an_error_has_a_line_of_its_own(photos):
    status, _, seen = run_on_terminal(["cat.png"] * 4 + ["gone.png"], photos)

    assert status == 1
    assert CLEAR + b"wherefore cam: gone.png: cannot be opened" in seen


@pytest.mark.parametrize(
    ("args", "term"),
    [(["cat.png", "rocket.jpg"], "xterm"), (["cat.png"] * 6, "dumb")],
    ids=["few photos", "dumb terminal"],
)
def test_there_is_no_bar_where_it_would_not_help(photos, args, term):
    status, _, seen = run_on_terminal(args, photos, term=term)

    assert (status, seen) == (0, b"")


def test_there_is_no_bar_without_a_terminal(cam):
    result = cam(*["cat.png"] * 12)

    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.parametrize("command", ["fit", "eval"])
def test_programs_get_lines_of_what_is_done(photos, tmp_path, command):
    """On no terminal; complaints are between them."""
    for name in ("cat", "dog"):
        (tmp_path / f"set/{name}").mkdir(parents=True)
        for i in range(3):
            photo = tmp_path / f"set/{name}/{i}.png"
            shutil.copy(photos / "cat.png", photo)
    (tmp_path / "set/cat/broken.png").write_bytes(b"")
    model = tiny.model(tmp_path / "tiny", ["cat", "dog"])
    where = {
        "fit": ["--base", model, "--to", "out"],
        "eval": ["--model", model, "--out", "out"],
    }
    done = subprocess.run(
        [WHEREFORE, command, *where[command], "--progress-lines", "set"],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
    )
    lines = done.stderr.decode().splitlines()
    counts = [line for line in lines if line.startswith("progress ")]
    assert counts[-1] == "progress 7/7"
    assert all(re.fullmatch(r"progress [0-7]/7", line) for line in counts)
    others = [line for line in lines if line not in counts]
    assert all("broken.png" in line for line in others)
    assert len(others) == (1 if command == "fit" else 0)
