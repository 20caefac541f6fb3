"""Ten times the load that the server can take: what it accepts is answered in
bounded time, the rest is turned away at once, and who looks after it is answered
throughout.

Times are compared with those of the same run, and never with a clock alone: a
machine that is slow or busy is so for both.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import gc
import json
import pathlib
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from conftest import ALONE, LARGE, SANITIZED, Server, png, running

pytestmark = [ALONE, LARGE]

WORKERS = 2
QUEUE = 4
CLIENTS = 10 * (WORKERS + QUEUE)
TIMES = 10  # the load, in what the workers can do
SECONDS = 10.0
ALONE = 3.0  # seconds without an overload, to learn what that is
SLACK = 2  # pictures' time, for all that is no work on a picture
PAGES = ("/healthz", "/readyz", "/metrics")
QUICK = 0.05  # seconds

# Some 70 ms of work on few bytes: neither the client nor the network is measured.
PICTURE = png(1000, 1000) if SANITIZED else png(3000, 3000)


def crowd(server: Server, clients: int, seconds: float, pause: float) -> list[str]:
    """The command that lets them loose."""
    script = pathlib.Path(__file__).with_name("crowd.py")
    numbers = [str(x) for x in (*server.address, clients, seconds, pause)]
    return [sys.executable, str(script), *numbers]


def at(values: list[float], share: float) -> float:
    """A percentile."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def work(answer: dict) -> float:
    """Seconds that a worker had the picture, as the server says."""
    stages = re.findall(r"(\w+);dur=([0-9.]+)", answer["timing"])
    return sum(float(ms) for name, ms in stages if name != "queue") / 1000


@dataclasses.dataclass(repr=False)
class Overload:
    """What was seen from all sides."""

    alone: list[dict]
    answers: list[dict]
    polls: list[tuple[str, int, float]]  # path, status, seconds
    before: dict[str, int]  # metrics
    after: dict[str, int]
    queues: list[int]  # lengths, seen meanwhile
    next_status: int

    def having(self, status: int) -> list[dict]:
        """Answers of that status."""
        return [a for a in self.answers if a["status"] == status]

    @property
    def service(self) -> float:
        """Seconds that nearly every picture takes a worker, the machine being as
        busy as it is: what held one up would have held up the others too."""
        return at([work(a) for a in self.having(200)], 0.95)

    def counted(self, name: str) -> int:
        """By how much a metric rose."""
        return self.after.get(name, 0) - self.before.get(name, 0)


def metrics(text: str) -> dict[str, int]:
    """Those that are whole numbers."""
    pairs = re.findall(r"^(wherefore\S+) (\d+)$", text, re.MULTILINE)
    return {name: int(value) for name, value in pairs}


