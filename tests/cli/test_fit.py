"""wherefore fit: a model of one's own classes, held to ONNX Runtime and to what the
folders of photos say."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tiny
from conftest import ROOT, WHEREFORE, Run, run_in, said_by
from PIL import Image

# Sums over some layers in floats, as a share of the largest logit.
FLOATS = 1e-3
COLOURS = {"blue": (40, 60, 200), "green": (50, 190, 60), "red": (200, 40, 50)}
PHOTOS = 10


def draw(path: Path, colour: tuple, seed: int, side: tuple = (60, 40)) -> None:
    """A picture of blocks of about one colour, soon written whatever its size."""
    noise = np.random.default_rng(seed)
    blocks = np.array(colour) + noise.normal(0, 60, (8, 9, 3))
    small = Image.fromarray(np.clip(blocks, 0, 255).astype(np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    small.resize(side, Image.Resampling.NEAREST).save(path, compress_level=1)


def draw_set(folder: Path, count: int = PHOTOS, first: int = 0) -> None:
    """A folder of `count` photos for each colour."""
    for k, (name, colour) in enumerate(COLOURS.items()):
        for i in range(count):
            draw(folder / name / f"{i:02}.png", colour, first + 1000 * k + i)


@pytest.fixture
def base(tmp_path: Path) -> str:
    """A tiny network: a convolution, the mean, a linear layer."""
    return tiny.model(tmp_path / "tiny", ["cat", "dog"])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three classes of different colours."""
    draw_set(tmp_path / "photos")
    return tmp_path / "photos"


@pytest.fixture
def fit(tmp_path: Path, base: str) -> Callable[..., Run]:
    """Runs `wherefore fit` with the tiny network."""

    def run(*args: str | Path) -> Run:
        return run_in(tmp_path, "fit", "--base", base, "--to", "mine", *args)

    return run


@pytest.fixture
def result(fit: Callable[..., Run]) -> Callable[..., dict]:
    """What a fit that must succeed prints."""
    return lambda *args: said_by(fit("--json", *args))


def said(run: Run) -> str:
    """The message of a fit that must fail."""
    assert run.returncode == 1, run.stderr
    assert run.stdout == b""
    return run.stderr.decode()


def sample_of(photo: Path) -> np.ndarray:
    """A photo as the tiny network takes it."""
    size = (tiny.WIDTH, tiny.HEIGHT)
    small = Image.open(photo).convert("RGB").resize(size, Image.Resampling.BICUBIC)
    return ((np.asarray(small, np.float32) - 127) / 64).transpose(2, 0, 1)[None]


def run_onnx(network: str | Path | bytes, sample: np.ndarray) -> np.ndarray:
    """The first output, by ONNX Runtime."""
    source = network if isinstance(network, bytes) else str(network)
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: sample})[0][0]


def features_of(base: str, photo: Path) -> np.ndarray:
    """The features of the tiny network, (8, height, width), by ONNX Runtime."""
    network = onnx.load(Path(base) / "model.onnx")
    del network.graph.output[:]
    network.graph.output.append(onnx.helper.make_empty_tensor_value_info("r"))
    return run_onnx(network.SerializeToString(), sample_of(photo))


def head_of(model: Path) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias of the last layer of a model."""
    graph = onnx.load(model / "model.onnx").graph
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in graph.initializer}
    last = graph.node[-1]
    assert last.op_type == "Gemm"
    return constants[last.input[1]], constants[last.input[2]]


def cam(folder: Path, model: str, photo: Path) -> dict:
    """What `wherefore cam` says of a photo."""
    return said_by(run_in(folder, "cam", "--model", model, "--top", "3", photo))


def logits_of(answer: dict) -> np.ndarray:
    """The logits in the order of the classes."""
    classes = sorted(answer["classes"], key=lambda one: one["index"])
    return np.array([one["logit"] for one in classes])


# ---- the model ----


def test_a_fit_is_a_model_of_the_folders_classes(
    result: Callable[..., dict], photos: Path, tmp_path: Path
) -> None:
    """A new photo is given its colour's class, and map and logit agree."""
    found = result(photos)
    assert [one["name"] for one in found["classes"]] == list(COLOURS)
    assert found["held_out"]["accuracy"] > 0.9
    assert (tmp_path / "mine/labels.txt").read_text() == "blue\ngreen\nred\n"
    draw(tmp_path / "new.png", COLOURS["green"], 77)
    answer = cam(tmp_path, "mine", tmp_path / "new.png")
    assert answer["classes"][0]["label"] == "green"
    assert answer["method"] == "cam"
    assert answer["explanation"]["checks"][0]["name"] == "mean_plus_bias"


