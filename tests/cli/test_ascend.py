"""wherefore ascend: the pictures that classes and channels want to see, held to numpy,
which does the whole ascent once more in double precision on a tiny network."""

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny
from conftest import ROOT, SAMPLES, Run, run_in, said_by
from onnx import numpy_helper
from PIL import Image

H, W = tiny.HEIGHT, tiny.WIDTH
STILL = ["--shift", "0", "--scale", "0", "--turn", "0"]
# The numbers of the views are those of another seed.
VIEWS = 0x5851F42D4C957F2D


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A tiny network of three classes."""
    return tiny.model(tmp_path / "tiny", ["a", "b", "c"])


@pytest.fixture
def ascend(tmp_path: Path) -> Callable[..., Run]:
    """Runs `wherefore ascend` in a folder of its own."""

    return lambda *args: run_in(tmp_path, "ascend", *args)


@pytest.fixture
def made(ascend: Callable[..., Run]) -> Callable[..., dict]:
    """What is printed of an ascent that works."""

    return lambda *args: said_by(ascend(*args))


def picture_of(told: dict) -> np.ndarray:
    """The samples of an answer's picture."""
    head, data = told["picture"].split(",")
    assert head == "data:image/png;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.mode == "RGB"
    return np.asarray(picture).astype(int)


# ---- the whole ascent in numpy ----


