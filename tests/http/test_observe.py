"""What operators see: metrics, the log, request ids, traces, timings."""

from __future__ import annotations

import json
import math
import os
import pathlib
import pty
import re
import resource
import shutil
import socket
import struct
import subprocess
import time

import httpx
import onnx
import pytest
import yaml
from common import free_port
from conftest import (
    BINARY,
    MODEL,
    ROOT,
    Server,
    first_line,
    png,
    run,
    running,
    sample,
)
from prometheus_client.parser import text_string_to_metric_families

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


def families(server: Server) -> dict[str, object]:
    """GET /metrics as Prometheus' own client for Python reads it."""
    text = server.get("/metrics").text
    return {f.name: f for f in text_string_to_metric_families(text)}


def free_url() -> str:
    """An address that nobody listens on."""
    return f"http://127.0.0.1:{free_port()}"


def value(server: Server, name: str, **labels: str) -> float:
    """One sample."""
    for family in families(server).values():
        for one in family.samples:
            if one.name == name and one.labels == labels:
                return one.value
    raise AssertionError(f"no {name}{labels}")


def log_of(server: Server, count: int) -> list[dict]:
    """The lines of the JSON log, once there are that many."""
    end = time.monotonic() + 30
    while len(lines := server.log().splitlines()) < count:
        assert time.monotonic() < end, lines
        time.sleep(0.01)
    return [json.loads(line) for line in lines]


def broken_model(folder: pathlib.Path) -> str:
    """The default model with a class whose logit is too large for a float."""
    shutil.copytree(MODEL, folder)
    spec = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**spec, "name": "broken"}))
    network = onnx.load(folder / "model.onnx")
    gemm = next(it for it in network.graph.node if it.op_type == "Gemm")
    weights = next(it for it in network.graph.initializer if it.name == gemm.input[1])
    row = struct.pack("<f", 3e38) * weights.dims[1]
    weights.raw_data = row + weights.raw_data[len(row) :]
    onnx.save(network, folder / "model.onnx")
    return str(folder)


def test_the_log_says_what_a_500_was(tmp_path: pathlib.Path) -> None:
    """Nobody but the client would know."""
    model = broken_model(tmp_path / "broken")
    with running("--model", model, "--log-format", "json") as server:
        answer = server.cam(
            params={"model": "broken"}, headers={"X-Request-Id": "of-mine"}
        )
        notice, line = log_of(server, 2)

    assert answer.status_code == 500
    assert "is not finite" in answer.json()["detail"]
    assert notice["notice"] == "request of-mine: " + answer.json()["detail"]
    assert (line["id"], line["problem"]) == ("of-mine", "internal")


def test_prometheus_can_read_the_metrics(server: Server) -> None:
    """Each family has a type, a help, and no sample twice."""
    server.cam()
    read = families(server)

    assert {f.type for f in read.values()} == {"counter", "gauge", "histogram"}
    for family in read.values():
        assert family.documentation
        keys = [(s.name, tuple(sorted(s.labels.items()))) for s in family.samples]
        assert len(keys) == len(set(keys))
        assert family.samples, family.name
        for one in family.samples:
            assert math.isfinite(one.value) and one.value >= 0


def test_stages_are_histograms(server: Server) -> None:
    """Counts never fall from bucket to bucket, and each picture is in each."""
    before = value(server, "wherefore_stage_seconds_count", stage="total")
    server.cam()
    rows = families(server)["wherefore_stage_seconds"].samples

    for stage in ("queue", "decode", "preprocess", "infer", "render", "total"):
        mine = [s for s in rows if s.labels["stage"] == stage]
        buckets = [s for s in mine if s.name.endswith("_bucket")]
        bounds = [float(s.labels["le"]) for s in buckets]
        counts = [s.value for s in buckets]
        assert bounds == sorted(bounds) and bounds[-1] == math.inf
        assert counts == sorted(counts)
        assert counts[-1] == next(s.value for s in mine if s.name.endswith("_count"))
    assert counts[-1] == before + 1


def test_bytes_are_counted_both_ways(server: Server) -> None:
    """Bodies only."""
    names = ["wherefore_request_body_bytes_total", "wherefore_reply_body_bytes_total"]
    picture = sample("rocket.jpg")
    received, sent = (value(server, name) for name in names)
    answer = httpx.post(
        server.url + "/cam",
        content=picture,
        headers={"Content-Type": "image/jpeg"},
        timeout=60,
    )
    healthy = server.get("/healthz")

    assert value(server, names[0]) == received + len(picture)
    assert value(server, names[1]) >= sent + len(answer.content) + len(healthy.content)


