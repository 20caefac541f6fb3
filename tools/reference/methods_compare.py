"""Holds the definitions of methods.py to other libraries', where theirs are the
same, and to the closed forms of a head of one linear layer.

    methods_compare.py

Prints how far apart they are, as a fraction of the largest number. Needs
pytorch-grad-cam 1.5.7 and Captum 0.9.0 beside what methods.py needs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import captum.attr as captum
import numpy as np
import pytorch_grad_cam as pgc
import torch
from pytorch_grad_cam.ablation_layer import AblationLayer
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent))

import methods
import zoo


class Module(nn.Module):
    """A network of methods.py as a module: its layer is one within it, for
    libraries that hook modules, and images can be several."""

    def __init__(self, network: methods.Network, layer: str):
        super().__init__()
        self.network, self.name = network, layer
        self.layer = nn.Identity()
        self.anchor = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        images = x.split(1)
        features = [self.network.values(image)[self.name] for image in images]
        changed = self.layer(torch.cat(features)).split(1)
        return torch.stack(
            [
                self.network.logits(image, {self.name: value})
                for image, value in zip(images, changed, strict=True)
            ]
        )


def distance(a: Tensor, b) -> float:
    b = torch.as_tensor(np.asarray(b.detach() if isinstance(b, Tensor) else b))
    b = b.double().reshape(a.shape)
    return float((a.detach() - b).abs().max() / a.detach().abs().max().clamp(min=1e-12))


def apart(a: Tensor, b) -> float:
    """Like distance, of maps each by its largest number, of any sign."""
    b = torch.as_tensor(np.asarray(b)).double().reshape(a.shape)
    if min(a.abs().max(), b.abs().max()) < 1e-12:
        return float("nan")
    b = b / b.abs().max() * a.abs().max()
    return min(distance(a, b), distance(a, -b))


def raw(kind: type, module: Module, x: Tensor, t: Callable) -> np.ndarray:
    """Of pytorch-grad-cam, before its ReLU, scaling and stretching."""
    with kind(model=module, target_layers=[module.layer]) as made:
        made.batch_size = 8
        found = made.activations_and_grads(x)
        if made.uses_gradients:
            module.zero_grad()
            t(found[0]).backward()
        hooked = made.activations_and_grads
        a = hooked.activations[0].detach().numpy()
        g = hooked.gradients[0].detach().numpy() if hooked.gradients else None
        return made.get_cam_image(x, module.layer, [t], a, g, False)[0]


def compare_grad_cam(network: methods.Network, of: methods.Chosen, name: str) -> dict:
    module = Module(network, name).eval()
    x = network.image.clone().requires_grad_(True)
    layer = methods.Layer(network, name)
    made = {}
    pairs = {
        "gradcam": (pgc.GradCAM, True),
        "hirescam": (pgc.HiResCAM, False),
        "xgradcam": (pgc.XGradCAM, False),
        "layercam": (pgc.LayerCAM, True),
        "elementwise": (pgc.GradCAMElementWise, False),
        "gradcam++": (pgc.GradCAMPlusPlus, True),
    }
    for method, (kind, is_positive) in pairs.items():
        theirs = torch.as_tensor(raw(kind, module, x, of.t))
        ours = methods.OF_LAYERS[method](layer, of.t)
        theirs = theirs.relu() if is_positive else theirs
        made[method] = distance(ours, theirs)
        if method == "gradcam++":
            ours = gradcam_pp_with_epsilon(layer, of.t)
            made["gradcam++ with its epsilon"] = distance(ours, theirs)
    return made


def gradcam_pp_with_epsilon(layer: methods.Layer, t: Callable) -> Tensor:
    a, g = layer.features, layer.gradient(t)
    shares = g**2 / (2 * g**2 + a.sum((1, 2), True) * g**3 + 1e-6)
    return ((g.relu() * shares).sum((1, 2), True) * a).sum(0).relu()


def compare_perturbing(network: methods.Network, of: methods.Chosen, name: str) -> dict:
    """Ablation-CAM divides by t there, flat channels have a share in Score-CAM,
    and Eigen-CAM takes each channel's mean away first; all of which is undone."""
    module = Module(network, name).eval()
    layer = methods.Layer(network, name)
    made = {}
    with pgc.AblationCAM(
        model=module, target_layers=[module.layer], ablation_layer=AblationLayer()
    ) as theirs:
        theirs.batch_size = 8
        with torch.no_grad():
            theirs.activations_and_grads(network.image)
            a = theirs.activations_and_grads.activations[0].numpy()
            weights = theirs.get_cam_weights(
                network.image, module.layer, [of.t], a, None
            )
    whole = float(of.t(network.found))
    lost = torch.stack([whole - of.t(y) for y in layer.ablated])
    made["ablationcam: weights times t"] = distance(
        lost, torch.as_tensor(np.asarray(weights)).reshape(-1) * whole
    )
    ours = methods.scorecam(layer, of.t)
    with torch.no_grad():
        theirs = raw(pgc.ScoreCAM, module, network.image, of.t)
    made["scorecam"] = apart(ours, np.maximum(theirs, 0))
    eigen = raw(pgc.EigenCAM, module, network.image.clone().requires_grad_(True), of.t)
    centred = layer.features - layer.features.mean((1, 2), True)
    made["eigencam of centred features"] = apart(
        methods.first_component(centred), eigen
    )
    made["eigencam as it is"] = apart(methods.eigencam(layer, of.t), eigen)
    return made


