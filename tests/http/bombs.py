"""Pictures that cost more than they look: small files, or files of the
longest body allowed whose every byte is a nuisance. Made here, for most are
16 MB of the same.
"""

from __future__ import annotations

import struct
import zlib

from conftest import png_chunk, sample

BODY = 16_000_000  # just within the largest body
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_END = png_chunk(b"IEND", b"")
ONE_PIXEL = zlib.compress(b"\0\0")


def zeros(count: int) -> bytes:
    """So many bytes, compressed; in the time of the first million."""
    million, rest = divmod(count, 1_000_000)
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(9, wbits=-15)
    end = packer.compress(bytes(rest)) + packer.flush()
    checksum = (count % 65521) << 16 | 1  # Adler-32 of zeros
    return b"\x78\xda" + block * million + end + struct.pack(">I", checksum)


def png_header(width: int, height: int, depth: int = 8, color: int = 0) -> bytes:
    """Signature and header."""
    fields = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return PNG_SIGNATURE + png_chunk(b"IHDR", fields)


def png_black(width: int, height: int, depth: int = 8, color: int = 0) -> bytes:
    """A few kilobytes."""
    bits = depth * {0: 1, 2: 3, 6: 4}[color]
    data = zeros((1 + (width * bits + 7) // 8) * height)
    return png_header(width, height, depth, color) + png_chunk(b"IDAT", data) + PNG_END


def png_with(before: bytes, data: bytes = ONE_PIXEL, after: bytes = b"") -> bytes:
    """One pixel, and chunks around it."""
    return png_header(1, 1) + before + png_chunk(b"IDAT", data) + after + PNG_END


def png_chunks(kind: bytes, data: bytes = b"") -> bytes:
    """As many chunks of a kind as a body holds."""
    chunk = png_chunk(kind, data)
    return chunk * (BODY // len(chunk))


def segment(marker: int, data: bytes) -> bytes:
    """One segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg_with(extra: bytes) -> bytes:
    """A photo with something before its first segment."""
    photo = sample("rocket.jpg")
    return photo[:2] + extra + photo[2:]


def jpeg_scans(width: int, height: int, num_scans: int) -> bytes:
    """Progressive, all of it zeros, with scans of a few bytes each: the one
    code of their table stands for 16384 blocks without a coefficient."""
    num_blocks = ((width + 7) // 8) * ((height + 7) // 8)
    scans = [(1, 2, 3)] + [(1 + i % 3,) for i in range(num_scans - 1)]
    parts = [
        b"\xff\xd8",
        segment(0xDB, b"\0" + b"\1" * 64),
        segment(
            0xC2,
            struct.pack(">BHHB", 8, height, width, 3)
            + b"".join(bytes([i, 0x11, 0]) for i in (1, 2, 3)),
        ),
        segment(0xC4, b"\x00" + bytes([1] + [0] * 15) + b"\x00"),
        segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\xe0"),
    ]
    for number, channels in enumerate(scans):
        level = 13 - (number - 1) // 3 % 14
        band = b"\x00\x00\x00" if number == 0 else bytes([1, 63, level])
        if number > 3:
            band = bytes([1, 63, (level + 1) % 14 << 4 | level])
        names = b"".join(bytes([i, 0]) for i in channels)
        bits = 3 * num_blocks if number == 0 else 15 * (num_blocks // 16384 + 1)
        parts += [segment(0xDA, bytes([len(channels)]) + names + band)]
        parts += [bytes(bits // 8 + 1)]
    return b"".join([*parts, b"\xff\xd9"])


def jpeg_cut_but_closed(width: int, height: int) -> bytes:
    """A header of any size, hardly any data, and an end."""
    return jpeg_scans(width, height, 1)[:-10_000] + b"\xff\xd9"


def webp_chunks() -> bytes:
    """A picture of one pixel after as many empty chunks as a body holds."""
    pixel = bytes.fromhex("2f00000000071011118888fe0700")  # lossless, 1 x 1
    body = b"VP8X" + struct.pack("<I", 10) + bytes(10)
    body += (b"XMP " + bytes(4)) * (BODY // 8)
    body += b"VP8L" + struct.pack("<I", len(pixel)) + pixel
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


EXIF = b"Exif\0\0II*\0\x08\0\0\0\xff\xff"  # a directory of 65535 entries

# name: (pixels, a function that makes the file)
BOMBS = {
    "png-black": (49_152_000, lambda: png_black(16384, 3000)),
    "png-16-bit-rgba": (49_152_000, lambda: png_black(16384, 3000, 16, 6)),
    "png-bilevel": (49_152_000, lambda: png_black(16384, 3000, 1)),
    "png-4-gb-after-the-picture": (1, lambda: png_with(b"", zeros(4_000_000_000))),
    "png-gigabytes-of-text": (
        1,
        lambda: png_with(
            png_chunk(b"zTXt", b"a\0\0" + zeros(2_000_000_000))
            + png_chunk(b"iTXt", b"a\0\1\0\0\0" + zeros(1_000_000_000))
            + png_chunk(b"iCCP", b"a\0\0" + zeros(1_000_000_000))
        ),
    ),
    "png-empty-text": (1, lambda: png_with(png_chunks(b"tEXt"))),
    "png-empty-data": (1, lambda: png_with(b"", after=png_chunks(b"IDAT"))),
    "png-transparency": (1, lambda: png_with(png_chunks(b"tRNS", b"\0\0"))),
    "png-exif": (1, lambda: png_with(png_chunks(b"eXIf", EXIF[6:] + bytes(786420)))),
    "jpeg-few-bytes": (49_152_000, lambda: jpeg_cut_but_closed(16384, 3000)),
    "jpeg-scans": (49_152_000, lambda: jpeg_scans(16384, 3000, 19)),
    "jpeg-scans-small": (1_000_000, lambda: jpeg_scans(1000, 1000, 100)),
    "jpeg-profiles": (
        273_280,
        lambda: jpeg_with(segment(0xE2, b"ICC_PROFILE\0" + bytes(65521)) * 240),
    ),
    "jpeg-comments": (273_280, lambda: jpeg_with(segment(0xFE, b"") * (BODY // 4))),
    "jpeg-exif": (273_280, lambda: jpeg_with(segment(0xE1, EXIF + bytes(65517)) * 240)),
    "jpeg-restarts": (273_280, lambda: jpeg_with(b"\xff\xd0" * (BODY // 2))),
    "webp-chunks": (1, webp_chunks),
}
