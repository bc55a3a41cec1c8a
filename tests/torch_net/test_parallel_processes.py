"""Processes that run one network together, its towers apart or by one weird trick: what they learn
is what one does, and what they send is what the ledger and the plan say.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from alexnet.network.ledger import ledger
from alexnet.network.plan.cluster import Cluster, Link
from alexnet.network.plan.schemes import step
from alexnet.network.plan.work import work_of
from alexnet.torch_net.parallel import (
    ParallelModule,
    Peers,
    build_one_weird_trick,
    build_towers,
    own_rates,
    settle,
)
from alexnet.torch_net.parallel.peers import Parcel
from alexnet.training.distributed import Group
from torch_net.parallel_cases import (
    ODD_TOWERS,
    ODD_TRICK,
    TOWERS,
    Answer,
    alone,
    answer,
    arrays_of,
    assert_equal,
    shown_to,
    small,
)
from torch_net.test_parallel_towers import Own
from training.ranks import together

Mode = str
Case = tuple[Mode, str, int]
"""How, which network, and how many pictures."""

DIVIDED = ("one_weird_trick", "tiny", "paper", "13pct")
"""Networks whose pictures and outputs two ranks divide evenly, as a plan has it."""

OF_TWO: list[Case] = [
    *(("towers", name, 3) for name in TOWERS),
    *(("trick", name, 4) for name in DIVIDED),
    ("trick", ODD_TRICK.name, 3),
]
OF_THREE: list[Case] = [
    ("towers", ODD_TOWERS.name, 3),
    ("trick", ODD_TRICK.name, 7),
    ("trick", ODD_TRICK.name, 2),
    ("trick", "caffe", 5),
]


@dataclass(frozen=True)
class Heard:
    """What one rank answers for a case: all that it knows whole, and what it sent in one pass."""

    found: Answer | None
    objective: float
    outputs: np.ndarray
    sent: dict[tuple[str, str, int, int], int]
    parameters: int


def made(how: Mode, name: str, peers: Peers) -> ParallelModule:
    network = small(name)
    given: dict[str, Any] = {"arrays": arrays_of(network), "dtype": torch.float64}
    if how == "towers":
        return build_towers(network, peers=peers, **given)
    return build_one_weird_trick(network, peers, **given)


def heard(how: Mode, name: str, count: int, peers: Peers) -> Heard:
    """Runs a case."""
    module = made(how, name, peers)
    found = answer(module, count, 3)
    picture, labels = shown_to(module.network, count)
    peers.traffic.clear()
    costs = module.costs(picture, labels, generator=torch.Generator().manual_seed(0))
    costs.objective.backward()
    module.sum_gradients()
    sent = {(w.purpose, w.what, w.source, w.target): n for w, n in peers.traffic.sent.items()}
    held = sum(weight.numel() for weight in module.parameters())
    return Heard(found, costs.objective.item(), costs.outputs.numpy(), sent, held)


def all_heard(group: Group, cases: list[Case]) -> list[Any]:
    """What one rank answers for all cases, and what it is told by itself."""
    peers = Peers()
    return [*(heard(*case, peers) for case in cases), spoken(peers, group.ranks.rank)]


def spoken(peers: Peers, rank: int) -> dict[str, Any]:
    """Exchanges without a network, what cannot be done, and dealing out what was gathered."""
    count = peers.count
    own = torch.arange(2.0 * rank, 2.0 * rank + 2)
    found: dict[str, Any] = {
        "gathered": peers.gather("told", "numbers", own, 0, [2] * count).tolist(),
        "summed": peers.sum("told", "numbers", torch.arange(5.0) * (rank + 1)).tolist(),
    }
    nothing = torch.zeros(0)
    peers.exchange("told", [Parcel(peer, "nothing", nothing) for peer in peers.others], [])
    module = made("trick", "tiny", peers)
    weights = dict(module.named_parameters())
    whole = module.gather({name: weight * 2 for name, weight in weights.items()})
    dealt = None if whole is None else module.dealt(whole)
    if dealt is not None:
        found["dealt"] = all(torch.equal(dealt[name], 2 * x) for name, x in weights.items())
    muon = {name: Own(rule="muon") for name in module.shapes}
    noisy = {name: Own(noise=0.1) for name in module.shapes}
    found["refused"] = [refused(own_rates, module, muon)]
    assert own_rates(module, noisy) == noisy  # all ranks draw it for all arrays
    if count == 2:
        towers = made("towers", "tiny", peers)
        found["refused"].append(refused(own_rates, towers, noisy))
        assert own_rates(towers, muon).keys() == dict(towers.named_parameters()).keys()
    else:
        found["refused"].append(refused(build_towers, "tiny", peers=peers))
        found["refused"].append(refused(build_one_weird_trick, ODD_TOWERS_ALONE, peers))
    return found


ODD_TOWERS_ALONE = type(ODD_TOWERS)("convolutions", ODD_TOWERS.layers[:6])


def refused(call: Any, *given: Any, **more: Any) -> str:
    try:
        call(*given, **more)
    except ValueError as error:
        return str(error)
    return "nothing"


@pytest.fixture(scope="module")
def two() -> list[list[Any]]:
    return together(2, all_heard, OF_TWO, timeout=120)


@pytest.fixture(scope="module")
def three() -> list[list[Any]]:
    return together(3, all_heard, OF_THREE, timeout=120)


def of(case: Case, cases: list[Case], answers: list[list[Any]]) -> list[Heard]:
    assert [type(each) for each in answers] == [list] * len(answers), answers
    return [each[cases.index(case)] for each in answers]


def check(case: Case, heard: list[Heard]) -> None:
    """Rank 0 has whole what one process has, and the others know the costs and the outputs."""
    _, name, count = case
    network = small(name)
    assert_equal(heard[0].found, alone(network, count))
    assert [each.found for each in heard[1:]] == [None] * (len(heard) - 1)
    for each in heard:
        assert each.objective == heard[0].objective
        assert np.array_equal(each.outputs, heard[0].outputs)


@pytest.mark.parametrize("case", OF_TWO, ids=lambda case: " ".join(map(str, case)))
def test_two_processes_learn_what_one_does(case: Case, two: list[list[Any]]) -> None:
    check(case, of(case, OF_TWO, two))


@pytest.mark.parametrize("case", OF_THREE, ids=lambda case: " ".join(map(str, case)))
def test_three_processes_learn_what_one_does(case: Case, three: list[list[Any]]) -> None:
    check(case, of(case, OF_THREE, three))


@pytest.mark.parametrize("name", TOWERS)
def test_processes_send_what_the_ledger_says_crosses(name: str, two: list[list[Any]]) -> None:
    case = ("towers", name, 3)
    heard, network = of(case, OF_TWO, two), small(name)
    for rank, each in enumerate(heard):
        expected: dict[tuple[str, str, int, int], int] = {}
        for x in ledger(settle(network)).crossings:
            for purpose, source, target in (
                ("forward", x.from_tower, x.to_tower),
                ("backward", x.to_tower, x.from_tower),
            ):
                if source == rank:
                    expected[purpose, x.layer, source, target] = 8 * 3 * x.floats
        assert {key: n for key, n in each.sent.items() if key[0] != "told"} == expected
        totals = ledger(settle(network)).per_tower[rank]
        assert each.parameters == totals.parameters  # and no tower holds another's weights


@pytest.mark.parametrize("name", DIVIDED)
def test_processes_send_what_the_plan_of_one_weird_trick_says(
    name: str, two: list[list[Any]]
) -> None:
    """The plan counts numbers of 4 bytes; here they have 8."""
    heard, network = of(("trick", name, 4), OF_TWO, two), small(name)
    cluster = Cluster(devices=2, link=Link(1.0), peak=1.0)
    planned = step(work_of(network), cluster, "one-weird-trick-a", pictures=2)
    dense = sum(part.parameters for part in work_of(network).dense)
    for each in heard:
        sent = Counter[str]()
        for (purpose, *_), size in each.sent.items():
            sent[purpose] += size
        assert sent["forward"] + sent["backward"] == 2 * planned.activations.sent > 0
        assert sent["gradients"] == pytest.approx(2 * planned.gradients.sent, rel=1e-3)
        assert sent["told"] == 2 * 8  # labels, int64
        assert each.parameters == ledger(network).total.parameters - dense // 2
    everybody = sum(n for each in heard for key, n in each.sent.items() if key[0] == "gradients")
    assert everybody == 2 * 2 * planned.gradients.sent  # halves of an odd number are not equal


def test_what_processes_tell_one_another(two: list[list[Any]], three: list[list[Any]]) -> None:
    for count, answers in ((2, two), (3, three)):
        for rank, each in enumerate(answers):
            said = each[-1]
            assert said["gathered"] == [float(i) for i in range(2 * count)]
            assert said["summed"] == [i * count * (count + 1) / 2 for i in range(5)]
            assert said.get("dealt") is (True if rank == 0 else None)
            assert "rule 'muon' moves 'fc3a.weight_0' as one matrix" in said["refused"][0]
    assert "has noise, which is drawn for all arrays in turn" in two[0][-1]["refused"][1]
    assert "'tiny' has 2 towers and there are 3 processes" in three[0][-1]["refused"][1]
    assert "'convolutions' has no fully-connected layer" in three[0][-1]["refused"][2]
