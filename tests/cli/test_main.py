"""wherefore itself: what all its commands have in common."""

import re
import subprocess

import pytest
from conftest import MODEL, ROOT, WHEREFORE, Run
from test_serve import clean

COMMANDS = [
    ["serve"],
    ["cam"],
    ["health"],
    ["eval"],
    ["calibrate"],
    ["model"],
    ["model", "info"],
    ["model", "check"],
    ["model", "add"],
    ["model", "run"],
]
CAT = ROOT / "static/samples/chelsea.png"


def wherefore(*args: object, **options: object) -> Run:
    """Runs it to its end, as text."""
    options = {"stdout": subprocess.PIPE} | options
    return subprocess.run(
        [WHEREFORE, *args],
        env=clean(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def lines_of(text: str) -> int:
    """How many there are, the last one ended."""
    return len(re.findall(r"[^\n]+\n", text))


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_every_command_has_help(command: list[str], flag: str) -> None:
    result = wherefore(*command, flag)

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(" ".join(["usage: wherefore", *command]) + " ")
    assert max(map(len, result.stdout.splitlines())) < 80


@pytest.mark.parametrize("command", ["serve", "cam", "calibrate", "health", "model"])
def test_help_takes_a_command(command: str) -> None:
    assert wherefore("help", command).stdout == wherefore(command, "--help").stdout


def test_help_lists_every_command() -> None:
    for args in (["--help"], ["help"]):
        text = wherefore(*args).stdout
        assert all(f"\n  {name[0]} " in text for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("option", ["--nope", "--nope=1", "-x"])
def test_an_unknown_option_is_one_line_and_status_2(
    command: list[str], option: str
) -> None:
    result = wherefore(*command, option)
    name = " ".join(["wherefore", *command])
    word = "command" if command == ["model"] else "option"

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{name}: unknown {word} ")
    assert option.split("=")[0] in result.stderr
    assert lines_of(result.stderr) == 1


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["nope"], 'unknown command "nope"'),
        (["--nope"], "unknown option --nope"),
        (["help", "nope"], 'unknown command "nope"'),
        (["a\033[1m\nb"], 'unknown command "a?[1m?b"'),
    ],
)
def test_an_unknown_command_is_one_line_and_status_2(
    args: list[str], says: str
) -> None:
    result = wherefore(*args)

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"wherefore: {says}; --help lists them\n"


@pytest.mark.parametrize(
    "args",
    [
        ["--version"],
        ["--help"],
        ["serve", "--help"],
        ["serve", "--print-config"],
        ["serve", "--check-config"],
        ["cam", "--help"],
        ["cam", "--model", MODEL, CAT],
        ["model", "info", "--runs=1", MODEL],
        ["model", "info", "--runs=1", "--json", MODEL],
        ["model", "check", MODEL],
        ["model", "check", "--json", MODEL],
    ],
    ids=lambda args: " ".join(map(str, args[:3])),
)
def test_what_cannot_be_printed_is_a_failure(args: list[object]) -> None:
    with open("/dev/full", "w") as full:
        result = wherefore(*args, stdout=full)

    assert result.returncode == 1
    assert ": No space left on device" in result.stderr
    assert lines_of(result.stderr) == 1


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("nowhere", "cannot be opened: No such file or directory"),
        (".", "contains neither model.json nor model.onnx"),
        ("model.onnx", "is a file; give the folder that it is in"),
    ],
)
def test_a_folder_that_is_no_model_is_said_to_be_so(tmp_path, model, says) -> None:
    (tmp_path / "model.onnx").symlink_to(MODEL / "model.onnx")
    cwd = tmp_path / "below"
    cwd.mkdir()
    if model.endswith("onnx"):
        model = f"../{model}"
    cam = wherefore("cam", "--model", model, CAT, cwd=cwd)
    serve = wherefore("serve", "--listen=127.0.0.1:0", "--model", model, cwd=cwd)

    assert (cam.returncode, serve.returncode) == (1, 1)
    assert cam.stderr == f"wherefore cam: {model}: {says}\n"
    assert serve.stderr == f"wherefore serve: model {model}: {says}\n"