@pytest.mark.parametrize("head", ["gap", "gmp"])
def test_the_written_file_is_the_base_with_another_head(
    result: Callable[..., dict], photos: Path, tmp_path: Path, base: str, head: str
) -> None:
    """ONNX Runtime gives its logits, and those of the base's features by hand."""
    found = result(photos, "--head", head)
    assert found["head"] == head
    weights, bias = head_of(tmp_path / "mine")
    assert weights.shape == (3, tiny.FEATURES)
    for photo in ("blue/00.png", "red/03.png"):
        cells = features_of(base, photos / photo)
        pooled = cells.mean((1, 2)) if head == "gap" else cells.max((1, 2))
        expected = weights @ pooled + bias
        written = run_onnx(tmp_path / "mine/model.onnx", sample_of(photos / photo))
        answer = logits_of(cam(tmp_path, "mine", photos / photo))
        most = np.abs(expected).max()
        assert np.abs(written - expected).max() < FLOATS * most
        assert np.abs(answer - expected).max() < FLOATS * most
    onnx.checker.check_model(onnx.load(tmp_path / "mine/model.onnx"), full_check=True)
    before = onnx.load(Path(base) / "model.onnx").graph.initializer
    after = onnx.load(tmp_path / "mine/model.onnx").graph.initializer
    assert [c for c in after if c.name == "conv"] == [c for c in before if c.name == "conv"]
    assert not [c for c in after if c.name in ("linear", "bias")]


def test_the_head_is_that_of_the_chosen_strength(
    result: Callable[..., dict], photos: Path, tmp_path: Path, base: str
) -> None:
    """Where the head is, the gradient of what is minimized is zero."""
    found = result(photos)
    weights, bias = (x.astype(float) * found["temperature"] for x in head_of(tmp_path / "mine"))
    rows = [features_of(base, photos / one["name"]).mean((1, 2)) for one in found["photos"]]
    x = np.array(rows, float)
    truth = np.eye(3)[[one["class"] for one in found["photos"]]]
    logits = x @ weights.T + bias
    shares = np.exp(logits - logits.max(1, keepdims=True))
    off = shares / shares.sum(1, keepdims=True) - truth
    gradient = found["strength"] * off.T @ x + weights
    start = found["strength"] * (1 / 3 - truth).T @ (x - x.mean(0))
    assert np.abs(gradient).max() < 1e-3 * np.abs(start).max()
    assert np.abs(off.sum(0)).max() < 1e-3 * len(x)


def test_model_json_says_how_it_was_made(
    result: Callable[..., dict], photos: Path, tmp_path: Path, base: str
) -> None:
    """The base, the counts and the numbers of the fit are there."""
    found = result(photos, "--seed", "5", "--folds", "4")
    about = json.loads((tmp_path / "mine/model.json").read_text())
    made = about["fit"]
    assert about["name"] == "mine"
    assert made["base"]["name"] == "tiny"
    assert made["base"]["sha256"] == found["base"]["sha256"]
    assert (made["photos"], made["seed"], made["folds"]) == (3 * PHOTOS, 5, 4)
    assert made["measured"]["accuracy"] == pytest.approx(found["held_out"]["accuracy"])
    assert made["temperature"] == pytest.approx(found["temperature"])
    assert made["strength"] == pytest.approx(found["strength"])


