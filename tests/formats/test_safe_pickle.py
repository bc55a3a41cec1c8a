"""Pickles become plain values; hostile, bloated, truncated and damaged ones become one sentence."""

from __future__ import annotations

import pickle
import struct
import time
import tracemalloc
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.formats import FormatError
from alexnet.formats.safe_pickle import ACTIONS, Named, Record, dump, load
from formats import by_hand as hand

OPTIONS = {"options.OptionsParser", "options.Option", "options.IntegerOptionParser"}


def refused(data: bytes, **options: Any) -> str:
    with pytest.raises(FormatError) as raised:
        load(data, "bad.pkl", **options)
    message = str(raised.value)
    assert message.startswith("bad.pkl: ") and "\n" not in message and len(message) < 600
    return message


def dumped(value: object) -> bytes:
    pieces: list[bytes] = []
    dump(value, pieces.append)
    return b"".join(pieces)


# --- what is read ---------------------------------------------------------------------------------

PYTHON_2_PROTOCOL_0 = (
    b"(dp1\nS'op'\np2\n(ioptions\nOptionsParser\np3\n(dp4\nS'options'\np5\n(dp6\nsS'cls'\np7\n"
    b"coptions\nOptionsParser\np8\nsbsS'raw'\np9\nS'\\x00\\xff\\n\\'\"\\\\'\np10\nsS'n'\n(lp11\n"
    b"I1\naI-70000\naF3.5\naNaI01\naL1000000000000000000000000000000L\naV\\u2713\xfc\np12\nasS's'\n"
    b"c__builtin__\nset\np13\n((lp14\nI1\natRp15\ns."
)
PYTHON_2_PROTOCOL_2 = (
    b"\x80\x02}q\x01(U\x02opq\x02(coptions\nOptionsParser\nq\x03oq\x04}q\x05(U\x07optionsq\x06}q"
    b"\x07U\x03clsq\x08h\x03ubU\x03rawq\tU\x06\x00\xff\n'\"\\q\nU\x01n]q\x0b(K\x01J\x90\xee\xfe\xff"
    b"G@\x0c\x00\x00\x00\x00\x00\x00N\x88\x8a\r\x00\x00\x00@\xea\xed\xf4\xde\xb6 \x9f\x0c\x00X\x05"
    b"\x00\x00\x00\xe2\x9c\x93\xc3\xbcq\x0ceU\x01sc__builtin__\nset\nq\r]q\x0eK\x01a\x85Rq\x0fu."
)
"""One value as Python 2.7.18 wrote it: an old-style object, its class, bytes, numbers, a set."""


@pytest.mark.parametrize("data", [PYTHON_2_PROTOCOL_0, PYTHON_2_PROTOCOL_2])
def test_what_python_2_wrote(data: bytes) -> None:
    value: Any = load(data, "x", inert=OPTIONS)
    assert value["raw"] == "\x00\xff\n'\"\\"
    assert value["n"][:5] == [1, -70000, 3.5, None, True]
    assert value["n"][6] == "✓ü"
    assert value["s"] == {1}
    assert isinstance(value["op"], Record)
    assert value["op"].kind == Named("options", "OptionsParser")
    assert value["op"].attributes == {"options": {}, "cls": Named("options", "OptionsParser")}


PLAIN = {
    "numbers": [0, 1, 255, 256, 65536, -1, -(2**31), 2**40, -(2**90), 1.5, float("inf")],
    "text": ["", "ä", "船", "x" * 300],
    "bytes": [b"", b"\x00\xff", b"x" * 300],
    "nested": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, [4, {5: None}])),
    "flags": [True, False, None],
    "sets": [{1, "a"}, frozenset([b"b", 2.0])],
    "ordered": OrderedDict([("z", 1), ("a", 2)]),
}
ARRAYS = {
    "rows": np.arange(6, dtype="f4").reshape(2, 3),
    "columns": np.asfortranarray(np.arange(6, dtype="f8").reshape(2, 3)),
    "big-endian": np.arange(3, dtype=">i4"),
    "bytes": np.arange(256, dtype="u1"),
    "half": np.arange(3, dtype="f2"),
    "truths": np.array([True, False]),
    "empty": np.zeros((0, 5), dtype="i8"),
    "number": np.array(2.5),
}


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_of_python_3(protocol: int) -> None:
    assert load(pickle.dumps(PLAIN, protocol), "x") == PLAIN
    arrays: Any = load(pickle.dumps(ARRAYS, protocol), "x")
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)
    assert load(pickle.dumps(np.float32(1.5), protocol), "x") == 1.5


