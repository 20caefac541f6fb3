"""The real server in its sandbox: it answers, reads anew, and stops."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import time

import pytest
from conftest import MODEL, SANITIZED, Server, at_once, run, running

TOKEN = "a-token-of-some-length"
needs_sandbox = pytest.mark.skipif(SANITIZED, reason="sanitizers need what it denies")


def lines_of_status(server: Server) -> dict[str, str]:
    """What the kernel says of the process."""
    text = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def copy_model(folder: pathlib.Path) -> None:
    """The default model under another name."""
    shutil.copytree(MODEL, folder)
    description = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**description, "name": "copy"}))


@pytest.mark.skipif(not SANITIZED, reason="this build has no sanitizers")
def test_a_sanitized_build_refuses_to_promise_one() -> None:
    """`on` does not start."""
    result = run("serve", "--listen", "127.0.0.1:0", "--sandbox", "on")
    assert result.returncode == 1
    assert "sanitizers" in result.stderr


@needs_sandbox
def test_off_is_off_and_auto_is_on() -> None:
    """Every thread is in it, as the kernel says."""
    with running("--workers", "1", "--sandbox", "off") as server:
        assert lines_of_status(server)["NoNewPrivs"] == "0"
    with running("--workers", "2") as server:
        assert lines_of_status(server)["NoNewPrivs"] == "1"
        for task in pathlib.Path(f"/proc/{server.pid}/task").iterdir():
            assert "Seccomp:\t2\n" in (task / "status").read_text()


@needs_sandbox
def test_it_answers_reads_anew_and_stops_in_it(tmp_path: pathlib.Path) -> None:
    """A model's folder and a file of tokens that others took the place of."""
    folder = tmp_path / "models" / "it"
    copy_model(folder)
    tokens = tmp_path / "secrets" / "token"
    tokens.parent.mkdir()
    tokens.write_text(TOKEN)
    options = ("--model", str(folder), "--token-file", str(tokens))
    with running("--workers", "2", "--sandbox", "auto", *options) as server:
        answers = at_once(
            8, lambda _: server.cam(headers={"Authorization": f"Bearer {TOKEN}"})
        )
        assert {answer.status_code for answer in answers} == {200}

        folder.rename(tmp_path / "models" / "old")
        copy_model(folder)
        (tokens.parent / "new").write_text(TOKEN[::-1])
        os.replace(tokens.parent / "new", tokens)
        server.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 60
        while server.log().count("generation 2") < 2:
            assert "reload failed" not in server.log()
            assert time.monotonic() < end
            time.sleep(0.02)
        headers = {"Authorization": f"Bearer {TOKEN[::-1]}"}
        answer = server.cam(headers=headers, params={"model": "copy"})
        assert answer.status_code == 200
        assert server.get("/metrics").status_code == 200
