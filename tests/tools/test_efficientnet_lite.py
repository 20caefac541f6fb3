"""tools/efficientnet_lite.py: the ONNX model that it builds."""

import efficientnet_lite
import numpy as np
import onnx
import pytest
from efficientnet_lite import Network, Stage, build, same_padding

TINY = Network(
    20,
    28,
    stem_channels=8,
    head_channels=12,
    num_classes=3,
    stages=(Stage(1, 3, 1, 1, 8), Stage(2, 5, 2, 3, 8), Stage(1, 3, 1, 3, 16)),
)


def random_weights(net: Network) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    weights = {}

    def conv(name, out, inp, kernel):
        shape = (out, inp, kernel, kernel)
        weights[f"{name}.weight"] = rng.standard_normal(shape).astype("f4")

    def norm(name, channels):
        for part in ("weight", "bias", "running_mean", "running_var"):
            weights[f"{name}.{part}"] = rng.random(channels).astype("f4") + 0.5
        weights[f"{name}.num_batches_tracked"] = np.array(9)

    conv("_conv_stem", net.stem_channels, 3, 3)
    norm("_bn0", net.stem_channels)
    for i, block in enumerate(net.blocks()):
        middle = block.in_channels * block.expand
        if block.expand != 1:
            conv(f"_blocks.{i}._expand_conv", middle, block.in_channels, 1)
            norm(f"_blocks.{i}._bn0", middle)
        conv(f"_blocks.{i}._depthwise_conv", middle, 1, block.kernel)
        norm(f"_blocks.{i}._bn1", middle)
        conv(f"_blocks.{i}._project_conv", block.out_channels, middle, 1)
        norm(f"_blocks.{i}._bn2", block.out_channels)
    conv("_conv_head", net.head_channels, net.blocks()[-1].out_channels, 1)
    norm("_bn1", net.head_channels)
    weights["_fc.weight"] = np.ones((net.num_classes, net.head_channels), "f4")
    weights["_fc.bias"] = np.zeros(net.num_classes, "f4")
    return weights


def test_the_model_is_valid_and_has_the_shapes_it_promises():
    model = onnx.load_from_string(build(random_weights(TINY), TINY, "tiny"))

    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in [*inferred.graph.value_info, *inferred.graph.output]
    }
    assert shapes["features"] == [1, 12, 5, 7]
    assert shapes["logits"] == [1, 3]


def test_the_same_weights_give_the_same_bytes():
    assert build(random_weights(TINY), TINY, "tiny") == build(
        random_weights(TINY), TINY, "tiny"
    )


def test_batch_norms_stay_nodes_and_only_equal_shapes_are_added():
    model = onnx.load_from_string(build(random_weights(TINY), TINY, "tiny"))

    ops = [node.op_type for node in model.graph.node]
    norms = [n for n in model.graph.node if n.op_type == "BatchNormalization"]
    assert len(norms) == ops.count("Conv") == 2 + 2 + 3 * 3
    assert ops.count("Add") == 2  # the first block, and the second of stage 2
    for norm in norms:
        assert norm.attribute[0].name == "epsilon"
        assert norm.attribute[0].f == pytest.approx(1e-3)


@pytest.mark.parametrize("name", ["_fc.bias", "_blocks.1._bn0.running_var"])
def test_a_missing_weight_is_named(name):
    weights = random_weights(TINY)
    del weights[name]

    with pytest.raises(ValueError, match=f"lack {name}"):
        build(weights, TINY, "tiny")


def test_a_weight_too_many_is_named():
    weights = random_weights(TINY) | {"_se_reduce.weight": np.ones(1, "f4")}

    with pytest.raises(ValueError, match=r"_se_reduce\.weight"):
        build(weights, TINY, "tiny")


@pytest.mark.parametrize(
    "wrong",
    [np.zeros(4, "f4"), np.zeros(3, "f8"), np.full(3, np.nan, "f4")],
    ids=["shape", "type", "nan"],
)
def test_a_weight_of_the_wrong_kind_is_named(wrong):
    weights = random_weights(TINY) | {"_fc.bias": wrong}

    with pytest.raises(ValueError, match=r"_fc\.bias"):
        build(weights, TINY, "tiny")


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "pads"),
    [
        (224, 3, 2, (0, 1)),
        (65, 3, 2, (1, 1)),
        (112, 5, 2, (1, 2)),
        (33, 5, 2, (2, 2)),
        (7, 3, 1, (1, 1)),
        (7, 1, 1, (0, 0)),
        (8, 1, 2, (0, 0)),
    ],
)
def test_same_padding_puts_the_odd_row_at_the_end(side, kernel, stride, pads):
    assert same_padding(side, kernel, stride) == pads


@pytest.mark.parametrize(
    ("net", "channels", "count"),
    [
        # the shapes of the published weights
        (efficientnet_lite.LITE0, [16, 24, 40, 80, 112, 192, 320], 16),
        (efficientnet_lite.LITE2, [16, 24, 48, 88, 120, 208, 352], 21),
    ],
)
def test_widths_and_depths_are_the_published_ones(net, channels, count):
    blocks = net.blocks()

    assert list(dict.fromkeys(b.out_channels for b in blocks)) == channels
    assert len(blocks) == count
