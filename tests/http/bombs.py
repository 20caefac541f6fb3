"""Pictures that cost more than they look: small files, or files of the
longest body allowed whose every byte is a nuisance. Made here, for most are
16 MB of the same.

    build/venv/bin/python tests/http/bombs.py [NAME ...]

prints what each costs a server that has seen an ordinary picture only.
"""

from __future__ import annotations

import functools
import pathlib
import re
import struct
import sys
import zlib

import httpx
from conftest import Server, png_chunk, running, sample

BODY = 16_000_000  # just within the largest body
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_END = png_chunk(b"IEND", b"")
SUB, UP, AVERAGE, PAETH = b"\1", b"\2", b"\3", b"\4"
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


def png_filtered(
    width: int, height: int, depth: int, color: int, filter_: bytes = PAETH
) -> bytes:
    """Zeros again, but every row is to be predicted by a filter."""
    row = filter_ + bytes(width * depth // 8 * {0: 1, 2: 3, 6: 4}[color])
    adler = functools.reduce(lambda sum_, _: zlib.adler32(row, sum_), range(height), 1)
    packer = zlib.compressobj(9, wbits=-15)
    num_blocks, rest = divmod(height, 50)
    assert rest == 0
    block = packer.compress(50 * row) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = b"\x78\xda" + block * num_blocks + b"\3\0" + struct.pack(">I", adler)
    header = png_header(width, height, depth, color)
    return header + png_chunk(b"IDAT", packed) + PNG_END


def png_interlaced(width: int, height: int) -> bytes:
    """Grey and black; sides are multiples of 8."""
    sixty_fourths = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]
    rows = [(width * w // 8, height * h // 8) for w, h in sixty_fourths]
    fields = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
    return (
        PNG_SIGNATURE
        + png_chunk(b"IHDR", fields)
        + png_chunk(b"IDAT", zeros(sum((1 + w) * h for w, h in rows)))
        + PNG_END
    )


def png_palette(width: int, height: int) -> bytes:
    """One colour, half transparent."""
    return (
        png_header(width, height, 8, 3)
        + png_chunk(b"PLTE", b"abc")
        + png_chunk(b"tRNS", b"d")
        + png_chunk(b"IDAT", zeros((1 + width) * height))
        + PNG_END
    )


def png_byte_by_byte() -> bytes:
    """A grey picture whose data are spread over chunks of one byte each."""
    side = 1100
    data = zlib.compress((b"\0" + bytes(side)) * side, 0)
    chunks = [png_chunk(b"IDAT", data[i : i + 1]) for i in range(len(data))]
    return png_header(side, side) + b"".join(chunks) + PNG_END


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


def jpeg_scans(width: int, height: int, num_scans: int, colors: int = 3) -> bytes:
    """Progressive, all of it zeros, with scans of a few bytes each: the one
    code of their table stands for 16384 blocks without a coefficient."""
    names = range(1, colors + 1)
    num_blocks = ((width + 7) // 8) * ((height + 7) // 8)
    scans = [tuple(names)] + [(1 + i % colors,) for i in range(num_scans - 1)]
    parts = [
        b"\xff\xd8",
        segment(0xDB, b"\0" + b"\1" * 64),
        segment(
            0xC2,
            struct.pack(">BHHB", 8, height, width, colors)
            + b"".join(bytes([i, 0x11, 0]) for i in names),
        ),
        segment(0xC4, b"\x00" + bytes([1] + [0] * 15) + b"\x00"),
        segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\xe0"),
    ]
    for number, channels in enumerate(scans):
        level = 13 - (number - 1) // colors % 14
        band = b"\x00\x00\x00" if number == 0 else bytes([1, 63, level])
        if number > colors:
            band = bytes([1, 63, (level + 1) % 14 << 4 | level])
        listed = b"".join(bytes([i, 0]) for i in channels)
        bits = colors * num_blocks if number == 0 else 15 * (num_blocks // 16384 + 1)
        parts += [segment(0xDA, bytes([len(channels)]) + listed + band)]
        parts += [bytes(bits // 8 + 1)]
    return b"".join([*parts, b"\xff\xd9"])


def turned(jpeg: bytes) -> bytes:
    """On its side by EXIF."""
    entry = struct.pack("<HHII", 0x0112, 3, 1, 6)
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + bytes(4)
    return jpeg[:2] + segment(0xE1, exif) + jpeg[2:]


def jpeg_planes(width: int, height: int) -> bytes:
    """Grey all over again, a scan for each colour."""
    blocks = ((width + 7) // 8) * ((height + 7) // 8)
    jpeg = jpeg_baseline(width, height)
    end = jpeg.index(b"\xff\xda")
    scans = [
        segment(0xDA, bytes([1, color, 0, 0, 63, 0])) + bytes(2 * blocks // 8 + 1)
        for color in (1, 2, 3)
    ]
    return jpeg[:end] + b"".join(scans) + b"\xff\xd9"


def jpeg_cut_but_closed(width: int, height: int) -> bytes:
    """A header of any size, hardly any data, and an end."""
    return jpeg_scans(width, height, 1)[:-10_000] + b"\xff\xd9"


def jpeg_baseline(width: int, height: int, colors: int = 3) -> bytes:
    """Grey all over, in two bits a block: each of a code of one bit."""
    blocks = ((width + 7) // 8) * ((height + 7) // 8)
    names = [bytes([i + 1]) for i in range(colors)]
    return (
        b"\xff\xd8"
        + segment(0xDB, b"\0" + b"\1" * 64)
        + segment(
            0xC0,
            struct.pack(">BHHB", 8, height, width, colors)
            + b"".join(name + b"\x11\0" for name in names),
        )
        + segment(0xC4, b"\x00" + bytes([1] + [0] * 15) + b"\x00")
        + segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\x00")
        + segment(
            0xDA, bytes([colors]) + b"".join(n + b"\0" for n in names) + b"\0\x3f\0"
        )
        + bytes(2 * colors * blocks // 8 + 1)
        + b"\xff\xd9"
    )


def padded(jpeg: bytes) -> bytes:
    """With comments before and bytes after it, so that it looks long."""
    return jpeg[:2] + segment(0xFE, bytes(65_533)) * 120 + jpeg[2:] + bytes(BODY // 2)


class Bits:
    """Writes numbers of so many bits, lowest first."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.number = self.count = 0
        self.done = bytearray()

    def put(self, *pairs: tuple[int, int]) -> None:
        """Each (bits, number)."""
        for bits, number in pairs:
            self.number |= number << self.count
            self.count += bits
            while self.count >= 8:
                self.done.append(self.number & 255)
                self.number >>= 8
                self.count -= 8

    def bytes(self) -> bytes:
        """All of them, and the last byte filled up."""
        return bytes(self.done) + bytes([self.number & 255])


ONE_SYMBOL = (4, 0b0001)  # a code of one symbol, 0, that takes no bits
EIGHT_BITS = [  # a code of 256 symbols of 8 bits each
    (1, 0),
    (4, 8),  # lengths of 12 lengths: 17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8
    *[(3, 0)] * 11,
    (3, 1),  # of 8 alone, so it takes no bits
    (1, 1),  # not all symbols have a length:
    (3, 3),
    (8, 254),  # the first 256, also of the 280 that green has
]


def webp(chunks: bytes) -> bytes:
    """The file around its chunks."""
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def webp_chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk."""
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def webp_groups(bits: Bits, groups: int) -> None:
    """The bits of a picture whose every block of 4 x 4 pixels is coded by five codes of its
    own, of one symbol each."""
    bits.put((1, 0))  # no transform
    bits.put((1, 0), (1, 1), (3, 0))  # no cache; groups by blocks of 4 x 4
    bits.put((1, 0))  # no cache in the picture of the groups' numbers
    bits.put(*EIGHT_BITS, *EIGHT_BITS, ONE_SYMBOL, ONE_SYMBOL, ONE_SYMBOL)
    for group in range(groups):
        # Huffman codes come highest bit first
        low, high = (int(f"{n:08b}"[::-1], 2) for n in (group & 255, group >> 8))
        bits.put((8, low), (8, high))
    bits.put(*[ONE_SYMBOL] * (5 * groups))


def webp_lossless_groups(side: int = 1024) -> bytes:
    """One megapixel of 65536 groups, or a smaller square."""
    bits = Bits()
    bits.put((8, 0x2F), (14, side - 1), (14, side - 1), (1, 0), (3, 0))
    webp_groups(bits, (side // 4) ** 2)
    return webp(webp_chunk(b"VP8L", bits.bytes()))


def webp_lossless(width: int, height: int, *, predicted: bool = False) -> bytes:
    """Black, in a few bytes. If it is predicted, then by the means of means of
    the pixels around, and from red to blue, and from green to both."""
    bits = Bits()
    bits.put((8, 0x2F), (14, width - 1), (14, height - 1), (1, 0), (3, 0))
    if predicted:
        mode, most = ((3, 0b101), (8, 5)), [ONE_SYMBOL] * 4
        bits.put((1, 1), (2, 0), (3, 7), (1, 0), *mode, *most)
        bits.put((1, 1), (2, 1), (3, 7), (1, 0), *mode, *most)
        bits.put((1, 1), (2, 2))
    bits.put((3, 0), *[ONE_SYMBOL] * 5)
    return webp(webp_chunk(b"VP8L", bits.bytes()))


def vp8(width: int, height: int) -> bytes:
    """A lossy picture of zeros: all flags off, no coefficients."""
    first = 2000 + width * height // 256 * 6
    rest = width * height // 256 * 2
    tag = struct.pack("<I", 1 << 4 | first << 5)[:3]
    return tag + b"\x9d\1\x2a" + struct.pack("<HH", width, height) + bytes(first + rest)


def webp_lossy(width: int, height: int) -> bytes:
    """Hardly any data for the sides."""
    return webp(webp_chunk(b"VP8 ", vp8(width, height)))


def webp_alpha_groups(side: int = 1024) -> bytes:
    """The same groups in the alpha channel of a lossy picture."""
    bits = Bits()
    bits.put((8, 1))  # lossless, no filter
    webp_groups(bits, (side // 4) ** 2)
    size = struct.pack("<I", side - 1)[:3] * 2
    return webp(
        webp_chunk(b"VP8X", b"\x10\0\0\0" + size)
        + webp_chunk(b"ALPH", bits.bytes())
        + webp_chunk(b"VP8 ", vp8(side, side))
    )


def webp_chunks() -> bytes:
    """A picture of one pixel after as many empty chunks as a body holds."""
    pixel = bytes.fromhex("2f00000000071011118888fe0700")  # lossless, 1 x 1
    body = b"VP8X" + struct.pack("<I", 10) + bytes(10)
    body += (b"XMP " + bytes(4)) * (BODY // 8)
    body += b"VP8L" + struct.pack("<I", len(pixel)) + pixel
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


EXIF = b"Exif\0\0II*\0\x08\0\0\0\xff\xff"  # a directory of 65535 entries

# Functions that make the files. Those "within" are as large as they may be and
# be answered; another is refused only when most of it was decoded.
BOMBS = {
    "png-black-within": lambda: png_black(16384, 3000),
    "png-16-bit-rgba": lambda: png_black(16384, 3000, 16, 6),
    "png-bilevel-within": lambda: png_black(16384, 3000, 1),
    "png-rgb": lambda: png_black(16384, 3000, 8, 2),
    "png-rgba-within": lambda: png_black(5900, 5000, 8, 6),
    "png-filtered": lambda: png_filtered(16384, 3000, 16, 6),
    "png-filtered-within": lambda: png_filtered(4096, 4900, 16, 6),
    "png-filtered-grey-late": lambda: png_filtered(16384, 3000, 8, 0),
    "png-filtered-grey-within": lambda: png_filtered(6800, 5000, 8, 0),
    "png-filtered-rgb": lambda: png_filtered(16384, 2300, 8, 2),
    "png-filtered-rgb-late": lambda: png_filtered(5500, 5000, 8, 2),
    "png-filtered-rgb-within": lambda: png_filtered(5200, 5000, 8, 2),
    "png-sub-grey-within": lambda: png_filtered(8600, 5000, 8, 0, SUB),
    "png-up-within": lambda: png_filtered(7200, 5000, 8, 2, UP),
    "png-interlaced": lambda: png_interlaced(7000, 7000),
    "png-interlaced-within": lambda: png_interlaced(6400, 6400),
    "png-palette-within": lambda: png_palette(8192, 6000),
    "png-byte-by-byte": png_byte_by_byte,
    "png-4-gb-after-the-picture": lambda: png_with(b"", zeros(4_000_000_000)),
    "png-gigabytes-of-text": lambda: png_with(
        png_chunk(b"zTXt", b"a\0\0" + zeros(2_000_000_000))
        + png_chunk(b"iTXt", b"a\0\1\0\0\0" + zeros(1_000_000_000))
        + png_chunk(b"iCCP", b"a\0\0" + zeros(1_000_000_000))
    ),
    "png-empty-text": lambda: png_with(png_chunks(b"tEXt")),
    "png-empty-data": lambda: png_with(b"", after=png_chunks(b"IDAT")),
    "png-transparency": lambda: png_with(png_chunks(b"tRNS", b"\0\0")),
    "png-exif": lambda: png_with(png_chunks(b"eXIf", EXIF[6:] + bytes(786420))),
    "jpeg-few-bytes": lambda: jpeg_cut_but_closed(16384, 3000),
    "jpeg-baseline-within": lambda: jpeg_baseline(16384, 3000),
    "jpeg-scans": lambda: jpeg_scans(16384, 3000, 17),
    "jpeg-scans-many": lambda: jpeg_scans(4096, 4096, 26),
    "jpeg-scans-many-within": lambda: jpeg_scans(4096, 4096, 24),
    "jpeg-scans-cmyk-within": lambda: turned(jpeg_scans(4096, 4096, 22, colors=4)),
    "jpeg-scans-small-within": lambda: jpeg_scans(1000, 1000, 70),
    "jpeg-scans-few-within": lambda: jpeg_scans(5000, 5000, 6),
    "jpeg-planes": lambda: jpeg_planes(16384, 3000),
    "jpeg-planes-within": lambda: jpeg_planes(5300, 5300),
    "jpeg-profiles": lambda: jpeg_with(
        segment(0xE2, b"ICC_PROFILE\0" + bytes(65521)) * 240
    ),
    "jpeg-few-bytes-padded": lambda: padded(jpeg_cut_but_closed(16384, 3000)),
    "jpeg-comments-few": lambda: jpeg_with(segment(0xFE, bytes(BODY // 9_900)) * 9_800),
    "jpeg-padding": lambda: jpeg_with(b"\xff" * BODY),
    "jpeg-junk": lambda: jpeg_with(segment(0xFE, b"") + bytes(BODY)),
    "jpeg-comments": lambda: jpeg_with(segment(0xFE, b"") * (BODY // 4)),
    "jpeg-exif": lambda: jpeg_with(segment(0xE1, EXIF + bytes(65517)) * 240),
    "jpeg-restarts": lambda: jpeg_with(b"\xff\xd0" * (BODY // 2)),
    "webp-chunks": webp_chunks,
    "webp-lossless": lambda: webp_lossless(16383, 3000),
    "webp-lossless-within": lambda: webp_lossless(6200, 5000),
    "webp-lossless-predicted": lambda: webp_lossless(16383, 3000, predicted=True),
    "webp-lossless-predicted-within": lambda: webp_lossless(5800, 5000, predicted=True),
    "webp-lossless-groups": webp_lossless_groups,
    "webp-lossy-within": lambda: webp_lossy(16383, 3000),
    "webp-alpha-groups": webp_alpha_groups,
}


def cpu_seconds(server: Server) -> float:
    """What all threads have spent."""
    tasks = pathlib.Path(f"/proc/{server.pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def peak_kb(server: Server) -> int:
    """The most memory since the last forget_peak."""
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status).group(1))


def forget_peak(server: Server) -> None:
    """The peak is what it is now."""
    pathlib.Path(f"/proc/{server.pid}/clear_refs").write_text("5")


def measure(server: Server, picture: bytes) -> tuple[httpx.Response, float, int]:
    """What one picture costs: the answer, seconds of any core, and the most KB
    besides what the server had."""
    forget_peak(server)
    cpu, memory = cpu_seconds(server), server.memory_kb()
    answer = server.cam(picture, params={"heatmap": "none"})
    return answer, cpu_seconds(server) - cpu, peak_kb(server) - memory


def print_table(names: list[str]) -> None:
    """A line for each, in a server of its own."""
    print(f"{'':27}{'bytes':>10}{'status':>8}{'decode':>10}{'CPU':>9}{'memory':>9}")
    for name in names or ["ordinary", *BOMBS]:
        picture = sample("rocket.jpg") if name == "ordinary" else BOMBS[name]()
        with running("--workers", "1", "--log-format", "none") as server:
            for _ in range(3):
                assert server.cam().status_code == 200
            answer, cpu, memory = measure(server, picture)
        match = re.search(r"decode;dur=([\d.]+)", answer.headers["Server-Timing"])
        decode = f"{float(match[1]):7.0f} ms" if match else ""
        print(
            f"{name:27}{len(picture):10}{answer.status_code:8}{decode:>10}"
            f"{cpu * 1000:6.0f} ms{memory / 1000:6.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    print_table(sys.argv[1:])
