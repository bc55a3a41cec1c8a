"""Foreign models: what onnxruntime computes with them, the network that is read computes too; what
no network expresses gets one sentence that names the node.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from alexnet.formats import Checkpoint, FormatError
from alexnet.formats.onnx import describe, read
from alexnet.network.layers import (
    Activation,
    AveragePool,
    Conv,
    CrossMapNorm,
    Dropout,
    FullyConnected,
    MaxPool,
    Shared,
)
from formats.onnx_made import close, laid, model_of, node, our_output, random, theirs

Nodes = list[onnx.NodeProto]
Constants = dict[str, np.ndarray]


def same(folder: Path, model: onnx.ModelProto, *shape: int, tolerance: float = 1e-5) -> Checkpoint:
    """The model read, after its output was found to be onnxruntime's."""
    inputs = random(*(shape or (2, 3, 12, 12)), seed=5)
    (expected,) = theirs(model, inputs).values()
    found = read(laid(folder, model))
    assert describe(folder / "model.onnx").network == found.network
    close(our_output(found, inputs), expected, tolerance)
    return found


def refused(folder: Path, model: onnx.ModelProto) -> str:
    path = laid(folder, model)
    said = ""
    for reading in (read, describe):
        with pytest.raises(FormatError) as raised:
            reading(path)
        assert not said or said == str(raised.value)
        said = str(raised.value)
    assert said.startswith(f"{path}: ") and "\n" not in said and len(said) < 600
    return said.removeprefix(f"{path}: ")


def kinds(found: Checkpoint) -> list[str]:
    return [layer.kind for layer in found.network][1:]


# --- windows --------------------------------------------------------------------------------------


def drawn_windows(seed: int) -> onnx.ModelProto:
    """A convolution or a pool of any window, stride and padding, the map padded or cut."""
    draw = np.random.default_rng(seed)
    operator = ("Conv", "MaxPool", "AveragePool")[draw.integers(3)]
    height, width = (int(draw.integers(4, 14)) for _ in "hw")
    width = height if draw.integers(3) else width
    size, pads = int(draw.integers(1, 6)), [int(n) for n in draw.integers(0, 3, 4)]
    more: dict[str, object] = {
        "kernel_shape": [size] * 2,
        "strides": [int(draw.integers(1, 4))] * 2,
    }
    kind = draw.integers(5)
    if kind == 0:
        more["auto_pad"] = ("SAME_UPPER", "SAME_LOWER", "VALID")[draw.integers(3)]
    elif kind < 4:
        more["pads"] = (pads[:1] * 4, pads[:1] * 2 + pads[1:2] * 2, pads)[kind - 1]
    if operator != "Conv":
        more["ceil_mode"] = int(draw.integers(2))
    if operator == "AveragePool":
        more["count_include_pad"] = int(draw.integers(2))
    constants: Constants = {"w": random(4, 3, size, size)} if operator == "Conv" else {}
    nodes, source = Nodes(), "x"
    before = draw.integers(6)
    if before == 0:
        constants["p"] = np.array([0, 0, *draw.integers(0, 3, 2), 0, 0, *draw.integers(0, 3, 2)])
        nodes, source = [node("Pad", "x p", "padded", mode="constant")], "padded"
    elif before == 1:
        ends = [height - int(draw.integers(3)), width - int(draw.integers(3))]
        constants |= {"s": np.array([0, 0]), "e": np.array(ends), "a": np.array([2, 3])}
        nodes, source = [node("Slice", "x s e a", "cut")], "cut"
    inputs = f"{source} w" if operator == "Conv" else source
    opset = (11, 17, 20, 22)[draw.integers(4)]
    nodes.append(node(operator, inputs, "y", **more))
    return model_of(nodes, constants, shape=("N", 3, height, width), opset=opset)


def test_windows_of_any_kind_are_read_as_onnxruntime_lays_them_or_refused(tmp_path: Path) -> None:
    right = refusals = 0
    for seed in range(300):
        model = drawn_windows(seed)
        sides = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[1:]]
        inputs = random(2, *sides, seed=seed)
        try:
            expected = theirs(model, inputs)["y"]
        except Exception:  # noqa: BLE001, S112  # onnxruntime's own refusals are of several types
            continue
        try:
            found = read(laid(tmp_path, model))
        except FormatError as error:
            refusals += 1
            assert "node 'y'" in str(error) or "node 'padded'" in str(error)
            continue
        right += 1
        close(our_output(found, inputs), expected, 1e-5)
    assert right > 120 and refusals < right


