"""The model of scale held against published runs, and quantities with units read and written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.network.catalog import get_network
from alexnet.network.plan import DEVICES, PlanError, published, published_tree, quantities, work_of
from alexnet.network.plan.published import Published


def of(what: str) -> Published:
    (found,) = [each for each in published() if each.what.startswith(what)]
    return found


def test_the_published_points_are_those_of_the_papers() -> None:
    assert [(each.devices, each.speed_up) for each in published()] == [
        (2, 1.95), (4, 3.74), (8, 6.25), (512, 410.2),
    ]  # fmt: skip


def test_eight_gpus_of_2014_lie_inside_what_is_predicted() -> None:
    found = of("Krizhevsky 2014, 8")
    assert found.inside and "inside" in found.verdict
    # by hand, 6 GB/s, nothing hidden: scheme (b), a ring for the convolutions' gradients
    work = work_of(get_network("one_weird_trick"))
    convolutions = sum(part.parameters for part in work.spatial)
    alone = 128 / (90 * 1_281_167 / (98.05 * 3600))
    floats = 8 * (2 * 7 * 9216 + 7 / 8 * (2 * 8192 + 1000)) * 128 + 2 * 7 / 8 * convolutions
    by_hand = 8 * alone / (alone + 4 * floats / 6e9)
    assert found.predictions[0].speed_up == pytest.approx(by_hand, rel=1e-3)


@pytest.mark.parametrize(("gpus", "published_at"), [(2, 1.95), (4, 3.74)])
def test_fewer_gpus_of_2014_lie_just_below_and_that_is_said(gpus: int, published_at: float) -> None:
    found = of(f"Krizhevsky 2014, {gpus}")
    assert not found.inside and published_at < found.low < published_at * 1.02
    assert "outside" in found.verdict and "below" in found.verdict


def test_512_gpus_of_2019_lie_just_above_a_dense_ring_and_that_is_said() -> None:
    found = of("Sun et al. 2019")
    assert not found.inside and found.high < 410.2 < found.high * 1.02
    assert "outside" in found.verdict and "unsent" in found.verdict
    # by hand: half precision, one ring over 56 Gbit/s, nothing hidden, no latency
    alone = 128 / (95 * 1_281_167 / 90 / 410.2)
    ring = 2 * 511 / 512 * 61_100_840 * 2 / 7e9
    assert found.predictions[0].speed_up == pytest.approx(512 * alone / (alone + ring), rel=1e-6)


def test_every_comparison_names_its_source_and_how_fast_one_device_was() -> None:
    for each, tree in zip(published(), published_tree(), strict=True):
        assert "arXiv" in each.source and "pictures a second" in each.one_device
        assert tree["low"] == each.low and tree["verdict"] == each.verdict
        assert all(0 < p.speed_up <= each.devices for p in (*each.predictions, *each.others))


def test_devices_are_their_makers() -> None:
    assert DEVICES["gtx580"].peak["fp32"] == pytest.approx(512 * 1.544e9 * 2, rel=1e-3)
    assert DEVICES["k20"].peak["fp32"] == pytest.approx(2496 * 706e6 * 2, rel=2e-3)
    assert DEVICES["v100"].peak == {"fp32": 15.7e12, "fp16": 125e12}


# --- quantities -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (quantities.rate, "100Gbit", 12.5e9),
        (quantities.rate, "56Gbps", 7e9),
        (quantities.rate, "25GB/s", 25e9),
        (quantities.rate, "1GiB/s", 2**30),
        (quantities.seconds, "5us", 5e-6),
        (quantities.seconds, "0us", 0),
        (quantities.seconds, "1.3ms", 1.3e-3),
        (quantities.operations, "15.7T", 15.7e12),
        (quantities.size, "16GB", 16 * 10**9),
        (quantities.size, "16GiB", 16 * 2**30),
    ],
)
def test_quantities_are_read(read: Callable[[str], float], text: str, value: float) -> None:
    assert read(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("read", "text", "sentence"),
    [
        (quantities.rate, "100Gb", "may be bits or bytes: write bit or B/s"),
        (quantities.rate, "25GB", "is a size: write GB/s"),
        (quantities.rate, "0Gbit", "more than nothing"),
        (quantities.rate, "fast", "it must be a speed such as 100Gbit"),
        (quantities.rate, "-1Gbit", "--link is '-1Gbit'"),
        (quantities.rate, "1e9bit", "--link is '1e9bit'"),
        (quantities.seconds, "5", "a time such as 5us"),
        (quantities.operations, "15.7t", "did you mean 'T'"),
        (quantities.size, "16gb", "did you mean 'GB'"),
        (quantities.size, "nanGB", "--memory is 'nanGB'"),
    ],
)
def test_what_is_no_quantity_is_refused(
    read: Callable[[str], float], text: str, sentence: str
) -> None:
    with pytest.raises(PlanError) as caught:
        read(text)
    assert sentence in str(caught.value)


def test_counts_are_whole() -> None:
    assert quantities.count("1.28M", "--pictures") == 1_280_000
    for text in ("1.5", "0", "1.2345k"):
        with pytest.raises(PlanError, match="--epochs is"):
            quantities.count(text, "--epochs")


@given(st.floats(1e-9, 1e6))
def test_seconds_are_written_with_four_figures(value: float) -> None:
    number, unit = quantities.shown_seconds(value).split()
    scale = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "days": 86400}[unit]
    assert float(number.replace(",", "")) * scale == pytest.approx(value, rel=1e-3)
