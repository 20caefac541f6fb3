"""Explains the pictures of a folder, of Parquet files or of WebDataset tars with Ray
Data: an actor a core, each with a model of its own.

    python ray_job.py PHOTOS OUT --coco

On one machine this starts a Ray of its own; --cluster auto, or an address, uses one
that runs, and so does `ray job submit`. Progress is Ray's. If an actor or a node is
lost, Ray starts another one and gives it the shards that were not done.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

import jobs
import pyarrow as pa
import ray
import shards


class Worker:
    """An actor: a model, and what it does with a block of shards."""

    def __init__(self, job: jobs.Job) -> None:
        self._explainer = jobs.Explainer(job)

    def __call__(self, block: pa.Table) -> pa.Table:
        lines = block["line"].to_pylist()
        return pa.Table.from_pylist(
            [jobs.do_shard(line, self._explainer) for line in lines]
        )


def engine(
    job: jobs.Job, lines: list[str], asked: argparse.Namespace
) -> list[dict[str, Any]]:
    """Does these shards with Ray."""
    # The workers get the code itself, and need no path to it.
    for module in (jobs, shards):
        ray.cloudpickle.register_pickle_by_value(module)
    cluster = asked.cluster or os.environ.get("RAY_ADDRESS", "local")
    ray.init(address=cluster, log_to_driver=False)
    workers = asked.workers or int(ray.cluster_resources()["CPU"])
    # A block a shard, so that no worker waits for another's at the end.
    todo = ray.data.from_arrow([pa.table({"line": [line]}) for line in lines])
    done = todo.map_batches(
        Worker,
        fn_constructor_args=(job,),
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(lines))),
        num_cpus=1,
    )
    summaries = list(done.iter_rows())
    ray.shutdown()
    return summaries


if __name__ == "__main__":
    jobs.run(jobs.arguments(__doc__), engine)