@pytest.mark.parametrize("fortran", [False, True])
def test_arrays_as_python_2_wrote_them(fortran: bool) -> None:
    array = np.arange(12, dtype="f4").reshape(3, 4)
    value = load(hand.pickled(hand.array(array, fortran)), "x")
    np.testing.assert_array_equal(value, array)  # type: ignore[arg-type]


def test_what_is_shared_stays_shared_and_a_loop_stays_a_loop() -> None:
    one = np.ones(3)
    shared: Any = load(pickle.dumps([one, one]), "x")
    assert shared[0] is shared[1]
    loop: list[object] = []
    loop.append(loop)
    read: Any = load(pickle.dumps(loop), "x")
    assert read[0] is read


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
    | st.binary() | st.text(st.characters(exclude_categories=["Cs"]))
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
        | st.lists(inner).map(tuple)
    ),
    max_leaves=12,
)  # fmt: skip


@given(VALUES, st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_any_plain_value_is_read_as_it_was_written(value: object, protocol: int) -> None:
    assert load(pickle.dumps(value, protocol), "x") == value


def python_2(value: object) -> object:
    """The value after a Python 2 has had it: bytes and latin-1 text are one type."""
    match value:
        case bytes():
            return value.decode("latin-1")
        case list():
            return [python_2(part) for part in value]
        case tuple():
            return tuple(python_2(part) for part in value)
        case dict():
            return {name: python_2(part) for name, part in value.items()}
        case _:
            return value


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_read_back(value: object) -> None:
    data = dumped(value)
    assert load(data, "x") == python_2(value)
    # an independent reader agrees
    assert pickle.loads(data, encoding="latin-1") == python_2(value)


def test_arrays_and_records_are_written_and_shared_parts_once() -> None:
    shared = [1]
    record = Record(Named("options", "Option"), {"value": shared})
    value: Any = load(dumped({"a": ARRAYS, "x": [shared, shared, record, record]}), "x",
                      inert=OPTIONS)  # fmt: skip
    assert value["x"][0] is value["x"][1] is value["x"][2].attributes["value"]
    assert value["x"][2] is value["x"][3]
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(value["a"][name], array)
        assert value["a"][name].dtype == array.dtype.newbyteorder("<")
    with pytest.raises(FormatError, match="cannot be written"):
        dumped(np.array(["a"]))
    with pytest.raises(FormatError, match="cannot be written"):
        dumped(object())


# --- what is not obeyed ---------------------------------------------------------------------------


def call(module: str, name: str, *arguments: bytes) -> bytes:
    return f"c{module}\n{name}\n".encode() + hand.tuple_of(*arguments) + b"R"


def attacks(marker: Path) -> dict[str, bytes]:
    """Pickles each of which an obliging reader would let create a file."""
    command = hand.text(f"touch {marker}")
    code = hand.text(f"open({str(marker)!r}, 'w')")
    by_eval = call("__builtin__", "eval", code)
    state = hand.entries(options=call("os", "system", command))
    return {
        "os.system": call("os", "system", command),
        "posix.system": call("posix", "system", command),
        "builtins.eval": call("builtins", "eval", code),
        "builtins.exec": call("builtins", "exec", code),
        "python 2's eval": by_eval,
        "an argument of an array": call(
            "numpy.core.multiarray", "_reconstruct", b"cnumpy\nndarray\n", by_eval, hand.text("b")
        ),
        "deep inside": hand.entries(a=hand.many(hand.tuple_of(by_eval))),
        "the state of a record": b"(coptions\nOptionsParser\no" + state + b"b",
        "an old-style object": f"(S{str(marker)!r}\nS'w'\ni__builtin__\nopen\n".encode(),
        "an object by its class": b"(c__builtin__\nopen\n"
        + hand.text(str(marker)) + hand.text("w") + b"o",
        "a new object": b"cpathlib\nPath\n" + hand.tuple_of(hand.text(str(marker))) + b"\x81",
        "a name on the stack": b"\x8c\x02os\x8c\x06system\x93" + hand.tuple_of(command) + b"R",
        "a dotted name": b"\x8c\x05numpy\x8c\x09os.system\x93" + hand.tuple_of(command) + b"R",
        "through getattr": call("__builtin__", "getattr", b"cnumpy\nndarray\n", command),
        "numpy.load": call("numpy", "load", hand.text(str(marker))),
        "a registered class": b"\x82\x01",
        "a persistent number": b"P1\n",
        "a persistent value": command + b"Q",
        "a buffer outside": b"\x97",
        "another codec": call("_codecs", "encode", b"X\x01\x00\x00\x00a", hand.text("zlib")),
    }  # fmt: skip


@pytest.mark.parametrize("name", attacks(Path("x")))
def test_nothing_that_a_pickle_asks_for_is_run(name: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    data = hand.pickled(attacks(marker)[name])
    message = refused(data, inert=OPTIONS)
    assert "was not obeyed" in message and "asks at byte " in message
    assert not marker.exists()


def test_the_marker_would_be_made(tmp_path: Path) -> None:
    """The attacks above are real: Python's own unpickler falls for them."""
    marker = tmp_path / "marker"
    pickle.loads(hand.pickled(attacks(marker)["builtins.eval"]), encoding="latin-1").close()
    assert marker.exists()


def test_the_refusal_names_what_was_asked_for_and_where() -> None:
    data = hand.pickled(hand.entries(data=call("os", "system", hand.text("true"))))
    assert refused(data) == (
        "bad.pkl: asks at byte 10 for os.system while it is unpickled, and was not obeyed;"
        " numbers, text, containers and arrays of numbers are all that is read"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"]" + hand.entries(__class__=b"N") + b"b", "a new state of a list of 0"),
        (b"}" + hand.entries(a=b"N") + b"b", "a new state of a dict of 0"),
        (b"cnumpy\ndtype\n}b", "a new state of the class numpy.dtype"),
        (b"coptions\nOption\n}b", "a new state of the class options.Option"),
        (hand.array(np.zeros(2)) + hand.tuple_of(b"NNNNN") + b"b", "a new state of an array 2"),
        (b"(coptions\nOption\no]b", "a state of options.Option that is a list of 0"),
        (b"(coptions\nOption\no}K\x01K\x01sb", "an attribute of options.Option called 1"),
        (b"(coptions\nOption\nK\x01o", "a call of options.Option with a tuple of 1"),
        (hand.text("os") + b")R", "a call of 'os'"),
        (hand.array(np.zeros(2)) + b")R", "a call of an array 2"),
        (call("numpy", "ndarray", b"J\xff\xff\xff\x7f"), "a call of numpy.ndarray"),
        (call("__builtin__", "object"), "a call of __builtin__.object"),
        (call("__builtin__", "bytearray", b"J\xff\xff\xff\x7f"), "a call of __builtin__.bytearray"),
        (call("collections", "OrderedDict", hand.many(b"]")), "an OrderedDict with a list of 0"),
    ],
)
def test_states_and_calls_of_the_wrong_kind(content: bytes, said: str) -> None:
    assert said in refused(hand.pickled(content), inert=OPTIONS)


