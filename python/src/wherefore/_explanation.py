"""What is answered about one image."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ._errors import UnsupportedError
from ._library import CClass, CMap, CSummary, Library

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from ._images import Pixels
    from ._model import Model

NOTEBOOK_SIDE = 640  # pixels, of the picture in a notebook


class Box(NamedTuple):
    """In whole pixels of the upright image: columns x to x + width - 1, and rows
    likewise."""

    x: int
    y: int
    width: int
    height: int


class Peak(NamedTuple):
    """Where a map is largest: the centre of that cell, in pixels of the upright
    image, and the value."""

    x: float
    y: float
    value: float


class Size(NamedTuple):
    width: int
    height: int


class Class:
    """A class of an explanation.

    index, id, label  of the model's classes; id and label may be None
    score             0 to 1
    logit
    box, boxes        where the object is, of a class that is explained; None and
                      empty if no box was found. `boxes` has more than one if
                      `boxes=` asks for them, by their evidence
    peak              where the map is largest, or None
    region            the part of the upright image that the map covers, in pixels
                      (x, y, width, height), or None
    """

    __slots__ = (
        "_values",
        "box",
        "boxes",
        "id",
        "index",
        "label",
        "logit",
        "map_size",
        "peak",
        "region",
        "score",
    )

    index: int
    id: str | None
    label: str | None
    score: float
    logit: float
    box: Box | None
    boxes: list[Box]
    peak: Peak | None
    region: tuple[float, float, float, float] | None
    map_size: Size | None  # cells, or pixels of the network's input

    def __init__(self, found: CClass) -> None:
        self.index = found.index
        self.id = found.id.decode() if found.id else None
        self.label = found.label.decode() if found.label else None
        self.score = found.score
        self.logit = found.logit
        self.box = None
        self.boxes = []
        self.peak = None
        self.region = None
        self.map_size = None
        self._values: bytes | npt.NDArray[np.float32] | None = None
        if found.map:
            self._take_map(found.map.contents)

    def _take_map(self, found: CMap) -> None:
        self.map_size = Size(found.width, found.height)
        self._values = ctypes.string_at(found.values, 4 * found.width * found.height)
        self.region = (
            found.region_x,
            found.region_y,
            found.region_width,
            found.region_height,
        )
        value = ctypes.c_float.from_buffer_copy(self._values, 4 * found.peak).value
        self.peak = Peak(found.peak_x, found.peak_y, value)

    @property
    def map(self) -> npt.NDArray[np.float32] | None:
        """The evidence: an array of float32, (height, width), unscaled and of any
        sign; None if the class is not explained, or no method is defined."""
        if self._values is None or self.map_size is None:
            return None
        if isinstance(self._values, bytes):
            import numpy as np

            values = np.frombuffer(self._values, np.float32)
            shape = (self.map_size.height, self.map_size.width)
            self._values = values.reshape(shape).copy()  # may be written to
        return self._values

    def __repr__(self) -> str:
        return f"<Class {self.index} {self.label or self.id!r}: {self.score:.3f}>"


class Explanation:
    """The classes of an image, and where the evidence for them is.

    classes     the best ones, best first, then those that were asked for and are
                not among them
    explained   those of them that have a map and a box
    best        the first of `classes`
    first       the first of `explained`, which pictures show
    method      that made the maps, such as "gradcam"; None: there are no maps
    layer       that is explained, or None
    refusal     why there are no maps, or None
    passes      of the network
    image_size  of the upright image, in pixels

    In a notebook it is shown as a picture.
    """

    def __init__(
        self,
        library: Library,
        pointer: int,
        json_text: str,
        model: Model,
        image: bytes | Pixels,
        asked: tuple[Mapping[str, object], tuple[object, ...]],
    ) -> None:
        summary: CSummary = library.explanation_summary(pointer).contents
        self.image_size = Size(summary.image_width, summary.image_height)
        self.method = summary.method.decode() if summary.method else None
        self.layer = summary.layer.decode() if summary.layer else None
        self.refusal = summary.refusal.decode() if summary.refusal else None
        self.passes: int = summary.passes
        self.classes: list[Class] = []
        self.explained: list[Class] = []
        for i in range(summary.num_classes):
            found: CClass = library.explanation_class(pointer, i).contents
            entry = Class(found)
            entry.boxes = [
                _box(library.explanation_box(pointer, i, j).contents)
                for j in range(found.num_boxes)
            ]
            entry.box = _box(found.box.contents) if found.box else None
            self.classes.append(entry)
            if found.is_asked:
                self.explained.append(entry)
        self.best = self.classes[0]
        self.first = self.classes[summary.first]
        self._json = json_text
        self._model: Model | None = model
        self._opened_by = model._opened_by
        self._image = image
        self._asked = asked
        self._pictures: dict[tuple[object, ...], bytes] = {}

    def to_dict(self) -> dict[str, Any]:
        """The reply of POST /cam (docs/api.md) as a dict."""
        reply: dict[str, Any] = json.loads(self._json)
        return reply

    def picture(
        self,
        kind: str = "overlay",
        *,
        size: int | None = None,
        colormap: str | None = None,
        alpha: float | None = None,
    ) -> bytes:
        """A picture of the first explained class as a PNG file.

        kind      "overlay" (over the image), "boxes" (with their frames),
                  "colours" (those of a gradient, with grey for 0), "map" (alone)
                  or "mask" (white where it reaches half of its largest value)
        size      longest side in pixels; None: the image's own
        colormap  "auto", "jet", "turbo", "viridis", "inferno", "gray" or "signed"
        alpha     how strongly the colours cover the image, 0 to 1

        A picture is made when it is first asked for, from the map that is there if
        the image is the last one that this thread has explained with the model.
        Otherwise the image is explained once more.
        """
        if self.refusal is not None and self.method is None:
            raise UnsupportedError(self.refusal)
        style = {
            "heatmap": kind,
            "heatmap_size": size,
            "colormap": colormap,
            "alpha": alpha,
        }
        key = tuple(style.values())
        if key not in self._pictures:
            if self._model is None:
                from ._model import Model

                self._model = Model(*self._opened_by)
            self._pictures[key] = self._model._draw(self, style)
        return self._pictures[key]

    def overlay(
        self,
        size: int | None = None,
        *,
        kind: str = "overlay",
        colormap: str | None = None,
        alpha: float | None = None,
    ) -> Image.Image:
        """The same as an image of Pillow."""
        import io

        from PIL import Image

        png = self.picture(kind, size=size, colormap=colormap, alpha=alpha)
        image = Image.open(io.BytesIO(png))
        image.load()
        return image

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows: the image with the evidence and its box."""
        if self.method is None:
            return None
        size = min(NOTEBOOK_SIDE, max(self.image_size))
        return self.picture("boxes", size=size)

    def __getstate__(self) -> dict[str, object]:
        """What goes to another process, which opens the model when a picture is
        asked for there."""
        return {**self.__dict__, "_model": None}

    def __repr__(self) -> str:
        best = self.best
        name = best.label or best.id or f"class {best.index}"
        return f"<Explanation: {name}, {best.score:.3f}, by {self.method}>"


def _box(found: Any) -> Box:
    return Box(found.x, found.y, found.width, found.height)
