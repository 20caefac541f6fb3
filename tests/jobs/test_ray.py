"""examples/jobs/ray_job.py on a cluster of two nodes, of which parts are killed."""

from __future__ import annotations

import pathlib
from typing import Any

import conftest


def test_a_killed_worker_loses_no_picture_and_repeats_none(
    two_nodes: Any, tmp_path: pathlib.Path
) -> None:
    job = conftest.started(tmp_path, "ray_job.py", "--cluster", two_nodes.address)
    job.wait_until(0.3)
    job.kill_worker()
    assert job.finish()["shards_now"] == job.shards()


@conftest.MANY
def test_a_killed_job_goes_on_and_a_lost_node_loses_no_picture(
    two_nodes: Any, tmp_path: pathlib.Path
) -> None:
    job = conftest.started(tmp_path, "ray_job.py", "--cluster", two_nodes.address)
    job.wait_until(0.2)
    before = job.kill_driver()
    job.start()
    job.wait_until(0.5)
    two_nodes.remove_node(two_nodes.second, allow_graceful=False)
    assert job.finish()["shards_now"] == job.shards() - before
