"""How layers of a definition are read: Caffe's defaults, phases, blobs that are overwritten, what
is noted and what is refused.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from alexnet import formats
from alexnet.formats import Described, FormatError
from alexnet.network.layers import (
    Activation,
    AveragePool,
    Concat,
    Constant,
    Conv,
    CrossMapNorm,
    Dropout,
    ElementwiseSum,
    FanInGaussian,
    FanInUniform,
    FullyConnected,
    Gaussian,
    Input,
    LogisticLoss,
    MaxPool,
    Softmax,
    WithinMapNorm,
)

INPUT = 'name: "net" input: "data" input_shape { dim: 1 dim: 3 dim: 12 dim: 12 }\n'
SCORES = 'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param'
FC = SCORES + " { num_output: 4 } }\n"


def described(text: str, folder: Path) -> Described:
    path = folder / "net.prototxt"
    path.write_text(text, encoding="utf-8")
    return formats.describe(path)


def one(kind: str, settings: str = "", bottom: str = "data") -> str:
    """A layer called "x" that reads "data"."""
    return f'layer {{ name: "x" type: "{kind}" bottom: "{bottom}" top: "x" {settings} }}\n'


def refused(text: str, folder: Path) -> str:
    with pytest.raises(FormatError) as caught:
        described(text, folder)
    return str(caught.value)


# --- defaults -------------------------------------------------------------------------------------


def test_caffes_defaults_are_those_of_caffe_proto(tmp_path: Path) -> None:
    text = INPUT + one("LRN") + one("Dropout", bottom="x")
    text += one("Pooling", "pooling_param { kernel_size: 3 }", bottom="x")
    text += one("Convolution", "convolution_param { num_output: 2 kernel_size: 2 }", bottom="x")
    _, norm, drop, pool, conv = described(text, tmp_path).network
    assert isinstance(norm, CrossMapNorm)
    assert (norm.size, norm.alpha, norm.beta, norm.k) == (5, 1.0, 0.75, 1.0)
    assert norm.alpha_divided
    assert isinstance(drop, Dropout)
    assert (drop.keep, drop.scaling) == (0.5, "train")
    assert isinstance(pool, MaxPool)
    assert (pool.window.stride, pool.window.padding, pool.rule) == (1, 0, "caffe")
    assert isinstance(conv, Conv)
    assert (conv.kernels[0].stride, conv.kernels[0].padding, conv.kernels[0].groups) == (1, 0, 1)
    assert (conv.kernels[0].initial, conv.bias) == (Constant(0.0), "shared")


FILLERS = {
    "constant": ('type: "constant" value: 0.5', Constant(0.5)),
    "none": ("", Constant(0.0)),
    "gaussian": ('type: "gaussian" std: 0.02', Gaussian(0.02)),
    "xavier": ('type: "xavier"', FanInUniform(math.sqrt(3))),
    "msra": ('type: "msra"', FanInGaussian(math.sqrt(2))),
    # 3 channels of 2×2: 12 weights meet in a unit
    "uniform": ('type: "uniform" min: -0.5 max: 0.5', FanInUniform(0.5 * math.sqrt(12))),
    # 8 filters: fan-out is 8·2·2 = 32
    "fan out": ('type: "msra" variance_norm: FAN_OUT', FanInGaussian(math.sqrt(2 * 12 / 32))),
    "average": ('type: "xavier" variance_norm: AVERAGE', FanInUniform(math.sqrt(3 * 12 / 22))),
    "lopsided": ('type: "uniform" min: 0 max: 1', Constant(0.0)),
    "bilinear": ('type: "bilinear"', Constant(0.0)),
}


@pytest.mark.parametrize("name", FILLERS)
def test_fillers_are_ways_of_drawing(name: str, tmp_path: Path) -> None:
    written, wanted = FILLERS[name]
    settings = f"num_output: 8 kernel_size: 2 weight_filler {{ {written} }}"
    found = described(INPUT + one("Convolution", f"convolution_param {{ {settings} }}"), tmp_path)
    conv = found.network["x"]
    assert isinstance(conv, Conv)
    initial = conv.kernels[0].initial
    assert type(initial) is type(wanted)
    assert vars_of(initial) == pytest.approx(vars_of(wanted))
    told = any("is not known here; 0 stands in its place: x" in note for note in found.notes)
    assert told == (name in ("lopsided", "bilinear"))


def vars_of(initial: object) -> float:
    return float(getattr(initial, "value", None) or getattr(initial, "gain", None)
                 or getattr(initial, "deviation", 0.0))  # fmt: skip


def test_windows_may_be_said_by_height_and_width(tmp_path: Path) -> None:
    settings = "num_output: 2 kernel_h: 3 kernel_w: 3 stride_h: 2 stride_w: 2 pad_h: 1 pad_w: 1"
    conv = described(INPUT + one("Convolution", f"convolution_param {{ {settings} }}"), tmp_path)
    assert conv.network.shape("x") == (2, 6, 6)
    settings = settings.replace("kernel_w: 3", "kernel_w: 5")
    said = refused(INPUT + one("Convolution", f"convolution_param {{ {settings} }}"), tmp_path)
    assert "kernel_size is 3 and 5; only square windows are read" in said
    settings = "num_output: 2 kernel_size: 3 kernel_h: 3 kernel_w: 3"
    said = refused(INPUT + one("Convolution", f"convolution_param {{ {settings} }}"), tmp_path)
    assert "kernel_size must stand alone, or kernel_h and kernel_w in its place" in said


def test_pooling_rounds_up_unless_it_says_otherwise(tmp_path: Path) -> None:
    window = "kernel_size: 3 stride: 2"
    for more, side in (("", 6), ("round_mode: FLOOR", 5)):
        text = INPUT + one("Pooling", f"pooling_param {{ {window} {more} }}")
        assert described(text, tmp_path).network.shape("x") == (3, side, side)
    text = INPUT + one("Pooling", "pooling_param { pool: AVE global_pooling: true }")
    pool = described(text, tmp_path).network["x"]
    assert isinstance(pool, AveragePool)
    assert (pool.window.size, pool.divisor) == (12, "padded")
    said = refused(
        INPUT + one("Pooling", f"pooling_param {{ pool: STOCHASTIC {window} }}"), tmp_path
    )
    assert "pool is STOCHASTIC; MAX and AVE are read" in said


def test_functions_are_ours_where_ours_reach(tmp_path: Path) -> None:
    for kind, settings, function, parameters in (
        ("Sigmoid", "", "logistic", ()),
        ("TanH", "", "tanh", (1.0, 1.0)),
        ("AbsVal", "", "abs", ()),
        ("Power", "", "identity", ()),
        ("Power", "power_param { scale: 2 shift: -1 }", "linear", (2.0, -1.0)),
        ("Power", "power_param { power: 2 }", "square", ()),
        ("Power", "power_param { power: 0.5 }", "sqrt", ()),
        ("Log", "log_param { shift: 1 }", "log", (1.0,)),
    ):
        found = described(INPUT + one(kind, settings), tmp_path).network["x"]
        assert isinstance(found, Activation)
        assert (found.function, found.parameters) == (function, parameters)
    said = refused(INPUT + one("Power", "power_param { power: 3 }"), tmp_path)
    assert "(0 + 1·x)^3 is no function here" in said
    said = refused(INPUT + one("ReLU", "relu_param { negative_slope: 0.1 }"), tmp_path)
    assert "negative_slope is 0.1; only 0 is read" in said
    assert "base is 2" in refused(INPUT + one("Log", "log_param { base: 2 }"), tmp_path)


def test_a_norm_within_maps_has_a_k_of_1_whatever_it_says(tmp_path: Path) -> None:
    text = INPUT + one("LRN", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 k: 2 }")
    found = described(text, tmp_path)
    norm = found.network["x"]
    assert isinstance(norm, WithinMapNorm)
    assert norm.k == 1
    assert "k is 2, which Caffe takes for 1 within a map: x" in found.notes
    said = refused(INPUT + one("LRN", "lrn_param { local_size: 4 }"), tmp_path)
    assert "local_size is 4; Caffe takes odd ones only" in said


# --- blobs ----------------------------------------------------------------------------------------


def test_a_blob_is_what_the_last_layer_made_of_it(tmp_path: Path) -> None:
    """In place: the same name for a convolution, its relu and its dropout."""
    text = (
        INPUT
        + """
    layer { name: "c" type: "Convolution" bottom: "data" top: "c"
            convolution_param { num_output: 2 kernel_size: 3 } }
    layer { name: "early" type: "Pooling" bottom: "c" top: "early"
            pooling_param { kernel_size: 2 } }
    layer { name: "r" type: "ReLU" bottom: "c" top: "c" }
    layer { name: "d" type: "Dropout" bottom: "c" top: "c" }
    layer { name: "late" type: "Pooling" bottom: "c" top: "late"
            pooling_param { kernel_size: 2 } }
    """
    )
    network = described(text, tmp_path).network
    assert network["early"].reads == ("c",)
    assert network["d"].reads == ("r",)
    assert network["late"].reads == ("d",)


def test_tops_may_be_called_otherwise_than_layers(tmp_path: Path) -> None:
    text = INPUT + one("ReLU").replace('top: "x"', 'top: "somewhere"') + one(
        "Sigmoid", bottom="somewhere"
    ).replace('name: "x"', 'name: "y"')  # fmt: skip
    assert described(text, tmp_path).network["y"].reads == ("x",)
    said = refused(INPUT + one("ReLU") + one("ReLU", bottom="somewhere"), tmp_path)
    assert "layer 'x' of type ReLU: reads 'somewhere', which no earlier layer makes" in said


def test_names_are_made_lawful_and_unique(tmp_path: Path) -> None:
    text = (
        INPUT + one("ReLU").replace('name: "x"', 'name: "relu:1 é"') + one("ReLU", bottom="x") * 2
    )
    found = described(text, tmp_path)
    assert [layer.name for layer in found.network] == ["data", "relu_1__", "x", "x_2"]
    assert (
        "names that are not lawful or not unique here: 'relu:1 é' is relu_1__, 'x' is x_2"
    ) in found.notes


def test_copies_and_vectors_need_no_layer(tmp_path: Path) -> None:
    text = (
        INPUT
        + """
    layer { name: "s" type: "Split" bottom: "data" top: "a" top: "b" }
    layer { name: "f" type: "Flatten" bottom: "a" top: "f" }
    layer { name: "g" type: "Reshape" bottom: "b" top: "g"
            reshape_param { shape { dim: 0 dim: -1 } } }
    layer { name: "c" type: "Concat" bottom: "f" bottom: "g" top: "c" }
    layer { name: "e" type: "Eltwise" bottom: "a" bottom: "b" top: "e"
            eltwise_param { operation: SUM coeff: 1 coeff: -1 } }
    layer { name: "fc" type: "InnerProduct" bottom: "c" top: "fc"
            inner_product_param { num_output: 4 } }
    layer { name: "pixels" type: "Reshape" bottom: "fc" top: "pixels"
            reshape_param { shape { dim: 0 dim: 4 dim: 1 dim: 1 } } }
    layer { name: "end" type: "Convolution" bottom: "pixels" top: "end"
            convolution_param { num_output: 2 kernel_size: 1 } }
    """
    )
    network = described(text, tmp_path).network
    concat, total = network["c"], network["e"]
    assert isinstance(concat, Concat)
    assert isinstance(total, ElementwiseSum)
    assert concat.reads == total.reads == ("data", "data")
    assert total.coefficients == (1.0, -1.0)
    assert network["end"].reads == ("fc",)
    flat = INPUT + one("Flatten") + one("Pooling", "pooling_param { kernel_size: 2 }", bottom="x")
    assert "reads a map that was flattened; it needs rows and columns" in refused(flat, tmp_path)
    apart = INPUT + one("Flatten") + one("Concat", 'bottom: "data"', bottom="x")
    assert "joins flattened and other maps; they must be alike" in refused(apart, tmp_path)


# --- phases ---------------------------------------------------------------------------------------

STORES = """
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
        transform_param { crop_size: 12 mirror: true scale: 0.00390625 }
        data_param { source: "train" batch_size: 64 backend: LMDB } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
        transform_param { crop_size: 12 scale: 0.00390625 }
        data_param { source: "test" batch_size: 50 backend: LMDB } }
