"""Reads a net of Caffe's, from text or bytes, as a network with notes of what that cannot hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from alexnet.formats.caffe import layers_plain, layers_weighted
from alexnet.formats.caffe.build import Build, Learned
from alexnet.formats.caffe.inputs import Pictures, data_layer, input_layer, net_inputs
from alexnet.formats.caffe.message import Message
from alexnet.formats.caffe.selection import SOURCES, select
from alexnet.formats.caffe.upgrade import layers_of
from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.notes import Notes, listed, shown
from alexnet.network.layers import Input, LogisticLoss, Loss, Softmax
from alexnet.network.spec import Network, NetworkError

MOST_LAYERS = 2_000

KINDS: dict[str, Callable[[Message, Build], None]] = {
    "Convolution": layers_weighted.convolution,
    "InnerProduct": layers_weighted.inner_product,
    "Pooling": layers_plain.pooling,
    "LRN": layers_plain.norm,
    "ReLU": layers_plain.activation,
    "Sigmoid": layers_plain.activation,
    "TanH": layers_plain.activation,
    "AbsVal": layers_plain.activation,
    "Power": layers_plain.activation,
    "Log": layers_plain.activation,
    "Dropout": layers_plain.dropout,
    "Softmax": layers_plain.softmax,
    "Concat": layers_plain.concat,
    "Eltwise": layers_plain.eltwise,
    "Flatten": layers_plain.flatten,
    "Reshape": layers_plain.reshape,
    "Split": layers_plain.split,
    "Accuracy": layers_plain.accuracy,
    "SoftmaxWithLoss": layers_plain.loss,
    "MultinomialLogisticLoss": layers_plain.loss,
}
"""What is done with a layer of each type that is read."""

LEFT_OUT = (
    *("Silence", "HDF5Output", "EuclideanLoss", "HingeLoss", "ContrastiveLoss", "InfogainLoss"),
    "SigmoidCrossEntropyLoss",
)
"""Types without effect on what a network says of a picture: they end in a loss, or in nothing."""

SOLVER = frozenset({"net", "train_net", "base_lr", "lr_policy", "max_iter"})
"""Names that only files of solvers have."""

LEARNING = ("param", "propagate_down", "phase", "include", "exclude")


@dataclass(frozen=True, eq=False)
class Net:
    """What a file says.

    Attributes:
        network: the layers of the TEST phase.
        build: what it was made with; its notes grow until the file is read to the end.
        pictures: what is done to the pictures.
        layers: the messages of all layers, of whatever phase.
    """

    network: Network
    build: Build
    pictures: Pictures
    layers: tuple[Message, ...]


def read_net(net: Message, where: str, name: str, folder: Path | None) -> Net:
    """The network of a NetParameter.

    Args:
        net: as it was decoded or parsed.
        where: the file, for errors.
        name: of the network, where the file does not say one.
        folder: where a mean image may lie.

    Raises:
        FormatError: a layer that is not known or does not fit; names the place.
    """
    build, called = Build(where, folder, Notes()), net.text("name") or name
    net.look_over("force_backward", "debug_info")
    every = layers_of(net)
    if not every and SOLVER & set(net.unknown):
        raise FormatError(
            f"{where}: is a solver, which says how a net learns; open the net that it names"
        )
    if len(every) > MOST_LAYERS:
        raise FormatError(f"{where}: has {len(every):,} layers; up to {MOST_LAYERS:,} are read")
    layers = select(net, every, build.notes)
    _check_types(layers, where)
    net_inputs(net, build)
    pictures = Pictures()
    for layer in layers:
        kind = layer.text("type")
        if kind in SOURCES:
            said = (
                input_layer(layer, build) if kind == "Input" else data_layer(layer, layers, build)
            )
            pictures = said if said is not None and pictures.message is None else pictures
        elif kind in LEFT_OUT:
            _leave_out(layer, build)
        else:
            KINDS[kind](layer, build)
        _note_rest(layer, build)
    _note_shared(build)
    for path, value in net.left():
        build.notes.add(f"not known and not read: {_setting(path, value)}")
    return Net(_network(called, build), build, pictures, tuple(every))


def _check_types(layers: list[Message], where: str) -> None:
    """Refuses, all at once, the types that change outputs and have no layer here."""
    strange: dict[str, list[str]] = {}
    for layer in layers:
        kind = layer.text("type")
        if kind not in KINDS and kind not in SOURCES and kind not in LEFT_OUT:
            strange.setdefault(shown(kind or "none"), []).append(_place(layer))
    if strange:
        said = listed([f"{kind} ({listed(places)})" for kind, places in strange.items()])
        raise FormatError(
            f"{where}: has layers of types that no network here has: {said}; known are"
            f" {', '.join(KINDS)}"
        )


def _place(layer: Message) -> str:
    _, found, line = layer.where.rpartition(": line ")
    name = shown(layer.text("name"))
    return f"'{name}' in line {line}" if found else f"'{name}'"


def _leave_out(layer: Message, build: Build) -> None:
    kind = layer.text("type")
    build.reads(layer)
    layer.look_over(*layer.fields)
    what = "its learning goal is not known here" if kind.endswith("Loss") else "it says nothing"
    build.notes.group(f"{kind} is left out, for {what}", shown(layer.text("name")))


def _note_rest(layer: Message, build: Build) -> None:
    """What of a layer was not looked at: learning rules, and what is not known."""
    name = shown(layer.text("name"))
    rates: list[str] = []
    for param in layer.messages("param"):
        rates.append(f"{param.number('lr_mult', 1.0):g}/{param.number('decay_mult', 1.0):g}")
        param.look_over("share_mode")
    if rates:
        said = (
            f"lr_mult/decay_mult {', '.join(rates[:4])} are rules of learning, which are not kept"
        )
        build.notes.group(said, name)
    layer.look_over(*LEARNING, "blobs")
    if layer.numbers("loss_weight") and layer.text("type") not in ("SoftmaxWithLoss",):
        build.notes.group("loss_weight is not read", name)
    for path, value in layer.left():
        build.notes.group(f"not known and not read: {_setting(path, value)}", name)


def _setting(path: str, value: str) -> str:
    return shown(f"{path} {value}".strip(), 100)


def _note_shared(build: Build) -> None:
    """Arrays that Caffe shares by a name of theirs; each layer has its own here."""
    users: dict[str, list[str]] = {}
    for learned in build.learned:
        for param in learned.message.messages("param"):
            if param.text("name"):
                users.setdefault(param.text("name"), []).append(learned.name)
    for name, layers in users.items():
        if len(layers) > 1:
            build.notes.add(
                f"'{shown(name)}' is shared by {listed(layers)}; here each has one of its own, as"
                " the model file does"
            )


def _network(name: str, build: Build) -> Network:
    if not any(isinstance(x, Input) and x.content == "picture" for x in build.layers.values()):
        raise FormatError(
            f"{build.where}: no layer gives a picture; a deploy definition has an input"
        )
    if all(isinstance(layer, Input | Loss) for layer in build.layers.values()):
        raise FormatError(f"{build.where}: has no layer that says anything of a picture")
    layers = list(build.layers.values())
    for index, layer in enumerate(layers):
        if isinstance(layer, LogisticLoss):
            before = build.layers[layer.reads[1]]
            names = [before.name, *(before.reads if isinstance(before, Softmax) else ())]
            top = max(build.accuracies.get(each, 1) for each in names)
            layers[index] = replace(layer, top=top)
    try:
        return Network(name, tuple(layers), source=build.where)
    except NetworkError as error:
        raise FormatError(f"{build.where}: {error}") from None


__all__ = ["KINDS", "Learned", "Net", "read_net"]
