"""Jobs on Ray and on Spark beside the command, by turns; memory of their workers; and
what tools/scale_sim.py predicts beside what was measured, with a killed worker, too.

    bench/run jobs [--photos 1000] [--rounds 3] [--data FOLDER]

Photos are those of a folder, repeated. The start of an engine is left out: a job lasts
from the beginning of its first shard to the end of its last. The command runs twice:
by itself, which computes an image with all cores, and as one for each core, which is
the most that this machine can do.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
JOBS = ROOT / "examples/jobs"
sys.path[:0] = [str(JOBS), str(ROOT / "tools")]
import jobs  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import scale_sim  # noqa: E402
import shards  # noqa: E402

WHEREFORE = ROOT / "build/wherefore"
MODEL = ROOT / "models/efficientnet-lite0"
CORES = len(os.sched_getaffinity(0))


def fill(folder: Path, data: Path, count: int) -> None:
    """Links to photos, as many as asked for."""
    folder.mkdir()
    photos = sorted(
        path for path in data.iterdir() if path.suffix in (".jpg", ".jpeg", ".png")
    )
    for at, photo in zip(range(count), itertools.cycle(photos), strict=False):
        (folder / f"{at:06}{photo.suffix}").symlink_to(photo.resolve())


def command(folder: Path, processes: int) -> float:
    """Photos a second of `wherefore cam`."""
    names = sorted(folder.iterdir())
    args = [WHEREFORE, "cam", "--model", MODEL, "--values=f32", "--jsonl", "-"]
    if processes > 1:
        args.append("--threads=1")
    start = time.monotonic()
    running = [
        subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for _ in range(processes)
    ]
    lines = "\n".join(map(str, names[0::processes])).encode()
    more = [
        "\n".join(map(str, names[at::processes])).encode() for at in range(processes)
    ]
    for process, lines in zip(running, more, strict=True):
        process.stdin.write(lines)
        process.stdin.close()
    for process in running:
        process.wait()
    return len(names) / (time.monotonic() - start)


@dataclasses.dataclass
class Killed:
    """When a worker was killed, and which process it was."""

    at: float
    pid: int


def job(
    script: str, folder: Path, out: Path, *args: object, kill_at: float = 0
) -> tuple[dict[str, Any], Killed | None]:
    """The summary of a job; of which a worker is killed when this share is done."""
    rows = max(10, len(os.listdir(folder)) // 30)
    asked = [folder, out, "--rows", str(rows), "--model", MODEL, *map(str, args)]
    killed = None
    with open(out.parent / "log.txt", "w") as log:
        process = subprocess.Popen(
            [sys.executable, JOBS / script, *asked],
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        while kill_at and not killed and process.poll() is None:
            time.sleep(0.02)
            killed = kill_worker(out, kill_at)
        if process.wait():
            sys.exit((out.parent / "log.txt").read_text())
    return json.loads((out / "summary.json").read_text()), killed


def kill_worker(out: Path, share: float) -> Killed | None:
    """Kills one that is in the middle of a shard, if so much is done."""
    with contextlib.suppress(OSError):
        shards = len((out / "plan.jsonl").read_text().splitlines()) - 1
        done = len(list(out.glob("parts/part-*")))
        for path in out.glob("parts/.*.tmp"):
            if done >= share * shards:
                pid = int(path.name.split(".")[-2])
                os.kill(pid, signal.SIGKILL)
                return Killed(time.time(), pid)
    return None


@contextlib.contextmanager
def two_nodes() -> Iterator[list[str]]:
    """A cluster of Ray with two nodes of one core each; what a job needs to use it."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 100 << 20}
    cluster = Cluster(True, head_node_args={**node, "include_dashboard": False})
    cluster.add_node(**node)
    try:
        yield ["--cluster", cluster.address]
    finally:
        cluster.shutdown()


# ---- by turns ----


def by_turns(asked: argparse.Namespace, work: Path) -> None:
    """Throughput and memory."""
    engines = {"Ray": "ray_job.py", "Spark": "spark_job.py"}
    rates: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    for at in range(asked.rounds):
        rates.setdefault("command", []).append(command(work / "photos", 1))
        several = f"{CORES} commands, one thread each"
        rates.setdefault(several, []).append(command(work / "photos", CORES))
        for name, script in engines.items():
            args = ["--workers", CORES]
            out = work / f"{name}-{at}"
            summary, _ = job(script, work / "photos", out, *args)
            measured = scale_sim.measure(summary)
            rates.setdefault(name, []).append(asked.photos / measured.makespan)
            most = max(task["megabytes"] for task in summary["tasks"])
            memory[name] = max(memory.get(name, 0), most)
    print(f"{asked.photos} photos, {asked.rounds} rounds, {CORES} cores; load", end=" ")
    print(*(f"{load:.1f}" for load in os.getloadavg()))
    print(
        "\n| | photos/s | of the command's | MB a worker |\n| --- | --- | --- | --- |"
    )
    for name, values in rates.items():
        ratios = [a / b for a, b in zip(values, rates["command"], strict=True)]
        print(
            f"| {name} | {statistics.median(values):.1f} "
            f"| {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) "
            f"| {memory[name]:.0f} |"
            if name in memory
            else f"| {name} | {statistics.median(values):.1f} "
            f"| {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | |"
        )