def captum_module(network: methods.Network, of: methods.Chosen) -> Callable:
    return lambda x: torch.stack([of.t(network.logits(i)) for i in x.split(1)])


def compare_captum(network: methods.Network, of: methods.Chosen, name: str) -> dict:
    function, x = captum_module(network, of), network.image
    given = x.clone().requires_grad_(True)
    made = {
        "saliency": distance(
            methods.saliency(network, of.t),
            captum.Saliency(function).attribute(given)[0].amax(0),
        ),
        "gradient-input": distance(
            methods.gradient_input(network, of.t),
            captum.InputXGradient(function).attribute(given)[0].sum(0),
        ),
        "integrated-gradients": distance(
            methods.integrated_gradients(network, of.t),
            captum.IntegratedGradients(function)
            .attribute(given, n_steps=32, internal_batch_size=1)[0]
            .sum(0),
        ),
    }
    module = Module(network, name).eval()
    theirs = captum.LayerGradCam(lambda y: of.t(module(y)[0])[None], module.layer)
    made["gradcam (Captum)"] = distance(
        methods.gradcam(methods.Layer(network, name), of.t),
        theirs.attribute(given, relu_attributions=True),
    )
    return made


def compare_occlusion(network: methods.Network, of: methods.Chosen) -> float:
    """With windows of 16 x 16 at every eighth pixel, which end at the border."""
    before, network.__dict__["occluded"] = methods.windows, None
    del network.__dict__["occluded"]
    methods.windows = lambda side: (16, list(range(0, side - 15, 8)))
    ours = methods.occlusion(network, of.t)
    methods.windows = before
    del network.__dict__["occluded"]
    theirs = captum.Occlusion(captum_module(network, of)).attribute(
        network.image, (3, 16, 16), (3, 8, 8), baselines=0
    )
    return distance(ours, theirs[0, 0])


def compare_gates() -> dict:
    """Where every activation is a module nn.ReLU, on the network itself. The
    file's weights are those of halves, and so are the module's here."""
    model = zoo.make("vggnet-gap", True)
    for part in (*model.parameters(), *model.buffers()):
        if part.is_floating_point():
            part.data = part.data.half().double()
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    case = next(c for c in methods.CASES if "vggnet-gap" in c.file)
    network = methods.Network(case)
    made = {}
    for of in methods.chosen_targets(network):
        if of.kind == "logit":
            x = network.image.clone().requires_grad_(True)
            for ours, theirs in (
                (methods.guided, captum.GuidedBackprop),
                (methods.deconvnet, captum.Deconvolution),
            ):
                made[f"{ours.__name__} {of.c}"] = distance(
                    ours(network, of.t), theirs(model).attribute(x, target=of.c)
                )
    return made


def compare_closed(network: methods.Network, of: methods.Chosen) -> dict:
    """With the head's theorem: g_k = w'_k / cells everywhere."""
    layer = methods.Layer(network, network.case.last)
    a = layer.features
    cells = a[0].numel()
    cam = methods.cam(layer, of.t)
    w = layer.gradient(of.t).sum((1, 2))
    pooled = a.mean((1, 2))
    v = w.relu() / (2 + w * pooled.clamp(min=0))
    weigh = lambda weights: torch.einsum("k,kyx->yx", weights, a)  # noqa: E731
    made = {
        "gradcam": (methods.gradcam(layer, of.t), cam.relu() / cells),
        "hirescam": (methods.hirescam(layer, of.t), cam / cells),
        "xgradcam": (methods.xgradcam(layer, of.t), cam / cells),
        "gradcam++": (methods.gradcam_pp(layer, of.t), weigh(v).relu()),
        "layercam": (methods.layercam(layer, of.t), weigh(w.relu()).relu() / cells),
        "elementwise": (
            methods.elementwise(layer, of.t),
            (w[:, None, None] * a).relu().sum(0) / cells,
        ),
    }
    if of.kind != "log-score":
        bias = of.t(layer.logits(torch.zeros_like(a)))
        made["ablationcam"] = (
            methods.ablationcam(layer, of.t),
            weigh(w * pooled).relu(),
        )
        made["reciprocam"] = (methods.reciprocam(layer, of.t), cam / cells + bias)
    return {method: distance(*pair) for method, pair in made.items()}


def show(title: str, found: dict) -> None:
    print(f"  {title}: " + ", ".join(f"{k} {v:.1e}" for k, v in found.items()))
    sys.stdout.flush()


def main() -> None:
    torch.set_num_threads(1)
    wanted = sys.argv[1:]
    for case in methods.CASES:
        if case.tokens or (wanted and not any(w in case.file for w in wanted)):
            continue
        network = methods.Network(case)
        print(case.file)
        of = methods.chosen_targets(network)
        if case.pooled and not case.norm and "gmp" not in case.file:
            for one in of:
                show(f"closed, {one.kind} {one.c}", compare_closed(network, one))
        for one in of[:2]:
            for name in filter(None, (case.last, case.inner)):
                found = compare_grad_cam(network, one, name)
                show(f"pytorch-grad-cam, {one.kind}, {name}", found)
                found = compare_perturbing(network, one, name)
                show(f"its perturbations, {one.kind}, {name}", found)
            show(f"Captum, {one.kind}", compare_captum(network, one, case.last))
        if min(network.image.shape[2:]) >= 16 and all(
            (side - 16) % 8 == 0 for side in network.image.shape[2:]
        ):
            show("Captum", {"occlusion": compare_occlusion(network, of[0])})
    show("Captum, vggnet-gap", compare_gates())


if __name__ == "__main__":
    main()