def test_the_state_of_a_record_is_only_a_dict() -> None:
    poison = hand.entries(__class__=b"N", __dict__=b"}", __setstate__=b"N", kind=hand.text("x"))
    record: Any = load(hand.pickled(b"(coptions\nOption\no" + poison + b"b"), "x", inert=OPTIONS)
    assert type(record) is Record
    assert record.kind == Named("options", "Option")
    assert set(record.attributes) == {"__class__", "__dict__", "__setstate__", "kind"}


def test_a_class_of_the_pickle_is_known_only_where_it_is_asked_for() -> None:
    assert "options.OptionsParser" in refused(PYTHON_2_PROTOCOL_2)
    assert "options.Other" in refused(hand.pickled(b"coptions\nOther\n"), inert=OPTIONS)


def array_of_type(code: str, state: bytes, raw: bytes = b"") -> bytes:
    made = b"cnumpy\ndtype\n" + hand.tuple_of(hand.text(code), b"K\x00K\x01") + b"R" + state + b"b"
    array = b"cnumpy.core.multiarray\n_reconstruct\n"
    array += hand.tuple_of(b"cnumpy\nndarray\n", b"K\x00\x85", hand.text("b")) + b"R"
    return array + hand.tuple_of(b"K\x01", b"K\x01\x85", made, b"\x89", raw or b"U\x00") + b"b"


