"""The whole product in one short file: describe, count, build, learn, judge, keep, look."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import alexnet
from alexnet.images import load, open_source, subset
from alexnet.pictures.filters import draw_filters
from alexnet.pictures.style import save
from alexnet.training.recipes import recipe
from alexnet.training.run_folder import RunFolder


def test_the_whole_product(tmp_path: Path) -> None:
    # describe and count
    network = alexnet.get_network("tiny")
    assert alexnet.from_json(alexnet.to_json(network)) == network
    account = alexnet.ledger(network)

    # build: as many parameters as counted
    module = alexnet.build(network)
    assert sum(p.numel() for p in module.parameters()) == account.total.parameters

    # learn from real digits for a moment
    source = open_source("digits")
    pictures = load(source.train, channels=1, side=24)
    test = subset(load(source.test, channels=1, side=24), range(200))
    short = replace(recipe("digits"), epochs=3)
    outcome = alexnet.train(network, pictures, short, tmp_path / "run", test=test)
    assert outcome.finished
    assert outcome.test is not None
    assert outcome.test.seen == 200
    assert outcome.test.error1 < 0.5  # ten classes: chance is 0.9

    # keep: what was written is read back and judges the same
    checkpoint = alexnet.read(outcome.checkpoint)
    again = alexnet.build(checkpoint.network, arrays=checkpoint.arrays)
    tally = alexnet.evaluate(again, test, checkpoint.contract, mean_image=checkpoint.mean_image)
    assert tally == outcome.test
    assert RunFolder(tmp_path / "run").rows()

    # look: kernels as a picture, activations by name
    drawn = draw_filters(checkpoint.network, checkpoint.arrays, checkpoint.contract)
    assert save(drawn, tmp_path / "filters.png").stat().st_size > 1000
    named = again(torch.zeros(2, 1, 24, 24), layers=["conv2a", "fc3b"])
    assert {name: tuple(x.shape) for name, x in named.items()} == {
        "conv2a": (2, 24, 12, 12),
        "fc3b": (2, 64),
    }


def test_every_public_name_is_there() -> None:
    for name in alexnet.__all__:
        assert getattr(alexnet, name)


def test_a_mistake_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="did you mean 'paper'"):
        alexnet.get_network("papre")
