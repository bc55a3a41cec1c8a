"""Numbers as people write them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.network.explain.written import NumberError, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("253440", 253440),
        ("253,440", 253440),
        ("253 440", 253440),
        ("253_440", 253440),
        ("60 million", 60_000_000),
        ("60M", 60_000_000),
        ("~61M", 61_000_000),
        ("about 61 million parameters", 61_000_000),
        ("0.71 GFLOPs", 710_000_000),
        ("1.4G", 1_400_000_000),
        ("1e6", 1_000_000),
        ("105.7 million", 105_700_000),
        ("35K", 35_000),
        ("60B", 60_000_000_000),
        ("233 MB", 233_000_000),
        ("1 KiB", 1024),
        ("4096 neurons", 4096),
    ],
)
def test_the_value(text, value):
    assert parse(text).value == value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("186,624", "186,624, exact"),
        ("253440", "253440, that is 253,440, exact or rounded to five figures"),
        ("650,000", "650,000, exact or rounded to two to five figures"),
        ("60M", "60M, that is 60,000,000, rounded to one to two figures"),
    ],
)
def test_how_it_is_understood(text, sentence):
    assert parse(text).sentence == sentence


@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        ("650000", 659272, "cut to two figures"),
        ("650000", 650080, "rounded to three figures"),
        ("650000", 648808, "rounded to two figures"),
        ("60 million", 60965224, "cut to two figures"),
        ("60 million", 58631144, "rounded to one figure"),
        ("~61M", 60965224, "rounded to two figures"),
        ("253440", 253441, "rounded to five figures"),
        ("253440", 235440, "with two neighbouring digits swapped"),
        ("253440", 2534140, "with one digit dropped"),
        ("253440", 753440, "with one digit mistyped"),
    ],
)
def test_what_was_done_to_a_value(text, value, words):
    how = parse(text).how(value)
    assert how is not None
    assert [change.text for change in how] == [words]


def test_what_it_does_not_mean():
    assert parse("650000").how(660001) is None
    assert parse("61M").how(61_600_000) is not None  # cut
    assert parse("61M").how(62_000_000) is None
    assert parse("~253441").how(253414) is None  # who rounds makes no slip
    assert parse("253440").how(253440) == ()


def test_a_unit_narrows_what_is_looked_for():
    assert parse("0.71 GFLOPs").quantities[0] == "multiply-adds"
    assert parse("4096 neurons").quantities == ("neurons",)
    assert parse("4096").quantities == ()


@pytest.mark.parametrize(
    "text", ["", "abc", "-3", "0", "0.5", "1.2.3", "1,0000", "12,34", "3 cats"]
)
def test_what_is_no_count(text):
    with pytest.raises(NumberError) as error:
        parse(text)
    assert str(error.value).count("\n") == 0


@given(st.integers(1, 10**15))
def test_every_count_is_read(number):
    assert parse(number).value == number
    assert parse(f"{number:,}").value == number
    assert parse(number).how(number) == ()


@given(st.integers(1, 10**12), st.integers(0, 10**13))
def test_the_quick_refusal_refuses_nothing_that_fits(number, value):
    written = parse(number)
    assert written.how(value) is None or written.may_be(value)


@given(st.text(max_size=12))
def test_any_text_is_a_count_or_an_error(text):
    with contextlib.suppress(NumberError):
        assert parse(text).value > 0