@pytest.mark.parametrize(
    "changes",
    [
        {"resize": "letterbox", "pad": [1, 2, 3], "channels": "BGR"},
        {"resize": "crop", "crop_fraction": 0.75, "interpolation": "bilinear"},
    ],
)
def test_photos_are_prepared_as_for_the_base(
    result: Callable[..., dict], photos: Path, tmp_path: Path, base: str, changes: dict
) -> None:
    """The member input of model.json is the base's."""
    about = json.loads((Path(base) / "model.json").read_text())
    about["input"] |= changes
    (Path(base) / "model.json").write_text(json.dumps(about))
    result(photos)
    made = json.loads((tmp_path / "mine/model.json").read_text())
    assert made["input"] == about["input"]


NETWORKS = [
    ("lane-change-legacy13", ()),  # not square
    ("googlenet-gmp-legacy13", ()),  # pooled by the maximum
    ("convnext-legacy13", ()),  # a normalization behind the pooling
    ("squeezenet-legacy13", ()),  # channels are classes before the pooling
    ("tokens-legacy17", ()),  # features are rows of tokens
    ("tokens-dynamo18", ()),
    ("vggcam-keras-tensorflow", ()),  # (N, H, W, C)
    ("lane-change-legacy17-half", ()),  # floats of 16 bits
    ("googlenet-gap-dynamo18-external", ()),  # weights in another file
    ("mobilenet-v2-legacy11", ("--layer", "-3")),
    ("vgg16-legacy13", ("--layer", "-2")),  # has no global pooling
]


@pytest.mark.parametrize(("network", "options"), NETWORKS)
def test_many_networks_are_bases(
    tmp_path: Path, network: str, options: tuple[str, ...]
) -> None:
    """The file that is written gives ONNX Runtime the logits that it has here."""
    file = ROOT / f"tests/data/networks/{network}.onnx"
    added = run_in(tmp_path, "model", "add", file, "--to", "base")
    assert added.returncode == 0, added.stderr
    draw_set(tmp_path / "photos", 3)
    made = run_in(
        tmp_path, "fit", "photos", "--base", "base", "--to", "mine", "--json", *options
    )
    found = said_by(made)
    spec = json.loads((tmp_path / "mine/model.json").read_text())["input"]
    photo = tmp_path / "photos/red/01.png"
    size = (spec["width"], spec["height"])
    small = Image.open(photo).convert("RGB").resize(size, Image.Resampling.BICUBIC)
    sample = (np.asarray(small, np.float32) - np.float32(spec["mean"])) / np.float32(spec["std"])
    session = onnxruntime.InferenceSession(
        str(tmp_path / "mine/model.onnx"), providers=["CPUExecutionProvider"]
    )
    source = session.get_inputs()[0]
    if source.shape[-1] != 3:
        sample = sample.transpose(2, 0, 1)
    kind = np.float16 if "float16" in source.type else np.float32
    written = session.run(None, {source.name: sample[None].astype(kind)})[0][0]
    logits = logits_of(cam(tmp_path, "mine", photo))
    rough = 30 if kind is np.float16 else 1
    assert np.abs(written - logits).max() < rough * FLOATS * max(1, np.abs(logits).max())
    assert len(found["classes"]) == 3


def test_a_grey_network_is_a_base(tmp_path: Path) -> None:
    """Its input has one channel."""
    network = tiny.network(2)
    for constant in network.graph.initializer:
        if constant.name == "conv":
            grey = onnx.numpy_helper.to_array(constant).mean(1, keepdims=True)
            constant.CopyFrom(onnx.numpy_helper.from_array(grey, "conv"))
    network.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1
    base = Path(tiny.model(tmp_path / "grey", ["cat", "dog"], network))
    about = json.loads((base / "model.json").read_text())
    about["input"] |= {"channels": "L", "mean": [127], "std": [64]}
    (base / "model.json").write_text(json.dumps(about))
    for i in range(6):
        draw(tmp_path / f"photos/dark/{i}.png", (40, 40, 40), i)
        draw(tmp_path / f"photos/light/{i}.png", (200, 200, 200), 50 + i)
    found = said_by(
        run_in(tmp_path, "fit", "photos", "--base", base, "--to", "mine", "--json")
    )
    assert found["held_out"]["accuracy"] > 0.9
    answer = cam(tmp_path, "mine", tmp_path / "photos/dark/0.png")
    assert answer["classes"][0]["label"] == "dark"


