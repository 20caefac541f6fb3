"""Threads, forks, the GIL, and Ctrl-C."""

import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import wherefore
from conftest import LABEL, MODEL, PHOTOS, ROCKET, run_python, untimed
from wherefore._arrow import Beside

FILES = [photo.read_bytes() for photo in PHOTOS]
SLOW = {"method": "rise", "masks": 20000}  # minutes, if nothing ends it


def replies(model: wherefore.Model, files: list[bytes]) -> list[dict]:
    return [untimed(model.explain(file, "gradcam").to_dict()) for file in files]


def test_eight_threads_share_a_model() -> None:
    model = wherefore.open(MODEL, threads=1)
    expected = replies(model, FILES)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: replies(model, FILES), range(8)))

    assert all(each == expected for each in found)


def test_batches_run_beside_each_other(model: wherefore.Model) -> None:
    expected = model.explain_batch(FILES)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: model.explain_batch(FILES), range(3)))

    assert all(each.equals(expected) for each in found)


def in_child(model: wherefore.Model, queue: multiprocessing.SimpleQueue) -> None:
    batch = model.explain_batch(FILES)
    queue.put((replies(model, FILES), batch.field("class").to_pylist()))


def in_children(model: wherefore.Model) -> tuple[list[dict], list[int]]:
    """What a forked process answers."""
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=in_child, args=(model, queue))
    child.start()
    found = queue.get()
    child.join(30)
    assert child.exitcode == 0
    return found


def test_a_forked_child_goes_on_with_the_model() -> None:
    model = wherefore.open(MODEL)
    expected = replies(model, FILES)  # and a session, with threads, is there

    found, classes = in_children(model)
    assert found == expected
    assert classes == [reply["class"] for reply in expected]
    assert replies(model, FILES) == expected


def test_a_child_goes_on_though_another_thread_was_explaining() -> None:
    model = wherefore.open(MODEL, threads=1)
    expected = replies(model, FILES)
    begun, over = threading.Event(), threading.Event()

    def explain() -> None:
        def progress(*_: int) -> bool:
            begun.set()
            return not over.is_set()

        with pytest.raises(wherefore.BusyError):
            model.explain(ROCKET, progress=progress, **SLOW)

    thread = threading.Thread(target=explain)
    thread.start()
    assert begun.wait(30)
    try:
        found, _ = in_children(model)
    finally:
        over.set()
        thread.join()
    assert found == expected


def test_other_threads_run_while_the_library_works(model: wherefore.Model) -> None:
    """A call in which nothing of Python's runs: another thread counts meanwhile."""
    counted, inside, over = [0], threading.Event(), threading.Event()

    def count() -> None:
        while not over.is_set():
            counted[0] += inside.is_set()
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    inside.set()
    model.explain(ROCKET, "rise", masks=40)
    inside.clear()
    during = counted[0]
    over.set()
    thread.join()

    assert during >= 10


# Who runs the tests in the background may have SIGINT ignored.
INTERRUPTED = f"""
import os, signal, wherefore
signal.signal(signal.SIGINT, signal.default_int_handler)
model = wherefore.open({str(MODEL)!r})
file = open({str(ROCKET)!r}, "rb").read()
seen = []

def progress(done, total):
    seen.append(done)
    if done == 3:
        os.kill(os.getpid(), signal.SIGINT)

try:
    %s
except KeyboardInterrupt:
    print(len(seen) < 200, model.explain(file).best.label)
"""


@pytest.mark.parametrize(
    "call",
    [
        "model.explain_batch([file] * 400, progress=progress)",
        "model.explain(file, 'rise', masks=20000, progress=progress)",
    ],
)
def test_ctrl_c_ends_the_work_at_the_next_row_or_pass(call: str) -> None:
    done = run_python(INTERRUPTED % call)

    assert done.stdout == f"True {LABEL}\n"


SLOW_PROGRESS = f"""
import os, signal, time, wherefore
signal.signal(signal.SIGINT, signal.default_int_handler)
model = wherefore.open({str(MODEL)!r})
file = open({str(ROCKET)!r}, "rb").read()
done = []

def progress(row, total):
    if row == 3:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.5)
    done.append(row)

try:
    model.explain_batch([file] * 400, threads=1, progress=progress)
except KeyboardInterrupt:
    print(done)
"""


def test_a_batch_that_ctrl_c_has_ended_does_not_go_on() -> None:
    """Its last call of `progress` is over when the exception comes."""
    done = run_python(SLOW_PROGRESS)

    assert (done.stdout, done.stderr) == ("[1, 2, 3]\n", "")


def test_a_call_that_was_given_up_before_it_began_never_begins() -> None:
    """As where Ctrl-C comes while its thread is being started."""
    calls: list[int] = []
    beside = Beside(lambda: calls.append(1))
    beside.end()
    beside.run()

    assert calls == []
    assert beside.over.is_set()
