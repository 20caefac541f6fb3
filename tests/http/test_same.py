"""The same picture has the same classes, map and box, whatever is drawn of it."""

from __future__ import annotations

import io

import pytest
from conftest import LARGE, Server, sample
from PIL import Image, ImageOps

SIZE = (1503, 1002)  # no multiple of anything that a decoder likes
FORMATS = {
    "jpeg": {"quality": 85},
    "png": {"compress_level": 1},
    "webp": {"quality": 80, "method": 0},
}
ORIENTATION = 0x0112

# All that is about the drawing, and not about what is drawn.
DRAWINGS = [
    {},
    {"heatmap": "none"},
    {"heatmap": "map"},
    {"heatmap": "map", "heatmap_size": "64"},
    {"heatmap_size": "1"},
    {"heatmap_size": "300"},
    {"heatmap_size": "1201", "alpha": "0.1"},
    {"heatmap": "none", "heatmap_size": "100", "colormap": "gray"},
]


@pytest.fixture(scope="module")
def pixels() -> Image.Image:
    """A photo of many pixels, all different: a sensor's noise over it."""
    with Image.open(io.BytesIO(sample("coffee.png"))) as photo:
        photo = photo.convert("RGB").resize(SIZE)
    noise = Image.effect_noise(SIZE, 40).convert("RGB")
    return Image.blend(photo, noise, 0.2)


def encoded(image: Image.Image, kind: str, orientation: int = 1) -> bytes:
    """A file of that kind."""
    exif, file = Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = orientation
    image.save(file, kind, exif=exif, **FORMATS[kind])
    return file.getvalue()


def answered(server: Server, picture: bytes, **options: object) -> dict:
    """The answer, but for its drawing and its times."""
    response = server.cam(picture, params={"values": "1"} | options)
    assert response.status_code == 200, response.text
    answer = response.json()
    del answer["heatmap"], answer["timing_ms"]
    return answer


@LARGE
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("kind", FORMATS)
def test_drawing_changes_no_class_map_or_box(
    server: Server, pixels: Image.Image, kind: str, orientation: int
) -> None:
    """To the last digit, of classes that are listed and of those asked for."""
    picture = encoded(pixels, kind, orientation)

    for asked in ({}, {"class": ["285", "967"], "top": "3"}):
        answers = [
            answered(server, picture, **asked, **drawing) for drawing in DRAWINGS
        ]
        assert all(answer == answers[0] for answer in answers), asked


@LARGE
@pytest.mark.parametrize("kind", FORMATS)
def test_a_heatmap_alone_is_of_the_same_class_and_score(
    server: Server, pixels: Image.Image, kind: str
) -> None:
    """Accept: image/png, where the answer has no JSON to say so."""
    picture = encoded(pixels, kind)
    best = answered(server, picture)["classes"][0]

    for drawing in ({}, {"heatmap": "map"}, {"heatmap_size": "224"}):
        response = server.cam(picture, params=drawing, headers={"Accept": "image/png"})
        assert response.status_code == 200
        assert int(response.headers["X-Wherefore-Class"]) == best["index"]
        assert float(response.headers["X-Wherefore-Score"]) == pytest.approx(
            best["score"], abs=1e-6
        )


@LARGE
@pytest.mark.parametrize("options", [{}, {"heatmap": "none"}, {"heatmap_size": "224"}])
@pytest.mark.parametrize("quality", [30, 95])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_large_jpeg_is_seen_as_its_pixels_are(
    server: Server,
    pixels: Image.Image,
    quality: int,
    subsampling: int,
    options: dict[str, str],
) -> None:
    """Pillow's, of a PNG: every pixel counts."""
    jpeg = io.BytesIO()
    pixels.save(jpeg, "JPEG", quality=quality, subsampling=subsampling)
    with Image.open(jpeg) as image:
        png = encoded(image.convert("RGB"), "png")

    whole, seen = (
        answered(server, picture, **options) for picture in (png, jpeg.getvalue())
    )

    assert seen.pop("image")["format"] == "jpeg"
    assert whole.pop("image")["format"] == "png"
    assert seen == whole


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_that_lies_is_seen_and_drawn_as_the_upright_one(
    server: Server, orientation: int
) -> None:
    """Turned by Pillow."""
    with Image.open(io.BytesIO(sample("coffee.png"))) as photo:
        lying = encoded(photo.convert("RGB"), "png", orientation)
    with Image.open(io.BytesIO(lying)) as photo:
        upright = encoded(ImageOps.exif_transpose(photo), "png")

    for drawing in ({}, {"heatmap_size": "250"}, {"heatmap": "map"}):
        answers = [
            server.cam(picture, params={"values": "1"} | drawing).json()
            for picture in (lying, upright)
        ]
        for answer in answers:
            del answer["timing_ms"]
        assert answers[0] == answers[1]
