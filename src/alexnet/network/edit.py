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
    Softmax,
    Window,
)
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
    if isinstance(layer, MaxPool | AveragePool):
        return replace(layer, rule=rule, window=_reset(layer.window, rule))
    return layer


def _reset(window: W, rule: Rule) -> W:
    padding = 0 if rule in ("same", "valid") else window.padding
    return replace(window, padding=padding, outputs=None)


def with_input(network: Network, side: int) -> Network:
    """The network over pictures of `side` × `side` pixels.

    Raises:
        NetworkError: a window no longer fits.
    """
    picture = network.picture

    def resized(layer: Layer) -> Layer:
        if layer == picture and isinstance(layer, Input):
            return replace(layer, shape=(picture.shape[0], side, side))
        return layer

    return replace(network, layers=tuple(resized(layer) for layer in network))


def with_classes(network: Network, classes: int) -> Network:
    """The network with as many outputs in its last fully-connected layer as there are classes.

    Losses that report a top-k error report one that exists.

    Raises:
        NetworkError: it has no fully-connected layer, or what follows does not fit.
    """
    last = next((x for x in reversed(network.layers) if isinstance(x, FullyConnected)), None)
    if last is None:
        raise NetworkError(f"network '{network.name}' has no fully-connected layer to give classes")

    def widened(layer: Layer) -> Layer:
        if isinstance(layer, FullyConnected) and layer == last:
            return replace(layer, outputs=classes)
        if isinstance(layer, LogisticLoss):
            return replace(layer, top=min(layer.top, classes))
        return layer

    return replace(network, layers=tuple(widened(layer) for layer in network))


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