# ---- the split ----


def test_classes_are_spread_over_the_folds(
    result: Callable[..., dict], photos: Path
) -> None:
    """Each fold has as many of a class as any other."""
    found = result(photos)
    for k in range(3):
        folds = [one["fold"] for one in found["photos"] if one["class"] == k]
        assert sorted(folds) == sorted(2 * list(range(5)))


def test_near_duplicates_are_never_on_both_sides(
    result: Callable[..., dict], photos: Path
) -> None:
    """Copies in another size and format are in the fold of their photo, and listed."""
    for i in range(4):
        image = Image.open(photos / f"red/{i:02}.png")
        image.resize((90, 60)).save(photos / f"red/copy{i}.jpg", quality=90)
    shutil.copy(photos / "blue/00.png", photos / "green/same.png")
    found = result(photos)
    folds = {one["name"]: one["fold"] for one in found["photos"]}
    pairs = {frozenset((one["a"], one["b"])) for one in found["alike"]}
    for i in range(4):
        assert frozenset((f"red/{i:02}.png", f"red/copy{i}.jpg")) in pairs
    assert frozenset(("blue/00.png", "green/same.png")) in pairs
    for one in found["alike"]:
        assert folds[one["a"]] == folds[one["b"]]
    groups: dict[int, set] = {}
    for one in found["photos"]:
        groups.setdefault(one["group"], set()).add(one["fold"])
    assert all(len(group) == 1 for group in groups.values())


def test_photos_of_one_place_are_not_one_group(
    result: Callable[..., dict], tmp_path: Path
) -> None:
    """A fixed camera sees a part in a corner or none; that is no duplicate."""
    noise = np.random.default_rng(3)
    ground = noise.uniform(60, 200, (8, 9, 3))
    for i in range(40):
        blocks = ground + noise.normal(0, 6, ground.shape)
        name = "none" if i % 2 else "part"
        if name == "part":
            blocks[5:7, 6:8] = noise.uniform(200, 255, 3)
        small = Image.fromarray(np.clip(blocks, 0, 255).astype(np.uint8))
        path = tmp_path / f"set/{name}/{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        small.resize((90, 80), Image.Resampling.NEAREST).save(path)
    found = result("set")
    sizes = np.bincount([one["group"] for one in found["photos"]])
    assert sizes.max() <= 10
    assert found["held_out"]["accuracy"] > 0.9


def test_a_seed_decides_on_the_folds(result: Callable[..., dict], photos: Path) -> None:
    """The same one gives the same model, another one other folds."""

    def without_times(found: dict) -> dict:
        return {k: v for k, v in found.items() if k not in ("seconds", "cached")}

    first = result(photos, "--threads", "1")
    again = result(photos, "--force", "--threads", "2")
    other = result(photos, "--force", "--seed", "1")
    assert without_times(first) == without_times(again)
    assert [one["fold"] for one in first["photos"]] != [one["fold"] for one in other["photos"]]


def test_photos_of_val_judge_a_head_of_train(
    result: Callable[..., dict], tmp_path: Path
) -> None:
    """They are no part of the fit, and none counts that is like one of train/."""
    draw_set(tmp_path / "set/train")
    draw_set(tmp_path / "set/val", 4, first=500)
    shutil.copy(tmp_path / "set/train/red/00.png", tmp_path / "set/val/red/copy.png")
    found = result("set")
    photos = {one["name"]: one for one in found["photos"] if one["fold"] is None}
    assert len(photos) == 13
    assert not photos["red/copy.png"]["measured"]
    assert found["held_out"]["photos"] == 12
    assert [one["validation"] for one in found["classes"]] == [4, 4, 5]
    assert found["held_out"]["accuracy"] > 0.9


