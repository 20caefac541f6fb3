"""Simulates a job on a cluster, and a service that is scaled by its queue.

    scale_sim.py job --photos 1e8 --nodes 100 --cores 16 --loss-per-node-hour 0.05
    scale_sim.py replay OUT/summary.json [--workers 2] [--loss 20:0:3]
    scale_sim.py queue --load 0:30,60:150,360:30

`job` has shards that take longer on slow nodes and by chance, nodes that are lost and
replaced, and on demand second copies of what takes long. `replay` predicts a job from
what another one (examples/jobs/) has measured. `queue` steps through an autoscaler's
looks at the work in the service, as docker/kubernetes/queue/ sets one up.

Everything that is left to chance comes from --seed. docs/scale.md has the results.
"""

from __future__ import annotations

import argparse
import dataclasses
import heapq
import itertools
import json
import math
import random
import statistics
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

# ---- a job ----


class Loss(NamedTuple):
    """A worker ends, and with it the shard it is at. `back_after` seconds later one is
    there in its place, which needs no further start; `math.inf`: never. The shard is
    given out again `noticed_after` seconds later."""

    at: float
    worker: int
    back_after: float
    noticed_after: float = 0.0


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Workers, which are cores. `speeds` are factors on the seconds of a shard, and
    `ready` when a worker can take its first one; `gap` is from shard to shard."""

    speeds: tuple[float, ...]
    ready: tuple[float, ...]
    gap: float = 0.0
    speculate: float = 0.0  # a second copy after so many medians; 0: never


@dataclasses.dataclass
class Outcome:
    """`busy` counts the seconds of workers at shards, also of those in vain (`wasted`),
    and `makespan` those until the last shard is complete."""

    makespan: float = 0.0
    busy: float = 0.0
    wasted: float = 0.0
    runs: int = 0
    completions: list[float] = dataclasses.field(default_factory=list)


class Run(NamedTuple):
    """A shard at a worker."""

    number: int
    shard: int
    start: float


class JobSimulation:
    """Runs a job's events in their order; `outcome` says how it went."""

    def __init__(
        self, shards: Sequence[float], cluster: Cluster, losses: Sequence[Loss] = ()
    ) -> None:
        self._shards, self._cluster = shards, cluster
        self._todo = deque(range(len(shards)))
        self._done = [False] * len(shards)
        self._copies = [0] * len(shards)
        self._runs: dict[int, Run] = {}  # by worker
        self._idle: set[int] = set()
        self._left = len(shards)
        self._number = 0
        self._took: list[float] = []  # sorted from time to time, for medians
        self._median = math.inf
        self._events: list[tuple[float, int, str, Any]] = []
        self._gone: set[int] = set()
        self.outcome = Outcome()
        for worker, ready in enumerate(cluster.ready):
            self._add(ready, "free", worker)
        for loss in losses:
            self._add(loss.at, "lose", loss)

    def _add(self, at: float, what: str, about: Any) -> None:
        self._number += 1
        heapq.heappush(self._events, (at, self._number, what, about))

    def run(self) -> Outcome:
        """Until every shard is complete. RuntimeError: no worker is left."""
        while self._left:
            if not self._events:
                raise RuntimeError("every worker is lost")
            now, _, what, about = heapq.heappop(self._events)
            getattr(self, f"_{what}")(now, about)
        for run in self._runs.values():  # copies of what is complete
            self.outcome.busy += self.outcome.makespan - run.start
            self.outcome.wasted += self.outcome.makespan - run.start
        return self.outcome

    def _free(self, now: float, worker: int) -> None:
        self._gone.discard(worker)
        while self._todo and self._done[self._todo[0]]:
            self._todo.popleft()
        shard = self._todo.popleft() if self._todo else self._slowest(now)
        if shard is None:
            self._idle.add(worker)
            return
        self._idle.discard(worker)
        self._number += 1
        self._runs[worker] = run = Run(self._number, shard, now)
        self._copies[shard] += 1
        self.outcome.runs += 1
        took = self._shards[shard] * self._cluster.speeds[worker]
        self._add(now + took, "end", (worker, run))

    def _slowest(self, now: float) -> int | None:
        """The shard to make a second copy of."""
        limit = self._cluster.speculate * self._median
        late = [
            (run.start, run.shard)
            for run in self._runs.values()
            if self._copies[run.shard] == 1 and not self._done[run.shard]
        ]
        if not self._cluster.speculate or not late:
            return None
        start, shard = min(late)
        if now - start > limit:
            return shard
        if math.isfinite(limit):
            self._add(start + limit + 1e-6, "wake", None)
        return None

    def _wake(self, now: float, _: None) -> None:
        if self._idle:
            self._free(now, min(self._idle))

    def _end(self, now: float, about: tuple[int, Run]) -> None:
        worker, run = about
        if self._runs.get(worker) != run:
            return  # it was lost meanwhile
        del self._runs[worker]
        self.outcome.busy += now - run.start
        if self._done[run.shard]:
            self.outcome.wasted += now - run.start
        else:
            self._done[run.shard] = True
            self._left -= 1
            self.outcome.completions.append(now)
            self.outcome.makespan = now
            self._note(now - run.start)
        self._add(now + self._cluster.gap, "free", worker)

    def _note(self, took: float) -> None:
        self._took.append(took)
        if len(self._took) & (len(self._took) - 1) == 0:  # at powers of two
            self._median = statistics.median(self._took)

    def _lose(self, now: float, loss: Loss) -> None:
        run = self._runs.pop(loss.worker, None)
        self._idle.discard(loss.worker)
        if run:
            self.outcome.busy += now - run.start
            self.outcome.wasted += now - run.start
            self._add(now + loss.noticed_after, "again", run.shard)
        self._drop_events_of(loss.worker)
        if math.isfinite(loss.back_after):
            self._add(now + loss.back_after, "free", loss.worker)

    def _drop_events_of(self, worker: int) -> None:
        """It was between two shards."""
        left = [it for it in self._events if it[2:] != ("free", worker)]
        if len(left) != len(self._events):
            self._events = left
            heapq.heapify(self._events)

    def _again(self, now: float, shard: int) -> None:
        self._copies[shard] -= 1
        if not self._done[shard]:
            self._todo.appendleft(shard)
            self._wake(now, None)


