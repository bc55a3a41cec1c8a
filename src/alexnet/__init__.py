"""The 2012 ImageNet network: described once, then counted, built, trained, evaluated and drawn.

Importing this loads neither numpy nor torch; names that need them arrive when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from alexnet.network.catalog import NETWORKS as NETWORKS
from alexnet.network.catalog import get_network as get_network
from alexnet.network.codec import from_json as from_json
from alexnet.network.codec import to_json as to_json
from alexnet.network.ledger import Ledger as Ledger
from alexnet.network.ledger import ledger as ledger
from alexnet.network.spec import Network as Network
from alexnet.network.spec import NetworkError as NetworkError

if TYPE_CHECKING:
    from alexnet.estimator import AlexNetClassifier as AlexNetClassifier
    from alexnet.evaluation import evaluate as evaluate
    from alexnet.evaluation import features as features
    from alexnet.formats import Checkpoint as Checkpoint
    from alexnet.formats import read as read
    from alexnet.formats import write as write
    from alexnet.network.compare import compare as compare
    from alexnet.network.explain import readings as readings
    from alexnet.network.paper import audit as audit
    from alexnet.network.towers import fold as fold
    from alexnet.network.towers import unfold as unfold
    from alexnet.torch_net import build as build
    from alexnet.torch_net.from_module import arrays_of as arrays_of
    from alexnet.torch_net.from_module import from_module as from_module
    from alexnet.training.loop import train as train

LATE = {
    "AlexNetClassifier": "alexnet.estimator",
    "Checkpoint": "alexnet.formats",
    "arrays_of": "alexnet.torch_net.from_module",
    "audit": "alexnet.network.paper",
    "build": "alexnet.torch_net",
    "compare": "alexnet.network.compare",
    "evaluate": "alexnet.evaluation",
    "features": "alexnet.evaluation",
    "fold": "alexnet.network.towers",
    "from_module": "alexnet.torch_net.from_module",
    "read": "alexnet.formats",
    "readings": "alexnet.network.explain",
    "train": "alexnet.training.loop",
    "unfold": "alexnet.network.towers",
    "write": "alexnet.formats",
}
"""Public names that come when first asked for, and where each lives."""

__all__ = [
    "NETWORKS",
    "Ledger",
    "Network",
    "NetworkError",
    "from_json",
    "ledger",
    "get_network",
    "to_json",
    *LATE,  # pyright: ignore[reportUnsupportedDunderAll]
]


def __getattr__(name: str) -> object:
    if name in LATE:
        return getattr(import_module(LATE[name]), name)
    raise AttributeError(f"module 'alexnet' has no attribute '{name}'")
