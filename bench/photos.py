"""The photos that services are asked about, made from static/samples."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from measure import bench_photo
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[1] / "static/samples"
UPRIGHT_BY_90 = 6  # EXIF: to be turned a quarter to the right


class Photo(NamedTuple):
    label: str
    path: Path
    media: str
    query: str = ""

    @property
    def target(self) -> str:
        """What is asked for."""
        return f"/cam{self.query}"


def enlarged(name: str, size: tuple[int, int], noise: float) -> Image.Image:
    """A sample cut to a shape and enlarged, with a sensor's noise in it."""
    with Image.open(SAMPLES / name) as sample:
        image = sample.convert("RGB")
    width = min(image.width, image.height * size[0] // size[1])
    height = width * size[1] // size[0]
    left, top = (image.width - width) // 2, (image.height - height) // 2
    image = image.crop((left, top, left + width, top + height))
    image = image.resize(size, Image.Resampling.BICUBIC)
    grain = np.random.default_rng(8).normal(0, noise, (size[1], size[0], 1))
    levels = np.asarray(image, np.float32) + grain.astype(np.float32)
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def small(path: Path) -> None:
    """500 x 375, the size of most ImageNet photos."""
    path.write_bytes(bench_photo(SAMPLES / "coffee.png"))


def phone(path: Path) -> None:
    """12 million pixels as a phone held upright stores them: on its side."""
    image = enlarged("rocket.jpg", (3000, 4000), 5)
    exif = Image.Exif()
    exif[0x0112] = UPRIGHT_BY_90
    image.transpose(Image.Transpose.ROTATE_90).save(
        path, "JPEG", quality=90, exif=exif
    )


def screen(path: Path) -> None:
    """A 1080p PNG."""
    file = BytesIO()
    enlarged("chelsea.png", (1920, 1080), 2).save(file, "PNG")
    path.write_bytes(file.getvalue())


def photos(folder: Path) -> dict[str, Photo]:
    """By name; made unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "small": (folder / "small.jpg", small),
        "phone": (folder / "phone.jpg", phone),
        "screen": (folder / "screen.png", screen),
    }
    for path, write in files.values():
        if not path.exists():
            write(path)
    paths = {name: path for name, (path, _) in files.items()}
    fit = "?heatmap_size=1024"
    return {
        "small": Photo("500 x 375 JPEG", paths["small"], "image/jpeg"),
        "phone": Photo(
            "12 MP JPEG, overlay of 1024 px", paths["phone"], "image/jpeg", fit
        ),
        "phone-full": Photo("12 MP JPEG, overlay of 12 MP", paths["phone"], "image/jpeg"),
        "screen": Photo("1080p PNG", paths["screen"], "image/png"),
    }
