"""Layers one by one: what Caffe has otherwise is written exactly and noted, and what it has not is
refused by name.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest

from alexnet import formats
from alexnet.formats import FormatError
from alexnet.network.layers import (
    Activation,
    AveragePool,
    Concat,
    ContrastNorm,
    Conv,
    CrossMapNorm,
    CrossMapPool,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FanInGaussian,
    FanInUniform,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Layer,
    Local,
    MaxPool,
    RandomPool,
    Shared,
    Softmax,
    Window,
    WithinMapNorm,
)
from alexnet.network.picture_layers import Blur
from alexnet.network.sizes import RULES, Rule
from alexnet.network.spec import Network, NetworkError
from every_kind import every_kind
from formats.caffe_definitions import opencv
from formats.caffe_shown import READERS, Reader, check, checkpoint

SMALL = Gaussian(0.1)
Divisor = Literal["inside", "padded", "window", "one"]
DIVISORS: tuple[Divisor, ...] = ("inside", "padded", "window", "one")


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> Reader:
    """Who reads what was written: we, and OpenCV where it can."""
    if request.param == "OpenCV":
        opencv()
    return READERS[request.param]


def network(*layers: Layer, channels: int = 6, side: int = 11) -> Network:
    """A convolution over the picture, called "maps", then `layers`."""
    return Network(
        "drawn",
        (
            Input(name="data", shape=(3, side, side)),
            conv("maps", ("data",), channels, Kernel(size=3, padding=1, initial=SMALL)),
            *layers,
        ),
    )


def conv(name: str, reads: tuple[str, ...], filters: int, *kernels: Kernel, **said: Any) -> Conv:
    return Conv(
        **{"name": name, "reads": reads, "filters": filters, "kernels": kernels, "rule": "torch",
           **said}
    )  # fmt: skip


# --- windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("side", [10, 11, 12])
def test_convolutions_of_every_rule_read_the_same_pixels(
    reader: Reader, rule: Rule, side: int, tmp_path: Path
) -> None:
    """Overhang and uneven padding become larger filters with weights of 0."""
    kernels = [
        Kernel(size=size, stride=stride, padding=0 if rule in ("same", "valid") else pad,
               initial=SMALL)
        for size, stride, pad in ((3, 2, 0), (4, 3, 1), (5, 4, 2))
    ]  # fmt: skip
    layers = [conv(f"conv{i}", ("maps",), 4, k, rule=rule) for i, k in enumerate(kernels)]
    for layer in layers:
        check(reader, checkpoint(network(layer, side=side)), tmp_path)


def test_an_overhang_is_told(reader: Reader, tmp_path: Path) -> None:
    layer = conv("conv", ("maps",), 4, Kernel(size=5, stride=4, initial=SMALL), rule="cuda-convnet")
    written = check(reader, checkpoint(network(layer)), tmp_path)
    said = (
        "filters are larger by weights of 0, for Caffe pads both edges alike: conv 7 instead of 5"
    )
    assert said in written.notes


def test_a_given_number_of_windows_is_kept(reader: Reader, tmp_path: Path) -> None:
    for outputs in (3, 4, 5, 6):
        kernel = Kernel(size=4, stride=2, padding=1, initial=SMALL, outputs=outputs)
        layer = conv("conv", ("maps",), 4, kernel, rule="cuda-convnet")
        check(reader, checkpoint(network(layer)), tmp_path)


@pytest.mark.parametrize("rule", RULES)
def test_pools_of_every_rule_see_the_same(reader: Reader, rule: Rule, tmp_path: Path) -> None:
    """Or are refused: Caffe's windows begin in equal padding on both edges."""
    checked = refused = 0
    for side, size, stride, pad in product((10, 11), (2, 3), (1, 2, 3), (0, 1)):
        if rule in ("same", "valid") and pad:
            continue
        window = Window(size=size, stride=stride, padding=pad)
        try:
            found = network(
                MaxPool(name="pool", reads=("maps",), window=window, rule=rule), side=side
            )
        except NetworkError:
            continue
        try:
            check(reader, checkpoint(found), tmp_path)
            checked += 1
        except FormatError as error:
            assert any(why in str(error) for why in (
                "layer 'pool': its windows do not begin where Caffe's can",
                "layer 'pool': Caffe would lay fewer windows",
            ))  # fmt: skip
            refused += 1
    assert checked >= 8
    assert not refused or rule == "same"