def test_overhang_is_the_rule_that_rounds_up(tmp_path: Path) -> None:
    """Pads at the far edges only, as 2012's windows need them."""
    nodes = [
        node("Conv", "x conv1.weight conv1.bias", "conv1", strides=[4, 4], pads=[0, 0, 3, 3]),
        node("MaxPool", "conv1", "pool1", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]),
    ]
    constants = {"conv1.weight": random(4, 3, 11, 11), "conv1.bias": random(4)}
    model = model_of(nodes, constants, shape=("N", 3, 68, 68))
    conv, pool = same(tmp_path, model, 2, 3, 68, 68).network.layers[1:]
    assert isinstance(conv, Conv) and (conv.rule, conv.kernels[0].padding) == ("cuda-convnet", 0)
    assert isinstance(pool, MaxPool) and (pool.rule, pool.window.padding) == ("cuda-convnet", 0)
    even = model_of([node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[2, 2])])
    (pool,) = same(tmp_path, even).network.layers[1:]
    assert isinstance(pool, MaxPool) and pool.rule == "torch"


def test_one_window_over_more_than_the_map_is_the_whole_map(tmp_path: Path) -> None:
    """onnx's inception_v1 ends so."""
    for operator in ("AveragePool", "MaxPool"):
        more = {"kernel_shape": [13, 13], "pads": [0, 0, 1, 1]}
        (pool,) = same(tmp_path, model_of([node(operator, "x", "y", **more)])).network.layers[1:]
        assert isinstance(pool, AveragePool | MaxPool) and pool.window.size == 12


def test_a_padding_of_nothing_is_none_to_the_largest(tmp_path: Path) -> None:
    pads = {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1])}
    pool = node("MaxPool", "padded", "y", kernel_shape=[3, 3], strides=[2, 2])
    nodes = [node("Relu", "x", "relu"), node("Pad", "relu p", "padded"), pool]
    same(tmp_path, model_of(nodes, pads))
    low = {**pads, "low": np.array(-np.inf, np.float32)}
    same(tmp_path, model_of([node("Pad", "x p low", "padded"), pool], low))
    said = refused(tmp_path, model_of([node("Pad", "x p", "padded"), pool], pads))
    assert said.startswith("node 'y' (MaxPool): takes the largest of a map padded with 0")


# --- functions and units --------------------------------------------------------------------------

FUNCTIONS: tuple[tuple[str, Constants, dict[str, object]], ...] = (
    ("Relu x", {}, {}),
    ("Sigmoid x", {}, {}),
    ("Tanh x", {}, {}),
    ("Abs x", {}, {}),
    ("Neg x", {}, {}),
    ("Clip x a b", {"a": np.float32(0), "b": np.float32(6)}, {}),
    ("Clip x a", {"a": np.float32(0)}, {}),
    ("Pow x a", {"a": np.float32(2)}, {}),
    ("Mul x x", {}, {}),
    ("Mul x a", {"a": np.float32(0.5)}, {}),
    ("Add a x", {"a": np.array([0.5], np.float32)}, {}),
    ("Sub a x", {"a": np.array([[[1.5]]], np.float32)}, {}),
    ("Div x a", {"a": np.float32(4)}, {}),
    ("LeakyRelu x", {}, {"alpha": 0.0}),
    ("Dropout x a", {"a": np.float32(0.3)}, {}),
    ("Identity x", {}, {}),
    ("Mean x x", {}, {}),
    ("Sub x x", {}, {}),
)


@pytest.mark.parametrize(("said", "constants", "more"), FUNCTIONS, ids=lambda v: str(v)[:10])
def test_functions_are_read(
    said: str, constants: Constants, more: dict[str, object], tmp_path: Path
) -> None:
    """Behind a convolution, so that nothing is the picture's preparation."""
    operator, _, inputs = said.partition(" ")
    nodes = [
        node("Conv", "x w bias", "conv"),
        node("Abs", "conv", "abs"),
        node(operator, inputs.replace("x", "conv"), "f", **more),
        node("Sum", "abs f", "y"),
    ]
    arrays = {k: np.asarray(v) for k, v in constants.items()}
    same(tmp_path, model_of(nodes, {"w": random(4, 3, 3, 3), "bias": random(4), **arrays}))


@pytest.mark.parametrize("operator", ["Sqrt", "Log"])
def test_functions_of_positive_numbers_are_read(operator: str, tmp_path: Path) -> None:
    nodes = [node("Abs", "x", "abs"), node(operator, "abs", "y")]
    same(tmp_path, model_of(nodes))


