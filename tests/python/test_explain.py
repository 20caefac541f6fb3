"""One image: held to `wherefore cam`."""

import gc
import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wherefore
from conftest import LABEL, MODEL, PHOTOS, ROCKET, untimed
from PIL import Image


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ([], {}),
        (["--method", "gradcam", "--values=f32"], {"method": "gradcam", "values": "f32"}),
        (["--method=layercam", "--layer=-2"], {"method": "layercam", "layer": -2}),
        (
            ["--class=tabby", "--class=281", "--top=3", "--boxes=3"],
            {"classes": ["tabby", 281], "top": 3, "boxes": 3},
        ),
        (["--class=top", "--top=2"], {"classes": ["top"], "top": 2}),
        (["--map=object", "--box=paper", "--threshold=0.3"],
         {"map": "object", "box": "paper", "threshold": 0.3}),
        (["--method=saliency", "--values"], {"method": "saliency", "values": True}),
        (["--method=rise", "--masks=9", "--seed=7"],
         {"method": "rise", "masks": 9, "seed": 7}),
        (["--target=margin", "--against=tabby", "--method=gradcam"],
         {"target": "margin", "against": "tabby", "method": "gradcam"}),
    ],
)  # fmt: skip
def test_an_answer_is_that_of_the_program(
    flags: list[str],
    options: dict,
    model: wherefore.Model,
    cam: Callable[..., list[dict]],
) -> None:
    for photo, expected in zip(PHOTOS, cam(*flags), strict=True):
        found = model.explain(photo.read_bytes(), **options)
        assert untimed(found.to_dict()) == untimed(expected)


def test_another_size_and_precision_are_those_of_the_program(
    cam: Callable[..., list[dict]],
) -> None:
    model = wherefore.open(MODEL, size=192, precision="auto")
    expected = cam("--input-size=192", "--precision=auto", photos=[ROCKET])

    assert model.input_size == (192, 192)
    assert untimed(model.explain(ROCKET).to_dict()) == untimed(expected[0])


def test_attributes_say_what_the_reply_says(model: wherefore.Model) -> None:
    found = model.explain(
        ROCKET, classes=["missile", "top"], top=3, boxes=2, values=True
    )
    reply = found.to_dict()

    assert found.image_size == (reply["image"]["width"], reply["image"]["height"])
    assert (found.method, found.layer) == ("cam", reply["explanation"]["layer"]["name"])
    assert (found.passes, found.refusal) == (1, None)
    assert found.best is found.classes[0]
    assert found.first.index == reply["class"]
    for entry, listed in zip(found.classes, reply["classes"], strict=True):
        for name in ("index", "id", "label"):
            assert getattr(entry, name) == listed[name]
        # JSON has the shortest digits of the float.
        assert np.float32(entry.score) == np.float32(listed["score"])
        assert np.float32(entry.logit) == np.float32(listed["logit"])
    for entry, listed in zip(found.explained, reply["classes"], strict=True):
        values = np.array(listed["map"]["values"], np.float32)
        assert np.array_equal(entry.map, values)
        assert entry.box == tuple(
            listed["box"][name] for name in ("x", "y", "width", "height")
        )
        assert [box.x for box in entry.boxes] == [box["x"] for box in listed["boxes"]]
        row, column = divmod(int(values.argmax()), values.shape[1])
        cell = 640 / values.shape[1], 427 / values.shape[0]
        assert entry.peak == pytest.approx(
            ((column + 0.5) * cell[0], (row + 0.5) * cell[1], values.max())
        )


def test_a_map_is_an_array_of_its_own(model: wherefore.Model) -> None:
    found = model.explain(ROCKET)
    values = found.best.map
    before = values.copy()
    model.explain(PHOTOS[0])

    assert values.dtype == np.float32
    assert values.shape == (7, 7) == model.map_size
    assert found.best.map is values
    assert np.array_equal(values, before)
    values[0, 0] = 1
    assert found.classes[1].map is None


