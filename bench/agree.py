"""A fast answer that is another answer is none: all services must give the
same first class, and nearly the same box, on the photos they are timed with."""

from __future__ import annotations

import base64
import json
from io import BytesIO

from accuracy import overlap
from photos import Photo
from PIL import Image
from services import Service

# int8 is a little off, and OpenCV's resize is not Pillow's.
LEAST_IOU = 0.9


def ask(service: Service, photo: Photo) -> dict:
    """The answer, with the overlay's size in it. The others have the paper's rule for
    boxes, and no options."""
    target = photo.target + ("&" if "?" in photo.target else "?") + "box=paper"
    status, body = service.request(
        "POST", target, photo.path.read_bytes(), photo.media
    )
    if status != 200:
        raise SystemExit(f"bench: {service.name} answers {status}: {body[:300]!r}")
    answer = json.loads(body)
    with Image.open(BytesIO(base64.b64decode(answer["heatmap"]))) as overlay:
        answer["overlay"] = overlay.size
    return answer


def check(services: list[Service], photos: dict[str, Photo]) -> list[dict]:
    """What each says; stops where one says something else than the first."""
    rows = []
    for name, photo in photos.items():
        truth = ask(services[0], photo)
        for service in services:
            found = ask(service, photo)
            iou = overlap(truth["box"], found["box"])
            rows.append(
                {
                    "photo": name,
                    "service": service.name,
                    "class": found["class"],
                    "label": found["classes"][0]["label"],
                    "logit": found["classes"][0]["logit"],
                    "iou": iou,
                }
            )
            same = (found["class"], found["overlay"]) == (
                truth["class"],
                truth["overlay"],
            )
            if not same or iou < LEAST_IOU or len(found["classes"]) != 5:
                raise SystemExit(
                    f"bench: {service.name} answers otherwise about {photo.path}: "
                    f"{rows[-1]}, an overlay of {found['overlay']}; "
                    f"{services[0].name}: {truth['class']}, {truth['overlay']}"
                )
    return rows
