"""The numbers that the search must explain, each with its first reading."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.network.catalog import NETWORKS
from alexnet.network.catalog import get_network as network
from alexnet.network.explain import COSTS, Answer, NumberError, as_tree, readings
from alexnet.network.layers import (
    AveragePool,
    Constant,
    Conv,
    FullyConnected,
    Input,
    Kernel,
    Window,
)
from alexnet.network.spec import Network, NetworkError

PAPER = network("paper")
ZERO = Constant(0.0)


def ask(number: str, name: str = "paper", layer: str | None = None, limit: int = 10) -> Answer:
    return readings(number, network(name), layer=layer, limit=limit)


def evaluated(arithmetic: str) -> int:
    """The value of a sum that is written out."""
    return eval(arithmetic.replace(",", "").replace("·", "*").replace("−", "-"))  # noqa: S307


def test_253440_is_one_55_written_as_48_and_nothing_simpler():
    answer = ask("253440")
    first = answer.readings[0]
    assert (first.arithmetic, first.layer, first.quantity) == ("55·48·96", "conv1", "neurons")
    assert first.changes == ("with one 55 written as 48, the kernels per tower",)
    assert first.cost == COSTS["factor replaced"].cost
    assert [reading.rank for reading in answer.readings].count(1) == 1
    assert answer.sentence == (
        "253,440 = 55·48·96: the neurons of conv1 with one 55 written as 48, the kernels per tower."
    )


@pytest.mark.parametrize("layer", ["conv1", "conv1a", "conv1b"])
def test_253440_of_conv1(layer):
    assert ask("253,440", layer=layer).readings[0].arithmetic == "55·48·96"


def test_253440_where_groups_stand_for_towers():
    first = ask("253440", "caffe").readings[0]
    assert first.arithmetic == "55·48·96"
    assert first.changes == (
        "with one 55 written as 48, the kernels that one group of conv2 reads",
    )


@pytest.mark.parametrize(
    ("number", "quantity", "layer", "arithmetic"),
    [
        ("290400", "neurons", "conv1", "55·55·96"),
        ("186624", "neurons", "conv2", "27·27·256"),
        ("43264", "neurons", "conv5", "13·13·256"),
        ("1000", "neurons", "fc8", "1000"),
        ("105415200", "multiply-adds", "conv1", "55·55·96·11·11·3"),
        ("105705600", "connections", "conv1", "55·55·96·(11·11·3 + 1)"),
        ("34944", "parameters", "conv1", "96·(11·11·3 + 1)"),
        ("150528", "input elements", "data", "224·224·3"),
        ("2178", "patches", "data", "33·33·2"),
        ("55", "map side", "conv1", "55"),
    ],
)
def test_the_correct_derivation_costs_nothing(number, quantity, layer, arithmetic):
    first = ask(number).readings[0]
    assert (first.cost, first.changes) == (0, ())
    assert (first.quantity, first.layer, first.arithmetic) == (quantity, layer, arithmetic)


@pytest.mark.parametrize(
    ("number", "quantity"),
    [("60965224", "parameters"), ("724406816", "multiply-adds"), ("659272", "neurons")],
)
def test_totals_cost_nothing(number, quantity):
    first = ask(number).readings[0]
    assert (first.cost, first.quantity, first.layer) == (0, quantity, "total")


def test_ties_are_shown_as_ties():
    both = ask("64896").readings[:2]
    assert [(r.rank, r.cost, r.layer) for r in both] == [(1, 0, "conv3"), (1, 0, "conv4")]
    hidden = [r for r in ask("4096").readings if r.rank == 1 and r.quantity == "neurons"]
    assert [r.layer for r in hidden] == ["fc6", "fc7"]


@pytest.mark.parametrize(
    ("number", "quantity", "layer", "kind", "words"),
    [
        ("279936", "neurons", "conv1", "rule", "with sizes rounded as torch, caffe or valid does"),
        ("62378344", "parameters", "total", "no groups", "with every kernel reading the maps of both towers"),  # noqa: E501
        ("1135256096", "multiply-adds", "total", "no groups", "with every kernel reading the maps of both towers"),  # noqa: E501
        ("61100840", "parameters", "total", "another network", "in the network one_weird_trick"),
        ("714188480", "multiply-adds", "total", "another network", "in the network one_weird_trick"),  # noqa: E501
        ("650080", "neurons", "total", "some layers", "of the convolutional layers alone"),
        ("648808", "neurons", "total", "rule", "with sizes rounded as caffe does"),
        ("622312", "neurons", "total", "factor replaced", "with conv1 taken as 55·48·96, one 55 written as 48, the kernels per tower"),  # noqa: E501
        ("2048", "patches", "data", "last offset", "with the last offset left out"),
        ("145200", "neurons", "conv1", "one tower", "in one of two towers"),
        ("69984", "neurons", "conv1", "after pooling", "counted after pooling, at pool1"),
        ("809800", "neurons", "total", "input layer", "with the input counted as a layer"),
        ("56576", "floats crossing between towers", "total", "floats", "counted between towers"),
        ("290040", "neurons", "conv1", "digits swapped", "with two neighbouring digits swapped"),
        ("29400", "neurons", "conv1", "digit dropped", "with one digit dropped"),
        ("297400", "neurons", "conv1", "digit mistyped", "with one digit mistyped"),
        ("154587", "input elements", "data", "known input", "over a picture of 227 instead of 224 pixels"),  # noqa: E501
    ],
)  # fmt: skip
def test_one_change(number, quantity, layer, kind, words):
    answer = ask(number)
    first = answer.readings[0]
    assert (first.quantity, first.layer, first.changes) == (quantity, layer, (words,))
    assert first.cost == COSTS[kind].cost
    assert [reading.rank for reading in answer.readings].count(1) == 1


def test_279936_tells_its_floor():
    assert ask("279936").readings[0].sentence.endswith("54 is 1 + floor((224 + 2·0 − 11) / 4).")


def test_650000_has_both_candidates():
    first = [r for r in ask("650000").readings if r.rank == 1]
    assert {r.value for r in first} == {659272, 650080, 648808}
    assert first[0].value == 659272
    assert first[0].changes == ("cut to two figures",)


@pytest.mark.parametrize(
    ("number", "name", "value", "quantity"),
    [
        ("60 million", "paper", 60965224, "parameters"),
        ("~61M", "paper", 60965224, "parameters"),
        ("60M params", "one_gpu", 59798312, "parameters"),
        ("61.1M parameters", "one_weird_trick", 61100840, "parameters"),
        ("0.71 GFLOPs", "one_weird_trick", 714188480, "multiply-adds"),
        ("1.4G", "paper", 1448813632, "operations"),
        ("720M", "paper", 724406816, "multiply-adds"),
        ("1.1G operations", "paper", 1135256096, "multiply-adds"),
        ("660,000", "paper", 659272, "neurons"),
        ("105.7 million", "paper", 105705600, "connections"),
        ("244 MB", "paper", 243860896, "parameter bytes"),
        ("232.6 MiB", "paper", 243860896, "parameter bytes"),
    ],
)
def test_rounded_numbers(number, name, value, quantity):
    first = ask(number, name).readings[0]
    assert (first.value, first.quantity) == (value, quantity)


@pytest.mark.parametrize("number", ["2640", "353440", "999983"])
def test_nothing_found_is_said(number):
    answer = ask(number)
    assert answer.readings == ()
    assert answer.sentence == f"No reading of paper within two changes gives {number}."


@pytest.mark.parametrize(
    ("name", "number", "quantity", "layer"),
    [
        ("cs231n", "105705600", "connections", "conv1"),
        ("caffe", "660965", "", ""),
        ("13pct", "1152", "neurons", "local3"),
        ("13pct", "162", "patches", "data"),
        ("80sec", "145578", "parameters", "total"),
        ("tiny", "20874", "neurons", "total"),
    ],
)
def test_other_networks(name, number, quantity, layer):
    found = ask(number, name).readings
    assert [(r.quantity, r.layer, r.cost) for r in found[:1]] == (
        [(quantity, layer, 0)] if quantity else []
    )


def test_a_network_made_by_hand():
    lenet = Network(
        "mine",
        (
            Input(name="in", shape=(1, 28, 28)),
            Conv(
                name="c1",
                reads=("in",),
                filters=6,
                kernels=(Kernel(size=5, padding=2, initial=ZERO),),
                rule="torch",
            ),
            AveragePool(
                name="s2",
                reads=("c1",),
                window=Window(size=2, stride=2),
                rule="torch",
                divisor="window",
            ),
            FullyConnected(name="f", reads=("s2",), outputs=10, initial=(ZERO,), bias="none"),
        ),
    )
    assert readings("122304", lenet).readings[0].quantity == "connections"
    assert readings("3456", lenet).readings[0].arithmetic == "24·24·6"
    assert readings("11760", lenet).readings[0].layer == "f"


def test_a_network_without_a_picture():
    labels = Network("labels", (Input(name="l", shape=(1, 1, 1), content="labels"),))
    assert readings("99999", labels).readings == ()


def test_a_layer_that_does_not_exist():
    with pytest.raises(NetworkError, match="no layer 'conv9'; did you mean"):
        ask("55", layer="conv9")


@pytest.mark.parametrize("text", ["abc", "", "-3", "0", "0.71", "1,0000", "1" * 50, "14·14"])
def test_a_text_that_is_no_count(text):
    with pytest.raises(NumberError):
        readings(text, PAPER)


def test_the_limit_counts_what_it_leaves_out():
    all_, two = ask("4096", limit=100), ask("4096", limit=2)
    assert two.readings == all_.readings[:2]
    assert two.further == all_.further + len(all_.readings) - 2


def test_the_margin_counts_what_it_leaves_out():
    wide = readings("43264", PAPER, limit=100, margin=100)
    assert wide.further == 0
    narrow = readings("43264", PAPER, limit=100)
    assert narrow.further == len(wide.readings) - len(narrow.readings)


@pytest.mark.parametrize("name", list(NETWORKS))
@pytest.mark.parametrize("number", ["253440", "61M", "650000", "4096", "1e6 operations"])
def test_every_reading_adds_up(name, number):
    answer = readings(number, network(name), limit=1000, margin=100)
    for reading in answer.readings:
        assert evaluated(reading.arithmetic) == reading.value
        assert reading.sentence.endswith(".")
        assert reading.cost == 0 or reading.changes
    costs = [reading.cost for reading in answer.readings]
    assert costs == sorted(costs)
    assert [r.rank for r in answer.readings] == [costs.index(cost) + 1 for cost in costs]
    told = [reading.sentence for reading in answer.readings]
    assert len(told) == len(set(told))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 10**9))
def test_any_number_is_answered_alike_twice(number):
    answer = readings(number, PAPER)
    assert answer == readings(str(number), PAPER)
    assert all(evaluated(r.arithmetic) == r.value for r in answer.readings)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_receptive_field_is_told_by_a_sum_and_once_for_each_layer_that_widens_it(name):
    from alexnet.network.arithmetic import receptive_fields

    fields = receptive_fields(network(name))
    for size in {field.size for field in fields.values() if field and field.size > 1}:
        told = [r for r in ask(str(size), name).readings if r.quantity == "receptive field"]
        assert all(evaluated(r.arithmetic) == size for r in told)
        assert not any(r.arithmetic == "as its input" for r in told)


def test_the_tree_has_stable_keys():
    tree = as_tree(ask("253440"))
    assert list(tree) == ["network", "layer", "number", "readings", "further", "sentence"]
    assert tree["number"]["value"] == 253440  # pyright: ignore
    assert list(tree["readings"][0]) == [  # pyright: ignore
        "rank", "value", "cost", "quantity", "layer", "changes", "arithmetic", "sentence",
    ]  # fmt: skip


def test_an_answer_takes_less_than_two_seconds():
    start = time.process_time()
    ask("60 million")
    assert time.process_time() - start < 2
