"""Caffe's layers without weights as ours: pooling, norms, functions, sums and losses."""

from __future__ import annotations

from typing import Literal, TypedDict

from alexnet.formats.caffe.build import Blob, Build, error
from alexnet.formats.caffe.layers_weighted import square
from alexnet.formats.caffe.message import Message
from alexnet.formats.cuda_convnet.notes import shown
from alexnet.network.layers import (
    Activation,
    AveragePool,
    Concat,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    Function,
    Layer,
    LogisticLoss,
    MaxPool,
    Softmax,
    Window,
    WithinMapNorm,
)
from alexnet.network.shapes import elements
from alexnet.network.sizes import Rule


class Common(TypedDict):
    """What every layer has."""

    name: str
    reads: tuple[str, ...]
    source: str


def pooling(message: Message, build: Build) -> None:
    """Windows rounded up and clipped; the average is over the map and its padding
    (pooling_layer.cpp).
    """
    settings = message.message("pooling_param")
    settings.look_over("engine")
    blob, method = _map(message, build), settings.text("pool", "MAX")
    rule: Rule = "torch" if settings.text("round_mode", "CEIL") == "FLOOR" else "caffe"
    _, height, width = build.shapes[blob.layer]
    if settings.flag("global_pooling", False):
        if height != width:
            raise error(message, f"pools a whole map of {height}×{width}; only squares are read")
        window = Window(size=height, stride=1)
        settings.look_over(*settings.fields)
    else:
        window = Window(
            size=square(message, settings, "kernel_size", None),
            stride=square(message, settings, "stride", 1),
            padding=square(message, settings, "pad", 0),
        )
    common = _common(message, build, "pool", blob)
    if method == "MAX":
        layer: Layer = MaxPool(**common, window=window, rule=rule)
    elif method == "AVE":
        layer = AveragePool(**common, window=window, rule=rule, divisor="padded")
    else:
        raise error(
            message, f"pool is {method}; MAX and AVE are read, for Caffe's other is no mean at test"
        )
    build.add(message, layer, build.top(message))


def norm(message: Message, build: Build) -> None:
    """LRN: alpha is divided by the count of what is summed, across maps and within one; within one
    k is 1, whatever the file says (lrn_layer.cpp).
    """
    settings = message.message("lrn_param")
    settings.look_over("engine")
    blob = _map(message, build)
    size, k = settings.integer("local_size", 5), settings.number("k", 1.0)
    if size % 2 == 0:
        raise error(message, f"local_size is {size}; Caffe takes odd ones only")
    alpha, beta = settings.number("alpha", 1.0), settings.number("beta", 0.75)
    common = _common(message, build, "norm", blob)
    if settings.text("norm_region", "ACROSS_CHANNELS") == "ACROSS_CHANNELS":
        layer: Layer = CrossMapNorm(
            **common, size=size, alpha=alpha, alpha_divided=True, beta=beta, k=k
        )
    else:
        if k != 1:
            build.notes.group(
                f"k is {k:g}, which Caffe takes for 1 within a map", message.text("name")
            )
        layer = WithinMapNorm(
            **common, size=size, alpha=alpha, alpha_divided=True, beta=beta, k=1.0
        )
    build.add(message, layer, build.top(message))


FUNCTIONS: dict[str, tuple[Function, tuple[float, ...]]] = {
    "Sigmoid": ("logistic", ()),
    "TanH": ("tanh", (1.0, 1.0)),
    "AbsVal": ("abs", ()),
}


def activation(message: Message, build: Build) -> None:
    """ReLU, Sigmoid, TanH, AbsVal, Power and Log, as far as our functions go."""
    kind = message.text("type")
    if kind in FUNCTIONS:
        function, parameters = FUNCTIONS[kind]
        message.look_over("sigmoid_param", "tanh_param")
    elif kind == "ReLU":
        settings = message.message("relu_param")
        settings.look_over("engine")
        slope = settings.number("negative_slope", 0.0)
        if slope != 0:
            raise error(message, f"negative_slope is {slope:g}; only 0 is read")
        function, parameters = "relu", ()
    else:
        function, parameters = _power(message) if kind == "Power" else _log(message)
    blob = build.one(message)
    layer = Activation(
        **_common(message, build, kind.lower(), blob), function=function, parameters=parameters
    )
    build.add(message, layer, build.top(message), flat=blob.flat)


