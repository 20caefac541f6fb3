"""wherefore exemplars: the photos of a folder that excite each channel most, held to
ONNX Runtime, and on contact sheets to Pillow."""

import functools
import itertools
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tiny
from conftest import MODEL, SAMPLES, Run, run_in, said_by
from PIL import Image, ImageOps

# Sums over some layers in floats, as a share of the largest value.
FLOATS = 1e-4
GAP = 2
# What rounding may add to a position in the photo.
HAIR = 1e-6

Span = tuple[int, int, int]  # first and last pixel of cell 0, pixels between cells


@pytest.fixture
def exemplars(tmp_path: Path) -> Callable[..., Run]:
    """Runs `wherefore exemplars` in a folder of its own."""

    return lambda *args: run_in(tmp_path, "exemplars", *args)


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A tiny network: one convolution of 4 x 4 pixels, a cell for each."""
    return tiny.model(tmp_path / "tiny", ["cat", "dog"])


def noise(path: Path, seed: int, width: int = 100, height: int = 70) -> np.ndarray:
    """A picture of random pixels, which is saved."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (height, width, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def index_of(folder: Path) -> dict:
    """The index in a folder."""
    return json.loads((folder / "exemplars.json").read_text())


# ---- what ONNX Runtime and the file say ----


@functools.cache
def lite0() -> onnx.ModelProto:
    """The network."""
    return onnx.load(MODEL / "model.onnx")


