"""wherefore cam: the answer, the photos it takes and those it refuses."""

import json
import os
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest
import tiny
from conftest import MODEL, ROOT, WHEREFORE
from PIL import Image

# design: the members of an answer, and no others.
MEMBERS = {
    "model",
    "method",
    "explanation",
    "scores",
    "exclusive",
    "image",
    "classes",
    "class",
    "map",
    "box",
    "heatmap",
    "timing_ms",
}
CASES = ROOT / "tests/cases/images"
CATS = {"tabby", "tiger cat", "Egyptian cat"}


def lines(stdout: bytes) -> list[dict]:
    """The objects of JSON Lines."""
    assert stdout.endswith(b"\n")
    return [json.loads(line) for line in stdout.splitlines()]


def without_timing(found: dict) -> dict:
    """An answer without what differs from run to run."""
    return {name: value for name, value in found.items() if name != "timing_ms"}


# --- the answer ---------------------------------------------------------------


def test_one_photo_is_answered_by_one_object(answer):
    found = answer("cat.png")

    assert set(found) == MEMBERS
    assert found["model"] == "efficientnet-lite0"
    assert found["method"] == "cam"
    assert found["image"] == {"width": 451, "height": 300, "format": "png"}
    assert found["heatmap"] is None
    assert set(found["map"]) == {
        "width",
        "height",
        "min",
        "max",
        "mean_plus_bias",
        "checks",
        "kind",
        "region",
    }
    assert found["explanation"]["layer"]["name"] == "features"
    assert found["explanation"]["passes"] == 1
    assert found["map"]["region"] == {"x": 0, "y": 0, "width": 451, "height": 300}
    assert found["box"]["rule"] == "object"
    assert found["timing_ms"]["infer"] > 0


def test_the_cat_is_a_cat_and_the_box_holds_its_head(answer):
    found = answer("cat.png")

    assert found["classes"][0]["label"].split(",")[0] in CATS
    box = found["box"]
    # The head, measured by hand: its eyes and its nose.
    for x, y in [(180, 105), (265, 105), (220, 165)]:
        assert box["x"] <= x < box["x"] + box["width"]
        assert box["y"] <= y < box["y"] + box["height"]


def test_a_larger_input_gives_a_finer_map(answer):
    found = answer("--input-size", "448x320", "cat.png")

    assert (found["map"]["width"], found["map"]["height"]) == (14, 10)
    assert found["map"]["mean_plus_bias"] == pytest.approx(
        found["classes"][0]["logit"], abs=1e-3
    )


def test_drawing_a_large_jpeg_changes_no_class_map_or_box(answer, photos):
    rocket = Image.open(photos / "rocket.jpg").convert("RGB").resize((1925, 1281))
    rocket.save(photos / "large.jpg", quality=85)
    # The same pixels by another decoder.
    Image.open(photos / "large.jpg").save(photos / "large.png", compress_level=1)
    answers = [
        answer("--values", *options)
        for options in (
            ["large.jpg"],
            ["large.png"],
            ["large.jpg", "--heatmap=whole.png"],
            ["large.jpg", "--heatmap=small.png", "--heatmap-size=200"],
            ["large.jpg", "--heatmap=map.png", "--heatmap-kind=map"],
        )
    ]

    assert answers[0]["image"] == {"width": 1925, "height": 1281, "format": "jpeg"}
    for found in answers:
        del found["image"]["format"], found["timing_ms"]
        assert found == answers[0]


def test_a_precision_that_is_none_is_refused(cam):
    result = cam("--precision", "int7", "cat.png")

    assert result.returncode == 2
    assert b'--precision: "int7"' in result.stderr


