"""Scale on paper: what a training run over many devices would take, from the ledger's counts.

This is the door: `plan` for a run, `published` for how the model fares against two published
measurements; it measures nothing and prints nothing.
"""

from __future__ import annotations

from alexnet.network.plan.cluster import BUCKET, DEVICES, Cluster, Device, Link, Precision
from alexnet.network.plan.published import Published, published, published_tree
from alexnet.network.plan.quantities import PlanError
from alexnet.network.plan.schemes import MEANING, SCHEMES, Scheme, Step, step
from alexnet.network.plan.sentences import Fact
from alexnet.network.plan.whole import Dealt, Plan, as_tree, plan
from alexnet.network.plan.work import Work, work_of

__all__ = [
    "BUCKET",
    "DEVICES",
    "MEANING",
    "SCHEMES",
    "Cluster",
    "Dealt",
    "Device",
    "Fact",
    "Link",
    "Plan",
    "PlanError",
    "Precision",
    "Published",
    "Scheme",
    "Step",
    "Work",
    "as_tree",
    "plan",
    "published",
    "published_tree",
    "step",
    "work_of",
]
