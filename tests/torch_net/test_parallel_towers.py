"""Towers on devices of their own in one process: the network in one piece and the folded one, and
what crosses is what the ledger says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from alexnet.network.catalog import get_network
from alexnet.network.layers import Shared
from alexnet.network.ledger import ledger, stem
from alexnet.network.plan.work import work_of
from alexnet.network.spec import Network
from alexnet.network.towers import assemble, fold
from alexnet.torch_net import build
from alexnet.torch_net.parallel import build_towers, own_rates, settle
from alexnet.torch_net.parallel.draws import whole_draws
from torch_net.parallel_cases import (
    ODD_TOWERS,
    TOWERS,
    alone,
    answer,
    arrays_of,
    assert_equal,
    conv,
    shown_to,
    small,
)


def joined(parts: Sequence[torch.Tensor], axis: int) -> torch.Tensor:
    return torch.cat(list(parts), axis)


@pytest.mark.parametrize("name", [*TOWERS, ODD_TOWERS.name])
def test_towers_on_devices_learn_what_one_piece_does(name: str) -> None:
    network = small(name)
    module = build_towers(network, arrays=arrays_of(network), dtype=torch.float64)
    assert_equal(answer(module, 3, 3), alone(network, 3))


@pytest.mark.parametrize("name", TOWERS)
def test_towers_apart_are_the_folded_network(name: str) -> None:
    network = small(name)
    arrays = arrays_of(network)
    folded, assemblies = fold(network)
    one = build(folded, arrays=assemble(assemblies, arrays, joined), dtype=torch.float64)
    module = build_towers(network, arrays=arrays, dtype=torch.float64)
    picture, labels = shown_to(network, 3)
    drawn = whole_draws(network, network, 3, like=picture, last=False, generator=None)
    together: dict[str, list[torch.Tensor]] = {}
    for layer, draw in drawn.items():
        together.setdefault(stem(layer, network[layer].tower), []).append(draw)
    of_both = {layer: torch.cat(draws, 1) for layer, draws in together.items()}
    assert of_both.keys() <= folded.placed.keys()
    expected = one.costs(picture, labels, draws=of_both)
    expected.objective.backward()
    found = module.costs(picture, labels, draws=drawn)
    found.objective.backward()
    torch.testing.assert_close(found.outputs, expected.outputs, rtol=1e-9, atol=1e-12)
    own = {key: weight.grad for key, weight in module.named_parameters()}
    for key, gradient in assemble(assemblies, own, joined).items():
        other = one.get_parameter(key).grad
        torch.testing.assert_close(gradient, other, rtol=1e-9, atol=1e-13, msg=key)


@pytest.mark.parametrize("name", TOWERS)
def test_what_crosses_is_what_the_ledger_says(name: str) -> None:
    """At full size with 2012's 128 pictures, on devices that keep shapes alone."""
    network, count = get_network(name), 128
    module = build_towers(network, devices=["meta", "meta"])
    picture = torch.empty(count, *network.picture.shape, device="meta")
    labels = torch.zeros(count, dtype=torch.int64, device="meta")
    module.costs(picture, labels).objective.backward()
    expected: dict[tuple[str, str, int, int], int] = {}
    for each in ledger(settle(network)).crossings:
        one, other, size = each.from_tower, each.to_tower, 4 * count * each.floats
        expected["forward", each.layer, one, other] = size
        expected["backward", each.layer, other, one] = size
    sent = module.traffic.sent
    assert {(w.purpose, w.what, w.source, w.target): n for w, n in sent.items()} == expected
    planned = 2 * 4 * count * sum(each.floats for each in work_of(network).crosses)
    assert module.traffic.total() == module.traffic.total("forward", "backward") == planned > 0
    module.traffic.clear()
    assert module.traffic.total() == 0


