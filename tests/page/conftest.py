"""The page in Debian's Chromium, before the real binary.

What the browser writes to its console as an error fails the test it was in,
so that a violation of the Content-Security-Policy does.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import io
import json
import os
import pathlib
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))
import common  # noqa: E402

STATIC = ROOT / "static"
CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 30_000
SAMPLES = ("chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg")
# Root has no sandbox; /dev/shm may be small; nothing is asked of the network;
# a camera that shows a pattern, and a person who lets the page see it.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--use-fake-device-for-media-stream=fps=30",
    "--use-fake-ui-for-media-stream",
)

expect.set_options(timeout=PATIENCE_MS)


serving = common.conftest_of("http")
Look = Callable[..., contextlib.AbstractContextManager[Page]]


def bundle(folder: pathlib.Path, name: str, **changes: object) -> str:
    """The folder of a tiny model of seven classes; `changes` are of its input."""
    folder.mkdir()
    size = {"width": 48, "height": 32, "channels": "RGB", "resize": "stretch"}
    numbers = {"interpolation": "bicubic", "mean": [127] * 3, "std": [128] * 3}
    spec = {
        "name": name,
        "input": size | numbers | changes,
        "onnx": {"file": "model.onnx"},
    }
    (folder / "model.json").write_text(json.dumps(spec))
    (folder / "labels.txt").write_text("".join(f"{name} {i}\n" for i in range(7)))
    network = ROOT / "tests" / "data" / "forms" / "legacy13.onnx"
    shutil.copy(network, folder / "model.onnx")
    return str(folder)


def picture(
    name: str = "coffee.png",
    size: tuple[int, int] | None = None,
    kind: str = "JPEG",
    orientation: int = 1,
) -> bytes:
    """A sample in another size or format. One with an EXIF orientation is
    stored turned, and the same picture when it is turned back."""
    image = Image.open(STATIC / "samples" / name).convert("RGB")
    image = image.resize(size) if size else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    if orientation == 6:  # to be turned clockwise
        image = image.transpose(Image.Transpose.ROTATE_90)
    out = io.BytesIO()
    image.save(out, kind, **({"exif": exif, "quality": 92} if kind == "JPEG" else {}))
    return out.getvalue()


def upload(name: str, data: bytes, kind: str = "image/jpeg") -> dict[str, object]:
    """A file as Playwright gives one to an input."""
    return {"name": name, "mimeType": kind, "buffer": data}


def pixels(page: Page, selector: str = "#canvas") -> Image.Image:
    """What is on a canvas."""
    address = page.locator(selector).evaluate("canvas => canvas.toDataURL()")
    return Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert(
        "RGB"
    )


def answer(page: Page) -> dict:
    """The answer that is looked at."""
    return page.evaluate("wherefore.answer()")


def answered_by(page: Page, model: str) -> None:
    """Waits until the answer that is looked at is this model's.

    By asking again and again: what Playwright would ask in the page itself, the
    page's Content-Security-Policy refuses from the second time on.
    """
    deadline = time.monotonic() + 30
    while (answer(page) or {}).get("model") != model:
        assert time.monotonic() < deadline, f"no answer by {model}"
        page.wait_for_timeout(20)


def cells(entry: dict) -> list[list[float]]:
    """The rows of a class's map."""
    said = entry["map"]
    numbers = np.frombuffer(base64.b64decode(said["values"]), "<f4")
    return numbers.reshape(said["height"], said["width"]).tolist()


def box(page: Page) -> dict | None:
    """The box as it is drawn."""
    return page.evaluate("wherefore.box()")


def headline(page: Page, text: str) -> None:
    """Waits until the answer says this."""
    expect(page.locator("#headline")).to_contain_text(text)


def shows(page: Page, name: str) -> None:
    """Waits until the picture of this name is on the canvas."""
    label = re.compile("^" + re.escape(name))
    expect(page.locator("#canvas")).to_have_attribute("aria-label", label)


def slide(page: Page, name: str, value: float) -> None:
    """Moves a slider."""
    page.locator(name).fill(str(value))


@pytest.fixture(scope="session")
def server() -> Iterator[object]:
    """The server that most tests share."""
    with serving.running("--workers", "2") as it:
        yield it


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all; each test has profiles of its own in it."""
    if CHROMIUM is None and os.environ.get("CI") != "true":
        pytest.skip("there is no chromium")
    with sync_playwright() as it:
        chromium = it.chromium.launch(
            executable_path=CHROMIUM, args=list(ARGUMENTS), timeout=2 * PATIENCE_MS
        )
        yield chromium
        chromium.close()


def looking(browser: Browser) -> Look:
    """A function that opens the page at an address, in a fresh profile."""

    @contextlib.contextmanager
    def look(
        url: str,
        *,
        expected: str | tuple[str, ...] = (),
        script: str = "",
        example: bool = False,
        **options: object,
    ):
        """`expected` is in the console's errors that are no fault, or one of it
        is; `script` runs before the page's own; an address without a fragment
        is that of a page without its `example`; `options` are the profile's."""
        words = (expected,) if isinstance(expected, str) else expected
        faults: list[str] = []

        def note(message: ConsoleMessage) -> None:
            if message.type == "error" and not any(it in message.text for it in words):
                faults.append(message.text)

        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: faults.append(str(error)))
        if script:
            page.add_init_script(script)
        page.goto(url if example or "#" in url else f"{url}#sample=")
        yield page
        context.close()
        assert faults == []

    return look


@pytest.fixture
def look(browser: Browser) -> Look:
    """`with look(url) as page:` opens the page."""
    return looking(browser)


@pytest.fixture
def page(look: Look, server: object) -> Iterator[Page]:
    """The page as it is opened."""
    with look(server.url + "/") as it:
        yield it


@pytest.fixture
def cat(look: Look, server: object) -> Iterator[Page]:
    """The page with the answer about the cat on it."""
    with look(server.url + "/#sample=chelsea.png") as it:
        headline(it, "Egyptian cat")
        yield it


def is_by(page: Page, rule: str) -> None:
    """Waits until the box of the answer is by this rule."""
    deadline = time.monotonic() + 60
    while ((answer(page) or {}).get("box") or {}).get("rule") != rule:
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)


def by_paper(page: Page) -> None:
    """Chooses the rule of the paper, whose boxes the page finds itself."""
    page.locator("#box-rule").select_option("paper")
    is_by(page, "paper")


class Stripping(http.server.BaseHTTPRequestHandler):
    """A proxy that serves the service under /vision/ and nothing elsewhere."""

    protocol_version = "HTTP/1.1"

    def __init__(self, upstream: str, *args: object) -> None:
        self.upstream = upstream
        super().__init__(*args)

    def forward(self) -> None:
        """The request without the prefix; the answer as it is."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.startswith("/vision/"):
            self.send_error(404)
            return
        path = self.path.removeprefix("/vision")
        wanted = ("content-type", "accept", "authorization")
        headers = {k: v for k, v in self.headers.items() if k.lower() in wanted}
        reply = httpx.request(
            self.command,
            self.upstream + path,
            content=body,
            headers=headers,
            timeout=60,
        )
        self.send_response(reply.status_code)
        for name, value in reply.headers.items():
            if name not in ("connection", "content-length", "date", "keep-alive"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        self.wfile.write(reply.content)

    do_GET = do_POST = forward

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def below(server: object) -> Iterator[str]:
    """The address of the service below a path."""
    handler = functools.partial(Stripping, server.url)
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=proxy.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{proxy.server_address[1]}/vision/"
    proxy.shutdown()
    thread.join()
    proxy.server_close()
