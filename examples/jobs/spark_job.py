"""Explains the pictures of a folder, of Parquet files or of WebDataset tars with
Spark: a task a shard, and in each Python worker a model that it keeps.

    python spark_job.py PHOTOS OUT --coco

This starts a Spark on this machine, with as many workers as cores; --cluster uses
another master, and so does `spark-submit`. Progress is Spark's. A task whose worker is
lost is run again, four times at most.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from typing import Any

import jobs
import pyarrow as pa
import shards
from pyspark.sql import SparkSession

SUMMARY = (
    "shard long, rows long, failed long, worker string, "
    "start double, seconds double, megabytes double"
)


def engine(
    job: jobs.Job, lines: list[str], asked: argparse.Namespace
) -> list[dict[str, Any]]:
    """Does these shards with Spark."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    cores = asked.workers or len(os.sched_getaffinity(0))
    builder = SparkSession.builder.appName("wherefore")
    if asked.cluster or "PYSPARK_GATEWAY_PORT" not in os.environ:  # no spark-submit
        builder = builder.master(asked.cluster or f"local[{cores},4]")
    spark = builder.config("spark.ui.showConsoleProgress", "true").getOrCreate()
    for module in (jobs, shards):
        spark.sparkContext.addPyFile(module.__file__)

    def work(blocks: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        explainer = jobs.explainer(job)
        for block in blocks:
            for line in block["line"].to_pylist():
                done = jobs.do_shard(line, explainer)
                yield pa.RecordBatch.from_pylist([done])

    # A partition a shard, so that no worker waits for another's at the end.
    todo = spark.createDataFrame(pa.table({"line": lines}))
    done = todo.repartition(len(lines)).mapInArrow(work, SUMMARY)
    summaries = [row.asDict() for row in done.collect()]
    spark.stop()
    return summaries


if __name__ == "__main__":
    jobs.run(jobs.arguments(__doc__), engine)
