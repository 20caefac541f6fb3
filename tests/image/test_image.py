"""The image as it is run: what is in it, what it may do, how it ends.

IMAGE names it; tools/image-run.sh runs it with everything forbidden, 128 MB and
64 processes. tools/image-test.sh runs this, and tests/http against it. With
EMULATOR the image is for another processor, and that is QEMU."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pathlib
import re
import select
import shutil
import struct
import subprocess
import tarfile
import threading
import time
import uuid
import zlib
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN = ROOT / "tools" / "image-run.sh"
IMAGE = os.environ.get("IMAGE", "wherefore:latest")
ENGINE = subprocess.run(
    [RUN, "--engine"], capture_output=True, text=True, check=True
).stdout.split()
CAT = (ROOT / "static" / "samples" / "chelsea.png").read_bytes()
HEALTH = ("/usr/bin/wherefore", "health")
EMULATOR = ["/emulator"] if os.environ.get("EMULATOR") else []
NATIVE = ROOT / "build" / "wherefore"
MB = 1000 * 1000
MAX_MB = 60
LIMIT = 128 * 1024 * 1024
START_SECONDS = 60


def engine(*args: str, check: bool = True) -> str:
    """What docker or podman says."""
    done = subprocess.run([*ENGINE, *args], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


class Container:
    """The service in a container."""

    def __init__(self, name: str, process: subprocess.Popen[str], url: str) -> None:
        self.name = name
        self.process = process
        self.url = url

    def pid(self) -> int:
        """Of the service, as this machine sees it."""
        return int(engine("inspect", "--format", "{{.State.Pid}}", self.name))

    def cam(self, picture: bytes = CAT, **options: object) -> httpx.Response:
        """POST /cam."""
        return httpx.post(
            self.url + "/cam",
            content=picture,
            headers={"Content-Type": "image/png"},
            timeout=120,
            **options,
        )

    def group(self, controller: str, *files: str) -> str:
        """A value of its control group, which has other names in version 1."""
        for line in pathlib.Path(f"/proc/{self.pid()}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controller not in controllers.split(",") and controllers:
                continue
            base = pathlib.Path("/sys/fs/cgroup", controllers and controller)
            for name in files:
                with contextlib.suppress(OSError):
                    return (base / path.lstrip("/") / name).read_text().strip()
        pytest.skip(f"this machine's control groups do not show {files}")
        raise AssertionError


@contextlib.contextmanager
def running(*options: str) -> Iterator[Container]:
    """The service on a free port, in a container of its own."""
    name = f"wherefore-test-{uuid.uuid4().hex[:8]}"
    with subprocess.Popen(
        [RUN, "serve", "--listen", "127.0.0.1:0", *options],
        env=os.environ | {"NAME": name},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
            line = process.stdout.readline() if ready else ""
            match = re.fullmatch(r"listening on (http://\S+)\n", line)
            assert match, line
            yield Container(name, process, match[1])
        finally:
            engine("kill", name, check=False)
            process.wait(60)


@pytest.fixture(scope="module")
def container() -> Iterator[Container]:
    """One that most tests share."""
    with running() as it:
        yield it


@pytest.fixture(scope="module")
def config() -> dict[str, object]:
    """What the image says of itself."""
    image = json.loads(engine("image", "inspect", IMAGE))[0]
    # Docker has it in its configuration, podman beside it.
    return {"Healthcheck": image.get("Healthcheck"), "Size": image["Size"]} | image[
        "Config"
    ]


@pytest.fixture(scope="module")
def files() -> dict[str, tarfile.TarInfo]:
    """Every file in it."""
    name = engine("create", IMAGE).strip()
    try:
        exported = subprocess.run(
            [*ENGINE, "export", name], capture_output=True, check=True
        ).stdout
    finally:
        engine("rm", name)
    with tarfile.open(fileobj=io.BytesIO(exported)) as archive:
        return {it.name.lstrip("./"): it for it in archive}


def test_the_image_is_small(config: dict[str, object]) -> None:
    print(f"{config['Size'] / MB:.1f} MB")
    assert config["Size"] < MAX_MB * MB


def test_there_is_one_program_and_no_shell_in_it(
    files: dict[str, tarfile.TarInfo],
) -> None:
    programs = {
        name
        for name, it in files.items()
        if it.isfile() and re.match(r"(usr/)?s?bin/", name)
    }
    assert programs == {"usr/bin/wherefore"}
    for name, it in files.items():
        assert not re.search(
            r"(^|/)(sh|bash|dash|busybox|perl|python|apt)[0-9.]*$", name
        )
        assert not it.mode & 0o6000, f"{name} changes the user"
        assert it.uid == it.gid == 0, name
        assert it.issym() or not it.mode & 0o022 or it.mode & 0o1000, name


def test_each_library_has_its_licence_and_its_line_in_the_list(
    files: dict[str, tarfile.TarInfo],
) -> None:
    known = {it.rpartition("/")[2] for it in files if "/dpkg/status.d/" in f"/{it}"}
    listed = set(re.findall(r"usr/share/doc/([^/]+)/copyright", "\n".join(files)))

    assert {"libc6", "libmicrohttpd12t64", "libxnnpack0"} & known
    assert known - {""} == listed
    assert "usr/share/doc/wherefore/LICENSE" in files
    assert "usr/share/doc/wherefore/sbom.spdx.json" in files


def test_it_says_how_it_is_run(config: dict[str, object]) -> None:
    labels = config["Labels"]

    assert re.fullmatch(r"\d+:\d+", config["User"])
    assert not config["User"].startswith("0:")
    assert list(config["ExposedPorts"]) == ["8080/tcp"]
    assert config["Entrypoint"] == ["/usr/bin/wherefore"]
    assert config["Cmd"] == ["serve"]
    assert config["Healthcheck"]["Test"] == ["CMD", *HEALTH]
    for name in ("title", "description", "licenses", "version", "revision", "created"):
        assert labels[f"org.opencontainers.image.{name}"] not in ("", "unknown")


def test_it_answers_with_everything_forbidden(container: Container) -> None:
    answer = container.cam(params={"heatmap": "none"})
    status = pathlib.Path(f"/proc/{container.pid()}/status").read_text()
    mounts = pathlib.Path(f"/proc/{container.pid()}/mounts").read_text()

    assert answer.status_code == 200
    assert answer.json()["class"] == 285
    assert re.search(r"^Uid:\s+12345\s", status, re.M)
    for which in ("Eff", "Prm", "Bnd", "Amb"):
        assert re.search(rf"^Cap{which}:\s+0+$", status, re.M)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.M)
    assert re.search(r"^\S+ / \S+ ro,", mounts, re.M)


@pytest.mark.skipif(not NATIVE.exists(), reason="nothing was built on this machine")
def test_it_says_what_the_program_says_that_was_built_here() -> None:
    """Of another Debian, or of another processor."""
    photo = ROOT / "static" / "samples" / "chelsea.png"
    here, there = (
        json.loads(
            subprocess.run(
                [program, "cam", photo, "--values", "--model", model],
                capture_output=True,
                check=True,
            ).stdout
        )
        for program, model in (
            (NATIVE, ROOT / "models" / "efficientnet-lite0"),
            (RUN, "/usr/share/wherefore/models/efficientnet-lite0"),
        )
    )

    assert there["class"] == here["class"] == 285
    assert there["box"] == here["box"]
    for one, other in zip(here["classes"], there["classes"], strict=True):
        assert one["label"] == other["label"]
        # float32's rounding, through a hundred layers
        assert other["logit"] == pytest.approx(one["logit"], abs=1e-3)
    for one, other in zip(here["map"]["values"], there["map"]["values"], strict=True):
        assert other == pytest.approx(one, abs=1e-3)


def test_it_computes_in_int8_where_it_is_told_to() -> None:
    """Debian 13's XNNPACK can, under the same limits."""
    with running("--workers", "1", "--precision", "int8") as it:
        model = httpx.get(it.url + "/model", timeout=60).json()
        answer = it.cam(params={"heatmap": "none"})

    assert model["precision"] == "int8"
    assert answer.status_code == 200
    assert answer.json()["class"] == 285


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium")
def test_the_page_out_of_the_image_shows_what_a_cat_is(container: Container) -> None:
    """One look; tests/page has the rest of what the page does."""
    sync_api = pytest.importorskip("playwright.sync_api")
    wrong: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            timeout=60_000,
        )
        page = browser.new_page()
        page.on("console", lambda it: it.type == "error" and wrong.append(it.text))
        page.on("pageerror", lambda it: wrong.append(str(it)))
        page.goto(container.url + "/#sample=chelsea.png", timeout=60_000)
        page.wait_for_selector("#headline:has-text('Egyptian cat')", timeout=60_000)
        browser.close()

    assert wrong == []


