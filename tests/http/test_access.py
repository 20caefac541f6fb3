"""Bearer tokens: who is let in, and what is never said."""

from __future__ import annotations

import pathlib
import signal
import socket
import time

import pytest
from conftest import Server, run, running, sample

TOKEN = "correct-horse-battery-staple"
SECOND = "0123456789abcdefABCDEF+/=="
METRICS = "only-for-the-figures-1"
FIRST_NOTICE = "reloaded"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with both files of tokens."""
    folder = tmp_path_factory.mktemp("tokens")
    (folder / "cam").write_text(f"# for the page\n{TOKEN}\n\n{SECOND}\n")
    (folder / "metrics").write_text(METRICS)
    return folder


@pytest.fixture(scope="module")
def guarded(files: pathlib.Path) -> Server:
    """A server that asks for tokens."""
    options = ("--token-file", str(files / "cam"))
    metrics = ("--metrics-token-file", str(files / "metrics"))
    with running("--workers", "1", *options, *metrics) as it:
        yield it


def bearer(token: str, scheme: str = "Bearer") -> dict[str, str]:
    """The header of a client that has a token."""
    return {"Authorization": f"{scheme} {token}"}


@pytest.mark.parametrize("token", [TOKEN, SECOND])
def test_a_token_of_the_file_opens_cam_and_the_models(
    guarded: Server, token: str
) -> None:
    """Every line of the file, under a scheme of any case."""
    assert guarded.cam(headers=bearer(token)).status_code == 200
    assert guarded.get("/model", headers=bearer(token, "bearer")).status_code == 200
    assert guarded.get("/models", headers=bearer(token, "BEARER")).status_code == 200
    assert guarded.get("/model/layers", headers=bearer(token)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(METRICS),
        bearer(TOKEN[:-1]),
        bearer(TOKEN + "x"),
        bearer("# for the page"),
        bearer(TOKEN, "Basic"),
        {"Authorization": TOKEN},
        {"Authorization": "Bearer"},
    ],
)
def test_nothing_else_does(guarded: Server, headers: dict[str, str]) -> None:
    """401 as a problem that says how to ask, and repeats nothing."""
    for answer in (
        guarded.cam(headers=headers),
        guarded.get("/model", headers=headers),
        guarded.get("/model/layers", headers=headers),
        guarded.get("/models", headers=headers),
    ):
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == 'Bearer realm="wherefore"'
        assert answer.json()["kind"] == "unauthorized"
        assert TOKEN[:-1] not in answer.text


def test_metrics_have_a_token_of_their_own(guarded: Server) -> None:
    """Neither opens what is the other's."""
    assert guarded.get("/metrics").status_code == 401
    assert guarded.get("/metrics", headers=bearer(TOKEN)).status_code == 401
    answer = guarded.get("/metrics", headers=bearer(METRICS))
    assert answer.status_code == 200
    assert 'route="/metrics",status="401"' in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/app.js", "/openapi.yaml", "/samples/rocket.jpg", "/healthz"]
)
def test_the_page_and_the_probes_stay_open(guarded: Server, path: str) -> None:
    """A browser must be able to load what then asks for the token."""
    assert guarded.get(path).status_code == 200
    assert guarded.get("/readyz").status_code == 200


def test_a_body_is_not_waited_for_without_a_token(guarded: Server) -> None:
    """Who asks first is told before sending it."""
    with socket.create_connection(guarded.address, timeout=20) as client:
        client.sendall(
            b"POST /cam HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n"
            b"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert client.recv(100).startswith(b"HTTP/1.1 401 ")


def test_a_token_is_in_no_line_and_on_no_command_line(guarded: Server) -> None:
    """Neither one that fits nor one that does not."""
    guarded.cam(headers=bearer(TOKEN))
    guarded.cam(headers=bearer("a-wrong-one-of-somebody"))
    command = pathlib.Path(f"/proc/{guarded.process.pid}/cmdline").read_text()
    for text in (guarded.log(), command):
        assert TOKEN not in text
        assert "a-wrong-one-of-somebody" not in text


def test_sighup_reads_the_tokens_anew_or_keeps_the_old(tmp_path: pathlib.Path) -> None:
    """A file that is broken locks nobody out, and lets nobody in."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    with running("--workers", "1", "--token-file", str(file)) as server:

        def reload(text: str) -> None:
            """Until the models' line says that the signal was dealt with."""
            before = server.log().count(FIRST_NOTICE + ", generation")
            file.write_text(text)
            server.process.send_signal(signal.SIGHUP)
            end = time.monotonic() + 60
            while server.log().count(FIRST_NOTICE + ", generation") == before:
                assert time.monotonic() < end
                time.sleep(0.01)

        reload(SECOND)
        assert server.get("/models", headers=bearer(TOKEN)).status_code == 401
        assert server.get("/models", headers=bearer(SECOND)).status_code == 200
        reload("too short\n")
        assert server.get("/models", headers=bearer(SECOND)).status_code == 200
        assert "keeping the old tokens" in server.log()
        assert "too short" not in server.log()


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("", 0o600, "the file has no tokens"),
        ("# nothing but this\n", 0o600, "the file has no tokens"),
        ("short\n", 0o600, "line 1 is not a token"),
        (TOKEN + "\nwith a space in between\n", 0o600, "line 2 is not a token"),
        (TOKEN, 0o666, "the file is world-writable"),
        (None, 0, "No such file"),
    ],
)
def test_a_file_that_guards_nothing_keeps_the_server_from_starting(
    tmp_path: pathlib.Path, text: str | None, mode: int, words: str
) -> None:
    """One line that does not have its content, exit 1."""
    file = tmp_path / "token"
    if text is not None:
        file.write_text(text)
        file.chmod(mode)
    result = run("serve", "--listen", "127.0.0.1:0", "--token-file", str(file))
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert words in result.stderr
    assert "in between" not in result.stderr


def test_without_a_file_everything_is_open(server: Server) -> None:
    """A token is not an error either."""
    answer = server.cam(sample("rocket.jpg"), headers=bearer("whatever"))
    assert answer.status_code == 200