@pytest.mark.parametrize("divisor", DIVISORS)
def test_averages_divide_by_what_they_did(reader: Reader, divisor: Divisor, tmp_path: Path) -> None:
    """Or are refused, where Caffe's differ at the edges."""
    outcomes: dict[tuple[int, int], bool] = {}
    for side, pad in product((10, 11), (0, 1)):
        window = Window(size=3, stride=2, padding=pad)
        layer = AveragePool(
            name="pool", reads=("maps",), window=window, rule="caffe", divisor=divisor
        )
        try:
            check(reader, checkpoint(network(layer, side=side)), tmp_path)
            outcomes[side, pad] = True
        except FormatError as error:
            assert f"its average divides by '{divisor}'" in str(error)
            outcomes[side, pad] = False
    # over 11 pixels windows of 3 at stride 2 fit, with or without a border; over 10 one juts out
    assert (
        outcomes
        == {
            "inside": {(10, 0): True, (10, 1): False, (11, 0): True, (11, 1): False},
            "padded": {(10, 0): True, (10, 1): True, (11, 0): True, (11, 1): True},
            "window": {(10, 0): False, (10, 1): False, (11, 0): True, (11, 1): True},
            "one": {(10, 0): False, (10, 1): False, (11, 0): True, (11, 1): True},
        }[divisor]
    )


def test_a_random_pool_is_the_mean_that_it_is_at_test_time(reader: Reader, tmp_path: Path) -> None:
    layer = RandomPool(name="pool", reads=("maps",), window=Window(size=3, stride=2), rule="caffe")
    written = check(reader, checkpoint(network(layer, side=10)), tmp_path)
    assert any("random pool" in note for note in written.notes)


# --- weights --------------------------------------------------------------------------------------


def twice(**said: Any) -> Kernel:
    return Kernel(**{"size": 3, "padding": 1, "initial": SMALL, **said})