def test_it_has_the_memory_and_the_processes_of_the_limits(
    container: Container,
) -> None:
    memory = container.group("memory", "memory.limit_in_bytes", "memory.max")
    processes = container.group("pids", "pids.max")

    assert int(memory) == LIMIT
    assert int(processes) == 64


@pytest.mark.skipif(EMULATOR != [], reason="takes minutes where QEMU computes")
def test_a_crowd_with_photos_of_four_megapixels_stays_within_the_limits() -> None:
    """The options that docs/deploy.md has for 128 MB."""
    side = 2000
    picture = grey(side)
    options = ("--workers", "1", "--max-pixels", "4000000")
    with running(*options) as it:
        statuses: Counter[int] = Counter()
        lock = threading.Lock()

        def ask() -> None:
            for _ in range(3):
                status = it.cam(picture, params={"heatmap_size": "512"}).status_code
                with lock:
                    statuses[status] += 1

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        refused = it.cam(grey(side + 1))
        used = it.group(
            "memory", "memory.max_usage_in_bytes", "memory.peak", "memory.current"
        )
        assert it.process.poll() is None
        print(f"at most {int(used) / MB:.0f} MB")

    assert statuses == {200: 24}
    assert refused.status_code == 413


def grey(side: int) -> bytes:
    """A grey PNG of this many pixels a side."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    line = b"\0" + bytes(i * 7 % 256 for i in range(side))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(line * side, 1))
        + chunk(b"IEND", b"")
    )


def test_its_health_check_says_that_it_is_well(container: Container) -> None:
    address = container.url.removeprefix("http://")
    done = subprocess.run(
        [*ENGINE, "exec", container.name, *EMULATOR, *HEALTH, f"--listen={address}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_sigterm_finishes_what_was_accepted_and_ends_with_0() -> None:
    """One worker has seven pictures of a fourth of a second before it."""
    many = 2 if EMULATOR else 8
    with running("--workers", "1") as it:
        answers: list[httpx.Response] = []
        picture = grey(2000)
        threads = [
            threading.Thread(target=lambda: answers.append(it.cam(picture)))
            for _ in range(many)
        ]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 60
        while accepted(it) < many:
            assert time.monotonic() < end
        engine("kill", "--signal", "TERM", it.name)
        for thread in threads:
            thread.join()
        status = it.process.wait(60)

    assert [answer.status_code for answer in answers] == [200] * many
    assert status == 0


def accepted(it: Container) -> int:
    """Pictures that were worked on, wait for it, or have begun to come in."""
    metrics = httpx.get(it.url + "/metrics", timeout=60).text
    names = ("forward_passes_total", "requests_in_flight")
    found = [re.search(rf"^wherefore_{it} (\d+)$", metrics, re.M)[1] for it in names]
    return sum(map(int, found)) - 1  # this question


def test_start_until_ready_is_quick() -> None:
    """Most of it is the engine's own; docs/deploy.md has the figure."""
    begin = time.monotonic()
    with running() as it:
        assert httpx.get(it.url + "/readyz", timeout=60).status_code == 200
        took = time.monotonic() - begin
        start = engine("inspect", "--format", "{{.State.StartedAt}}", it.name)
    print(f"{took:.2f} s with the container's own start, at {start}")
    assert took < 30