def _power(message: Message) -> tuple[Function, tuple[float, ...]]:
    """(shift + scale · x) ^ power (power_layer.cpp)."""
    settings = message.message("power_param")
    power, scale = settings.number("power", 1.0), settings.number("scale", 1.0)
    shift = settings.number("shift", 0.0)
    if power == 1:
        return ("linear", (scale, shift)) if (scale, shift) != (1, 0) else ("identity", ())
    if (scale, shift) == (1, 0) and power in (2, 0.5):
        return ("square" if power == 2 else "sqrt"), ()
    raise error(
        message,
        f"({shift:g} + {scale:g}·x)^{power:g} is no function here; powers of 1 are, and plain"
        " squares and roots",
    )


def _log(message: Message) -> tuple[Function, tuple[float, ...]]:
    """log(shift + scale · x) (log_layer.cpp)."""
    settings = message.message("log_param")
    base, scale = settings.number("base", -1.0), settings.number("scale", 1.0)
    if base != -1 or scale != 1:
        raise error(message, f"base is {base:g} and scale is {scale:g}; the plain log is read")
    return "log", (settings.number("shift", 0.0),)


def dropout(message: Message, build: Build) -> None:
    """Scaled while training; `scale_train: false`, which some forks have, is the paper's way."""
    settings = message.message("dropout_param")
    blob, ratio = build.one(message), settings.number("dropout_ratio", 0.5)
    scaling: Literal["train", "test"] = "train" if settings.flag("scale_train", True) else "test"
    layer = Dropout(
        **_common(message, build, "drop", blob), keep=_complement(ratio), scaling=scaling
    )
    build.add(message, layer, build.top(message), flat=blob.flat)


def _complement(ratio: float) -> float:
    """1 − ratio without the dust of binary fractions: 0.3 keeps 0.7."""
    return round(1.0 - ratio, 12)


def softmax(message: Message, build: Build) -> None:
    """Over the channels, of which each must be one unit."""
    settings = message.message("softmax_param")
    settings.look_over("engine")
    blob = build.one(message)
    _check_vector(message, settings, blob, build)
    build.add(message, Softmax(**_common(message, build, "prob", blob)), build.top(message))


def _check_vector(message: Message, settings: Message, blob: Blob, build: Build) -> None:
    if settings.integer("axis", 1) not in (1, -1 if blob.flat else -3):
        raise error(message, f"axis is {settings.integer('axis', 1)}; 1, the channels, is read")
    if not blob.flat and not build.is_vector(blob):
        raise error(message, "a softmax at every pixel of a map is not known; it must be a vector")


def concat(message: Message, build: Build) -> None:
    """Along the channels."""
    settings = message.message("concat_param")
    axis = settings.integer("axis", settings.integer("concat_dim", 1))
    reads = build.reads(message)
    if axis not in (1, -3):
        raise error(message, f"axis is {axis}; 1, the channels, is read")
    flat = [blob.flat for blob in reads if not build.is_vector(blob)]
    if any(flat) and not all(flat):
        raise error(message, "joins flattened and other maps; they must be alike")
    layer = Concat(**_common(message, build, "concat", *reads))
    build.add(message, layer, build.top(message), flat=any(flat))


def eltwise(message: Message, build: Build) -> None:
    """A sum with coefficients, or the largest."""
    settings = message.message("eltwise_param")
    settings.look_over("stable_prod_grad")
    reads, operation = build.reads(message), settings.text("operation", "SUM")
    coefficients = settings.numbers("coeff") or [1.0] * len(reads)
    if len({blob.flat for blob in reads if not build.is_vector(blob)}) > 1:
        raise error(message, "reads flattened and other maps; they must be alike")
    common = _common(message, build, "eltwise", *reads)
    if operation == "SUM":
        layer: Layer = ElementwiseSum(**common, coefficients=tuple(coefficients))
    elif operation == "MAX":
        layer = ElementwiseMax(**common)
    else:
        raise error(message, f"operation is {operation}; SUM and MAX are read")
    build.add(message, layer, build.top(message), flat=any(blob.flat for blob in reads))


