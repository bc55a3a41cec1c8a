"""Which layers of a file make the network: those of the TEST phase, by their include and exclude
rules. What the layers are is not known here.

The rules are those of BVLC/caffe, src/caffe/net.cpp, FilterNet and StateMeetsRule.
"""

from __future__ import annotations

from dataclasses import dataclass

from alexnet.formats.caffe.message import Message
from alexnet.formats.cuda_convnet.notes import Notes, shown

SOURCES = (
    *("Input", "Data", "ImageData", "MemoryData", "HDF5Data", "DummyData", "WindowData"),
    "AnnotatedData",
)
"""The types whose tops come from outside."""


@dataclass(frozen=True, slots=True)
class State:
    """What a rule is held against."""

    phase: str
    level: int
    stages: frozenset[str]


def select(net: Message, layers: list[Message], notes: Notes) -> list[Message]:
    """The layers of the TEST phase.

    A file that a training run saved may hold the layers of TRAIN alone, with only their inputs;
    then these are taken. A dropout of the TRAIN phase in place is kept, for at test time it does
    nothing.

    Raises:
        FormatError: a layer has rules of both kinds.
    """
    said = net.message("state")
    level, stages = said.integer("level", 0), frozenset(said.texts("stage"))
    said.look_over("phase")
    test = [x for x in layers if _included(x, State("TEST", level, stages))]
    train = [x for x in layers if _included(x, State("TRAIN", level, stages))]
    if not net.texts("input") and not _has_source(test) and _has_source(train):
        notes.add("no layer of the TEST phase gives a picture; the layers of the TRAIN phase are")
        return train
    kept: list[Message] = []
    for layer in layers:
        if layer in test or layer in train and _is_dropout_in_place(layer):
            kept.append(layer)
        else:
            layer.look_over(*layer.fields)
            layer.unknown.clear()
            notes.group("not in the TEST phase and left out", shown(layer.text("name")))
    return kept


def _has_source(layers: list[Message]) -> bool:
    return any(layer.text("type") in SOURCES for layer in layers)


def _is_dropout_in_place(layer: Message) -> bool:
    return layer.text("type") == "Dropout" and layer.texts("bottom") == layer.texts("top")


def _included(layer: Message, state: State) -> bool:
    include, exclude = layer.messages("include"), layer.messages("exclude")
    if include and exclude:
        raise layer.error(
            f"layer '{shown(layer.text('name'))}' has include and exclude rules; it may have rules"
            " of one kind"
        )
    met = [_meets(rule, state) for rule in (*include, *exclude)]
    return any(met) if include else not any(met)


def _meets(rule: Message, state: State) -> bool:
    """All of a rule's fields are looked at, whatever comes first."""
    wanted, refused = set(rule.texts("stage")), set(rule.texts("not_stage"))
    lowest, highest = rule.integer("min_level", -(1 << 62)), rule.integer("max_level", 1 << 62)
    return (
        rule.text("phase", state.phase) == state.phase
        and lowest <= state.level <= highest
        and wanted <= state.stages
        and not refused & state.stages
    )