RECORDS = hand.tuple_of(
    b"K\x03", hand.text("|"), b"N", hand.tuple_of(hand.text("a")), b"}K\x10K\x01"
)
TITLES = hand.tuple_of(b"K\x03", hand.text("|"), b"NN", hand.entries(title=b"N"), b"K\x10K\x01")
NOTHING = hand.tuple_of(b"K\x03", hand.text("<"), b"NNN", b"K\x04K\x01K\x00")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (array_of_type("O8", NOTHING, hand.many(b"N")), "an array of 'O8'"),
        (array_of_type("V2147483647", NOTHING), "an array of 'V2147483647'"),
        (array_of_type("S99999999999", NOTHING), "an array of 'S99999999999'"),
        (array_of_type("f4,i4", NOTHING), "an array of 'f4,i4'"),
        (array_of_type("f4", RECORDS), "an array of records"),
        (array_of_type("f4", TITLES), "an array of records"),
        (array_of_type("f4", NOTHING, hand.many(b"N")), "an array whose numbers are a list of 1"),
        (array_of_type("f4", NOTHING, hand.text("abc")), "with 3 bytes, not 4"),
        (array_of_type("f4", NOTHING, b"X\x03\x00\x00\x00\xe2\x9c\x93"), "whose numbers are '✓'"),
    ],
)
def test_arrays_of_anything_but_numbers(content: bytes, said: str) -> None:
    assert said in refused(hand.pickled(content))


def test_an_array_is_used_only_once_it_is_whole() -> None:
    begun = b"cnumpy.core.multiarray\n_reconstruct\n"
    begun += hand.tuple_of(b"cnumpy\nndarray\n", b"K\x00\x85", hand.text("b")) + b"R"
    assert "never described" in refused(hand.pickled(begun))
    assert "before it is described" in refused(hand.pickled(begun + b"2"))
    assert "before it is described" in refused(hand.pickled(begun + b"q\x00h\x00"))


# --- what would take too much ---------------------------------------------------------------------

HUGE = {
    "a byte string": b"T\xff\xff\xff\x7fabc",
    "a text": b"X\xff\xff\xff\xffabc",
    "bytes of a tebibyte": b"\x8e" + struct.pack("<Q", 2**40) + b"abc",
    "a text of a tebibyte": b"\x8d" + struct.pack("<Q", 2**40) + b"abc",
    "a bytearray of 2**63": b"\x96" + struct.pack("<Q", 2**63) + b"abc",
    "a frame": b"\x95" + struct.pack("<Q", 2**60) + b"N",
    "a number": b"\x8b" + struct.pack("<i", 2**31 - 1) + b"\x01",
    "a number of negative length": b"\x8b" + struct.pack("<i", -1) + b"\x01",
    "a long number": b"\x8b" + struct.pack("<i", 300) + b"\x01" * 300,
    "digits": b"L" + b"9" * 5000 + b"L\n",
    "a place in the memo": b"Nr\xff\xff\xff\x7f",
    "a place written out": b"Np2147483648\n",
    "a value from the memo": b"j\xff\xff\xff\x7f",
    "a line": b"c" + b"a" * 100_000 + b"\nb\n",
    "an array": array_of_type("f4", NOTHING).replace(b"K\x01\x85", b"\x8a\x06\0\0\0\0\0\x01\x85"),
    "an empty array": array_of_type("f4", NOTHING).replace(
        b"K\x01\x85", b"K\x00\x8a\x06\0\0\0\0\0\x00\x8a\x07\0\0\0\0\0\0\x01\x87"
    ),
}