def make_job(asked: argparse.Namespace, seed: int) -> JobSimulation:
    """Shards, nodes and losses by chance."""
    chance = random.Random(seed)
    count = math.ceil(asked.photos / asked.rows)
    # Of mean 1, so that the work does not depend on the spread.
    drift = -(asked.spread**2) / 2
    shards = [
        asked.rows * asked.ms / 1000 * chance.lognormvariate(drift, asked.spread)
        for _ in range(count)
    ]
    slow = [
        asked.slow if chance.random() < asked.stragglers else 1.0
        for _ in range(asked.nodes)
    ]
    speeds = tuple(speed for speed in slow for _ in range(asked.cores))
    cluster = Cluster(speeds, (asked.start,) * len(speeds), asked.gap, asked.speculate)
    expected = sum(shards) / sum(1 / speed for speed in speeds)
    losses: list[Loss] = []
    for node in range(asked.nodes):
        at = 0.0
        while asked.loss_per_node_hour > 0:
            at += chance.expovariate(asked.loss_per_node_hour / 3600)
            if at > 3 * expected + 3600:
                break
            losses += [
                Loss(at, worker, asked.replace, asked.notice)
                for worker in range(node * asked.cores, (node + 1) * asked.cores)
            ]
            at += asked.replace
    return JobSimulation(shards, cluster, losses)


# ---- what a job has measured ----


@dataclasses.dataclass(frozen=True)
class Measured:
    """What the summary of a job says: the seconds a row, the gap between two shards of
    a worker, when each worker began, and the rows of all shards."""

    row_s: float
    gap_s: float
    ready: tuple[float, ...]
    rows: tuple[int, ...]
    makespan: float


def measure(summary: dict[str, Any]) -> Measured:
    """Reads summary.json of examples/jobs/, of a job from beginning to end."""
    tasks = sorted(summary["tasks"], key=lambda task: task["start"])
    begin = tasks[0]["start"]
    by_worker: dict[str, list[dict[str, Any]]] = {}
    for task in tasks:
        by_worker.setdefault(task["worker"], []).append(task)
    gaps = [
        max(0.0, later["start"] - earlier["start"] - earlier["seconds"])
        for own in by_worker.values()
        for earlier, later in itertools.pairwise(own)
    ]
    return Measured(
        sum(task["seconds"] for task in tasks) / sum(task["rows"] for task in tasks),
        statistics.fmean(gaps) if gaps else 0.0,
        tuple(sorted(own[0]["start"] - begin for own in by_worker.values())),
        tuple(task["rows"] for task in tasks),
        max(task["start"] + task["seconds"] for task in tasks) - begin,
    )


def predict(measured: Measured, losses: Sequence[Loss] = ()) -> Outcome:
    """The same job once more, with these losses."""
    shards = [rows * measured.row_s for rows in measured.rows]
    speeds = (1.0,) * len(measured.ready)
    return JobSimulation(
        shards, Cluster(speeds, measured.ready, measured.gap_s), losses
    ).run()


# ---- a service that is scaled by its queue ----