# ---- what a photo costs ----


def packed(folder: Path, photos: list[Path]) -> None:
    """The photos as a Parquet file and as a tar."""
    folder.mkdir()
    images = pa.table({"image": pa.array([it.read_bytes() for it in photos])})
    pq.write_table(images, folder / "a.parquet", compression="none", row_group_size=64)
    with tarfile.open(folder / "a.tar", "w") as archive:
        for photo in photos:
            archive.add(photo.resolve(), photo.name)


def costs(asked: argparse.Namespace, work: Path) -> None:
    """Of one core, by parts of a job's work, from files that are in memory."""
    photos = sorted((work / "photos").iterdir())[:400]
    packed(work / "packed", photos)
    rows: list[tuple[str, float, float]] = []
    for source in (
        work / "photos",
        work / "packed" / "a.tar",
        work / "packed/a.parquet",
    ):
        found = shards.list_shards(source, len(photos), "image")[0]
        start, size = time.process_time(), 0
        for row in found.rows():
            size += len(row.image)
        took = time.process_time() - start
        rows.append((f"read: {found.kind}", took / len(photos), size / len(photos)))
    explain = jobs.Explainer(jobs.Job(str(work / "costs"), str(MODEL)))
    batch = [shards.Row(it.name, it.read_bytes()) for it in photos]
    table = explain.table(batch[:32])
    start = time.process_time()
    tables = [explain.table(batch[at : at + 32]) for at in range(0, len(batch), 32)]
    rows.append(("explain", (time.process_time() - start) / len(photos), 0))
    for maps in (True, False):
        start = time.process_time()
        out = work / "costs.parquet"
        with pq.ParquetWriter(
            out, (table if maps else table.drop("map")).schema
        ) as file:
            for it in tables:
                file.write_table(it if maps else it.drop("map"))
        took = (time.process_time() - start) / len(photos)
        what = "write: Parquet" if maps else "write: Parquet, without maps"
        rows.append((what, took, out.stat().st_size / len(photos)))
    print("\n| | ms of a core a photo | KB a photo |\n| --- | --- | --- |")
    for what, seconds, size in rows:
        print(f"| {what} | {1000 * seconds:.3f} | {size / 1000:.2f} |")


# ---- what is predicted ----


def loss_of(summary: dict[str, Any], killed: Killed) -> scale_sim.Loss:
    """What the kill was to the job: when, and after how long there was another worker."""
    begin = min(task["start"] for task in summary["tasks"])
    later = [
        task["start"]
        for task in summary["tasks"]
        if not task["worker"].endswith(f":{killed.pid}") and task["start"] > killed.at
    ]
    before = {task["worker"] for task in summary["tasks"] if task["start"] <= killed.at}
    fresh = [
        task["start"]
        for task in summary["tasks"]
        if task["start"] > killed.at and task["worker"] not in before
    ]
    back = (min(fresh) if fresh else max(later)) - killed.at
    return scale_sim.Loss(killed.at - begin, 0, back, back)


def predicted(asked: argparse.Namespace, work: Path) -> None:
    """A job on two nodes as measured, the next one, and two of which a worker is
    killed: what the first one cost there is what the second one is predicted by."""
    rows = []
    for name, script in (("Ray", "ray_job.py"), ("Spark", "spark_job.py")):
        nodes = (
            two_nodes() if name == "Ray" else contextlib.nullcontext(["--workers", 2])
        )
        with nodes as args:
            runs = []
            for at, kill_at in enumerate((0, 0, 0.3, 0.5)):
                out = work / f"{name}-predicted-{at}"
                photos = work / "photos"
                runs.append(job(script, photos, out, *args, kill_at=kill_at))
        first = scale_sim.measure(runs[0][0])
        rows.append((name, "again", first.makespan, runs[1][0]))
        rows[-1] = (*rows[-1][:2], scale_sim.predict(first).makespan, runs[1][0])
        cost = loss_of(*runs[2])
        at = loss_of(*runs[3]).at
        outcome = scale_sim.predict(first, [cost._replace(at=at)])
        what = (
            f"a worker killed after {at:.1f} s, another after {cost.back_after:.1f} s"
        )
        rows.append((name, what, outcome.makespan, runs[3][0]))
    print("\n| engine | run | predicted s | measured s | ratio |")
    print("| --- | --- | --- | --- | --- |")
    for name, what, makespan, summary in rows:
        real = scale_sim.measure(summary).makespan
        print(
            f"| {name} | {what} | {makespan:.1f} | {real:.1f} | {makespan / real:.2f} |"
        )


PARTS = {"turns": by_turns, "costs": costs, "predicted": predicted}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=ROOT / "static/samples")
    parser.add_argument("--only", choices=PARTS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wherefore-jobs-") as name:
        work = Path(name)
        os.environ["HOME"] = name  # where Ray keeps a token
        fill(work / "photos", asked.data, asked.photos)
        for name, part in PARTS.items():
            if asked.only in (None, name):
                part(asked, work)


if __name__ == "__main__":
    main()
