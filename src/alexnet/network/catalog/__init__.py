"""The networks people mean by "AlexNet", each as one value that cites where its numbers stand.

Names are looked up with `get_network(name)`; a name is all that the command line needs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from alexnet.network.catalog.cifar import (
    cifar_11pct,
    cifar_13pct,
    cifar_18pct,
    cifar_80sec,
    cifar_relu,
    cifar_tanh,
)
from alexnet.network.catalog.frameworks import caffe, caffenet, cs231n, one_weird_trick
from alexnet.network.catalog.nets_of_2012 import as_run, one_gpu, paper
from alexnet.network.catalog.soumith import soumith
from alexnet.network.catalog.tiny import tiny
from alexnet.network.catalog.vgg import CONVOLUTIONS
from alexnet.network.catalog.vgg import vgg as vgg_of
from alexnet.network.spec import Network, nearest

NETWORKS: dict[str, Callable[[], Network]] = {
    "paper": paper,
    "as_run": as_run,
    "one_gpu": one_gpu,
    "one_weird_trick": one_weird_trick,
    "soumith": soumith,
    "caffe": caffe,
    "caffenet": caffenet,
    "cs231n": cs231n,
    "tiny": tiny,
    "80sec": cifar_80sec,
    "18pct": cifar_18pct,
    "13pct": cifar_13pct,
    "11pct": cifar_11pct,
    "cifar_relu": cifar_relu,
    "cifar_tanh": cifar_tanh,
}
"""Every catalog network by its name, in the order in which they are listed."""

HEIRS: dict[str, Callable[[], Network]] = {
    f"vgg{depth}": partial(vgg_of, depth) for depth in CONVOLUTIONS
}
"""Networks that are known by name, for the files that hold their weights, and are no AlexNet."""


def get_network(name: str) -> Network:
    """The catalog network called `name`.

    Raises:
        ValueError: no such name; the message gives the nearest, or all of NETWORKS.
    """
    known = NETWORKS | HEIRS
    if name not in known:
        raise ValueError(f"no network is called '{name}'{nearest(name, list(known), NETWORKS)}")
    return known[name]()
