"""A network that only classifies, given what it can learn by: a softmax and its logistic loss."""

from __future__ import annotations

from dataclasses import replace

from alexnet.network.layers import Input, LogisticLoss, Loss, Softmax
from alexnet.network.spec import Network


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
