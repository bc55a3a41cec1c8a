"""The state dicts of torchvision that a Network can express: the networks, the names of their
arrays in torchvision's order, and what they expect of a picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alexnet.network.arithmetic import network_parameters
from alexnet.network.catalog.frameworks import one_weird_trick
from alexnet.network.catalog.vgg import CONVOLUTIONS, vgg
from alexnet.network.contract import InputContract
from alexnet.network.layers import FullyConnected
from alexnet.network.spec import Network

CONTRACT = InputContract(
    channel_order="RGB",
    pixel_maximum=1.0,
    mean=(0.485, 0.456, 0.406),
    deviation=(0.229, 0.224, 0.225),
    border_pixels=16,
)
"""What torchvision trains with: 256 pixels, of which the centre's 224 are shown, scaled to 0…1,
minus a mean and by a deviation per channel (torchvision/transforms/_presets.py)."""

ALEXNET = "alexnet"


@dataclass(frozen=True, slots=True)
class Make:
    """One of torchvision's models.

    Attributes:
        name: of the function in torchvision.models that makes it.
        network: with a thousand classes, as torchvision has it.
        keys: torchvision's name of every array, by ours, in the order of both.
    """

    name: str
    network: Network
    keys: Mapping[str, str]


def makes() -> tuple[Make, ...]:
    """AlexNet and the VGG networks without batch normalisation."""
    vggs = (_make(f"vgg{depth}", vgg(depth), (0, 3, 6)) for depth in CONVOLUTIONS)
    return (_make(ALEXNET, one_weird_trick(), (1, 4, 6)), *vggs)


def _make(name: str, network: Network, dense: tuple[int, ...]) -> Make:
    """torchvision numbers all modules of `features`, which are our layers up to the last pool, and
    those of `classifier`, where dropout stands before (AlexNet) or after (VGG) a dense layer.
    """
    features = (f"features.{place}" for place in range(len(network.layers)))
    classifier = (f"classifier.{place}" for place in dense)
    modules: dict[str, str] = {}
    for layer in network.layers[1:]:
        modules[layer.name] = next(classifier if isinstance(layer, FullyConnected) else features)
    keys = {
        p.name: p.name.replace(p.layer, modules[p.layer], 1) for p in network_parameters(network)
    }
    return Make(name, network, keys)
