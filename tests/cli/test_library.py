"""The installed C library: the examples, built by pkg-config, and Arrow's own arrays
through ctypes, against `wherefore cam`. Its functions one by one are in tests/unit/lib/."""

import ctypes
import json
import os
import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import MODEL, ROOT, SAMPLES, WHEREFORE, said_by

PHOTOS = sorted(p for p in SAMPLES.iterdir() if p.suffix in {".png", ".jpg"})

pytestmark = pytest.mark.skipif(
    "sanitize" in WHEREFORE, reason="it cannot be loaded into a plain process"
)


def make(*args: str) -> None:
    subprocess.run(["make", "-s", *args], cwd=ROOT, check=True, timeout=60)


def cam(*args: str | Path) -> dict:
    """What the command says of one photo, but for the times."""
    said = said_by(
        subprocess.run(
            [WHEREFORE, "cam", "--model", MODEL, *args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
    )
    del said["timing_ms"]
    return said


# ---- what is installed ----


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything is installed, with the prefix /opt/w."""
    folder = tmp_path_factory.mktemp("root")
    make("install-files", f"DESTDIR={folder}", "PREFIX=/opt/w")
    return folder


@pytest.fixture(scope="module")
def build(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Builds an example against the installed library; returns the program."""
    lib = root / "opt/w/lib"
    env = os.environ | {
        "PKG_CONFIG_SYSROOT_DIR": str(root),
        "PKG_CONFIG_PATH": str(lib / "pkgconfig"),
    }

    def run(name: str) -> Path:
        program = tmp_path_factory.mktemp("programs") / name
        flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "wherefore"],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        strict = ["-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror"]
        source = ROOT / f"examples/c/{name}.c"
        subprocess.run(
            ["cc", *strict, source, "-o", program, *flags, f"-Wl,-rpath,{lib}"], check=True
        )
        return program

    return run


def nm(library: Path) -> list[str]:
    out = subprocess.run(
        ["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True
    ).stdout
    return sorted(
        line.split()[-1] for line in out.splitlines() if not line.endswith(" A WHEREFORE_1")
    )


def test_only_what_the_header_declares_is_exported(root: Path):
    listed = (ROOT / "lib/wherefore.symbols").read_text(encoding="utf-8").split()
    header = (root / "opt/w/include/wherefore.h").read_text(encoding="utf-8")
    declared = re.findall(r"^WHEREFORE_API\b[^;(]*?(\w+)\(", header, re.MULTILINE)
    assert nm(root / "opt/w/lib/libwherefore.so.1") == [f"{s}@@WHEREFORE_1" for s in listed]
    assert sorted(declared) == listed


def test_the_library_needs_nothing_of_a_server(root: Path):
    out = subprocess.run(
        ["readelf", "-d", root / "opt/w/lib/libwherefore.so"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    needed = set(re.findall(r"NEEDED.*\[lib(\w+?)(?:-\w)?\.so", out))
    assert "SONAME" in out and "[libwherefore.so.1]" in out
    assert "XNNPACK" in needed
    assert not needed & {"microhttpd", "seccomp", "expat", "inih"}


def test_uninstall_leaves_nothing(tmp_path: Path):
    where = (f"DESTDIR={tmp_path}", "PREFIX=/opt/w")
    make("install-files", *where)
    assert (tmp_path / "opt/w/lib/pkgconfig/wherefore.pc").exists()
    make("uninstall", *where)
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


# ---- the examples ----


def test_the_first_example_answers_as_the_command_does(build, tmp_path: Path):
    explain = build("explain")
    for photo in PHOTOS:
        own, theirs = tmp_path / "own.png", tmp_path / "theirs.png"
        said = cam("--top", "3", "--heatmap", theirs, photo)
        lines = subprocess.run(
            [explain, MODEL, photo, own], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        image, box = said["image"], said["box"]
        assert lines == [
            f"{image['width']} x {image['height']} pixels, explained by cam",
            *(
                f"{c['index']:4d}  {c['score']:.9g}  {c['label']}" for c in said["classes"]
            ),
            f"box   {box['x']} {box['y']} {box['width']} {box['height']}",
        ]
        assert own.read_bytes() == theirs.read_bytes()


def test_the_second_example_loses_one_row_only(build):
    paths = [PHOTOS[0], ROOT / "README.md", PHOTOS[1]]
    lines = subprocess.run(
        [build("batch"), MODEL, *paths], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for line, photo in ((lines[0], PHOTOS[0]), (lines[2], PHOTOS[1])):
        said = cam(photo)
        best, box = said["classes"][0], said["box"]
        sides = f"{box['x']} {box['y']} {box['width']} {box['height']}"
        assert line == f"{photo}: {best['score']:.9g}  {best['label']} {sides}"
    assert lines[1].endswith("README.md: the file is not a JPEG, PNG or WebP image")


# ---- through ctypes ----


class Error(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("text", ctypes.c_char * 500)]


class Option(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("value", ctypes.c_char_p)]


Progress = ctypes.CFUNCTYPE(
    ctypes.c_bool, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t
)


def options_of(options: dict[str, object]) -> ctypes.Array:
    pairs = [Option(k.rstrip("_").encode(), str(v).encode()) for k, v in options.items()]
    return (Option * len(pairs))(*pairs)


class Library:
    """The model in the installed library."""

    def __init__(self, path: Path):
        self.lib = ctypes.CDLL(path)
        pointer = ctypes.c_void_p
        for name in ("model_open", "session_new", "explain", "explanation_json"):
            getattr(self.lib, f"wherefore_{name}").restype = pointer
        self.lib.wherefore_explain_arrow.restype = ctypes.c_bool
        self.error = Error()
        folder = str(MODEL).encode()
        self.model = pointer(
            self.lib.wherefore_model_open(folder, None, ctypes.c_size_t(0), self.ref)
        )

    @property
    def ref(self):
        return ctypes.byref(self.error)

    def explain(self, photo: Path, threads: int, **options: object) -> dict:
        """The JSON of one photo, but for the times."""
        lib, given, data = self.lib, options_of(options), photo.read_bytes()
        session = ctypes.c_void_p(
            lib.wherefore_session_new(self.model, ctypes.c_uint(threads), self.ref)
        )
        size = ctypes.c_size_t
        found = ctypes.c_void_p(
            lib.wherefore_explain(
                session, data, size(len(data)), given, size(len(given)), self.ref
            )
        )
        assert found, self.error.text
        text = ctypes.c_void_p(lib.wherefore_explanation_json(found, self.ref))
        said = json.loads(ctypes.string_at(text))
        lib.wherefore_free(text)
        lib.wherefore_session_free(session)
        del said["timing_ms"]
        return said

    def batch(self, images: pa.Array, threads: int = 0, progress=None, **options) -> pa.Array:
        """A column of results, which is wholly valid."""
        given = options_of(options)
        schema, array, out_schema, out = ((ctypes.c_char * 80)() for _ in range(4))
        images._export_to_c(ctypes.addressof(array), ctypes.addressof(schema))
        ok = self.lib.wherefore_explain_arrow(
            self.model,
            ctypes.c_uint(threads),
            schema,
            array,
            given,
            ctypes.c_size_t(len(given)),
            Progress(progress) if progress else Progress(),
            None,
            out_schema,
            out,
            self.ref,
        )
        again = pa.Array._import_from_c(ctypes.addressof(array), ctypes.addressof(schema))
        assert again.equals(images)  # which is released with it
        if not ok:
            raise ValueError(self.error.text.decode())
        found = pa.Array._import_from_c(ctypes.addressof(out), ctypes.addressof(out_schema))
        found.validate(full=True)
        return found


@pytest.fixture(scope="module")
def library(root: Path) -> Library:
    return Library(root / "opt/w/lib/libwherefore.so.1")


@pytest.mark.parametrize("threads", [0, 1])
@pytest.mark.parametrize(
    ("flags", "options"),
    [
        (["--values"], {"values": 1}),
        (["--method", "gradcam++", "--top", "2"], {"method": "gradcam++", "top": 2}),
        (["--class", "tabby", "--boxes", "3"], {"class_": "tabby", "boxes": 3}),
        (["--method", "rise", "--masks", "20"], {"method": "rise", "masks": 20}),
        (["--map", "object", "--quality", "fine"], {"map": "object", "quality": "fine"}),
    ],
)
def test_json_is_what_the_command_prints(library, flags, options, threads):
    for photo in PHOTOS if "values" in options else PHOTOS[:1]:
        assert library.explain(photo, threads, **options) == cam(*flags, photo)


def single(number: float) -> float:
    return struct.unpack("f", struct.pack("f", number))[0]


def row_of(said: dict) -> dict:
    """The row of a column that a reply of one class would be."""
    best = next(c for c in said["classes"] if c["index"] == said["class"])
    cells = [single(v) for row in said["map"]["values"] for v in row]
    width, height = said["map"]["width"], said["map"]["height"]
    top = cells.index(max(cells))
    image = said["image"]
    return {
        "class": best["index"],
        "id": best["id"],
        "label": best["label"],
        "score": single(best["score"]),
        "logit": single(best["logit"]),
        "box": said["box"] and {k: said["box"][k] for k in ("x", "y", "width", "height")},
        "peak": {
            "x": int((top % width + 0.5) * image["width"] / width),
            "y": int((top // width + 0.5) * image["height"] / height),
            "value": cells[top],
        },
        "map": cells,
        "error": None,
    }


BROKEN = {"kind": "unsupported", "detail": "the file is not a JPEG, PNG or WebP image"}
NULL = {"kind": "bad-input", "detail": "the row is null"}


@pytest.fixture(scope="module")
def rows() -> list[tuple[bytes | None, dict]]:
    """Files and the rows that they make."""
    good = [(p.read_bytes(), row_of(cam("--values", p))) for p in PHOTOS]
    empty = dict.fromkeys(good[0][1])
    bad = [(b"no image at all", empty | {"error": BROKEN}), (None, empty | {"error": NULL})]
    return [good[0], bad[0], good[1], bad[1], *good[2:]]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
def test_a_column_has_the_rows_of_the_command(library, rows, kind):
    files = pa.array([file for file, _ in rows], kind)
    expected = [row for _, row in rows]
    assert library.batch(files).to_pylist() == expected
    # slices, with offsets that are no multiple of 8, and chunks
    long = pa.array([b"x"] * 9 + [file for file, _ in rows] + [b"y"], kind)
    assert library.batch(long.slice(9, len(rows)), threads=1).to_pylist() == expected
    assert library.batch(files.slice(3)).to_pylist() == expected[3:]
    chunks = pa.chunked_array([files.slice(0, 3), files.slice(3, 0), files.slice(3)])
    found = pa.chunked_array([library.batch(chunk) for chunk in chunks.chunks])
    assert found.to_pylist() == expected


def test_a_column_takes_the_options_of_the_command(library):
    files = pa.array([photo.read_bytes() for photo in PHOTOS])
    for flags, options in [
        (["--method", "saliency"], {"method": "saliency"}),
        (["--class", "tabby", "--box", "otsu"], {"class_": "tabby", "box": "otsu"}),
        (
            ["--method", "layercam", "--layer", "block10.add"],
            {"method": "layercam", "layer": "block10.add"},
        ),
    ]:
        found = library.batch(files, **options)
        said = [cam("--values", *flags, photo) for photo in PHOTOS]
        assert found.to_pylist() == [row_of(one) for one in said]
        metadata = found.type.field("map").metadata
        assert int(metadata[b"width"]) == said[0]["map"]["width"]
        assert int(metadata[b"height"]) == said[0]["map"]["height"]


def test_columns_of_no_rows_and_of_nulls(library):
    assert library.batch(pa.array([], pa.binary())).to_pylist() == []
    found = library.batch(pa.array([None] * 20, pa.large_binary()))
    assert found.field("error").to_pylist() == [NULL] * 20
    assert found.field("class").null_count == 20


def test_columns_of_other_types_are_refused(library):
    for wrong in (
        pa.array(["text"]),
        pa.array([1]),
        pa.array([b"a"]).dictionary_encode(),
        pa.array([[b"a"]]),
        pa.array([b"four"], pa.binary(4)),
    ):
        with pytest.raises(ValueError, match=r"text|format|dictionary"):
            library.batch(wrong)


def test_a_batch_is_cancelled_by_its_progress(library):
    files = pa.array([PHOTOS[0].read_bytes()] * 8)
    seen = []
    library.batch(files, progress=lambda _, done, total: seen.append((done, total)) or True)
    assert seen == [(i + 1, 8) for i in range(8)]
    with pytest.raises(ValueError, match=r"^cancelled$"):
        library.batch(files, progress=lambda _, done, __: done < 3)