def test_2012s_soft_relu_is_read_and_a_plain_softplus_refused(tmp_path: Path) -> None:
    nodes = [
        node("Abs", "x", "a"),
        node("Softplus", "a", "soft"),
        node("Greater", "a four", "beyond"),
        node("Where", "beyond a soft", "y"),
    ]
    found = same(tmp_path, model_of(nodes, {"four": np.array(4, np.float32)}))
    last = found.network.outputs
    assert isinstance(last, Activation) and last.function == "soft-relu"
    assert "(Where): is a softplus that ends elsewhere than at 4" in refused(
        tmp_path, model_of(nodes, {"four": np.array(5, np.float32)})
    )
    assert refused(tmp_path, model_of([node("Softplus", "x", "y")])).startswith("node 'y' (Softp")


@pytest.mark.parametrize("opset", [9, 13])
def test_softmax_runs_over_all_units_by_the_rule_of_its_version(opset: int, tmp_path: Path) -> None:
    shape = ("N", 3, 2, 2)
    whole = [node("Softmax", "x", "y", axis=1)]
    flat = [node("Flatten", "x", "flat"), node("Softmax", "flat", "y")]
    found = same(tmp_path, model_of(flat, shape=shape, opset=opset), 2, 3, 2, 2)
    assert "softmax" in kinds(found)
    if opset < 13:  # then an axis stood for all that follow
        same(tmp_path, model_of(whole, shape=shape, opset=opset), 2, 3, 2, 2)
    else:
        assert "runs over axis 1 of 'x' as N×3×2×2" in refused(
            tmp_path, model_of(whole, shape=shape, opset=opset)
        )


def test_joined_values_are_read(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x a", "a1"),
        node("Relu", "a1", "a2"),
        node("Concat", "a2 x", "both", axis=1),
        node("Concat", "x a2", "other", axis=-3),
        node("Max", "both other", "largest"),
        node("Add", "both largest", "sum"),
        node("Flatten", "sum", "flat"),
        node("Flatten", "both", "flat2"),
        node("Concat", "flat flat2", "y", axis=1),
    ]
    found = same(tmp_path, model_of(nodes, {"a": random(5, 3, 1, 1)}))
    assert kinds(found)[-1] == "concat" and found.network.shape("y") == (16, 12, 12)


# --- layers with weights --------------------------------------------------------------------------


def dense(weights: str, **more: object) -> Nodes:
    return [node("Flatten", "x", "flat"), node("Gemm", f"flat {weights}", "y", **more)]


@pytest.mark.parametrize(
    ("nodes", "bias"),
    [
        (dense("w b", transB=1), (5,)),
        (dense("w b", transB=1, alpha=0.5, beta=2.0), (1, 5)),
        (dense("w", transB=1, alpha=0.25), None),
        (dense("v b"), (5,)),
        (dense("v b"), (1,)),
        (dense("v b"), ()),
        ([node("Flatten", "x", "f"), node("MatMul", "f v", "m"), node("Add", "m b", "y")], (5,)),
        ([node("Flatten", "x", "f"), node("MatMul", "f v", "m"), node("Add", "b m", "y")], (1, 5)),
        ([node("Flatten", "x", "f"), node("MatMul", "f v", "y")], None),
        (
            [
                node("Flatten", "x", "f"),
                node("Transpose", "w", "t", perm=[1, 0]),
                node("MatMul", "f t", "y"),
            ],
            None,
        ),
    ],
)
def test_every_spelling_of_a_dense_layer_is_one(
    nodes: Nodes, bias: tuple[int, ...] | None, tmp_path: Path
) -> None:
    constants = {"w": random(5, 432, spread=0.1), "v": random(432, 5, spread=0.1)}
    if bias is not None:
        constants["b"] = random(*bias)
    found = same(tmp_path, model_of(nodes, constants))
    assert kinds(found) == ["fully-connected"]


