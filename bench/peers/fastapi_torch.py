"""FastAPI, PyTorch and pytorch-grad-cam: the peer (a) of bench/README.md.

The network is tools/reference's, with the weights of model.onnx. Grad-CAM's
map of such a network is the class activation map up to a factor, without what
is negative (Selvaraju et al. 2017, section 3)."""

from __future__ import annotations

import base64
import importlib.machinery
import json
import os
import sys
import threading
import types

import cv2
import numpy as np
import orjson
import torch
from answer import MODEL, PNG, box_of, classes, decode, fit, network_input
from torch_model import network
from web import application


def stand_in(name: str, **content: object) -> None:
    """pytorch-grad-cam imports torchvision for what is not used here, and its
    wheels want a PyTorch with CUDA."""
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__dict__.update(content)
    sys.modules[name] = module


try:
    import torchvision  # noqa: F401
except ImportError:
    names = {"Compose": None, "Normalize": None, "ToTensor": None, "resize": None}
    for module_name in ("", ".transforms", ".transforms.functional"):
        stand_in(f"torchvision{module_name}", **names)

from pytorch_grad_cam import GradCAM  # noqa: E402
from pytorch_grad_cam.utils.image import show_cam_on_image  # noqa: E402

SIDE = json.loads((MODEL / "model.json").read_text(encoding="utf-8"))["input"]["width"]
torch.set_num_threads(int(os.environ.get("BENCH_THREADS", "1")))


class Explained(torch.nn.Module):
    """The network with its last feature map as a module of its own, which is
    what GradCAM takes hold of."""

    def __init__(self, lite: torch.nn.Module) -> None:
        super().__init__()
        self.lite, self.last = lite, torch.nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.last(self.lite.features(x))
        return self.lite._fc(features.mean([2, 3]))


class Worker(threading.local):
    """GradCAM keeps what it saw in itself: one a thread, with a network."""

    def __init__(self) -> None:
        model = Explained(network(MODEL))
        self.cam = GradCAM(model=model, target_layers=[model.last])


worker = Worker()


def work(body: bytes, longest: int | None) -> bytes:
    """Classes, map, box and overlay."""
    photo = decode(body)
    x = torch.from_numpy(network_input(photo, SIDE))
    # The best class, from one pass forward and one back.
    mask = worker.cam(input_tensor=x, targets=None)[0]
    found = classes(worker.cam.outputs[0].detach().numpy())
    height, width = photo.shape[:2]
    mask = cv2.resize(mask, (width, height))
    shown = fit(photo, longest)
    size = (shown.shape[1], shown.shape[0])
    drawn = mask if shown is photo else cv2.resize(mask, size)
    overlay = show_cam_on_image(np.float32(shown) / 255, drawn)
    png = cv2.imencode(".png", overlay, PNG)[1]
    return orjson.dumps(
        {
            "image": {"width": width, "height": height},
            "classes": found,
            "class": found[0]["index"],
            "box": box_of(mask),
            "heatmap": base64.b64encode(png).decode("ascii"),
        }
    )


app = application(work)
