"""examples/jobs/spark_job.py on this machine, of which parts are killed."""

from __future__ import annotations

import pathlib

import conftest


def test_a_killed_worker_loses_no_picture_and_repeats_none(
    tmp_path: pathlib.Path,
) -> None:
    job = conftest.started(tmp_path, "spark_job.py", "--workers", 2)
    job.wait_until(0.3)
    job.kill_worker()
    assert job.finish()["shards_now"] == job.shards()


@conftest.MANY
def test_a_killed_job_goes_on(tmp_path: pathlib.Path) -> None:
    job = conftest.started(tmp_path, "spark_job.py", "--workers", 2)
    job.wait_until(0.2)
    before = job.kill_driver()
    job.start()
    assert job.finish()["shards_now"] == job.shards() - before
