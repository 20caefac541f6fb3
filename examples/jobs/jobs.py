"""What `ray_job.py` and `spark_job.py` share: the plan of a job, the work on a shard,
and the end.

A job's folder has plan.jsonl, written once: what is asked, and a line for each shard.
A shard's result is one Parquet file, `parts/part-000012.parquet`. It is written under
another name and renamed when it is complete and on the disk, and only complete ones
count. So it does not matter how often, where, or how many times at once an engine runs
a shard: each picture is in the result exactly once. A job that is started again with
the same folder does what is missing.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from shards import Row, Shard, list_shards

BATCH_ROWS, BATCH_BYTES = 32, 16 << 20  # pictures that a worker holds at a time


class Job(NamedTuple):
    """What is asked of every shard."""

    out: str
    model: str = ""  # a folder; the default model
    options: tuple[tuple[str, str], ...] = ()  # as at `POST /cam`
    maps: bool = True
    precision: str = "fp32"

    def part(self, shard: Shard) -> Path:
        """Where the shard's result is, once it is complete."""
        return Path(self.out) / "parts" / f"part-{shard.index:06}.parquet"


# ---- the work on a shard ----


class Explainer:
    """A model, and what is asked of it. One thread computes: an engine has as many
    workers as it gives cores."""

    def __init__(self, job: Job) -> None:
        import pyarrow as pa
        import wherefore

        self.job = job
        pa.array([b""])  # brings along pandas where there is one: the engine's own
        self.megabytes_before = peak_megabytes()
        self._model = wherefore.open(job.model or None, precision=job.precision)

    def explain(self, images: Any) -> Any:
        """A `pyarrow.StructArray`, a row for each of `images`, an Arrow column of
        encoded files. A broken image costs its own row."""
        return self._model.explain_batch(images, threads=1, **dict(self.job.options))

    def table(self, rows: list[Row]) -> Any:
        """The result for `rows`, as a `pyarrow.Table`: `key`, what the model says, and
        `error`."""
        import pyarrow as pa

        found = self.explain(pa.array([row.image for row in rows], pa.binary()))
        columns = dict(zip(found.type.names, found.flatten(), strict=True))
        if not self.job.maps:
            del columns["map"]
        if any(row.kind for row in rows):
            said = columns["error"].to_pylist()
            errors = [
                {"kind": row.kind, "detail": row.detail} if row.kind else error
                for row, error in zip(rows, said, strict=True)
            ]
            columns["error"] = pa.array(errors, columns["error"].type)
        fields = [found.type.field(name) for name in columns]
        return pa.table(
            [pa.array([row.key for row in rows], pa.string()), *columns.values()],
            schema=pa.schema([pa.field("key", pa.string(), False), *fields]),
        )


def peak_megabytes() -> float:
    """The most memory that this process has had resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@functools.lru_cache(maxsize=1)
def explainer(job: Job) -> Explainer:
    """The one of this process, which is kept from shard to shard."""
    return Explainer(job)


def batches(shard: Shard) -> Iterator[list[Row]]:
    """The shard's rows, in pieces that are bounded in rows and in bytes; an empty
    piece if there are none."""
    rows: list[Row] = []
    size = pieces = 0
    for row in shard.rows():
        rows.append(row)
        size += len(row.image or b"")
        if len(rows) == BATCH_ROWS or size >= BATCH_BYTES:
            yield rows
            rows, size, pieces = [], 0, pieces + 1
    if rows or not pieces:
        yield rows


def do_shard(line: str, explain: Explainer) -> dict[str, Any]:
    """Does the shard of this line of the plan, unless its result is there. Returns what
    was done, by whom and when; `megabytes` are those beyond the engine's own."""
    shard, start = Shard.parse(line), time.time()
    part = explain.job.part(shard)
    who = f"{socket.gethostname()}:{os.getpid()}"
    rows = failed = 0
    if not part.exists():
        rows, failed = _write_part(shard, explain, part)
    return {
        "shard": shard.index,
        "rows": rows,
        "failed": failed,
        "worker": who,
        "start": start,
        "seconds": time.time() - start,
        "megabytes": peak_megabytes() - explain.megabytes_before,
    }


def _write_part(shard: Shard, explain: Explainer, part: Path) -> tuple[int, int]:
    """Rows, and how many of them failed."""
    import pyarrow.parquet as pq

    rows = failed = 0
    writer = None
    # Of this attempt alone: another may be at work on the same shard.
    name = f".{part.name}.{socket.gethostname()}.{os.getpid()}.tmp"
    mine = part.with_name(name)
    try:
        with open(mine, "wb") as stream:
            for batch in batches(shard):
                table = explain.table(batch)
                writer = writer or pq.ParquetWriter(stream, table.schema)
                writer.write_table(table)
                rows += len(table)
                failed += len(table) - table["error"].null_count
            assert writer is not None  # there is at least an empty batch
            writer.close()
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(mine, part)
    finally:
        mine.unlink(missing_ok=True)
    return rows, failed


# ---- the plan, and the end ----


