"""wherefore health: the exit status that a container's health check goes by."""

import contextlib
import re
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest
from common import free_port
from conftest import MODEL, WHEREFORE
from test_serve import clean


def health(*args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs it to its end."""
    return subprocess.run(
        [WHEREFORE, "health", *args],
        env=clean(variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    """Of a server that listens on all addresses."""
    with subprocess.Popen(
        [WHEREFORE, "serve", "--listen", "0.0.0.0:0", "--model", MODEL],
        env=clean(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        line = server.stdout.readline()
        match = re.search(r":(\d+)$", line)
        assert match, line
        yield match[1]
        server.terminate()


@contextlib.contextmanager
def impostor(answer: bytes | None) -> Iterator[str]:
    """Something else that listens; it answers this, or never."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                if answer is None:
                    connection.recv(1000)  # until the other side hangs up
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join(30)


def test_a_server_that_is_ready_is_healthy(port: str) -> None:
    result = health("--listen", f"127.0.0.1:{port}")

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert health("--live", "--listen", f"127.0.0.1:{port}").returncode == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "", "localhost"])
def test_the_environment_says_where_it_is(port: str, host: str) -> None:
    assert health(WHEREFORE_LISTEN=f"{host}:{port}").returncode == 0


def test_live_may_stand_anywhere(port: str) -> None:
    assert health("--listen", f"127.0.0.1:{port}", "--live").returncode == 0


def test_live_is_read_as_any_option(port: str) -> None:
    listen = f"--listen=127.0.0.1:{port}"

    assert health("--liv", listen).returncode == 0
    result = health("--lve", listen)
    assert result.returncode == 2
    assert "did you mean --live?" in result.stderr
    result = health(listen, "--", "--live")
    assert result.returncode == 2
    assert 'unexpected argument "--live"' in result.stderr


def test_a_file_of_options_that_is_wrong_is_a_wrong_call() -> None:
    result = health("--config", "/nowhere")

    assert result.returncode == 2
    assert result.stderr.startswith("wherefore health: /nowhere: cannot be opened: ")
    assert result.stderr.count("\n") == 1


def test_nobody_there_is_not_healthy() -> None:
    address = f"127.0.0.1:{free_port()}"
    result = health("--listen", address)

    assert result.returncode == 1
    assert result.stderr == (f"wherefore health: cannot connect to {address}\n")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\ndraining", "answers 503"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no answer"),
        (b"HTTP/1.1", "no answer"),
        (None, "no answer"),
    ],
)
def test_another_answer_is_not_healthy(answer: bytes | None, words: str) -> None:
    with impostor(answer) as address:
        result = health("--listen", address)

    assert result.returncode == 1
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_server_on_a_unix_socket_is_asked_there(tmp_path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(1000).startswith(b"GET /readyz HTTP/1.1\r\n")
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        assert health("--listen", f"unix:{path}").returncode == 0
        thread.join(30)


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "nowhere", "unix:", "[::1]:http"])
def test_an_address_that_is_none_is_a_wrong_call(listen: str) -> None:
    result = health("--listen", listen)

    assert result.returncode in (1, 2)
    assert result.stderr.startswith("wherefore health: ")