def uniform(seed: int, indices: np.ndarray) -> np.ndarray:
    """splitmix64's numbers, from 0 to 1."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + (indices.astype(np.uint64) + np.uint64(1)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(float) * 2.0**-53


def normal(seed: int, count: int) -> np.ndarray:
    """Box's and Muller's numbers, two of each two uniform ones."""
    pairs = uniform(seed, np.arange((count + 1) // 2 * 2)).reshape(-1, 2)
    length = np.sqrt(-2 * np.log(1 - pairs[:, 0]))
    angle = 2 * np.pi * pairs[:, 1]
    return np.stack([length * np.cos(angle), length * np.sin(angle)], 1).ravel()[:count]


def colours() -> np.ndarray:
    """The matrix that tools/nature.py has measured."""
    text = (ROOT / "engine/ascend/nature_table.h").read_text()
    table = text.split("nature_colours[3][3] = {")[1].split("};")[0]
    return np.array(re.findall(r"-?\d+\.\d+", table), float).reshape(3, 3)


class Fourier:
    """Coefficients that fall with their frequency, decorrelated colours, a sigmoid."""

    def __init__(self, seed: int) -> None:
        frequency = np.hypot(np.fft.fftfreq(H)[:, None], np.fft.rfftfreq(W))
        self.scale = np.sqrt(H * W) / 4 / np.maximum(frequency, 1 / max(H, W))
        noise = 0.01 * normal(seed, 2 * 3 * self.scale.size)
        self.numbers = noise.reshape(2, 3, *self.scale.shape)
        self.twice = np.full(W // 2 + 1, 2.0)
        self.twice[[0, -1]] = 1
        self.matrix = colours()

    def draw(self) -> np.ndarray:
        """(3, H, W)"""
        spectrum = (self.numbers[0] + 1j * self.numbers[1]) * self.scale
        plain = np.fft.irfft2(spectrum, (H, W))
        return 1 / (1 + np.exp(-np.einsum("ck,khw->chw", self.matrix, plain)))

    def back(self, gradient: np.ndarray) -> np.ndarray:
        """Of the numbers, from that of the picture."""
        drawn = self.draw()
        plain = np.einsum("ck,chw->khw", self.matrix, gradient * drawn * (1 - drawn))
        spectrum = np.fft.rfft2(plain) * self.twice * self.scale / (H * W)
        return np.stack([spectrum.real, spectrum.imag])


class View:
    """A picture moved, scaled and turned, by bilinear samples."""

    def __init__(self, seed: int, step: int, shift: float, scale: float, turn: float) -> None:
        far = 2 * uniform(seed ^ VIEWS, 4 * step + np.arange(4)) - 1
        side, angle = 1 + scale * far[2], np.radians(turn) * far[3]
        dx, dy = np.meshgrid(np.arange(W) + 0.5 - W / 2, np.arange(H) + 0.5 - H / 2)
        dx, dy = side * dx, side * dy
        x = W / 2 + shift * far[0] * side + np.cos(angle) * dx - np.sin(angle) * dy - 0.5
        y = H / 2 + shift * far[1] * side + np.sin(angle) * dx + np.cos(angle) * dy - 0.5
        x, y = np.clip(x, 0, W - 1), np.clip(y, 0, H - 1)
        left, top = np.minimum(x.astype(int), W - 2), np.minimum(y.astype(int), H - 2)
        right, down = x - left, y - top
        self.corners = [
            (top, left, (1 - down) * (1 - right)),
            (top, left + 1, (1 - down) * right),
            (top + 1, left, down * (1 - right)),
            (top + 1, left + 1, down * right),
        ]

    def show(self, picture: np.ndarray) -> np.ndarray:
        """What the network sees."""
        return sum(share * picture[:, y, x] for y, x, share in self.corners)

    def back(self, gradient: np.ndarray) -> np.ndarray:
        """The way back."""
        out = np.zeros_like(gradient)
        for y, x, share in self.corners:
            for c in range(3):
                np.add.at(out[c], (y, x), share * gradient[c])
        return out


class Tiny:
    """tests/tiny.py's network, there and back: the logit of a class."""

    def __init__(self, folder: str, index: int) -> None:
        graph = onnx.load(Path(folder) / "model.onnx").graph
        constants = {c.name: numpy_helper.to_array(c).astype(float) for c in graph.initializer}
        self.filters, self.weights = constants["conv"], constants["linear"][index]
        self.bias = constants["bias"][index]

    def run(self, picture: np.ndarray) -> tuple[float, np.ndarray]:
        """The logit, and its gradient with respect to samples from 0 to 1."""
        cells = ((255 * picture - 127) / 64).reshape(3, H // 4, 4, W // 4, 4)
        features = np.einsum("kcij,cyixj->kyx", self.filters, cells)
        count = features[0].size
        value = self.weights @ np.maximum(features, 0).sum(axis=(1, 2)) / count + self.bias
        seed = self.weights[:, None, None] / count * (features > 0)
        back = np.einsum("kcij,kyx->cyixj", self.filters, seed)
        return value, back.reshape(3, H, W) * 255 / 64


def ascended(network: Tiny, seed: int, steps: int, *view: float) -> tuple[float, float, np.ndarray]:
    """The values of the first and the last picture, and that."""
    painting, rate = Fourier(seed), 0.05
    mean = square = 0.0
    start = network.run(painting.draw())[0]
    for step in range(steps):
        seen = View(seed, step, *view)
        gradient = painting.back(seen.back(network.run(seen.show(painting.draw()))[1]))
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        first, second = mean / (1 - 0.9 ** (step + 1)), square / (1 - 0.999 ** (step + 1))
        painting.numbers += rate * first / (np.sqrt(second) + 1e-8)
    drawn = painting.draw()
    return start, network.run(drawn)[0], drawn


@pytest.mark.parametrize("view", [(0, 0, 0), (5, 0.25, 40)], ids=["still", "moved"])
def test_an_ascent_is_numpys(made: Callable[..., dict], model: str, view: tuple) -> None:
    """The values, and each sample of the picture, after eight steps."""
    options = ["--shift", str(view[0]), "--scale", str(view[1]), "--turn", str(view[2])]
    told = made(
        "--model", model, "--class", "b", "--steps", "8", "--seed", "11", "--rate", "0.05", *options
    )
    start, end, drawn = ascended(Tiny(model, 1), 11, 8, *view)
    wanted = np.rint(255 * drawn.transpose(1, 2, 0))

    assert told["start"] == pytest.approx(start, abs=1e-5)
    assert told["value"] == pytest.approx(end, abs=1e-3 * abs(end))
    assert told["value"] > told["start"] + 0.5
    # Rounding may change the sign of a gradient that is nearly 0, which Adam
    # makes a whole step of.
    assert np.abs(picture_of(told) - wanted).max() <= 2
    assert np.abs(picture_of(told) - wanted).mean() <= 0.1


# ---- what is asked and answered ----


def test_the_answer_has_all_that_makes_it_again(made: Callable[..., dict], model: str) -> None:
    """The target, the method, its parameters; without --to also the picture."""
    told = made("--model", model, "--class", "2", "--steps", "3", "--seed", "7")

    assert told["model"] == "tiny" and told["image"] is None
    assert told["target"] == {"class": 2, "id": None, "label": "c"}
    assert told["method"] == "fourier"
    assert told["parameters"] == {
        "steps": 3,
        "width": W,
        "height": H,
        "seed": 7,
        "scale": pytest.approx(0.1),
        "shift": 8,
        "turn": 10,
        "rate": pytest.approx(told["parameters"]["rate"]),
    }
    assert told["passes"] == 5
    assert picture_of(told).shape == (H, W, 3)


@pytest.mark.parametrize("method", ["fourier", "maco", "pixels"])
def test_a_seed_makes_the_same_picture_on_any_number_of_threads(
    made: Callable[..., dict], model: str, tmp_path: Path, method: str
) -> None:
    """To the byte; another seed makes another."""
    pictures = []
    for name, seed, threads in [("a", "1", "1"), ("b", "1", "2"), ("c", "2", "1")]:
        told = made(
            *("--model", model, "--class", "0", "--steps", "5", "--method", method),
            *("--seed", seed, "--threads", threads, "--to", f"{name}.png"),
        )
        assert "picture" not in told
        assert told["value"] > told["start"]
        pictures.append((tmp_path / f"{name}.png").read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_a_channel_is_driven_beyond_its_clamp(made: Callable[..., dict], tmp_path: Path) -> None:
    """Its mean before a Clip(0, 6) whose mean could be 6 at most; or one of its cells."""
    network = tiny.network(3)
    clip = next(node for node in network.graph.node if node.op_type == "Relu")
    clip.op_type = "Clip"
    bounds = {"zero": 0.0, "six": 6.0}
    clip.input.extend(bounds)
    network.graph.initializer.extend(
        numpy_helper.from_array(np.float32(number), name) for name, number in bounds.items()
    )
    folder = tiny.model(tmp_path / "clipped", ["a", "b", "c"], network)
    target = ["--model", folder, "--layer", "-1", "--channel", "5", "--rate", "0.1", *STILL]
    mean = made(*target, "--steps", "60")
    cell = made(*target, "--steps", "60", "--cell", "11,7")

    assert mean["target"]["layer"] == {"name": "r", "channels": 8, "height": 8, "width": 12}
    assert mean["target"]["channel"] == 5 and mean["target"]["cell"] is None
    assert cell["target"]["cell"] == {"x": 11, "y": 7}
    assert mean["value"] > 8
    filters = numpy_helper.to_array(
        next(c for c in network.graph.initializer if c.name == "conv")
    ).astype(float)[5]
    shown = ((picture_of(cell) - 127) / 64).transpose(2, 0, 1)[:, 28:, 44:]
    assert cell["value"] == pytest.approx((filters * shown).sum(), abs=0.1)
    assert cell["value"] > mean["value"]


def test_dead_gates_are_opened_by_redirected_gradients(
    made: Callable[..., dict], tmp_path: Path
) -> None:
    """Where no gradient comes through: one pass is repeated, and then the value rises."""
    network = tiny.network(2)
    convolution = network.graph.node[0]
    convolution.input.append("shut")
    shut = np.full(tiny.FEATURES, -3, np.float32)
    network.graph.initializer.append(numpy_helper.from_array(shut, "shut"))
    folder = tiny.model(tmp_path / "dead", ["a", "b"], network)
    told = made("--model", folder, "--class", "0", "--steps", "40", "--rate", "0.1", *STILL)

    assert told["passes"] == 40 + 2 + 1
    assert told["value"] > told["start"] + 0.5


def test_a_photo_is_changed_but_stays_near(made: Callable[..., dict], model: str) -> None:
    """The nearer, the less the value rises."""
    photo = SAMPLES / "chelsea.png"
    resized = np.asarray(Image.open(photo).convert("RGB").resize((W, H), Image.BICUBIC)).astype(int)
    ascent = ["--model", model, "--class", "1", "--steps", "60", "--from", photo, *STILL]
    far, near = made(*ascent, "--near", "0.2"), made(*ascent, "--near", "0.02")
    distances = [np.sqrt(((picture_of(told) - resized) ** 2).mean()) / 255 for told in (far, near)]

    assert far["image"] == {"width": 451, "height": 300, "format": "png"}
    assert far["parameters"]["near"] == pytest.approx(0.2)
    assert far["value"] > near["value"] > near["start"]
    assert distances[1] < distances[0] / 2
    assert distances[1] < 0.04


def test_a_picture_may_have_another_size(made: Callable[..., dict], model: str) -> None:
    """In the shape of the input; also one that a Fourier transform would be slow for."""
    for size, shape in [("16", (16, 16, 3)), ("74", (49, 74, 3)), ("96", (64, 96, 3))]:
        told = made("--model", model, "--class", "0", "--steps", "4", "--size", size)
        assert picture_of(told).shape == shape
        assert told["value"] > told["start"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], '"class", or "layer" and "channel"'),
        (["--class", "0", "--layer", "-1"], 'option "layer": a class is excited already'),
        (["--class", "d"], '"d" is not a class'),
        (["--layer", "-1"], 'option "layer": which of its channels'),
        (["--channel", "1"], 'option "channel": of which layer'),
        (["--class", "0", "--cell", "1,1"], 'option "cell": of which layer'),
        (["--layer", "-1", "--channel", "8"], "channels 0 to 7"),
        (["--layer", "-1", "--channel", "1", "--cell", "12,0"], "the last of which is 11,7"),
        (["--layer", "-1", "--channel", "1", "--cell", "1;2"], "such as 3,5"),
        (["--layer", "x", "--channel", "1"], "layer"),
        (["--class", "0", "--steps", "0"], "1 to 4096"),
        (["--class", "0", "--size", "2000"], "16 to 1024"),
        (["--class", "0", "--method", "paint"], "fourier"),
        (["--class", "0", "--rate", "2"], "0 to 1"),
        (["--class", "0", "--near", "0.2"], "no photo to stay near to"),
        (["photo.png"], "--from takes a photo"),
        (["--to", "-"], "standard output"),
    ],
)
def test_mistakes_are_named(
    ascend: Callable[..., Run], model: str, options: list[str], words: str
) -> None:
    """On standard error, with status 2."""
    result = ascend("--model", model, *options)

    assert result.returncode == 2
    assert words in result.stderr.decode()
    assert result.stdout == b""


def test_what_cannot_be_read_or_written_is_a_failure(ascend: Callable[..., Run], model: str) -> None:
    """With status 1."""
    asked = ["--model", model, "--class", "0", "--steps", "1"]

    result = ascend(*asked, "--from", "none.png")
    assert result.returncode == 1
    assert result.stderr.startswith(b"wherefore ascend: none.png: ")  # not the model's
    result = ascend(*asked, "--to", "nowhere/x.png")
    assert result.returncode == 1
    assert result.stderr.startswith(b'wherefore ascend: cannot write "nowhere/x.png": ')


def test_help_says_the_defaults(ascend: Callable[..., Run]) -> None:
    """Of the same table as the service's."""
    result = ascend("--help")

    assert result.returncode == 0
    for words in ["--class", "--cell", "fourier, maco or pixels", "256", "--from", "--to"]:
        assert words in result.stdout.decode()
    assert json.dumps("every")[1:-1] not in result.stdout.decode().split()
