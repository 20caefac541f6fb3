"""The service with routes that a test decides: pictures made step by step, exemplars.

A proxy before the real service, so that a test sees that a client has left.
"""

from __future__ import annotations

import base64
import contextlib
import email
import http.server
import io
import json
import select
import threading
from collections.abc import Iterator

from conftest import Stripping
from PIL import Image


def png(level: int, size: int = 32) -> bytes:
    """A grey picture."""
    out = io.BytesIO()
    Image.new("L", (size, size), level).save(out, "PNG")
    return out.getvalue()


class Stub:
    """What the routes answer, and what they were asked."""

    def __init__(self) -> None:
        self.url = ""
        self.reset()

    def reset(self) -> None:
        """As they are at first."""
        self.problem: tuple[int, str] | None = None  # of an ascent
        self.pause = 0  # the step of an ascent at which it waits; 0: none
        self.go = threading.Event()  # ends the wait
        self.index: dict | None = None  # of exemplars
        self.ascents: list[dict[str, str]] = []
        self.sheets: list[str] = []
        self.left = threading.Event()  # the client of an ascent has


def fields_of(kind: str, body: bytes) -> dict[str, str]:
    """The fields of a form."""
    form = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    return {
        part.get_param("name", header="content-disposition"): part.get_payload()
        for part in form.get_payload()
    }


class Handler(Stripping):
    """Answers two routes itself."""

    def __init__(self, stub: Stub, upstream: str, *args: object) -> None:
        self.stub = stub
        super().__init__(upstream, *args)

    def reply(self, status: int, kind: str, body: bytes) -> None:
        """A whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status: int, detail: str) -> None:
        """A problem."""
        said = {"title": "x", "status": status, "detail": detail, "kind": "not-found"}
        self.reply(status, "application/problem+json", json.dumps(said).encode())

    def wait(self) -> None:
        """Until the test goes on, or the client has left."""
        while not self.stub.go.wait(0.02):
            if select.select([self.connection], [], [], 0)[0]:
                raise BrokenPipeError

    def climb(self, fields: dict[str, str]) -> None:
        """Lines of progress, a picture now and then, and the answer."""
        steps, every = int(fields["steps"]), int(fields["every"])
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for step in range(1, steps + 1):
            line: dict[str, object] = {"step": step, "steps": steps, "value": step / 8}
            if step % every == 0:
                data = base64.b64encode(png(step % 256)).decode()
                line["picture"] = f"data:image/png;base64,{data}"
            self.wfile.write(json.dumps(line).encode() + b"\n")
            if step == self.stub.pause:
                self.wait()
        data = base64.b64encode(png(255)).decode()
        said = {"steps": steps, "value": 42.5, "picture": data}
        self.wfile.write(json.dumps(said).encode() + b"\n")

    def do_POST(self) -> None:
        """An ascent, or what the service does."""
        if not self.path.startswith("/vision/ascend"):
            return self.forward()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fields = fields_of(self.headers["Content-Type"], body)
        self.stub.ascents.append(fields)
        if self.stub.problem:
            return self.refuse(*self.stub.problem)
        try:
            self.climb(fields)
        except OSError:
            self.stub.left.set()
        return None

    def do_GET(self) -> None:
        """Exemplars, or what the service does."""
        if not self.path.startswith("/vision/exemplars"):
            return self.forward()
        if self.stub.index is None:
            return self.refuse(404, "no index is given")
        if "layer=" not in self.path:
            return self.reply(200, "application/json", json.dumps(self.stub.index).encode())
        self.stub.sheets.append(self.path)
        return self.reply(200, "image/png", png(90))


@contextlib.contextmanager
def stubbed(upstream: str) -> Iterator[Stub]:
    """The service at `url`, with two routes of a test."""
    stub = Stub()
    proxy = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *args: Handler(stub, upstream, *args)
    )
    thread = threading.Thread(target=proxy.serve_forever)
    thread.start()
    stub.url = f"http://127.0.0.1:{proxy.server_address[1]}/vision/"
    try:
        yield stub
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
