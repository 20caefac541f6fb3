"""What may be given as an image: encoded files, paths, Pillow's images, arrays."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, Union

from ._errors import FileError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

# What explain() takes: the bytes of a JPEG, PNG or WebP file; its path; an image
# of Pillow; an array of uint8, (height, width) or (height, width, channels).
ImageLike: TypeAlias = Union[
    bytes,
    bytearray,
    memoryview,
    str,
    "os.PathLike[str]",
    "Image.Image",
    "npt.NDArray[np.uint8]",
]


class Pixels(NamedTuple):
    """Upright, in sRGB, 8 bits."""

    data: npt.NDArray[np.uint8]  # (height, width, channels), each row in one piece

    def arguments(self) -> tuple[int, int, int, int, int]:
        """For the library: address, width, height, channels, and bytes from one row
        to the next."""
        height, width, channels = self.data.shape
        stride = self.data.strides[0] if height > 1 else width * channels
        return self.data.ctypes.data, width, height, channels, stride


def read_file(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """The file, or its first `max_bytes` + 1 bytes, which the library refuses."""
    try:
        with open(path, "rb") as file:
            return file.read(max_bytes + 1)
    except OSError as error:
        name = os.fspath(path)
        raise FileError(f"{name} cannot be read: {error.strerror}") from error


def of_pillow(image: Image.Image) -> npt.NDArray[np.uint8]:
    """The pixels of an image of Pillow as they lie in it: EXIF's orientation and
    colour profiles are not applied."""
    import numpy as np

    if image.mode not in ("L", "RGB", "RGBA"):
        clear = "transparency" in image.info or image.mode in ("LA", "PA", "La")
        image = image.convert("RGBA" if clear else "RGB")
    return np.asarray(image)


def of_array(image: object) -> Pixels:
    """The pixels of an array, without a copy if its rows are in one piece."""
    import numpy as np

    array: npt.NDArray[Any] = np.asarray(image)
    if array.dtype != np.uint8:
        raise TypeError(f"an image is an array of uint8, not of {array.dtype}")
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    if array.ndim != 3:
        raise TypeError(
            f"an image has 2 dimensions, or 3 with channels, not {array.ndim}"
        )
    _, width, channels = array.shape
    if array.strides[1:] != (channels, 1) or array.strides[0] < width * channels:
        array = np.ascontiguousarray(array)
    return Pixels(array)


def read(image: ImageLike, max_bytes: int) -> bytes | Pixels:
    """The bytes of a file, or pixels."""
    if isinstance(image, bytes):
        return image
    if isinstance(image, (str, os.PathLike)):
        return read_file(image, max_bytes)
    if isinstance(image, bytearray) or (
        isinstance(image, memoryview) and image.ndim == 1
    ):
        return bytes(image)
    # Who has one has imported Pillow already.
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(image, pillow.Image):
        return of_array(of_pillow(image))
    if any(
        hasattr(image, name)
        for name in ("__array_interface__", "__array__", "__dlpack__")
    ) or isinstance(image, memoryview):
        return of_array(image)
    raise TypeError(
        "an image is the bytes or the path of a file, an image of Pillow or an array "
        f"of uint8, not {type(image).__name__}"
    )
