"""Pictures that are dropped or pasted as an address."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Iterator

import pytest
from conftest import Look, answer, headline, serving, shows
from playwright.sync_api import Page, expect

CAT = serving.sample("chelsea.png")
DATA = "data:image/png;base64," + base64.b64encode(CAT).decode()
# A drop or a paste of these texts by their types, on the page or on an element.
GIVE = """([kind, texts, where]) => {
  const transfer = new DataTransfer();
  for (const [type, text] of Object.entries(texts)) transfer.setData(type, text);
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
    : new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
  return document.querySelector(where).dispatchEvent(event);
}"""


class Site(http.server.BaseHTTPRequestHandler):
    """Another origin: /open/ lets every page read its pictures, /shut/ none."""

    def do_GET(self) -> None:
        """A cat, wherever."""
        there = self.path.startswith(("/open/", "/shut/"))
        self.send_response(200 if there else 404)
        if not self.path.startswith("/shut/"):
            self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", str(len(CAT)))
        self.end_headers()
        self.wfile.write(CAT)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as it:
        thread = threading.Thread(target=it.serve_forever)
        thread.start()
        yield f"127.0.0.1:{it.server_address[1]}"
        it.shutdown()
        thread.join()


def give(page: Page, kind: str, texts: dict[str, str], where: str = "main") -> bool:
    """Whether the browser may still do with it what it would."""
    return page.evaluate(GIVE, [kind, texts, where])


def is_the_cat(page: Page) -> None:
    """Looked at, in its own size."""
    headline(page, "Egyptian cat")
    image = {"width": 451, "height": 300, "format": "png"}
    assert answer(page)["image"] == image


@pytest.mark.parametrize("kind", ["paste", "drop"])
@pytest.mark.parametrize(
    "texts",
    [
        {"text/plain": DATA},
        {"text/plain": f"\n {DATA[:90]}\n{DATA[90:]}\n"},
        {"text/uri-list": f"# a comment\r\n{DATA}\r\n"},
        {"text/html": f'<meta charset="utf-8"><img alt="" src="{DATA}">'},
    ],
    ids=["text", "lines", "list", "html"],
)
def test_a_data_url_is_taken(page: Page, kind: str, texts: dict[str, str]) -> None:
    """As text, in lines, as a list, in HTML."""
    assert not give(page, kind, texts)
    is_the_cat(page)


def test_a_data_url_may_be_text_itself(page: Page) -> None:
    """As drawings are written, with spaces that mean something."""
    drawing = "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='20'/>"
    give(page, "paste", {"text/plain": f"data:image/svg+xml;utf8,{drawing}"})
    expect(page.locator("#facts")).to_contain_text("30 × 20 png drawn from SVG")


def test_a_picture_of_the_page_itself_is_taken(page: Page, server: object) -> None:
    """As when one of its samples is dragged."""
    address = server.url + "/samples/chelsea.png"
    give(page, "drop", {"text/uri-list": address, "text/plain": address})
    is_the_cat(page)
    shows(page, "chelsea.png")


def test_a_site_that_lets_it_be_read_is_asked(page: Page, site: str) -> None:
    """Of an image that is a link, the image and not what it links to."""
    image = f"http://{site}/open/my%20cat.png?size=1#top"
    texts = {
        "text/uri-list": f"http://{site}/nowhere",
        "text/html": f'<a href="http://{site}/nowhere"><img src="{image}"></a>',
    }
    give(page, "drop", texts)
    is_the_cat(page)
    shows(page, "my cat.png")


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_a_site_that_does_not_is_named(
    look: Look, server: object, site: str, kind: str
) -> None:
    """In words, and not silence; nothing of the last picture stays beside them."""
    address = f"http://{site}/shut/cat.png"
    refusal = ("by CORS policy", "ERR_FAILED")
    with look(server.url + "/#sample=rocket.jpg", expected=refusal) as page:
        headline(page, "drilling platform")
        give(page, kind, {"text/uri-list": address, "text/plain": address})
        error = page.locator("#error")
        expect(error).to_contain_text(
            f"cat.png cannot be fetched: {site} does not allow"
        )
        expect(error).to_contain_text("Save the image and drop the file.")
        expect(page.locator("#headline")).to_be_hidden()
        expect(page.locator("#again")).to_be_visible()


def test_a_picture_that_is_not_there_is_said_to_be(
    look: Look, server: object, site: str
) -> None:
    """With what the site answers."""
    with look(server.url + "/", expected="status of 404") as page:
        give(page, "paste", {"text/plain": f"http://{site}/gone/cat.png"})
        said = f"cat.png cannot be fetched: {site} returned status 404."
        expect(page.locator("#error")).to_have_text(said)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file:///home/me/a%20cat.png", "a cat.png is a local file"),
        ("ftp://example.org/cat.png", "cannot fetch “ftp:” URLs"),
        ("data:image/png;base64,%%%", "The data URL is malformed."),
        ("a cat", "The pasted content is neither an image nor the URL of one."),
        ("", "The pasted content is neither an image nor the URL of one."),
    ],
)
def test_what_cannot_be_fetched_is_answered_with_words(
    look: Look, server: object, text: str, words: str
) -> None:
    """Each with its reason."""
    with look(server.url + "/", expected="ERR_INVALID_URL") as page:
        give(page, "paste", {"text/plain": text} if text else {})
        expect(page.locator("#error")).to_contain_text(words)


def test_what_is_no_picture_is_called_by_its_name(page: Page) -> None:
    """As of a file."""
    page_of = base64.b64encode(b"<!DOCTYPE html><p>a cat").decode()
    give(page, "drop", {"text/uri-list": f"data:text/html;base64,{page_of}"})
    expect(page.locator("#error")).to_contain_text("picture is a web page, which")


def test_several_become_a_film_strip(look: Look, server: object, site: str) -> None:
    """One that cannot be had leaves the others, and can be asked for again."""
    addresses = [f"http://{site}/{name}" for name in ("open/a", "gone/b", "open/c")]
    with look(server.url + "/", expected="status of 404") as page:
        give(page, "drop", {"text/uri-list": "\r\n".join(addresses)})
        strip = page.locator("#strip button")
        expect(page.locator("#strip")).not_to_contain_text("…")
        expect(strip).to_have_text(["Egyptian cat", "error", "Egyptian cat"])
        strip.nth(1).click()
        page.route("**/gone/b", lambda route: route.fulfill(body=CAT, headers={"Access-Control-Allow-Origin": "*"}))  # fmt: skip
        page.locator("#again").click()
        expect(strip).to_have_text(["Egyptian cat"] * 3)


def test_text_for_a_field_is_the_fields(cat: Page) -> None:
    """A class's name is pasted or dropped into it, and nothing is said."""
    for kind in ("paste", "dragover", "drop"):
        assert give(cat, kind, {"text/plain": "tabby"}, "#other")
    expect(cat.locator("#error")).to_be_hidden()
    headline(cat, "Egyptian cat")


def test_the_next_picture_ends_what_is_being_fetched(
    look: Look, server: object, site: str
) -> None:
    """And what comes of it is not shown."""
    with look(server.url + "/", expected="ERR_") as page:
        page.route("**/open/slow.png", lambda _: None)  # for ever
        give(page, "drop", {"text/uri-list": f"http://{site}/open/slow.png"})
        page.locator('[data-sample="rocket.jpg"]').click()
        headline(page, "drilling platform")
        expect(page.locator("#error")).to_be_hidden()


def test_the_page_s_policy_lets_it_fetch_and_no_more(server: object) -> None:
    """Scripts and styles are its own, wherever pictures come from."""
    policy = server.get("/").headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["connect-src"] == "'self' data: http: https:"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["default-src"] == "'none'"
    assert policy.count("http") == 2
