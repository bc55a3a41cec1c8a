"""Lists of numbers read together."""

import pytest

from alexnet.network.catalog import get_network as network
from alexnet.network.explain import NumberError, reconcile

FIGURE_2 = ["253440", "186624", "64896", "64896", "43264", "4096", "4096", "1000"]
PAPER = network("paper")


def test_the_caption_of_figure_2():
    found = reconcile(FIGURE_2, PAPER, total="650,000")
    assert (found.quantity, found.changes) == ("neurons", ())
    assert [number.layer for number in found.numbers] == [
        "conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8",
    ]  # fmt: skip
    assert [number.explained for number in found.numbers] == [False] + 7 * [True]
    first = found.numbers[0]
    assert first.expected == 290400
    assert first.reading and first.reading.arithmetic == "55·48·96"
    assert (found.sum, found.corrected_sum) == (622312, 659272)
    assert "55·48·96" in found.sum_answer.readings[0].changes[0]
    assert found.sentences[-2:] == (
        "The printed total 650,000 is not the sum of the list, 622,312, nor a rounding of it.",
        "The printed total 650,000 is the corrected sum, 659,272, cut to two figures.",
    )


def test_the_corrected_caption():
    found = reconcile(["290400", *FIGURE_2[1:]], PAPER)
    assert all(number.explained for number in found.numbers)
    assert found.sum == found.corrected_sum == 659272
    assert found.sentences == (
        "Eight of eight numbers: the neurons of conv1, conv2, conv3, conv4, conv5, fc6, fc7 and "
        "fc8.",
        "The list adds up to 659,272.",
    )


@pytest.mark.parametrize(
    ("numbers", "quantity", "changes"),
    [
        ("34944,307456,885120,663936,442624,37752832,16781312,4097000", "parameters", ()),
        ("35K,307K,885K,664K,442K,37.7M,16.8M,4.1M", "weights", ()),
        ("279936,173056,55296", "neurons", ("with sizes rounded as torch does",)),
        ("23296,307392,663936", "parameters", ("in the network one_weird_trick",)),
        ("145200,93312,32448,32448,21632", "neurons", ("in one tower",)),
        ("447897600,149520384,224280576", "multiply-adds", ("with every kernel reading the maps of both towers",)),  # noqa: E501
    ],
)  # fmt: skip
def test_the_common_way(numbers, quantity, changes):
    found = reconcile(numbers.split(","), PAPER)
    assert (found.quantity, found.changes) == (quantity, changes)
    assert all(number.explained for number in found.numbers)


def test_a_number_without_a_place_stays_outside():
    found = reconcile(["186624", "64896", "12345"], PAPER)
    last = found.numbers[-1]
    assert (last.explained, last.layer, last.reading) == (False, None, None)
    assert found.corrected_sum is None
    assert "12,345 stays outside; nothing within two changes explains it." in found.sentences


def test_numbers_that_nothing_explains():
    found = reconcile(["999983", "999979"], PAPER)
    assert found.sentences[0] == "No way of counting explains any of the numbers."


def test_an_empty_list_is_no_list():
    with pytest.raises(NumberError):
        reconcile([], PAPER)
