"""Methods of many passes: what they may cost, what ends them, and that nobody
waits for them."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import pty
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import tiny
from conftest import (
    BINARY,
    LARGE,
    MODEL,
    SAMPLES,
    SANITIZED,
    Server,
    run,
    running,
    sample,
)
from test_life import wait_for
from test_limits import rejected
from test_models import reload

LINES = {"Accept": "application/x-ndjson"}
SHORT = {"heatmap": "none"}
WINDOW, PASSES = ("112", 11) if SANITIZED else ("0", 83)
WHOLE = {"method": "occlusion", "heatmap": "none", "window": WINDOW}
ENDLESS = {"method": "occlusion", "heatmap": "none", "window": "12"}  # 1371 passes
PATIENT = ("--deadline-ms", "600000")
PICTURE = sample("chelsea.png")


def wait_for_long(server: Server, count: int) -> None:
    """Until so many workers are at a long job."""
    end = time.monotonic() + 60
    while server.metric("wherefore_long_jobs") != count:
        assert time.monotonic() < end, f"there are never {count} long jobs"
        time.sleep(0.005)


def post(params: dict[str, str], headers: str = "", version: str = "1.1") -> bytes:
    """A request with the picture as its body."""
    query = "&".join(f"{name}={value}" for name, value in params.items())
    return (
        f"POST /cam?{query} HTTP/{version}\r\nHost: x\r\nContent-Type: image/png\r\n"
        f"{headers}Content-Length: {len(PICTURE)}\r\n\r\n".encode()
        + PICTURE
    )


@contextlib.contextmanager
def sent(server: Server, params: dict[str, str], headers: str = "") -> Iterator:
    """The socket of a request that is sent; reset at the end, if it is open."""
    with socket.create_connection(server.address, timeout=120) as s:
        s.sendall(post(params, headers))
        yield s
        with contextlib.suppress(OSError):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def wait_for_lines(s: socket.socket) -> None:
    """Until the response has begun, and so the work; nothing is read of it."""
    assert s.recv(1, socket.MSG_PEEK)


def read_chunked(s: socket.socket) -> list[dict]:
    """The lines of a chunked response, to its end."""
    with s.makefile("rb") as file:
        head = []
        while line := file.readline().strip():
            head.append(line.lower())
        assert head[0] == b"http/1.1 200 ok"
        assert b"transfer-encoding: chunked" in head
        assert b"content-type: application/x-ndjson" in head
        body = b""
        while size := int(file.readline(), 16):
            body += file.read(size)
            assert file.read(2) == b"\r\n"
    assert body.endswith(b"\n")
    return [json.loads(line) for line in body.splitlines()]


# ---- what a request may cost ----


def test_what_a_request_costs_is_known_before_it_begins(server: Server) -> None:
    """Where the method is named does not matter."""
    dear = {"method": "occlusion", "window": "10"}
    before = server.metric("wherefore_forward_passes_total")
    for answer in (
        server.cam(params=dear),
        server.cam(data=dear),
        httpx.post(server.url + "/cam", params=dear, content=b"no picture at all"),
    ):
        assert answer.status_code == 413
        problem = answer.json()
        assert (problem["kind"], problem["limit"]) == ("over-limit", 1500)
        assert "occlusion would take 1938 passes" in problem["detail"]
    assert server.metric("wherefore_forward_passes_total") == before


def test_a_layer_of_many_channels_costs_a_pass_for_each(tmp_path: pathlib.Path) -> None:
    """Where no average and linear layer follow, ablationcam hides each of them."""
    options = ["--workers", "1", *PATIENT]
    for name, channels in (("wide", 2048), ("narrow", 20)):
        made = tiny.network(3, channels, flat=True)
        options += ["--model", tiny.model(tmp_path / name, ["a", "b", "c"], made)]
    ablation = {"method": "ablationcam"} | SHORT
    with running(*options) as server:
        listed = server.get("/methods", params={"model": "wide"}).json()["methods"]
        problem = server.cam(params=ablation | {"model": "wide"}).json()
        default = server.cam(params=SHORT | {"model": "wide"}).json()
        answer = server.cam(params=ablation | {"model": "narrow"}).json()

    assert {m["name"]: m["passes"] for m in listed}["ablationcam"] == 2050
    assert (problem["status"], problem["kind"]) == (413, "over-limit")
    assert problem["limit"] == 1500
    assert "ablationcam would take 2050 passes" in problem["detail"]
    assert default["method"] == "gradcam"
    assert answer["explanation"]["passes"] == 22


def test_the_bound_is_the_operators() -> None:
    """A method with as many passes is accepted."""
    with running("--workers", "1", "--max-passes", "2") as server:
        assert server.cam(params=WHOLE).json()["limit"] == 2
        assert server.cam(params={"method": "saliency"}).status_code == 200
        assert server.cam().status_code == 200


def test_a_method_that_is_not_defined_is_refused_before_it_begins(
    server: Server,
) -> None:
    """Like one that costs too much."""
    params = {"method": "cam", "layer": "-2"}
    answer = httpx.post(server.url + "/cam", params=params, content=b"no picture")

    assert answer.status_code == 422
    assert answer.json()["kind"] == "unsupported"
    assert answer.json()["detail"].startswith("cam: ")


def test_methods_can_be_allowed() -> None:
    """403 for others, which is not the client's mistake; the first one that is
    allowed takes the place of a default that is not."""
    with running("--workers", "1", "--methods", "occlusion,gradcam") as server:
        denied = server.cam(params={"method": "cam"})
        by_field = server.cam(data={"method": "saliency"})
        default = server.cam(params=SHORT)
        methods = server.get("/methods").json()["methods"]

    assert denied.status_code == by_field.status_code == 403
    assert denied.json()["kind"] == "not-allowed"
    assert denied.json()["detail"].endswith("the methods are gradcam, occlusion")
    assert default.json()["method"] == "gradcam"
    assert {m["name"] for m in methods if m["allowed"]} == {"gradcam", "occlusion"}


@pytest.mark.parametrize("names", ["cam,nocam", "cam,", "CAM", "cam, gradcam"])
def test_a_method_that_does_not_exist_cannot_be_allowed(names: str) -> None:
    """Exit 2, with the methods there are."""
    result = run("serve", "--methods", names)

    assert result.returncode == 2
    assert "--methods" in result.stderr
    assert "cam, gradcam" in result.stderr


def test_methods_are_listed_with_their_cost(server: Server) -> None:
    """And with their parameters, and why one is not defined."""
    answer = server.get("/methods").json()
    methods = {method["name"]: method for method in answer["methods"]}
    occlusion = methods["occlusion"]

    assert answer["model"] == pathlib.Path(MODEL).name
    assert answer["default"] == "cam"
    assert methods["cam"]["passes"] == 1
    assert occlusion["passes"] == 83
    assert occlusion["refusal"] is None
    assert (occlusion["layer"], occlusion["signed"]) == (False, True)
    assert methods["gradcam"]["layer"]
    assert [p["name"] for p in occlusion["parameters"]] == ["window"]
    assert occlusion["parameters"][0] | {"help": ""} == {
        "name": "window",
        "default": 0,
        "min": 0,
        "max": 4096,
        "help": "",
    }
    assert server.get("/methods?model=none").status_code == 422


# ---- what ends it ----


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
def test_a_deadline_is_looked_at_between_passes(accept: str) -> None:
    """503, which says how far it came."""
    with running("--workers", "1", "--deadline-ms", "1500") as server:
        answer = server.cam(params=ENDLESS, headers={"Accept": accept})
        assert rejected(server, "deadline") == 1
        assert server.cam(params=SHORT).status_code == 200

    problem = json.loads(answer.text.splitlines()[-1])
    assert answer.status_code == (503 if accept == "application/json" else 200)
    assert (problem["status"], problem["kind"]) == (503, "busy")
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert "of 1371 passes" in problem["detail"]
    assert int(problem["detail"].split()[-7]) < 1371


def test_a_client_that_leaves_ends_the_work() -> None:
    """With or without lines, at the next pass; and the helpers sleep again, or the
    server could not stop."""
    with running("--workers", "2", *PATIENT) as server:
        for number, header in enumerate(("", "Accept: application/x-ndjson\r\n"), 1):
            with sent(server, ENDLESS, header) as s:
                wait_for_long(server, 1)
                if header:
                    assert s.recv(9) == b"HTTP/1.1 "
            wait_for_long(server, 0)
            wait_for(server, 'wherefore_rejected_total{reason="client_gone"}', number)
        assert server.cam(params=SHORT).status_code == 200
        assert server.metric("wherefore_requests_in_flight") == 1
        assert server.metric('wherefore_passes_total{method="occlusion"}') < 1371


def test_sigterm_waits_for_long_work() -> None:
    """As for any other, within the time that there is."""
    with running("--workers", "1", *PATIENT, "--drain-timeout", "600") as server:
        with sent(server, WHOLE, "Accept: application/x-ndjson\r\n") as s:
            wait_for_lines(s)
            server.process.send_signal(signal.SIGTERM)
            lines = read_chunked(s)
        assert server.process.wait(60) == 0

    assert lines[-1]["method"] == "occlusion"


@pytest.mark.parametrize("header", ["", "Accept: application/x-ndjson\r\n"])
def test_long_work_ends_when_the_time_to_stop_is_up(header: str) -> None:
    """It is told so, at the next pass."""
    with running("--workers", "1", *PATIENT, "--drain-timeout", "1") as server:
        with sent(server, ENDLESS, header) as s:
            wait_for_long(server, 1)
            server.process.send_signal(signal.SIGTERM)
            answer = b""
            while piece := s.recv(65536):
                answer += piece
        assert server.process.wait(60) == 0

    assert b'"kind":"draining"' in answer
    assert b"of 1371 passes" in answer


# ---- nobody waits for it ----


def test_short_requests_pass_long_ones() -> None:
    """As many long ones as there are workers, and one more; more short ones than
    workers, at the same time."""
    with running("--workers", "2", *PATIENT) as server, contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(sent(server, ENDLESS))
        wait_for_long(server, 2)
        answers: list[dict] = []

        def ask() -> None:
            for _ in range(3):
                answers.append(server.cam(params=SHORT).json())

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.metric("wherefore_long_jobs") == 2
        assert server.metric("wherefore_queue_length") == 1
        assert server.metric('wherefore_passes_total{method="cam"}') == 12
    assert {answer["class"] for answer in answers} == {285}


def test_what_is_run_in_between_changes_nothing() -> None:
    """The long answer is the same as one that was alone."""
    params = WHOLE | {"values": "1"}
    if not SANITIZED:
        params["window"] = "40"  # more passes, or it is over before it is seen
    with running("--workers", "1", *PATIENT) as server:
        alone = server.cam(params=params).json()["map"]
        other = sample("coffee.png")
        with sent(server, params, "Connection: close\r\n") as s:
            wait_for_long(server, 1)
            for _ in range(3):
                assert server.cam(other, params=SHORT).json()["class"] != 285
            answer = b""
            while piece := s.recv(65536):
                answer += piece
    beside = json.loads(answer.partition(b"\r\n\r\n")[2])["map"]

    assert beside == alone


def test_models_are_read_anew_while_a_long_request_runs() -> None:
    """At once; it ends with the model that it began with."""
    with running("--workers", "1", *PATIENT) as server:
        with sent(server, ENDLESS) as s:
            wait_for_long(server, 1)
            reload(server)
            assert server.get("/model").json()["generation"] == 2
            assert server.cam(params=SHORT).json()["class"] == 285
            assert server.metric("wherefore_long_jobs") == 1
            s.shutdown(socket.SHUT_WR)  # it may, and still waits
            assert server.cam(params=SHORT).json()["class"] == 285
            assert server.metric("wherefore_long_jobs") == 1
        wait_for_long(server, 0)
        assert server.cam(params=WHOLE).status_code == 200


# ---- lines of progress ----


def test_lines_tell_how_far_it_is_and_the_last_is_the_answer() -> None:
    """It has the members of the answer in JSON, and the connection goes on."""
    files = {"image": PICTURE}
    with running("--workers", "2", *PATIENT) as server, server.client() as c:
        plain = c.post("/cam", files=files, params=WHOLE).json()
        begin = time.monotonic()
        answer = c.post("/cam", files=files, params=WHOLE, headers=LINES)
        seconds = time.monotonic() - begin
        again = c.post("/cam", files=files, params=SHORT, headers=LINES)
    *progress, last = [json.loads(line) for line in answer.text.splitlines()]
    passes = [line["passes"] for line in progress]

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.headers["Cache-Control"] == "no-store"
    assert {line["of"] for line in progress} == {PASSES}
    assert passes == sorted(set(passes))
    assert passes[-1] == PASSES
    assert 2 <= len(passes) <= 10 * seconds + 2
    plain.pop("timing_ms"), last.pop("timing_ms")
    assert last == plain
    assert again.headers["Content-Type"] == "application/x-ndjson"
    assert len(again.text.splitlines()) == 1
    assert again.json()["class"] == 285


def test_what_is_wrong_before_it_begins_is_an_error_as_ever(server: Server) -> None:
    """With its own status."""
    for picture, status in ((PICTURE[:5000], 422), (b"GIF89a", 415)):
        answer = server.cam(picture, params=WHOLE, headers=LINES)

        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert server.cam(headers={"Accept": "text/html"}).status_code == 406


def test_a_client_that_reads_slowly_keeps_nobody_waiting() -> None:
    """Its lines may be dropped; its answer is whole."""
    header = "Accept: application/x-ndjson\r\n"
    drawn = {"method": "occlusion", "window": WINDOW}  # with a heatmap
    answers = []
    with running("--workers", "1", *PATIENT, "--timeout", "300") as server:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            # Packets that fit in, or the kernel waits for each one's room.
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
            s.settimeout(120)
            s.connect(server.address)
            s.sendall(post(drawn, header))
            wait_for_lines(s)
            wait_for_long(server, 0)
            assert server.cam(params=SHORT).status_code == 200
            answers.append(read_chunked(s)[-1])
        answers.append(server.cam(params=drawn).json())
    for answer in answers:
        answer.pop("timing_ms")

    assert answers[0] == answers[1]


def test_half_closed_and_old_clients_get_their_lines() -> None:
    """Without an interim response among them; HTTP/1.0 has no chunks."""
    header = "Accept: application/x-ndjson\r\n"
    with running("--workers", "1", *PATIENT) as server:
        with socket.create_connection(server.address, timeout=120) as s:
            s.sendall(post(WHOLE, header))
            wait_for_lines(s)
            s.shutdown(socket.SHUT_WR)
            assert read_chunked(s)[-1]["class"] == 285
        with socket.create_connection(server.address, timeout=120) as s:
            s.sendall(post(WHOLE, header, "1.0"))
            answer = b""
            while piece := s.recv(65536):
                answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")

    assert b"chunked" not in head
    assert json.loads(body.splitlines()[-1])["class"] == 285


@LARGE
def test_many_clients_that_leave_leave_nothing_behind() -> None:
    """At any moment: before the first line, among them, in the answer."""
    header = "Accept: application/x-ndjson\r\n"
    with running("--workers", "2", *PATIENT) as server:
        for i in range(10 if SANITIZED else 30):
            params = {"method": "saliency" if i % 2 else "occlusion"}
            with sent(server, params, header) as s:
                s.settimeout(0.02 * i)
                with contextlib.suppress(TimeoutError, BlockingIOError):
                    s.recv(100)
        wait_for_long(server, 0)
        end = time.monotonic() + 60
        while (
            server.metric("wherefore_requests_in_flight") > 1
            or server.metric("wherefore_busy_workers") > 0
        ):
            assert time.monotonic() < end
        assert server.cam(params=SHORT).json()["class"] == 285


# ---- what it costs ----


def test_passes_are_counted_by_method() -> None:
    """Every method is there from the start."""
    with running("--workers", "1", *PATIENT) as server:
        names = [m["name"] for m in server.get("/methods").json()["methods"]]
        text = server.get("/metrics").text
        server.cam(params=WHOLE)
        server.cam(params=SHORT)
        assert server.metric('wherefore_passes_total{method="occlusion"}') == PASSES
        assert server.metric('wherefore_passes_total{method="cam"}') == 1
        assert server.metric("wherefore_forward_passes_total") == PASSES + 1
    for name in [*names, "none"]:
        assert f'wherefore_passes_total{{method="{name}"}} 0\n' in text


def test_a_bar_shows_the_passes_of_one_image() -> None:
    """On a terminal; what is printed is the same."""
    main, terminal = pty.openpty()
    args = ["cam", "--model", MODEL, "--method", "occlusion", "--window", WINDOW]
    process = subprocess.Popen(
        [BINARY, *args, str(SAMPLES / "chelsea.png")],
        stdout=subprocess.PIPE,
        stderr=terminal,
        env={"TERM": "xterm"},
    )
    output, _ = process.communicate(timeout=120)
    shown = b""
    with contextlib.suppress(OSError), open(main, "rb", buffering=0) as bar:
        os.close(terminal)
        while piece := bar.read(65536):
            shown += piece

    assert process.returncode == 0
    assert json.loads(output)["method"] == "occlusion"
    assert b"/%d" % PASSES in shown
    assert b"[#" in shown
    assert shown.endswith(b"\r\x1b[K")
