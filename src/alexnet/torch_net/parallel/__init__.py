"""A Network over several processes or devices: its towers apart, as in 2012, or its fully-connected
layers dealt out (one weird trick). What it sends is counted; it neither updates nor reads files.
"""

from alexnet.torch_net.parallel.dealing import ParallelModule, own_rates
from alexnet.torch_net.parallel.draws import Shown
from alexnet.torch_net.parallel.one_weird_trick import OneWeirdTrickModule, build_one_weird_trick
from alexnet.torch_net.parallel.peers import Peers, part
from alexnet.torch_net.parallel.places import settle
from alexnet.torch_net.parallel.towers import TowersModule, build_towers
from alexnet.torch_net.parallel.traffic import Traffic

__all__ = [
    "OneWeirdTrickModule",
    "ParallelModule",
    "Peers",
    "Shown",
    "TowersModule",
    "Traffic",
    "build_one_weird_trick",
    "build_towers",
    "own_rates",
    "part",
    "settle",
]