@dataclasses.dataclass(frozen=True)
class Scaler:
    """Every `interval` seconds it wants ceil(work / target) pods, where work is the
    images that wait now, and the pods that were busy in the mean of the last `window`
    seconds. A new pod serves after `start` seconds; fewer are wanted only if no look
    of the last `calm` seconds wanted more."""

    target: float = 0.7
    least: int = 1
    most: int = 10
    interval: float = 15.0
    start: float = 2.0
    calm: float = 300.0
    window: float = 60.0


@dataclasses.dataclass(frozen=True)
class Load:
    """Images a second from each of these times on."""

    steps: tuple[tuple[float, float], ...]
    seconds: float

    def rate(self, now: float) -> float:
        return max((step for step in self.steps if step[0] <= now), default=(0, 0.0))[1]


class Second(NamedTuple):
    """What was seen at the end of a second."""

    at: float
    rate: float
    queue: int
    busy: int
    pods: int
    rejected: int  # since the beginning
    wait: float  # of an image that comes now
    used: float  # pods that were busy, in the mean since the beginning


@dataclasses.dataclass
class _Pod:
    """Serves from `ready` on, one image after another, and is done at `free`."""

    ready: float
    free: float = 0.0


class _Pods:
    """Pods with a queue each; an image goes to the pod that is done first."""

    def __init__(self, least: int, image_s: float, limit: int) -> None:
        self.all = [_Pod(0.0) for _ in range(least)]
        self.image_s, self.limit = image_s, limit
        self.rejected = 0
        self.accepted = 0

    def ready(self, now: float) -> list[_Pod]:
        return [pod for pod in self.all if pod.ready <= now]

    def arrive(self, now: float) -> None:
        pod = min(self.ready(now), key=lambda pod: pod.free)
        if self._waiting(now, pod) >= self.limit:
            self.rejected += 1
        else:
            pod.free = max(now, pod.free) + self.image_s
            self.accepted += 1

    def _waiting(self, now: float, pod: _Pod) -> int:
        left = max(0.0, pod.free - now) / self.image_s
        return max(0, math.ceil(left - 1e-9) - 1)

    def look(self, now: float, rate: float) -> Second:
        """What there is to see."""
        ready = self.ready(now)
        left = sum(max(0.0, pod.free - now) for pod in ready)
        return Second(
            now,
            rate,
            sum(self._waiting(now, pod) for pod in ready),
            sum(pod.free > now for pod in ready),
            len(ready),
            self.rejected,
            max(0.0, min(pod.free for pod in ready) - now),
            (self.accepted * self.image_s - left) / now,
        )

    def scale(self, now: float, want: int, start: float) -> None:
        """Starts pods, or ends those that have been started last. What they have still
        to do they do."""
        have = len(self.all)
        self.all += [_Pod(now + start) for _ in range(want - have)]
        del self.all[max(1, want) :]


def simulate_queue(
    load: Load, image_s: float, limit: int, scaler: Scaler, seed: int = 1
) -> list[Second]:
    """A service whose pods take `image_s` seconds an image and let `limit` wait each.
    Images arrive by chance, at the load's rate. Returns what was seen each second."""
    chance = random.Random(seed)
    pods = _Pods(scaler.least, image_s, limit)
    seen: list[Second] = []
    wanted: deque[tuple[float, int]] = deque()
    look = scaler.interval
    for second in range(1, math.ceil(load.seconds) + 1):
        rate, now = load.rate(second - 1), second - 1.0
        while rate > 0 and (now := now + chance.expovariate(rate)) < second:
            pods.arrive(now)
        seen.append(pods.look(float(second), rate))
        if second >= look:
            look += scaler.interval
            want = _wanted(seen, scaler, wanted)
            pods.scale(
                second, max(want, min(len(pods.all), _most(wanted))), scaler.start
            )
    return seen


def _wanted(
    seen: list[Second], scaler: Scaler, wanted: deque[tuple[float, int]]
) -> int:
    """How many pods are wanted now; `wanted` remembers."""
    last = seen[-1]
    first = seen[-1 - int(scaler.window)] if len(seen) > scaler.window else None
    begin, before = (first.at, first.used * first.at) if first else (0.0, 0.0)
    busy = (last.used * last.at - before) / (last.at - begin)
    # Up to the last bits of a sum.
    want = math.ceil((last.queue + busy) / scaler.target - 1e-9)
    want = min(scaler.most, max(scaler.least, want))
    wanted.append((last.at, want))
    while wanted[0][0] < last.at - scaler.calm:
        wanted.popleft()
    return want


def _most(wanted: deque[tuple[float, int]]) -> int:
    return max(want for _, want in wanted)


# ---- the command line ----


