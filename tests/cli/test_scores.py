"""Scores are what the network's own last function says: ONNX Runtime's numbers.

The networks and what is expected of them are in tests/data/outputs, made by
tools/reference/output_cases.py."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, WHEREFORE, Run

OUTPUTS = ROOT / "tests/data/outputs"
EXPECTED = json.loads((OUTPUTS / "outputs.json").read_text("utf-8"))
INPUT = ["--mean", "0", "--std", "255"]


def wherefore(folder: Path, *args: str | Path) -> Run:
    """Runs the program in a folder."""
    return subprocess.run(
        [WHEREFORE, *args],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


def add(folder: Path, name: str) -> Run:
    """`wherefore model add` of a network, with the options that it is for."""
    expected = EXPECTED[name]
    options = list(expected.get("add", []))
    if "labels" in expected:
        names = "".join(f"class {i}\n" for i in range(expected["labels"]))
        (folder / "labels.txt").write_text(names, "utf-8")
        options += ["--labels", "labels.txt"]
    network = OUTPUTS / f"{name}.onnx"
    return wherefore(folder, "model", "add", network, "--to", "made", *INPUT, *options)


def answer(folder: Path, *options: str) -> dict:
    """The answer about the picture, all classes."""
    run = wherefore(folder, "cam", "--model", "made", *options, OUTPUTS / "picture.png")
    assert run.stderr == b""
    return json.loads(run.stdout)


def test_every_network_is_listed():
    assert set(EXPECTED) == {path.stem for path in OUTPUTS.glob("*.onnx")}


@pytest.mark.parametrize("name", [n for n, e in EXPECTED.items() if "error" in e])
def test_what_has_no_scores_is_refused_with_the_reason(tmp_path: Path, name: str):
    made = add(tmp_path, name)

    assert made.returncode == 1
    assert EXPECTED[name]["error"] in made.stderr.decode()
    assert not (tmp_path / "made").exists()
    # Options that a message names are the command's own.
    help_text = wherefore(tmp_path, "model", "add", "--help").stdout.decode()
    for option in re.findall(r"--[a-z-]+", made.stderr.decode()):
        assert f"  {option} " in help_text


@pytest.mark.parametrize("name", [n for n, e in EXPECTED.items() if "scores" in e])
def test_logits_and_scores_are_onnx_runtimes(tmp_path: Path, name: str):
    expected = EXPECTED[name]
    made = add(tmp_path, name)
    assert made.stderr == b""
    count = len(expected["logits"])
    found = answer(tmp_path, "--top", str(count), "--class", "top")
    classes = sorted(found["classes"], key=lambda entry: entry["index"])

    assert [entry["index"] for entry in classes] == list(range(count))
    # Sums of 24 and of 4 products up to about 3, in floats.
    assert [e["logit"] for e in classes] == pytest.approx(
        expected["logits"], rel=1e-5, abs=2e-6
    )
    assert [e["score"] for e in classes] == pytest.approx(
        expected["scores"], rel=1e-5, abs=1e-6
    )
    assert found["scores"] == expected["kind"]
    logits = [entry["logit"] for entry in found["classes"]]
    assert logits == sorted(logits, reverse=True)
    assert (found["method"] == "cam") == expected["map"]
    if expected["map"]:
        for entry in found["classes"] if count > 1 else [found | found["classes"][0]]:
            # The proof of a map, whatever follows the logits.
            assert entry["map"]["mean_plus_bias"] == pytest.approx(
                entry["logit"], abs=1e-5
            )


def test_info_says_which_output_is_served_and_how_scores_are_made(tmp_path: Path):
    for name in ("features-first", "sigmoid", "beside-argmax", "stacked"):
        run = wherefore(
            tmp_path, "model", "info", OUTPUTS / f"{name}.onnx", "--json", "--runs", "1"
        )
        info = json.loads(run.stdout)

        assert info["scores"] == EXPECTED[name]["kind"]
        assert info["output"] == EXPECTED[name].get("output", "out")
        assert info["classes"] == len(EXPECTED[name]["logits"])


def test_check_counts_the_nodes_that_do_not_matter(tmp_path: Path):
    run = wherefore(tmp_path, "model", "check", OUTPUTS / "beside-argmax.onnx")

    assert run.returncode == 0
    assert (
        run.stdout.decode()
        == 'all 5 nodes that the output "z" needs are supported; 1 more is not needed\n'
    )


def test_a_folder_says_in_model_json_what_the_options_say(tmp_path: Path):
    """Errors of commands that read model.json name its members."""
    folder = tmp_path / "two"
    folder.mkdir()
    network = (OUTPUTS / "two-tasks-apart.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(network)
    photo = OUTPUTS / "picture.png"
    run = wherefore(tmp_path, "cam", "--model", "two", photo)

    assert run.returncode == 1
    assert (
        b'"animal" (3), "indoors" (2); choose one with "output" in model.json'
        in run.stderr
    )
    (folder / "labels.txt").write_text("outside\ninside\n", "utf-8")
    found = json.loads(wherefore(tmp_path, "cam", "--model", "two", photo).stdout)
    assert {entry["label"] for entry in found["classes"]} == {"inside", "outside"}


def test_scores_and_output_of_model_json_are_checked(tmp_path: Path):
    assert add(tmp_path, "logits-sigmoid-each").returncode == 0
    path = tmp_path / "made" / "model.json"
    said = json.loads(path.read_text("utf-8"))
    for member, value, message in [
        ("scores", "logistic", 'model.json: scores must be "softmax" or "sigmoid"'),
        ("scores", 1, 'model.json: scores must be "softmax" or "sigmoid"'),
        ("output", 1, "model.json: output must be a string"),
        ("output", "y", 'has no output "y"; its outputs are "out"'),
    ]:
        path.write_text(json.dumps(said | {member: value}), "utf-8")
        run = wherefore(tmp_path, "cam", "--model", "made", OUTPUTS / "picture.png")

        assert run.returncode == 1
        assert message in run.stderr.decode()