def test_the_process_figures_are_those_of_the_system(server: Server) -> None:
    """Against /proc, generously."""
    pid = server.pid
    fds = len(os.listdir(f"/proc/{pid}/fd"))

    assert abs(value(server, "process_open_fds") - fds) < 20
    assert value(server, "process_max_fds") >= 256
    assert (
        0.5
        < value(server, "process_resident_memory_bytes") / (server.memory_kb() * 1024)
        < 2
    )
    assert value(server, "process_virtual_memory_bytes") > 1e6
    assert abs(value(server, "process_start_time_seconds") - time.time()) < 3600
    first = value(server, "process_cpu_seconds_total")
    server.cam()
    assert value(server, "process_cpu_seconds_total") > first


def test_the_metrics_say_what_is_served(server: Server) -> None:
    """Model and build."""
    read = families(server)
    model = read["wherefore_model_info"].samples[0].labels
    build = read["wherefore_build_info"].samples[0].labels
    about = server.get("/model").json()

    assert model["model"] == about["name"]
    assert model["method"] == "cam"
    assert model["classes"] == "1000"
    assert model["input"] == "224x224"
    version = subprocess.run([BINARY, "--version"], capture_output=True, text=True)
    assert version.stdout.split()[1] == build["version"]
    assert build["xnnpack"]


def test_what_alerts_and_rates_are_made_of_is_there_from_the_start() -> None:
    """At 0, or the first would be no increase: of each route, once each."""
    with running("--workers", "1") as server:
        rows = families(server)["wherefore_requests"].samples
    routes = {s.labels["route"] for s in rows}
    counts = {(s.labels["route"], s.labels["status"]): s.value for s in rows}
    printed = run("serve", "--print-routes").stdout.splitlines()

    assert routes == {line.split(" ")[1] for line in printed} | {"other"}
    expected = {(r, s): 0 for r in routes for s in ("200", "500", "503")}
    assert counts == expected and len(rows) == len(expected)


def test_metrics_with_a_fraction_are_read_as_such(server: Server) -> None:
    """By the helper that other tests read them with."""
    count = server.metric("wherefore_workers")
    start = server.metric("process_start_time_seconds")

    assert (type(count), count) == (int, 2)
    assert start == value(server, "process_start_time_seconds")


def test_open_connections_are_counted(server: Server) -> None:
    """Those that are idle too."""
    before = value(server, "wherefore_connections")
    with socket.create_connection(server.address, 30) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert s.recv(1000).startswith(b"HTTP/1.1 200")
        assert value(server, "wherefore_connections") >= max(2, before)


def test_a_full_queue_and_a_late_job_are_counted_by_reason() -> None:
    """queue_full and deadline."""
    big = png(3000, 3000)
    options = ["--workers", "1", "--queue-length", "1", "--deadline-ms", "1"]
    with running(*options) as server:
        clients = []
        for _ in range(4):
            s = socket.create_connection(server.address, 60)
            head = f"POST /cam?heatmap=none HTTP/1.1\r\nHost: x\r\n\
Content-Type: image/png\r\nContent-Length: {len(big)}\r\nConnection: close\r\n\r\n"
            s.sendall(head.encode() + big)
            clients.append(s)
        answers = [s.makefile("rb").read() for s in clients]
        busy = [a for a in answers if a.startswith(b"HTTP/1.1 503")]
        late = [a for a in busy if b"waited too long" in a]

        def rejected(reason: str) -> float:
            return value(server, "wherefore_rejected_total", reason=reason)

        assert rejected("deadline") == len(late)
        assert rejected("queue_full") == len(busy) - len(late)
        assert len(busy) > 0
        assert rejected("unauthorized") == 0


def test_errors_name_the_request(server: Server) -> None:
    """As the header does; whoever answers: the door, a handler, a worker."""
    for answer in (
        server.get("/nope", headers={"X-Request-Id": "abc.1"}),
        server.cam(b"", headers={"X-Request-Id": "abc.1"}),
        server.cam(b"no picture", headers={"X-Request-Id": "abc.1"}),
    ):
        assert answer.status_code >= 400
        assert answer.json()["request_id"] == "abc.1"
    made = server.get("/nope", headers={"X-Request-Id": 'a"b'})
    assert made.json()["request_id"] == made.headers["X-Request-Id"] != 'a"b'


def test_server_timing_has_the_stages(server: Server) -> None:
    """Of JSON, of a picture, and of an error, up to where it came."""

    def stages(answer: httpx.Response) -> list[str]:
        parts = answer.headers["Server-Timing"].split(",")
        for part in parts:
            assert float(part.split(";dur=")[1]) >= 0
        return [part.split(";")[0] for part in parts]

    whole = ["queue", "decode", "preprocess", "infer", "render"]
    assert stages(server.cam()) == whole
    assert stages(server.cam(headers={"Accept": "image/png"})) == whole
    assert stages(server.cam(b"no picture")) == ["queue"]
    assert "Server-Timing" not in server.get("/healthz").headers