def test_only_what_is_asked_for_crosses() -> None:
    network = small("paper")
    module = build_towers(network).eval()
    picture, _ = shown_to(network, 2, torch.float32)
    with torch.no_grad():
        found = module(picture, layers=["pool2b", "conv3a", "data"])
    assert isinstance(found, dict)
    assert list(found) == ["pool2b", "conv3a", "data"]
    assert torch.equal(found["data"], picture)
    assert {(way.purpose, way.what) for way in module.traffic.sent} == {("forward", "pool2b")}


def test_half_precision_crosses_in_half_as_many_bytes() -> None:
    network = small("paper")
    arrays = arrays_of(network, torch.float32)
    module, one = build_towers(network, arrays=arrays), build(network, arrays=arrays)
    picture, labels = shown_to(network, 2, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = module.eval().costs(picture, labels)
        expected = one.eval().costs(picture, labels)
    found.objective.backward()
    torch.testing.assert_close(found.outputs, expected.outputs)
    names = ("pool5a", "pool5b")
    crossed = {w.what: n for w, n in module.traffic.sent.items() if w.purpose == "forward"}
    floats = {each.layer: each.floats for each in ledger(network).crossings}
    assert [crossed[name] for name in names] == [2 * 2 * floats[name] for name in names]


def test_a_name_is_a_module_and_a_parameter_as_in_one_piece() -> None:
    module, one = build_towers("tiny"), build("tiny")
    names = [name for name, _ in one.named_parameters()]
    assert [name for name, _ in module.named_parameters()] == names
    gathered = module.gather(dict(module.named_parameters()))
    assert gathered is not None
    assert list(gathered) == names
    assert all(torch.equal(gathered[name], one.get_parameter(name)) for name in names)
    assert [name for name, _ in module.named_children()] == [x for x, _ in one.named_children()]


@dataclass(frozen=True)
class Own:
    """An array's rates, as far as they matter here."""

    rule: str = "momentum"
    noise: float = 0.0


def test_rates_of_all_arrays_where_all_are_held() -> None:
    module = build_towers("tiny")
    rates = {name: Own(rule="muon", noise=0.1) for name, _ in module.named_parameters()}
    assert own_rates(module, rates) == own_rates(build("tiny"), rates) == rates


def test_what_cannot_run_apart_is_said() -> None:
    with pytest.raises(ValueError, match="'caffe' has 0 towers; there must be at least 2"):
        build_towers("caffe")
    with pytest.raises(ValueError, match="has 2 towers and there are 3 devices; it takes one"):
        build_towers("tiny", devices=["cpu"] * 3)
    with pytest.raises(ValueError, match="no layer 'conv9'; did you mean 'conv"):
        build_towers("tiny")(torch.zeros(1, 1, 24, 24), layers=["conv9"])
    with pytest.raises(ValueError, match=r"input 'data' has shape \(1, 3, 3\)"):
        build_towers("tiny")(torch.zeros(1, 3, 3))
    with pytest.raises(ValueError, match="'labels' is needed and not given"):
        build_towers("tiny").costs(torch.zeros(1, 1, 24, 24))
    silent = Network("silent", ODD_TOWERS.layers[:6])
    with pytest.raises(ValueError, match="has no loss layer"):
        build_towers(silent).costs(torch.zeros(1, 1, 10, 10))
    lent = conv("lent", "three", tower=2, initial=Shared("again"))
    shared = replace(ODD_TOWERS, layers=(*ODD_TOWERS.layers[:8], lent))
    with pytest.raises(ValueError, match="'lent' shares the weights of 'again', which another"):
        build_towers(shared)


def test_settling_leaves_what_every_tower_can_run_for_itself() -> None:
    settled = settle(ODD_TOWERS)
    homes = {layer.name: layer.tower for layer in settled}
    assert (homes["data"], homes["scale"]) == (None, None)
    assert {x.name for x in settle(get_network("paper")) if x.tower is None} == {"data", "labels"}
    assert np.all([settle(settled)[name].tower == tower for name, tower in homes.items()])
