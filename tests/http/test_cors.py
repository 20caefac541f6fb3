"""Which other pages' scripts may ask, and read the answers."""

from __future__ import annotations

import pytest
from conftest import Server, run, running

PAGE = "https://example.org"
OTHER = "http://localhost:3000"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization",
}


@pytest.fixture(scope="module")
def listed() -> Server:
    """A server that two origins may ask."""
    options = ("--cors-origin", PAGE, "--cors-origin", OTHER)
    with running("--workers", "1", "--max-body-bytes", "300000", *options) as it:
        yield it


def names(value: str) -> set[str]:
    """The members of a list in a header, in small letters."""
    return {name.strip().lower() for name in value.split(",")}


@pytest.mark.parametrize("origin", [PAGE, OTHER])
def test_a_listed_origin_may_read_answers_and_errors(
    listed: Server, origin: str
) -> None:
    """Also of a 404, and of a body refused while it comes in."""
    headers = {"Origin": origin}
    for answer, status in (
        (listed.cam(headers=headers), 200),
        (listed.get("/nowhere", headers=headers), 404),
        (listed.cam(b"x" * 400000, headers=headers), 413),
    ):
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == origin
        assert "access-control-allow-credentials" not in answer.headers
        assert "origin" in names(answer.headers["vary"])
        exposed = names(answer.headers["access-control-expose-headers"])
        assert {"x-request-id", "server-timing", "x-wherefore-class"} <= exposed


@pytest.mark.parametrize(
    "origin", ["https://example.org.evil.example", "http://example.org", "null", ""]
)
def test_another_origin_is_answered_without_permission(
    listed: Server, origin: str
) -> None:
    """The browser keeps the answer from its script."""
    answer = listed.get("/healthz", headers={"Origin": origin})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
    assert "origin" in names(answer.headers["vary"])


def test_a_preflight_says_what_may_be_sent(listed: Server) -> None:
    """To a listed origin only."""
    with listed.client() as client:
        answer = client.options("/cam", headers={"Origin": PAGE, **PREFLIGHT})
        refused = client.options("/cam", headers={"Origin": "null", **PREFLIGHT})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "post" in names(answer.headers["access-control-allow-methods"])
    allowed = names(answer.headers["access-control-allow-headers"])
    assert {"authorization", "content-type", "x-request-id"} <= allowed
    assert "access-control-allow-origin" not in refused.headers
    assert "access-control-allow-methods" not in refused.headers


def test_a_preflight_needs_no_token(tmp_path: object) -> None:
    """Browsers send it without; with * all origins may ask."""
    file = tmp_path / "token"
    file.write_text("a-token-of-some-length")
    options = ("--token-file", str(file), "--cors-origin", "*")
    with running("--workers", "1", *options) as server, server.client() as client:
        headers = {"Origin": PAGE}
        answer = client.options("/cam", headers={**headers, **PREFLIGHT})
        refused = client.get("/models", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "*"


def test_without_the_option_nobody_else_may(server: Server) -> None:
    """No header of the kind."""
    with server.client() as client:
        answers = [
            client.get("/healthz", headers={"Origin": PAGE}),
            client.options("/cam", headers={"Origin": PAGE, **PREFLIGHT}),
        ]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-con")]


@pytest.mark.parametrize(
    "origin", ["example.org", "https://example.org/", "https://", "null", "a b://c"]
)
def test_what_is_no_origin_is_said_at_the_start(origin: str) -> None:
    """One line, exit 2."""
    result = run("serve", "--cors-origin", origin)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "cors-origin" in result.stderr