def show_job(asked: argparse.Namespace) -> None:
    """One line a seed, and their means."""
    outcomes = [
        make_job(asked, asked.seed + i).run() for i in range(max(1, asked.seeds))
    ]
    workers = asked.nodes * asked.cores
    print("seed  hours  core-hours  in use  in vain  photos/s")
    for i, outcome in enumerate(outcomes):
        paid = outcome.makespan * workers
        print(
            f"{asked.seed + i:4}  {outcome.makespan / 3600:5.2f}  {paid / 3600:10.0f}"
            f"  {outcome.busy / paid:6.1%}  {outcome.wasted / outcome.busy:7.2%}"
            f"  {asked.photos / outcome.makespan:8.0f}"
        )


def show_replay(asked: argparse.Namespace) -> None:
    """What was measured, and what is predicted."""
    measured = measure(json.loads(asked.summary.read_text()))
    if asked.workers:
        measured = dataclasses.replace(measured, ready=(0.0,) * asked.workers)
    losses = []
    for text in asked.loss:
        at, worker, *more = map(float, text.split(":"))
        losses.append(Loss(at, int(worker), *more))
    outcome = predict(measured, losses)
    print(
        f"measured {measured.makespan:.1f} s; {measured.row_s * 1000:.2f} ms a row, "
        f"{measured.gap_s * 1000:.1f} ms from shard to shard"
    )
    print(f"predicted {outcome.makespan:.1f} s, {outcome.wasted:.1f} s of work in vain")


def show_queue(asked: argparse.Namespace) -> None:
    """One line for each look of the autoscaler."""
    steps = tuple(
        (float(at), float(rate))
        for at, rate in (step.split(":") for step in asked.load.split(","))
    )
    scaler = Scaler(asked.target, asked.least, asked.most, asked.interval, asked.start)
    scaler = dataclasses.replace(scaler, calm=asked.calm)
    load = Load(steps, asked.seconds)
    seen = simulate_queue(load, asked.ms / 1000, asked.limit, scaler, asked.seed)
    print("seconds  images/s  waiting  busy  pods  rejected  wait s")
    for second in seen:
        if second.at % asked.interval == 0:
            print(
                f"{second.at:7.0f}  {second.rate:8.0f}  {second.queue:7}"
                f"  {second.busy:4}  {second.pods:4}  {second.rejected:8}"
                f"  {second.wait:6.2f}"
            )
    print(f"{sum(second.pods for second in seen)} pod-seconds")


def options(parser: argparse.ArgumentParser, *rows: tuple[str, Any, str]) -> None:
    """Adds options with defaults."""
    for name, default, text in rows:
        kind = type(default) if default is not None else str
        parser.add_argument(
            name, type=kind, default=default, help=f"{text} (%(default)s)"
        )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    commands = parser.add_subparsers(required=True)
    job = commands.add_parser("job", help="a job on a cluster")
    options(
        job,
        ("--photos", 1e8, "pictures"),
        ("--rows", 10000, "pictures in a shard"),
        ("--ms", 12.0, "milliseconds of a core for a picture"),
        ("--nodes", 100, "machines"),
        ("--cores", 16, "cores of each"),
        ("--start", 20.0, "seconds until a worker takes its first shard"),
        ("--gap", 0.02, "seconds from shard to shard"),
        ("--spread", 0.2, "of shards' seconds, as the sigma of a lognormal"),
        ("--stragglers", 0.0, "share of slow nodes"),
        ("--slow", 3.0, "how many times as long they take"),
        ("--speculate", 0.0, "copy what takes so many medians; 0: never"),
        ("--loss-per-node-hour", 0.0, "nodes lost"),
        ("--notice", 15.0, "seconds until its shards are given out again"),
        ("--replace", 120.0, "seconds until a lost node is replaced"),
        ("--seeds", 5, "how often"),
    )
    job.set_defaults(run=show_job)
    replay = commands.add_parser("replay", help="a job from another one's summary")
    replay.add_argument("summary", type=Path)
    replay.add_argument("--workers", type=int, default=0, help="as many as there were")
    replay.add_argument(
        "--loss",
        action="append",
        default=[],
        metavar="AT:WORKER:BACK-AFTER[:NOTICED-AFTER]",
    )
    replay.set_defaults(run=show_replay)
    queue = commands.add_parser("queue", help="a service, scaled by its queue")
    options(
        queue,
        ("--load", "0:30,60:150,360:30", "SECOND:IMAGES A SECOND, ..."),
        ("--seconds", 720.0, "how long"),
        ("--ms", 12.0, "milliseconds of a pod for an image"),
        ("--limit", 16, "images that may wait at a pod"),
        ("--target", 0.7, "images in the service for each pod"),
        ("--least", 1, "pods"),
        ("--most", 10, "pods"),
        ("--interval", 15.0, "seconds from look to look"),
        ("--start", 2.0, "seconds until a new pod serves"),
        ("--calm", 300.0, "seconds before pods are taken away"),
    )
    queue.set_defaults(run=show_queue)
    return parser.parse_args()


if __name__ == "__main__":
    ASKED = arguments()
    ASKED.run(ASKED)
