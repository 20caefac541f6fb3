"""Make the image cases of the tests, and what Pillow says they show.

Run by hand, from the repository's root, in an environment with Pillow and
numpy; the files it writes are committed:

    python -m venv /tmp/venv && /tmp/venv/bin/pip install pillow numpy
    /tmp/venv/bin/python tools/reference/pillow_images.py

tests/cases/images/NAME.EXT        a picture, and
tests/cases/images/NAME.ppm        its upright pixels, alpha over white
tests/cases/invalid-images/NAME/   input, and error: the kind and a part of the text
tests/data/resize/WxH-to-WxH.ppm   noise of a known seed, resized (BICUBIC)

PNGs are put together here, chunk by chunk, as Pillow does not write all the
kinds that there are; their expected pixels are computed from the samples, and
Pillow has to agree wherever it reads the kind in full.
"""

import io
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

IMAGES = Path("tests/cases/images")
INVALID = Path("tests/cases/invalid-images")
RESIZE = Path("tests/data/resize")

ADAM7 = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
]
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}

rng = np.random.default_rng(20261123)


def photo(width: int, height: int) -> Image.Image:
    """A smooth picture with an edge, without symmetry."""
    y, x = np.mgrid[0:height, 0:width]
    red = 255 * x / max(width - 1, 1)
    green = 255 * y / max(height - 1, 1)
    blue = np.where((x * 3 < width) & (y * 2 < height), 230, 60)
    return Image.fromarray(np.stack([red, green, blue], -1).astype(np.uint8))


def over_white(pixels: np.ndarray) -> np.ndarray:
    """RGBA samples over white, rounded to nearest."""
    alpha = pixels[..., 3:].astype(int)
    value = pixels[..., :3].astype(int) * alpha + 255 * (255 - alpha)
    return ((2 * value + 255) // 510).astype(np.uint8)


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """By the profile, as Pillow does by default; alpha stays."""
    space = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    srgb = ImageCms.createProfile("sRGB")
    mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}[
        space.profile.xcolor_space.strip()
    ]
    plain = image if image.mode == mode else image.convert("RGBA").convert(mode)
    result = ImageCms.profileToProfile(plain, space, srgb, outputMode="RGB")
    if has_alpha(image):
        result.putalpha(image.convert("RGBA").getchannel("A"))
    return result


def has_alpha(image: Image.Image) -> bool:
    """Whether not all of it covers what is behind."""
    return "A" in image.mode or "transparency" in image.info


def pillow_pixels(data: bytes) -> np.ndarray:
    """What Pillow shows of a file: upright RGB over white."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    profile = image.info.get("icc_profile")
    if profile:
        image = to_srgb(image, profile)
    if has_alpha(image):
        return over_white(np.asarray(image.convert("RGBA")))
    return np.asarray(image.convert("RGB"))


def write_ppm(path: Path, pixels: np.ndarray) -> None:
    """Write (height, width, 3) bytes."""
    height, width, _ = pixels.shape
    path.write_bytes(b"P6\n%d %d\n255\n" % (width, height) + pixels.tobytes())


def add(name: str, data: bytes, pixels: np.ndarray | None = None) -> None:
    """Add a valid case; by default Pillow says what it shows."""
    (IMAGES / name).write_bytes(data)
    if pixels is None:
        pixels = pillow_pixels(data)
    write_ppm((IMAGES / name).with_suffix(".ppm"), pixels)


def add_invalid(name: str, data: bytes, kind: str, text: str) -> None:
    """Add a case that must fail."""
    folder = INVALID / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "input").write_bytes(data)
    (folder / "error").write_text(f"{kind}\n{text}\n")


# PNG


def chunk(kind: bytes, data: bytes) -> bytes:
    """One PNG chunk."""
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def pack_rows(samples: np.ndarray, depth: int) -> bytes:
    """Scanlines of (height, width, channels) samples, each with filter 0."""
    rows = []
    for row in samples:
        flat = row.reshape(-1)
        if depth == 16:
            packed = flat.astype(">u2").tobytes()
        elif depth == 8:
            packed = flat.astype(np.uint8).tobytes()
        else:
            bits = (flat[:, None] >> np.arange(depth - 1, -1, -1)) & 1
            packed = np.packbits(bits.astype(np.uint8)).tobytes()
        rows.append(b"\0" + packed)
    return b"".join(rows)


def png(
    samples: np.ndarray,
    color: int,
    depth: int,
    *,
    interlaced: bool = False,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A PNG file of (height, width, channels) samples."""
    height, width, _ = samples.shape
    if interlaced:
        passes = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7]
        raw = b"".join(pack_rows(part, depth) for part in passes if part.size)
    else:
        raw = pack_rows(samples, depth)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before
        + chunk(b"IDAT", zlib.compress(raw, 9))
        + after
        + chunk(b"IEND", b"")
    )


