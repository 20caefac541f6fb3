"""Make the cases of tests/unit/image/test_preprocess.c: what networks are shown.

Run by hand, from the repository's root, in an environment with Pillow and
numpy (see pillow_images.py); the files it writes are committed:

tests/data/inputs/RESIZE-FILTER-WxH-to-WxH-FRACTION.ppm

A picture of noise of a known seed, brought to an input by Pillow alone:
stretch is Image.resize; crop is torchvision's Resize and CenterCrop, whose
arithmetic is repeated here; letterbox is ImageOps.pad. FRACTION is that of
crop, in thousandths.
"""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from pillow_images import noise, write_ppm

INPUTS = Path("tests/data/inputs")
PAD = (114, 115, 116)
FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
}

CASES = [
    ("stretch", "bilinear", 500, 375, 32, 24, 0),
    ("stretch", "bilinear", 41, 37, 20, 37, 0),
    ("stretch", "bilinear", 7, 5, 20, 31, 0),
    ("stretch", "bilinear", 3, 400, 24, 24, 0),
    ("stretch", "nearest", 100, 75, 33, 25, 0),
    ("stretch", "nearest", 100, 100, 75, 40, 0),
    ("stretch", "nearest", 9, 7, 20, 31, 0),
    ("crop", "bicubic", 500, 375, 28, 28, 875),
    ("crop", "bicubic", 375, 500, 28, 28, 875),
    ("crop", "bilinear", 333, 251, 35, 35, 875),
    ("crop", "bilinear", 60, 400, 30, 30, 1000),
    ("crop", "bilinear", 9, 20, 24, 24, 750),
    ("crop", "nearest", 90, 31, 24, 24, 500),
    ("crop", "bicubic", 300, 3, 16, 16, 875),
    ("crop", "bicubic", 3, 300, 16, 16, 875),
    ("letterbox", "bicubic", 500, 375, 40, 40, 0),
    ("letterbox", "bilinear", 375, 500, 40, 40, 0),
    ("letterbox", "bilinear", 500, 375, 40, 20, 0),
    ("letterbox", "bilinear", 37, 11, 20, 40, 0),
    ("letterbox", "nearest", 11, 37, 40, 20, 0),
    ("letterbox", "bicubic", 12, 7, 33, 20, 0),
    ("letterbox", "bicubic", 80, 60, 40, 30, 0),
]


def crop(image: Image.Image, size: tuple[int, int], fraction: float, how: int):
    """torchvision.transforms: Resize(shorter side), CenterCrop."""
    width, height = image.size
    shorter = int(size[0] / fraction + 1e-6)
    if width <= height:
        full = (shorter, int(shorter * height / width))
    else:
        full = (int(shorter * width / height), shorter)
    left = round((full[0] - size[0]) / 2.0)
    top = round((full[1] - size[1]) / 2.0)
    whole = image.resize(full, how)
    return whole.crop((left, top, left + size[0], top + size[1]))


def main() -> None:
    """Make all cases anew."""
    shutil.rmtree(INPUTS, ignore_errors=True)
    INPUTS.mkdir(parents=True)
    for resize, filter_name, width, height, *size, thousandths in CASES:
        image = Image.fromarray(noise(width, height))
        how = FILTERS[filter_name]
        if resize == "stretch":
            result = image.resize(size, how)
        elif resize == "crop":
            result = crop(image, tuple(size), thousandths / 1000, how)
        else:
            result = ImageOps.pad(image, tuple(size), how, PAD)
        name = f"{resize}-{filter_name}-{width}x{height}-to-{size[0]}x{size[1]}"
        write_ppm(INPUTS / f"{name}-{thousandths}.ppm", np.asarray(result))


if __name__ == "__main__":
    main()