@pytest.mark.parametrize("name", HUGE)
def test_what_is_announced_is_not_made_room_for(name: str) -> None:
    data = hand.pickled(HUGE[name])
    tracemalloc.start()
    try:
        refused(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(data) + 200_000


LAUGHS = b"".join(b"](" + bytes([b"h"[0], i]) * 10 + b"eq" + bytes([i + 1]) for i in range(60))
"""Sixty lists of ten references to the one before: 10 to the 60th power, if they were copied."""

BOMBS = {
    "lists of lists": b"]q\x00" + LAUGHS,
    "a deep list": b"]" * 200_000 + b"a" * 199_999,
    "deep tuples": b")" + b"\x85" * 200_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_shares_its_parts_stays_small(name: str) -> None:
    start = time.process_time()
    value = load(hand.pickled(BOMBS[name]), "x")
    assert isinstance(value, list | tuple)
    assert time.process_time() - start < 2


DOUBLED = b")q\x000" + b"h\x00h\x00\x86q\x000" * 60 + b"h\x00"
SPENDTHRIFTS = {
    "a key that hashes for ever": b"}" + DOUBLED + b"Ns",
    "a member that hashes for ever": b"\x8f(" + DOUBLED + b"\x90",
    "a frozen set of them": b"(" + DOUBLED + b"\x91",
    "a key of two gigabits": b"}" + b"\x8a\xff" + b"\x7f" * 255 + b"Ns",
    "a long key": b"}" + hand.text("k" * 5000) + b"Ns",
    "sets, again and again": b"](" + b"K\x01" * 50_000 + b"eq\x00"
    + b"c__builtin__\nset\nh\x00\x85R0" * 50_000,
    "one text, encoded again and again": hand.text("x" * 200_000) + b"q\x00c_codecs\nencode\nq\x010"
    + b"h\x01h\x00U\x06latin1\x86R0" * 50_000,
    "one state, set again and again": hand.pairs({f"{i}": b"N" for i in range(9999)})
    + b"q\x00(coptions\nOption\no" + b"h\x00b" * 50_000,
    "empty sets": b"\x8f" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("name", SPENDTHRIFTS)
def test_time_and_memory_are_counted_before_they_are_spent(name: str) -> None:
    start = time.process_time()
    message = refused(hand.pickled(SPENDTHRIFTS[name]), inert=OPTIONS)
    assert "with the key" in message or "bytes of memory" in message
    assert time.process_time() - start < 2


def test_the_caller_may_allow_less() -> None:
    data = hand.pickled(hand.text("x" * 1000))
    assert load(data, "x", largest=5000) == "x" * 1000
    assert "more than 900 bytes of memory" in refused(data, largest=900)


# --- what is damaged ------------------------------------------------------------------------------

SOME = {"a": [1, -2, 2**70, 1.5, None, True], "ä": (b"\xff", {3}), "b": OrderedDict(c="d")}
WHOLE = {
    "python 2, protocol 0": PYTHON_2_PROTOCOL_0,
    "python 2, protocol 2": PYTHON_2_PROTOCOL_2,
    "arrays": hand.pickled(hand.value({"data": np.arange(4, dtype="f4"), "labels": [1, 2]})),
    **{f"protocol {p}": pickle.dumps([SOME, ARRAYS["rows"]], p) for p in range(6)},
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_pickle_cut_short_anywhere_is_refused(name: str) -> None:
    whole = WHOLE[name]
    load(whole, "x", inert=OPTIONS)
    for length in range(len(whole)):
        message = refused(whole[:length], inert=OPTIONS)
        assert "byte" in message
    assert "1 bytes follow" in refused(whole + b"x", inert=OPTIONS)


DAMAGED = [
    *(bytes([code]) for code in b"aesu012tldRbo\x93\x81\x92\xff"),
    b"",
    b"h\x00",
    b"g1\n",
    b"gx\n",
    b"Ix\n",
    b"F1.\x00\n",
    b"L1_0\n",
    b"Sabc\n",
    b"S'\\q'\n",
    b"S'\\'\n",
    b"S'\n",
    b"V\\ud800\n",
    b"V\\U00999999\n",
    b"X\x01\x00\x00\x00\xff",
    b"X\x03\x00\x00\x00\xed\xa0\x80",
    b"NNa",
    b"NNNs",
    b"}(Nu",
    b"(N0",
    b"(]b",
    b"\x80\x06N",
    b"(i",
]


@pytest.mark.parametrize("content", DAMAGED)
def test_damaged_pickles_say_where(content: bytes) -> None:
    assert "byte" in refused(content)
    refused(hand.pickled(content))


SEEDS = list(WHOLE.values()) + [hand.pickled(content) for content in attacks(Path("/x")).values()]


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_changed_pickles_are_read_or_refused(data: st.DataObject) -> None:
    changed = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                changed[place] = data.draw(st.integers(0, 255))
            case 1:
                changed.insert(place, data.draw(st.integers(0, 255)))
            case 2 if len(changed) > 1:
                del changed[place]
            case _:
                other = data.draw(st.sampled_from(SEEDS))
                changed[place:place] = other[place : place + data.draw(st.integers(1, 30))]
    try:
        load(bytes(changed), "x", inert=OPTIONS)
    except FormatError as error:
        assert "\n" not in str(error)


OPCODES = [bytes([code]) for code in ACTIONS] + [b"\n", b"\x00", b"\x01", b"0"]


@given(st.lists(st.sampled_from(OPCODES), max_size=40))
@settings(max_examples=400, deadline=None)
def test_any_opcodes_are_read_or_refused(codes: list[bytes]) -> None:
    try:
        load(b"".join(codes) + b".", "x", inert=OPTIONS)
    except FormatError as error:
        assert "\n" not in str(error)
