"""What goes wrong, and what the page makes of it."""

from __future__ import annotations

import json
import pathlib
import socket

from conftest import Look, answer, headline, picture, serving, upload
from playwright.sync_api import Page, Route, expect

BUSY = {"status": 503, "detail": "the queue is full", "kind": "overloaded"}
CAM = "**/cam?*"


def busy(route: Route) -> None:
    """An overloaded service's answer."""
    route.fulfill(
        status=503,
        headers={"Retry-After": "1", "Content-Type": "application/problem+json"},
        body=json.dumps(BUSY),
    )


def test_an_error_is_told_in_the_service_s_words(look: Look, server: object) -> None:
    """With what to do; and it goes away with the next picture."""
    with look(server.url + "/", expected="status of 4") as page:
        page.locator("#file").set_input_files(upload("a.txt", b"no picture at all"))
        said = server.cam(b"no picture at all").json()["detail"]
        expect(page.locator("#error")).to_contain_text(said)
        expect(page.locator("#error")).to_contain_text("Use a JPEG")
        page.locator('[data-sample="chelsea.png"]').click()
        headline(page, "Egyptian cat")
        expect(page.locator("#error")).to_be_hidden()


def test_one_of_several_that_fails_leaves_the_others(
    look: Look, server: object
) -> None:
    """It says so in the strip, and its error when it is looked at."""
    with look(server.url + "/", expected="status of 4") as page:
        page.locator("#file").set_input_files(
            [
                upload("a.jpg", picture("coffee.png")),
                upload("b.jpg", b"nothing"),
                upload("c.jpg", picture("rocket.jpg")),
            ]
        )
        strip = page.locator("#strip button")
        expect(strip.nth(1)).to_contain_text("error")
        expect(page.locator("#strip")).not_to_contain_text("…")
        expect(page.locator("#error")).to_be_hidden()
        strip.nth(1).click()
        expect(page.locator("#error")).to_be_visible()
        strip.nth(2).click()
        expect(page.locator("#error")).to_be_hidden()
        headline(page, "%")


def test_an_overloaded_service_is_asked_again(look: Look, tmp_path: object) -> None:
    """The real one, whose memory for bodies somebody else fills."""
    with (
        serving.running(
            *("--max-inflight-bytes", "300000", "--max-body-bytes", "300000")
        ) as server,
        look(server.url + "/", expected="503") as page,
    ):
        with socket.create_connection(server.address) as other:
            head = "POST /cam HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n"
            other.sendall(f"{head}Content-Length: 290000\r\n\r\n".encode())
            other.sendall(bytes(280000))
            page.locator('[data-sample="chelsea.png"]').click()
            expect(page.locator("#retry")).to_contain_text("retrying in")
        headline(page, "Egyptian cat")
        expect(page.locator("#retry")).to_be_hidden()


def test_patience_ends(look: Look, server: object) -> None:
    """After six tries, each after a longer wait, with an error."""
    with look(server.url + "/", expected="503") as page:
        tries = []
        page.clock.install()
        page.route(CAM, lambda route: (tries.append(1), busy(route)))
        page.locator('[data-sample="chelsea.png"]').click()
        for count in range(1, 6):
            expect(page.locator("#retry")).to_be_visible()
            while len(tries) == count:
                page.clock.run_for(1000)
                page.wait_for_timeout(20)
        expect(page.locator("#error")).to_contain_text("the queue is full")
        expect(page.locator("#retry")).to_be_hidden()
        assert len(tries) == 6


def test_a_lost_connection_is_told_and_mended(look: Look, server: object) -> None:
    """What was shown stays, and the picture is answered when it is back."""
    with look(server.url + "/#sample=chelsea.png", expected="ERR_") as page:
        headline(page, "Egyptian cat")
        page.route(CAM, lambda route: route.abort())
        page.locator('[data-sample="rocket.jpg"]').click()
        expect(page.locator("#offline")).to_be_visible()
        expect(page.locator("#retry")).to_contain_text("No connection")
        expect(page.locator("#canvas")).to_be_visible()
        page.unroute(CAM)
        expect(page.locator("#offline")).to_be_hidden()
        headline(page, "drilling platform")


def test_a_token_is_asked_for(look: Look, tmp_path: pathlib.Path) -> None:
    """A wrong one again; it is not kept anywhere."""
    file = tmp_path / "tokens"
    file.write_text("opensesame-opensesame-opensesame\n")
    file.chmod(0o600)
    with (
        serving.running("--token-file", str(file)) as server,
        look(server.url + "/", expected="401") as page,
    ):
        for token in ("wrong", "opensesame-opensesame-opensesame"):
            expect(page.locator("#token-row")).to_be_visible()
            page.locator("#token").fill(token)
            page.keyboard.press("Enter")
        expect(page.locator("#model")).to_contain_text("efficientnet")
        page.locator('[data-sample="chelsea.png"]').click()
        headline(page, "Egyptian cat")
        expect(page.locator("#token-row")).to_be_hidden()
        kept = (
            "[Object.keys(localStorage), Object.keys(sessionStorage), document.cookie]"
        )
        assert page.evaluate(kept) == [[], [], ""]


def test_an_upload_shows_its_progress(page: Page) -> None:
    """Of a large picture over a slow line."""
    page.locator("#original").check()
    line = page.context.new_cdp_session(page)
    line.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1}
        | {"uploadThroughput": 300_000},
    )
    data = picture("astronaut.png", (1600, 1600), "PNG")
    page.locator("#file").set_input_files(upload("a.png", data, "image/png"))
    expect(page.locator("#progress")).to_be_visible()
    line.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1}
        | {"uploadThroughput": -1},
    )
    expect(page.locator("#facts")).to_contain_text("1600 × 1600", timeout=60_000)
    expect(page.locator("#progress")).to_be_hidden()


def test_models_are_chosen_from(look: Look, tmp_path: pathlib.Path) -> None:
    """Where several are served; the picture is asked about again."""
    from conftest import bundle

    folder = bundle(tmp_path / "tiny", "tiny")
    with (
        serving.running("--model", folder) as server,
        look(server.url + "/#sample=chelsea.png") as page,
    ):
        headline(page, "Egyptian cat")
        page.locator("#model-choice").select_option("tiny")
        headline(page, "tiny")
        assert answer(page)["model"] == "tiny"
