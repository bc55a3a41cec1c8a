"""Scale on paper against closed forms, simulations by hand, torch's own counts and the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from alexnet.network.catalog import get_network
from alexnet.network.ledger import ledger
from alexnet.network.memory import training_memory
from alexnet.network.plan import (
    SCHEMES,
    Cluster,
    Link,
    PlanError,
    Scheme,
    Step,
    Work,
    as_tree,
    plan,
    step,
    work_of,
)
from alexnet.network.plan.cluster import Transfer, all_gather, all_reduce, send_to_all
from alexnet.network.plan.limits import limit
from alexnet.network.plan.rates import rates
from alexnet.network.plan.room import room
from alexnet.torch_net import build
from reduced import reduced

PAPER = work_of(get_network("paper"))
OWT = work_of(get_network("one_weird_trick"))

V100 = Cluster(devices=8, link=Link(12.5e9, 5e-6), peak=15.7e12)


def cluster(devices: int, rate: float = 12.5e9, latency: float = 5e-6, **more: float) -> Cluster:
    return replace(V100, devices=devices, link=Link(rate, latency), **more)


# --- counts ---------------------------------------------------------------------------------------


def test_the_papers_step_in_closed_form() -> None:
    conv = [48 * 2 * 55 * 55 * 363, 256 * 27 * 27 * 48 * 25, 384 * 13 * 13 * 256 * 9]
    conv += [384 * 13 * 13 * 192 * 9, 256 * 13 * 13 * 192 * 9]
    dense = [9216 * 4096, 4096 * 4096, 4096 * 1000]
    assert PAPER.forward == 2 * sum(conv + dense)
    assert PAPER.backward == 2 * PAPER.forward - 2 * conv[0]  # the picture needs no gradient
    assert PAPER.parameters == ledger(get_network("paper")).total.parameters == 60_965_224
    assert PAPER.gathered == (9216, 4096, 4096) and PAPER.said == 1000
    assert sum(part.outputs for part in PAPER.dense) == 4096 + 4096 + 1000


@pytest.mark.parametrize("name", ["paper", "80sec"])
def test_operations_are_those_that_torch_counts(name: str) -> None:
    network = reduced(name)
    module = build(network).eval()
    with FlopCounterMode(display=False) as forward:
        said = module(torch.randn(1, *network.picture.shape))
    with FlopCounterMode(display=False) as backward:
        said.sum().backward()
    work = work_of(network)
    assert work.forward == forward.get_total_flops()
    assert work.backward == backward.get_total_flops()


def test_what_crosses_between_the_papers_towers() -> None:
    pool2, pool5, hidden = 128 * 13 * 13, 128 * 6 * 6, 2048
    assert sum(c.floats for c in PAPER.crosses if c.from_tower == 0) == pool2 + pool5 + hidden
    # fc8 stands on the first tower's device, so that the other's fc7 crosses to it
    assert sum(c.floats for c in PAPER.crosses if c.from_tower == 1) == pool2 + pool5 + 2 * hidden
    of_ledger = sum(c.floats for c in ledger(get_network("paper")).crossings)
    assert sum(c.floats for c in PAPER.crosses) == of_ledger + hidden


# --- the link -------------------------------------------------------------------------------------


def ring(devices: int, size: int, *, gather_only: bool) -> tuple[list[int], int, int]:
    """A ring simulated piece by piece: what each device sends, the pieces' steps, and the bytes of
    the busiest link, step after step. Afterwards everyone has the sum of all.
    """
    pieces = [[{device} for _ in range(devices)] for device in range(devices)]
    if gather_only:
        pieces = [[{d} if p == d else set() for p in range(devices)] for d in range(devices)]
    sent, steps, path = [0] * devices, 0, 0
    for back in (0,) if gather_only else (0, 1):
        for turn in range(devices - 1):
            first = 0 if gather_only else (0 if not back else 1)
            moves = [(d, (d - turn + first) % devices) for d in range(devices)]
            carried = [(d, p, set(pieces[d][p])) for d, p in moves]
            for device, piece, has in carried:
                pieces[(device + 1) % devices][piece] |= has
                sent[device] += size // devices
            steps, path = steps + 1, path + size // devices
    everyone = [{p} if gather_only else set(range(devices)) for p in range(devices)]
    assert all(mine == everyone for mine in pieces)
    return sent, steps, path


@pytest.mark.parametrize("devices", [2, 3, 8])
def test_rings_cost_what_a_simulated_ring_costs(devices: int) -> None:
    size = 840 * devices
    for found, gather_only in ((all_reduce, False), (all_gather, True)):
        sent, steps, path = ring(devices, size, gather_only=gather_only)
        cost = found(devices, size)
        assert set(sent) == {cost.sent} and (cost.path, cost.hops) == (path, steps)
    to_all = send_to_all(devices, size)
    assert to_all.path == (devices - 1) * size and to_all.sent * devices == to_all.path
    assert all_reduce(1, size) == all_gather(1, size) == send_to_all(1, size) == Transfer()


# --- schemes --------------------------------------------------------------------------------------


def test_data_parallel_in_closed_form() -> None:
    found = step(PAPER, cluster(512), "data", 128)
    sent = 2 * 511 / 512 * 60_965_224 * 4
    assert found.sent == pytest.approx(sent) and found.messages == 5
    assert found.communication == pytest.approx(sent / 12.5e9 + 5 * 2 * 511 * 5e-6)
    assert found.compute == pytest.approx(128 * (PAPER.forward + PAPER.backward) / (0.5 * 15.7e12))
    assert found.speed_up == pytest.approx(512 * found.compute / (found.compute + found.exposed))


def last_sum(work: Work, of: Cluster, pictures: float) -> float:
    """When the last sum is there, counted from the beginning of the backward pass: the latest of
    all the queues that begin with one sum and are busy from then on.
    """
    ready, sizes, now, waiting = [], [], 0.0, 0
    for part in reversed(work.parts):
        now += pictures * part.backward / of.speed
        waiting += 4 * part.parameters
        if waiting >= of.bucket or part is work.parts[0]:
            ready.append(now)
            sizes.append(waiting)
            waiting = 0
    times = [all_reduce(of.devices, size).seconds(of.link) for size in sizes]
    return max(start + sum(times[i:]) for i, start in enumerate(ready))


@pytest.mark.parametrize("bucket", [0, 1 << 20, 25 << 20, 1 << 40])
@pytest.mark.parametrize("rate", [1e8, 5e9, 1e10, 1e12])
def test_what_is_not_hidden_is_what_a_queue_of_sums_leaves(bucket: int, rate: float) -> None:
    of = cluster(16, rate, bucket=bucket)
    found = step(PAPER, of, "data", 128)
    backward = 128 * PAPER.backward / of.speed
    assert found.exposed == pytest.approx(max(0.0, last_sum(PAPER, of, 128) - backward), abs=1e-12)
    if bucket == 1 << 40:  # one sum, at the very end
        assert found.messages == 1 and found.exposed == pytest.approx(found.communication)


def turns(count: int, sending: float, working: float) -> float:
    """When the last turn is worked on; each is sent while the one before it is worked on."""
    sent = worked = 0.0
    for _ in range(count):
        sent += sending
        worked = max(worked, sent) + working
    return worked


@pytest.mark.parametrize("rate", [1e8, 1e9, 2e10, 1e13])
@pytest.mark.parametrize("scheme", ["one-weird-trick-b", "one-weird-trick-c"])
def test_one_weird_trick_takes_turns(scheme: Scheme, rate: float) -> None:
    of = cluster(8, rate, 0.0, bucket=1 << 40)  # 4,096 and 1,000 outputs divide by 8
    found = step(OWT, of, scheme, 128)
    dense = 128 * sum(part.operations for part in OWT.dense) / of.speed
    first = 7 * 9216 if scheme.endswith("b") else 7 / 8 * 9216
    rest = 7 / 8 * (2 * (4096 + 4096) + 1000)
    sending = 128 * 4 * (2 * first + rest) / rate
    convolutions = sum(part.parameters for part in OWT.spatial)
    gradients = 2 * 7 / 8 * 4 * convolutions / rate
    assert found.exposed == pytest.approx(turns(8, sending, dense / 8) - dense + gradients)
    each = 2 * 7 / 8 * 4 * convolutions + 7 / 8 * 8 * 128 * 4 * (2 * 9216 + 2 * 8192 + 1000)
    assert found.sent == pytest.approx(each)


def test_one_weird_trick_at_once_in_closed_form() -> None:
    found = step(OWT, cluster(8, bucket=1 << 40), "one-weird-trick-a", 128)
    floats = 2 * (9216 + 4096 + 4096) + 1000
    assert found.activations.sent == pytest.approx(7 / 8 * 1024 * floats * 4)
    assert found.activations.hops == 7 * 7 and found.messages == 1
    assert found.exposed == pytest.approx(found.communication)
    uneven = step(OWT, cluster(512), "one-weird-trick-a", 128)  # some have 2 of 1,000 outputs
    extra = 128 * OWT.parts[-1].operations * (512 * 2 / 1000 - 1) / cluster(512).speed
    assert uneven.compute - uneven.alone == pytest.approx(extra)


def test_towers_in_closed_form() -> None:
    of = cluster(2)
    found = step(PAPER, of, "towers", 128)
    floats = {0: 21632 + 4608 + 2048, 1: 21632 + 4608 + 2 * 2048}
    assert found.activations.path == 2 * floats[1] * 256 * 4
    assert found.sent == pytest.approx(sum(floats.values()) * 256 * 4)
    assert found.gradients == Transfer() and found.messages == 0
    first = sum(p.operations for p in PAPER.parts if p.tower in (0, None))
    assert found.compute == pytest.approx(256 * first / of.speed)
    with pytest.raises(PlanError, match="network 'one_weird_trick' has no towers"):
        step(OWT, of, "towers", 128)
    with pytest.raises(PlanError, match="3 devices are no whole number of groups of 2"):
        step(PAPER, cluster(3), "towers", 128)


def every_step(devices: Sequence[int], rate: float) -> list[Step]:
    return [step(PAPER, cluster(n, rate), scheme, 128) for n in devices for scheme in SCHEMES]


@pytest.mark.parametrize("rate", [1e7, 1e9, 1e10, 1e15])
def test_no_step_is_faster_than_its_arithmetic_or_slower_than_all_in_turn(rate: float) -> None:
    for found in every_step((2, 4, 64, 512), rate):
        most = found.compute + found.communication
        assert max(found.compute, found.communication) <= found.seconds * (1 + 1e-12)
        assert found.seconds <= most * (1 + 1e-12)
        assert 0 < found.speed_up_apart <= found.speed_up * (1 + 1e-12)
        assert found.speed_up <= found.speed_up_hidden * (1 + 1e-12) <= found.devices * (1 + 1e-9)


def test_one_device_alone_and_links_without_limit() -> None:
    for scheme in SCHEMES:
        if scheme != "towers":
            alone = step(PAPER, cluster(1), scheme, 128)
            assert (alone.sent, alone.exposed, alone.messages) == (0, 0, 0)
            assert alone.speed_up == 1
    for scheme in SCHEMES:
        endless = step(PAPER, cluster(8, 1e30, 0.0), scheme, 128)
        even = endless.alone / endless.compute
        assert endless.speed_up == pytest.approx(8 * even) and even > 0.98


# --- limits, memory, rates ------------------------------------------------------------------------


def test_the_limit_is_where_communication_outlasts_what_hides_it() -> None:
    of = cluster(8, latency=2e-6)
    found = limit(OWT, of, "data", 128, whole_batch=False)
    assert found.hidden and found.devices is not None and found.rate is not None
    for count, outlasts in ((found.devices - 1, False), (found.devices, True)):
        tried = step(OWT, replace(of, devices=count), "data", 128)
        assert (tried.communication > tried.hides) is outlasts
    exact = step(OWT, cluster(8, found.rate, 2e-6), "data", 128)
    assert exact.communication == pytest.approx(exact.hides)
    kept = limit(OWT, of, "data", 128, whole_batch=True)
    assert kept.devices is not None and kept.devices < found.devices  # ever fewer pictures each
    assert limit(PAPER, of, "towers", 128, whole_batch=False).hidden is False
    slow = limit(OWT, cluster(512, latency=1e-2), "data", 128, whole_batch=False)
    assert slow.latency_alone and slow.rate is None


def test_memory_of_data_parallelism_is_that_of_the_step() -> None:
    of = replace(cluster(8), memory=16 * 2**30)
    found = room(PAPER, of, "data", 128)
    assert found.needed == training_memory(get_network("paper"), 128, "fp32").peak
    assert found.largest is not None
    assert training_memory(get_network("paper"), found.largest, "fp32").peak <= 16 * 2**30
    assert training_memory(get_network("paper"), found.largest + 1, "fp32").peak > 16 * 2**30
    dealt = room(PAPER, of, "one-weird-trick-b", 128)
    own = sum(p.parameters for p in PAPER.spatial) + sum(p.parameters for p in PAPER.dense) / 8
    kept = training_memory(get_network("paper"), 128, "fp32").activations
    gathered = (9216 + 4096 + 4096 + 1000) * 4 * 256
    assert dealt.needed == pytest.approx(12 * own + kept + gathered)


@pytest.mark.parametrize(
    ("batch", "linear", "root", "means", "warm_up"),
    [
        (128, 0.01, 0.01, "as in 2012", 0),
        (1024, 0.08, 0.01 * 8**0.5, "linear", 0),
        (8192, 0.64, 0.08, "LARS or warm-up", 5 * 157),
        (65536, 5.12, 0.01 * 512**0.5, "LARS", 5 * 20),
    ],
)
def test_rates(batch: int, linear: float, root: float, means: str, warm_up: int) -> None:
    found = rates(batch, 1_281_167)
    assert (found.linear, found.root) == pytest.approx((linear, root))
    assert (found.means, found.warm_up_steps) == (means, warm_up)


# --- the whole ------------------------------------------------------------------------------------


def test_a_plan_adds_up_and_every_number_has_its_sentence() -> None:
    found = plan(get_network("paper"), cluster(512), epochs=95)
    assert (found.batch, found.pictures_per_device, found.refused) == (65536, 128, {})
    assert [each.step.scheme for each in found.dealt] == list(SCHEMES)
    for each in found.dealt:
        assert each.run_seconds == pytest.approx(95 * 20 * each.step.seconds)
        assert all(fact.shown and fact.sentence for fact in each.facts)
    assert all(fact.shown and fact.sentence for fact in found.general)
    assert "0.5 of the device's peak: an assumption" in found.assumptions[0]
    tree = as_tree(found)
    assert tree["parameters"] == 60_965_224 and tree["batch"] == 65536


def test_what_cannot_be_planned_is_refused() -> None:
    paper, owt = get_network("paper"), get_network("one_weird_trick")
    with pytest.raises(PlanError, match="--batch does not go with --batch-per-device"):
        plan(paper, V100, batch=1024, batch_per_device=128)
    with pytest.raises(PlanError, match="1,001, which 8 devices cannot share evenly; 1,000 they"):
        plan(paper, V100, batch=1001)
    with pytest.raises(PlanError, match="--batch-per-device is 0; it must be from 1 to 1,000,000"):
        plan(paper, V100, batch_per_device=0)
    with pytest.raises(PlanError, match="has no towers"):
        plan(owt, V100, schemes=("towers",))
    assert list(plan(owt, V100).refused) == ["towers"]
    for wrong in ({"devices": 0}, {"efficiency": 0.0}, {"efficiency": float("nan")}):
        with pytest.raises(PlanError, match=f"--{next(iter(wrong))} is"):
            replace(V100, **wrong)