def test_all_kinds_of_images_have_the_same_answer(
    model: wherefore.Model, tmp_path: Path
) -> None:
    """Of the pixels of a photo, however they are given."""
    pixels = np.array(Image.open(ROCKET).convert("RGB"))
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG", compress_level=1)
    path = tmp_path / "photo.png"
    path.write_bytes(png.getvalue())
    part = np.zeros((pixels.shape[0] + 2, pixels.shape[1] + 3, 3), np.uint8)
    part[1:-1, 1:-2] = pixels
    expected = model.explain(png.getvalue()).to_dict()["classes"]

    for image in (
        bytearray(png.getvalue()),
        memoryview(png.getvalue()),
        path,
        str(path),
        pixels,
        part[1:-1, 1:-2],
        np.asfortranarray(pixels),
        pixels[:, ::-1][:, ::-1],
        memoryview(pixels),
        Image.fromarray(pixels),
        Image.fromarray(pixels).convert("RGBA"),
        Image.open(path),
    ):
        assert model.explain(image).to_dict()["classes"] == expected


def test_grey_pixels_are_those_of_a_grey_file(model: wherefore.Model) -> None:
    grey = Image.fromarray(np.array(Image.open(ROCKET).convert("L")))  # no profile
    png = io.BytesIO()
    grey.save(png, "PNG", compress_level=1)
    expected = model.explain(png.getvalue()).best

    for image in (grey, np.array(grey), np.array(grey)[:, :, None]):
        assert model.explain(image).best.logit == expected.logit


@pytest.mark.parametrize(
    ("call", "kind", "error", "text"),
    [
        (lambda m: m.explain(b"GIF89a"), "unsupported", wherefore.UnsupportedError,
         "JPEG"),
        (lambda m: m.explain(ROCKET.read_bytes()[:500]), "bad-input",
         wherefore.InputError, "JPEG"),
        (lambda m: m.explain(b""), "bad-input", wherefore.InputError, "empty"),
        (lambda m: m.explain(ROCKET, method="cams"), "bad-input",
         wherefore.InputError, "method"),
        (lambda m: m.explain(ROCKET, colour=1), "bad-input", ValueError, "colour"),
        (lambda m: m.explain(ROCKET, classes=["unicorn"]), "bad-input",
         wherefore.InputError, "unicorn"),
        (lambda m: m.explain("none.jpg"), "io", wherefore.FileError, "none.jpg"),
        (lambda m: m.explain(np.zeros((0, 5, 3), np.uint8)), "bad-input",
         wherefore.InputError, ""),
        (lambda m: m.explain(np.zeros((5, 5, 2), np.uint8)), "bad-input",
         wherefore.InputError, "channels"),
        (lambda m: m.explain(np.zeros((1, 20000), np.uint8)), "over-limit",
         wherefore.LimitError, "20000"),
        (lambda m: wherefore.open("none"), "io", wherefore.FileError, ""),
        (lambda m: wherefore.open(MODEL, size="7x"), "bad-input",
         wherefore.InputError, "size"),
        (lambda m: wherefore.open(MODEL, max_bytes=99).explain(ROCKET), "over-limit",
         wherefore.LimitError, "99"),
        (lambda m: wherefore.open(MODEL, max_pixels=9).explain(ROCKET), "over-limit",
         wherefore.LimitError, "9"),
    ],
)  # fmt: skip
def test_errors_have_their_kind_and_a_text(
    call: Callable, kind: str, error: type, text: str, model: wherefore.Model
) -> None:
    with pytest.raises(wherefore.Error) as raised:
        call(model)

    assert raised.value.kind == kind
    assert isinstance(raised.value, error)
    assert text in raised.value.text == str(raised.value)
    assert model.explain(ROCKET).best.label == LABEL


@pytest.mark.parametrize(
    "image", [None, 7, np.zeros((5, 5, 3)), np.zeros((2, 5, 5, 3), np.uint8), {}]
)
def test_what_is_no_image_is_a_type_error(
    image: object, model: wherefore.Model
) -> None:
    with pytest.raises(TypeError):
        model.explain(image)


