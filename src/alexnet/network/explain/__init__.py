"""Number forensics: which readings of a network yield a given number, the likeliest first.

This is the door: `readings` for one number, `reconcile` for a list; it prints nothing.
"""

from __future__ import annotations

from alexnet.network.explain.answer import Answer, as_tree, readings
from alexnet.network.explain.changes import COSTS, Cost
from alexnet.network.explain.readings import Reading
from alexnet.network.explain.reconcile import ListedNumber, Reconciliation, reconcile
from alexnet.network.explain.written import NumberError, Quantity, Written

__all__ = [
    "COSTS",
    "Answer",
    "Cost",
    "ListedNumber",
    "NumberError",
    "Quantity",
    "Reading",
    "Reconciliation",
    "Written",
    "as_tree",
    "readings",
    "reconcile",
]
