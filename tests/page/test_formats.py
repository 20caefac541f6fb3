"""What the browser can draw is served, whether or not the service reads it; what
it cannot is called by its name."""

from __future__ import annotations

import io
import json
import pathlib

import pytest
from conftest import (
    STATIC,
    Look,
    answer,
    headline,
    picture,
    pixels,
    serving,
    shows,
    upload,
)
from PIL import Image, ImageChops, ImageDraw
from playwright.sync_api import Page, Route, expect

SVG = '<svg xmlns="http://www.w3.org/2000/svg" {}>{}</svg>'
HALVES = (
    '<rect width="100%" height="100%" fill="#fff"/>'
    '<rect width="50%" height="100%" fill="#c04000"/>'
)
HEIF = b"\0\0\0\x18ftyp%b\0\0\0\0%b" + bytes(200)


def cat(size: tuple[int, int] = (300, 200)) -> Image.Image:
    """In colour, upright, opaque."""
    image = Image.open(STATIC / "samples" / "chelsea.png").convert("RGB")
    return image.resize(size)


def spot() -> Image.Image:
    """Half transparent, on nothing."""
    image = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((5, 5, 45, 35), fill=(200, 30, 30, 128))
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """As a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def on_white(data: bytes) -> Image.Image:
    """As Pillow reads it."""
    image = Image.open(io.BytesIO(data)).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def apart(one: Image.Image, other: Image.Image) -> int:
    """The most that a level of two pictures differs by."""
    assert one.size == other.size
    return max(high for _, high in ImageChops.difference(one, other).getextrema())


def give(page: Page, name: str, data: bytes, kind: str = "") -> None:
    """Chooses a file, and waits for its answer; nothing is laid over it."""
    page.locator("#file").set_input_files(upload(name, data, kind))
    shows(page, name)
    page.locator("#opacity").fill("0")


def frames() -> bytes:
    """An animation that begins red."""
    first, *rest = (Image.new("RGB", (80, 50), c) for c in ("red", "lime", "blue"))
    return saved(first, "GIF", save_all=True, append_images=rest, duration=40, loop=0)


# Levels that Chromium's and Pillow's decoders may differ by: alpha is composed in
# another order, and AVIF's colours are converted with other roundings.
@pytest.mark.parametrize(
    ("name", "data", "made_of", "level"),
    [
        ("cat.gif", saved(cat(), "GIF"), "GIF", 0),
        ("cat.bmp", saved(cat(), "BMP"), "BMP", 0),
        ("grey.bmp", saved(cat().convert("L"), "BMP"), "BMP", 0),
        ("frames.gif", frames(), "GIF", 0),
        ("spot.gif", saved(spot(), "GIF"), "GIF", 0),
        ("spot.ico", saved(spot(), "ICO", sizes=[(60, 40)]), "ICO", 1),
        ("cat.avif", saved(cat(), "AVIF"), "AVIF", 3),
        ("spot.avif", saved(spot(), "AVIF", quality=100), "AVIF", 4),
        ("avif-inside.jpg", saved(cat(), "AVIF"), "AVIF", 3),
        ("gif-inside.png", saved(cat(), "GIF"), "GIF", 0),
    ],
)
def test_what_the_browser_draws_is_sent_as_it_is_drawn(
    page: Page, server: object, name: str, data: bytes, made_of: str, level: int
) -> None:
    """Pixel for pixel, as a PNG, on white: as Pillow reads the file. What the
    service answers is what it says of that."""
    give(page, name, data)
    shown = pixels(page)
    said = server.cam(saved(shown, "PNG"), params={"heatmap": "none"}).json()

    assert apart(shown, on_white(data)) <= level
    assert answer(page)["image"] == said["image"] | {"format": "png"}
    for mine, theirs in zip(answer(page)["classes"], said["classes"], strict=True):
        for member in ("index", "score", "logit"):
            assert mine[member] == theirs[member]
    expect(page.locator("#facts")).to_contain_text(f"png drawn from {made_of}")


@pytest.mark.parametrize(
    ("name", "head", "attributes", "size"),
    [
        ("plain.svg", "", 'width="120" height="80"', (120, 80)),
        ("box.svg", "", 'viewBox="0 0 30 20" width="90"', (90, 60)),
        ("head.svg", '<?xml version="1.0"?>\n<!-- a -->\n', "width='9' height='7'", (9, 7)),
        ("type.svg", "<!DOCTYPE svg>", 'width="20" height="20"', (20, 20)),
        ("svg-inside.png", " \n", 'width="40" height="30"', (40, 30)),
    ],
)  # fmt: skip
def test_a_drawing_is_sent_in_its_own_size(
    page: Page, name: str, head: str, attributes: str, size: tuple[int, int]
) -> None:
    """SVG, whatever stands before it and whatever it is called."""
    give(page, name, (head + SVG.format(attributes, HALVES)).encode())
    shown = pixels(page)

    assert shown.size == size
    assert answer(page)["image"] == dict(
        zip(("width", "height", "format"), (*size, "png"), strict=True)
    )
    assert shown.getpixel((0, 0)) == (192, 64, 0)
    assert shown.getpixel((size[0] - 1, size[1] - 1)) == (255, 255, 255)


def test_a_drawing_with_html_in_it_is_sent_too(page: Page) -> None:
    """Which a browser does not give back from any address."""
    inside = '<foreignObject width="60" height="40"><p xmlns="http://www.w3.org/1999/xhtml">a</p></foreignObject>'
    give(page, "a.svg", SVG.format('width="60" height="40"', inside).encode())
    assert answer(page)["image"]["width"] == 60


def test_a_large_one_is_scaled_and_a_photo_is_a_jpeg(page: Page) -> None:
    """As of a JPEG; with the original wanted it keeps its size."""
    large = cat((1600, 1200))
    for original, width in ((False, 1280), (True, 1600)):
        page.locator("#original").set_checked(original)
        for kind, sent in (("BMP", "png"), ("AVIF", "jpeg")):
            give(page, f"{original}.{kind}", saved(large, kind))
            size = {"width": width, "height": width * 3 // 4}
            assert answer(page)["image"] == size | {"format": sent}


@pytest.mark.parametrize(
    ("name", "data", "format_"),
    [
        ("photo.heic", HEIF % (b"heic", b"mif1heic"), "HEIC"),
        ("heic-inside.jpg", HEIF % (b"mif1", b"mif1heic"), "HEIC"),
        ("burst.heics", HEIF % (b"msf1", b"msf1hevc"), "HEIC"),
        ("not-whole.avif", HEIF % (b"avif", b"mif1avif"), "AVIF"),
        ("mif1-first.avif", HEIF % (b"mif1", b"avifmiaf"), "AVIF"),
        ("not-whole.gif", saved(cat(), "GIF")[:9000], "GIF"),
        ("not-whole.bmp", saved(cat(), "BMP")[:9000], "BMP"),
        ("scan.tif", saved(cat(), "TIFF"), "TIFF or a raw photo"),
        ("map.jp2", saved(cat(), "JPEG2000"), "JPEG 2000"),
        ("new.jxl", b"\xff\x0a" + bytes(99), "JPEG XL"),
        ("new-box.jxl", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99), "JPEG XL"),
        ("a.ppm", saved(cat(), "PPM"), "Netpbm"),
        ("a.psd", b"8BPS\0\x01" + bytes(99), "Photoshop"),
        ("raw.cr3", HEIF % (b"crx ", b"crx isom"), "a raw photo"),
        ("raw.cr2", b"II*\0\x10\0\0\0CR\x02\0" + bytes(99), "a raw photo"),
        ("brain.dcm", bytes(128) + b"DICM" + bytes(99), "DICOM"),
        ("paper.pdf", b"%PDF-1.7\n" + bytes(99), "PDF"),
        ("saved.jpg", b"\n<!DOCTYPE html><html><svg></svg></html>", "a web page"),
        ("film.mp4", HEIF % (b"isom", b"isommp42"), "a video"),
        ("film.webm", b"\x1aE\xdf\xa3" + bytes(99), "a video"),
        ("many.zip", b"PK\x03\x04" + bytes(99), "an archive"),
    ],
)
def test_what_it_cannot_draw_is_called_by_its_name(
    page: Page, name: str, data: bytes, format_: str
) -> None:
    """By its bytes, without a request; the next picture is answered."""
    asked: list[str] = []
    page.on("request", lambda r: "/cam" in r.url and asked.append(r.url))
    page.locator("#file").set_input_files(upload(name, data))
    error = page.locator("#error")
    expect(error).to_contain_text(f"{name} is {format_}, which neither this browser")
    expect(page.locator("#again")).to_be_hidden()  # it would not help
    assert asked == []
    page.locator('[data-sample="chelsea.png"]').click()
    headline(page, "Egyptian cat")
    expect(error).to_be_hidden()


def test_a_folder_is_not_a_picture(page: Page, tmp_path: pathlib.Path) -> None:
    """What cannot be read is said to be so."""
    page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            const file = new File([], "holidays");
            file.slice = () => ({ arrayBuffer: () => Promise.reject(new Error()) });
            Object.defineProperty(transfer, "files", { value: [file] });
            const drop = new DragEvent("drop", { bubbles: true, cancelable: true });
            Object.defineProperty(drop, "dataTransfer", { value: transfer });
            document.body.dispatchEvent(drop);
        }"""
    )
    expect(page.locator("#error")).to_contain_text("holidays cannot be read. Is it a")


