"""What the files of 2012 add to forensics, edits and tables: trees, shared and sparse weights, maps
that pictures are prepared as.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from alexnet.cli.tables import ledger_table, memory_table, rules_table, rules_tree, story_table
from alexnet.network.edit import with_classes, with_loss, with_rule
from alexnet.network.explain import readings
from alexnet.network.explain.derivations import parts
from alexnet.network.explain.variants import Variant, joined, variants, windows_alone
from alexnet.network.layers import (
    Concat,
    Conv,
    CrossMapPool,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Layer,
    LogisticLoss,
    MaxPool,
    RandomPool,
    Shared,
    Softmax,
    Window,
)
from alexnet.network.ledger import ledger
from alexnet.network.sizes import RULES, Rule
from alexnet.network.spec import Network, NetworkError
from every_kind import every_kind

SMALL = Gaussian(0.1)
COUNTS = ("neurons", "parameters", "weights", "biases", "connections")


# --- number forensics -----------------------------------------------------------------------------


def test_every_derivation_comes_to_what_the_ledger_says() -> None:
    account = ledger(every_kind())
    totals = {stage.name: stage.total for stage in account.stages}
    found = parts(account.network, account.stages)
    for part in found:
        derived = part.derivations()
        for quantity in COUNTS if part.weighted else ():
            own = derived[quantity].value if quantity in derived else 0  # type: ignore[index]
            assert own == getattr(totals[part.name], quantity), (part.name, quantity)
        if part.weighted:
            assert derived["multiply-adds"].value == totals[part.name].multiply_adds
            assert derived["parameter bytes"].value == 4 * totals[part.name].parameters
    assert {part.name for part in found} >= {
        "nails",
        "scaled",
        "resized",
        "random",
        "across",
        "tree",
    }


def sentences(number: int, layer: str) -> list[str]:
    return [x.sentence for x in readings(number, every_kind(), layer=layer).readings]


def test_a_trees_numbers_are_explained() -> None:
    assert sentences(112, "tree")[0] == "112 = 7·2·2·4: the weights of tree."
    assert sentences(116, "tree")[0].startswith("116 = 7·2·2·4 + 4: the parameters of tree")


def test_shared_and_sparse_weights_are_explained() -> None:
    assert sentences(288, "conv2")[0].startswith("288 = 8·3·3·4: the weights of conv2")
    assert not any("weights of conv3" in x for x in sentences(288, "conv3"))
    assert sentences(216, "conv1")[0] == "216 = 8·3·3·3: the weights of conv1."
    # the neurons read both of its inputs, though the weights are one array
    assert sentences(43_200, "conv1")[0].startswith("43,200 = 10·10·8·3·3·6: the multiply-adds")


def test_prepared_pictures_have_sides() -> None:
    assert sentences(10, "nails")[0] == (
        "10: the side in pixels of a map of nails; 10 is ceil(20 / 2)."
    )
    assert sentences(5, "random")[0].startswith("5: the side in pixels of a map of random")


def test_variants_and_windows_of_every_kind() -> None:
    account = ledger(every_kind())
    base = Variant(account.network, account.stages)
    told = {variant.changes[0].kind for variant in variants(base)}
    assert {"rule", "padding", "stride", "no groups"} <= told
    third = next(stage for stage in account.stages if stage.name == "conv3")
    assert any(windows_alone(account.network, third))  # by itself it shares with nobody


def test_towers_with_shared_weights_and_pools_across_maps_can_be_joined() -> None:
    layers: list[Layer] = [Input(name="data", shape=(3, 9, 9))]
    for tower, x in enumerate("ab"):
        kernels = (Kernel(size=3, padding=1, initial=SMALL),)
        first = Conv(name=f"first{x}", reads=("data",), tower=tower, filters=4, kernels=kernels,
                     rule="torch")  # fmt: skip
        second = replace(first, name=f"second{x}", reads=(f"first{x}",))
        shared = (replace(kernels[0], initial=Shared(f"second{x}")),)
        third = replace(first, name=f"third{x}", reads=(f"second{x}",), kernels=shared)
        pool = CrossMapPool(
            name=f"pool{x}", reads=(f"third{x}",), tower=tower, size=2, stride=2, outputs=2
        )
        layers += [first, second, third, pool]
    account = ledger(Network("towers", tuple(layers)))
    whole = joined(account.network, account.stages)
    assert whole.shape("pool") == (4, 9, 9)
    third = whole["third"]
    assert isinstance(third, Conv)
    assert third.kernels[0].initial == Shared("second", 0)


# --- edits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_another_rule_holds_for_random_pools_too(rule: Rule) -> None:
    window = Window(size=3, stride=2, outputs=5)
    drawn = RandomPool(name="pool", reads=("data",), window=window, rule="cuda-convnet")
    largest = MaxPool(name="pool", reads=("data",), window=window, rule="cuda-convnet")
    picture = Input(name="data", shape=(3, 10, 10))
    pools = [with_rule(Network("net", (picture, x)), rule) for x in (drawn, largest)]
    assert pools[0].placed == pools[1].placed
    pool = pools[0]["pool"]
    assert isinstance(pool, RandomPool)
    assert (pool.rule, pool.window.outputs) == (rule, None)


def test_a_trees_classes_are_not_changed() -> None:
    layers = [x for x in every_kind() if x.name not in ("gate", "gated")]
    with pytest.raises(NetworkError) as caught:
        with_classes(Network("net", tuple(layers)), 7)
    assert str(caught.value) == (
        "network 'net', layer 'tree': its tree sets the 4 classes; give it a tree over the new "
        "ones, or a fully-connected layer in its place"
    )


def four_towers() -> Network:
    """As 2012's layers-183-4gpu.cfg ends: the classes dealt over four GPUs, then joined."""
    layers: list[Layer] = [
        Input(name="data", shape=(6, 1, 1)),
        Input(name="labels", shape=(1, 1, 1), content="labels"),
        FullyConnected(name="fc", reads=("data",), outputs=8, initial=(SMALL,)),
    ]
    names = tuple(f"fc1000{x}" for x in "abcd")
    layers += [
        FullyConnected(name=name, reads=("fc",), tower=tower, outputs=5, initial=(SMALL,))
        for tower, name in enumerate(names)
    ]
    layers += [
        Concat(name="concat", reads=names),
        Softmax(name="probs", reads=("concat",), tower=0),
        LogisticLoss(name="logprob", reads=("labels", "probs"), tower=0, top=5),
    ]
    return Network("four", tuple(layers))


