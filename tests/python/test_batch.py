"""Many images: each row is that of the program."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
import wherefore
from conftest import PHOTOS, ROCKET

FILES = [photo.read_bytes() for photo in PHOTOS]


class Foreign:
    """A column of another library's, which knows the interface alone."""

    def __init__(self, column: pa.Array | pa.ChunkedArray) -> None:
        if isinstance(column, pa.ChunkedArray):
            self.__arrow_c_stream__ = column.__arrow_c_stream__
        else:
            self.__arrow_c_array__ = column.__arrow_c_array__


class Old:
    """A column of an old pyarrow."""

    def __init__(self, column: pa.Array) -> None:
        self._export_to_c = column._export_to_c
        self._column = column

    def __len__(self) -> int:
        return len(self._column)


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ([], {}),
        (["--method=gradcam", "--layer=-3"], {"method": "gradcam", "layer": -3}),
        (["--method=saliency"], {"method": "saliency"}),
        (["--class=tabby", "--box=otsu"], {"classes": ["tabby"], "box": "otsu"}),
    ],
)
def test_rows_are_those_of_the_program(
    flags: list[str],
    options: dict,
    model: wherefore.Model,
    cam: Callable[..., list[dict]],
) -> None:
    column = model.explain_batch(FILES * 2, threads=2, **options)
    replies = cam(*flags, "--values=1") * 2

    assert isinstance(column, pa.StructArray)
    field = column.type.field("map")
    for row, reply in zip(column.to_pylist(), replies, strict=True):
        (explained,) = (c for c in reply["classes"] if c["index"] == reply["class"])
        values = np.array(reply["map"]["values"], np.float32)
        assert row["error"] is None
        assert (row["class"], row["id"]) == (reply["class"], explained["id"])
        assert row["label"] == explained["label"]
        assert np.float32(row["score"]) == np.float32(explained["score"])
        assert np.float32(row["logit"]) == np.float32(explained["logit"])
        assert row["box"] == (
            reply["box"] and {name: reply["box"][name] for name in row["box"]}
        )
        assert np.array_equal(np.array(row["map"], np.float32), values.ravel())
        assert row["peak"]["value"] == values.max()
        assert field.metadata == {
            b"width": str(values.shape[1]).encode(),
            b"height": str(values.shape[0]).encode(),
        }


def test_a_broken_row_costs_itself(model: wherefore.Model) -> None:
    column = model.explain_batch([FILES[0], b"GIF89a", None, FILES[1][:999], FILES[0]])
    first, *broken, last = column.to_pylist()

    assert first == last
    assert [row["error"]["kind"] for row in broken] == [
        *("unsupported", "bad-input", "bad-input"),
    ]
    for row in broken:
        assert [name for name in row if row[name] is not None] == ["error"]
        assert row["error"]["detail"]


@pytest.mark.parametrize(
    "make",
    [
        lambda files: pa.array(files, pa.binary()),
        lambda files: pa.array(files, pa.large_binary()),
        lambda files: pa.array(files, pa.binary_view()),
        lambda files: pa.array([b"", *files, b""], pa.binary())[1:-1],
        lambda files: pa.chunked_array([files[:1], [], files[1:]], pa.binary()),
        lambda files: Foreign(pa.array(files, pa.binary())),
        lambda files: Foreign(pa.chunked_array([files[:3], files[3:]], pa.binary())),
        lambda files: Old(pa.array(files, pa.binary())),
        lambda files: tuple(files),
    ],
)
def test_any_column_of_arrow_will_do(make: Callable, model: wherefore.Model) -> None:
    files = [FILES[0], None, *FILES[1:]]
    expected = model.explain_batch(files)

    assert model.explain_batch(make(files)).equals(expected)
    assert len(expected) == len(files)


def test_no_images_are_no_rows(model: wherefore.Model) -> None:
    for images in ([], pa.array([], pa.binary()), pa.chunked_array([], pa.binary())):
        assert len(model.explain_batch(images)) == 0


@pytest.mark.parametrize(
    ("images", "options", "error"),
    [
        (pa.array(["a"]), {}, wherefore.UnsupportedError),
        (pa.array([1]), {}, wherefore.UnsupportedError),
        (FILES, {"method": "none"}, wherefore.InputError),
        (FILES, {"colour": 1}, wherefore.InputError),
        (b"bytes", {}, TypeError),
        (["a path"], {}, TypeError),
        (7, {}, TypeError),
    ],
)
def test_what_is_wrong_with_all_rows_is_raised(
    images: object, options: dict, error: type, model: wherefore.Model
) -> None:
    with pytest.raises(error):
        model.explain_batch(images, **options)


def test_progress_is_told_of_rows_and_may_end_the_batch(model: wherefore.Model) -> None:
    seen = []
    column = pa.chunked_array([[FILES[0]] * 3, [FILES[1]] * 4], pa.binary())
    model.explain_batch(column, progress=lambda *now: seen.append(now))

    assert seen == [(done, 7) for done in range(1, 8)]
    seen.clear()
    with pytest.raises(wherefore.BusyError):
        model.explain_batch(
            [ROCKET.read_bytes()] * 50,
            threads=2,
            progress=lambda done, _total: seen.append(done) or done < 3,
        )
    assert len(seen) < 9
