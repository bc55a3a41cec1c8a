"""Every kind of measurement taken once, on a small network, in this process; no figure is held
against another.
"""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from alexnet.bench.child import measure
from alexnet.bench.jobs import BenchError, Effort, Job, Measurement, What
from alexnet.network.catalog import get_network
from alexnet.network.codec import to_json

ONCE = Effort(warm_up=1, steps=2, seconds=0.0)

PLAIN = [what for what in get_args(What) if what.split("-")[0] in ("training", "inference", "norm")]


def taken(what: What, network: str = "tiny") -> Measurement:
    return measure(Job(what=what, network=to_json(get_network(network)), batch_size=4, effort=ONCE))


@pytest.mark.parametrize("what", PLAIN)
def test_steps_are_taken_and_say_their_precision(what: What) -> None:
    if what == "inference-onnxruntime":
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
    found = taken(what)
    assert (found.steps, found.images) == (2, 4)
    assert found.seconds > 0
    assert found.peak_bytes > 2**20
    if not what.startswith("norm"):
        assert found.detail["precision"] in ("fp32", "bf16")
    if what.endswith(("stock", "fp32", "onnxruntime")) and "norm" not in what:
        assert found.detail["precision"] == "fp32"


def test_a_network_that_is_no_chain_is_still_trained_and_its_peer_says_why_not() -> None:
    assert taken("training-ours", "80sec").images == 4
    with pytest.raises(BenchError, match="pool2.*average-pool"):
        taken("training-stock", "80sec")


def test_both_count_the_same_parameters() -> None:
    assert taken("ledger-ours").detail["parameters"] == 228_458
    pytest.importorskip("torchinfo")
    assert taken("ledger-torchinfo").detail["parameters"] == 228_458


def test_limits_are_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.bench.limits.SIDES", (64,))
    monkeypatch.setattr("alexnet.bench.limits.COPIED", 2**16)
    found = taken("limits")
    assert all(float(found.detail[name]) > 0 for name in ("gemm_fp32", "gemm_bf16", "copy"))
    assert found.detail["threads"] == torch.get_num_threads()


@pytest.mark.parametrize("what", ["loading-ours", "loading-stock"])
def test_pictures_are_loaded(what: What, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.bench.loading.FILES", 4)
    threads = torch.get_num_threads()
    try:
        found = taken(what)
    finally:
        torch.set_num_threads(threads)
    assert (found.steps, found.images) == (2, 4)
    assert float(found.detail["by_the_clock"]) > 0
