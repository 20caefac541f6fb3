"""Getting a picture in."""

from __future__ import annotations

import base64
import io
import pathlib
import struct
import zlib

import pytest
from conftest import (
    SAMPLES,
    Look,
    answer,
    answered_by,
    box,
    bundle,
    headline,
    picture,
    pixels,
    serving,
    shows,
    upload,
)
from PIL import Image, ImageOps, PngImagePlugin
from playwright.sync_api import Page, Route, expect

GIVE = """([kind, data, names]) => {
  const transfer = new DataTransfer();
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  for (const name of names)
    transfer.items.add(new File([bytes], name, { type: "image/png" }));
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true })
    : new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.querySelector("main").dispatchEvent(event);
}"""


def give(page: Page, kind: str, *names: str) -> None:
    """A paste or a drop of the cat."""
    data = base64.b64encode(serving.sample("chelsea.png")).decode()
    page.evaluate(GIVE, [kind, data, list(names)])


def test_each_sample_is_answered(page: Page, server: object) -> None:
    """With what the service says of it."""
    for name in SAMPLES:
        page.locator(f'[data-sample="{name}"]').click()
        said = server.cam(serving.sample(name), params={"heatmap": "none"}).json()
        headline(page, said["classes"][0]["label"])
        assert (
            answer(page)["box"]
            == said["box"]
            == box(page)
            | {key: said["box"][key] for key in ("rule", "threshold", "seed", "layer")}
        )
        assert said["box"]["rule"] == "object"


def test_a_chosen_file_is_answered(page: Page) -> None:
    """And the same one may be chosen again; the browser's own words about
    the input are not to be seen."""
    for _ in range(2):
        page.locator("#file").set_input_files(
            upload("cat.png", serving.sample("chelsea.png"), "image/png")
        )
        headline(page, "Egyptian cat")
    assert page.locator("#file").input_value() == ""
    assert page.locator("#file").bounding_box()["width"] <= 1
    shows(page, "cat.png")


def test_a_phone_is_offered_its_camera(page: Page) -> None:
    """The input asks for the camera on the back and takes what it gives."""
    camera = page.locator("#camera")
    assert camera.get_attribute("capture") == "environment"
    assert camera.get_attribute("accept") == "image/*"
    camera.set_input_files(upload("image.jpg", picture("chelsea.png")))
    headline(page, "cat")


def test_a_picture_can_be_dropped_anywhere(page: Page) -> None:
    """The drop zone shows that it would be taken."""
    give(page, "dragover", "cat.png")
    expect(page.locator("body")).to_have_class("over")
    give(page, "drop", "cat.png")
    headline(page, "Egyptian cat")
    expect(page.locator("body")).not_to_have_class("over")


def test_a_picture_can_be_pasted(page: Page) -> None:
    """As from a screenshot."""
    give(page, "paste", "image.png")
    headline(page, "Egyptian cat")


def test_a_link_names_sample_class_and_settings(look: Look, server: object) -> None:
    """All that is seen is restored."""
    link = "/#sample=chelsea.png&class=281&vs=282&threshold=0.5&colormap=viridis"
    with look(server.url + link + "&smooth=0&opacity=0.8") as page:
        headline(page, "Why tabby and not tiger cat?")
        expect(page.locator("#threshold")).to_have_value("0.5")
        expect(page.locator("#opacity")).to_have_value("0.8")
        expect(page.locator("#colormap")).to_have_value("viridis")
        expect(page.locator("#smooth")).not_to_be_checked()
        page.evaluate("location.hash = '#sample=rocket.jpg'")
        headline(page, "%")
        assert answer(page)["image"]["format"] == "jpeg"


def test_a_link_to_nonsense_is_answered_with_words(look: Look, server: object) -> None:
    """An unknown sample, settings out of bounds, and what is not for us."""
    link = "/#sample=..%2Fnope&threshold=7&colormap=none&top=99999&class=-1"
    with look(server.url + link, expected="404") as page:
        expect(page.locator("#error")).to_contain_text("nope")
        expect(page.locator("#threshold")).to_have_value("0.2")
        expect(page.locator("#colormap")).to_have_value("auto")
        expect(page.locator("#top")).to_have_value("5")


def test_a_large_picture_is_scaled_before_it_is_sent(page: Page) -> None:
    """Unless the original is wanted."""
    large = upload("large.jpg", picture("coffee.png", (2400, 1600)))
    page.locator("#file").set_input_files(large)
    headline(page, "espresso")
    assert answer(page)["image"]["width"] == 1280
    scaled = box(page)
    page.locator("#original").check()
    page.locator("#file").set_input_files(large)
    expect(page.locator("#facts")).to_contain_text("2400 × 1600")
    for side in ("x", "y", "width", "height"):
        length = scaled[side] * 2400 / 1280
        assert box(page)[side] == pytest.approx(length, abs=0.05 * 2400)