def test_a_picture_is_that_of_the_program(
    model: wherefore.Model, tmp_path: Path, cam: Callable[..., list[dict]]
) -> None:
    import subprocess

    from conftest import PROGRAM

    flags = ["--method=gradcam", "--heatmap-kind=boxes", "--heatmap-size=99"]
    flags += ["--colormap=viridis", "--alpha=0.7", f"--heatmap={tmp_path}/map.png"]
    subprocess.run(
        [PROGRAM, "cam", "--model", MODEL, *flags, ROCKET],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    style = {"kind": "boxes", "size": 99, "colormap": "viridis", "alpha": 0.7}
    expected = np.array(Image.open(tmp_path / "map.png"))
    found = model.explain(ROCKET, "gradcam")
    last = found.overlay(**style)
    model.explain(PHOTOS[0])  # the session's image is another one from now on
    later = found.overlay(99, kind="boxes", colormap="viridis", alpha=0.7)
    again = model.explain(ROCKET, "gradcam")
    model.explain(PHOTOS[0])

    assert np.array_equal(np.array(last), expected)
    assert later.tobytes() == last.tobytes()
    assert np.array_equal(np.array(again.overlay(**style)), expected)


def test_a_notebook_shows_a_picture_that_is_not_large(model: wherefore.Model) -> None:
    found = model.explain(np.zeros((1500, 2000, 3), np.uint8))
    image = Image.open(io.BytesIO(found._repr_png_()))

    assert image.format == "PNG"
    assert image.size == (640, 480)
    assert "Explanation" in repr(found)
    assert LABEL in repr(model.explain(ROCKET).best)


def test_progress_is_told_of_passes_and_may_end_the_work(
    model: wherefore.Model,
) -> None:
    seen = []
    model.explain(
        ROCKET, "occlusion", window=80, progress=lambda *now: seen.append(now)
    )

    assert seen == sorted(seen)
    assert len({total for _, total in seen}) == 1
    with pytest.raises(wherefore.BusyError):
        model.explain(ROCKET, "occlusion", window=80, progress=lambda *_: False)
    with pytest.raises(ZeroDivisionError):
        model.explain(ROCKET, "occlusion", window=80, progress=lambda *_: 1 / 0)
    assert model.explain(ROCKET).best.label == LABEL


def test_a_progress_may_explain_another_image(model: wherefore.Model) -> None:
    inner = []

    def progress(done: int, _total: int) -> None:
        if not inner:
            inner.append(model.explain(PHOTOS[0]).best.label)

    outer = model.explain(ROCKET, "occlusion", window=80, progress=progress)

    assert inner == [model.explain(PHOTOS[0]).best.label]
    assert outer.best.label == LABEL


def test_a_model_says_what_it_is(model: wherefore.Model) -> None:
    assert model.name == "efficientnet-lite0"
    assert (model.input_size, model.map_size) == ((224, 224), (7, 7))
    assert len(model.labels) == len(model.ids) == 1000
    assert (model.labels[281], model.ids[281]) == ("tabby", "n02123045")
    assert model.find_class("tabby") == model.find_class("n02123045") == 281
    assert model.find_class(281) == 281
    assert model.find_class("unicorn") is None
    assert model.info()["input"]["width"] == 224
    assert "gradcam" in [method["name"] for method in model.methods()]


def test_an_explanation_goes_where_it_is_pickled_to(model: wherefore.Model) -> None:
    pixels = np.array(Image.open(ROCKET))[1:-1, 1:-1]
    for image in (ROCKET, pixels):
        found = model.explain(image, "gradcam")
        other = pickle.loads(pickle.dumps(found))
        assert other.to_dict() == found.to_dict()
        assert np.array_equal(other.best.map, found.best.map)
        assert other.overlay(99).tobytes() == found.overlay(99).tobytes()


def test_a_model_goes_where_it_is_pickled_to(model: wherefore.Model) -> None:
    other = pickle.loads(pickle.dumps(wherefore.open(MODEL, size=192, threads=1)))
    error = pickle.loads(pickle.dumps(wherefore.LimitError("too large")))

    assert other.input_size == (192, 192)
    assert (type(error), error.text, error.kind) == (
        *(wherefore.LimitError, "too large", "over-limit"),
    )


def test_a_model_may_end_before_its_explanations() -> None:
    model = wherefore.open(MODEL, threads=1)
    found = model.explain(ROCKET)
    del model
    gc.collect()

    assert found.overlay(size=64).width == 64
    assert found.best.map.shape == (7, 7)