@pytest.mark.parametrize("status", [415, 422])
def test_what_the_service_refuses_and_the_browser_reads_is_sent_anew(
    look: Look, server: object, status: int
) -> None:
    """A JPEG might be of a kind that only the browser knows."""
    refusal = {"status": status, "detail": "not of this kind", "kind": "unsupported"}
    answered: list[int] = []

    def refuse_once(route: Route) -> None:
        if answered:
            answered.append(200)
            return route.continue_()
        answered.append(status)
        return route.fulfill(status=status, body=json.dumps(refusal))

    with look(server.url + "/", expected=f"status of {status}") as page:
        page.route("**/cam?*", refuse_once)
        give(page, "a.jpg", picture("coffee.png"))
        shown = pixels(page)
        said = server.cam(saved(shown, "PNG"), params={"heatmap": "none"}).json()
        assert answered == [status, 200]
        assert answer(page)["classes"][0]["logit"] == said["classes"][0]["logit"]
        assert answer(page)["image"]["format"] in ("png", "jpeg")


def test_the_command_says_what_must_be_converted_first(
    look: Look, server: object
) -> None:
    """For the service reads the file no better than it did."""
    script = "navigator.clipboard.writeText = async (text) => { window.copied = text; }"
    with look(server.url + "/", script=script) as page:
        give(page, "cat.gif", saved(cat(), "GIF"))
        page.locator("#copy-curl").click()
        said = "Copied. Convert cat.gif to JPEG, PNG or WebP first."
        expect(page.locator("#message")).to_have_text(said)
        give(page, "cat.png", serving.sample("chelsea.png"))
        page.locator("#copy-curl").click()
        expect(page.locator("#message")).to_have_text("Copied.")
