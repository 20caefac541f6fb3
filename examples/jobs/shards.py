"""Where pictures come from: a folder of images, Parquet files with a column of
encoded images, and WebDataset tars, divided into shards.

A shard is what one task of a job does, and what is done again if a worker is lost.
Everything here names pictures by keys that do not depend on the order of reading:
an image's path below the folder, `FILE#ROW` of a Parquet file, `FILE/MEMBER` of a tar.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

IMAGES = (".jpg", ".jpeg", ".png", ".webp")
TARS = (".tar", ".tar.gz", ".tgz")
MAX_BYTES = 16 << 20  # of an image's file, as in `wherefore cam`


class Row(NamedTuple):
    """A picture, or what is wrong with it: `kind` and `detail` as the engine says."""

    key: str
    image: bytes | None
    kind: str = ""
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Shard:
    """Pictures that are done together: `items` are files below the folder `path`, row
    groups of the Parquet file `path`, or nothing for the whole tar `path`."""

    index: int
    kind: str  # "files", "parquet" or "tar"
    path: str
    name: str  # what the keys begin with
    items: tuple[Any, ...] = ()
    column: str = ""

    def line(self) -> str:
        """The shard as a line of JSON, which `parse` reads."""
        return json.dumps(dataclasses.asdict(self), separators=(",", ":"))

    @staticmethod
    def parse(line: str) -> Shard:
        """The shard that `line` was made from."""
        values = json.loads(line)
        return Shard(**{**values, "items": tuple(values["items"])})

    def rows(self) -> Iterator[Row]:
        """Its pictures, one after another. What cannot be read is a row that says so,
        also the rest of a tar or of a Parquet file."""
        yield from _READERS[self.kind](self)


def list_shards(source: Path, rows: int, column: str) -> list[Shard]:
    """What is at `source`, a file or a folder with all below it, in the order of the
    names. Files and row groups are put together up to `rows` pictures; a tar, which
    can only be read from its beginning, is one shard."""
    root = source if source.is_dir() else source.parent
    found = sorted(_files(source))
    images = [name for name in found if name.lower().endswith(IMAGES)]
    parts: list[dict[str, Any]] = [
        {
            "kind": "files",
            "path": str(root),
            "name": "",
            "items": images[at : at + rows],
        }
        for at in range(0, len(images), rows)
    ]
    for name in found:
        of = {"path": str(root / name), "name": name}
        if name.lower().endswith(".parquet"):
            parts += [
                {"kind": "parquet", **of, "items": groups, "column": column}
                for groups in _row_groups(root / name, rows)
            ]
        elif name.lower().endswith(TARS):
            parts.append({"kind": "tar", **of})
    return [
        Shard(index, **{**part, "items": tuple(part.get("items", ()))})
        for index, part in enumerate(parts)
    ]


def _files(source: Path) -> Iterator[str]:
    """The names of files below `source`, but for hidden ones."""
    if source.is_file():
        yield source.name
    for folder, folders, names in os.walk(source):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        below = Path(folder).relative_to(source)
        yield from (str(below / name) for name in names if not name.startswith("."))


# ---- images ----


def _read_files(shard: Shard) -> Iterator[Row]:
    for name in shard.items:
        try:
            with open(Path(shard.path) / name, "rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                yield _read(name, stream, size)
        except OSError as err:
            yield Row(name, None, "io", f"cannot be read: {err.strerror}")


def _read(key: str, stream: IO[bytes], size: int) -> Row:
    if size > MAX_BYTES:
        return Row(
            key,
            None,
            "over-limit",
            f"the image has {size} bytes; at most {MAX_BYTES} are allowed",
        )
    return Row(key, stream.read())


# ---- Parquet ----


def _row_groups(path: Path, rows: int) -> Iterator[list[int]]:
    """Row groups that follow one another and have at most `rows` rows together, or
    one that has more. Of a file that cannot be read, one without any."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        yield []
        return
    group: list[int] = []
    total = 0
    for at in range(metadata.num_row_groups):
        more = metadata.row_group(at).num_rows
        if group and total + more > rows:
            yield group
            group, total = [], 0
        group.append(at)
        total += more
    if group:
        yield group


def _read_parquet(shard: Shard) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    at = 0
    try:
        with pq.ParquetFile(shard.path) as file:
            _check_column(file, shard)
            before = range(shard.items[0] if shard.items else 0)
            at = sum(file.metadata.row_group(i).num_rows for i in before)
            for batch in file.iter_batches(
                16, row_groups=list(shard.items), columns=[shard.column]
            ):
                for value in batch.column(0):
                    yield _row_of(f"{shard.name}#{at}", value.as_py())
                    at += 1
    except (OSError, ValueError, pa.ArrowException) as err:
        yield Row(f"{shard.name}#{at}", None, "bad-input", f"cannot be read: {err}")


def _check_column(file: Any, shard: Shard) -> None:
    """A column that is not there is a mistake of the whole job, not of a row."""
    if shard.column not in file.schema_arrow.names:
        raise KeyError(f"{shard.path} has no column {shard.column!r}")


def _row_of(key: str, value: Any) -> Row:
    """Of bytes, or of what Hugging Face's data sets have: {"bytes": ..., "path": ...}."""
    if isinstance(value, dict):
        value = value.get("bytes")
    if value is None:
        return Row(key, None, "bad-input", "there is no image in this row")
    if not isinstance(value, bytes):
        raise KeyError(f"{key}: the column's values are not bytes")
    if len(value) > MAX_BYTES:
        return _read(key, None, len(value))  # type: ignore[arg-type]
    return Row(key, value)


# ---- WebDataset ----


def _read_tar(shard: Shard) -> Iterator[Row]:
    done = 0
    try:
        with tarfile.open(shard.path, "r|*") as archive:
            for member in archive:
                archive.members = []  # type: ignore[attr-defined] # not to keep all
                if member.isfile() and member.name.lower().endswith(IMAGES):
                    stream = archive.extractfile(member)
                    assert stream is not None  # it is a file
                    yield _read(f"{shard.name}/{member.name}", stream, member.size)
                    done += 1
    except (OSError, EOFError, tarfile.TarError) as err:
        key = f"{shard.name}#{done}"
        yield Row(key, None, "bad-input", f"the archive cannot be read on: {err}")


_READERS = {"files": _read_files, "parquet": _read_parquet, "tar": _read_tar}