SHAPES: dict[str, tuple[Nodes, Constants]] = {
    "flatten": ([node("Flatten", "r", "flat")], {}),
    "flatten from behind": ([node("Flatten", "r", "flat", axis=-3)], {}),
    "to N and the rest": ([node("Reshape", "r s", "flat")], {"s": np.array([0, -1])}),
    "to the rest and units": ([node("Reshape", "r s", "flat")], {"s": np.array([-1, 432])}),
    "there and back": (
        [
            node("Reshape", "r s", "a"),
            node("Unsqueeze", "a u", "b"),
            node("Squeeze", "b u", "c"),
            node("Reshape", "c t", "d"),
            node("Relu", "d", "e"),
            node("Flatten", "e", "flat"),
        ],
        {"s": np.array([0, 3, -1]), "u": np.array([1]), "t": np.array([-1, 3, 12, 12])},
    ),
    "by its own shape": (
        [
            node("Shape", "r", "shape"),
            node("Gather", "shape zero", "n", axis=0),
            node("Unsqueeze", "n zeros", "n1"),
            node("Concat", "n1 rest", "both", axis=0),
            node("Reshape", "r both", "flat"),
        ],
        {"zero": np.array(0), "zeros": np.array([0]), "rest": np.array([-1])},
    ),
    "by a part of its shape": (
        [
            node("Shape", "r", "shape", start=1),
            node("Shape", "r", "first", end=1),
            node("Slice", "shape one two", "sides"),
            node("Gather", "shape zeros", "channels"),
            node("ReduceProd", "sides", "area", keepdims=1),
            node("Mul", "area channels", "units"),
            node("Concat", "first units", "both", axis=0),
            node("Cast", "both", "cast", to=7),
            node("Reshape", "r cast", "flat"),
        ],
        {"one": np.array([1]), "two": np.array([3]), "zeros": np.array([0])},
    ),
}


@pytest.mark.parametrize("spelling", SHAPES)
def test_every_way_to_a_vector_leaves_nothing_behind(spelling: str, tmp_path: Path) -> None:
    between, constants = SHAPES[spelling]
    nodes = [node("Relu", "x", "r"), *between, node("Gemm", "flat w", "y", transB=1)]
    found = same(tmp_path, model_of(nodes, {**constants, "w": random(5, 432)}))
    assert set(kinds(found)) == {"activation", "fully-connected"}


def test_channels_last_as_keras_has_them_are_put_first(tmp_path: Path) -> None:
    """The picture N×rows×columns×channels, and a dense layer over rows, columns, channels."""
    nodes = [
        node("Transpose", "x", "first", perm=[0, 3, 1, 2]),
        node("Conv", "first conv/kernel:0 bias", "conv", auto_pad="SAME_UPPER", strides=[2, 2]),
        node("Transpose", "conv", "last", perm=[0, 2, 3, 1]),
        node("Relu", "last", "relu"),
        node("Add", "relu each", "shifted"),
        node("Flatten", "shifted", "flat"),
        node("MatMul", "flat dense/kernel:0", "y"),
    ]
    constants = {
        "conv/kernel:0": random(4, 3, 3, 3),
        "bias": random(4),
        "each": np.array(0.5, np.float32),
        "dense/kernel:0": random(6 * 5 * 4, 7),
    }
    model = model_of(nodes, constants, shape=("N", 12, 10, 3))
    inputs = random(2, 12, 10, 3)
    found = read(laid(tmp_path, model))
    assert [x.name for x in found.network] == ["x", "conv", "relu", "shifted", "dense"]
    close(our_output(found, inputs.transpose(0, 3, 1, 2)), theirs(model, inputs)["y"], 1e-5)


def test_norms_are_put_into_what_stands_before_them(tmp_path: Path) -> None:
    norm = {f"bn.{n}": np.abs(random(4, seed=n)) + 0.1 for n in range(4)}
    nodes = [
        node("Conv", "x w", "conv"),
        node("BatchNormalization", "conv bn.0 bn.1 bn.2 bn.3", "bn", epsilon=0.01),
        node("Mul", "bn scale", "scaled"),
        node("Add", "scaled shift", "shifted"),
        node("Relu", "shifted", "y"),
    ]
    more = {"w": random(4, 3, 3, 3), "scale": random(4, 1, 1), "shift": random(1, 4, 1, 1)}
    found = same(tmp_path, model_of(nodes, {**norm, **more}))
    assert kinds(found) == ["conv", "activation"]
    again = [node("Relu", "conv", "relu"), node("Add", "relu y", "z")]
    both = same(tmp_path, model_of([*nodes, *again], {**norm, **more}))
    # read twice, the convolution stays; scales are one more, into which the others go
    assert kinds(both) == ["conv", "conv", "activation", "activation", "elementwise-sum"]


def test_what_scales_channels_alone_is_a_convolution_of_1x1(tmp_path: Path) -> None:
    norm = {f"bn.{n}": np.abs(random(3, seed=n)) + 0.1 for n in range(4)}
    nodes = [
        node("Relu", "x", "relu"),
        node("BatchNormalization", "relu bn.0 bn.1 bn.2 bn.3", "y"),
    ]
    (_, _, conv) = same(tmp_path, model_of(nodes, norm)).network.layers
    assert isinstance(conv, Conv) and conv.kernels[0].groups == 3


