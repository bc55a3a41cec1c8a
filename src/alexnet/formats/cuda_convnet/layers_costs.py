"""Sections of costs as losses; `cost.tica`, whose kernel was never released, is only noted."""

from __future__ import annotations

from alexnet.formats.cuda_convnet.layers_build import Build
from alexnet.formats.cuda_convnet.layers_sources import Source
from alexnet.formats.cuda_convnet.notes import shown
from alexnet.formats.cuda_convnet.settings import Settings
from alexnet.network.layers import (
    BinaryCrossEntropyLoss,
    CrossEntropyLoss,
    GatedSumOfSquaresLoss,
    LogisticLoss,
    Loss,
    RobustLoss,
    SubsetSoftmaxLoss,
    SumOfSquaresLoss,
)
from alexnet.network.shapes import elements

FIRST = {
    "cost.logreg": "labels, then a softmax",
    "cost.crossent": "a distribution over labels, then a softmax",
    "cost.ce": "a distribution over labels, then a softmax",
    "cost.crossent2": "targets, then logistic units",
    "cost.bce": "targets, then logistic units",
    "cost.gsum2": "a gate, then what it gates",
    "cost.rflickr": "targets, then outputs",
    "cost.msm": "labels, then scores",
}
"""What the costs with two inputs read."""


def cost(source: Source, build: Build) -> Loss:
    """A cost section; `coeff` stands in the parameters and is 1 where there are none."""
    reads = FIRST.get(source.kind)
    build.check_reads(source, 1 if reads is None else 2, reads or "one layer")
    _check_softmax(source, build)
    if source.settings.text("children"):
        build.notes.group("children= adds costs up in reports and is not carried", source.original)
    common, parameters = build.common(source), _parameters(source, build)
    coefficient = 1.0 if parameters is None else parameters.number("coeff")
    match source.kind:
        case "cost.logreg":
            top = 1 if parameters is None else parameters.whole("topk", 1, low=1)
            classes = elements(build.inputs(source)[1])
            if parameters is not None and top > classes:
                raise parameters.error(f"there are {classes} classes", "topk")
            return LogisticLoss(**common, coefficient=coefficient, top=top)
        case "cost.crossent" | "cost.ce":
            return CrossEntropyLoss(**common, coefficient=coefficient)
        case "cost.crossent2" | "cost.bce":
            weight = 1.0 if parameters is None else parameters.number("posWeight", 1.0)
            return BinaryCrossEntropyLoss(**common, coefficient=coefficient, positive_weight=weight)
        case "cost.gsum2":
            return GatedSumOfSquaresLoss(**common, coefficient=coefficient)
        case "cost.rflickr":
            return RobustLoss(**common, coefficient=coefficient)
        case "cost.msm":
            size = build.parameters(source, "setSize").whole("setSize", low=1)
            return SubsetSoftmaxLoss(**common, set_size=size, coefficient=coefficient)
        case _:
            return SumOfSquaresLoss(**common, coefficient=coefficient)


def _parameters(source: Source, build: Build) -> Settings | None:
    """The section of a cost; None where no parameter file is given."""
    if build.files.parameters is None:
        build.notes.group("without parameters costs have a coefficient of 1", source.original)
        return None
    return build.parameters(source, "coeff")


def _check_softmax(source: Source, build: Build) -> None:
    """The originals refuse these costs over anything but a softmax: no other meaning is plain."""
    if source.kind not in ("cost.logreg", "cost.crossent", "cost.ce"):
        return
    second = build.sources[source.reads[1]]
    if second.kind != "softmax":
        raise source.settings.error(
            f"it reads {FIRST[source.kind]}; '{second.original}' is of type {second.kind}", "inputs"
        )


def note_unreleased(source: Source, build: Build) -> None:
    """A cost.tica section: all that the files say of it."""
    build.check_reads(source, 1, "one layer")
    sections = (source.settings, source.parameters)
    said = [
        f"{key}={shown(entry.value)}"
        for settings in sections
        if settings is not None
        for key, entry in settings.entries.items()
    ]
    build.notes.group(
        "cost.tica, whose kernel was never released, is left out of the network",
        f"[{source.original}] {', '.join(said)}",
    )
