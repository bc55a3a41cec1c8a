"""What lies inside a network: maps against the oracle, fields against gradients, patches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alexnet.evaluation import EvaluationError, Examinee
from alexnet.evaluation.looking import (
    OUTSIDE,
    Field,
    Unit,
    feature_maps,
    field,
    field_by_gradient,
    patch,
    shown_pixels,
    strongest,
)
from alexnet.images import PictureSet
from alexnet.network.catalog import get_network
from alexnet.network.contract import InputContract
from alexnet.network.spec import Network
from alexnet.numpy_net import forward, initial_arrays
from alexnet.torch_net import build
from reduced import reduced

CONTRACT = InputContract(channel_order="RGB", pixel_maximum=255.0, mean=(100.0,))
GREY = InputContract(channel_order="grey", pixel_maximum=1.0)


def examinee(network: Network, count: int = 3, contract: InputContract = CONTRACT) -> Examinee:
    """A network of drawn weights that sees random pictures."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(
        0, 256, (count, *network.picture.shape), generator=generator, dtype=torch.uint8
    )
    names = tuple(f"{i}.png" for i in range(count))
    pictures = PictureSet(images, torch.zeros(count, dtype=torch.int64), names, ("x",), ())
    arrays = {k: v + 0.01 * (v == 0) for k, v in initial_arrays(network, 0).items()}
    return Examinee(build(network, arrays=arrays), pictures, contract)


def test_maps_are_those_of_the_oracle_tower_after_tower() -> None:
    network = reduced("paper")
    one = examinee(network)
    maps = feature_maps(one, 1, ["conv1", "pool1a"])
    arrays = {k: v.detach().numpy().astype(np.float64) for k, v in one.module.named_parameters()}
    seen = one.pictures.images[1:2].numpy().astype(np.float64) - 100.0
    labels = np.zeros((1, 1, 1, 1))
    found = forward(network, arrays, {"data": seen, "labels": labels})
    relu = [x.name for x in network if x.kind == "activation" and x.reads[0].startswith("conv1")]
    both = np.concatenate([found[name] for name in relu], axis=1)[0]
    assert np.allclose(maps["conv1"], both, rtol=1e-4, atol=1e-3)
    assert maps["pool1a"].shape == network.shape("pool1a")


def test_a_unit_sees_its_window_and_the_last_one_reaches_over_the_edge() -> None:
    paper = get_network("paper")
    assert field(paper, Unit("conv1a", 0)) == Field(0, 0, 11, 11)
    assert field(paper, Unit("conv1a", 0, 54, 3)) == Field(216, 12, 227, 23)  # of 224 pixels
    assert (
        field(paper, Unit("conv2a", 0, 13, 13)).bottom - field(paper, Unit("conv2a", 0, 13, 13)).top
        == 51
    )  # 11 + (3 − 1)·4 + (5 − 1)·8, the norm between widening nothing


@pytest.mark.parametrize("layer", ["conv1a", "pool1a", "conv2b"])
def test_pixels_outside_the_field_have_no_gradient_and_those_inside_have(layer: str) -> None:
    network = get_network("tiny")
    one = examinee(network, contract=GREY)
    unit = Unit(layer, 2, *(side // 2 for side in network.shape(layer)[1:]))
    gradient = field_by_gradient(one, 0, unit)
    seen = field(network, unit)
    inside = np.zeros_like(gradient, dtype=bool)
    inside[max(0, seen.top) : seen.bottom, max(0, seen.left) : seen.right] = True
    assert gradient.shape == (24, 24)
    assert (gradient[~inside] == 0).all()
    if layer == "conv1a":
        assert (gradient[inside] > 0).all()
    assert (gradient[inside] > 0).any()


def test_the_gradient_of_the_first_layer_is_its_kernel() -> None:
    network = get_network("tiny")
    one = examinee(network, contract=GREY)
    gradient = field_by_gradient(one, 0, Unit("conv1a", 1, 12, 12))
    kernel = dict(one.module.named_parameters())["conv1a.weight"][1].abs().sum(dim=0)
    seen = field(network, Unit("conv1a", 1, 12, 12))
    cut = gradient[seen.top : seen.bottom, seen.left : seen.right]
    assert np.allclose(cut, kernel.detach().numpy(), rtol=1e-5)


def test_the_strongest_responses_come_first_and_show_what_the_unit_saw() -> None:
    network = get_network("tiny")
    one = examinee(network, count=7, contract=GREY)
    found = strongest(one, "conv1a", [0, 3], count=4, batch_size=3)
    maps = [feature_maps(one, i, ["conv1a:pre"])["conv1a:pre"] for i in range(7)]
    for channel, responses in found.items():
        best = sorted((-maps[i][channel].max(), i) for i in range(7))[:4]
        assert [r.picture for r in responses] == [i for _, i in best]
        for response in responses:
            where = maps[response.picture][channel]
            assert np.isclose(response.strength, where[response.row, response.column])
            seen = field(network, Unit("conv1a", channel, response.row, response.column))
            pixels = shown_pixels(one, response.picture)
            assert np.array_equal(response.patch, patch(pixels, seen))


def test_patches_are_grey_beyond_the_edge() -> None:
    picture = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    cut = patch(picture, Field(-1, 1, 2, 4))
    assert (cut[0] == OUTSIDE).all() and (cut[:, 2] == OUTSIDE).all()
    assert np.array_equal(cut[1:, :2], picture[0:2, 1:3])
    assert (patch(picture, Field(5, 5, 7, 7)) == OUTSIDE).all()


def test_looking_leaves_the_module_as_it_was() -> None:
    one = examinee(get_network("tiny"), contract=GREY)
    one.module.train()
    feature_maps(one, 0, ["fc3"])
    field_by_gradient(one, 0, Unit("fc4", 0))
    strongest(one, "fc4", [0])
    assert one.module.training
    assert all(p.grad is None for p in one.module.parameters())


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        (Unit("conv9", 0), "has no layer 'conv9'"),
        (Unit("conv1a", 12), "has 12 channels, from 0 to 11; there is no channel 12"),
        (Unit("conv1a", 0, 24), "has 24 rows, from 0 to 23; there is no row 24"),
        (Unit("fc4", 0, 0, 1), "has 1 columns, from 0 to 0; there is no column 1"),
        (Unit("labels", 0), "sees no picture"),
    ],
)
def test_units_that_are_not_there_are_named(unit: Unit, said: str) -> None:
    with pytest.raises(EvaluationError, match=said):
        field(get_network("tiny"), unit)