def test_a_bias_for_each_pixel_is_an_unshared_one(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w", "conv"), node("Add", "conv b", "y")]
    found = same(tmp_path, model_of(nodes, {"w": random(4, 3, 3, 3), "b": random(4, 10, 10)}))
    (_, conv) = found.network.layers
    assert isinstance(conv, Conv) and conv.bias == "unshared"


def test_some_of_the_channels_are_a_convolutions_connections(tmp_path: Path) -> None:
    """Two towers as TensorFlow's ports of 2012 split them, and channels in any order."""
    nodes = [
        node("Relu", "x", "relu"),
        node("Split", "relu", "left right", axis=1),
        node("Conv", "left a", "a1", pads=[1] * 4),
        node("Conv", "right b", "b1", pads=[1] * 4),
        node("Concat", "a1 b1", "both", axis=1),
        node("Gather", "both places", "some", axis=1),
        node("Slice", "some from to one", "cut"),
        node("Conv", "cut c", "y", group=2),
    ]
    constants = {
        "a": random(4, 2, 3, 3),
        "b": random(4, 2, 3, 3),
        "c": random(4, 2, 3, 3),
        "places": np.array([7, 1, 0, 5, 2]),
        "from": np.array([0, 0, 0]),
        "to": np.array([4, 11, 11]),
        "one": np.array([1, 2, 3]),
    }
    nodes.insert(0, node("Conv", "p spread", "x"))
    constants["spread"] = random(4, 3, 1, 1)
    model = model_of(nodes, constants)
    model.graph.input[0].name = "p"
    found = same(tmp_path, model)
    last = found.network.outputs
    assert isinstance(last, Conv) and last.kernels[0].connections == (7, 1, 0, 5)


def test_sets_of_maps_normalised_apart_are_groups(tmp_path: Path) -> None:
    """What is written here for norms that never cross a tower's border."""
    nodes = [
        node("Conv", "x w", "conv"),
        node("Reshape", "conv deal", "sets"),
        node("LRN", "sets", "normed", size=3, alpha=0.5, beta=0.75, bias=2.0),
        node("Reshape", "normed back", "y"),
    ]
    constants = {
        "w": random(6, 3, 3, 3),
        "deal": np.array([-1, 3, 10, 10]),
        "back": np.array([-1, 6, 10, 10]),
    }
    (*_, norm) = same(tmp_path, model_of(nodes, constants)).network.layers
    assert isinstance(norm, CrossMapNorm) and (norm.groups, norm.alpha_divided) == (2, True)


def test_parts_of_one_layer_are_joined(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x a.weight bias", "left", pads=[1] * 4),
        node("Conv", "x b.weight", "right"),
        node("Sum", "left right", "y"),
    ]
    constants = {"a.weight": random(4, 3, 3, 3), "b.weight": random(4, 3, 1, 1), "bias": random(4)}
    (_, conv) = same(tmp_path, model_of(nodes, constants)).network.layers
    assert isinstance(conv, Conv) and conv.name == "y" and len(conv.kernels) == 2
    both = {**constants, "more": random(4)}
    nodes[1] = node("Conv", "x b.weight more", "right")
    assert len(same(tmp_path, model_of(nodes, both)).network.layers) == 4


def test_arrays_that_layers_share_are_one_in_memory(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x w", "a", pads=[1] * 4),
        node("Relu", "a", "b"),
        node("Conv", "b w", "y", pads=[1] * 4),
    ]
    found = same(tmp_path, model_of(nodes, {"w": random(3, 3, 3, 3)}))
    first, second = found.arrays.values()
    assert first is second and not any(
        isinstance(kernel.initial, Shared)
        for layer in found.network
        if isinstance(layer, Conv)
        for kernel in layer.kernels
    )
    assert any("are those of other layers too" in note for note in found.notes)


def test_constants_are_computed_as_the_graph_says(tmp_path: Path) -> None:
    nodes = [
        node("ConstantOfShape", "shape", "w", value=onnx.numpy_helper.from_array(random(1))),
        node("Conv", "x w", "conv"),
        node("Constant", "", "two", value_float=2.0),
        node("Constant", "", "ints", value_ints=[1, 4, 1, 1]),
        node("Mul", "plain two", "double"),
        node("Sqrt", "double", "root"),
        node("Neg", "root", "less"),
        node("Reshape", "less ints", "bias"),
        node("Add", "conv bias", "sum"),
        node("Flatten", "sum", "flat"),
        node("Cast", "exact", "single", to=1),
        node("Gemm", "flat single", "y"),
    ]
    constants = {
        "shape": np.array([4, 3, 3, 3]),
        "plain": np.abs(random(4)),
        "exact": random(400, 3).astype(np.float64),
    }
    assert kinds(same(tmp_path, model_of(nodes, constants))) == ["conv", "fully-connected"]


# --- pictures and outputs -------------------------------------------------------------------------


def test_means_and_scales_of_the_picture_become_the_contract(tmp_path: Path) -> None:
    nodes = [
        node("Sub", "x mean", "less"),
        node("Div", "less deviation", "ready"),
        node("Relu", "ready", "y"),
    ]
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    sides = (1, 3, 1, 1)
    constants = {
        "mean": mean.reshape(sides).astype(np.float32),
        "deviation": deviation.reshape(sides).astype(np.float32),
    }
    found = read(laid(tmp_path, model_of(nodes, constants)))
    assert found.contract.mean == (0.485, 0.456, 0.406)
    assert found.contract.deviation == pytest.approx((0.229, 0.224, 0.225), rel=1e-6)
    assert found.contract.pixel_maximum == 1.0
    assert any("1 is assumed, for the mean" in note for note in found.notes)
    said = {"Image.BitmapPixelFormat": "Bgr8", "Image.NominalPixelRange": "NominalRange_0_255"}
    found = read(laid(tmp_path, model_of(nodes, constants, metadata=said)))
    assert (found.contract.channel_order, found.contract.pixel_maximum) == ("BGR", 255.0)
    assert not any("assumed" in note for note in found.notes)


def test_a_picture_that_is_read_prepared_and_raw_is_refused(tmp_path: Path) -> None:
    nodes = [
        node("Sub", "x mean", "less"),
        node("Relu", "less", "a"),
        node("Relu", "x", "b"),
        node("Add", "a b", "y"),
    ]
    said = refused(tmp_path, model_of(nodes, {"mean": np.array(3, np.float32)}))
    assert said == "node 'b' (Relu): reads the picture otherwise prepared than another node does"


def test_the_first_output_is_read_and_what_only_others_need_left_out(tmp_path: Path) -> None:
    nodes = [node("Relu", "x", "y"), node("Erf", "x", "z")]
    found = read(laid(tmp_path, model_of(nodes, outputs=["y", "z"])))
    assert kinds(found) == ["activation"]
    assert any("left out with what only they need: 'z'" in note for note in found.notes)


def test_a_batch_that_is_said_is_no_side_of_anything(tmp_path: Path) -> None:
    nodes = [node("Reshape", "x s", "flat"), node("Gemm", "flat w", "y", transB=1)]
    constants = {"s": np.array([2, 432]), "w": random(5, 432)}
    same(tmp_path, model_of(nodes, constants, shape=(2, 3, 12, 12)))
    said = refused(tmp_path, model_of(nodes, constants, shape=(4, 3, 12, 12)))
    assert said.startswith("node 'flat' (Reshape): makes 2×432 of 'x' as N×3×12×12")


def test_names_that_are_not_lawful_here_are_changed_and_said(tmp_path: Path) -> None:
    nodes = [node("Relu", "x", "/a/b.c/Relu_output_0"), node("Abs", "/a/b.c/Relu_output_0", "y z")]
    nodes[1].output[:] = ["y z"]
    found = read(laid(tmp_path, model_of(nodes)))
    assert [layer.name for layer in found.network] == ["x", "a/b_c/Relu", "y_z"]
    assert any("'y z' is y_z" in note for note in found.notes)


# --- what torch exports ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch", ["open", "one"])
def test_networks_that_torch_exports_are_read(batch: str, tmp_path: Path) -> None:
    """torchvision's layout, and LocalResponseNorm, which torch writes as operators and an If."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 11, stride=4, padding=2),
        nn.ReLU(inplace=True),
        nn.LocalResponseNorm(5, alpha=0.1, beta=0.75, k=2.0),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        nn.Conv2d(8, 12, 5, padding=2, groups=2, bias=False),
        nn.BatchNorm2d(12),
        nn.Hardtanh(0.0, 6.0),
        nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(12 * 16, 10),
        nn.Sigmoid(),
        nn.Linear(10, 4),
        nn.Softmax(dim=1),
    ).eval()
    path = tmp_path / "model.onnx"
    torch.onnx.export(
        module,
        (torch.zeros(1, 3, 63, 63),),
        str(path),
        dynamo=False,
        input_names=["picture"],
        output_names=["scores"],
        dynamic_axes={"picture": {0: "N"}} if batch == "open" else None,
    )
    inputs = random(2, 3, 63, 63)
    with torch.inference_mode():
        expected = module(torch.from_numpy(inputs)).numpy()
    found = read(path)
    close(our_output(found, inputs), expected, 1e-5)
    assert kinds(found) == [
        "conv", "activation", "cross-map-norm", "max-pool", "conv", "activation", "average-pool",
        "fully-connected", "activation", "fully-connected", "softmax",
    ]  # fmt: skip
    dense = [x.name for x in found.network if isinstance(x, FullyConnected)]
    assert dense == ["10", "12"] and not any(isinstance(x, Dropout) for x in found.network)


# --- what no network is ---------------------------------------------------------------------------

W = {"w": random(4, 3, 3, 3), "m": random(432, 5), "wide": random(4, 3, 1, 3)}
FLAT = node("Flatten", "x", "flat")

REFUSED: tuple[tuple[Nodes, str], ...] = (
    ([FLAT, node("LogSoftmax", "flat", "y")],
     "node 'y' (LogSoftmax): takes the logarithm within the softmax, which no layer here does"),
    ([node("Erf", "x", "y")], "node 'y' (Erf): is an operator that no layer here is"),
    ([node("Resize", "x - two", "y")], "node 'y' (Resize): is an operator that no layer"),
    ([node("Conv", "x x", "y")], "its input 1 is computed in the graph; it must be constant"),
    ([node("Conv", "x wide", "y")], "its weights' window is [1, 3]; only square windows"),
    ([node("Conv", "x w", "y", strides=[1, 2])], "its strides is [1, 2]; only square windows"),
    ([node("Conv", "x w", "y", dilations=[2, 2])], "its windows are dilated; only dense ones"),
    ([node("Conv", "x w", "y", group=3)], "has weights [4, 3, 3, 3] and 3 groups for 3 channels"),
    ([node("Conv", "x w", "y", kernel_shape=[5, 5])], "its kernel_shape contradicts its weights"),
    ([node("Conv", "x w", "y", pads=[-1, 0, 0, 0])], "its pads are [-1, 0, 0, 0]; four are read"),
    ([node("Gemm", "x m", "y")], "reads 'x' as N×3×12×12; it must be N×units"),
    ([FLAT, node("Gemm", "flat m", "y", transA=1)], "its transA turns pictures into units"),
    ([FLAT, node("Gemm", "flat m", "y", transB=1)], "its weights are for 5 units; 'x' has 432"),
    ([FLAT, node("MatMul", "m flat", "y")], "its input 0 is constant; it must be what a layer"),
    ([FLAT, node("Relu", "flat", "r"), node("MaxPool", "r", "y", kernel_shape=[2, 2])],
     "reads 'r' as N×432; it must be maps"),
    ([node("LRN", "x", "y", size=4)], "its size is 4; odd sizes are read"),
    ([node("LRN", "x", "y", size=5, bias=0.0)], "k is 0.0; it must be positive"),
    ([node("Clip", "x one two", "y")], "keeps values in 1 … 2; only 0 … a is a function here"),
    ([node("Pow", "x third", "y")], "takes the power 0.3333; 2, 1/2 and 1 are functions"),
    ([node("LeakyRelu", "x", "y")], "its alpha is 0.01; a slope below 0 is no function here"),
    ([node("Div", "one x", "y")], "divides by what a layer gives, which no layer does here"),
    ([node("Relu", "x", "a"), node("Mul", "a x", "y")], "two layers' outputs what no layer does"),
    ([node("Relu", "x", "a"), node("Mul", "a map", "y")], "multiplies every pixel by a number"),
    ([node("Relu", "x", "a"), node("Add", "a map", "y")], "adds a number for each pixel to 'a'"),
    ([node("Conv", "x w", "a"), node("Add", "a x", "y")], "joins values of 2 shapes"),
    ([node("Transpose", "x", "y", perm=[0, 1, 3, 2])], "turns 'x' as N×3×12×12 to the order"),
    ([node("Reshape", "x odd", "y")], "makes 6×-1 of 'x' as N×3×12×12, which no layer does here"),
    ([node("Concat", "x x", "y", axis=2)], "joins along axis 2; 1, the channels, is read"),
    ([node("MaxPool", "x", "y z", kernel_shape=[2, 2]), node("Cast", "z", "q", to=1)],
     "says where the largest stand, which no layer does here"),
    ([node("Dropout", "x one", "y")], "drops 1 of all units; it must be 0 or more and below 1"),
    ([node("Dropout", "x third one", "y")], "drops units at test time too"),
    ([node("Softmax", "x", "y")], "runs over axis 3 of 'x' as N×3×12×12; all units of a picture"),
    ([node("Pad", "x pads", "y", mode="reflect")], "pads by the mode 'reflect'"),
    ([node("Identity", "x", "y")], "has no layer that says anything of a picture"),
    ([node("Slice", "x from to", "y")], "node 'y' (Slice): takes every 1. of axis 0, or none"),
    ([node("BatchNormalization", "x one one one one", "y")], "do not fit the 3 channels it reads"),
    ([node("Relu", "one", "a"), node("Mul", "x a", "y")], "'a' (Relu): computes with constants"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("nodes", "said"), REFUSED, ids=lambda v: v[:40] if isinstance(v, str) else ""
)
def test_what_no_network_is_gets_a_sentence_that_names_the_node(
    nodes: Nodes, said: str, tmp_path: Path
) -> None:
    constants = {
        **W,
        "one": np.array([1], np.float32),
        "two": np.array(2, np.float32),
        "third": np.array(0.3333, np.float32),
        "map": random(3, 12, 12),
        "odd": np.array([6, -1]),
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        "from": np.array([1]),
        "to": np.array([2]),
    }
    last = nodes[-1].output[0]
    assert said in refused(tmp_path, model_of(nodes, constants, outputs=[last]))


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        (("N", 3, "H", "W"), "input 'x' is ?×3×?×?; it must be N×channels×rows×columns, all but N"),
        (("N", 12), "input 'x' is ?×12; it must be N×channels×rows×columns"),
        (("N", 5, 12, 12), "takes pictures of 5 channels; 3 or 1 are read"),
        (("N", 3, 0, 12), "input 'x' is ?×3×0×12"),
        (("N", 3, 2**40, 12), "input 'x' is ?×3×1099511627776×12"),
    ],
)
def test_pictures_of_open_or_strange_sides_are_refused(
    shape: tuple[int | str, ...], said: str, tmp_path: Path
) -> None:
    assert said in refused(tmp_path, model_of([node("Relu", "x", "y")], shape=shape))


def test_integers_and_second_inputs_are_refused(tmp_path: Path) -> None:
    model = model_of([node("Relu", "x", "y")], kind=onnx.TensorProto.INT64)
    assert "is of type 7; pictures are real numbers or bytes" in refused(tmp_path, model)
    model = model_of([node("Add", "x z", "y")])
    model.graph.input.append(onnx.helper.make_tensor_value_info("z", 1, ["N", 3, 12, 12]))
    assert "its output needs 2 inputs (there are: 'x', 'z')" in refused(tmp_path, model)


def test_operators_of_other_makers_are_refused(tmp_path: Path) -> None:
    model = model_of([node("Relu", "x", "y", domain="com.microsoft")])
    assert "is an operator of 'com.microsoft'; only the standard ones" in refused(tmp_path, model)


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div", "Neg"])
def test_bytes_are_moved_about_and_not_computed_with(operator: str, tmp_path: Path) -> None:
    """A graph's 3 − 100 is 159 where both are bytes: no real arithmetic says so."""
    inputs = "p" if operator == "Neg" else "p hundred"
    constants = {"hundred": np.uint8([100]), "w": random(4, 3, 3, 3), "m": np.float32([100])}
    moved = node("Transpose", "x", "p", perm=[0, 3, 1, 2])
    rest = [node("Cast", "s", "f", to=1), node("Conv", "f w", "y")]
    bytes_in: dict[str, object] = {"kind": onnx.TensorProto.UINT8, "shape": ("N", 12, 12, 3)}
    model = model_of([moved, node(operator, inputs, "s"), *rest], constants, **bytes_in)
    said = f"node 's' ({operator}): computes with bytes; they must be cast to real numbers first"
    assert refused(tmp_path, model) == said
    cast = [moved, node("Cast", "p", "f", to=1), node("Sub", "f m", "s"), node("Conv", "s w", "y")]
    found = read(laid(tmp_path, model_of(cast, constants, **bytes_in)))
    assert found.contract.mean == (100.0, 100.0, 100.0)


def test_constants_of_nodes_of_one_name_are_each_their_own(tmp_path: Path) -> None:
    nodes = [node("Flatten", "x", "v0")]
    for i in range(2):
        tensor = onnx.numpy_helper.from_array(random(12, 12, seed=i))
        nodes += [node("Constant", "", f"w{i}", value=tensor)]
        nodes[-1].name = "constant"
        nodes += [node("MatMul", f"v{i} w{i}", f"v{i + 1}")]
    same(tmp_path, model_of(nodes, shape=("N", 3, 2, 2)), 2, 3, 2, 2)