@contextlib.contextmanager
def no_garbage_collection() -> Iterator[None]:
    """For who measures."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def attend(server: Server, process: subprocess.Popen, seen: Overload) -> None:
    """Asks how the server is until the crowd has gone, as a monitor does. Python
    does not look for garbage meanwhile: that takes it a tenth of a second."""
    with server.client() as client, no_garbage_collection():
        client.get("/healthz")  # who has no connection pays for one
        while process.poll() is None:
            for path in PAGES:
                begin = time.monotonic()
                answer = client.get(path)
                spent = time.monotonic() - begin
                seen.polls.append((path, answer.status_code, spent))
            seen.queues.append(metrics(answer.text)["wherefore_queue_length"])
            time.sleep(0.02)


def let_loose(server: Server, tmp: pathlib.Path, seen: Overload, *how: float) -> list:
    """Answers to a crowd; how it was meanwhile is left in `seen`."""
    (tmp / "picture").write_bytes(PICTURE)
    with (
        (tmp / "picture").open("rb") as picture,
        (tmp / "answers").open("w") as answers,
        subprocess.Popen(crowd(server, *how), stdin=picture, stdout=answers) as process,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(process.kill)
        attend(server, process, seen)
        assert process.returncode == 0
    return [json.loads(x) for x in (tmp / "answers").read_text().splitlines()]


@pytest.fixture(scope="module")
def overload(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Overload]:
    """The load, once; each test looks at another side of it."""
    seen = Overload([], [], [], {}, {}, [], 0)
    tmp = tmp_path_factory.mktemp("overload")
    options = (f"--workers={WORKERS}", f"--queue-length={QUEUE}", "--log-format=none")
    with running(*options, "--deadline-ms=60000") as server:
        seen.alone = let_loose(server, tmp, seen, WORKERS, ALONE, 0.0)
        # The most that they could do, had they the cores to themselves.
        capacity = WORKERS / min(work(a) for a in seen.alone)
        seen.polls.clear()
        seen.queues.clear()
        seen.before = metrics(server.get("/metrics").text)
        pause = CLIENTS / (TIMES * capacity)
        seen.answers = let_loose(server, tmp, seen, CLIENTS, SECONDS, pause)
        seen.after = metrics(server.get("/metrics").text)
        seen.next_status = server.cam().status_code
    report(seen)
    yield seen


def report(seen: Overload) -> None:
    """For who runs the tests with -s."""
    rates = [len(x) / t for x, t in ((seen.alone, ALONE), (seen.answers, SECONDS))]
    print("\n{:.0f}/s alone, {:.0f}/s asked for".format(*rates))
    times = {
        "work alone": [work(a) for a in seen.alone],
        "work": [work(a) for a in seen.having(200)],
        "200": [a["seconds"] for a in seen.having(200)],
        "503": [a["seconds"] for a in seen.having(503)],
    }
    for path in PAGES:
        times[path] = [seconds for name, _, seconds in seen.polls if name == path]
    for name, values in times.items():
        shares = [1000 * at(values, share) for share in (0.5, 0.99, 1)]
        numbers = ", ".join(f"{value:.1f}" for value in shares)
        print(f"{name:10} {len(values):6} times, p50, p99, max: {numbers} ms")


def test_it_is_an_overload(overload: Overload) -> None:
    """Or the rest would prove nothing: the queue was full, most were turned away."""
    accepted, refused = overload.having(200), overload.having(503)

    assert len(accepted) > 20
    assert len(refused) > TIMES / 2 * len(accepted)
    assert statistics.mean(overload.queues) > QUEUE / 2


def test_everybody_is_answered(overload: Overload) -> None:
    """Nobody hangs or is hung up on, and the next request is served."""
    statuses = collections.Counter(a["status"] for a in overload.answers)

    assert set(statuses) == {200, 503}, statuses
    assert overload.next_status == 200


def test_what_is_accepted_waits_for_the_queue_and_no_longer(
    overload: Overload,
) -> None:
    """At 99 in 100. Two workers go through the queue in half of the bound."""
    waited = at([a["seconds"] for a in overload.having(200)], 0.99)

    assert waited < (QUEUE + WORKERS + SLACK) * overload.service


def test_the_workers_do_as_much_as_without_it(overload: Overload) -> None:
    """To turn somebody away is cheap. Half is for the clients, who live on the
    same cores, and half of that for a machine that has become busy."""
    rate = len(overload.having(200)) / SECONDS

    assert rate > 1 / 4 * len(overload.alone) / ALONE


def test_the_rest_is_turned_away_at_once(overload: Overload) -> None:
    """In less time than one picture takes: nothing was waited for. Each is told
    why, and when to come again."""
    refused = overload.having(503)

    assert at([a["seconds"] for a in refused], 0.9) < overload.service
    for answer in refused:
        assert answer["type"] == "application/problem+json"
        assert int(answer["retry_after"]) >= 1
        assert answer["detail"] == f"the queue is full; {QUEUE} requests are waiting"


def test_health_and_metrics_are_answered_throughout(overload: Overload) -> None:
    """In 50 ms; of a hundred ten may have met a moment in which the machine ran
    something else, and even those did not wait for their turn in the queue."""
    seconds = [spent for _, _, spent in overload.polls]

    assert {status for _, status, _ in overload.polls} == {200}
    assert len(seconds) > 10 * SECONDS
    assert at(seconds, 0.9) < QUICK
    assert at(seconds, 0.99) < max(QUICK, QUEUE * overload.service)


def test_server_and_clients_count_the_same(overload: Overload) -> None:
    """Answers by status, reasons, and runs of the network."""
    accepted, refused = len(overload.having(200)), len(overload.having(503))
    count = 'wherefore_requests_total{route="/cam",status="%d"}'
    rejected = 'wherefore_rejected_total{reason="'

    assert overload.counted(count % 200) == accepted
    assert overload.counted(count % 503) == refused
    assert overload.counted(rejected + 'queue_full"}') == refused
    for name in overload.after:
        if name.startswith(rejected) and "queue_full" not in name:
            assert overload.counted(name) == 0, name
    assert overload.counted("wherefore_forward_passes_total") == accepted
    assert overload.after["wherefore_queue_length"] == 0
    assert overload.after["wherefore_busy_workers"] == 0
