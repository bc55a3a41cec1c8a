"""Networks side by side, aspect by aspect: the first is what the others are held against, and what
differs is marked. Convolutions are paired from the front, fully-connected layers from the back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from alexnet.explorer.account import rules_tree
from alexnet.explorer.asking import AskError, Parameters, Tree, known, text
from alexnet.network.catalog import NETWORKS, get_network
from alexnet.network.compare import as_tree as comparison_tree
from alexnet.network.compare import compare, difference_tree
from alexnet.network.compare.profile import Profile, Twins, WeightedStage, profile
from alexnet.network.compare.words import (
    ending_text,
    initial_text,
    initials,
    joined,
    norm_text,
    number,
    order,
    word,
)
from alexnet.network.layers import Conv, Dropout, Local, Norm, Pool
from alexnet.network.shapes import text as shape_text
from alexnet.network.spec import Network

MOST = 8
"""Networks side by side."""

NONE = "–"

Aspect = tuple[str, Callable[[WeightedStage, Profile], str]]


def compare_tree(given: Parameters) -> Tree:
    """The answer to `api/compare`.

    Raises:
        AskError: fewer than two networks, too many, or an unknown one.
    """
    known(given, "networks")
    names = [name.strip() for name in text(given, "networks").split(",") if name.strip()]
    if not 2 <= len(names) <= MOST or len(set(names)) < len(names):
        raise AskError(
            400, f"networks names {len(names)}; 2 to {MOST} different ones stand side by side",
            "networks=paper,as_run", field="networks",
        )  # fmt: skip
    return side_by_side([catalog_network(name) for name in names])


def catalog_network(name: str) -> Network:
    """The catalog network of that name.

    Raises:
        AskError: 404, with the nearest.
    """
    if name not in NETWORKS:
        try:
            get_network(name)
        except ValueError as error:
            raise AskError(404, str(error), "api/networks", field="network") from None
    return get_network(name)


def side_by_side(networks: Sequence[Network]) -> Tree:
    """Networks held against the first of them."""
    profiles = [profile(network) for network in networks]
    first = networks[0].name
    return {
        "networks": [
            {"name": n.name, "source": n.source, "picture": list(n.picture.shape)} for n in networks
        ],
        "sections": [_whole(profiles), *_layers(profiles), _ending(profiles)],
        "differences": [
            {
                "second": other.name,
                "count": len(compare(networks[0], other).differences),
                "address": f"api/difference?first={first}&second={other.name}",
            }
            for other in networks[1:]
        ],
        "rules": [{"network": network.name, **rules_tree(network)} for network in networks],
    }


def difference_answer(given: Parameters) -> Tree:
    """The answer to `api/difference`.

    Raises:
        AskError: a network is missing or unknown.
    """
    known(given, "first", "second")
    first, second = (catalog_network(text(given, name)) for name in ("first", "second"))
    found = compare(first, second)
    stages = _pairs([profile(first), profile(second)])
    differences: list[Tree] = []
    for each in found.differences:
        place = each.place.split(",")[0]
        pair = next((p for p in stages if p[0] is not None and p[0].name == place), (None, None))
        if pair == (None, None):  # a stage that only the second has
            pair = next((p for p in stages if p[1] and p[1].name == place), (None, None))
        names = {n.name: s and s.name for n, s in zip((first, second), pair, strict=True)}
        differences.append({**difference_tree(each), "stages": names})
    return {**comparison_tree(found), "differences": differences}


# --- sections -------------------------------------------------------------------------------------


def _whole(profiles: Sequence[Profile]) -> Tree:
    rows = [
        _row("picture", [shape_text(p.network.picture.shape) for p in profiles]),
        _row("towers", [str(len(p.network.towers) or 1) for p in profiles]),
        _row("layers with weights", [str(len(p.stages)) for p in profiles]),
    ]
    for name, label in COUNTED:
        rows.append(_row(label, [f"{getattr(p.account.total, name):,}" for p in profiles]))
    crossing = [f"{sum(c.floats for c in p.account.crossings):,}" for p in profiles]
    rows.append(_row("floats between towers", crossing))
    return {"section": "whole", "title": "the whole", "rows": rows}


COUNTED = (
    ("neurons", "neurons"),
    ("parameters", "parameters"),
    ("connections", "unshared"),
    ("multiply_adds", "multiply-adds"),
)
"""What is counted, by the ledger's name and in words."""


def _ending(profiles: Sequence[Profile]) -> Tree:
    endings = [ending_text(p.stages[-1].ending) if p.stages else NONE for p in profiles]
    return {"section": "ending", "title": "how it ends", "rows": [_row("ending", endings)]}


