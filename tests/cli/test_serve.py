"""wherefore serve: its options, and what it says when it cannot start."""

import os
import re
import select
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from conftest import MODEL, ROOT, WHEREFORE

START_SECONDS = 60  # a sanitized binary is slow to start

Run = subprocess.CompletedProcess[str]


def clean(variables: dict[str, str] | None = None) -> dict[str, str]:
    """The environment without what `make` or a developer put there."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("WHEREFORE_")}
    return kept | (variables or {})


def serve(*args: str | Path, env: dict[str, str] | None = None, **options) -> Run:
    """Runs it to its end."""
    return subprocess.run(
        [WHEREFORE, "serve", *args],
        env=clean(env),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
        **options,
    )


def refuses(run: Run, status: int, says: str) -> bool:
    """It ended with this status, and one line that has these words in it."""
    assert run.stdout == ""
    assert re.fullmatch(r"wherefore serve: [^\n]+\n", run.stderr), run.stderr
    assert says in run.stderr
    return run.returncode == status


def settings(text: str) -> list[str]:
    """The lines of a file of options that are no comments."""
    return [line for line in text.splitlines() if line and line[0] not in "#;"]


# ---- the options ----


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--wrokers", "2"], "unknown option --wrokers; did you mean --workers?"),
        (["--workers", "0"], '--workers: "0" is not a number of threads from 1 to 256'),
        (["--workers"], "--workers requires a value"),
        (["--max=2"], "ambiguous option --max; --help lists the options"),
        (["--", "--workers"], 'unexpected argument "--workers"'),
        (["workers"], 'unexpected argument "workers"'),
        (["-w", "2"], "unknown option -w; --help lists the options"),
        (["--input-size", "wide"], '--input-size: "wide" is not a valid input size'),
        (["--listen", "a\nb"], "control character"),
        (["--listen", "8080"], '--listen: "8080" is not ADDRESS:PORT'),
        (["--listen", "unix:" + 200 * "x"], "a Unix socket must have 1 to 107 bytes"),
        (["--listen", "unix:x", "--socket-mode", "8"], '--socket-mode: "8" is not'),
        (["--socket-mode", "999"], '--socket-mode: "999" is not'),
        (["--cors-origin", "x"], '--cors-origin: "x" is neither'),
        (["--x\nb\033[1m"], "unknown option --x?b?[1m"),
        (["--trusted-proxy", "10.0.0.1/8"], '--trusted-proxy: "10.0.0.1/8" is neither'),
        (["--max-connections", "9"], "--max-connections: 9 is too low for"),
        (["--max-inflight-bytes", "1024"], "--max-inflight-bytes: 1024 is less"),
        (["--config", "/no/such/file.ini"], "/no/such/file.ini: cannot be opened"),
        (["--config", "/"], "/: is not a regular file"),
        (["--config", "/dev/zero"], "/dev/zero: is not a regular file"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_a_bad_option_is_one_line_and_status_2(args, says, check):
    assert refuses(serve(*["--check-config"][:check], *args), 2, says)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("WROKERS", "2", "unknown variable WHEREFORE_WROKERS; did you mean WHEREFO"),
        ("INPUT_SIZE", "x", 'WHEREFORE_INPUT_SIZE: "x" is not a valid input size'),
        ("MAX_CONNECTIONS", "9", "WHEREFORE_MAX_CONNECTIONS: 9 is too low for"),
    ],
)
def test_a_bad_variable_is_one_line_and_status_2(name, value, says, check):
    env = {"WHEREFORE_" + name: value}
    assert refuses(serve(*["--check-config"][:check], env=env), 2, says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"[work]\nwrokers = 2\n", ':2: unknown key "wrokers"; did you mean workers?'),
        (b"workers = two\n", ':1: workers: "two" is not a number'),
        (b"\n\nworkers\n", ":3: expected key = value"),
        (b"workers = 2\nworkers = 3\n", ":2: workers is already set in line 1"),
        (b"model = \0\n", ":1: control character"),
        (b"\ncors-origin = x\n", ':2: cors-origin: "x" is neither'),
        (b"socket-mode = rw\n", ':1: socket-mode: "rw" is not'),
        (b"listen = x\n", ':1: listen: "x" is not ADDRESS:PORT'),
        (b"trusted-proxy = x\n", ':1: trusted-proxy: "x" is neither a network'),
        (b"model = " + b"m" * 200, ":1: the line is 208 bytes long"),
        (b"#" * 65537, "is 65537 bytes; at most 65536 are allowed"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_a_bad_file_is_one_line_and_status_2(tmp_path, text, says, check):
    file = tmp_path / "wherefore.ini"
    file.write_bytes(text)
    run = serve("--config", file, *["--check-config"][:check])
    assert refuses(run, 2, says)
    assert str(file) in run.stderr


def test_a_file_that_may_not_be_read_is_said_to_be_so(tmp_path):
    file = tmp_path / "wherefore.ini"
    file.write_text("workers = 2\n")
    file.chmod(0)
    if os.access(file, os.R_OK):
        pytest.skip("root reads everything")
    assert refuses(serve("--config", file), 2, "cannot be opened: Permission denied")


def test_what_is_right_is_ok():
    run = serve("--check-config", "--workers=3", env={"WHEREFORE_MODEL": "a,b"})
    assert (run.returncode, run.stdout, run.stderr) == (0, "ok\n", "")


def test_the_file_of_the_project_is_ok_and_is_what_holds_without_it(tmp_path):
    text = (ROOT / "config/wherefore.ini").read_text()
    all_of_it = tmp_path / "all.ini"
    all_of_it.write_text(re.sub("^;", "", text, flags=re.M))
    without = serve("--print-config", cwd=ROOT)
    assert without.returncode == 0
    for file in (ROOT / "config/wherefore.ini", all_of_it):
        assert serve("--check-config", "--config", file).stdout == "ok\n"
        with_it = serve("--print-config", "--config", file, cwd=ROOT)
        assert settings(with_it.stdout) == settings(without.stdout)
    assert "# the default" not in with_it.stdout


def test_what_is_printed_is_a_file_that_gives_the_same(tmp_path):
    args = ["--model", "a b", "--model", "ä", "--workers=7", "--log-format", "json"]
    first = serve("--print-config", *args)
    assert first.returncode == 0
    assert "model = a b\nmodel = ä\n" in first.stdout
    file = tmp_path / "printed.ini"
    file.write_text(first.stdout)
    again = serve("--print-config", env={"WHEREFORE_CONFIG": str(file)})
    assert settings(again.stdout) == settings(first.stdout)
    assert f"# {file}, line " in again.stdout


def test_a_flag_goes_before_a_variable_before_a_file_before_the_default(tmp_path):
    file = tmp_path / "wherefore.ini"
    file.write_text("workers = 11\nqueue-length = 12\nmax-width = 13\n")
    run = serve(
        *("--config", file, "--print-config", "--workers", "31"),
        env={"WHEREFORE_WORKERS": "21", "WHEREFORE_QUEUE_LENGTH": "22"},
    )
    assert run.returncode == 0
    assert "\n# the command line\nworkers = 31\n" in run.stdout
    assert "\n# the environment\nqueue-length = 22\n" in run.stdout
    assert f"\n# {file}, line 3\nmax-width = 13\n" in run.stdout
    assert "\n# the default\nmax-height = 16384\n" in run.stdout


def test_help_goes_before_all_that_is_wrong():
    run = serve("--nonsense", "--help", env={"WHEREFORE_NONSENSE": "1"})
    assert run.returncode == 0
    assert "--max-body-bytes N " in run.stdout
    assert max(map(len, run.stdout.splitlines())) < 80


# ---- starting ----


def test_a_port_in_use_is_one_line_and_status_1():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        run = serve("--listen", address, "--model", MODEL)
    assert refuses(run, 1, f"cannot listen on {address}: Address already in use")


def test_a_model_that_is_not_there_is_one_line_and_status_1(tmp_path):
    run = serve("--listen", "127.0.0.1:0", "--model", tmp_path / "nothing")
    assert refuses(run, 1, "nothing")


@pytest.mark.parametrize("file", ["model.onnx", "model.json", "labels.txt"])
def test_a_model_that_cannot_be_read_is_one_line_and_status_1(tmp_path, file):
    for name in ("model.onnx", "model.json", "labels.txt"):
        (tmp_path / name).symlink_to(MODEL / name)
    (tmp_path / file).unlink()
    (tmp_path / file).mkdir()
    run = serve("--listen", "127.0.0.1:0", "--model", tmp_path)
    assert refuses(run, 1, file)


def test_a_server_takes_its_options_from_the_environment_and_a_file(tmp_path):
    file = tmp_path / "wherefore.ini"
    file.write_text(f"[models]\nmodel = {MODEL}\n[work]\nworkers = 1\n")
    env = {"WHEREFORE_CONFIG": str(file), "WHEREFORE_LISTEN": "127.0.0.1:0"}
    with subprocess.Popen(
        [WHEREFORE, "serve"], env=clean(env), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert select.select([process.stdout], [], [], START_SECONDS)[0]
            line = process.stdout.readline()
            port = int(re.fullmatch(r"listening on http://127.0.0.1:(\d+)\n", line)[1])
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            assert b"\nwherefore_workers 1\n" in answer
            process.send_signal(signal.SIGTERM)
            assert process.wait(START_SECONDS) == 0
        finally:
            process.kill()
