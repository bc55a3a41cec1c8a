"""Nets of Caffe's own zoo in the three spellings of a layer, written out from their published
numbers; and OpenCV's importer, which runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

Settings = Mapping[str, Any]

V1 = {
    "Convolution": "CONVOLUTION", "InnerProduct": "INNER_PRODUCT", "Pooling": "POOLING",
    "LRN": "LRN", "ReLU": "RELU", "Dropout": "DROPOUT", "Softmax": "SOFTMAX",
    "SoftmaxWithLoss": "SOFTMAX_LOSS", "Accuracy": "ACCURACY", "Data": "DATA",
}  # fmt: skip
V0 = {
    "Convolution": "conv", "InnerProduct": "innerproduct", "Pooling": "pool", "LRN": "lrn",
    "ReLU": "relu", "Dropout": "dropout", "Softmax": "softmax", "SoftmaxWithLoss": "softmax_loss",
    "Accuracy": "accuracy", "Data": "data",
}  # fmt: skip
PARAM = {
    "Convolution": "convolution_param", "InnerProduct": "inner_product_param",
    "Pooling": "pooling_param", "LRN": "lrn_param", "Dropout": "dropout_param",
    "Data": "data_param",
}  # fmt: skip
WORDS = frozenset({"MAX", "AVE", "WITHIN_CHANNEL", "LMDB", "TEST", "TRAIN"})


@dataclass(frozen=True)
class Piece:
    """One layer, without a spelling."""

    name: str
    kind: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    settings: Settings = field(default_factory=dict)
    transform: Settings = field(default_factory=dict)
    phase: str = ""


@dataclass(frozen=True)
class Definition:
    """A net: what it reads as bare input (N, channels, rows, columns), or () where a layer does."""

    name: str
    inputs: tuple[int, ...]
    pieces: tuple[Piece, ...]


def fillers(deviation: float | str, bias: float = 0.0) -> Settings:
    weight: Settings = (
        {"type": deviation}
        if isinstance(deviation, str)
        else {"type": "gaussian", "std": deviation}
    )
    return {"weight_filler": weight, "bias_filler": {"type": "constant", "value": bias}}


# --- the nets -------------------------------------------------------------------------------------


class Chain:
    """Layers one on top of another; functions and dropout are in place."""

    def __init__(self, first: str) -> None:
        self.top = first
        self.pieces: list[Piece] = []

    def add(self, name: str, kind: str, *, in_place: bool = False, **settings: object) -> None:
        top = self.top if in_place else name
        self.pieces.append(Piece(name, kind, (self.top,), (top,), settings))
        self.top = top


def train_val(net: Definition, transform: Settings, *, top_k: int = 1) -> Definition:
    """The same net between stores of pictures, one for each phase, and a loss."""
    stores = tuple(
        Piece(
            "data", "Data", (), ("data", "label"),
            {"source": f"{phase}_lmdb", "batch_size": 50, "backend": "LMDB"}, transform, phase,
        )
        for phase in ("TRAIN", "TEST")
    )  # fmt: skip
    scores = net.pieces[-1].bottoms[0]
    ends = (
        Piece("accuracy", "Accuracy", (scores, "label"), ("accuracy",), phase="TEST"),
        Piece("loss", "SoftmaxWithLoss", (scores, "label"), ("loss",)),
    )
    return Definition(net.name, (), (*stores, *net.pieces[:-1], *ends))


def alexnet(*, norm_first: bool, width: int = 1) -> Definition:
    """bvlc_alexnet, or CaffeNet, which pools first and starts some biases at 1; 1/`width` wide."""
    high = 0.1 if norm_first else 1.0
    net = Chain("data")
    rows: tuple[tuple[int, Settings, float], ...] = (
        (96, {"kernel_size": 11, "stride": 4}, 0.0),
        (256, {"pad": 2, "kernel_size": 5, "group": 2}, high),
        (384, {"pad": 1, "kernel_size": 3}, 0.0),
        (384, {"pad": 1, "kernel_size": 3, "group": 2}, high),
        (256, {"pad": 1, "kernel_size": 3, "group": 2}, high),
    )
    for number, (filters, window, bias) in enumerate(rows, 1):
        wide = {"num_output": filters // width, **window, **fillers(0.01, bias)}
        net.add(f"conv{number}", "Convolution", **wide)
        net.add(f"relu{number}", "ReLU", in_place=True)
        norm = (f"norm{number}", "LRN", {"local_size": 5, "alpha": 0.0001, "beta": 0.75})
        pool = (f"pool{number}", "Pooling", {"pool": "MAX", "kernel_size": 3, "stride": 2})
        behind = {1: [norm, pool], 2: [norm, pool], 5: [pool]}.get(number, [])
        for name, kind, settings in behind if norm_first else reversed(behind):
            net.add(name, kind, **settings)
    for number in (6, 7):
        net.add(f"fc{number}", "InnerProduct", num_output=4096 // width, **fillers(0.005, high))
        net.add(f"relu{number}", "ReLU", in_place=True)
        net.add(f"drop{number}", "Dropout", in_place=True, dropout_ratio=0.5)
    net.add("fc8", "InnerProduct", num_output=1000 // width, **fillers(0.01, 0.0))
    net.add("prob", "Softmax")
    name = "AlexNet" if norm_first else "CaffeNet"
    return Definition(name, (10, 3, 227, 227), tuple(net.pieces))


def lenet() -> Definition:
    net = Chain("data")
    for number, filters in ((1, 20), (2, 50)):
        net.add(
            f"conv{number}", "Convolution", num_output=filters, kernel_size=5, stride=1,
            **fillers("xavier"),
        )  # fmt: skip
        net.add(f"pool{number}", "Pooling", pool="MAX", kernel_size=2, stride=2)
    net.add("ip1", "InnerProduct", num_output=500, **fillers("xavier"))
    net.add("relu1", "ReLU", in_place=True)
    net.add("ip2", "InnerProduct", num_output=10, **fillers("xavier"))
    net.add("prob", "Softmax")
    return Definition("LeNet", (64, 1, 28, 28), tuple(net.pieces))


def cifar10(*, full: bool) -> Definition:
    """CIFAR10_full has a norm within maps after two of its stages, CIFAR10_quick one layer more."""
    net = Chain("data")
    for number, filters, pool in ((1, 32, "MAX"), (2, 32, "AVE"), (3, 64, "AVE")):
        spread = 0.0001 if number == 1 else 0.01
        net.add(
            f"conv{number}", "Convolution", num_output=filters, pad=2, kernel_size=5, stride=1,
            **fillers(spread),
        )  # fmt: skip
        if number > 1:
            net.add(f"relu{number}", "ReLU", in_place=True)
        net.add(f"pool{number}", "Pooling", pool=pool, kernel_size=3, stride=2)
        if number == 1:
            net.add("relu1", "ReLU", in_place=True)
        if full and number < 3:
            norm = {"local_size": 3, "alpha": 5e-05, "beta": 0.75}
            net.add(f"norm{number}", "LRN", **norm, norm_region="WITHIN_CHANNEL")
    if not full:
        net.add("ip1", "InnerProduct", num_output=64, **fillers(0.1))
    net.add("ip1" if full else "ip2", "InnerProduct", num_output=10, **fillers(0.01))
    net.add("prob", "Softmax")
    return Definition(f"CIFAR10_{'full' if full else 'quick'}", (1, 3, 32, 32), tuple(net.pieces))


def vgg16(width: int = 1) -> Definition:
    net = Chain("data")
    for stage, (filters, many) in enumerate(
        ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1
    ):
        for number in range(1, many + 1):
            net.add(
                f"conv{stage}_{number}", "Convolution", num_output=filters // width, pad=1,
                kernel_size=3,
            )  # fmt: skip
            net.add(f"relu{stage}_{number}", "ReLU", in_place=True)
        net.add(f"pool{stage}", "Pooling", pool="MAX", kernel_size=2, stride=2)
    return _ended("VGG_ILSVRC_16_layers", (10, 3, 224, 224), net, width)


def zeiler_fergus(width: int = 1) -> Definition:
    """The ZF net: smaller first windows at half the stride, and norms over three maps."""
    net = Chain("data")
    for number, filters, window, pooled in (
        (1, 96, {"kernel_size": 7, "stride": 2}, True),
        (2, 256, {"kernel_size": 5, "stride": 2}, True),
        (3, 384, {"kernel_size": 3, "pad": 1}, False),
        (4, 384, {"kernel_size": 3, "pad": 1}, False),
        (5, 256, {"kernel_size": 3, "pad": 1}, True),
    ):
        net.add(f"conv{number}", "Convolution", num_output=filters // width, **window)
        net.add(f"relu{number}", "ReLU", in_place=True)
        if number < 3:
            net.add(f"norm{number}", "LRN", local_size=3, alpha=0.00005, beta=0.75)
        if pooled:
            net.add(f"pool{number}", "Pooling", pool="MAX", kernel_size=3, stride=2)
    return _ended("ZF", (1, 3, 224, 224), net, width)


def _ended(name: str, inputs: tuple[int, ...], net: Chain, width: int) -> Definition:
    for number in (6, 7):
        net.add(f"fc{number}", "InnerProduct", num_output=4096 // width)
        net.add(f"relu{number}", "ReLU", in_place=True)
        net.add(f"drop{number}", "Dropout", in_place=True, dropout_ratio=0.5)
    net.add("fc8", "InnerProduct", num_output=1000 // width)
    net.add("prob", "Softmax")
    return Definition(name, inputs, tuple(net.pieces))


# --- the spellings --------------------------------------------------------------------------------


def spelled_v2(net: Definition) -> str:
    """`layer { type: "Convolution" }`, with an Input layer."""
    lines = [f'name: "{net.name}"']
    if net.inputs:
        lines += _block("layer", [
            'name: "data"', 'type: "Input"', 'top: "data"',
            *_block("input_param", _block("shape", [f"dim: {side}" for side in net.inputs])),
        ])  # fmt: skip
    for piece in net.pieces:
        inner = [f'name: "{piece.name}"', f'type: "{piece.kind}"', *_blobs(piece)]
        if piece.phase:
            inner += _block("include", [f"phase: {piece.phase}"])
        if piece.kind in ("Convolution", "InnerProduct"):
            inner += ["param { lr_mult: 1 decay_mult: 1 }", "param { lr_mult: 2 decay_mult: 0 }"]
        inner += _of(piece)
        lines += _block("layer", inner)
    return "\n".join(lines) + "\n"


def spelled_v1(net: Definition) -> str:
    """`layers { type: CONVOLUTION }`, with input_dim."""
    lines = _bare(net)
    for piece in net.pieces:
        inner = [*_blobs(piece), f'name: "{piece.name}"', f"type: {V1[piece.kind]}"]
        if piece.phase:
            inner += [f"include: {{ phase: {piece.phase} }}"]
        if piece.kind in ("Convolution", "InnerProduct"):
            inner += ["blobs_lr: 1", "blobs_lr: 2", "weight_decay: 1", "weight_decay: 0"]
        lines += _block("layers", [*inner, *_of(piece)])
    return "\n".join(lines) + "\n"


V0_NAMES = {"kernel_size": "kernelsize", "bias_term": "biasterm", "batch_size": "batchsize"}
V0_TRANSFORM = {"crop_size": "cropsize", "mean_file": "meanfile", "scale": "scale",
                "mirror": "mirror"}  # fmt: skip


def spelled_v0(net: Definition) -> str:
    """`layers { layer { type: "conv" } }`, with a layer for every padding."""
    lines = _bare(net)
    for piece in net.pieces:
        settings, bottoms = dict(piece.settings), piece.bottoms
        settings.pop("backend", None)
        assert "norm_region" not in settings, "V0 had no norm within maps"
        if "pad" in settings:
            padded = f"pad_{piece.name}"
            inner = [f'name: "{padded}"', 'type: "padding"', f"pad: {settings.pop('pad')}"]
            lines += _block(
                "layers", [*_block("layer", inner), f'bottom: "{bottoms[0]}"', f'top: "{padded}"']
            )
            bottoms = (padded,)
        inner = [f'name: "{piece.name}"', f'type: "{V0[piece.kind]}"']
        inner += list(_lines({V0_NAMES.get(k, k): v for k, v in settings.items()}))
        inner += list(_lines({V0_TRANSFORM[k]: v for k, v in piece.transform.items()}))
        if piece.kind in ("Convolution", "InnerProduct"):
            inner += ["blobs_lr: 1.", "blobs_lr: 2.", "weight_decay: 1.", "weight_decay: 0."]
        inner = [*_block("layer", inner), *(f'bottom: "{name}"' for name in bottoms)]
        lines += _block("layers", [*inner, *(f'top: "{name}"' for name in piece.tops)])
    return "\n".join(lines) + "\n"


SPELLINGS: dict[str, Callable[[Definition], str]] = {
    "V0": spelled_v0,
    "V1": spelled_v1,
    "V2": spelled_v2,
}


def _bare(net: Definition) -> list[str]:
    lines = [f'name: "{net.name}"']
    if net.inputs:
        lines += ['input: "data"', *(f"input_dim: {side}" for side in net.inputs)]
    return lines


def _blobs(piece: Piece) -> list[str]:
    return [f'bottom: "{b}"' for b in piece.bottoms] + [f'top: "{t}"' for t in piece.tops]


def _of(piece: Piece) -> list[str]:
    lines = _block("transform_param", list(_lines(piece.transform))) if piece.transform else []
    return lines + (
        _block(PARAM[piece.kind], list(_lines(piece.settings))) if piece.settings else []
    )


def _block(name: str, lines: Sequence[str]) -> list[str]:
    return [f"{name} {{", *(f"  {line}" for line in lines), "}"]


def _lines(settings: Settings) -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _block(name, list(_lines(value)))
        elif isinstance(value, bool):
            yield f"{name}: {str(value).lower()}"
        elif isinstance(value, str) and value not in WORDS:
            yield f'{name}: "{value}"'
        else:
            yield f"{name}: {value}"


def opencv() -> Any:
    """OpenCV's dnn module, where it still reads Caffe's nets: its fifth version does not."""
    cv2 = pytest.importorskip("cv2", reason="needs opencv-python-headless")
    if not hasattr(cv2.dnn, "readNetFromCaffe"):
        pytest.skip(f"needs OpenCV 4; OpenCV {cv2.__version__} reads no nets of Caffe's")
    return cv2
