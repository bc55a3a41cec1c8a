"""Functions of single units, dropout, softmax and what joins several layers, as Caffe's."""

from __future__ import annotations

from typing import assert_never

from alexnet.formats.caffe.draft import Blob, Draft, Settings
from alexnet.formats.variants.carrying import refuse
from alexnet.network.layers import (
    Activation,
    Concat,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    Softmax,
)

PLAIN: dict[str, tuple[str, str, Settings]] = {
    "relu": ("ReLU", "", {}),
    "noisy-relu": ("ReLU", "", {}),
    "logistic": ("Sigmoid", "", {}),
    "abs": ("AbsVal", "", {}),
    "square": ("Power", "power_param", {"power": 2.0}),
    "sqrt": ("Power", "power_param", {"power": 0.5}),
}
"""Caffe's type and settings of the functions without parameters."""


def write_activation(draft: Draft, layer: Activation) -> None:
    """One layer, or a few where the function has parameters."""
    name, read = layer.name, draft.blobs[layer.reads[0]]
    match layer.function:
        case "relu" | "noisy-relu" | "logistic" | "abs" | "square" | "sqrt":
            kind, param, settings = PLAIN[layer.function]
            draft.add(kind, name, [read.name], param, settings)
            if layer.function == "noisy-relu":
                draft.notes.group("the noise while training is left out", name)
        case "tanh":
            _write_tanh(draft, name, read.name, layer.parameters)
        case "linear":
            write_scaled(draft, name, read.name, *layer.parameters)
        case "log":
            _write_log(draft, name, read.name, layer.parameters[0])
        case "identity":
            write_scaled(draft, name, read.name, 1.0)
        case "bounded-relu" | "soft-relu" | "soft-threshold":
            refuse(draft.network, layer, f"Caffe has no function that is {layer.function}")
        case _:
            assert_never(layer.function)
    draft.blobs[name] = Blob(name, read.vector)


def _write_tanh(draft: Draft, name: str, read: str, parameters: tuple[float, ...]) -> None:
    """a · tanh(b · x)."""
    outer, inner = parameters
    if inner != 1:
        read = write_scaled(draft, draft.inner(name, "of"), read, inner)
    if outer == 1:
        draft.add("TanH", name, [read])
        return
    write_scaled(draft, name, draft.add("TanH", draft.inner(name, "of_one"), [read]), outer)
    draft.notes.group("a tanh of other parameters than 1 is several layers", name)


def _write_log(draft: Draft, name: str, read: str, shift: float) -> None:
    """log(shift + x), the shift before it: OpenCV passes over one of the Log itself."""
    if shift:
        read = write_scaled(draft, draft.inner(name, "of"), read, 1.0, shift)
    draft.add("Log", name, [read])


def write_scaled(draft: Draft, name: str, bottom: str, scale: float, shift: float = 0.0) -> str:
    """scale · x + shift."""
    settings = {"scale": float(scale)} | ({"shift": float(shift)} if shift else {})
    return draft.add("Power", name, [bottom], "power_param", settings)


def write_dropout(draft: Draft, layer: Dropout) -> None:
    """Caffe's scales while training; what 2012's has less at test time stands behind it."""
    name, read = layer.name, draft.blobs[layer.reads[0]]
    scaled = layer.scaling == "test" and layer.keep != 1
    bottom = read.name
    if layer.enabled:
        own = draft.inner(name, "scaled") if scaled else name
        settings = {"dropout_ratio": round(1 - layer.keep, 12)}
        bottom = draft.add("Dropout", own, [bottom], "dropout_param", settings)
    if scaled:
        write_scaled(draft, name, bottom, layer.keep)
        draft.notes.group(
            "Caffe's dropout scales while training; the factor of test time stands behind it", name
        )
    elif not layer.enabled:
        draft.notes.group("a dropout that is not enabled is left out", name)
    draft.blobs[name] = Blob(name if layer.enabled or scaled else bottom, read.vector)


def write_softmax(draft: Draft, layer: Softmax) -> None:
    """Over all units of a picture."""
    read = layer.reads[0]
    flat = draft.blobs[read].vector or draft.network.shape(read)[1:] == (1, 1)
    bottom = draft.blobs[read].name if flat else draft.units(read)
    draft.add("Softmax", layer.name, [bottom])
    draft.blobs[layer.name] = Blob(layer.name, vector=draft.blobs[read].vector or not flat)


def write_joined(draft: Draft, layer: Concat | ElementwiseSum | ElementwiseMax) -> None:
    """Maps or vectors of several layers as one; of one layer, a copy."""
    name = layer.name
    bottoms, vector = draft.alike(layer.reads)
    match layer:
        case Concat():
            draft.add("Concat", name, bottoms)
        case ElementwiseSum() if len(bottoms) == 1:
            write_scaled(draft, name, bottoms[0], layer.coefficients[0])
        case ElementwiseSum():
            settings: dict[str, str | tuple[float, ...]] = {"operation": "SUM"}
            if set(layer.coefficients) != {1.0}:
                settings["coeff"] = layer.coefficients
            draft.add("Eltwise", name, bottoms, "eltwise_param", settings)
        case ElementwiseMax() if len(bottoms) == 1:
            write_scaled(draft, name, bottoms[0], 1.0)
        case ElementwiseMax():
            draft.add("Eltwise", name, bottoms, "eltwise_param", {"operation": "MAX"})
        case _:
            assert_never(layer)
    draft.blobs[name] = Blob(name, vector)
