"""Makes small data sets in each format, and the list of what is in them.

    tests/data/datasets/csv/truth.csv                  by Python's csv
    tests/data/datasets/coco/annotations/instances_val2017.json   by its json
    tests/data/datasets/voc/Annotations/*.xml          by its ElementTree
    tests/data/datasets/wsol/*.txt
    tests/data/datasets/expected.txt
        FORMAT <tab> photo <tab> classes <tab> boxes <tab> size
        for each item in order; classes have "|" between them, boxes are
        "x0 y0 x1 y1" with "|" between them

There are no photos: reading a data set opens none.

Usage: datasets.py FOLDER (such as tests/data/datasets)
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from xml.etree import ElementTree

Box = tuple[float, float, float, float]  # half-open
Item = tuple[str, list[str], list[Box], tuple[int, int] | None]

TABBY = "tabby, tabby cat"
ITEMS: dict[str, list[Item]] = {
    "csv": [
        ("a.jpg", [TABBY, "281"], [(0, 0, 10, 20), (5, 6.5, 100, 50)], (100, 50)),
        ("a.jpg", ['a "quoted" name'], [(1.5, 2, 3, 4)], (100, 50)),
        ("sub/größe, 2.png", ["n02123045"], [], None),
        ("b.jpg", [], [(3, 4, 5, 6)], None),
    ],
    "coco": [
        ("7.jpg", ["dog"], [(10, 20.5, 40, 60.5)], (640, 480)),
        ("7.jpg", ["person"], [(1, 2, 4, 6), (0, 0, 640, 480)], (640, 480)),
        ("größe.jpg", ["person"], [(0, 0, 8, 8)], (50, 40)),
    ],
    "voc": [
        ("2007_000027.jpg", ["dog"], [(0, 0, 500, 375), (4, 5, 7, 8)], (500, 375)),
        ("2007_000027.jpg", ["cat & mouse"], [(9, 19, 30, 40)], (500, 375)),
        ("val_2", ["n02084071"], [(0, 1, 2, 3)], None),
    ],
    "wsol": [
        ("val/b.jpg", ["6"], [(1, 2, 4, 5)], (100, 90)),
        ("val/a.jpg", ["5"], [(0, 0, 9, 10), (1, 1, 3, 3)], (9, 10)),
    ],
}


def write_csv(folder: Path) -> None:
    """Rows of a photo apart, boxes in rows and in columns, columns to ignore."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        ["extra", "Class", "File", "x0", "y0", "x1", "y1", "x0", "x1", "y1", "y0"],
        ("", f"{TABBY}; 281", "a.jpg", 0, 0, 10, 20, "", "", "", "", 100, 50),
        ("", "n02123045", "sub/größe, 2.png", *[""] * 10),
        ("two\nlines", "", "b.jpg", 3, 4, 5, 6, *[""] * 6),
        ("", 'a "quoted" name', "a.jpg", *[""] * 4, 1.5, 3, 4, 2, 100, 50),
        ("", f"{TABBY}; 281", "a.jpg", 5, 6.5, "1e2", 50, *[""] * 6),
    ]
    rows[0] += ["width", "height"]
    with (folder / "truth.csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows(rows)


def write_coco(folder: Path) -> None:
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    crowd, empty = [1, 1, 5, 5], [3, 3, 0, 2]
    annotations = [
        (42, 18, [10, 20.5, 30, 40], 0),
        (7, 1, [0, 0, 8, 8], 0),
        (42, 1, [1, 2, 3, 4], 0),
        (42, 18, crowd, 1),
        (42, 18, empty, 0),
        (42, 1, [-0.5, 0, 700, 480.5], 0),
    ]
    content = {
        "info": {"year": 2017},
        "images": [
            {"id": 7, "file_name": "größe.jpg", "width": 50, "height": 40},
            {"id": 42, "file_name": "7.jpg", "width": 640, "height": 480},
            {"id": 9, "file_name": "without_objects.jpg", "width": 1, "height": 1},
        ],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": category,
                "bbox": box,
                "iscrowd": crowd,
                "segmentation": [[1.5, 2.5, 3.5, 4.5, 5.5, 6.5]],
            }
            for number, (image, category, box, crowd) in enumerate(annotations)
        ],
        "categories": [
            {"id": 18, "name": "dog", "supercategory": "animal"},
            {"id": 1, "name": "person"},
        ],
    }
    path = folder / "annotations" / "instances_val2017.json"
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def xml(tag: str, value: object) -> ElementTree.Element:
    """An element: a text, or a list of (tag, value)."""
    element = ElementTree.Element(tag)
    if isinstance(value, list):
        element.extend(xml(*pair) for pair in value)
    else:
        element.text = str(value)
    return element


