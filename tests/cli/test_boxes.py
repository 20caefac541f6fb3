"""wherefore cam: the rules for boxes."""

import json
import shutil

from conftest import MODEL
from PIL import Image

CALIBRATION = {
    "threshold": 0.4,
    "scale": 1,
    "shift": [0, 0],
    "found_on": {
        "data": "kangaroo",
        "photos": 9,
        "method": "cam",
        "correct": 1,
        "paper": 0,
    },
}


def test_a_rule_and_several_boxes(answer):
    one = answer("cat.png")
    found = answer("--box", "otsu", "--boxes", "3", "cat.png")

    assert "boxes" not in one
    assert found["box"]["rule"] == "otsu"
    assert found["box"]["threshold"] != one["box"]["threshold"]
    assert 1 <= len(found["boxes"]) <= 3
    assert set(found["boxes"][0]) == {"x", "y", "width", "height", "share"}


def test_gradcams_rule_is_a_lower_threshold(answer):
    rule = answer("--box=gradcam", "cat.png")["box"]
    plain = answer("--threshold=0.15", "cat.png")["box"]

    assert rule == plain | {"rule": "gradcam"}


def test_boxes_are_drawn_into_the_heatmap(answer, photos):
    boxed = ("--heatmap-kind", "boxes", "--alpha", "0")
    found = answer(*boxed, "--heatmap", "cat-boxes.png", "cat.png")
    box = found["box"]
    drawn = Image.open(photos / "cat-boxes.png").convert("RGB")
    photo = Image.open(photos / "cat.png").convert("RGB")
    corner = (box["x"], box["y"])
    middle = (box["x"] + box["width"] // 2, box["y"] + box["height"] // 2)

    assert drawn.getpixel(corner) == (0, 0, 0)
    assert drawn.getpixel(middle) == photo.getpixel(middle)


def test_an_option_of_another_rule_is_refused(cam):
    result = cam("--box", "otsu", "--threshold", "0.3", "cat.png")

    assert result.returncode == 2
    assert b'"threshold" is for the box rule paper' in result.stderr


def test_a_model_needs_a_calibration_for_calibrated_boxes(cam, answer, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(MODEL, folder)
    file = folder / "model.json"
    spec = json.loads(file.read_text())
    spec.pop("box", None)
    file.write_text(json.dumps(spec))
    result = cam("--model", folder, "--box", "calibrated", "cat.png")
    assert result.returncode == 2
    assert b"the model has no calibration" in result.stderr

    file.write_text(json.dumps(spec | {"box": CALIBRATION}))
    found = answer("--model", folder, "--box", "calibrated", "cat.png")["box"]
    assert found == answer("--threshold", "0.4", "cat.png")["box"] | {
        "rule": "calibrated"
    }
