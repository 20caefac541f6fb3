"""The report of `wherefore fit`: figures against those computed here, where the evidence
lies against ONNX Runtime's features, and marks that are planted."""

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import marked
import numpy as np
import onnx
import onnxruntime
import pytest
import tiny
from conftest import run_in
from PIL import Image

HALVES = 2e-3  # maps are kept in halves


@pytest.fixture
def fit(tmp_path: Path) -> Callable[..., tuple[dict, dict]]:
    """Fits to a set; returns what is printed, and report.json."""
    base = tiny.model(tmp_path / "tiny", ["cat", "dog"])

    def run(photos: Path, to: str = "mine") -> tuple[dict, dict]:
        done = run_in(tmp_path, "fit", photos, "--base", base, "--to", to, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), json.loads((tmp_path / to / "report.json").read_text())

    return run


def page_of(folder: Path) -> tuple[str, dict]:
    """The page, and the data in it."""
    page = (folder / "report.html").read_text()
    return page, json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])


def test_figures_are_those_of_the_predictions(fit: Callable, tmp_path: Path) -> None:
    """Accuracy, bounds, confusion, recall, F1, calibration, lists."""
    marked.draw_set(tmp_path / "set", 1)
    for i in range(4):  # some are in the wrong folder
        (tmp_path / f"set/red/{i:02}.png").rename(tmp_path / f"set/green/moved{i}.png")
    printed, report = fit(tmp_path / "set")
    truth = np.array([one["class"] for one in printed["photos"]])
    shares = np.array([one["probabilities"] for one in printed["photos"]])
    taken, certain = shares.argmax(1), shares.max(1)
    right, count = int((taken == truth).sum()), len(truth)
    assert 0 < right < count

    accuracy = report["accuracy"]
    assert (accuracy["right"], accuracy["of"]) == (right, count)
    for bound in ("low", "high"):  # where Wilson's test just accepts the share
        p = accuracy[bound]
        z = (right / count - p) / np.sqrt(p * (1 - p) / count)
        assert abs(z) == pytest.approx(1.95996, abs=1e-4)
    confusion = np.zeros((3, 3), int)
    np.add.at(confusion, (truth, taken), 1)
    assert report["confusion"] == [[i, k, confusion[i, k]] for i in range(3) for k in range(3) if confusion[i, k]]
    f1 = 2 * confusion.diagonal() / (confusion.sum(0) + confusion.sum(1))
    assert report["macro_f1"] == pytest.approx(f1.mean())
    recalls = [one["recall"] for one in report["classes"]]
    assert recalls == pytest.approx(confusion.diagonal() / confusion.sum(1))

    bins = np.minimum((certain * 10).astype(int), 9)
    off = [abs((taken == truth)[bins == b].sum() - certain[bins == b].sum()) for b in range(10)]
    assert report["calibration"]["ece"] == pytest.approx(sum(off) / count, abs=1e-6)
    usual = np.array([shares[truth == k, k].mean() for k in range(3)])
    doubtful = [i for i in range(count) if taken[i] != truth[i] and certain[i] >= usual[taken[i]]]
    doubtful.sort(key=lambda i: shares[i, truth[i]] - certain[i])
    assert report["mislabelled"] == {"photos": doubtful, "found": len(doubtful)}
    assert report["least_certain"]["photos"][0] == certain.argmin()
    assert [one["file"] for one in report["items"]] == [one["name"] for one in printed["photos"]]