"""


def test_the_test_phase_is_read(tmp_path: Path) -> None:
    text = (
        STORES
        + FC
        + """
    layer { name: "noise" type: "Dropout" bottom: "fc" top: "fc" include { phase: TRAIN } }
    layer { name: "other" type: "ReLU" bottom: "fc" top: "other" include { phase: TRAIN } }
    layer { name: "apart" type: "ReLU" bottom: "fc" top: "apart" exclude { phase: TEST } }
    layer { name: "kept" type: "ReLU" bottom: "fc" top: "kept" exclude { phase: TRAIN } }
    layer { name: "staged" type: "ReLU" bottom: "fc" top: "staged" include { stage: "deploy" } }
    layer { name: "unstaged" type: "ReLU" bottom: "fc" top: "u" include { not_stage: "deploy" } }
    layer { name: "level" type: "ReLU" bottom: "fc" top: "level" include { min_level: 1 } }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
    """
    )
    found = described(text, tmp_path)
    assert [layer.name for layer in found.network] == [
        "data", "label", "fc", "noise", "kept", "unstaged", "loss_softmax", "loss"
    ]  # fmt: skip
    assert "not in the TEST phase and left out: data, other, apart, staged, level" in found.notes


def test_stages_of_the_nets_own_state_count(tmp_path: Path) -> None:
    staged = (
        'layer { name: "s" type: "ReLU" bottom: "data" top: "s" include { stage: "deploy" } }\n'
    )
    text = 'state { stage: "deploy" level: 2 }\n' + INPUT + staged
    assert "s" in described(text, tmp_path).network
    both = staged.replace("include {", "exclude { phase: TRAIN } include {")
    said = refused(INPUT + both, tmp_path)
    assert "layer 's' has include and exclude rules; it may have rules of one kind" in said


def test_a_snapshot_of_training_has_the_training_phase_alone(tmp_path: Path) -> None:
    """With the copies that Caffe makes of blobs that several layers read."""
    text = STORES.split("\nlayer")[1]
    text = (
        f"layer{text}"
        + FC
        + """
    layer { name: "fc_fc_0_split" type: "Split" bottom: "fc" top: "fc_0" top: "fc_1" }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc_0" bottom: "label" top: "loss"
            phase: TRAIN loss_weight: 1 }
    """
    )
    found = described(text, tmp_path)
    assert [x.name for x in found.network] == ["data", "label", "fc", "loss_softmax", "loss"]
    assert any("the layers of the TRAIN phase are" in note for note in found.notes)


def test_losses_read_what_they_name(tmp_path: Path) -> None:
    text = (
        STORES
        + FC.replace("4", "8")
        + """
    layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
    layer { name: "top5" type: "Accuracy" bottom: "fc" bottom: "label" top: "top5"
            accuracy_param { top_k: 5 } }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss"
            loss_weight: 0.3 }
    layer { name: "again" type: "MultinomialLogisticLoss" bottom: "prob" bottom: "label" }
    layer { name: "hinge" type: "HingeLoss" bottom: "fc" bottom: "label" }
    layer { name: "end" type: "Silence" bottom: "label" }
    """
    )
    found = described(text, tmp_path)
    loss, again = found.network["loss"], found.network["again"]
    assert isinstance(loss, LogisticLoss)
    assert (loss.reads, loss.coefficient, loss.top) == (("label", "prob"), 0.3, 5)
    assert isinstance(again, LogisticLoss)
    assert again.reads == ("label", "prob")
    assert sum(isinstance(layer, Softmax) for layer in found.network) == 1
    notes = " | ".join(found.notes)
    assert "HingeLoss is left out, for its learning goal is not known here: hinge" in notes
    assert "Silence is left out, for it says nothing: end" in notes
    assert "measures the top-5 accuracy, a loss's own count here; left out: top5" in notes


# --- what is told and refused ---------------------------------------------------------------------


def test_what_is_not_known_is_told(tmp_path: Path) -> None:
    text = (
        INPUT.replace("input:", "debug_info: true strange: 3 input:")
        + """
    layer { name: "x" type: "ReLU" bottom: "data" top: "x" quantize: true
            relu_param { engine: CAFFE } lrn_param { local_size: 5 } new_param { a: [1, 2] } }
    layer { name: "c" type: "Convolution" bottom: "x" top: "c"
            param { name: "w" lr_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
            convolution_param { num_output: 2 kernel_size: 3 axis: 1 engine: CUDNN } }
    layer { name: "d" type: "Convolution" bottom: "x" top: "d" param { name: "w" }
            convolution_param { num_output: 2 kernel_size: 3 } }
    """
    )
    notes = described(text, tmp_path).notes
    for said in (
        "not known and not read: strange",
        "not known and not read: quantize: x",
        "not known and not read: lrn_param {…}: x",
        "not known and not read: new_param: x",
        "lr_mult/decay_mult 1/1, 2/0 are rules of learning, which are not kept: c",
        "'w' is shared by c, d; here each has one of its own, as the model file does",
    ):
        assert said in notes


def test_types_that_no_network_has_are_named_all_at_once(tmp_path: Path) -> None:
    text = (
        INPUT + one("BatchNorm") + one("Deconvolution", bottom="x") + one("BatchNorm", bottom="x")
    )
    said = refused(text, tmp_path)
    assert "has layers of types that no network here has: BatchNorm ('x' in line 2, 'x' in" in said
    assert "Deconvolution ('x' in line 3)" in said


REFUSED = {
    "dilation": (
        one("Convolution", "convolution_param { num_output: 1 kernel_size: 3 dilation: 2 }"),
        "dilation is not 1; dilated windows are not read",
    ),
    "axis": (
        SCORES + " { num_output: 4 axis: 2 } }", "axis is 2; 1, the channels, is read"
    ),
    "groups": (
        one("Convolution", "convolution_param { num_output: 4 kernel_size: 3 group: 2 }"),
        "groups is 2, which does not divide the 3 channels of 'data'",
    ),
    "no filters": (
        one("Convolution", "convolution_param { kernel_size: 3 }"),
        "filters is 0; it must be at least 1",
    ),
    "no window": (one("Convolution", "convolution_param { num_output: 3 }"), "kernel_size is miss"),
    "too large": (
        one("Convolution", "convolution_param { num_output: 1 kernel_size: 13 }"),
        "a window of 13 does not fit into 12 pixels",
    ),
    "two tops": (one("ReLU", 'top: "y"'), "has 2 tops; one is read"),
    "softmax of a map": (one("Softmax"), "a softmax at every pixel of a map is not known"),
    "products": (
        one("Eltwise", 'bottom: "data" eltwise_param { operation: PROD }'),
        "operation is PROD; SUM and MAX are read",
    ),
    "too few coefficients": (
        one("Eltwise", 'bottom: "data" eltwise_param { coeff: 1 }'), "1 coefficients for 2 inputs"
    ),
    "batch axis": (one("Concat", "concat_param { axis: 0 }"), "axis is 0; 1, the channels, is"),
    "part of the axes": (one("Flatten", "flatten_param { axis: 2 }"), "flattens a part of the"),
    "other shape": (
        one("Reshape", "reshape_param { shape { dim: 0 dim: 6 dim: -1 } }"), "reshapes to [0, 6"
    ),
    "labels missing": (one("SoftmaxWithLoss"), "has 1 bottoms; scores and labels are read"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_at_its_line(name: str, tmp_path: Path) -> None:
    text, sentence = REFUSED[name]
    said = refused(INPUT + text, tmp_path)
    assert "net.prototxt: line 2: layer " in said
    assert sentence in said


def test_a_definition_says_where_its_weights_would_be_named(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(INPUT + FC, encoding="utf-8")
    with pytest.raises(FormatError, match=r"holds no weights; name the model file .*--weights"):
        formats.read(path)


# --- the text -------------------------------------------------------------------------------------


def test_texts_are_as_people_write_them(tmp_path: Path) -> None:
    """Comments in other encodings, both quotes, strings in parts, lists, angles, hexadecimals."""
    path = tmp_path / "net.prototxt"
    path.write_bytes(
        b"\xef\xbb\xbf# \xd6\xd0\xce\xc4 comment\r\n"
        b"name : 'a' \"b\\\"c\"\r\n"
        b"input: \"data\"; input_dim: [1, 0x3, 12,014]  # octal 14 is 12\r\n"
        b"layer < name: 'fc', type: 'InnerProduct' bottom: 'data' top: 'fc'\r\n"
        b"  inner_product_param: < num_output: 4; bias_term: f\r\n"
        b"    weight_filler { type: \"gaussian\" std: 1e-2f } > >"
    )  # fmt: skip
    network = formats.describe(path).network
    assert network.name == 'ab"c'
    data, scores = network
    assert isinstance(data, Input)
    assert data.shape == (3, 12, 12)
    assert isinstance(scores, FullyConnected)
    assert (scores.bias, scores.initial) == ("none", (Gaussian(0.01),))
