"""State dicts of unknown make: what is inside is said, and they are read as the network that a
person names, or refused with the place where they part.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet.formats import Beside, FormatError
from alexnet.formats.arrays_in_order import forms, in_order
from alexnet.formats.torchvision import Nearest, Row, UnknownArrays, read
from alexnet.formats.torchvision.makes import CONTRACT, makes
from alexnet.formats.torchvision.unknown import ASSUMED, ASSUMED_GREY, nearest_network, read_as
from alexnet.network.arithmetic import network_parameters
from alexnet.network.catalog import get_network
from alexnet.network.catalog import vgg as vgg_room
from alexnet.network.edit import with_classes
from alexnet.network.layers import FullyConnected, Input
from alexnet.network.spec import Network
from alexnet.network.towers import assemble, fold
from alexnet.torch_net import build
from formats.small import NETWORK, arrays
from reduced import reduced


def saved(tmp_path: Path, content: dict[str, np.ndarray]) -> Path:
    path = tmp_path / "a.pth"
    torch.save(OrderedDict((k, torch.from_numpy(v)) for k, v in content.items()), path)
    return path


def drawn(network: Network) -> dict[str, np.ndarray]:
    random = np.random.default_rng(4)
    return {p.name: random.normal(size=p.shape) for p in network_parameters(network)}


def flat(network: Network) -> dict[str, np.ndarray]:
    """Arrays of a network's shapes that take no memory."""
    return {p.name: np.broadcast_to(np.float32(0), p.shape) for p in network_parameters(network)}


def test_what_is_inside_and_what_is_nearest_is_said(tmp_path: Path) -> None:
    content = {"features.0.weight": np.zeros((96, 3, 11, 11), np.float32), "b": np.zeros(96)}
    with pytest.raises(UnknownArrays) as raised:
        read(saved(tmp_path, content))
    assert str(raised.value) == (
        f"{tmp_path / 'a.pth'}: holds 2 arrays of unknown make (features.0.weight 96x3x11x11,"
        " b 96); nearest is network 'paper', 2 of whose 16 shapes agree: name it, or another, with"
        " --network NAME and it is read so if all shapes agree in order"
    )
    assert raised.value.rows == (
        Row("features.0.weight", (96, 3, 11, 11), "float32"),
        Row("b", (96,), "float64"),
    )
    assert raised.value.nearest == Nearest("paper", 2, 16)


@pytest.mark.parametrize("name", ["one_weird_trick", "caffe", "cs231n", "18pct"])
def test_the_nearest_network_is_the_one_whose_shapes_they_are(name: str) -> None:
    network = get_network(name)
    near = nearest_network(flat(network))
    assert near.agree == near.of == len(network_parameters(network))
    same = [p.shape for form in forms(get_network(near.name)) for p in
            network_parameters(form.network)]  # fmt: skip
    assert {p.shape for p in network_parameters(network)} <= set(same)


def test_torchvisions_names_with_other_shapes_are_not_guessed(tmp_path: Path) -> None:
    make = makes()[0]
    content = {key: np.zeros(1, np.float32) for key in make.keys.values()}
    with pytest.raises(UnknownArrays, match=r"not torchvision's alexnet, whose 'features.0.weight'"
                       r" is 64x3x11x11 where this is 1; nearest is"):  # fmt: skip
        read(saved(tmp_path, content))


def test_a_named_network_takes_the_arrays_in_order(tmp_path: Path) -> None:
    content = {f"x{index}": array for index, array in enumerate(arrays().values())}
    found = read(saved(tmp_path, content), Beside(network=NETWORK))
    assert found.network == NETWORK
    assert all(np.array_equal(found.arrays[name], array) for name, array in arrays().items())
    assert found.contract == CONTRACT
    assert found.notes == (
        "the arrays are taken as those of network 'small', in order",
        ASSUMED,
    )