def flatten(message: Message, build: Build) -> None:
    """A vector of a map; ours stays a map until a layer needs the vector."""
    settings = message.message("flatten_param")
    if settings.integer("axis", 1) not in (1, -3) or settings.integer("end_axis", -1) not in (
        -1,
        3,
    ):
        raise error(message, "flattens a part of the axes; all but the pictures' is read")
    build.blobs[build.top(message)] = Blob(build.one(message).layer, flat=True)
    build.notes.group("a vector is made where it is read; left out", shown(message.text("name")))


def reshape(message: Message, build: Build) -> None:
    """A map to a vector, or a vector to a map of single pixels; 0 keeps a side, −1 is the rest."""
    settings = message.message("reshape_param")
    dims = settings.message("shape").integers("dim")
    blob = build.one(message)
    shape = build.shapes[blob.layer]
    units = elements(shape)
    whole = settings.integer("axis", 0) == 0 and settings.integer("num_axes", -1) == -1
    if whole and dims in ([0, -1], [0, units]):
        flat = True
    elif whole and shape[1:] == (1, 1) and dims in ([0, x, 1, 1] for x in (0, -1, units)):
        flat = False
    else:
        raise error(
            message, f"reshapes to {dims[:6]}; only 0 and -1, a vector, and back to pixels is read"
        )
    build.blobs[build.top(message)] = Blob(blob.layer, flat)
    build.notes.group("a vector is made where it is read; left out", shown(message.text("name")))


def split(message: Message, build: Build) -> None:
    """Copies of one blob, which need no layer here."""
    blob = build.one(message)
    build.blobs |= dict.fromkeys(message.texts("top"), blob)
    build.notes.group("copies are made where they are read; left out", shown(message.text("name")))


def accuracy(message: Message, build: Build) -> None:
    """No layer; its k becomes that of the loss on the same scores."""
    settings = message.message("accuracy_param")
    top, reads = settings.integer("top_k", 1), build.reads(message)
    if reads:
        scores = reads[0].layer
        build.accuracies[scores] = max(top, build.accuracies.get(scores, 1))
    build.notes.group(
        f"measures the top-{top} accuracy, a loss's own count here; left out",
        shown(message.text("name")),
    )


def loss(message: Message, build: Build) -> None:
    """SoftmaxWithLoss as a softmax and a loss, MultinomialLogisticLoss as a loss."""
    reads = build.reads(message)
    weights = message.numbers("loss_weight")
    if len(reads) != 2:
        raise error(message, f"has {len(reads)} bottoms; scores and labels are read")
    scores, labels = reads
    name = build.name(message.text("name"), "loss")
    before = scores.layer
    if message.text("type") == "SoftmaxWithLoss":
        settings = message.message("softmax_param")
        settings.look_over("engine")
        _check_vector(message, settings, scores, build)
        before = _softmax_of(message, scores, name, build)
    layer = LogisticLoss(
        name=name,
        reads=(labels.layer, before),
        coefficient=weights[0] if weights else 1.0,
        source=message.where,
    )
    tops = message.texts("top")
    build.add(message, layer, tops[0] if tops else name)
    if len(tops) == 2:
        build.blobs[tops[1]] = Blob(before)


def _softmax_of(message: Message, scores: Blob, name: str, build: Build) -> str:
    """The softmax that there is on the same scores, or a new one."""
    for layer in build.layers.values():
        if isinstance(layer, Softmax) and layer.reads == (scores.layer,):
            return layer.name
    made = Softmax(
        name=build.name(f"{name}_softmax", "probs"), reads=(scores.layer,), source=message.where
    )
    build.add(message, made, made.name)
    return made.name


def _map(message: Message, build: Build) -> Blob:
    blob = build.one(message)
    if blob.flat and not build.is_vector(blob):
        raise error(message, "reads a map that was flattened; it needs rows and columns")
    return blob


def _common(message: Message, build: Build, otherwise: str, *reads: Blob) -> Common:
    """Name, reads and place, which every layer has."""
    return {
        "name": build.name(message.text("name"), otherwise),
        "reads": tuple(blob.layer for blob in reads),
        "source": message.where,
    }
