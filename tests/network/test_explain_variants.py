"""The derivations agree with the ledger, and the networks one change away are honest networks."""

import pytest

from alexnet.network.catalog import NETWORKS
from alexnet.network.catalog import get_network as network
from alexnet.network.explain.changes import COSTS
from alexnet.network.explain.derivations import parts
from alexnet.network.explain.variants import Variant, joined, variants, without_groups
from alexnet.network.ledger import ledger

COUNTED = {
    "neurons": "neurons",
    "weights": "weights",
    "biases": "biases",
    "parameters": "parameters",
    "connections": "connections",
    "multiply-adds": "multiply_adds",
    "activation bytes": "activation_bytes",
}


@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_derivation_is_the_ledgers(name):
    account = ledger(network(name))
    totals = {stage.name: stage.total for stage in account.stages}
    found = parts(account.network, account.stages)
    for part in found:
        derived = part.derivations()
        for quantity, field in COUNTED.items():
            if quantity in derived:
                assert derived[quantity].value == getattr(totals[part.name], field)
    assert (
        sum(p.derivations()["neurons"].value for p in found if p.weighted) == account.total.neurons
    )


@pytest.mark.parametrize("name", ["paper", "as_run", "caffe"])
def test_joined_is_the_network_of_the_cs231n_notes(name):
    account = ledger(network(name))
    total = ledger(joined(account.network, account.stages)).total
    wanted = ledger(network("cs231n")).total
    assert (total.parameters, total.neurons) == (wanted.parameters, wanted.neurons)
    assert total.multiply_adds == wanted.multiply_adds == 1_135_256_096


def test_a_network_without_groups_has_none_to_join():
    account = ledger(network("one_weird_trick"))
    assert without_groups(Variant(account.network, account.stages)) is None


@pytest.mark.parametrize("name", list(NETWORKS))
def test_variants_say_what_they_change(name):
    account = ledger(network(name))
    found = list(variants(Variant(account.network, account.stages)))
    told = [tuple(change.text for change in variant.changes) for variant in found]
    assert len(told) == len(set(told))
    assert {len(changes) for changes in told} <= {1, 2}
    assert all(variant.network != account.network for variant in found)
    assert all(change.kind in COSTS for variant in found for change in variant.changes)


def test_every_cost_has_its_reason():
    assert all(cost.cost > 0 and cost.reason for cost in COSTS.values())
