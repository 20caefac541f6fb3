"""Scores are what the network's own last function says: ONNX Runtime's numbers.

The networks and what is expected of them are in tests/data/outputs, made by
tools/reference/output_cases.py."""

import json
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
