"""Reads written files back and compares: what the list of refusals did not foresee is refused here,
so that no network and no rule changes unsaid.
"""

from __future__ import annotations

from dataclasses import fields, replace

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.class_tree import ClassTree
from alexnet.formats.cuda_convnet.parsing import parse_document
from alexnet.formats.cuda_convnet.rules import LayerRules, LearningRules
from alexnet.formats.cuda_convnet.writer_refusals import Places
from alexnet.network.layers import Conv, Layer, Local
from alexnet.network.spec import Network


def differences(
    network: Network,
    rules: LearningRules,
    definition: str,
    parameters: str,
    tree: ClassTree | None,
) -> Places:
    """What reading the files gives otherwise; empty where it gives the same network and rules.

    Rules may stand in another order and be called of another release, which they are by then.
    """
    # the reader itself asks the writer where a parameter file lies
    from alexnet.formats.cuda_convnet.reader import read_documents

    try:
        read = read_documents(
            parse_document(definition, "the definition"),
            parse_document(parameters, "the parameters"),
            side=network.picture.shape[1],
            classes_tree=tree,
        )
    except FormatError as error:
        return {f"files of which ours would say: {error}": []}
    assert read.rules is not None, "parameters were given"
    places = Places()
    if [layer.name for layer in network] != [layer.name for layer in read.network]:
        places["another order, or other names, when read back"] = []
        return places
    for layer, back in zip(network, read.network, strict=True):
        if layer != back:
            places.setdefault(_layer_reason(layer, back), []).append(layer.name)
    found = {layer_rules.layer: _plain(layer_rules) for layer_rules in read.rules.layers}
    for layer_rules in rules.layers:
        if _plain(layer_rules) != found[layer_rules.layer]:
            places.setdefault("rules that read back otherwise", []).append(layer_rules.layer)
    return places


def _layer_reason(layer: Layer, back: Layer) -> str:
    if layer.kind != back.kind:
        return f"{layer.kind} that reads back as {back.kind}"
    if isinstance(layer, Conv | Local) and isinstance(back, Conv | Local):
        unconnected = tuple(replace(kernel, connections=()) for kernel in layer.kernels)
        if unconnected == tuple(replace(kernel, connections=()) for kernel in back.kernels):
            return "sparse connections of its own, which the files do not hold (they are drawn)"
    other = [
        field.name
        for field in fields(layer)
        if field.compare and getattr(layer, field.name) != getattr(back, field.name)
    ]
    return f"{', '.join(other)} that would read back otherwise"


def _plain(rules: LayerRules) -> LayerRules:
    """An update period of 0 and one of 1 are the same."""
    return replace(rules, update_period=max(rules.update_period, 1))