def test_the_evidence_is_that_of_the_features(fit: Callable, tmp_path: Path) -> None:
    """Mean maps and shares, from ONNX Runtime's features and the head in the file."""
    marked.draw_set(tmp_path / "set", 2)
    _, report = fit(tmp_path / "set")
    graph = onnx.load(tmp_path / "mine/model.onnx").graph
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in graph.initializer}
    weights = constants[graph.node[-1].input[1]].astype(float)
    network = onnx.load(tmp_path / "tiny/model.onnx")
    del network.graph.output[:]
    network.graph.output.append(onnx.helper.make_empty_tensor_value_info("r"))
    session = onnxruntime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])

    def features(name: str) -> np.ndarray:
        size = (tiny.WIDTH, tiny.HEIGHT)
        small = Image.open(tmp_path / "set" / name).resize(size, Image.Resampling.BICUBIC)
        sample = ((np.asarray(small, np.float32) - 127) / 64).transpose(2, 0, 1)[None]
        return session.run(None, {"input": sample})[0][0]

    for k, found in enumerate(report["evidence"]["classes"]):
        against = weights[k] - np.delete(weights, k, 0).mean(0)
        maps = np.array([
            np.tensordot(against, features(one["file"]), 1)
            for one in report["items"] if one["class"] == k
        ])
        height, width = maps.shape[1:]
        assert (height, width) == (report["evidence"]["height"], report["evidence"]["width"])
        most = np.abs(maps.mean(0)).max()
        assert np.abs(np.reshape(found["map"], (height, width)) - maps.mean(0)).max() < HALVES * most
        positive = maps.clip(0).sum(0)
        rows, columns = round(height / 7), round(width / 7)
        inner = positive[rows:-rows, columns:-columns]
        assert found["border"] == pytest.approx(1 - inner.sum() / positive.sum(), abs=HALVES)
        corner = positive[-2 * rows :, : 2 * columns]
        assert found["corners"][2] == pytest.approx(corner.sum() / positive.sum(), abs=HALVES)
        middle = positive[height // 4 : -(height // 4), width // 4 : -(width // 4)]
        assert found["outside_centre"] == pytest.approx(1 - middle.sum() / positive.sum(), abs=HALVES)


@pytest.mark.parametrize("mark", marked.MARKS)
def test_a_planted_mark_is_warned_of(fit: Callable, tmp_path: Path, mark: str) -> None:
    """Its class, its place and the photos that have it, and nothing else."""
    marked.draw_set(tmp_path / "set", 3, mark)
    _, report = fit(tmp_path / "set")
    (warning,) = report["evidence"]["warnings"]
    assert report["classes"][warning["class"]]["name"] == "red"
    assert warning["place"] == ("border" if mark == "frame" else "bottom-right")
    files = [report["items"][photo]["file"] for photo in warning["photos"]]
    assert {int(file[-6:-4]) % 2 for file in files[:6]} == {0}
    assert marked.PHOTOS / 4 <= warning["marked"] <= 3 * marked.PHOTOS / 4
    assert f"In {warning['marked']} of {marked.PHOTOS} photos" in warning["text"]


def test_clean_sets_are_not_warned_of(fit: Callable, tmp_path: Path) -> None:
    """Five, drawn anew, in which marks are looked for."""
    for seed in range(10, 15):
        marked.draw_set(tmp_path / str(seed), seed)
        _, report = fit(tmp_path / str(seed), f"to{seed}")
        assert report["evidence"]["examined"] == 3
        assert report["evidence"]["warnings"] == []


def test_names_are_never_markup(fit: Callable, tmp_path: Path) -> None:
    """A class that would end the script, and files with odd names."""
    name = "</script><img src=x onerror=alert(1)> & 'q'"
    folder = tmp_path / "set"
    marked.draw_set(folder, 4)
    shutil.copy(folder / "blue/00.png", folder / "blue/<b>.png")
    (folder / "blue/broken<i>.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    lines = [
        f'{photo.relative_to(tmp_path)},"{name if photo.parent.name == "red" else photo.parent.name}"'
        for photo in sorted(folder.glob("*/*"))
    ]
    (tmp_path / "set.csv").write_text("\n".join(["file,class", *lines]) + "\n")
    _, report = fit(tmp_path / "set.csv")
    assert name in [one["name"] for one in report["classes"]]
    page, data = page_of(tmp_path / "mine")
    assert name in [one["name"] for one in data["classes"]]
    for markup in ("<img", "<b>", "<i>"):
        assert markup not in page
    assert page.count("</script>") == 2
    assert ["set/blue/00.png", "set/blue/<b>.png"] in [sorted(names) for names in report["groups"]]
    assert [one["file"] for one in report["left_out"]] == ["set/blue/broken<i>.png"]
    assert report["num_left_out"] == 1


def test_the_page_lets_nothing_run_but_its_script(fit: Callable, tmp_path: Path) -> None:
    """Its policy has the hashes of its script and style; its pictures are data."""
    marked.draw_set(tmp_path / "set", 5)
    fit(tmp_path / "set")
    page, data = page_of(tmp_path / "mine")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; img-src data:;")
    for kind, source in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{source} 'sha256-{digest}'" in policy
    assert not re.search(r"\b(src|href)=|url\(|@import", page[: page.index('id="data"')])
    assert len(data["pictures"]) == 3 * marked.PHOTOS
    for picture in data["pictures"]:
        assert base64.b64decode(picture["webp"])[8:12] == b"WEBP"
        assert len(base64.b64decode(picture["maps"][0])) == 8 * 12
    assert len(page) < 1_000_000


def test_of_a_set_with_val_its_photos_are_shown(fit: Callable, tmp_path: Path) -> None:
    """Only they count; the others are looked at all the same."""
    marked.draw_set(tmp_path / "set/train", 6)
    marked.draw_set(tmp_path / "set/val", 7)
    _, report = fit(tmp_path / "set")
    assert report["validation"] == report["accuracy"]["of"] == 3 * marked.PHOTOS
    assert sum(one["counts"] for one in report["items"]) == 3 * marked.PHOTOS
    assert {one["fold"] is None for one in report["items"]} == {True, False}