def test_the_json_log_has_trace_client_and_stages() -> None:
    """And no query; a traceparent that is not valid is left out."""
    with running("--workers", "1", "--log-format", "json") as server:
        good = {"traceparent": f"00-{TRACE}-{SPAN}-01", "X-Request-Id": "one"}
        bad = {"traceparent": f'00-{TRACE}-"}}\\-01'}
        twice = [("traceparent", good["traceparent"])] * 2
        answer = server.cam(params={"top": "3"}, headers=good)
        server.get("/healthz?secret=1", headers=bad)
        server.get("/healthz", headers=twice)
        server.get("/nope")
        lines = log_of(server, 4)

    assert lines[0]["trace_id"] == TRACE
    assert lines[0]["parent_span_id"] == SPAN
    assert lines[0]["id"] == "one"
    assert lines[0]["client"] == "127.0.0.1"
    assert lines[0]["received"] > len(sample("chelsea.png"))
    assert lines[0]["bytes"] == len(answer.content)
    assert list(lines[0]["stages_ms"]) == [
        "queue",
        "decode",
        "preprocess",
        "infer",
        "render",
    ]
    assert "problem" not in lines[0]
    assert "trace_id" not in lines[1] and "secret" not in json.dumps(lines[1])
    assert "trace_id" not in lines[2]
    assert lines[3]["problem"] == "not-found"


def test_a_request_line_cannot_break_or_forge_the_log() -> None:
    """Quotes in the method, and spaces in the path."""
    line = b'"""""""""""""" /a 200 0 HTTP/1.1\r\nHost: x\r\n\r\n'
    with running("--workers", "1", "--log-format", "json") as server:
        with socket.create_connection(server.address, 30) as s:
            s.sendall(line)
            answer = s.recv(65536)
        if not answer or answer.startswith(b"HTTP/1.1 400 "):
            # libmicrohttpd 1.0 refuses it itself, and nothing is logged
            assert server.log() == ""
            return
        (logged,) = log_of(server, 1)

    assert logged["method"] == '"' * 14
    assert logged["path"] == "/a 200 0"


def test_forwarded_addresses_count_from_trusted_proxies_only() -> None:
    """The rightmost who is not trusted, over several lines of the header."""
    chain = [
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Forwarded-For", "198.51.100.4, 10.1.1.1"),
    ]
    with running("--workers", "1", "--log-format", "json") as server:
        server.get("/healthz", headers=chain)
        assert log_of(server, 1)[0]["client"] == "127.0.0.1"
    trusted = ["--trusted-proxy", "127.0.0.1", "--trusted-proxy", "10.0.0.0/8"]
    with running("--workers", "1", "--log-format", "json", *trusted) as server:
        server.get("/healthz", headers=chain)
        server.get("/healthz", headers={"X-Forwarded-For": 'x","id":"forged'})
        server.get("/healthz", headers={"X-Forwarded-For": "1.1.1.1," * 700 + "::2"})
        lines = log_of(server, 3)

    assert [line["client"] for line in lines] == ["198.51.100.4", "127.0.0.1", "::2"]


