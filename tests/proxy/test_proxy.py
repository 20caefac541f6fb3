"""config/nginx.conf keeps its word: the API under a sub-path, one limit, one
request id, and an instance that dies or goes costs nobody an answer."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter

import httpx
import pytest
from conftest import ROOT, Proxy, common, free_ports, http, port_of, proxying

MAX_BODY = 16777216
SAMPLES = ROOT / "static" / "samples"
PROBLEM = "application/problem+json"


def without_times(answer: httpx.Response) -> dict[str, object]:
    """The answer without what differs from one time to the next."""
    return {k: v for k, v in answer.json().items() if k != "timing_ms"}


def passes(server: object) -> int:
    """How many pictures an instance has worked on."""
    return server.metric("wherefore_forward_passes_total")


def logged(text: str, *servers: object) -> list[str]:
    """The lines with it in their logs, which come after the answers."""

    def lines() -> list[str]:
        return [
            line for it in servers for line in it.log().splitlines() if text in line
        ]

    return common.eventually(lines, patience=20)


def test_the_api_is_under_the_sub_path(proxy: Proxy, instances: list[object]) -> None:
    direct = instances[0].cam(params={"heatmap": "none"})
    answer = proxy.cam()

    assert answer.status_code == 200
    assert without_times(answer) == without_times(direct)
    # Of one of the two, to the letter: each says when it was loaded.
    models = [it.get("/model").json() for it in instances]
    through = [proxy.get("/vision/model").json() for _ in range(4)]
    assert all(it in models for it in through)
    unloaded = [{**it, "loaded": None} for it in [*models, *through]]
    assert all(it == unloaded[0] for it in unloaded)


def test_the_page_and_its_parts_are_under_the_sub_path(proxy: Proxy) -> None:
    page = proxy.get("/vision/")

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    for path in ("app.css", "app.js", "favicon.svg", "openapi.yaml"):
        assert proxy.get(f"/vision/{path}").status_code == 200
    assert proxy.get("/app.css").status_code == 404


def test_the_sub_path_without_its_slash_is_led_there(proxy: Proxy) -> None:
    answer = proxy.get("/vision")

    assert answer.status_code == 308
    assert answer.headers["location"] == "/vision/"
    assert proxy.get("/vision", follow_redirects=True).status_code == 200


def test_a_page_that_the_browser_has_is_not_sent_again(proxy: Proxy) -> None:
    for coding in ("identity", "gzip"):
        first = proxy.get("/vision/app.css", headers={"Accept-Encoding": coding})
        again = proxy.get(
            "/vision/app.css",
            headers={
                "Accept-Encoding": coding,
                "If-None-Match": first.headers["etag"],
            },
        )
        assert (first.status_code, again.status_code) == (200, 304)


def test_json_is_compressed_and_pictures_are_not(proxy: Proxy) -> None:
    page = proxy.get("/vision/openapi.yaml")
    picture = httpx.post(
        proxy.url + "/vision/cam",
        files={"image": http.sample("rocket.jpg")},
        headers={"Accept": "image/png"},
        timeout=60,
    )
    answer = proxy.cam()

    assert page.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in page.headers["vary"]
    assert answer.headers["content-type"] == "application/json"
    assert picture.headers["content-type"] == "image/png"
    assert "content-encoding" not in picture.headers


def test_both_instances_work(proxy: Proxy, instances: list[object]) -> None:
    before = [passes(it) for it in instances]
    for _ in range(8):
        assert proxy.cam().status_code == 200
    done = [passes(it) - was for it, was in zip(instances, before, strict=True)]

    assert sum(done) == 8
    assert min(done) >= 1


@pytest.mark.parametrize("chunked", [False, True])
def test_proxy_and_service_have_one_limit(
    proxy: Proxy, instances: list[object], chunked: bool
) -> None:
    """What lies behind the last chunk of a PNG is not looked at."""
    picture = http.sample("chelsea.png")

    def post(url: str, length: int) -> httpx.Response:
        body = picture + bytes(length - len(picture))
        pieces = (body[i : i + 65536] for i in range(0, length, 65536))
        return httpx.post(
            url + "/cam?heatmap=none",
            content=pieces if chunked else body,
            headers={"Content-Type": "image/png"},
            timeout=60,
        )

    for url in (proxy.url + "/vision", instances[0].url):
        assert post(url, MAX_BODY).status_code == 200
        refused = post(url, MAX_BODY + 1)
        assert refused.status_code == 413
        assert refused.headers["content-type"] == PROBLEM
        assert refused.json()["kind"] == "over-limit"
        assert refused.json()["limit"] == MAX_BODY


def test_a_problem_of_the_service_comes_through(proxy: Proxy) -> None:
    answer = httpx.post(
        proxy.url + "/vision/cam",
        content=b"no picture",
        headers={"Content-Type": "image/png"},
    )

    assert answer.status_code in (415, 422)
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["status"] == answer.status_code


def test_a_request_has_one_id_in_both_logs(
    proxy: Proxy, instances: list[object]
) -> None:
    answer = proxy.cam(headers={"X-Request-Id": "my-own.id_7"})

    assert answer.headers.get_list("x-request-id") == ["my-own.id_7"]
    assert len(logged("id=my-own.id_7", proxy)) == 1
    assert len(logged("id=my-own.id_7", *instances)) == 1


def test_an_id_that_is_none_is_made_anew_for_both_logs(
    proxy: Proxy, instances: list[object]
) -> None:
    answer = proxy.cam(headers={"X-Request-Id": "a b{}"})
    made = answer.headers["x-request-id"]

    assert "{" not in made
    assert len(logged(f"id={made}", proxy)) == 1
    assert len(logged(f"id={made}", *instances)) == 1


def test_the_clients_address_is_logged_and_not_what_it_claims(
    proxy: Proxy, instances: list[object]
) -> None:
    """The client is at another address of the loopback than the proxy."""
    with proxy.client(transport=httpx.HTTPTransport(local_address="127.0.0.9")) as it:
        answer = it.get(
            "model",
            headers={"X-Forwarded-For": "203.0.113.7", "X-Request-Id": "from-afar"},
        )
    lines = logged("id=from-afar", *instances)

    assert answer.status_code == 200
    assert len(lines) == 1
    assert "client=127.0.0.9 " in lines[0]
    assert len(logged(" 127.0.0.9 GET /vision/model 200 ", proxy)) == 1


def test_metrics_are_not_for_outside(proxy: Proxy) -> None:
    answer = proxy.get("/vision/metrics")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["status"] == 404


def test_health_is_answered_and_not_logged(proxy: Proxy) -> None:
    assert proxy.get("/vision/healthz").text == "ok\n"
    assert proxy.get("/vision/readyz").status_code == 200
    assert proxy.get("/vision/healthz/more").status_code == 404
    assert "/vision/readyz" not in proxy.log()


def test_who_asks_too_often_is_told_when_to_come_back(instances: list[object]) -> None:
    # A minute, so that it does not matter how long the answers take.
    changes = {"rate=20r/s": "rate=1r/m", "burst=40": "burst=2"}
    with proxying([port_of(it) for it in instances], **changes) as proxy:
        answers = [proxy.cam() for _ in range(3)]
        refused = next(
            (it for it in (proxy.cam() for _ in range(30)) if it.status_code != 200),
            None,
        )

    assert [it.status_code for it in answers] == [200, 200, 200]
    assert refused.status_code == 429
    assert refused.headers["content-type"] == PROBLEM
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["status"] == 429


@pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("openssl")),
    reason="there is no curl, or no openssl",
)
def test_over_tls_it_is_http_2(instances: list[object]) -> None:
    with proxying([port_of(it) for it in instances], tls=True) as proxy:
        done = subprocess.run(
            [
                *("curl", "-sS", "--http2", "--cacert", proxy.folder / "cert.pem"),
                *("-F", f"image=@{SAMPLES / 'chelsea.png'}", "-D", "-"),
                *("-o", "/dev/null", "-w", "%{http_version} %{http_code}"),
                proxy.url + "/vision/cam?heatmap=none",
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert done.stdout.splitlines()[-1] == "2 200", done.stderr
    assert "strict-transport-security: max-age=" in done.stdout


def test_no_instance_at_all_is_a_problem_too() -> None:
    with proxying(free_ports(2)) as proxy:
        answer = proxy.cam()

    assert answer.status_code == 503
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["kind"] == "busy"


class Crowd:
    """Clients that ask one after another until they are told to stop."""

    def __init__(self, proxy: Proxy, clients: int) -> None:
        self.statuses: Counter[object] = Counter()
        self.lock = threading.Condition()
        self.stopped = False
        self.proxy = proxy
        self.threads = [threading.Thread(target=self.ask) for _ in range(clients)]

    def ask(self) -> None:
        picture = http.sample("chelsea.png")
        with self.proxy.client() as client:
            while not self.stopped:
                try:
                    answer = client.post(
                        "cam", params={"heatmap": "none"}, files={"image": picture}
                    )
                    outcome = answer.status_code
                    if outcome == 200 and answer.json()["class"] != 285:
                        outcome = "another class"
                except httpx.HTTPError as error:
                    outcome = repr(error)
                with self.lock:
                    self.statuses[outcome] += 1
                    self.lock.notify_all()

    def wait_for(self, more: int) -> None:
        """Until so many more requests have ended."""
        with self.lock:
            until = self.statuses.total() + more
            assert self.lock.wait_for(lambda: self.statuses.total() >= until, 120)

    def __enter__(self) -> Crowd:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped = True
        for thread in self.threads:
            thread.join()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_instance_that_dies_or_goes_costs_no_answer(number: int) -> None:
    """Three times under load; each time another one takes its place."""
    ports = free_ports(2)

    def start(stack: contextlib.ExitStack, port: int) -> object:
        return stack.enter_context(
            http.running("--workers", "1", "--listen", f"127.0.0.1:{port}")
        )

    with (
        contextlib.ExitStack() as stack,
        proxying(ports) as proxy,
    ):
        servers = [start(stack, port) for port in ports]
        with Crowd(proxy, 4) as crowd:
            for turn in range(3):
                crowd.wait_for(20)
                victim = servers[turn % 2]
                victim.process.send_signal(number)
                victim.process.wait(60)
                crowd.wait_for(20)
                servers[turn % 2] = start(stack, ports[turn % 2])
                done = passes(servers[turn % 2])
                end = time.monotonic() + 60
                while passes(servers[turn % 2]) == done:
                    assert time.monotonic() < end, "the new one gets no work"
                    crowd.wait_for(4)
        print(f"signal {number}: {json.dumps(crowd.statuses)} {log_summary(proxy)}")

    assert set(crowd.statuses) == {200}
    assert crowd.statuses[200] >= 120


def log_summary(proxy: Proxy) -> str:
    """How many requests needed a second instance."""
    lines = proxy.log().splitlines()
    return f"{sum(', ' in line for line in lines)} of {len(lines)} asked twice"


def test_a_full_queue_is_asked_of_the_other_instance() -> None:
    """One instance has room for one picture besides the one it works on."""
    small = ("--workers", "1", "--queue-length", "1")
    large = http.png(3000, 3000)
    with (
        http.running(*small) as a,
        http.running("--workers", "1", "--queue-length", "64") as b,
        proxying([port_of(a), port_of(b)]) as proxy,
    ):

        def ask(_: int) -> int:
            return httpx.post(
                proxy.url + "/vision/cam",
                params={"heatmap": "none"},
                content=large,
                headers={"Content-Type": "image/png"},
                timeout=120,
            ).status_code

        statuses = Counter(http.at_once(12, ask))
        assert logged("503, 200", proxy)

    assert statuses == {200: 12}
