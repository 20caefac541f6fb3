"""examples/jobs/jobs.py: a result is complete or not there, and there once."""

from __future__ import annotations

import json
import pathlib

import conftest
import jobs
import pytest


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("some") / "photos"
    conftest.told_apart(folder, 24)
    return folder


@pytest.fixture
def job(tmp_path: pathlib.Path) -> jobs.Job:
    return jobs.Job(str(tmp_path / "out"), str(conftest.MODEL))


def run(job: jobs.Job, photos: pathlib.Path, rows: int = 5) -> dict:
    """A job without any engine."""
    lines = jobs.begin(job, photos, rows, "image")
    explain = jobs.explainer(job)
    return jobs.finish(job, [jobs.do_shard(line, explain) for line in lines], 0)


def test_a_job_that_is_done_does_nothing_again(
    job: jobs.Job, photos: pathlib.Path
) -> None:
    first = run(job, photos)
    assert (first["rows"], first["failed"], first["rows_now"]) == (24, 3, 24)
    before = conftest.results(pathlib.Path(job.out))
    again = run(job, photos)
    assert (again["rows"], again["failed"], again["rows_now"]) == (24, 3, 0)
    assert conftest.results(pathlib.Path(job.out)) == before


def test_a_shard_that_is_done_twice_is_there_once(
    job: jobs.Job, photos: pathlib.Path
) -> None:
    [line, *_] = jobs.begin(job, photos, 5, "image")
    explain = jobs.explainer(job)
    first, second = (jobs.do_shard(line, explain) for _ in range(2))
    assert (first["rows"], second["rows"]) == (5, 0)


def test_what_a_lost_worker_has_left_does_not_count(
    job: jobs.Job, photos: pathlib.Path
) -> None:
    jobs.begin(job, photos, 5, "image")
    left = pathlib.Path(job.out, "parts", ".part-000001.parquet.gone.7.tmp")
    left.write_bytes(b"half a result")
    assert run(job, photos)["rows"] == 24
    assert not left.exists()


def test_a_worker_that_fails_leaves_nothing(
    job: jobs.Job, photos: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [line, *_] = jobs.begin(job, photos, 5, "image")
    explain = jobs.explainer(job)

    def fail(_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(jobs.os, "fsync", fail)
    with pytest.raises(OSError, match="the disk is full"):
        jobs.do_shard(line, explain)
    assert list(pathlib.Path(job.out, "parts").iterdir()) == []


def test_a_folder_with_another_job_is_refused(
    job: jobs.Job, photos: pathlib.Path
) -> None:
    jobs.begin(job, photos, 5, "image")
    other = job._replace(options=(("method", "gradcam"),))
    with pytest.raises(SystemExit, match="has another job in it"):
        jobs.begin(other, photos, 5, "image")


def test_options_are_those_of_the_service(job: jobs.Job, photos: pathlib.Path) -> None:
    run(job._replace(options=(("class", "tabby"),)), photos)
    rows = conftest.results(pathlib.Path(job.out))
    assert {row["label"] for row in rows if row["error"] is None} == {"tabby"}


def test_maps_are_left_out_on_demand(job: jobs.Job, photos: pathlib.Path) -> None:
    run(job._replace(maps=False), photos)
    assert "map" not in conftest.results(pathlib.Path(job.out))[0]


def test_an_image_is_known_to_coco_by_the_number_in_its_name() -> None:
    box = {"x": 1, "y": 2, "width": 3, "height": 4}
    row = {"key": "val/000000000139.jpg", "class": 7, "score": 0.5, "box": box}
    found = jobs.coco_result(row)
    assert found["image_id"] == 139
    assert found["bbox"] == [1, 2, 3, 4]
    row["key"] = "a.tar/cat.jpg"
    assert jobs.coco_result(row)["image_id"] == "a.tar/cat.jpg"


def test_results_for_coco_have_every_box(job: jobs.Job, photos: pathlib.Path) -> None:
    run(job, photos)
    found = json.loads(jobs.write_coco(job).read_text())
    rows = conftest.results(pathlib.Path(job.out))
    assert len(found) == sum(row["box"] is not None for row in rows)


def test_pictures_of_a_batch_are_bounded_in_bytes(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH_BYTES", 100)
    for at in range(6):
        (tmp_path / f"{at}.png").write_bytes(bytes(60))
    [shard] = jobs.list_shards(tmp_path, 9, "image")
    assert [len(batch) for batch in jobs.batches(shard)] == [2, 2, 2]
