"""Photos for jobs, what the command says of them, and a cluster of two nodes."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
JOBS = ROOT / "examples" / "jobs"
sys.path[:0] = [str(JOBS), str(ROOT / "tests")]
import common  # noqa: E402

WHEREFORE = os.environ.get("WHEREFORE", str(ROOT / "build" / "wherefore"))
MODEL = ROOT / "models" / "efficientnet-lite0"
# 240 in CI, where workers are killed; more, and whatever else, by `make jobs-kill`.
PHOTOS = int(os.environ.get("PHOTOS", "240"))
MANY = pytest.mark.skipif(PHOTOS < 1000, reason="make jobs-kill")
PATIENCE = 120 + PHOTOS // 5
eventually = common.eventually


def pictures() -> list[pathlib.Path]:
    """The photos of the repository, and its small pictures of all kinds."""
    samples = sorted((ROOT / "static" / "samples").glob("*.*g"))
    return [
        *samples,
        *sorted((ROOT / "tests" / "cases" / "images").glob("*-rgb.[jp][pn]g")),
    ]


def parquet(path: pathlib.Path, images: list[bytes | None], group: int = 7) -> None:
    """A file with a column `image`, in row groups of `group` rows."""
    table = pa.table({"image": pa.array(images, pa.binary())})
    pq.write_table(table, path, row_group_size=group)


def tar(path: pathlib.Path, members: dict[str, bytes]) -> None:
    """A WebDataset: images, and beside them what belongs to them."""
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def told_apart(folder: pathlib.Path, total: int) -> dict[str, pathlib.Path | None]:
    """Fills the folder with `total` images of three kinds, one of each kind broken,
    and returns the pictures that are behind their keys; None is a broken one."""
    folder.mkdir()
    keys: dict[str, pathlib.Path | None] = {}
    more = itertools.cycle(pictures())
    packed = min(total // 6, 100)
    rows: list[bytes | None] = [b"\x89PNG, it says"]
    members = {"sub/00.jpg": b"\xff\xd8\xff\xe0 and no more", "sub/00.json": b"{}"}
    keys |= {"rows.parquet#0": None, "samples.tar/sub/00.jpg": None, "broken.jpg": None}
    (folder / "broken.jpg").write_bytes(pictures()[-1].read_bytes()[:200])
    for at in range(1, packed):
        photo = keys[f"rows.parquet#{at}"] = next(more)
        rows.append(photo.read_bytes())
        photo = next(more)
        keys[f"samples.tar/sub/{at}{photo.suffix}"] = photo
        members |= {f"sub/{at}{photo.suffix}": photo.read_bytes()}
    parquet(folder / "rows.parquet", rows)
    tar(folder / "samples.tar", members)
    for at in range(total - 2 * packed - 1):
        photo = next(more)
        name = f"{at % 10}/{at:06}{photo.suffix}"
        (folder / name).parent.mkdir(exist_ok=True)
        os.link(_copy_of(folder.parent, photo), folder / name)
        keys[name] = photo
    return keys


def _copy_of(folder: pathlib.Path, photo: pathlib.Path) -> pathlib.Path:
    """On the file system of the folder, for links."""
    copy = folder / f"copy-{photo.name}"
    if not copy.exists():
        shutil.copy(photo, copy)
    return copy


def said_of(photos: list[pathlib.Path]) -> dict[pathlib.Path, dict[str, Any]]:
    """What the command says of each."""
    result = subprocess.run(
        [WHEREFORE, "cam", "--model", MODEL, "--threads=1", "--jsonl", "-"],
        input="".join(f"{photo}\n" for photo in photos),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return dict(zip(photos, lines, strict=True))


def results(out: pathlib.Path) -> list[dict[str, Any]]:
    """All rows that a job has written."""
    parts = sorted((out / "parts").glob("*"))
    assert [path.suffix for path in parts] == [".parquet"] * len(parts)
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def check(out: pathlib.Path, keys: dict[str, pathlib.Path | None]) -> None:
    """Each picture is there once, with what the command says of it; only the broken
    ones have an error."""
    rows = results(out)
    assert Counter(row["key"] for row in rows) == Counter(keys.keys())
    said = said_of(sorted({photo for photo in keys.values() if photo}))
    for row in rows:
        photo = keys[row["key"]]
        if photo is None:
            assert row["error"]["kind"] in ("bad-input", "unsupported")
            assert row["class"] is row["score"] is row["map"] is None
            continue
        best = said[photo]["classes"][0]
        assert row["error"] is None
        assert (row["class"], row["id"]) == (best["index"], best["id"])
        assert row["score"] == pytest.approx(best["score"], rel=1e-5)
        assert row["box"].items() <= said[photo]["box"].items()


# ---- jobs that are killed ----


class Running:
    """A job that runs as a process of its own."""

    def __init__(self, log: pathlib.Path, script: str, *args: object) -> None:
        self._log = log
        with open(log, "a") as stream:
            self._process = subprocess.Popen(
                [sys.executable, JOBS / script, *map(str, args)],
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
            )

    def wait_for(self, look: Callable[[], object]) -> Any:
        """What `look` returns once that is something, unless the job ends before."""

        def or_over() -> object:
            assert self._process.poll() is None, self._log.read_text()[-3000:]
            return look()

        return eventually(or_over, PATIENCE, 0.01)

    def finish(self) -> dict[str, Any]:
        """Its summary."""
        output, _ = self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == 0, self._log.read_text()[-3000:]
        return json.loads(output.splitlines()[-1])

    def kill(self) -> None:
        """As if the machine with the driver were lost."""
        self._process.kill()
        self._process.communicate()


def parts(out: pathlib.Path) -> int:
    """How many shards are complete."""
    return len(list(out.glob("parts/part-*")))


def worker_at_work(out: pathlib.Path) -> int | None:
    """The process of a worker that is in the middle of a shard. Its number is in the
    name of what it writes."""
    for path in out.glob("parts/.*.tmp"):
        pid = int(path.name.split(".")[-2])
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            return pid
    return None


@dataclasses.dataclass
class Started:
    """A job, its folder, and the pictures that it is about."""

    script: str
    folder: pathlib.Path
    args: tuple[object, ...]
    keys: dict[str, pathlib.Path | None]
    process: Running | None = None

    @property
    def out(self) -> pathlib.Path:
        return self.folder / "out"

    def start(self) -> Running:
        """Starts it, or lets it go on."""
        size = 10 if PHOTOS < 1000 else 50
        photos = self.folder / "photos"
        asked = [photos, self.out, "--rows", size, "--model", MODEL, "--coco"]
        log = self.folder / "log.txt"
        self.process = Running(log, self.script, *asked, *self.args)
        return self.process

    def wait_until(self, share: float) -> None:
        """Until so much of it is done."""
        self.process.wait_for(lambda: parts(self.out) >= share * self.shards())

    def shards(self) -> float:
        """In all, once it has a plan."""
        plan = self.out / "plan.jsonl"
        return len(plan.read_text().splitlines()) - 1 if plan.exists() else math.inf

    def kill_worker(self) -> None:
        """One that is in the middle of a shard."""
        os.kill(self.process.wait_for(lambda: worker_at_work(self.out)), signal.SIGKILL)

    def kill_driver(self) -> int:
        """How many shards are complete, once its workers have ended, too."""
        self.process.kill()
        return eventually(lambda: _settled(self.out), 30)

    def finish(self) -> dict[str, Any]:
        """Its summary, when it is over and everything in its folder is right."""
        summary = self.process.finish()
        check(self.out, self.keys)
        assert (summary["rows"], summary["failed"]) == (PHOTOS, 3)
        found = json.loads((self.out / "results.json").read_text())
        assert len(found) == PHOTOS - 3
        print(
            f"\n{self.script}: {PHOTOS} pictures, none lost, none repeated: {summary}"
        )
        return summary


def started(folder: pathlib.Path, script: str, *args: object) -> Started:
    """A job on as many pictures as asked for, which runs."""
    job = Started(script, folder, args, told_apart(folder / "photos", PHOTOS))
    job.start()
    return job


def _settled(out: pathlib.Path) -> int | None:
    """How many shards are complete, once the workers of a killed driver have ended."""
    before = parts(out)
    time.sleep(1)
    return before if worker_at_work(out) is None and before == parts(out) else None


@pytest.fixture
def two_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cluster of Ray with two nodes of one core each, on this machine."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 100 << 20}
    cluster = Cluster(True, head_node_args={**node, "include_dashboard": False})
    cluster.node_args = node
    cluster.second = cluster.add_node(**node)
    yield cluster
    cluster.shutdown()


@pytest.fixture(autouse=True, scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where Ray keeps the token of a cluster, and whatever else there is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Spark without its page, and with a Java that starts quickly.
        java = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
        patch.setenv(
            "PYSPARK_SUBMIT_ARGS",
            f"--conf spark.ui.enabled=false --driver-java-options '{java}' pyspark-shell",
        )
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        yield
