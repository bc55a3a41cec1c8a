"""Counts of right answers, ties and broken scores, and how a picture is prepared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from alexnet.evaluation import (
    EvaluationError,
    Tally,
    evaluate,
    label_ranks,
    predictions,
    prepare,
)
from alexnet.images import PictureSet
from alexnet.network.contract import InputContract
from alexnet.network.layers import Dropout
from alexnet.network.spec import Network
from alexnet.torch_net import NetworkModule, build
from formats.small import NETWORK

PLAIN = InputContract(channel_order="RGB", pixel_maximum=1.0)


def pictures(count: int = 10, side: int = 6, channels: int = 3) -> PictureSet:
    random = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, channels, side, side), generator=random, dtype=torch.uint8)
    labels = torch.randint(3, (count,), generator=random)
    names = tuple(str(i) for i in range(count))
    return PictureSet(images, labels, names, ("a", "b", "c"), ())


def module() -> NetworkModule:
    return build(NETWORK, seed=1)


def by_hand(shown: torch.Tensor, labels: torch.Tensor) -> int:
    with torch.no_grad():
        return int((module().eval()(shown).argmax(1) == labels).sum())


def test_counts_are_those_of_argmax_whatever_the_batch() -> None:
    given = pictures()
    right = by_hand(given.images.float() / 255, given.labels)
    for batch_size in (1, 3, 10, 64):
        tally = evaluate(module(), given, PLAIN, batch_size=batch_size)
        assert tally == Tally(right1=right, right5=10, seen=10, expected=10, top=3)
    assert tally.error1 == (10 - right) / 10
    assert tally.error5 == 0.0


def test_larger_pictures_are_seen_at_their_centre() -> None:
    given = pictures(side=9)
    shown = given.images[:, :, 1:7, 1:7].float() / 255
    assert evaluate(module(), given, PLAIN).right1 == by_hand(shown, given.labels)


def test_ranks_on_a_worked_example() -> None:
    nan = float("nan")
    scores = torch.tensor([[0.1, 0.7, 0.2], [0.4, 0.4, 0.2], [0.4, 0.4, 0.2], [0.9, nan, 0.0]])
    assert label_ranks(scores, torch.tensor([2, 0, 1, 0])).tolist() == [1, 0, 1, 3]
    # all alike: the lowest index comes first, so that a constant network is right once in n
    alike = torch.zeros(4, 4)
    assert label_ranks(alike, torch.arange(4)).tolist() == [0, 1, 2, 3]


def test_tallies_add_up_and_refuse_to_give_an_error_of_a_part() -> None:
    half = Tally(right1=3, right5=4, seen=5, expected=10)
    assert half + replace(half, expected=0) == Tally(right1=6, right5=8, seen=10, expected=10)
    for bad in (half, replace(half, seen=15), replace(half, seen=0, expected=0)):
        with pytest.raises(EvaluationError, match="every one was seen exactly once"):
            _ = bad.error1


def test_what_does_not_fit_is_said() -> None:
    for bad, why in [
        (pictures(side=5), "load them with as many channels"),
        (pictures(channels=1), "load them with as many channels"),
        (pictures(count=0), "there are no pictures"),
        (
            replace(pictures(), labels=torch.full((10,), 3)),
            "a label is 3 and network 'small' has 3",
        ),
    ]:
        with pytest.raises(EvaluationError, match=why):
            evaluate(module(), bad, PLAIN)


def test_dropout_is_off_meanwhile_and_on_again() -> None:
    *first, fc, probs, loss = NETWORK.layers
    drop = Dropout(name="drop", reads=("conv1",), keep=0.5, scaling="test")
    dropped = Network("d", (*first, drop, replace(fc, reads=("drop",)), probs, loss))
    net = build(dropped)
    assert net.training
    one, other = (predictions(net, pictures(), PLAIN) for _ in range(2))
    assert one == other
    assert net.training


def test_predictions_are_the_sorted_probabilities() -> None:
    given = pictures()
    found = predictions(module(), given, PLAIN, top=2, batch_size=3)
    with torch.no_grad():
        whole = module()(given.images.float() / 255)
    assert [len(guesses) for guesses in found] == [2] * 10
    for guesses, row in zip(found, whole, strict=True):
        assert [g.index for g in guesses] == row.argsort(descending=True)[:2].tolist()
        assert guesses[0].probability == pytest.approx(float(row.max()), rel=1e-5)


def test_a_network_without_softmax_is_given_one_for_its_probabilities() -> None:
    bare = Network("bare", NETWORK.layers[:4])
    weights = {name: p.detach() for name, p in module().named_parameters()}
    one = predictions(build(bare, arrays=weights), pictures(), PLAIN)
    two = predictions(module(), pictures(), PLAIN)
    for a, b in zip(one, two, strict=True):
        assert [g.index for g in a] == [g.index for g in b]
        assert a[0].probability == pytest.approx(b[0].probability)


def test_pictures_are_prepared_as_the_contract_says() -> None:
    image = torch.tensor([10, 20, 30], dtype=torch.uint8)[None, :, None, None].expand(1, 3, 2, 2)

    def shown(contract: InputContract, mean_image: np.ndarray | None = None) -> list[float]:
        ready = prepare(image, contract, mean_image)
        assert ready.dtype == torch.float32
        return ready[0, :, 0, 0].tolist()

    raw = InputContract(channel_order="RGB", pixel_maximum=255.0)
    assert shown(raw) == [10, 20, 30]
    assert shown(replace(raw, channel_order="BGR", mean=(1.0, 2.0, 3.0))) == [29, 18, 7]
    assert shown(replace(raw, mean=(5.0,))) == [5, 15, 25]
    assert shown(replace(raw, mean=(0.0, 0.0, 0.0), deviation=(2.0, 4.0, 5.0))) == [5, 5, 6]
    assert shown(replace(raw, pixel_maximum=1.0)) == pytest.approx([10 / 255, 20 / 255, 30 / 255])
    larger = np.zeros((3, 4, 4), np.float32)
    larger[:, 1:3, 1:3] = 7  # of a larger mean image the centre counts
    assert shown(replace(raw, mean_image=True), larger) == [3, 13, 23]