def test_integers_see_the_same_cat_or_are_refused_without_kernels(cam, answer):
    result = cam("--precision", "int8", "cat.png")

    if result.returncode == 1:
        assert b"needs a processor with AVX2" in result.stderr
        assert result.stderr.count(b"\n") == 1
        return
    found, exact = json.loads(result.stdout), answer("cat.png")
    best = found["classes"][0]
    assert best["index"] == exact["classes"][0]["index"]
    assert best["logit"] != exact["classes"][0]["logit"]
    assert best["logit"] == pytest.approx(exact["classes"][0]["logit"], abs=1)
    assert found["map"]["mean_plus_bias"] == pytest.approx(best["logit"], abs=1e-3)


def test_auto_answers_with_any_library(answer):
    assert answer("--precision", "auto", "cat.png")["classes"][0]["index"] == 285


def test_a_size_that_is_none_is_refused(cam):
    result = cam("--input-size", "large", "cat.png")

    assert result.returncode == 2
    assert b"--input-size" in result.stderr


def test_the_box_lies_within_the_photo(answer):
    for photo, width, height in [("cat.png", 451, 300), ("rocket.jpg", 640, 427)]:
        box = answer(photo)["box"]
        assert box["width"] > 0 and box["x"] >= 0
        assert box["height"] > 0 and box["y"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height


def test_the_mean_of_the_map_is_the_logit(answer):
    found = answer("--values", "rocket.jpg")
    values = [value for row in found["map"]["values"] for value in row]

    assert len(values) == found["map"]["width"] * found["map"]["height"]
    assert min(values) == pytest.approx(found["map"]["min"], abs=1e-5)
    assert max(values) == pytest.approx(found["map"]["max"], abs=1e-5)
    # Sums of 1280 products in two orders: rounding only.
    assert found["map"]["mean_plus_bias"] == pytest.approx(
        found["classes"][0]["logit"], abs=1e-3
    )


def test_top_says_how_many_classes_are_listed_best_first(answer):
    found = answer("--top", "7", "cat.png")
    scores = [entry["score"] for entry in found["classes"]]

    assert len(scores) == 7
    assert scores == sorted(scores, reverse=True)
    assert 0 < sum(scores) <= 1


@pytest.mark.parametrize("top", ["5", "1000", "99999999999999999999"])
def test_top_above_the_number_of_classes_is_all_of_them(answer, tmp_path, top):
    labels = ["BLOCKED", "FREE", "UNDEFINED"]
    model = tiny.model(tmp_path / "lane", labels)
    found = answer("--model", model, "--top", top, "--class", "top", "cat.png")

    assert sorted(entry["label"] for entry in found["classes"]) == labels
    assert all("map" in entry for entry in found["classes"])


@pytest.mark.parametrize(
    ("text", "plain"), [("1e-05", "0.00001"), ("2E-1", "0.2"), ("+.5", "0.5")]
)
def test_a_fraction_may_have_an_exponent(answer, text, plain):
    written = answer("--threshold", text, "--alpha", text, "cat.png")

    assert written["box"] == answer("--threshold", plain, "cat.png")["box"]


def test_a_class_is_meant_by_index_id_or_label(answer):
    by_index = answer("--class", "285", "cat.png")

    assert by_index["class"] == 285
    for name in ("n02124075", "Egyptian cat"):
        found = answer(f"--class={name}", "cat.png")
        assert without_timing(found) == without_timing(by_index)


def test_several_classes_have_a_map_and_a_box_each(answer):
    found = answer("--class", "285", "--class", "504", "--top", "1", "coffee.png")
    maps = {e["index"]: e["map"] for e in found["classes"] if "map" in e}

    assert set(maps) == {285, 504}
    assert found["class"] == 285
    assert found["map"] == maps[285]


def test_class_top_explains_all_that_are_listed(answer):
    found = answer("--class", "top", "--top", "3", "coffee.png")

    assert [set(e) >= {"map", "box"} for e in found["classes"]] == [True] * 3
    assert found["class"] == found["classes"][0]["index"]


def test_a_higher_threshold_makes_no_larger_box(answer):
    low = answer("--threshold", "0.1", "cat.png")["box"]
    high = answer("--threshold", "0.8", "cat.png")["box"]

    assert high["threshold"] == 0.8
    assert high["width"] * high["height"] < low["width"] * low["height"]


def test_without_positive_evidence_left_the_box_is_null(answer):
    assert answer("--threshold", "1", "cat.png")["box"] is None


def test_the_number_of_threads_does_not_change_the_answer(answer):
    one = answer("--threads", "1", "cat.png")
    two = answer("--threads", "2", "cat.png")

    assert one["box"] == two["box"]
    for a, b in zip(one["classes"], two["classes"], strict=True):
        assert a["index"] == b["index"]
        # Threads share the work out by rows; the sums stay the same.
        assert a["logit"] == pytest.approx(b["logit"], abs=1e-4)


# --- photos -------------------------------------------------------------------


def test_several_photos_are_answered_line_by_line_in_order(cam, answer):
    names = ["rocket.jpg", "cat.png", "coffee.png"]

    result = cam(*names)

    assert (result.returncode, result.stderr) == (0, b"")
    found = lines(result.stdout)
    assert [entry["file"] for entry in found] == names
    for entry, name in zip(found, names, strict=True):
        assert next(iter(entry)) == "file"
        del entry["file"]
        assert without_timing(entry) == without_timing(answer(name))


def test_a_dash_is_the_standard_input(cam, photos):
    photo = (photos / "cat.png").read_bytes()

    result = cam("-", input=photo)

    assert (result.returncode, result.stderr) == (0, b"")
    alone = cam("cat.png")
    assert without_timing(json.loads(result.stdout)) == without_timing(
        json.loads(alone.stdout)
    )


def test_a_photo_may_come_through_a_pipe(photos):
    script = f'"{WHEREFORE}" cam --model "{MODEL}" <(cat cat.png)'

    result = subprocess.run(
        ["bash", "-c", script], cwd=photos, capture_output=True, timeout=60, check=False
    )

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["image"]["format"] == "png"


def test_a_photo_that_fails_does_not_stop_the_others(cam, photos):
    whole = (photos / "rocket.jpg").read_bytes()
    (photos / "cut.jpg").write_bytes(whole[: len(whole) // 2])

    result = cam("cat.png", "cut.jpg", "missing.jpg", "rocket.jpg")

    assert result.returncode == 1
    assert [e["file"] for e in lines(result.stdout)] == ["cat.png", "rocket.jpg"]
    errors = result.stderr.decode().splitlines()
    assert len(errors) == 2
    assert errors[0].startswith("wherefore cam: cut.jpg: ")
    assert errors[1] == (
        "wherefore cam: missing.jpg: cannot be opened: No such file or directory"
    )


def huge_png() -> bytes:
    """The header of a PNG of 60,000 x 60,000 pixels, and nothing behind it."""
    side = (60000).to_bytes(4, "big")
    header = b"IHDR" + side + side + bytes([8, 2, 0, 0, 0])
    crc = zlib.crc32(header).to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + header + crc


@pytest.mark.parametrize(
    "content",
    [b"", b"just text\n", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", huge_png()],
    ids=["empty", "text", "three bytes of JPEG", "signature of PNG", "huge PNG"],
)
def test_what_is_no_photo_is_refused_in_one_line(cam, photos, content):
    (photos / "bad.jpg").write_bytes(content)

    result = cam("bad.jpg")

    assert result.returncode == 1
    assert result.stdout == b""
    assert result.stderr.startswith(b"wherefore cam: bad.jpg: ")
    assert result.stderr.count(b"\n") == 1


def test_what_is_called_a_photo_is_called_by_its_name(cam, photos):
    (photos / "photo.jpg").write_bytes(
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    )

    result = cam("photo.jpg")

    assert result.returncode == 1
    assert result.stderr == (
        b"wherefore cam: photo.jpg: the file is not a JPEG, PNG or WebP image; "
        b"it is a HEIC image\n"
    )


def test_a_folder_is_no_photo(cam):
    result = cam(".")

    assert result.returncode == 1
    assert result.stderr == b"wherefore cam: .: cannot be read: Is a directory\n"


@pytest.mark.parametrize(
    "limit",
    [
        "--max-bytes=1000",
        "--max-width=450",
        "--max-height=299",
        "--max-pixels=135299",
    ],
)
def test_a_photo_beyond_a_limit_is_refused(cam, limit):
    result = cam(limit, "cat.png")  # 451 x 300

    assert result.returncode == 1
    assert result.stderr.startswith(b"wherefore cam: cat.png: ")


def test_a_photo_at_the_limits_is_answered(answer, photos):
    size = (photos / "cat.png").stat().st_size
    assert answer(
        f"--max-bytes={size}",
        "--max-width=451",
        "--max-height=300",
        "--max-pixels=135300",
        "cat.png",
    )


def test_the_limit_of_bytes_holds_for_the_standard_input(cam, photos):
    photo = (photos / "cat.png").read_bytes()

    assert cam(f"--max-bytes={len(photo)}", "-", input=photo).returncode == 0
    result = cam(f"--max-bytes={len(photo) - 1}", "-", input=photo)
    assert result.returncode == 1
    assert result.stderr.startswith(b"wherefore cam: -: ")


def test_a_name_that_is_not_utf_8_still_makes_json(cam, photos):
    name = b'caf\xe9 "\\\t\xf0\x9f\x98\xba.png'
    shutil.copy(photos / "cat.png", os.fsencode(photos) + b"/" + name)

    result = cam(name, "cat.png")

    assert result.returncode == 0
    assert list(lines(result.stdout)[0])[:2] == ["file", "model"]
    assert lines(result.stdout)[0]["file"] == 'caf\ufffd "\\\t\U0001f63a.png'


def test_a_name_cannot_send_control_characters_to_a_terminal(cam):
    result = cam("no\x1b[31mphoto\n")

    assert result.returncode == 1
    assert result.stderr.startswith(b"wherefore cam: no?[31mphoto?: cannot be opened")


def test_an_answer_that_cannot_be_written_is_a_failure(cam):
    with open("/dev/full", "wb") as full:
        result = cam("cat.png", "rocket.jpg", stdout=full, stderr=subprocess.PIPE)

    assert result.returncode == 1
    assert result.stderr == (
        b"wherefore cam: the result cannot be written: No space left on device\n"
    )


# --- heatmaps -----------------------------------------------------------------


def test_the_heatmap_covers_the_photo_in_its_own_size(answer, photos):
    answer("--heatmap", "map.png", "cat.png")

    with Image.open(photos / "map.png") as heatmap:
        assert (heatmap.format, heatmap.mode, heatmap.size) == (
            "PNG",
            "RGB",
            (451, 300),
        )


def test_with_alpha_0_the_overlay_is_the_photo(answer, photos):
    answer("--heatmap", "map.png", "--alpha", "0", "cat.png")

    with (
        Image.open(photos / "map.png") as heatmap,
        Image.open(photos / "cat.png") as photo,
    ):
        assert heatmap.tobytes() == photo.convert("RGB").tobytes()


def test_a_map_alone_is_brightest_where_the_map_has_its_maximum(answer, photos):
    found = answer(
        "--heatmap=map.png",
        "--heatmap-kind=map",
        "--colormap=gray",
        "--values",
        "cat.png",
    )
    rows = found["map"]["values"]
    peak, y, x = max((v, y, x) for y, row in enumerate(rows) for x, v in enumerate(row))

    with Image.open(photos / "map.png") as heatmap:
        assert heatmap.size == (451, 300)
        levels = heatmap.convert("L")
    # The cell's centre, in pixels of the photo.
    at = (int((x + 0.5) * 451 / len(rows[0])), int((y + 0.5) * 300 / len(rows)))
    assert peak > 0
    assert levels.getpixel(at) >= 250
    assert levels.getextrema()[1] >= levels.getpixel(at)


@pytest.mark.parametrize(
    "name", ["jpeg-profile-p3.jpg", "png-profile-rgb.png", "webp-profile-lossless.webp"]
)
def test_the_picture_under_a_heatmap_has_the_colours_of_its_profile(
    answer, photos, name
):
    case = CASES / name
    shutil.copy(case, photos)

    answer("--heatmap", "map.png", "--alpha", "0", name)

    with (
        Image.open(photos / "map.png") as heatmap,
        Image.open(case.with_suffix(".ppm")) as srgb,
        Image.open(case) as untouched,
    ):
        shown, expected = heatmap.tobytes(), srgb.tobytes()
        plain = untouched.convert("RGB").tobytes()
    # A level by littlecms, two by decoders of JPEG.
    assert max(abs(a - b) for a, b in zip(shown, expected, strict=True)) <= 3
    assert max(abs(a - b) for a, b in zip(shown, plain, strict=True)) > 20


def test_heatmap_size_bounds_the_longer_side(answer, photos):
    answer("--heatmap=map.png", "--heatmap-size=100", "cat.png")

    with Image.open(photos / "map.png") as heatmap:
        assert heatmap.size[0] == 100
        assert heatmap.size[1] in (66, 67)


def test_a_directory_gets_one_heatmap_a_photo(cam, photos):
    (photos / "maps").mkdir()

    result = cam("--heatmap", "maps", "cat.png", "rocket.jpg")

    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in (photos / "maps").iterdir()) == [
        "cat-heatmap.png",
        "rocket-heatmap.png",
    ]


def test_a_pattern_names_the_heatmaps(cam, photos):
    result = cam("--heatmap", "seen-%s.png", "cat.png", "./rocket.jpg")

    assert result.returncode == 0, result.stderr
    assert (photos / "seen-cat.png").exists()
    assert (photos / "seen-rocket.png").exists()


def test_a_heatmap_takes_the_place_of_an_older_and_longer_one(answer, photos):
    (photos / "map.png").write_bytes(bytes(10_000_000))

    answer("--heatmap=map.png", "cat.png")

    assert (photos / "map.png").stat().st_size < 1_000_000
    with Image.open(photos / "map.png") as heatmap:
        heatmap.load()


@pytest.mark.parametrize("way", ["same name", "hard link", "symbolic link"])
def test_a_heatmap_never_takes_the_place_of_a_photo(cam, photos, way):
    before = (photos / "cat.png").read_bytes()
    where = photos / "cat.png" if way == "same name" else photos / "other.png"
    if way == "hard link":
        where.hardlink_to(photos / "cat.png")
    elif way == "symbolic link":
        where.symlink_to("cat.png")

    result = cam("--heatmap", where, "cat.png")

    assert result.returncode == 1
    assert b"is one of the input images" in result.stderr
    assert (photos / "cat.png").read_bytes() == before


def test_two_photos_of_one_name_do_not_share_a_heatmap(cam, photos):
    shutil.copy(photos / "rocket.jpg", photos / "cat.jpg")

    result = cam("--heatmap", "new-%s.png", "cat.png", "cat.jpg")

    assert result.returncode == 2
    assert (
        b'two images would be written to the same file "new-cat.png"' in result.stderr
    )
    assert not (photos / "new-cat.png").exists()


@pytest.mark.parametrize("where", ["missing/map.png", "/dev/full"])
def test_a_heatmap_that_cannot_be_written_is_a_failure(cam, where):
    result = cam("--heatmap", where, "cat.png")

    assert result.returncode == 1
    assert result.stderr.startswith(b'wherefore cam: cat.png: cannot write "')


# --- the command line ---------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ([], "no image is given"),
        (["--nope", "cat.png"], "unknown option --nope; --help lists the options"),
        (["--treshold=1", "cat.png"], "--treshold; did you mean --threshold?"),
        (["-n", "cat.png"], "unknown option -n; --help lists the options"),
        (["--max=3", "cat.png"], "ambiguous option --max"),
        (["--alpha"], "--alpha requires a value"),
        (["--values=2", "cat.png"], '"2" is not accepted'),
        (["--top=0", "cat.png"], '"0" is not accepted; it takes 1 or more'),
        (["--top=1.5", "cat.png"], '"1.5" is not accepted'),
        (["--class=unicorn", "cat.png"], '"unicorn" is not accepted'),
        (["--threshold=nan", "cat.png"], '"nan" is not accepted'),
        (["--alpha=2", "cat.png"], '"2" is not accepted'),
        (["--colormap=rainbow", "cat.png"], '"rainbow" is not accepted'),
        (
            ["--heatmap-kind=none", "cat.png"],
            '--heatmap-kind: "none" is not one of overlay|boxes|colours|map|mask',
        ),
        (["--heatmap-size=0", "cat.png"], '"0" is not accepted'),
        (
            ["--heatmap=-", "cat.png"],
            "--heatmap: standard output is taken by the results",
        ),
        (["--heatmap=x.png", "cat.png", "rocket.jpg"], "a directory or a %s"),
        (["--heatmap=nowhere/", "cat.png"], 'no directory "nowhere/"'),
        (["--threads=0", "cat.png"], '--threads: "0" is not a whole number from 1 to'),
        (["--max-bytes=-1", "cat.png"], '--max-bytes: "-1" is not a whole number'),
        (["--max-width=", "cat.png"], '--max-width: "" is not a whole number'),
        (["-", "-"], "- is given more than once"),
    ],
)
def test_a_wrong_command_line_is_refused_before_any_photo(cam, args, text):
    result = cam(*args)

    assert result.returncode == 2
    assert result.stdout == b""
    assert text in result.stderr.decode()
    assert re.fullmatch(rb"wherefore cam: [^\n]+\n", result.stderr)


def test_options_may_follow_photos_and_two_dashes_end_them(cam, photos):
    shutil.copy(photos / "cat.png", photos / "--top")

    result = cam("cat.png", "--top", "2", "--", "--top")

    assert result.returncode == 0, result.stderr
    assert [len(entry["classes"]) for entry in lines(result.stdout)] == [2, 2]


def test_help_fits_the_terminal_and_names_every_option(cam):
    result = cam("--help")

    assert result.returncode == 0
    text = result.stdout.decode()
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "(null)" not in text
    for name in (
        "model",
        "top",
        "class",
        "threshold",
        "values",
        "heatmap",
        "heatmap-kind",
        "heatmap-size",
        "colormap",
        "alpha",
        "threads",
        "max-bytes",
        "max-width",
        "max-height",
        "max-pixels",
        "help",
    ):
        assert re.search(rf"\n  --{name}[ [=]", text), name


def test_a_model_that_is_not_there_is_named(cam):
    result = cam("--model", "no/model", "cat.png")

    assert result.returncode == 1
    assert result.stdout == b""
    assert result.stderr.startswith(b"wherefore cam: no/model: ")


def test_the_installed_program_finds_its_model(tmp_path: Path, photos: Path):
    """So does the service, which says on its first line that it is open."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "share/wherefore/models").mkdir(parents=True)
    shutil.copy(WHEREFORE, tmp_path / "bin/wherefore")
    (tmp_path / "share/wherefore/models/efficientnet-lite0").symlink_to(MODEL)

    result = subprocess.run(
        [tmp_path / "bin/wherefore", "cam", "cat.png"],
        cwd=photos,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["model"] == "efficientnet-lite0"
    with subprocess.Popen(
        [tmp_path / "bin/wherefore", "serve", "--listen", "127.0.0.1:0"],
        cwd=photos,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as service:
        assert service.stdout.readline().startswith(b"listening on http://")
        service.terminate()
        assert service.wait(60) == 0