def corners(x0: float, y0: float, x1: float, y1: float) -> list:
    """VOC's box: its last column and row are part of it, and the first are 1."""
    return [("xmin", x0 + 1), ("ymin", y0 + 1), ("xmax", x1), ("ymax", y1)]


def voc_object(name: str, box: Box, difficult: int = 0) -> tuple[str, list]:
    head = [("name", "head"), ("bndbox", corners(0, 0, 1, 1))]
    return "object", [
        *(("name", name), ("pose", "Left"), ("difficult", difficult)),
        *(("bndbox", corners(*box)), ("part", head)),
    ]


def write_voc(folder: Path) -> None:
    (folder / "Annotations").mkdir(parents=True, exist_ok=True)
    files = {
        "2007_000027": [
            ("folder", "VOC2012"),
            ("filename", "2007_000027.jpg"),
            ("size", [("width", 500), ("height", 375), ("depth", 3)]),
            voc_object("dog", (0, 0, 500, 375)),
            voc_object("cat & mouse", (9, 19, 30, 40)),
            voc_object("dog", (4, 5, 7, 8)),
            voc_object("bird", (1, 1, 5, 5), difficult=1),
        ],
        "val_2": [voc_object("n02084071", (0, 1, 2, 3))],  # its name is the file's
        "val_3": [("filename", "nothing.jpg")],
    }
    for name, members in files.items():
        root = xml("annotation", members)
        ElementTree.indent(root)
        path = folder / "Annotations" / f"{name}.xml"
        ElementTree.ElementTree(root).write(path, "utf-8", xml_declaration=True)
        path.write_bytes(path.read_bytes() + b"\n")


def write_wsol(folder: Path) -> None:
    """Lines about other photos, as after shortening image_ids.txt, are ignored."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in {
        "image_ids": ["val/b.jpg", "val/a.jpg"],
        "class_labels": ["val/a.jpg,5", "val/b.jpg,6", "val/c.jpg,7"],
        "localization": [
            *("val/a.jpg,0,0,9,9", "val/b.jpg,1,2,3,4"),
            *("val/a.jpg,1,1,2,2", "val/c.jpg,1,1,2,2"),
        ],
        "image_sizes": ["val/a.jpg,9,10", "val/b.jpg,100,90"],
    }.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", "utf-8")


def line_of(name: str, item: Item) -> str:
    photo, classes, boxes, size = item
    return "\t".join(
        [
            name,
            photo,
            "|".join(classes),
            "|".join(" ".join(f"{side:g}" for side in box) for box in boxes),
            f"{size[0]} x {size[1]}" if size else "0 x 0",
        ]
    )


if __name__ == "__main__":
    OUT = Path(sys.argv[1])
    write_csv(OUT / "csv")
    write_coco(OUT / "coco")
    write_voc(OUT / "voc")
    write_wsol(OUT / "wsol")
    LINES = [line_of(name, item) for name, items in ITEMS.items() for item in items]
    (OUT / "expected.txt").write_text("\n".join(LINES) + "\n", "utf-8")