def features_of(layer: str, photos: list[Path]) -> np.ndarray:
    """A layer of Lite0 on photos: (photos, channels, height, width)."""
    network = onnx.ModelProto()
    network.CopyFrom(lite0())
    network.graph.output.append(onnx.helper.make_empty_tensor_value_info(layer))
    session = onnxruntime.InferenceSession(
        network.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found = []
    for photo in photos:
        small = Image.open(photo).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
        sample = (np.array(small).astype(np.float32) - 127) / 128
        feed = {session.get_inputs()[0].name: sample.transpose(2, 0, 1)[None]}
        found.append(session.run([layer], feed)[0][0])
    return np.array(found)


def span_of(layer: str, axis: int) -> Span:
    """What a cell of a layer of Lite0 sees along an axis, by the windows of the file."""
    makers = {output: node for node in lite0().graph.node for output in node.output}
    constants = {constant.name for constant in lite0().graph.initializer}

    @functools.cache
    def span(value: str) -> Span:
        node = makers.get(value)
        if node is None:
            return 0, 0, 1
        spans = [span(name) for name in node.input if name and name not in constants]
        strides = {stride for _, _, stride in spans}
        assert len(strides) == 1
        first = min(first for first, _, _ in spans)
        last = max(last for _, last, _ in spans)
        stride = strides.pop()
        if node.op_type != "Conv":
            return first, last, stride
        about = {a.name: list(a.ints) for a in node.attribute}
        before = about["pads"][axis] * stride
        reach = (about["kernel_shape"][axis] - 1) * stride
        return first - before, last - before + reach, stride * about["strides"][axis]

    return span(layer)


def seen(span: Span, cell: int, side: int, pixels: int) -> tuple[int, int]:
    """The pixels of a photo that a cell sees, where the photo is stretched."""
    first, last, stride = span
    begin = max(first + cell * stride, 0) * pixels / side
    end = min(last + 1 + cell * stride, side) * pixels / side
    start = math.floor(begin + HAIR)
    return start, math.ceil(end - HAIR) - start


@pytest.mark.parametrize("layer", ["block0.project_bn", "block5.expand_relu6"])
def test_winners_are_those_of_onnx_runtime(
    exemplars: Callable[..., Run], tmp_path: Path, layer: str
) -> None:
    """Their values, cells and crops: an early layer of both signs, and a later one, where
    ReLU6 makes many values equal."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in SAMPLES.glob("*.*g"):  # as plain pixels: decoders differ by a level
        pixels = np.array(Image.open(path).convert("RGB"))
        Image.fromarray(pixels).save(photos / f"{path.stem}.png")
    names = sorted(path.name for path in photos.iterdir())
    features = features_of(layer, [photos / name for name in names])
    peaks, means = features.max((2, 3)), features.mean((2, 3))
    most = FLOATS * float(np.abs(features).max())
    spans = [span_of(layer, axis) for axis in (0, 1)]

    said = said_by(exemplars(photos, "--model", MODEL, "--layer", layer, "--top", "3", "--to", "out"))
    index = index_of(tmp_path / "out")

    assert said == {key: value for key, value in index.items() if key != "channels"}
    assert (said["photos"], said["failed"], said["layer"]["name"]) == (4, 0, layer)
    assert [c["channel"] for c in index["channels"]] == list(range(features.shape[1]))
    for channel in index["channels"]:
        k, found = channel["channel"], channel["exemplars"]
        ranks = [names.index(exemplar["file"]) for exemplar in found]
        values = np.array([exemplar["value"] for exemplar in found])
        best = np.sort(peaks[:, k])[::-1][:3]
        assert np.abs(values - best).max() < most
        assert np.abs(values - peaks[ranks, k]).max() < most
        assert len(set(ranks)) == 3
        for one, two in itertools.pairwise(ranks):
            if peaks[one, k] == peaks[two, k]:
                assert means[one, k] > means[two, k] - most
        for rank, exemplar in zip(ranks, found, strict=True):
            x, y = exemplar["cell"]["x"], exemplar["cell"]["y"]
            assert features[rank, k, y, x] > peaks[rank, k] - most
            width, height = Image.open(photos / exemplar["file"]).size
            down = seen(spans[0], y, 224, height)
            across = seen(spans[1], x, 224, width)
            assert exemplar["photo"] == {"width": width, "height": height}
            assert exemplar["crop"] == {
                **{"x": across[0], "width": across[1]},
                **{"y": down[0], "height": down[1]},
            }


# ---- contact sheets ----


def fitted(crop: Image.Image, size: int) -> np.ndarray:
    """A crop in its square, on white."""
    longer = max(crop.size)
    width, height = (max(math.floor(size * side / longer + 0.5), 1) for side in crop.size)
    square = np.full((size, size, 3), 255, np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    small = crop.resize((width, height), Image.Resampling.BICUBIC)
    square[top : top + height, left : left + width] = np.array(small)
    return square


def test_sheets_are_what_pillow_makes_of_the_crops(
    exemplars: Callable[..., Run], tmp_path: Path, model: str
) -> None:
    """Pixel by pixel; also of a photo that lies on its side, and of one in a folder."""
    noise(tmp_path / "photos/a.png", 1)
    noise(tmp_path / "photos/deep/er/b.png", 2, 48, 32)
    pixels = noise(tmp_path / "photos/c.png", 3, 61, 90)
    lying = Image.Exif()
    lying[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "photos/c.png", exif=lying)

    said = said_by(
        exemplars("photos", "--model", model, "--top", "5", "--size", "20", "--to", "out")
    )
    index = index_of(tmp_path / "out")

    assert said["photos"] == 3
    assert len(index["channels"]) == tiny.FEATURES
    for channel in index["channels"]:
        sheet = Image.open(tmp_path / f"out/channel-{channel['channel']}.png").convert("RGB")
        shown = np.array(sheet)
        assert shown.shape == (GAP + 2 * (20 + GAP), GAP + 3 * (20 + GAP), 3)
        expected = np.full_like(shown, 255)
        assert len(channel["exemplars"]) == 3
        for place, exemplar in enumerate(channel["exemplars"]):
            photo = ImageOps.exif_transpose(Image.open(tmp_path / "photos" / exemplar["file"]))
            assert exemplar["photo"] == {"width": photo.width, "height": photo.height}
            crop = exemplar["crop"]
            box = (crop["x"], crop["y"], crop["x"] + crop["width"], crop["y"] + crop["height"])
            y, x = (GAP + i * (20 + GAP) for i in divmod(place, 3))
            expected[y : y + 20, x : x + 20] = fitted(photo.convert("RGB").crop(box), 20)
        assert (shown == expected).all()


# ---- the folder ----


def test_the_number_of_threads_changes_nothing(
    exemplars: Callable[..., Run], tmp_path: Path, model: str
) -> None:
    """No byte of any file; photos that are the same come by name."""
    for i in range(12):
        noise(tmp_path / f"photos/{i % 3}/{i}.png", i)
    for name in ("same-b.png", "same-a.png", "1/same-c.png"):
        shutil.copy(tmp_path / "photos/0/0.png", tmp_path / "photos" / name)
    written = []

    for threads in ("1", "2"):
        said_by(exemplars("photos", "--model", model, "--threads", threads, "--to", threads))
        folder = tmp_path / threads
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})

    assert written[0] == written[1]
    assert len(written[0]) == 1 + tiny.FEATURES
    same = ["0/0.png", "1/same-c.png", "same-a.png", "same-b.png"]
    for channel in index_of(tmp_path / "1")["channels"]:
        files = [exemplar["file"] for exemplar in channel["exemplars"]]
        values = [exemplar["value"] for exemplar in channel["exemplars"]]
        assert len(files) == len(set(files)) == 9
        assert values == sorted(values, reverse=True)
        there = [file for file in files if file in same]
        assert there == same[: len(there)]


def test_broken_files_are_told_of_and_left_out(
    exemplars: Callable[..., Run], tmp_path: Path, model: str
) -> None:
    """A line each; what is no photo, and what is hidden, is not even looked at."""
    photos = tmp_path / "photos"
    noise(photos / "good.PNG", 1)
    noise(photos / ".hidden/a.png", 2)
    (photos / "empty.png").write_bytes(b"")
    (photos / "deep").mkdir()
    (photos / "deep/broken.jpg").write_bytes(b"no picture")
    (photos / "gone.webp").symlink_to("nowhere.webp")
    (photos / "notes.txt").write_text("no photo")
    (photos / "folder.png").mkdir()
    (photos / "around").symlink_to(".")

    result = exemplars("photos", "--model", model, "--to", "out")
    lines = sorted(result.stderr.decode().splitlines())

    assert result.returncode == 0
    assert [line.split(": ")[:2] for line in lines] == [
        ["wherefore exemplars", "deep/broken.jpg"],
        ["wherefore exemplars", "empty.png"],
        ["wherefore exemplars", "gone.webp"],
    ]
    index = index_of(tmp_path / "out")
    assert (index["photos"], index["failed"]) == (1, 3)
    for channel in index["channels"]:
        assert [exemplar["file"] for exemplar in channel["exemplars"]] == ["good.PNG"]


def test_only_the_channels_that_are_asked_for(
    exemplars: Callable[..., Run], tmp_path: Path, model: str
) -> None:
    """In ascending order, with a sheet each; they are those of all channels."""
    for i in range(3):
        noise(tmp_path / f"photos/{i}.png", i)
    said_by(exemplars("photos", "--model", model, "--to", "all"))

    said_by(
        exemplars("photos", "--model", model, "--channel", "5", "--channel=2", "--to", "some")
    )
    some, every = index_of(tmp_path / "some"), index_of(tmp_path / "all")

    assert some["channels"] == [every["channels"][2], every["channels"][5]]
    sheets = sorted(path.name for path in (tmp_path / "some").glob("*.png"))
    assert sheets == ["channel-2.png", "channel-5.png"]
    for name in sheets:
        assert (tmp_path / "some" / name).read_bytes() == (tmp_path / "all" / name).read_bytes()


def test_without_a_photo_there_is_no_index(
    exemplars: Callable[..., Run], tmp_path: Path, model: str
) -> None:
    """Not even an earlier one."""
    noise(tmp_path / "photos/a.png", 1)
    (tmp_path / "none").mkdir()
    said_by(exemplars("photos", "--model", model, "--to", "out"))

    result = exemplars("none", "--model", model, "--to", "out")

    assert result.returncode == 1
    assert result.stdout == b""
    assert "none: there is no photo in it that can be read" in result.stderr.decode()
    assert not (tmp_path / "out/exemplars.json").exists()


def test_a_folder_is_made_with_those_above_it(
    exemplars: Callable[..., Run], tmp_path: Path, model: str
) -> None:
    """As serve --exemplars found takes one folder for each layer."""
    noise(tmp_path / "photos/a.png", 1)
    for folder in ("found/early", "found/deep/late/", str(tmp_path / "found/last")):
        said_by(exemplars("photos", "--model", model, "--to", folder))
        assert (tmp_path / folder / "exemplars.json").exists()


@pytest.mark.parametrize(
    ("status", "args", "said"),
    [
        (2, ["photos"], "--to is missing"),
        (2, ["--to", "out"], "no folder of photos"),
        (2, ["photos", "more", "--to", "out"], '"more" is a second folder'),
        (2, ["photos", "--to", "out", "--layer", "nowhere"], "--layer: no layer"),
        (2, ["photos", "--to", "out", "--channel", "8"], "there is no channel 8"),
        (2, ["photos", "--to", "out", "--channel", "-1"], "is not the index of a channel"),
        (2, ["photos", "--to", "out", "--channel=1", "--channel=1"], "given twice"),
        (2, ["photos", "--to", "out", "--top", "37"], "1 to 36"),
        (2, ["photos", "--to", "out", "--size", "7"], "8 to 512"),
        (1, ["nowhere", "--to", "out"], "nowhere: the folder cannot be read"),
        (1, ["photos", "--to", "photos/a.png/no"], "photos/a.png/no: cannot be made"),
    ],
)
def test_what_cannot_be_done_is_said(
    exemplars: Callable[..., Run],
    tmp_path: Path,
    model: str,
    status: int,
    args: list[str],
    said: str,
) -> None:
    """With nothing on standard output."""
    noise(tmp_path / "photos/a.png", 1)
    result = exemplars(*args, "--model", model)

    assert result.returncode == status
    assert result.stdout == b""
    assert said in result.stderr.decode()