def _pairs(profiles: Sequence[Profile]) -> list[tuple[WeightedStage | None, ...]]:
    front = max(len(p.spatial) for p in profiles)
    back = max(len(p.dense) for p in profiles)
    pairs = [
        tuple(p.spatial[i] if i < len(p.spatial) else None for p in profiles) for i in range(front)
    ]
    pairs += [
        tuple(p.dense[-i] if i <= len(p.dense) else None for p in profiles)
        for i in range(back, 0, -1)
    ]
    return pairs


def _layers(profiles: Sequence[Profile]) -> list[Tree]:
    sections: list[Tree] = []
    for index, stages in enumerate(_pairs(profiles), 1):
        names = [stage.name if stage else None for stage in stages]
        rows = [_row("called", [name or NONE for name in names], names, compared=False)]
        for aspect, of in ASPECTS:
            texts = [
                of(stage, p) if stage else NONE for stage, p in zip(stages, profiles, strict=True)
            ]
            if set(texts) - {NONE}:
                rows.append(_row(aspect, texts, names))
        name = next(name for name in names if name)
        sections.append({"section": name, "title": f"layer {index}", "rows": rows})
    return sections


def _row(
    aspect: str,
    texts: Sequence[str],
    layers: Sequence[str | None] | None = None,
    *,
    compared: bool = True,
) -> Tree:
    places = layers or [None] * len(texts)
    cells = [
        {"text": said, "differs": compared and said != texts[0], "layer": layer}
        for said, layer in zip(texts, places, strict=True)
    ]
    return {"aspect": aspect, "cells": cells}


# --- aspects of a layer with weights --------------------------------------------------------------


def _windows(stage: WeightedStage, _: Profile) -> str:
    said = (f"{k.size}×{k.size}, stride {k.stride}, padding {k.padding}" for k in stage.kernels)
    return joined(said) or NONE


def _rule(stage: WeightedStage, _: Profile) -> str:
    return joined(x.rule for x in stage.layers if isinstance(x, Conv | Local)) or NONE


def _edge(stage: WeightedStage, of: Profile) -> str:
    if not stage.is_spatial:
        return NONE
    return of.network.placed[stage.layers[0].name].sentence


def _reads(stage: WeightedStage, _: Profile) -> str:
    return joined(f"{depth:,} of {stage.width:,}" for depth in stage.depths)


def _weights(stage: WeightedStage, _: Profile) -> str:
    return joined(map(initial_text, initials(stage))) or NONE


def _biases(stage: WeightedStage, _: Profile) -> str:
    kinds = {getattr(x, "bias", "shared") for x in stage.layers}
    if kinds == {"none"}:
        return "none"
    return joined(initial_text(x.initial_bias) for x in stage.layers)


def _behind(kind: type | tuple[type, ...], say: Callable[[Twins], str]) -> Callable:
    """What is told of the layers of a kind that follow."""

    def of(stage: WeightedStage, _: Profile) -> str:
        found = [say(twins) for twins in stage.tail if isinstance(twins[0], kind)]
        return "; ".join(found) or NONE

    return of


def _pool(twins: Twins) -> str:
    def one(layer: object) -> str:
        assert isinstance(layer, Pool), "only pools are asked for"
        window = layer.window
        padding = f", padding {window.padding}" if window.padding else ""
        said = f"{word(layer)} {window.size}×{window.size}, stride {window.stride}{padding}"
        return f"{said}, rule {layer.rule}"

    return joined(map(one, twins))


def _norm(twins: Twins) -> str:
    return joined(norm_text(x) for x in twins if isinstance(x, Norm))


def _dropout(twins: Twins) -> str:
    sides = {"test": "scaled at test time", "train": "scaled in training"}
    return joined(
        f"keep {number(x.keep)}, {sides[x.scaling]}" for x in twins if isinstance(x, Dropout)
    )


def _count(name: str) -> Callable[[WeightedStage, Profile], str]:
    def of(stage: WeightedStage, _: Profile) -> str:
        return f"{getattr(stage.total, name):,}"

    return of


ASPECTS: tuple[Aspect, ...] = (
    ("kind", lambda stage, _: joined(map(word, stage.layers))),
    ("windows", _windows),
    ("size rule", _rule),
    ("output", lambda stage, _: shape_text(stage.shape)),
    ("side", _edge),
    ("a unit reads", _reads),
    *((label, _count(name)) for name, label in COUNTED),
    ("weights begin as", _weights),
    ("biases begin as", _biases),
    ("followed by", lambda stage, _: order(stage.body)),
    ("norm", _behind(Norm, _norm)),  # pyright: ignore[reportArgumentType]
    ("pooling", _behind(Pool, _pool)),  # pyright: ignore[reportArgumentType]
    ("dropout", _behind(Dropout, _dropout)),
)
"""What is told of a layer, in order."""
