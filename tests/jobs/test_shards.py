"""examples/jobs/shards.py: every picture is in one shard, under a key of its own."""

from __future__ import annotations

import pathlib

import conftest
import pytest
import shards

IMAGE = conftest.pictures()[-1].read_bytes()


def read(source: pathlib.Path, rows: int = 4) -> list[shards.Row]:
    """All rows of what is there, by way of the lines of a plan."""
    lines = [shard.line() for shard in shards.list_shards(source, rows, "image")]
    return [row for line in lines for row in shards.Shard.parse(line).rows()]


def test_every_picture_is_in_one_shard(tmp_path: pathlib.Path) -> None:
    keys = conftest.told_apart(tmp_path / "photos", 90)
    rows = read(tmp_path / "photos")
    assert sorted(row.key for row in rows) == sorted(keys)
    for row in rows:
        if photo := keys[row.key]:
            assert row.image == photo.read_bytes()


def test_a_shard_has_no_more_files_than_asked(tmp_path: pathlib.Path) -> None:
    conftest.told_apart(tmp_path / "photos", 90)
    found = shards.list_shards(tmp_path / "photos", 4, "image")
    assert max(len(shard.items) for shard in found if shard.kind == "files") == 4
    assert [shard.index for shard in found] == list(range(len(found)))


def test_row_groups_are_put_together_and_never_divided(tmp_path: pathlib.Path) -> None:
    conftest.parquet(tmp_path / "a.parquet", [IMAGE] * 10, group=3)
    found = shards.list_shards(tmp_path, 7, "image")
    assert [shard.items for shard in found] == [(0, 1), (2, 3)]
    assert [row.key for row in found[1].rows()] == [
        f"a.parquet#{i}" for i in range(6, 10)
    ]


def test_a_row_without_an_image_costs_itself(tmp_path: pathlib.Path) -> None:
    conftest.parquet(tmp_path / "a.parquet", [IMAGE, None, IMAGE])
    assert [row.kind for row in read(tmp_path)] == ["", "bad-input", ""]


def test_a_tar_that_is_cut_short_costs_its_rest(tmp_path: pathlib.Path) -> None:
    whole = tmp_path / "a.tar"
    conftest.tar(whole, {f"{i}.png": IMAGE * 9 for i in range(4)})
    whole.write_bytes(whole.read_bytes()[: 512 * 4 + len(IMAGE) * 20])
    rows = read(tmp_path)
    assert [row.image for row in rows[:2]] == [IMAGE * 9] * 2
    assert [(row.key, row.kind) for row in rows[2:]] == [("a.tar#2", "bad-input")]


@pytest.mark.parametrize("name", ["a.parquet", "a.tar"])
def test_a_file_that_is_none_costs_a_row(tmp_path: pathlib.Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"neither Parquet nor tar")
    (tmp_path / "b.png").write_bytes(IMAGE)
    rows = {row.key: row.kind for row in read(tmp_path)}
    assert rows == {"b.png": "", f"{name}#0": "bad-input"}


def test_a_file_that_is_gone_costs_its_row(tmp_path: pathlib.Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(IMAGE)
    [shard] = shards.list_shards(tmp_path, 9, "image")
    (tmp_path / "a.png").unlink()
    assert [(row.key, row.kind) for row in shard.rows()] == [
        ("a.png", "io"),
        ("b.png", ""),
    ]


def test_a_file_over_the_limit_is_not_read(tmp_path: pathlib.Path) -> None:
    with open(tmp_path / "a.png", "wb") as stream:
        stream.truncate(shards.MAX_BYTES + 1)
    [row] = read(tmp_path)
    assert (row.image, row.kind) == (None, "over-limit")


def test_a_column_that_is_not_there_ends_the_job(tmp_path: pathlib.Path) -> None:
    conftest.parquet(tmp_path / "a.parquet", [IMAGE])
    [shard] = shards.list_shards(tmp_path, 9, "photo")
    with pytest.raises(KeyError, match="no column 'photo'"):
        list(shard.rows())