def begin(job: Job, source: Path, rows: int, column: str) -> list[str]:
    """Writes the plan, or reads that of a job that goes on, which must be the same
    job. Returns the lines of the shards that are still to be done."""
    plan = Path(job.out) / "plan.jsonl"
    asked = {"source": str(source.resolve()), "rows": rows, "column": column}
    asked |= {**job._asdict(), "options": dict(job.options)}
    del asked["out"]
    if not plan.exists():
        (plan.parent / "parts").mkdir(parents=True, exist_ok=True)
        found = [shard.line() for shard in list_shards(source.resolve(), rows, column)]
        if not found:
            raise SystemExit(f"{source} has no images, Parquet files or tars")
        complete = plan.with_suffix(".tmp")
        complete.write_text("\n".join([json.dumps(asked), *found]) + "\n")
        complete.replace(plan)
    first, *lines = plan.read_text().splitlines()
    if json.loads(first) != asked:
        raise SystemExit(f"{job.out} has another job in it: {first}")
    done = {path.name for path in (plan.parent / "parts").iterdir()}
    return [line for line in lines if job.part(Shard.parse(line)).name not in done]


def finish(job: Job, summaries: list[dict[str, Any]], start: float) -> dict[str, Any]:
    """Checks that every shard is done, removes what lost workers have left, and writes
    summary.json. Call it when no worker is at work."""
    import pyarrow.parquet as pq

    out = Path(job.out)
    for left in (out / "parts").glob(".*.tmp"):
        left.unlink()
    lines = (out / "plan.jsonl").read_text().splitlines()[1:]
    rows = failed = 0
    for line in lines:
        with pq.ParquetFile(job.part(Shard.parse(line))) as file:
            for at in range(file.metadata.num_row_groups):
                group = file.metadata.row_group(at)
                rows += group.num_rows
            errors = file.read(columns=["error"])["error"]
            failed += len(errors) - errors.null_count
    summary = {
        "shards": len(lines),
        "rows": rows,
        "failed": failed,
        "shards_now": len(summaries),
        "rows_now": sum(it["rows"] for it in summaries),
        "seconds": round(time.time() - start, 3),
    }
    (out / "summary.json").write_text(json.dumps({**summary, "tasks": summaries}))
    return summary


def write_coco(job: Job) -> Path:
    """Writes results.json, the results format of COCO: a box for each picture that has
    one. image_id is the number in the file's name, as in COCO's own, else the key;
    category_id is the index of the class."""
    import pyarrow.parquet as pq

    results = Path(job.out) / "results.json"
    complete = results.with_suffix(".tmp")
    with open(complete, "w") as stream:
        stream.write("[")
        comma = ""
        for part in sorted((Path(job.out) / "parts").glob("part-*.parquet")):
            table = pq.read_table(part, columns=["key", "class", "score", "box"])
            for row in table.to_pylist():
                if row["box"] is not None:
                    stream.write(comma + json.dumps(coco_result(row)))
                    comma = ",\n"
        stream.write("]\n")
    complete.replace(results)
    return results


def coco_result(row: dict[str, Any]) -> dict[str, Any]:
    """One entry of COCO's results."""
    stem = Path(row["key"]).stem
    box = row["box"]
    return {
        "image_id": int(stem) if stem.isascii() and stem.isdigit() else row["key"],
        "category_id": row["class"],
        "bbox": [box["x"], box["y"], box["width"], box["height"]],
        "score": row["score"],
    }


# ---- the command line ----


def arguments(description: str) -> argparse.Namespace:
    """What both jobs are asked for."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "source", type=Path, help="a folder of images, of Parquet files or of tars"
    )
    parser.add_argument(
        "out", type=Path, help="the job's folder, which all workers see"
    )
    parser.add_argument("--model", default="", help="a model's folder")
    parser.add_argument(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="as at POST /cam, such as method=gradcam; repeatable",
    )
    parser.add_argument(
        "--column", default="image", help="of Parquet files: the images"
    )
    parser.add_argument("--rows", type=int, default=256, help="pictures in a shard")
    parser.add_argument(
        "--maps", action=argparse.BooleanOptionalAction, default=True, help="keep maps"
    )
    parser.add_argument("--precision", choices=("fp32", "int8", "auto"), default="fp32")
    parser.add_argument("--coco", action="store_true", help="also write results.json")
    parser.add_argument("--workers", type=int, default=0, help="default: all cores")
    parser.add_argument(
        "--cluster", default="", help="the address of a running cluster"
    )
    asked = parser.parse_args()
    asked.job = Job(
        str(asked.out.resolve()),
        asked.model and str(Path(asked.model).resolve()),
        tuple(sorted(tuple(text.split("=", 1)) for text in asked.option)),
        asked.maps,
        asked.precision,
    )
    return asked


def run(asked: argparse.Namespace, engine: Any) -> None:
    """A whole job: `engine(job, lines, asked)` does the shards of these lines, and
    returns their summaries."""
    start = time.time()
    lines = begin(asked.job, asked.source, asked.rows, asked.column)
    summaries = engine(asked.job, lines, asked) if lines else []
    summary = finish(asked.job, summaries, start)
    if asked.coco:
        write_coco(asked.job)
    print(json.dumps(summary))
    sys.stdout.flush()
