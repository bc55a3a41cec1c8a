"""Networks made from networks: another size rule, picture or number of classes; a loss added."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from alexnet.network.layers import (
    AveragePool,
    Conv,
    FullyConnected,
    Input,
    Kernel,
    Layer,
    Local,
    LogisticLoss,
    Loss,
    MaxPool,
    RandomPool,
    Softmax,
    TreeConnected,
    Weighted,
    Window,
)
from alexnet.network.shapes import elements
from alexnet.network.sizes import Rule
from alexnet.network.spec import Network, NetworkError

W = TypeVar("W", Kernel, Window)


def with_rule(network: Network, rule: Rule) -> Network:
    """The network re-read under another tradition's size rule.

    TensorFlow's `same` and `valid` set the padding themselves, so the network's own is dropped; so
    are explicit output counts. Fully-connected layers take what reaches them.

    Raises:
        NetworkError: the network does not fit under that rule.
    """
    return replace(network, layers=tuple(_ruled(layer, rule) for layer in network))


def _ruled(layer: Layer, rule: Rule) -> Layer:
    if isinstance(layer, Conv | Local):
        return replace(layer, rule=rule, kernels=tuple(_reset(k, rule) for k in layer.kernels))
    if isinstance(layer, MaxPool | AveragePool | RandomPool):
        return replace(layer, rule=rule, window=_reset(layer.window, rule))
    return layer


def _reset(window: W, rule: Rule) -> W:
    padding = 0 if rule in ("same", "valid") else window.padding
    return replace(window, padding=padding, outputs=None)


def with_input(network: Network, side: int, channels: int | None = None) -> Network:
    """The network over pictures of `side` × `side` pixels, of as many channels as before or as
    `channels` says.

    Raises:
        NetworkError: a window no longer fits, or groups of channels do not.
    """
    picture = network.picture
    shape = (picture.shape[0] if channels is None else channels, side, side)

    def resized(layer: Layer) -> Layer:
        if layer == picture and isinstance(layer, Input):
            return replace(layer, shape=shape)
        return layer

    return replace(network, layers=tuple(resized(layer) for layer in network))


def with_classes(network: Network, classes: int) -> Network:
    """The network with as many outputs in its last fully-connected layer as there are classes.

    Where the output joins several such layers (2012 dealt the last one over its GPUs), they share
    the classes, the first ones taking one more. Losses that report a top-k error report one that
    exists.

    Raises:
        NetworkError: it has no fully-connected layer, its last one is over a tree of classes, or
            what follows does not fit.
    """
    heads = _heads(network)
    if not heads:
        raise NetworkError(f"network '{network.name}' has no fully-connected layer to give classes")
    for head in heads:
        if isinstance(head, TreeConnected):
            raise NetworkError(
                f"network '{network.name}', layer '{head.name}': its tree sets the {head.outputs} "
                "classes; give it a tree over the new ones, or a fully-connected layer in its place"
            )
    stacked = sum(x.outputs for x in heads) == elements(network.shape(network.outputs.name))
    share, rest = divmod(classes, len(heads)) if stacked else (classes, 0)
    shares = {head.name: share + (index < rest) for index, head in enumerate(heads)}

    def widened(layer: Layer) -> Layer:
        if isinstance(layer, FullyConnected) and layer.name in shares:
            return replace(layer, outputs=shares[layer.name])
        if isinstance(layer, LogisticLoss):
            return replace(layer, top=min(layer.top, classes))
        return layer

    return replace(network, layers=tuple(widened(layer) for layer in network))


def _heads(network: Network) -> list[FullyConnected | TreeConnected]:
    """The fully-connected layers whose outputs the network's output is made of; else the last."""
    dense = [x for x in network if isinstance(x, FullyConnected | TreeConnected)]
    waiting, seen = [network.outputs], set[str]()
    while waiting:
        layer = waiting.pop()
        seen.add(layer.name)
        if not isinstance(layer, Weighted):
            waiting += [network[read] for read in layer.reads]
    return [x for x in dense if x.name in seen] or dense[-1:]


def with_loss(network: Network) -> Network:
    """The network with a loss: itself where it has one, else with labels, Softmax and LogisticLoss
    on its output.

    Raises:
        NetworkError: its output is no vector of classes.
    """
    if any(isinstance(layer, Loss) for layer in network):
        return network
    layers, output = list(network.layers), network.outputs
    labels = next((x.name for x in layers if isinstance(x, Input) and x.content == "labels"), None)
    if labels is None:
        labels = _free("labels", network)
        layers.append(Input(name=labels, shape=(1, 1, 1), content="labels"))
    classes = output.name
    if not isinstance(output, Softmax):
        classes = _free("probs", network)
        layers.append(Softmax(name=classes, reads=(output.name,)))
    layers.append(LogisticLoss(name=_free("logprob", network), reads=(labels, classes)))
    return replace(network, layers=tuple(layers))


def _free(name: str, network: Network) -> str:
    """`name`, with as many underscores behind it as it takes to be nobody else's."""
    while name in network:
        name += "_"
    return name