def test_a_trusted_proxy_that_is_no_network_stops_the_start() -> None:
    """With the option's name."""
    done = subprocess.run(
        [BINARY, "serve", "--model", MODEL, "--listen", "127.0.0.1:0",
         "--trusted-proxy", "10.0.0.1/8"],
        capture_output=True,
        text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert "--trusted-proxy" in done.stderr and "10.0.0.1/8" in done.stderr


@pytest.mark.parametrize("kind", ["text", "json"])
def test_a_log_that_nobody_reads_stops_nothing(kind: str) -> None:
    """Lines are dropped and counted; once it is read again, a line says so."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [BINARY, "serve", "--listen", "127.0.0.1:0", "--model", MODEL,
         "--workers", "1", "--log-format", kind],
        stdout=subprocess.PIPE,
        stderr=write_end,
        text=True,
    )  # fmt: skip
    os.close(write_end)
    try:
        url = first_line(process).split()[-1]
        server = Server(process, url, "")
        with server.client() as client:
            for _ in range(1200):  # a pipe takes 64 KB, some 500 lines
                assert client.get("/healthz").status_code == 200
            dropped = server.metric("wherefore_log_dropped_lines_total")
            assert dropped > 0
            text = os.read(read_end, 1 << 20)
            client.get("/healthz")
            client.get("/healthz")
            text += os.read(read_end, 1 << 20)
        assert b"log lines were dropped" in text
        assert text.endswith(b"\n")
        assert server.metric("wherefore_log_dropped_lines_total") <= dropped + 1
    finally:
        process.terminate()
        os.close(read_end)
        process.wait(60)
        process.stdout.close()
    assert process.returncode == 0


def logs_into(stderr: int | None, url: str, **options: object) -> subprocess.Popen[str]:
    """A server on this address whose log goes there; it takes connections."""
    process = subprocess.Popen(
        [BINARY, "serve", "--listen", url.removeprefix("http://"), "--model", MODEL,
         "--workers", "1"],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        **options,
    )  # fmt: skip
    assert first_line(process) == f"listening on {url}\n"
    return process


def test_a_terminal_that_nobody_reads_stops_nothing() -> None:
    """It has room for a byte long before it has room for a line."""
    master, terminal = pty.openpty()
    url = free_url()
    process = logs_into(terminal, url)
    os.close(terminal)
    try:
        server = Server(process, url, "")
        with server.client() as client:
            for _ in range(2000):
                assert client.get("/healthz").status_code == 200
        dropped = server.metric("wherefore_log_dropped_lines_total")
        assert dropped > 0
        text = b""
        while b"log lines were dropped" not in text:
            text += os.read(master, 1 << 16)
            server.get("/healthz")
        lines = text.decode().split("\r\n")[:-1]
        pattern = r"\S+Z (GET /\S+ 200 .* id=\S+|\d+ log lines were .*)"
        assert all(re.fullmatch(pattern, line) for line in lines)
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()
        os.close(master)
    assert process.returncode == 0


def test_a_log_as_long_as_files_may_be_stops_nothing(tmp_path: pathlib.Path) -> None:
    """As where the disk is full."""
    url = free_url()
    with (tmp_path / "log").open("wb") as log:
        process = logs_into(
            log.fileno(),
            url,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
        )
    try:
        server = Server(process, url, "")
        for _ in range(30):
            assert server.get("/healthz").status_code == 200
        assert server.metric("wherefore_log_dropped_lines_total") > 0
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()
    assert process.returncode == 0


def test_a_closed_standard_error_is_nobody_elses_file() -> None:
    """Or the log would go into whatever was opened next: a socket, or the eventfd
    that tells the thread which accepts to stop."""
    url = free_url()
    process = logs_into(None, url, preexec_fn=lambda: (os.close(0), os.close(2)))
    try:
        server = Server(process, url, "")
        for _ in range(5):
            assert server.get("/healthz").status_code == 200
        for number in (0, 2):
            assert os.readlink(f"/proc/{process.pid}/fd/{number}") == os.devnull
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()
    assert process.returncode == 0


@pytest.mark.parametrize("name", ["grafana-dashboard.json", "prometheus-alerts.yml"])
def test_dashboard_and_alerts_name_metrics_and_reasons_that_exist(
    server: Server, name: str
) -> None:
    """All that begin as ours do; and each label that they select by."""
    server.cam()
    text = (ROOT / "config" / name).read_text()
    samples = [s for f in families(server).values() for s in f.samples]
    known = {s.name for s in samples}
    labels = {key for s in samples for key in s.labels}
    reasons = {s.labels["reason"] for s in samples if "reason" in s.labels}
    statuses = {s.labels["status"] for s in samples if "status" in s.labels}
    routes = {s.labels["route"] for s in samples if "route" in s.labels}
    used = set(re.findall(r"\b(?:wherefore|process)_[a-z_]+", text))

    assert used and used <= known
    for group in re.findall(r"by \(([^)]*)\)", text):
        assert set(group.replace(" ", "").split(",")) <= labels | {"instance", "le"}
    for chosen in re.findall(r'reason=~?\\?"([a-z_|]+)', text):
        assert set(chosen.split("|")) <= reasons
    assert set(re.findall(r'status=\\?"([0-9]+)', text)) <= statuses
    assert set(re.findall(r'route=\\?"([a-z/]+)', text)) <= routes
    for stage in re.findall(r'stage!?=\\?"([a-z]+)', text):
        assert stage == "total"
    parsed = json.loads(text) if name.endswith("json") else yaml.safe_load(text)
    if name.endswith("json"):
        ids = [panel["id"] for panel in parsed["panels"]]
        assert len(ids) == len(set(ids))
    else:
        docs = (ROOT / "docs" / "operations.md").read_text()
        for rule in parsed["groups"][0]["rules"]:
            assert f"`{rule['alert']}`" in docs