@pytest.mark.parametrize("size", [(600, 400), (2100, 1400)])
def test_a_turned_photo_is_upright_either_way(
    page: Page, size: tuple[int, int]
) -> None:
    """By its EXIF orientation: the same as one that was never turned."""
    seen = []
    for orientation, original in ((1, False), (6, False), (6, True)):
        page.locator("#original").set_checked(original)
        data = picture("coffee.png", size, orientation=orientation)
        name = f"photo-{orientation}-{original}.jpg"
        page.locator("#file").set_input_files(upload(name, data))
        shows(page, name)
        said = answer(page)
        shown = pixels(page)
        scale = 1000 / said["image"]["width"]
        seen.append(
            {side: box(page)[side] * scale for side in ("x", "y", "width", "height")}
            | {"class": said["class"], "ratio": 100 * shown.width / shown.height}
            | {"height": said["image"]["height"] * scale}
        )
    assert seen[1] == pytest.approx(seen[0], abs=50)
    assert seen[2] == pytest.approx(seen[0], abs=50)


def png_chunk(name: bytes, data: bytes = b"") -> bytes:
    """As PNGs are made of."""
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)


def lying(kind: str, orientation: int) -> bytes:
    """Four quarters in colours, in a file that says how it lies where browsers do
    not look."""
    image = Image.new("RGB", (60, 40), "red")
    image.paste("lime", (0, 20, 30, 40))
    image.paste("blue", (30, 0, 60, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    xmp = f'<x xmlns:tiff="" tiff:Orientation="{orientation}"/>'
    hexadecimal = f"\nexif\n{len(exif.tobytes()):8}\n{exif.tobytes().hex()}\n"
    texts = PngImagePlugin.PngInfo()
    if kind.startswith("profile"):
        texts.add_text("Raw profile type exif", hexadecimal, zip="packed" in kind)
    elif kind.startswith("xmp"):
        texts.add_itxt("XML:com.adobe.xmp", xmp, zip="packed" in kind)
    form = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[kind.rpartition(".")[2]]
    options = {"JPEG": {"quality": 100, "subsampling": 0, "xmp": xmp.encode()}}
    options |= {"PNG": {"pnginfo": texts}, "WEBP": {"lossless": True, "exif": exif}}
    out = io.BytesIO()
    image.save(out, form, **options[form])
    data = out.getvalue()
    if kind != "behind.png":
        return data
    chunk = png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    return data[: -len(png_chunk(b"IEND"))] + chunk + png_chunk(b"IEND")


@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize(
    "kind",
    [
        "xmp.jpg",
        "xmp.png",
        "xmp-packed.png",
        "profile.png",
        "profile-packed.png",
        "behind.png",
        "exif.webp",
    ],
)
def test_a_picture_lies_beneath_its_evidence_as_the_service_turns_it(
    page: Page, kind: str, orientation: int
) -> None:
    """Where the browser would not: upright, as Pillow has it."""
    data = lying(kind, orientation)
    image = Image.open(io.BytesIO(data))
    image.load()  # what is behind the pixels, too
    upright = ImageOps.exif_transpose(image).convert("RGB")
    assert upright.size == ((60, 40) if orientation == 3 else (40, 60))

    page.locator("#file").set_input_files(upload(kind, data))
    shows(page, kind)
    page.locator("#opacity").fill("0")
    for place in ((5, 5), (35, 5), (5, 35), (35, 35)):
        shown = pixels(page).getpixel(place)
        assert shown == pytest.approx(upright.getpixel(place), abs=3)
    size = {"width": upright.width, "height": upright.height}
    assert size.items() <= answer(page)["image"].items()
    assert answer(page)["heatmap"] is None


def test_a_picture_without_evidence_lies_as_the_browser_has_it(
    look: Look, tmp_path: pathlib.Path
) -> None:
    """Of a model that has no maps, until another one draws the picture."""

    def leave_out(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json=response.json() | {"heatmap": None})

    folder = bundle(tmp_path / "seven", "seven")
    with serving.running("--model", folder) as it, look(it.url + "/") as page:
        page.route("**/cam?*", leave_out, times=1)
        page.locator("#file").set_input_files(
            upload("xmp.jpg", lying("xmp.jpg", orientation=6))
        )
        shows(page, "xmp.jpg")
        assert pixels(page).size == (60, 40)
        page.locator("#model-choice").select_option("seven")
        answered_by(page, "seven")
        assert pixels(page).size == (40, 60)


def test_a_picture_that_only_the_service_reads_is_seen(page: Page) -> None:
    """One of Apple's PNGs: blue first, and packed without a head."""
    packer = zlib.compressobj(wbits=-15)
    rows = b"".join(b"\0" + b"\x20\x90\xe0" * 30 for _ in range(20))
    pixel_data = packer.compress(rows) + packer.flush()
    header = struct.pack(">IIBBBBB", 30, 20, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"CgBI", b"\x50\0\x20\x02")
    data += png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixel_data)
    data += png_chunk(b"IEND")

    page.locator("#file").set_input_files(upload("apple.png", data, "image/png"))
    shows(page, "apple.png")
    page.locator("#opacity").fill("0")
    assert pixels(page).size == (30, 20)
    assert pixels(page).getpixel((15, 10)) == (0xE0, 0x90, 0x20)


def test_a_picture_that_nothing_here_can_draw_is_shown_grey(
    look: Look, server: object
) -> None:
    """The evidence is drawn over nothing."""
    script = """
      window.createImageBitmap = () => Promise.reject(new Error("cannot"));
      HTMLImageElement.prototype.decode = window.createImageBitmap;"""
    with look(server.url + "/", script=script) as page:
        page.locator("#file").set_input_files(
            upload("cat.png", serving.sample("chelsea.png"), "image/png")
        )
        headline(page, "Egyptian cat")
        page.locator("#opacity").fill("0")
        shown = pixels(page)
        assert shown.size == (451, 300)
        assert shown.getextrema() == ((128, 128),) * 3


# Counted in the page: outside, a request may be heard of before the last one's end.
FLYING = """
    window.flying = window.most = 0;
    const { open, send } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.open = function (method, address) {
      this.isEvidence = /^cam\\b/.test(address);
      return open.call(this, method, address);
    };
    XMLHttpRequest.prototype.send = function (...body) {
      if (this.isEvidence) {
        most = Math.max(most, ++flying);
        this.addEventListener("readystatechange", () => this.readyState === 4 && flying--);
      }
      return send.apply(this, body);
    };"""


def test_the_webcam_is_answered_frame_after_frame(look: Look, server: object) -> None:
    """One request at a time, with the frames a second; it stops when told."""
    with look(server.url + "/", permissions=["camera"], script=FLYING) as page:
        page.locator("#webcam").click()
        expect(page.locator("#webcam")).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#fps")).to_contain_text("frames/s")
        expect(page.locator("#chart .now")).to_be_visible()
        assert page.evaluate("wherefore.photos()") >= 2
        page.locator("#webcam").click()
        expect(page.locator("#webcam")).to_have_attribute("aria-pressed", "false")
        expect(page.locator("#fps")).to_be_hidden()
        assert page.evaluate("most") == 1
        headline(page, "%")


def test_the_webcam_stops_when_the_page_is_hidden(look: Look, server: object) -> None:
    """And its tracks end."""
    script = """
      const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wanted) =>
        (window.stream = await get(wanted));"""
    with look(server.url + "/", permissions=["camera"], script=script) as page:
        page.locator("#webcam").click()
        expect(page.locator("#fps")).to_contain_text("frames/s")
        page.evaluate("""() => {
            Object.defineProperty(document, "hidden", { value: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""")
        expect(page.locator("#webcam")).to_have_attribute("aria-pressed", "false")
        ended = """() => new Promise((resolve) => {
            const look = () => stream.getTracks().every((t) => t.readyState === "ended")
                ? resolve(true) : setTimeout(look, 20);
            look();
        })"""
        assert page.evaluate(ended)


def test_without_a_camera_the_webcam_says_so(look: Look, server: object) -> None:
    """In words, and nothing is left pressed."""
    script = """navigator.mediaDevices.getUserMedia = () =>
        Promise.reject(new DOMException("Requested device not found", "NotFoundError"))"""
    with look(server.url + "/", script=script) as page:
        page.locator("#webcam").click()
        expect(page.locator("#error")).to_contain_text("device not found")
        expect(page.locator("#webcam")).to_have_attribute("aria-pressed", "false")


def test_several_photos_become_a_film_strip(page: Page) -> None:
    """Asked about one at a time, stepped through with the arrow keys, with
    the score over time."""
    posts = []
    page.on("request", lambda r: posts.append(r.url) if "/cam" in r.url else None)
    page.locator("#file").set_input_files(
        [upload(name, picture(name, (400, 300))) for name in SAMPLES]
    )
    strip = page.locator("#strip button")
    expect(strip).to_have_count(4)
    expect(page.locator("#strip")).not_to_contain_text("…")
    expect(page.locator("#chart circle")).not_to_have_count(0)
    expect(page.locator("#message")).not_to_contain_text("Processing")
    assert len(posts) == 4
    assert page.evaluate("scrollY") == 0
    expect(strip.nth(0)).to_have_attribute("aria-current", "true")
    strip.nth(0).focus()
    page.keyboard.press("ArrowRight")
    shows(page, "coffee.png")
    expect(strip.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(strip.nth(3)).to_have_attribute("aria-current", "true")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    shows(page, "chelsea.png")
    expect(page.locator("#chart-title")).to_contain_text("cat")
    expect(page.locator("#chart circle")).not_to_have_count(0)
    expect(page.locator("#chart .now")).to_have_count(1)


def test_the_strip_tells_how_far_it_is(page: Page) -> None:
    """While pictures are still to be looked at."""
    page.evaluate("""() => {
        window.said = [];
        new MutationObserver(() => said.push(document.querySelector("#message").textContent))
            .observe(document.querySelector("#message"), { childList: true });
    }""")
    page.locator("#file").set_input_files(
        [upload(f"{i}.jpg", picture("rocket.jpg", (320, 200))) for i in range(3)]
    )
    expect(page.locator("#strip button")).to_have_count(3)
    expect(page.locator("#strip")).not_to_contain_text("…")
    said = page.evaluate("said")
    assert [text for text in said if "more…" in text] == [
        "Processing 0.jpg, 2 more…",
        "Processing 1.jpg, 1 more…",
    ]