def test_classes_weigh_the_same_unless_photos_do(
    result: Callable[..., dict], photos: Path
) -> None:
    """n / (classes x photos of the class)."""
    for i in range(5):
        (photos / f"red/{i:02}.png").unlink()
    found = result(photos)
    assert [one["weight"] for one in found["classes"]] == pytest.approx([25 / 30, 25 / 30, 25 / 15])
    found = result(photos, "--force", "--unbalanced")
    assert [one["weight"] for one in found["classes"]] == [1, 1, 1]


def test_a_csv_file_names_photos_and_classes(
    result: Callable[..., dict], photos: Path, tmp_path: Path
) -> None:
    """The classes are in the order of their names, numbers in that of their size."""
    names = {"blue": "10", "green": "9", "red": "wine red"}
    lines = [
        f"photos/{path.relative_to(photos)},{names[path.parent.name]}"
        for path in sorted(photos.glob("*/*"))
    ]
    (tmp_path / "set.csv").write_text("\n".join(["file,class", *lines]) + "\n")
    found = result("set.csv")
    assert [one["name"] for one in found["classes"]] == ["9", "10", "wine red"]
    assert found["held_out"]["accuracy"] > 0.9


# ---- the cache ----


def cached(tmp_path: Path) -> list[Path]:
    """The files of the cache."""
    return sorted((tmp_path / "mine.cache").glob("*/*"))


