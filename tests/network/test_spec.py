"""Networks are checked when made: a refusal names the layer and says what would be right."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest

from alexnet.network.layers import (
    Activation,
    Concat,
    Constant,
    Conv,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Layer,
    LogisticLoss,
    MaxPool,
    Softmax,
    Window,
)
from alexnet.network.spec import Network, NetworkError

PICTURE = Input(name="data", shape=(4, 8, 8))
LABELS = Input(name="labels", shape=(1, 1, 1), content="labels")
SMALL = Gaussian(0.01)


def conv(name: str = "conv", reads: tuple[str, ...] = ("data",), **changes: object) -> Conv:
    made = Conv(
        name=name,
        reads=reads,
        filters=6,
        kernels=(Kernel(size=3, initial=SMALL),) * len(reads),
        rule="torch",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def refused(*layers: Layer) -> str:
    with pytest.raises(NetworkError) as caught:
        Network("test", (PICTURE, *layers))
    return str(caught.value)


def test_an_unknown_input_is_named_with_the_nearest() -> None:
    message = refused(conv(), Activation(name="relu", reads=("conf",), function="relu"))
    assert message == (
        "network 'test', layer 'relu': reads 'conf', which no earlier layer is called; "
        "did you mean 'conv'?"
    )


def test_a_layer_cannot_read_itself_or_a_later_one() -> None:
    assert "which no earlier layer is called" in refused(conv(reads=("conv",)))


def test_a_duplicated_name_is_refused() -> None:
    assert refused(conv(), conv()).startswith("network 'test', layer 'conv': this name is taken")


@pytest.mark.parametrize("name", ["", "a b", "conv.1", "-x", "ü"])
def test_a_name_that_formats_could_not_carry_is_refused(name: str) -> None:
    assert "a name is made of" in refused(conv(name))


def test_groups_that_do_not_divide_the_channels_are_refused() -> None:
    kernel = Kernel(size=3, groups=3, initial=SMALL)
    assert "groups is 3, which does not divide the 4 channels of 'data'" in refused(
        conv(kernels=(kernel,))
    )


def test_groups_that_do_not_divide_the_filters_are_refused() -> None:
    kernel = Kernel(size=3, groups=4, initial=SMALL)
    assert "groups is 4, which does not divide its 6 filters" in refused(conv(kernels=(kernel,)))


def test_summed_maps_of_different_size_are_refused_with_both_sizes() -> None:
    kernels = (Kernel(size=3, initial=SMALL), Kernel(size=5, initial=SMALL))
    message = refused(conv(reads=("data", "data"), kernels=kernels))
    assert "'data' 6×6, 'data' 4×4; summed maps must be alike" in message


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (conv(filters=0), "filters is 0"),
        (conv(kernels=()), "0 kernels for 1 inputs"),
        (conv(kernels=(Kernel(size=3, stride=0, initial=SMALL),)), "stride is 0"),
        (conv(kernels=(Kernel(size=0, initial=SMALL),)), "size is 0"),
        (conv(kernels=(Kernel(size=3, padding=-1, initial=SMALL),)), "padding is -1"),
        (
            conv(rule="same", kernels=(Kernel(size=3, padding=1, initial=SMALL),)),
            "the rule 'same' sets it",
        ),
        (conv(kernels=(Kernel(size=9, initial=SMALL),)), "a window of 9 does not fit into 8"),
        (
            FullyConnected(name="fc", reads=("data",), outputs=5, initial=(SMALL,), groups=2),
            "groups is 2, which does not divide its outputs (5)",
        ),
        (
            FullyConnected(name="fc", reads=("data",), outputs=4, initial=()),
            "0 initial values for 1 inputs",
        ),
        (
            CrossMapNorm(
                name="norm",
                reads=("data",),
                size=5,
                alpha=1e-4,
                alpha_divided=True,
                beta=0.75,
                k=2.0,
                groups=3,
            ),
            "groups is 3, which does not divide its 4 channels",
        ),
        (
            CrossMapNorm(
                name="norm",
                reads=("data",),
                size=5,
                alpha=1e-4,
                alpha_divided=True,
                beta=0.75,
                k=0.0,
            ),
            "k is 0.0; it must be positive",
        ),
        (Dropout(name="drop", reads=("data",), keep=0.0, scaling="test"), "keep is 0.0"),
        (
            Activation(name="act", reads=("data",), function="tanh"),
            "tanh has parameters (); it takes 2",
        ),
        (
            Activation(name="act", reads=("data",), function="tanh", parameters=(0.0, 1.0)),
            "tanh has a = 0; it divides by a",
        ),
        (ElementwiseSum(name="sum", reads=("data",), coefficients=()), "0 coefficients for 1"),
        (ElementwiseMax(name="max", reads=()), "reads nothing"),
        (Concat(name="cat", reads=()), "reads nothing"),
        (
            Softmax(name="soft", reads=("data", "data")),
            "reads 2 layers; this kind reads exactly one",
        ),
        (LogisticLoss(name="loss", reads=("data", "data")), "its labels have shape 4×8×8"),
        (Input(name="more", shape=(0, 1, 1)), "every side must be positive"),
        (
            MaxPool(
                name="pool",
                reads=("data",),
                window=Window(size=2, stride=1, padding=2),
                rule="torch",
            ),
            "wholly outside",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused(layer: Layer, sentence: str) -> None:
    message = refused(layer)
    assert sentence in message
    assert message.startswith(f"network 'test', layer '{layer.name}': ")


def test_top_k_beyond_the_classes_is_refused() -> None:
    layers = (
        LABELS,
        FullyConnected(name="fc", reads=("data",), outputs=3, initial=(SMALL,)),
        Softmax(name="soft", reads=("fc",)),
        LogisticLoss(name="loss", reads=("labels", "soft"), top=5),
    )
    assert "top is 5; it must lie in 1 … 3" in refused(*layers)


def test_a_network_without_an_input_is_refused() -> None:
    with pytest.raises(NetworkError, match="has no input layer"):
        Network("test", ())


def test_a_network_of_inputs_alone_has_no_outputs() -> None:
    with pytest.raises(NetworkError, match="no layer that says anything"):
        _ = Network("test", (PICTURE,)).outputs


def test_asking_for_an_unknown_layer_names_the_nearest() -> None:
    with pytest.raises(NetworkError, match="did you mean 'conv'"):
        Network("test", (PICTURE, conv()))["conw"]


def test_names_and_sources_take_no_part_in_equality() -> None:
    one = Network("one", (PICTURE, conv(source="here")), source="a")
    two = Network("two", (PICTURE, conv(source="there")), source="b")
    assert one == two
    assert one != Network("one", (PICTURE, conv(filters=7)))


def test_a_network_is_hashable_copyable_and_pickles() -> None:
    network = Network("test", (PICTURE, conv(initial_bias=Constant(1.0))))
    assert hash(network) == hash(copy.deepcopy(network))
    assert pickle.loads(pickle.dumps(network)) == network
    assert pickle.loads(pickle.dumps(network)).shape("conv") == (6, 6, 6)


def test_pictures_need_not_be_square() -> None:
    network = Network("test", (Input(name="data", shape=(4, 8, 11)), conv()))
    assert network.shape("conv") == (6, 6, 9)
    assert network.placed["conv"].sentence == (
        "rows 1 + floor((8 + 2·0 − 3) / 1), columns 1 + floor((11 + 2·0 − 3) / 1)"
    )
