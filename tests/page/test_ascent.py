"""What a channel or a class wants to see, as it comes into being."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from conftest import Look
from inside_stub import Stub, stubbed
from playwright.sync_api import Page, expect

LAYER = "block10.expand_relu6"
NO_INDEX = "404"


@pytest.fixture
def stub(server: object) -> Iterator[Stub]:
    """The service, with pictures that a test decides."""
    with stubbed(server.url) as it:
        yield it


def said(page: Page) -> object:
    """What is announced of the ascent."""
    return page.locator(".ascent [role=status]")


def start(page: Page, steps: int = 32) -> None:
    """Asks for the picture."""
    page.get_by_label("Steps", exact=True).select_option(str(steps))
    page.get_by_role("button", name="Show it").click()


def test_a_channels_picture_comes_step_by_step(look: Look, stub: Stub) -> None:
    """With a bar, a picture now and then, and the answer at the end; once more has
    other noise."""
    stub.pause = 8
    with look(f"{stub.url}#inside/{LAYER}/290&sample=", expected=NO_INDEX) as page:
        start(page)
        expect(said(page)).to_contain_text("Step 8 of 32: the answer is 1.00.")
        expect(page.locator(".ascent progress")).to_be_visible()
        picture = page.get_by_alt_text("What channel 290 wants to see, after step 8 of 32")
        early = picture.get_attribute("src")
        stub.go.set()
        expect(said(page)).to_contain_text("Done: the answer to this picture is 42.5.")
        late = page.get_by_alt_text("What channel 290 wants to see, at the end")
        assert late.get_attribute("src") != early
        assert late.evaluate("e => e.naturalWidth") == 32
        expect(page.locator(".ascent progress")).to_be_hidden()
        expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
        again = page.get_by_role("button", name="Once more")
        expect(again).to_be_focused()
        with page.expect_request_finished(lambda one: one.url.endswith("/ascend")):
            again.click()
    first, second = stub.ascents
    assert first == {
        "layer": LAYER,
        "channel": "290",
        "steps": "32",
        "every": "8",
        "seed": "0",
    }
    assert second["seed"] == "1"


def test_the_service_itself_makes_the_picture(look: Look, server: object) -> None:
    """Not a stub: the same picture and value as a request of one's own."""
    fields = {"layer": LAYER, "channel": "290", "steps": "32", "seed": "0"}
    files = {name: (None, value) for name, value in fields.items()}
    own = httpx.post(f"{server.url}/ascend", files=files, timeout=60).json()
    with look(f"{server.url}#inside/{LAYER}/290&sample=", expected=NO_INDEX) as page:
        start(page)
        expect(said(page)).to_contain_text("Done: the answer to this picture is", timeout=60_000)
        picture = page.get_by_alt_text("What channel 290 wants to see, at the end")
        assert picture.get_attribute("src").endswith(own["picture"])
        assert picture.evaluate("e => e.naturalWidth") > 32


def test_a_class_has_one_too(look: Look, stub: Stub) -> None:
    """Also without a photo."""
    with look(f"{stub.url}#inside-class/285&sample=") as page:
        start(page)
        expect(said(page)).to_contain_text("Done")
    assert stub.ascents == [{"class": "285", "steps": "32", "every": "8", "seed": "0"}]


def test_it_is_cancelled_by_keyboard(look: Look, stub: Stub) -> None:
    """The service sees that nobody waits; the picture so far stays."""
    stub.pause = 8
    with look(f"{stub.url}#inside/{LAYER}/290&sample=", expected=NO_INDEX) as page:
        start(page, 256)
        expect(said(page)).to_contain_text("Step 8 of 256")
        expect(page.get_by_role("button", name="Cancel")).to_be_focused()
        page.keyboard.press("Enter")
        expect(said(page)).to_have_text(re.compile(r"Stopped at step \d+ of 256\."))
        expect(page.get_by_alt_text(re.compile("after step"))).to_be_visible()
        expect(page.get_by_role("button", name="Show it")).to_be_focused()
        assert stub.left.wait(30)


@pytest.mark.parametrize("place", ["#", "#inside", f"#inside/{LAYER}/7", "#inside/features"])
def test_it_ends_when_it_is_left(look: Look, stub: Stub, place: str) -> None:
    """For the photo, the list, another channel or another layer."""
    stub.pause = 8
    with look(f"{stub.url}#inside/{LAYER}/290&sample=", expected=NO_INDEX) as page:
        start(page, 256)
        expect(said(page)).to_contain_text("Step 8 of 256")
        page.evaluate(f"location.hash = '{place}'")
        assert stub.left.wait(30)


def test_it_ends_for_another_request(look: Look, stub: Stub) -> None:
    """The service has one request of a visitor at a time."""
    stub.pause = 8
    address = f"{stub.url}#inside/{LAYER}/290&sample=chelsea.png"
    with look(address, expected=NO_INDEX) as page:
        expect(page.locator(".tile").first).to_be_visible()
        start(page, 256)
        expect(said(page)).to_contain_text("Step 8 of 256")
        page.get_by_role("button", name="Next").click()
        expect(page.locator("#inside")).to_contain_text("13 to 24 of 672")
        expect(said(page)).to_contain_text("Stopped at step")
        assert stub.left.wait(30)


@pytest.mark.parametrize(
    ("status", "detail", "advice"),
    [
        (413, "it takes 64 passes, and 10 are allowed", "Choose fewer steps."),
        (404, "there is no resource at this path", ""),
    ],
)
def test_what_goes_wrong_is_said(
    look: Look, stub: Stub, status: int, detail: str, advice: str
) -> None:
    """In the words of the service, and it can be tried again."""
    stub.problem = (status, detail)
    address = f"{stub.url}#inside/{LAYER}/290&sample="
    with look(address, expected=(NO_INDEX, str(status))) as page:
        start(page)
        expect(said(page)).to_have_text(f"{detail}. {advice}".strip())
        stub.problem = None
        start(page)
        expect(said(page)).to_contain_text("Done")