def test_the_last_layer_may_have_other_classes(tmp_path: Path) -> None:
    other = with_classes(NETWORK, 5)
    found = read(saved(tmp_path, drawn(other)), Beside(network=NETWORK))
    assert found.network == other


@pytest.mark.parametrize("name", ["paper", "as_run", "soumith", "tiny"])
def test_groups_in_a_file_are_dealt_out_to_towers(name: str, tmp_path: Path) -> None:
    network = reduced(name)
    given = drawn(network)
    folded, assemblies = fold(network)
    grouped = assemble(assemblies, given, np.concatenate)
    assert [p.name for p in network_parameters(folded)] == list(grouped)
    found = read(saved(tmp_path, grouped), Beside(network=network))
    assert found.network == network
    assert found.arrays.keys() == given.keys()
    assert all(np.array_equal(found.arrays[name], array) for name, array in given.items())
    assert "the groups of the file are dealt out to the network's towers" in found.notes
    picture = torch.from_numpy(np.random.default_rng(1).normal(size=(2, *network.picture.shape)))
    with torch.no_grad():
        one = build(network, arrays=found.arrays, dtype=torch.float64).eval()(picture)
        other = build(folded, arrays=grouped, dtype=torch.float64).eval()(picture)
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_towers_in_a_file_are_read_as_they_are(tmp_path: Path) -> None:
    network = reduced("paper")
    given = drawn(network)
    found = read(saved(tmp_path, given), Beside(network=network))
    assert all(np.array_equal(found.arrays[name], array) for name, array in given.items())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"conv1.weight": (4, 3, 5, 5)}, "'conv1.weight' is 4x3x5x5 where 'conv1.weight' of net"),
        ({"more": (3,)}, "it holds 5 arrays and network 'small' has 4"),
        ({"fc2.weight": (64, 3)}, "'fc2.weight' is 64x3 where 'fc2.weight' of network 'small' is"),
    ],
)
def test_where_the_shapes_part_is_said(
    change: dict[str, tuple[int, ...]], why: str, tmp_path: Path
) -> None:
    content = arrays() | {name: np.zeros(shape) for name, shape in change.items()}
    with pytest.raises(FormatError, match="cannot be read as network 'small'") as raised:
        read(saved(tmp_path, content), Beside(network=NETWORK))
    assert why in str(raised.value)


def test_torchvisions_own_network_is_not_assumed_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vgg_room, "FILTERS", (1, 1, 1, 1, 1))
    network = vgg_room.vgg(11)
    make = next(make for make in makes() if make.name == "vgg11")
    ten = with_classes(network, 10)
    path = saved(tmp_path, {make.keys[k]: v.astype(np.float32) for k, v in drawn(ten).items()})
    found = read(path, Beside(network=network))
    assert (found.network, found.contract, found.notes) == (ten, CONTRACT, ())


def test_any_names_will_do_for_a_named_network(tmp_path: Path) -> None:
    network = get_network("one_weird_trick")
    make = makes()[0]
    path = tmp_path / "a.pth"
    path.write_bytes(b"")
    zeros = {make.keys[name]: array for name, array in flat(network).items()}
    found = read_as(path, network, zeros, ())
    assert found.network == network
    assert isinstance(in_order(forms(get_network("caffe"))[0], list(zeros.items())), str)


@pytest.mark.parametrize(("channels", "order"), [(1, "grey"), (2, None)])
def test_other_channels_are_assumed_grey_or_refused(
    channels: int, order: str | None, tmp_path: Path
) -> None:
    dense = next(layer for layer in NETWORK if isinstance(layer, FullyConnected))
    picture = Input(name="data", shape=(channels, 2, 2))
    network = Network("few", (picture, replace(dense, reads=("data",))))
    path = saved(tmp_path, drawn(network))
    if order is not None:
        found = read(path, Beside(network=network))
        assert (found.contract.channel_order, found.notes[-1]) == (order, ASSUMED_GREY)
    else:
        with pytest.raises(FormatError, match="network 'few' takes 2 channels"):
            read(path, Beside(network=network))