@pytest.mark.parametrize(("classes", "each"), [(40, [10] * 4), (10, [3, 3, 2, 2])])
def test_classes_are_shared_by_the_layers_that_the_output_joins(
    classes: int, each: list[int]
) -> None:
    found = with_classes(four_towers(), classes)
    assert [x.outputs for x in found if isinstance(x, FullyConnected)] == [8, *each]
    assert found.shape("probs") == (classes, 1, 1)


def test_classes_go_to_the_last_layer_where_there_is_one() -> None:
    layers = four_towers().layers[:3]
    found = with_classes(Network("one", layers), 3)
    assert found.shape("fc") == (3, 1, 1)
    with pytest.raises(NetworkError, match="outputs is 0; it must be at least 1"):
        with_classes(four_towers(), 3)


def test_new_losses_are_losses() -> None:
    subset = Network("net", (*every_kind().layers[:-5], every_kind()["subset"]))
    assert with_loss(subset) is subset


# --- tables ---------------------------------------------------------------------------------------


def test_tables_of_every_kind() -> None:
    network = every_kind()
    account = ledger(network)
    assert len(ledger_table(account).rows) == len(account.stages)
    assert memory_table(network, 2).rows
    windowed = [row[0] for row in rules_table(network).rows]
    assert windowed == ["conv1", "random", "conv2", "conv3", "farthest", "neurons", "parameters"]
    assert set(rules_tree(network)) == {"network", "rules"}


def story(name: str) -> dict[str, tuple[str, str]]:
    account = ledger(every_kind())
    rows = next(stage.rows for stage in account.stages if stage.name == name)
    return {cells[0]: (cells[1], cells[2]) for cells in story_table(account, rows, name).rows}


def test_stories_of_new_kinds() -> None:
    assert story("conv2")["connections"] == (
        "2 × 4 of 8",
        "maps of random, group by group: 0, 3, 5, 6, 1, 2, 4, 7",
    )
    assert story("conv3")["weights"] == ("0", "those of conv2, counted there")
    assert story("tree")["weights"] == ("112", "4 leaves · 16 inputs + 3 inner nodes · 16 inputs")
    assert story("random")["window"][0] == "2×2, stride 2, padding 0"
    assert story("nails")["field"] == ("20", "as its input")
    assert story("lab")["field"] == ("1", "as its input; every 1 pixels from pixel 0")
