"""The kinds that only the files of 2012 have, against the oracle, one tiny network each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from alexnet.network.layers import (
    Activation,
    BinaryCrossEntropyLoss,
    Blur,
    ColourTransform,
    Constant,
    Conv,
    CrossEntropyLoss,
    CrossMapPool,
    Dropout,
    FullyConnected,
    GatedSumOfSquaresLoss,
    Gaussian,
    Input,
    Kernel,
    Layer,
    Local,
    LogisticLoss,
    MaxPool,
    Nailbed,
    RandomPool,
    RandomScale,
    Reflection,
    Resize,
    RobustLoss,
    Shared,
    Softmax,
    SubsetSoftmaxLoss,
    TreeConnected,
)
from alexnet.network.spec import Network
from torch_net.against_oracle import Case, case, check
from torch_net.test_torch_layers import FORMATS, POOLS, in_small_chunks, window

DRAWN = Gaussian(0.5)
LABELS = Input(name="labels", shape=(1, 1, 1), content="labels")
IDENTITY = Activation(name="i", reads=("x",), function="identity")


def network(*layers: Layer, shape: tuple[int, int, int] = (4, 9, 7)) -> Network:
    return Network("tiny", (Input(name="x", shape=shape), *layers))


def seen(*layers: Layer, shape: tuple[int, int, int] = (3, 9, 7)) -> Network:
    """Layers that pictures pass before the first weights, and those weights, named `fc`."""
    fc = FullyConnected(name="fc", reads=(layers[-1].name,), outputs=2, initial=(DRAWN,))
    return network(*layers, fc, shape=shape)


# --- pooling --------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", POOLS)
@pytest.mark.parametrize("memory_format", FORMATS, ids=["nchw", "nhwc"])
def test_max_pool_by_magnitude(what: str, memory_format: torch.memory_format) -> None:
    window, rule = POOLS[what]
    layer = MaxPool(name="y", reads=("x",), window=window, rule=rule, by_magnitude=True)
    check(case(network(layer)), memory_format=memory_format)
    check(case(network(layer), coarse=True), memory_format=memory_format)  # x and −x tie


@pytest.mark.parametrize("what", POOLS)
@pytest.mark.parametrize("memory_format", FORMATS, ids=["nchw", "nhwc"])
def test_random_pool(what: str, memory_format: torch.memory_format) -> None:
    window, rule = POOLS[what]
    layer = RandomPool(name="y", reads=("x",), window=window, rule=rule)
    check(case(network(layer)), memory_format=memory_format)
    check(case(network(layer), coarse=True), memory_format=memory_format)  # pixels tie


def test_random_pool_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    in_small_chunks(monkeypatch)
    layer = RandomPool(name="y", reads=("x",), window=window(3, 2), rule="cuda-convnet")
    for memory_format in FORMATS:
        check(case(network(layer), coarse=True), memory_format=memory_format)


@pytest.mark.parametrize(
    ("size", "stride", "start", "outputs"),
    [(1, 1, 0, 7), (2, 2, 0, 4), (3, 2, 0, 3), (3, 2, -1, 4), (3, 1, -2, 8), (7, 7, 0, 1),
     (4, 3, -3, 3), (5, 2, -3, 4), (4, 4, -2, 3)],
)  # fmt: skip
@pytest.mark.parametrize("memory_format", FORMATS, ids=["nchw", "nhwc"])
def test_cross_map_pool(
    size: int, stride: int, start: int, outputs: int, memory_format: torch.memory_format
) -> None:
    layer = CrossMapPool(
        name="y", reads=("x",), size=size, stride=stride, start=start, outputs=outputs
    )
    given = network(layer, shape=(7, 3, 4))
    check(case(given), memory_format=memory_format)
    check(case(given, coarse=True), memory_format=memory_format)  # maps tie


# --- before the first weights ---------------------------------------------------------------------

TRANSFORMS: list[Layer] = [
    *(Blur(name=f"blur{n}", reads=("x",), size=n, deviation=n / 4) for n in (3, 5, 7)),
    *(Nailbed(name=f"nailbed{n}", reads=("x",), stride=n) for n in (1, 2, 3, 4, 9)),
    *(Resize(name=f"resize-{i}", reads=("x",), scale=s) for i, s in enumerate((0.5, 1, 1.3, 2))),
    Reflection(name="reflection", reads=("x",)),
    ColourTransform(name="yuv", reads=("x",), space="yuv"),
    ColourTransform(name="lab", reads=("x",), space="lab"),
    ColourTransform(name="centred-lab", reads=("x",), space="lab", centred=True),
]


@pytest.mark.parametrize("layer", TRANSFORMS, ids=lambda layer: layer.name)
@pytest.mark.parametrize("memory_format", FORMATS, ids=["nchw", "nhwc"])
def test_transform(layer: Layer, memory_format: torch.memory_format) -> None:
    check(case(network(layer, shape=(3, 9, 7))), memory_format=memory_format)
    check(case(seen(layer), positive=True), memory_format=memory_format)


@pytest.mark.parametrize(("maximum", "side"), [(2, 5), (1.5, 6), (1.5, 8), (1, 9), (1.2, 9)])
def test_random_scale(maximum: float, side: int) -> None:
    layer = RandomScale(name="s", reads=("x",), maximum=maximum, side=side)
    generator = np.random.default_rng(1)
    for draw in (*generator.random((12, 4)), np.zeros(4), np.full(4, 0.999999)):
        given = case(seen(layer, shape=(2, 9, 9)))
        given.draws["s"] = draw
        check(given)


def test_a_chain_of_transforms() -> None:
    layers: tuple[Layer, ...] = (
        RandomScale(name="s", reads=("x",), maximum=1.4, side=9),
        ColourTransform(name="c", reads=("s",), space="lab", centred=True),
        Resize(name="z", reads=("c",), scale=0.8),
        Reflection(name="m", reads=("z",)),
        Blur(name="b", reads=("m",), size=5, deviation=1.2),
        Nailbed(name="n", reads=("b",), stride=2),
    )
    check(case(seen(*layers, shape=(3, 12, 12)), positive=True))


# --- weights --------------------------------------------------------------------------------------

TREES: dict[str, tuple[int, ...]] = {
    "root alone": (4, 4, 4, 4, 4),
    "two levels": (4, 4, 5, 6, 6, 6, 6),
    "a leaf on a long chain": (8, 7, 4, 4, 5, 6, 7, 8, 8),
    "chain upside down": (4, 4, 5, 8, 4, 4, 5, 6, 7),
}


@pytest.mark.parametrize("what", TREES)
def test_tree(what: str) -> None:
    tree = TreeConnected(
        name="y",
        reads=("x",),
        outputs=4,
        parents=TREES[what],
        initial=DRAWN,
        initial_bias=Constant(0.5),
    )
    check(case(network(tree, shape=(3, 2, 2))))


SPARSE: dict[str, tuple[int, tuple[int, ...], int]] = {
    "one group": (1, (3, 0, 2), 0),
    "each channel twice": (2, (2, 0, 1, 3, 3, 1, 0, 2), 1),
    "a channel twice in a group": (2, (0, 0, 1, 3), 0),
    "thrice": (3, (0, 1, 2, 3, 1, 0, 3, 2, 2, 3, 0, 1), 2),
}


@pytest.mark.parametrize("what", SPARSE)
@pytest.mark.parametrize("kind", [Conv, Local])
@pytest.mark.parametrize("rule", ["torch", "cuda-convnet"])
def test_sparse_connections(what: str, kind: Any, rule: Any) -> None:
    groups, connections, padding = SPARSE[what]
    kernel = Kernel(
        size=3, stride=2, padding=padding, groups=groups, initial=DRAWN, connections=connections
    )
    plain = Kernel(size=3, stride=2, padding=padding, initial=DRAWN)
    layer = kind(name="y", reads=("x", "x"), filters=6, kernels=(kernel, plain), rule=rule)
    for memory_format in FORMATS:
        check(case(network(layer)), memory_format=memory_format)


# --- dropout and losses ---------------------------------------------------------------------------


@pytest.mark.parametrize("scaling", ["test", "train"])
def test_dropout_that_is_not_enabled(scaling: Any) -> None:
    layer = Dropout(name="y", reads=("x",), keep=0.3, scaling=scaling, enabled=False)
    check(case(network(layer)))


def test_weighed_binary_cross_entropy_loss() -> None:
    targets = Input(name="t", shape=(5, 1, 1), content="labels")
    units = Activation(name="p", reads=("x",), function="logistic")
    for read in ("p", "q"):  # above its logistic units, and above others
        other = Activation(name="q", reads=("p",), function="linear", parameters=(0.5, 0.2))
        loss = BinaryCrossEntropyLoss(
            name="l", reads=("t", read), coefficient=0.5, positive_weight=3.5
        )
        check(case(network(targets, units, other, loss, shape=(5, 1, 1))))


def test_gated_sum_of_squares_loss() -> None:
    gate = Input(name="gate", shape=(1, 1, 1), content="labels")
    loss = GatedSumOfSquaresLoss(name="l", reads=("gate", "i"), coefficient=0.7)
    given = case(network(gate, IDENTITY, loss))
    given.inputs["gate"] = np.array([0.0, 1.0, -0.4])
    check(given)


def test_robust_loss() -> None:
    targets = Input(name="t", shape=(5, 1, 1), content="labels")
    loss = RobustLoss(name="l", reads=("t", "i"))
    check(case(network(targets, IDENTITY, loss, shape=(5, 1, 1))))


@pytest.mark.parametrize("classes", [2, 3, 5, 8, 13])
def test_subset_softmax_loss(classes: int) -> None:
    for size in range(1, classes):
        loss = SubsetSoftmaxLoss(name="l", reads=("labels", "i"), set_size=size, coefficient=0.3)
        given = case(network(LABELS, IDENTITY, loss, shape=(classes, 1, 1)))
        given.inputs["labels"] = np.array([0, classes - 1, classes // 2])
        check(given)


def test_subset_softmax_loss_of_scores_far_apart() -> None:
    loss = SubsetSoftmaxLoss(name="l", reads=("labels", "i"), set_size=2)
    given = case(network(LABELS, IDENTITY, loss, shape=(6, 1, 1)))
    given.inputs["x"] = 300 * given.inputs["x"] + 10_000
    check(given)


def test_sets_of_one_are_the_softmax() -> None:
    scores = SubsetSoftmaxLoss(name="l", reads=("labels", "i"), set_size=1)
    given = case(network(LABELS, IDENTITY, scores, shape=(7, 1, 1)))
    softmax = Softmax(name="p", reads=("x",))
    loss = LogisticLoss(name="l", reads=("labels", "p"))
    plain = Case(network(LABELS, softmax, loss, shape=(7, 1, 1)), given.inputs, {})
    pictures, labels = torch.tensor(given.inputs["x"]), torch.tensor(given.inputs["labels"])
    costs = (each.module().costs(pictures, labels).per_loss["l"] for each in (given, plain))
    torch.testing.assert_close(*costs)


def test_a_label_that_no_class_has() -> None:
    loss = SubsetSoftmaxLoss(name="l", reads=("labels", "i"), set_size=2)
    module = case(network(LABELS, IDENTITY, loss, shape=(7, 1, 1))).module()
    with pytest.raises(ValueError, match="label 7 is none of the 7 classes"):
        module.costs(torch.zeros(1, 7, dtype=torch.float64), torch.tensor([7]))


@pytest.mark.parametrize(
    "loss",
    [
        RobustLoss(name="l", reads=("a", "b")),
        CrossEntropyLoss(name="l", reads=("a", "b")),
        BinaryCrossEntropyLoss(name="l", reads=("a", "b")),
    ],
    ids=lambda loss: loss.kind,
)
def test_targets_that_a_layer_computes_get_no_gradient(loss: Layer) -> None:
    layers: tuple[Layer, ...] = (
        Activation(name="a", reads=("x",), function="logistic"),
        FullyConnected(name="f", reads=("x",), outputs=5, initial=(DRAWN,)),
        Activation(name="b", reads=("f",), function="logistic"),
    )
    check(case(network(*layers, loss, shape=(5, 1, 1))))


# --- all together ---------------------------------------------------------------------------------


def everything() -> Network:
    """A small network with each of these kinds."""
    rule: Any = "cuda-convnet"
    weak = Gaussian(0.0005)  # lightness goes up to 50
    sparse = Kernel(size=3, groups=2, initial=weak, connections=(2, 0, 1, 1, 2, 0))
    own = Kernel(size=3, padding=1, initial=DRAWN)
    again = Kernel(size=3, padding=1, initial=Shared("conv2"))
    layers: tuple[Layer, ...] = (
        LABELS,
        Input(name="gate", shape=(1, 1, 1), content="labels"),
        Input(name="t", shape=(4, 1, 1), content="labels"),
        RandomScale(name="scaled", reads=("x",), maximum=1.3, side=15),
        ColourTransform(name="lab", reads=("scaled",), space="lab", centred=True),
        Resize(name="resized", reads=("lab",), scale=0.75),
        Reflection(name="turned", reads=("resized",)),
        Blur(name="blurred", reads=("turned",), size=3, deviation=0.7),
        Nailbed(name="kept", reads=("blurred",), stride=2),
        Conv(name="conv1", reads=("kept",), filters=8, kernels=(sparse,), rule=rule),
        CrossMapPool(name="across", reads=("conv1",), size=3, stride=2, start=-1, outputs=4),
        MaxPool(
            name="farthest", reads=("across",), window=window(3, 2), rule=rule, by_magnitude=True
        ),
        Conv(name="conv2", reads=("farthest",), filters=4, kernels=(own,), rule=rule),
        Activation(name="relu2", reads=("conv2",), function="relu"),
        Conv(name="conv3", reads=("relu2", "farthest"), filters=4, kernels=(again, own), rule=rule),
        RandomPool(name="random", reads=("conv3",), window=window(2, 1), rule=rule),
        Dropout(name="whole", reads=("random",), keep=0.8, scaling="test", enabled=False),
        TreeConnected(
            name="tree", reads=("whole",), outputs=4, parents=(4, 4, 5, 5, 5, 5), initial=DRAWN
        ),
        Softmax(name="p", reads=("tree",)),
        Activation(name="q", reads=("tree",), function="logistic"),
        LogisticLoss(name="l", reads=("labels", "p")),
        SubsetSoftmaxLoss(name="m", reads=("labels", "tree"), set_size=2, coefficient=0.5),
        GatedSumOfSquaresLoss(name="g", reads=("gate", "whole"), coefficient=0.01),
        RobustLoss(name="r", reads=("t", "tree"), coefficient=0.1),
        BinaryCrossEntropyLoss(name="b", reads=("t", "q"), positive_weight=2.0),
    )
    return network(*layers, shape=(3, 18, 18))


def test_all_of_them_together() -> None:
    for memory_format in FORMATS:
        check(case(everything(), positive=True), memory_format=memory_format)


def test_the_generator_alone_decides_what_is_drawn() -> None:
    given = case(everything(), positive=True)
    module, inputs = given.module(), given.tensors()

    def costs(seed: int) -> float:
        generator = torch.Generator().manual_seed(seed)
        found = module.costs(inputs["x"], inputs=inputs, generator=generator)
        return found.objective.item()

    assert costs(1) == costs(1)
    assert costs(1) != costs(2)
    module.eval()
    assert costs(1) == costs(2)


def test_all_of_them_export_and_run_in_half_precision() -> None:
    given = case(everything(), positive=True)
    module, inputs = given.module().eval(), given.tensors()
    exported = torch.export.export(module, (inputs["x"],))
    torch.testing.assert_close(exported.module()(inputs["x"]), module(inputs["x"]))
    module.float().train()
    inputs = {name: x.float() if x.is_floating_point() else x for name, x in inputs.items()}
    draws = {name: draw.float() for name, draw in given.drawn().items()}
    exact = module.costs(inputs["x"], inputs=inputs, draws=draws).objective
    with torch.autocast("cpu", torch.bfloat16):
        rough = module.costs(inputs["x"], inputs=inputs, draws=draws).objective
    rough.backward()
    assert rough.dtype == torch.float32
    assert torch.allclose(rough, exact, rtol=0.1)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())