def test_a_second_fit_uses_the_cache(
    result: Callable[..., dict], photos: Path, tmp_path: Path
) -> None:
    """Only what is new or broken is computed again, to the same end."""
    first = result(photos)
    assert first["cached"] == 0
    assert len(cached(tmp_path)) == 3 * PHOTOS
    broken, short = cached(tmp_path)[:2]
    content = bytearray(broken.read_bytes())
    content[len(content) // 2] ^= 1
    broken.write_bytes(content)
    short.write_bytes(short.read_bytes()[:-1])
    again = result(photos, "--force")
    assert again["cached"] == 3 * PHOTOS - 2
    assert again["photos"] == first["photos"]
    content[len(content) // 2] ^= 1
    assert broken.read_bytes() == content
    draw(photos / "red/new.png", COLOURS["red"], 99)
    assert result(photos, "--force")["cached"] == 3 * PHOTOS
    # Another pooling, and another network.
    assert result(photos, "--force", "--head", "gmp")["cached"] == 3 * PHOTOS + 1
    other = tiny.model(tmp_path / "other", ["cat", "dog", "hen"])
    options = ("--base", other, "--cache", "mine.cache")
    found = said_by(run_in(tmp_path, "fit", photos, *options, "--to", "its", "--json"))
    assert found["cached"] == 0


def test_an_interrupted_fit_leaves_its_cache_only(
    base: str, tmp_path: Path
) -> None:
    """Ctrl-C ends it at once, and the next fit goes on from there."""
    for name, colour in COLOURS.items():
        for i in range(12):
            draw(tmp_path / f"photos/{name}/{i}.png", colour, sum(colour) + i, (1500, 1000))
    command = [WHEREFORE, "fit", "photos", "--base", base, "--to", "mine", "--threads", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    end = time.monotonic() + 30
    while not cached(tmp_path) and time.monotonic() < end:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == -signal.SIGINT
    assert process.stderr.read() == b""
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["mine.cache", "photos", "tiny"]
    kept = len(cached(tmp_path))
    assert 0 < kept < 36
    found = said_by(
        run_in(tmp_path, "fit", "photos", "--base", base, "--to", "mine", "--json")
    )
    assert found["cached"] == kept


# ---- the folder ----


def test_a_folder_that_exists_is_not_overwritten(
    fit: Callable[..., Run], result: Callable[..., dict], photos: Path, tmp_path: Path
) -> None:
    """Not without --force, and never if no fit has made it."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    assert "mine already exists; --force replaces it" in said(fit(photos))
    assert "is not a model that was made by a fit" in said(fit(photos, "--force"))
    assert (tmp_path / "mine/letter.txt").read_text() == "dear"
    shutil.rmtree(tmp_path / "mine")
    result(photos)
    (tmp_path / "mine/report.html").write_text("old")
    result(photos, "--force")
    made = ["labels.txt", "model.json", "model.onnx", "report.html", "report.json"]
    assert sorted(os.listdir(tmp_path / "mine")) == made
    assert (tmp_path / "mine/report.html").read_text() != "old"
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["mine", "mine.cache", "photos", "tiny"]


def test_the_summary_says_what_was_made(fit: Callable[..., Run], photos: Path) -> None:
    """For people: how good it is, and how to use it."""
    done = fit(photos)
    assert done.returncode == 0
    assert done.stderr == b""
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "3 classes, 30 photos"
    assert "% of 30 photos that were held out are right" in lines[1]
    assert lines[-1] == "mine: try `wherefore serve --model mine`"


def test_pairs_in_two_classes_are_told_first_to_be_looked_at(
    fit: Callable[..., Run], photos: Path
) -> None:
    """Whatever number of pairs is of one class."""
    for i in range(5):
        shutil.copy(photos / f"blue/0{i}.png", photos / f"blue/1{i}.png")
    (photos / "red/00.png").rename(photos / "green/of_red.png")
    shutil.copy(photos / "green/of_red.png", photos / "red/00.png")
    done = fit(photos)
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    first = lines.index("6 pairs of photos are nearly the same, and kept together:")
    assert all("blue/" in line for line in lines[first + 1 : first + 4])
    assert lines[first + 4 : first + 6] == [
        "1 of them is in two classes, so one photo may be mislabelled:",
        "  green/of_red.png and red/00.png",
    ]


# ---- bad sets ----


def test_photos_that_cannot_be_read_are_told_of_and_left_out(
    fit: Callable[..., Run], photos: Path, tmp_path: Path
) -> None:
    """Broken, empty and huge ones, files that are no photos, and empty folders."""
    whole = (photos / "red/00.png").read_bytes()
    (photos / "red/broken.png").write_bytes(whole[: len(whole) // 2])
    (photos / "red/empty.jpg").write_bytes(b"")
    (photos / "red/text.jpg").write_text("no photo")
    (photos / "red/notes.txt").write_text("no photo")
    draw(photos / "red/wide.png", COLOURS["red"], 5, (700, 10))
    (photos / "red/heavy.jpg").write_bytes(random.Random(1).randbytes(50000))
    (photos / "nothing").mkdir()
    (photos / ".hidden").mkdir()
    done = fit(photos, "--json", "--max-width", "600", "--max-bytes", "40000")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    why = {one["name"]: one["why"] for one in found["left_out"]}
    assert set(why) == {
        *("red/broken.png", "red/empty.jpg", "red/text.jpg", "red/wide.png"),
        *("red/heavy.jpg", "red", "nothing"),
    }
    assert why["nothing"] == "there is no photo in it"
    assert why["red"] == "1 of its 16 files are not photos by their names"
    assert "600" in why["red/wide.png"]
    assert "40000" in why["red/heavy.jpg"]
    told = done.stderr.decode()
    assert all(f"wherefore fit: {name}: {text}\n" in told for name, text in why.items())
    assert len(found["photos"]) == 3 * PHOTOS


def test_photos_beside_the_folders_are_told_of(
    fit: Callable[..., Run], photos: Path
) -> None:
    """They are in no class."""
    draw(photos / "stray.png", COLOURS["red"], 5)
    (photos / "truth.txt").write_text("no photo")
    told = "wherefore fit: {}: it is in no class's folder{}\n"
    assert fit(photos).stderr.decode() == told.format("stray.png", "")
    draw(photos / "other.png", COLOURS["red"], 6)
    expected = told.format("other.png", ": the first of 2 such photos")
    assert fit(photos, "--force").stderr.decode() == expected


def test_a_refused_set_leaves_nothing(
    fit: Callable[..., Run], tmp_path: Path
) -> None:
    """No empty cache either, unless it was there."""
    (tmp_path / "void").mkdir()
    said(fit("void"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny", "void"]
    (tmp_path / "mine.cache").mkdir()
    said(fit("void"))
    assert list((tmp_path / "mine.cache").iterdir()) == []


def test_sets_that_cannot_be_fitted_are_refused(
    fit: Callable[..., Run], tmp_path: Path
) -> None:
    """One class; one photo for a class; the same photos; nothing."""
    only = tmp_path / "only"
    draw(only / "red/0.png", COLOURS["red"], 0)
    draw(only / "red/1.png", COLOURS["red"], 1)
    assert 'only one class, "red"' in said(fit(only))
    draw(only / "blue/0.png", COLOURS["blue"], 2)
    message = said(fit(only))
    assert '1 of 2 classes has less than two photos that can be read; the first is "blue", with 1' in message
    shutil.copy(only / "blue/0.png", only / "blue/1.png")
    assert 'all 2 photos of class "blue" are near-duplicates' in said(fit(only))
    (tmp_path / "void").mkdir()
    assert "void: it has no photos; it takes a folder" in said(fit("void"))
    draw(tmp_path / "flat/0.png", COLOURS["red"], 0)
    assert "flat: photos lie in the folder itself; it takes" in said(fit("flat"))
    assert "missing" in said(fit("missing"))
    assert not (tmp_path / "mine").exists()


def test_odd_names_of_classes(
    fit: Callable[..., Run], result: Callable[..., dict], photos: Path, tmp_path: Path
) -> None:
    """Any text is a name, but for control characters and semicolons."""
    (photos / "red").rename(photos / "größer, \"rot\" & <b>")
    found = result(photos)
    assert found["classes"][2]["name"] == "größer, \"rot\" & <b>"
    (photos / "blue").rename(photos / "light\nblue")
    assert "control character" in said(fit(photos, "--force"))
    (photos / "light\nblue").rename(photos / "a;b")
    assert "no semicolon" in fit(photos, "--force").stderr.decode()
    assert (tmp_path / "mine/labels.txt").exists()


def test_too_many_classes_are_refused(fit: Callable[..., Run], tmp_path: Path) -> None:
    """Before any photo is read."""
    for i in range(1001):
        (tmp_path / f"many/{i}").mkdir(parents=True)
        (tmp_path / f"many/{i}/0.png").touch()
    assert "there are 1001 classes; at most 1000 are allowed" in said(fit("many"))


def test_a_thousand_classes_of_one_photo_are_refused(
    fit: Callable[..., Run], tmp_path: Path
) -> None:
    """The message counts them."""
    for i in range(1000):
        draw(tmp_path / f"many/{i}/0.png", (i % 256, 100, i // 4), i, (9, 8))
    message = said(fit("many"))
    assert '1000 of 1000 classes have less than two photos that can be read; the first is "0"' in message


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("photos",), "--to is missing"),
        (("--to", "mine"), "no photos are given"),
        (("photos", "more", "--to", "mine"), "a second set of photos"),
        (("photos", "--to", "mine", "--folds", "1"), "--folds"),
        (("photos", "--to", "mine", "--head", "mean"), "--head"),
    ],
)
def test_a_wrong_command_line_has_status_2(
    tmp_path: Path, args: tuple[str, ...], message: str
) -> None:
    """The message names what is wrong."""
    done = run_in(tmp_path, "fit", *args)
    assert done.returncode == 2
    assert message in done.stderr.decode()


def test_a_base_or_layer_that_is_not_there_is_named(
    fit: Callable[..., Run], photos: Path, tmp_path: Path
) -> None:
    """And nothing is made."""
    done = run_in(tmp_path, "fit", photos, "--base", "nowhere", "--to", "mine")
    assert "nowhere" in said(done)
    assert "no_such_layer" in said(fit(photos, "--layer", "no_such_layer"))
    assert "--to" in said(run_in(tmp_path, "fit", photos, "--to", "there/mine/.."))
    assert not (tmp_path / "mine").exists()