BELOW = (
    conv("other", ("data",), 4, Kernel(size=3, padding=1, initial=SMALL)),
    conv("wide", ("data",), 6, Kernel(size=5, padding=2, initial=SMALL)),
)
WEIGHTED: dict[str, tuple[Layer, ...]] = {
    "two maps alike": (conv("top", ("maps", "other"), 4, twice(), twice()),),
    "two maps, other windows": (
        conv("top", ("maps", "other"), 4, twice(), twice(size=5, padding=2)),
    ),
    "two maps in groups": (conv("top", ("maps", "wide"), 4, twice(groups=2), twice(groups=2)),),
    "shared weights": (
        conv("first", ("maps",), 4, twice()),
        conv("top", ("wide", "maps"), 4, twice(initial=Shared("first")), twice()),
    ),
    "sparse": (conv("top", ("maps",), 4, twice(groups=2, connections=(0, 3, 5, 1, 3, 3))),),
    "no bias": (conv("top", ("maps",), 4, twice(), bias="none"),),
    "vectors of two": (
        FullyConnected(name="a", reads=("maps",), outputs=5, initial=(SMALL,)),
        FullyConnected(name="b", reads=("other", "a"), outputs=6, initial=(SMALL, SMALL)),
        FullyConnected(
            name="top", reads=("b", "a"), outputs=4, initial=(SMALL, SMALL), bias="none"
        ),
    ),
    "groups of a vector": (
        FullyConnected(name="top", reads=("maps",), outputs=4, initial=(SMALL,), groups=2),
    ),
    "a convolution over a vector": (
        FullyConnected(name="a", reads=("maps",), outputs=6, initial=(FanInUniform(1.0),)),
        conv("top", ("a",), 4, Kernel(size=1, initial=FanInGaussian(1.0))),
    ),
    "local": (
        Local(
            name="a", reads=("maps", "other"), filters=4, rule="cuda-convnet", bias="shared",
            kernels=(twice(stride=2, groups=2), twice(stride=2)),
        ),
        Local(
            name="b", reads=("a",), filters=2, rule="torch", bias="none",
            kernels=(twice(groups=2, connections=(0, 2, 1, 1)),),
        ),
        FullyConnected(name="top", reads=("b",), outputs=4, initial=(SMALL,)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WEIGHTED)
def test_layers_with_weights(reader: Reader, name: str, tmp_path: Path) -> None:
    check(reader, checkpoint(network(*BELOW, *WEIGHTED[name])), tmp_path)


# --- the rest -------------------------------------------------------------------------------------


def unit(function: Any, *parameters: float) -> Activation:
    return Activation(name="top", reads=("maps",), function=function, parameters=parameters)


UNITS: dict[str, Layer] = {
    "relu": unit("relu"),
    "noisy-relu": unit("noisy-relu"),
    "logistic": unit("logistic"),
    "tanh": unit("tanh", 1.0, 1.0),
    "2012's tanh": unit("tanh", 1.7159, 0.6666),
    "abs": unit("abs"),
    "square": unit("square"),
    "linear": unit("linear", 2.0, -0.5),
    "identity": unit("identity"),
    "norm": CrossMapNorm(
        name="top", reads=("maps",), size=5, alpha=0.3, alpha_divided=False, beta=0.75, k=2.0
    ),
    "norm within": WithinMapNorm(
        name="top", reads=("maps",), size=3, alpha=0.3, alpha_divided=False, beta=0.5, k=3.0
    ),
    "dropout of 2012": Dropout(name="top", reads=("maps",), keep=0.3, scaling="test"),
    "dropout of today": Dropout(name="top", reads=("maps",), keep=0.3, scaling="train"),
    "dropout that is off": Dropout(
        name="top", reads=("maps",), keep=0.3, scaling="test", enabled=False
    ),
    "softmax of a map": Softmax(name="top", reads=("maps",)),
    "concat": Concat(name="top", reads=("maps", "other", "maps")),
    "concat of one": Concat(name="top", reads=("maps",)),
    "sum": ElementwiseSum(name="top", reads=("maps", "wide"), coefficients=(1.0, -0.5)),
    "sum of one": ElementwiseSum(name="top", reads=("maps",), coefficients=(3.0,)),
    "largest": ElementwiseMax(name="top", reads=("maps", "wide")),
    "largest of one": ElementwiseMax(name="top", reads=("maps",)),
}


@pytest.mark.parametrize("name", UNITS)
def test_layers_without_weights(reader: Reader, name: str, tmp_path: Path) -> None:
    check(reader, checkpoint(network(*BELOW, UNITS[name])), tmp_path)


@pytest.mark.parametrize("function", ["sqrt", "log"])
def test_functions_of_positive_numbers(reader: Reader, function: Any, tmp_path: Path) -> None:
    layers = (
        unit("square"),
        Activation(
            name="end", reads=("top",), function=function,
            parameters=(1.5,) if function == "log" else (),
        ),
    )  # fmt: skip
    check(reader, checkpoint(network(*layers)), tmp_path)


def test_a_layer_that_is_not_enabled_is_its_input(reader: Reader, tmp_path: Path) -> None:
    off = Dropout(name="off", reads=("maps",), keep=0.5, scaling="train", enabled=False)
    top = Activation(name="top", reads=("off",), function="relu")
    written = check(reader, checkpoint(network(off, top)), tmp_path)
    assert "a dropout that is not enabled is left out: off" in written.notes


REFUSED: dict[str, tuple[Layer, str]] = {
    "unshared": (
        conv("top", ("maps",), 4, twice(), bias="unshared"),
        "its biases differ from place to place; Caffe has one per filter",
    ),
    "by magnitude": (
        MaxPool(
            name="top", reads=("maps",), window=Window(size=2, stride=2), rule="torch",
            by_magnitude=True,
        ),
        "no pooling by magnitude",
    ),
    "even norm": (
        CrossMapNorm(
            name="top", reads=("maps",), size=4, alpha=1.0, alpha_divided=True, beta=1.0, k=1.0
        ),
        "its size is 4; Caffe takes odd ones only",
    ),
    "blocked norm": (
        CrossMapNorm(
            name="top", reads=("maps",), size=3, alpha=1.0, alpha_divided=True, beta=1.0, k=1.0,
            blocked=True,
        ),
        "fixed blocks",
    ),
    "contrast": (
        ContrastNorm(
            name="top", reads=("maps",), size=3, alpha=1.0, alpha_divided=True, beta=1.0, k=1.0
        ),
        "no layer of kind contrast-norm",
    ),
    "maps": (
        CrossMapPool(name="top", reads=("maps",), size=2, stride=2, outputs=3),
        "no layer of kind cross-map-pool",
    ),
    "blur": (Blur(name="top", reads=("maps",), size=3, deviation=1.0), "no layer of kind blur"),
    "soft": (unit("soft-relu"), "no function that is soft-relu"),
    "pool that begins within": (
        MaxPool(
            name="top", reads=("maps",), window=Window(size=2, stride=2, padding=-1),
            rule="cuda-convnet",
        ),
        "its windows do not begin where Caffe's can",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_caffe_has_not_is_refused_by_the_layers_name(name: str, tmp_path: Path) -> None:
    layer, why = REFUSED[name]
    with pytest.raises(FormatError, match=f"network 'drawn', layer 'top': .*{why}"):
        formats.write(checkpoint(network(layer)), tmp_path / "net.caffemodel")
    assert not list(tmp_path.iterdir())


def test_a_product_of_too_many_units_is_refused(tmp_path: Path) -> None:
    layer = Local(name="top", reads=("maps",), filters=64, rule="torch", kernels=(twice(),))
    with pytest.raises(FormatError, match="layer 'top': its weights .* that would be 1,536 MiB"):
        formats.write(checkpoint(network(layer, side=32)), tmp_path / "net.caffemodel")


def test_the_network_of_every_kind_is_refused_at_its_first_strange_layer(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="layer 'lab': "):
        formats.write(checkpoint(every_kind()), tmp_path / "net.caffemodel")