def to_8_bits(samples: np.ndarray, depth: int) -> np.ndarray:
    """Samples to 0..255; of 16 bits the high byte counts."""
    if depth == 16:
        return (samples >> 8).astype(np.uint8)
    return (samples * (255 // ((1 << depth) - 1))).astype(np.uint8)


def png_pixels(samples: np.ndarray, color: int, depth: int) -> np.ndarray:
    """What a PNG without palette and tRNS shows."""
    levels = to_8_bits(samples, depth)
    if color == GREY:
        return levels.repeat(3, -1)
    if color == RGB:
        return levels
    if color == GREY_ALPHA:
        levels = levels[..., [0, 0, 0, 1]]
    return over_white(levels)


def check_png(name: str, data: bytes, pixels: np.ndarray, exact: bool) -> None:
    """Add a PNG; Pillow has to agree where `exact`."""
    if exact:
        assert (pillow_pixels(data) == pixels).all(), name
    add(name, data, pixels)


def make_pngs() -> None:
    """Every colour type, depth and kind of transparency."""
    height, width = 11, 13
    for color, depths in {
        GREY: [1, 2, 4, 8, 16],
        RGB: [8, 16],
        GREY_ALPHA: [8, 16],
        RGB_ALPHA: [8, 16],
    }.items():
        for depth in depths:
            shape = (height, width, CHANNELS[color])
            samples = rng.integers(0, 1 << depth, shape)
            pixels = png_pixels(samples, color, depth)
            # Pillow clips 16-bit grey.
            exact = not (color == GREY and depth == 16)
            for interlaced in (False, True):
                suffix = "-interlaced" if interlaced else ""
                check_png(
                    f"png-type{color}-{depth}bit{suffix}.png",
                    png(samples, color, depth, interlaced=interlaced),
                    pixels,
                    exact,
                )

    for depth in (1, 2, 4, 8):
        colors = rng.integers(0, 256, (min(1 << depth, 200), 3))
        alphas = rng.integers(0, 256, max(len(colors) // 2, 1))
        samples = rng.integers(0, len(colors), (height, width, 1))
        plte = chunk(b"PLTE", colors.astype(np.uint8).tobytes())
        trns = chunk(b"tRNS", alphas.astype(np.uint8).tobytes())
        table = np.full((len(colors), 4), 255)
        table[:, :3] = colors
        opaque = over_white(table[samples[..., 0]])
        table[: len(alphas), 3] = alphas
        clear = over_white(table[samples[..., 0]])
        name = f"png-type{PALETTE}-{depth}bit"
        check_png(
            f"{name}.png", png(samples, PALETTE, depth, before=plte), opaque, True
        )
        check_png(
            f"{name}-trns-interlaced.png",
            png(samples, PALETTE, depth, before=plte + trns, interlaced=True),
            clear,
            True,
        )

    for color, depth in [(GREY, 2), (GREY, 8), (GREY, 16), (RGB, 8), (RGB, 16)]:
        samples = rng.integers(0, 1 << depth, (height, width, CHANNELS[color]))
        key = samples[3, 4].copy()
        samples[5:7, 2:9] = key
        samples[8, 3] = key ^ 1  # not transparent; the same high byte
        clear = (samples == key).all(-1)
        pixels = png_pixels(samples, color, depth).copy()
        pixels[clear] = 255
        trns = chunk(b"tRNS", struct.pack(f">{len(key)}H", *key.tolist()))
        # Pillow compares with samples brought to 8 bits already.
        check_png(
            f"png-type{color}-{depth}bit-trns.png",
            png(samples, color, depth, before=trns),
            pixels,
            depth == 8,
        )

    samples = np.asarray(photo(13, 11)).astype(int)
    bomb = zlib.compress(bytes(8 << 20), 9)
    add(
        "png-bombs.png",
        png(
            samples,
            RGB,
            8,
            before=chunk(b"iCCP", b"p\0\0" + bomb),
            after=chunk(b"zTXt", b"Comment\0\0" + bomb),
        ),
        png_pixels(samples, RGB, 8),
    )
    add(
        "png-gamma-ignored.png",
        png(samples, RGB, 8, before=chunk(b"gAMA", struct.pack(">I", 100000))),
    )
    frame = struct.pack(">IIIIIHHBB", 0, 13, 11, 0, 0, 1, 10, 0, 0)
    second = struct.pack(">IIIIIHHBB", 1, 13, 11, 0, 0, 1, 10, 0, 0)
    black = struct.pack(">I", 2) + zlib.compress(pack_rows(samples * 0, 8))
    add(
        "png-animated.png",
        png(
            samples,
            RGB,
            8,
            before=chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fcTL", frame),
            after=chunk(b"fcTL", second) + chunk(b"fdAT", black),
        ),
        png_pixels(samples, RGB, 8),
    )
    for orientation, where in [(6, "before"), (3, "after")]:
        exif = chunk(b"eXIf", tiff(orientation, ">"))
        add(
            f"png-exif-{orientation}.png",
            png(samples, RGB, 8, **{where: exif}),
        )


def tiff(orientation: int, order: str) -> bytes:
    """An EXIF block that names an orientation, and another tag."""
    mark = b"II" if order == "<" else b"MM"
    return (
        mark
        + struct.pack(f"{order}HI", 42, 8)
        + struct.pack(f"{order}H", 2)
        + struct.pack(f"{order}HHII", 0x0100, 4, 1, 13)
        + struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
        + struct.pack(f"{order}I", 0)
    )


# JPEG


def jpeg(image: Image.Image, **options) -> bytes:
    """A JPEG file by Pillow."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=options.pop("quality", 85), **options)
    return out.getvalue()


def with_segment(data: bytes, marker: int, segment: bytes) -> bytes:
    """Put a segment right after the start of the file."""
    head = struct.pack(">BBH", 0xFF, marker, len(segment) + 2)
    return data[:2] + head + segment + data[2:]


def frame_header(data: bytes) -> int:
    """Where the frame header's marker is."""
    at = 2
    while data[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return at


def patched(data: bytes, at: int, value: int) -> bytes:
    """The same bytes with one other."""
    return data[:at] + bytes([value]) + data[at + 1 :]


def make_jpegs() -> None:
    """What cameras, scanners and printers write."""
    picture = photo(37, 27)
    plain = jpeg(picture)
    add("jpeg-420.jpg", plain)
    add("jpeg-422.jpg", jpeg(picture, subsampling=1))
    add("jpeg-444.jpg", jpeg(picture, subsampling=0))
    # 32 x 32: as many blocks, in the same order, with the factors swapped.
    halved = jpeg(photo(32, 32), subsampling=1)
    add("jpeg-440.jpg", patched(halved, frame_header(halved) + 11, 0x12))
    add("jpeg-progressive.jpg", jpeg(picture, progressive=True))
    add("jpeg-restart.jpg", jpeg(picture, restart_marker_blocks=2))
    add("jpeg-grey.jpg", jpeg(picture.convert("L")))
    add("jpeg-grey-progressive.jpg", jpeg(picture.convert("L"), progressive=True))
    add("jpeg-rgb.jpg", jpeg(picture, keep_rgb=True))
    ink = rng.integers(0, 256, (4, 5, 4)).astype(np.uint8)
    cmyk = Image.frombytes("CMYK", (5, 4), ink.tobytes()).resize((30, 24))
    data = jpeg(cmyk, quality=90)
    add("jpeg-cmyk.jpg", data)
    # The same numbers, said to be YCC and black, as Photoshop stores them.
    adobe = data.index(b"Adobe")
    add("jpeg-ycck.jpg", patched(data, adobe + 11, 2))
    add("jpeg-1x1.jpg", jpeg(photo(1, 1)))
    add("jpeg-trailing-bytes.jpg", plain + b"and then some\xff\xda\x00")
    at = frame_header(plain)
    add("jpeg-bytes-between.jpg", plain[:at] + b"\xff\xff\xff" + plain[at:])
    for orientation in range(1, 9):
        exif = b"Exif\0\0" + tiff(orientation, "<" if orientation % 2 else ">")
        data = with_segment(jpeg(photo(20, 12)), 0xE1, exif)
        add(f"jpeg-exif-{orientation}.jpg", data)
    bad = with_segment(plain, 0xE1, b"Exif\0\0II*\0\xff\xff\xff\x7f")
    add("jpeg-exif-broken.jpg", bad, pillow_pixels(plain))


# WebP


def webp(image: Image.Image, **options) -> bytes:
    """A WebP file by Pillow."""
    out = io.BytesIO()
    image.save(out, "WEBP", **options)
    return out.getvalue()


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP file of chunks."""
    body = b"WEBP"
    for tag, data in chunks:
        body += tag + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def u24(value: int) -> bytes:
    """Three bytes, the lowest first."""
    return struct.pack("<I", value)[:3]


def animated_webp(x: int, y: int, canvas: int, frame: bytes) -> bytes:
    """One 16 x 12 frame on a square canvas with a blue background."""
    vp8x = struct.pack("<I", 0x12) + u24(canvas - 1) * 2
    place = u24(x // 2) + u24(y // 2) + u24(15) + u24(11) + u24(100) + b"\0"
    return riff(
        (b"VP8X", vp8x),
        (b"ANIM", b"\xff\0\0\xff\0\0"),
        (b"ANMF", place + frame[12:]),
    )


def make_webps() -> None:
    """Lossy, lossless, alpha, animation, EXIF."""
    picture = photo(37, 27)
    clear = picture.copy()
    clear.putalpha(Image.linear_gradient("L").resize(picture.size))
    add("webp-lossy.webp", webp(picture, quality=80))
    add("webp-lossless.webp", webp(picture, lossless=True))
    add("webp-lossy-alpha.webp", webp(clear, quality=80))
    add("webp-lossless-alpha.webp", webp(clear, lossless=True))
    frames = [photo(36, 28), photo(28, 36).resize((36, 28))]
    add(
        "webp-animated.webp",
        webp(frames[0], save_all=True, append_images=frames[1:], lossless=True),
    )
    small = photo(16, 12)
    small.putalpha(Image.linear_gradient("L").resize(small.size))
    add("webp-animated-part.webp", animated_webp(6, 4, 24, webp(small, lossless=True)))
    exif = Image.Exif()
    exif[0x0112] = 8
    add("webp-exif-8.webp", webp(picture, lossless=True, exif=exif))


# What must fail


def make_invalid() -> None:
    """Broken, cut, oversized, and of kinds that we do not read."""
    cut, broken = "cut short", "broken"
    add_invalid("empty", b"", "bad-input", "empty")
    add_invalid("text", b"this is not a picture\n", "unsupported", "not a JPEG")
    for name, data, text in OTHERS:
        add_invalid(name, data, "unsupported", f"it is {text}")

    plain = jpeg(photo(37, 27))
    progressive = jpeg(photo(37, 27), progressive=True)
    frame = frame_header(plain)
    add_invalid("jpeg-start-only", plain[:3], "bad-input", cut)
    add_invalid("jpeg-cut-header", plain[: frame + 4], "bad-input", cut)
    add_invalid("jpeg-cut-data", plain[:-20], "bad-input", cut)
    add_invalid("jpeg-cut-byte", plain[:-3], "bad-input", cut)
    add_invalid("jpeg-cut-progressive", progressive[:-40], "bad-input", cut)
    add_invalid("jpeg-12-bit", patched(plain, frame + 4, 12), "unsupported", "12 bits")
    for code, text in [
        (0xC3, "lossless"),
        (0xC5, "hierarchical"),
        (0xC9, "arithmetic"),
    ]:
        data = patched(plain, frame + 1, code)
        add_invalid(f"jpeg-process-{code:x}", data, "unsupported", text)
    add_invalid(
        "jpeg-2-channels", patched(plain, frame + 9, 2), "unsupported", "2 channels"
    )
    flat = patched(patched(plain, frame + 5, 0), frame + 6, 0)
    add_invalid("jpeg-no-height", flat, "bad-input", "no pixels")
    huge = patched(patched(plain, frame + 5, 0xFF), frame + 7, 0xFF)
    add_invalid("jpeg-huge", huge, "over-limit", "pixels wide")
    scan = plain.index(b"\xff\xda")
    header = plain[scan : scan + 14]
    scans = plain[:scan] + header * 101 + plain[-2:]
    add_invalid("jpeg-scans", scans, "over-limit", "more than 100 scans")
    add_invalid("jpeg-no-scan", plain[:scan] + plain[-2:], "bad-input", "contains no image")
    add_invalid(
        "jpeg-scan-first", plain[:2] + plain[scan:], "bad-input", "before its frame"
    )
    again = plain[frame : frame + 19]
    add_invalid(
        "jpeg-two-frames", plain[:frame] + again + plain[frame:], "bad-input", "two"
    )
    tables = plain.index(b"\xff\xc4")
    add_invalid("jpeg-bad-table", patched(plain, tables + 5, 0xFF), "bad-input", broken)
    # Stray bytes are a warning; that the scan is of a component there is none
    # of must not pass for one more.
    scan = plain.index(b"\xff\xda")
    unknown = patched(plain, scan + 5, 0x77)
    first = 4 + int.from_bytes(plain[4:6], "big")
    strays = unknown[:first] + bytes(3) + unknown[first:]
    add_invalid("jpeg-warning-then-error", strays, "bad-input", broken)
    add_invalid(
        "jpeg-segment-length",
        plain[:2] + b"\xff\xe0\0\1" + plain[2:],
        "bad-input",
        "an invalid length",
    )

    samples = np.asarray(photo(13, 11)).astype(int)
    good = png(samples, RGB, 8)
    for name, width, height, text in [
        ("both", 60000, 60000, "60000 pixels wide"),
        ("wide", 60000, 1, "60000 pixels wide"),
        ("high", 1, 60000, "60000 pixels high"),
        ("many", 5000, 5000, "at most 16000000 pixels"),
    ]:
        header = struct.pack(">IIBBBBB", width, height, 8, RGB, 0, 0, 0)
        data = good[:8] + chunk(b"IHDR", header)
        add_invalid(f"png-huge-{name}", data, "over-limit", text)
    header = struct.pack(">IIBBBBB", 0, 11, 8, RGB, 0, 0, 0)
    add_invalid(
        "png-no-width", good[:8] + chunk(b"IHDR", header) + good[33:], "bad-input", ""
    )
    add_invalid("png-signature-only", good[:8], "bad-input", cut)
    add_invalid("png-cut-data", good[:60], "bad-input", cut)
    add_invalid("png-cut-byte", good[:-22], "bad-input", cut)
    add_invalid("png-header-crc", patched(good, 30, good[30] ^ 1), "bad-input", broken)
    data_at = good.index(b"IDAT") + 4
    flipped = patched(good, data_at + 20, good[data_at + 20] ^ 0x10)
    add_invalid("png-data-bit", flipped, "bad-input", broken)
    end = good.index(b"IEND") - 5
    add_invalid("png-data-crc", patched(good, end, good[end] ^ 1), "bad-input", broken)
    half = zlib.compress(pack_rows(samples[:5], 8))
    short = good[:33] + chunk(b"IDAT", half) + chunk(b"IEND", b"")
    add_invalid("png-half-the-rows", short, "bad-input", "")
    filtered = zlib.compress(b"\7" + pack_rows(samples, 8)[1:])
    odd = good[:33] + chunk(b"IDAT", filtered) + chunk(b"IEND", b"")
    add_invalid("png-filter", odd, "bad-input", broken)
    add_invalid("png-no-palette", png(samples[..., :1], PALETTE, 8), "bad-input", "")
    add_invalid(
        "png-unknown-critical",
        png(samples, RGB, 8, before=chunk(b"OddY", bytes(4))),
        "unsupported",
        "unknown critical chunk",
    )

    lossy = webp(photo(37, 27), quality=80)
    lossless = webp(photo(37, 27), lossless=True)
    add_invalid("webp-header-only", lossy[:12], "bad-input", cut)
    add_invalid("webp-cut-lossy", lossy[:-10], "bad-input", cut)
    add_invalid("webp-cut-lossless", lossless[:-10], "bad-input", cut)
    add_invalid("webp-magic", patched(lossy, 23, 0), "bad-input", "")
    wide = struct.pack("<I", 0x10) + u24(16382) + u24(10)
    add_invalid(
        "webp-huge",
        riff((b"VP8X", wide), (b"VP8L", lossless[20:])),
        "bad-input",
        "",
    )
    frame = webp(photo(16, 12), lossless=True)
    big = animated_webp(0, 0, 9000, frame)
    add_invalid("webp-animated-huge", big, "over-limit", "9000 pixels wide")
    beyond = animated_webp(10, 4, 24, frame)
    add_invalid("webp-animated-beyond", beyond, "bad-input", "")
    none = struct.pack("<I", 0x12) + u24(23) * 2
    data = riff((b"VP8X", none), (b"ANIM", b"\xff\0\0\xff\0\0"))
    add_invalid("webp-animated-none", data, "bad-input", "no frames")


# Colour profiles


def icc_tag(kind: bytes, data: bytes) -> bytes:
    """One tag's data: a type, 4 reserved bytes."""
    return kind + bytes(4) + data


def icc_profile(
    space: bytes, connection: bytes, tags: dict[bytes, bytes], version: int = 2
) -> bytes:
    """An ICC profile of a screen."""
    at = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    white = struct.pack(">3i", *(round(x * 65536) for x in (0.9642, 1, 0.8249)))
    header = struct.pack(
        ">I4sI4s4s4s12s4s", 0, b"", version << 24, b"mntr", space, connection,
        bytes(12), b"acsp",
    )  # fmt: skip
    header = header.ljust(68, b"\0") + white
    header = header.ljust(128, b"\0")
    size = struct.pack(">I", len(header + table + body))
    return size + header[4:] + table + body


def icc_xyz(values: list[float]) -> bytes:
    """A colour."""
    return icc_tag(b"XYZ ", struct.pack(">3i", *(round(v * 65536) for v in values)))


def icc_gamma(gamma: float) -> bytes:
    """A curve that is a power."""
    return icc_tag(b"curv", struct.pack(">IH", 1, round(gamma * 256)))


def icc_srgb_curve() -> bytes:
    """sRGB's curve, as phones have it."""
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    values = struct.pack(">5i", *(round(v * 65536) for v in numbers))
    return icc_tag(b"para", struct.pack(">HH", 3, 0) + values)


# Of primaries, for a white of D50; the last is sRGB's.
DISPLAY_P3 = [
    (0.5151, 0.2412, -0.0011),
    (0.292, 0.6922, 0.0419),
    (0.1571, 0.0666, 0.7841),
]
ADOBE_RGB = [
    (0.6097, 0.3111, 0.0195),
    (0.2053, 0.6257, 0.0609),
    (0.1492, 0.0632, 0.7446),
]
SRGB = [(0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)]  # fmt: skip


def matrix_profile(primaries: list, curve: bytes, version: int = 2) -> bytes:
    """Three primaries, and a curve for all of them."""
    names = (b"r", b"g", b"b")
    tags = {n + b"XYZ": icc_xyz(p) for n, p in zip(names, primaries, strict=True)}
    tags |= {n + b"TRC": curve for n in names}
    return icc_profile(b"RGB ", b"XYZ ", tags, version)


def table_profile(space: bytes, channels: int) -> bytes:
    """A table of two points a channel, in Lab: an odd printer's or scanner's."""
    points = np.indices((2,) * channels).reshape(channels, -1).T
    ink = space == b"CMYK"
    light = 1 - points if ink else points
    rgb = light[:, :3] * (light[:, 3:] if ink else 1) * 0.9 + 0.05
    lab = np.stack(
        [
            rgb @ [0.25, 0.65, 0.1] * 255,
            128 + (rgb[:, 0] - rgb[:, 1]) * 70,
            128 + (rgb[:, 1] - rgb[:, 2]) * 70,
        ],
        -1,
    )
    ramp = bytes(range(256))
    head = struct.pack(">4B", channels, 3, 2, 0)
    matrix = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table = lab.round().astype(np.uint8).tobytes()
    lut = icc_tag(b"mft1", head + matrix + ramp * channels + table + ramp * 3)
    return icc_profile(space, b"Lab ", {b"A2B0": lut})


def with_profile(data: bytes, profile: bytes, order: list[int]) -> bytes:
    """A JPEG with the profile in parts, which come in that order."""
    size = -(-len(profile) // len(order))
    for number in reversed(order):
        part = profile[(number - 1) * size : number * size]
        mark = b"ICC_PROFILE\0" + bytes([number, len(order)])
        data = with_segment(data, 0xE2, mark + part)
    return data


def make_profiles() -> None:
    """Pictures that are not sRGB, and some whose profile is of no use."""
    picture = photo(37, 27)
    grey = picture.convert("L")
    clear = picture.copy()
    clear.putalpha(Image.linear_gradient("L").resize(picture.size))
    p3 = matrix_profile(DISPLAY_P3, icc_srgb_curve(), 4)
    adobe = matrix_profile(ADOBE_RGB, icc_gamma(2.2))
    srgb = matrix_profile(SRGB, icc_srgb_curve(), 4)
    dark = icc_profile(b"GRAY", b"XYZ ", {b"kTRC": icc_gamma(1.4)})
    light = icc_profile(b"GRAY", b"Lab ", {b"kTRC": icc_gamma(1.4)})
    tables = table_profile(b"RGB ", 3)

    plain = jpeg(picture, subsampling=0)
    add("jpeg-profile-p3.jpg", with_profile(plain, p3, [1]))
    add("jpeg-profile-adobe.jpg", with_profile(plain, adobe, [1]))
    add("jpeg-profile-parts.jpg", with_profile(plain, adobe, [3, 1, 2]))
    add("jpeg-profile-srgb.jpg", with_profile(plain, srgb, [1]), pillow_pixels(plain))
    add("jpeg-profile-grey.jpg", with_profile(jpeg(grey), dark, [1]))
    add("jpeg-profile-grey-lab.jpg", with_profile(jpeg(grey), light, [1]))
    # Pillow would not have it: to RGB it is, as in browsers.
    colours = to_srgb(Image.open(io.BytesIO(jpeg(grey))).convert("RGB"), adobe)
    data = with_profile(jpeg(grey), adobe, [1])
    add("jpeg-profile-rgb-for-grey.jpg", data, np.asarray(colours))
    # Not by tables: ink is shown as without a profile.
    ink = jpeg(photo(30, 24).convert("CMYK"), quality=90)
    data = with_profile(ink, table_profile(b"CMYK", 4), [1])
    add("jpeg-useless-tables-for-ink.jpg", data, pillow_pixels(ink))
    turned = with_segment(
        with_profile(plain, p3, [1]), 0xE1, b"Exif\0\0" + tiff(6, ">")
    )
    add("jpeg-profile-turned.jpg", turned)
    for name, data in [
        (
            "part-missing",
            with_profile(plain, p3, [1, 2, 3]).replace(b"ICC_P", b"ICC_Q", 1),
        ),
        ("cut", with_profile(plain, p3[:300], [1])),
        ("zeros", with_profile(plain, bytes(500), [1])),
        ("of-grey", with_profile(plain, dark, [1])),
        ("of-ink", with_profile(plain, table_profile(b"CMYK", 4), [1])),
        ("tables", with_profile(plain, tables, [1])),
    ]:
        add(f"jpeg-useless-{name}.jpg", data, pillow_pixels(plain))

    samples = np.asarray(clear).astype(int)
    before = chunk(b"iCCP", b"P3\0\0" + zlib.compress(p3))
    for name, color, depth, part in [
        ("rgb", RGB, 8, samples[..., :3]),
        ("rgb-16bit", RGB, 16, samples[..., :3] * 257),
        ("rgba", RGB_ALPHA, 8, samples),
        ("rgba-16bit", RGB_ALPHA, 16, samples * 257),
    ]:
        for interlaced in (False, True):
            suffix = "-interlaced" if interlaced else ""
            data = png(part, color, depth, before=before, interlaced=interlaced)
            add(f"png-profile-{name}{suffix}.png", data)
    grey_before = chunk(b"iCCP", b"dark\0\0" + zlib.compress(dark))
    add("png-profile-grey.png", png(samples[..., :1], GREY, 8, before=grey_before))
    data = png(samples[..., [0, 3]], GREY_ALPHA, 8, before=grey_before)
    add("png-profile-grey-alpha.png", data)
    colors = np.random.default_rng(7).integers(0, 256, (64, 3)).astype(np.uint8)
    plte = chunk(b"PLTE", colors.tobytes())
    trns = chunk(b"tRNS", bytes(range(0, 256, 8)))
    data = png(samples[..., :1] % 64, PALETTE, 8, before=before + plte + trns)
    add("png-profile-palette.png", data)
    useless = chunk(b"iCCP", b"P3\0\0" + zlib.compress(p3)[:-40])
    plain_png = png(samples[..., :3], RGB, 8)
    data = png(samples[..., :3], RGB, 8, before=useless)
    add("png-useless-profile.png", data, pillow_pixels(plain_png))
    late = png(samples[..., :3], RGB, 8, after=before)
    add("png-useless-late-profile.png", late, pillow_pixels(plain_png))

    add("webp-profile-lossless.webp", webp(picture, lossless=True, icc_profile=p3))
    add("webp-profile-alpha-lossless.webp", webp(clear, lossless=True, icc_profile=p3))
    add("webp-profile-lossy.webp", webp(picture, quality=90, icc_profile=adobe))
    frames = [clear, clear.rotate(180)]
    data = webp(
        frames[0], save_all=True, append_images=frames[1:], lossless=True,
        icc_profile=p3,
    )  # fmt: skip
    add("webp-profile-animated.webp", data)


# Which way is up, besides plain EXIF


def xmp(orientation: int, *, element: bool = False) -> bytes:
    """A packet that names an orientation, in one of the two ways to do so."""
    attribute = f' tiff:Orientation="{orientation}"'
    inner = f"<tiff:Orientation>{orientation}</tiff:Orientation>"
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
        '"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        'xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
        f"{'' if element else attribute}>{inner if element else ''}"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def raw_profile(block: bytes) -> bytes:
    """EXIF as ImageMagick writes it into a PNG's text."""
    digits = (b"Exif\0\0" + block).hex()
    lines = [digits[i : i + 72] for i in range(0, len(digits), 72)]
    return f"\nexif\n{len(digits) // 2:8}\n{chr(10).join(lines)}\n".encode()


def odd_tiff(
    kind: int, value: bytes, *, magic: bytes = b"*\0", more: bytes = b""
) -> bytes:
    """An EXIF block whose orientation is of another type, or elsewhere."""
    count = len(more) // 2 or 1
    entry = struct.pack("<HHI", 0x0112, kind, count) + value
    return b"II" + magic + struct.pack("<IH", 8, 1) + entry + bytes(4) + more


def make_orientations() -> None:
    """XMP, texts of PNGs, odd EXIF, and which of them counts."""
    small = jpeg(photo(20, 12))
    samples = np.asarray(photo(13, 11)).astype(int)
    start = b"http://ns.adobe.com/xap/1.0/\0"
    bits = webp(photo(16, 12), lossless=True)
    canvas = u24(15) + u24(11)

    for name, packet in [("attribute", xmp(6)), ("element", xmp(8, element=True))]:
        add(f"jpeg-xmp-{name}.jpg", with_segment(small, 0xE1, start + packet))
        text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
        add(f"png-xmp-{name}.png", png(samples, RGB, 8, before=text))
        data = riff(
            (b"VP8X", struct.pack("<I", 4) + canvas),
            (bits[12:16], bits[20:]),
            (b"XMP ", packet),
        )
        add(f"webp-xmp-{name}-lossless.webp", data)
    packed = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp(5))
    add("png-xmp-packed.png", png(samples, RGB, 8, after=chunk(b"iTXt", packed)))
    add("jpeg-xmp-9.jpg", with_segment(small, 0xE1, start + xmp(9)))

    name = b"Raw profile type exif\0"
    raw = raw_profile(tiff(6, "<"))
    for kind, data in [
        ("text", chunk(b"tEXt", name + raw)),
        ("packed", chunk(b"zTXt", name + b"\0" + zlib.compress(raw))),
        ("international", chunk(b"iTXt", name + b"\0\0\0\0" + raw)),
        (
            "last",
            chunk(b"tEXt", name + raw_profile(tiff(3, "<")))
            + chunk(b"tEXt", name + raw),
        ),
    ]:
        add(f"png-raw-exif-{kind}.png", png(samples, RGB, 8, before=data))
    add(
        "png-text-exif.png",
        png(samples, RGB, 8, before=chunk(b"tEXt", b"exif\0" + tiff(8, ">"))),
    )
    no_hex = chunk(b"tEXt", name + raw.replace(b"4578", b"45x8"))
    plain = pillow_pixels(png(samples, RGB, 8))
    add("png-raw-exif-broken.png", png(samples, RGB, 8, before=no_hex), plain)
    many = chunk(b"zTXt", name + b"\0" + zlib.compress(bytes(4 << 20), 9))
    add("png-raw-exif-bomb.png", png(samples, RGB, 8, before=many * 9), plain)

    nothing = b"MM\0*\0\0\0\x08\0\0\0\0\0\0"
    with_xmp = with_segment(small, 0xE1, start + xmp(3))
    for name, block in [
        ("exif-first", tiff(6, ">")),
        ("no-orientation", nothing),
        ("orientation-0", tiff(0, "<")),
    ]:
        data = with_segment(with_xmp, 0xE1, b"Exif\0\0" + block)
        add(f"jpeg-both-{name}.jpg", data)
    both = chunk(b"tEXt", b"Raw profile type exif\0" + raw)
    data = png(samples, RGB, 8, before=both, after=chunk(b"eXIf", tiff(3, "<")))
    add("png-both-exif-first.png", data)
    data = riff(
        (b"VP8X", struct.pack("<I", 12) + canvas),
        (bits[12:16], bits[20:]),
        (b"EXIF", tiff(6, "<")),
        (b"XMP ", xmp(3)),
    )
    add("webp-both-lossless.webp", data)
    data = riff(
        (b"VP8X", struct.pack("<I", 0) + canvas),
        (bits[12:16], bits[20:]),
        (b"EXIF", tiff(6, "<")),
    )
    add("webp-exif-not-announced-lossless.webp", data)

    for name, block in [
        ("long", odd_tiff(4, b"\6\0\0\0")),
        ("byte", odd_tiff(1, b"\6\0\0\0")),
        ("text", odd_tiff(2, b"6\0\0\0")),
        ("no-type", odd_tiff(99, b"\6\0\0\0")),
        (
            "three",
            odd_tiff(3, struct.pack("<I", 26), more=struct.pack("<HHH", 8, 1, 1)),
        ),
        ("magic", odd_tiff(3, b"\6\0\0\0", magic=b"\0*")),
        ("twice", b"Exif\0\0" + tiff(6, ">")),
    ]:
        add(f"jpeg-odd-exif-{name}.jpg", with_segment(small, 0xE1, b"Exif\0\0" + block))


# Files without an end


def deflate_raw(data: bytes) -> bytes:
    """As zlib, without its header and check sum."""
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(data) + packer.flush()


def make_ends() -> None:
    """What comes in the place of the end, if their pixels are whole."""
    picture = photo(37, 27)
    thumbnail = jpeg(photo(8, 6))
    trailer = b"SEFH" + bytes(range(200)) + b"SEFT"
    zeros = bytes(3000)
    for name, whole in [
        ("plain", jpeg(picture)),
        ("progressive", jpeg(picture, progressive=True)),
        ("restart", jpeg(picture, restart_marker_blocks=2)),
    ]:
        shown = pillow_pixels(whole)
        for end, data in [
            ("nothing", b""),
            ("half", b"\xff"),
            ("zeros", zeros),
            ("trailer", trailer),
            ("pictures", thumbnail * 2),
            ("zeros-picture", zeros + thumbnail[:-2]),
            ("segment", b"\xff\xe1\x7f\xffcut short"),
            ("like-a-frame", b"\xff\xc9\0\4ab"),
            ("like-a-scan", b"\xff\xda\0\x08\1\x77\0\0\x3f\0 and more"),
        ]:
            add(f"jpeg-end-{name}-{end}.jpg", whole[:-2] + data, shown)
    add("jpeg-end-pictures.jpg", jpeg(picture) + thumbnail * 2)

    samples = np.asarray(picture).astype(int)
    good = png(samples, RGB, 8)
    shown = png_pixels(samples, RGB, 8)
    for end, data in [
        ("nothing", good[:-12]),
        ("half", good[:-4]),
        ("zeros", good[:-12] + zeros),
        ("trailer", good[:-12] + trailer),
        ("after", good + trailer),
        ("no-sum", good[:-16]),
        ("half-a-sum", good[:-14]),
        ("no-check", good[:-20]),
    ]:
        add(f"png-end-{end}.png", data, shown)

    lossless = webp(picture, lossless=True)
    shown = pillow_pixels(lossless)
    longer = struct.pack("<I", len(lossless))
    add("webp-end-longer-lossless.webp", lossless[:4] + longer + lossless[8:], shown)
    exif = Image.Exif()
    exif[0x0112] = 8
    data = webp(picture, lossless=True, exif=exif)
    add("webp-end-no-exif-lossless.webp", data[: data.index(b"EXIF") + 10], shown)

    apple = samples[..., ::-1]
    head = struct.pack(">IIBBBBB", 37, 27, 8, RGB, 0, 0, 0)
    data = (
        good[:8]
        + chunk(b"CgBI", b"\x50\0\x20\x06")
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", deflate_raw(pack_rows(apple, 8)))
        + good[-12:]
    )
    add("png-apple-rgb.png", data, png_pixels(samples, RGB, 8))
    alpha = np.asarray(Image.linear_gradient("L").resize(picture.size)).astype(int)
    alpha = alpha[..., None]
    shown = over_white(np.concatenate([samples, alpha], -1))
    times = np.concatenate([(apple * alpha + 127) // 255, alpha], -1)
    head = struct.pack(">IIBBBBB", 37, 27, 8, RGB_ALPHA, 0, 0, 0)
    packed = deflate_raw(pack_rows(times, 8))
    data = (
        good[:8]
        + chunk(b"CgBI", b"\x50\0\x20\x02")
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", packed[:300])
        + chunk(b"IDAT", packed[300:])
        + good[-12:]
    )
    add("png-apple-rgba.png", data, shown)


def iso(brand: bytes, *more: bytes) -> bytes:
    """The beginning of an ISO media file."""
    body = b"ftyp" + brand + bytes(4) + b"".join(more)
    return struct.pack(">I", len(body) + 4) + body + bytes(40)


# What people send under the name of a picture, and what it is.
OTHERS = [
    ("gif", b"GIF89a" + bytes(30), "a GIF image"),
    ("heic", iso(b"heic", b"mif1", b"heic"), "a HEIC image"),
    ("heic-mif1", iso(b"mif1", b"mif1", b"heic"), "a HEIC image"),
    ("avif", iso(b"avif", b"avif", b"mif1"), "an AVIF image"),
    ("avif-mif1", iso(b"mif1", b"avif", b"miaf"), "an AVIF image"),
    ("mp4", iso(b"isom", b"iso2", b"mp41"), "an MP4 video"),
    ("mov", iso(b"qt  "), "a QuickTime video"),
    ("cr3", iso(b"crx "), "a raw image (CR3)"),
    ("iso-other", iso(b"zzzz"), "an image or video in another ISO media format"),
    ("jxl", b"\xff\x0a" + bytes(30), "a JPEG XL image"),
    ("jxl-box", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(9), "a JPEG XL image"),
    ("jp2", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(9), "a JPEG 2000 image"),
    ("tiff", b"II*\0" + bytes(30), "a TIFF image"),
    ("bmp", b"BM" + bytes(12) + b"\x28" + bytes(60), "a BMP image"),
    ("psd", b"8BPS\0\1" + bytes(30), "a Photoshop file"),
    ("pdf", b"%PDF-1.7\n", "a PDF"),
    ("ico", b"\0\0\1\0\1\0" + bytes(30), "an icon"),
    ("svg", b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="">', "an SVG image"),
    ("html", b"\n<!DOCTYPE html>\n<title>404", "an HTML page"),
    ("ppm", b"P6\n3 2\n255\n" + bytes(18), "a PNM image"),
    ("zip", b"PK\3\4" + bytes(30), "a ZIP archive"),
    ("data-url", b"data:image/png;base64,iVBORw0KGgo=", "a data URL"),
    ("png-as-text", b"\x89PNG\n\x1a\n" + bytes(30), "a PNG damaged"),
]


# Resizing


def noise(width: int, height: int) -> np.ndarray:
    """The same noise as in tests/unit/image/test_resize.c: a third of it black, a
    third white, so that sums overshoot."""
    count = width * height * 3
    values = np.empty(count, np.uint8)
    state = width * 65536 + height
    for i in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        level = state >> 24
        values[i] = 0 if level < 85 else 255 if level >= 170 else level
    return values.reshape(height, width, 3)


def make_resized() -> None:
    """Down, up, odd, extreme."""
    for width, height, out_width, out_height in [
        (500, 375, 64, 48),
        (333, 500, 56, 56),
        (224, 224, 64, 64),
        (100, 75, 100, 75),
        (64, 64, 32, 32),
        (33, 21, 50, 61),
        (31, 17, 31, 40),
        (41, 37, 20, 37),
        (1000, 2, 17, 33),
        (3, 400, 24, 24),
        (10, 90, 23, 11),
        (7, 5, 20, 31),
        (1, 1, 9, 4),
        (9, 4, 1, 1),
    ]:
        image = Image.fromarray(noise(width, height))
        resized = image.resize((out_width, out_height), Image.Resampling.BICUBIC)
        name = f"{width}x{height}-to-{out_width}x{out_height}.ppm"
        write_ppm(RESIZE / name, np.asarray(resized))


def main() -> None:
    """Make all cases anew."""
    # Some of the invalid ones are made elsewhere.
    for folder in (IMAGES, RESIZE):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    make_pngs()
    make_jpegs()
    make_webps()
    make_profiles()
    make_orientations()
    make_ends()
    make_invalid()
    make_resized()


if __name__ == "__main__":
    main()
