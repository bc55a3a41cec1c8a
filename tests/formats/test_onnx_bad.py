"""Models that are cut short, lie about their sizes, point outside of their folder or are no models:
one sentence each, little memory, and never another error.
"""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from alexnet.formats import FormatError
from alexnet.formats.onnx import describe, read, recognise, write, write_model
from formats.onnx_made import drawn, laid, model_of, node, random
from reduced import reduced

SMALL = {"filters": 4, "outputs": 4}


def own(folder: Path, name: str = "tiny") -> Path:
    path = folder / "own.onnx"
    write(drawn(reduced(name, **SMALL)), path)
    return path


def loaded(path: Path) -> onnx.ModelProto:
    return onnx.load(str(path), load_external_data=False)


def stripped(path: Path) -> onnx.ModelProto:
    found = loaded(path)
    del found.metadata_props[:]
    return found


def refused(path: Path) -> str:
    """The one sentence that a file gets, in little time and memory."""
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(FormatError) as raised:
        read(path)
    spent, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    said = str(raised.value)
    assert said.startswith(f"{path}: ") and "\n" not in said and len(said) < 700
    assert spent < 1 and peak < 64 * 2**20
    return said.removeprefix(f"{path}: ")


def survived(path: Path) -> bool:
    """Whether a file that was changed is still read; if not, it is refused as it should be."""
    try:
        read(path)
    except FormatError as error:
        said = str(error)
        assert said.startswith(str(path)) and "\n" not in said and len(said) < 900
        return False
    return True


# --- changed at random ----------------------------------------------------------------------------

Change = Callable[[np.random.Generator, bytearray], bytearray]


def flipped(draw: np.random.Generator, content: bytearray) -> bytearray:
    for place in draw.integers(len(content), size=draw.integers(1, 4)):
        content[place] ^= 1 << int(draw.integers(8))
    return content


def lost(draw: np.random.Generator, content: bytearray) -> bytearray:
    place = int(draw.integers(len(content)))
    del content[place : place + int(draw.integers(1, 30))]
    return content


def doubled(draw: np.random.Generator, content: bytearray) -> bytearray:
    to, place = (int(n) for n in draw.integers(len(content), size=2))
    content[to:to] = content[place : place + int(draw.integers(1, 40))]
    return content


def enlarged(draw: np.random.Generator, content: bytearray) -> bytearray:
    """A number of up to 63 bits over what stood there."""
    place, size = int(draw.integers(len(content))), int(draw.integers(1, 9))
    content[place : place + size + 1] = b"\xff" * size + b"\x01"
    return content


CHANGES: tuple[Change, ...] = (flipped, lost, doubled, enlarged)


def bases(folder: Path) -> list[bytes]:
    """Ours with and without metadata, one with two Gathers and an Einsum, one of constants that no
    file holds, and one with weights beside it.
    """
    found = [own(folder).read_bytes(), stripped(own(folder)).SerializeToString()]
    found.append(stripped(own(folder, "13pct")).SerializeToString())
    light = Path(onnx.__file__).parent / "backend/test/data/light/light_bvlc_alexnet.onnx"
    found.append(light.read_bytes())
    write_model(drawn(reduced("tiny", **SMALL)), folder / "out.onnx", external_data=True)
    found.append(stripped(folder / "out.onnx").SerializeToString())
    return found


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_files_changed_at_random_are_read_or_refused(change: Change, tmp_path: Path) -> None:
    draw, path, read_again = np.random.default_rng(7), tmp_path / "model.onnx", 0
    for content in bases(tmp_path):
        assert survived(laid_bytes(path, content))
        for _ in range(20):
            changed = change(draw, bytearray(content))
            read_again += survived(laid_bytes(path, bytes(changed)))
    assert read_again < 80  # a changed weight is only another weight


EXTREMES = (-(2**63), -(2**31), -1, 0, 1, 3, 7, 1000, 2**20, 2**31, 2**40 - 1, 2**62, 2**63 - 1)
OPERATORS = (
    "Add", "Mul", "Sub", "Div", "MatMul", "Gemm", "Conv", "Concat", "Sum", "Max", "Flatten",
    "Reshape", "Transpose", "Pad", "Slice", "Split", "Gather", "Squeeze", "Unsqueeze", "Shape",
    "Cast", "Pow", "Clip", "BatchNormalization", "ReduceMean", "ConstantOfShape", "Identity", "If",
    "Where", "Einsum", "LRN", "Softmax", "Dropout", "AveragePool",
)  # fmt: skip


def confused(draw: np.random.Generator, found: onnx.ModelProto) -> None:
    """One thing of the graph is another: a number, an operator, an input, a shape."""
    graph, value = found.graph, int(EXTREMES[draw.integers(len(EXTREMES))])
    each = graph.node[int(draw.integers(len(graph.node)))]
    kind = draw.integers(5)
    names = [name for node_ in graph.node for name in node_.output] + ["", "x"]
    if kind == 0 and each.attribute:
        attribute = each.attribute[int(draw.integers(len(each.attribute)))]
        if attribute.ints:
            attribute.ints[int(draw.integers(len(attribute.ints)))] = value
        else:
            attribute.i = value
    elif kind == 1:
        each.op_type = OPERATORS[draw.integers(len(OPERATORS))]
    elif kind == 2 and each.input:
        each.input[int(draw.integers(len(each.input)))] = names[draw.integers(len(names))]
    elif kind == 3:
        sides = graph.input[0].type.tensor_type.shape.dim
        sides[int(draw.integers(len(sides)))].dim_value = value
    else:
        whole = [t for t in graph.initializer if t.data_type == 7 and len(t.dims) == 1]
        if whole:
            tensor = whole[int(draw.integers(len(whole)))]
            array = numpy_helper.to_array(tensor).copy()
            array[int(draw.integers(array.size))] = value
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def test_graphs_that_are_confused_are_read_or_refused(tmp_path: Path) -> None:
    draw, path = np.random.default_rng(8), tmp_path / "model.onnx"
    for content in bases(tmp_path)[1:]:
        for _ in range(40):
            found = onnx.ModelProto.FromString(content)
            for _ in range(draw.integers(1, 4)):
                confused(draw, found)
            survived(laid_bytes(path, found.SerializeToString()))


def laid_bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_every_truncated_file_is_refused(tmp_path: Path) -> None:
    whole = own(tmp_path).read_bytes()
    for fiftieth in range(50):
        refused(laid_bytes(tmp_path / "cut.onnx", whole[: len(whole) * fiftieth // 50]))
    said = refused(laid_bytes(tmp_path / "cut.onnx", whole[:-1]))
    assert said.startswith("is no whole ONNX model, at byte ") and said.endswith(
        "it may be cut short"
    )


# --- sizes that lie -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dims", "said"),
    [
        ([2**40], "its dims [1099511627776] of float32 need 4,398,046,511,104"),
        ([2**31, 2**31, 2**31], "need"),
        ([-1], "has dims [-1], which are no shape"),
        ([1] * 40, "which are no shape"),
    ],
)
def test_tensors_that_claim_more_than_there_is_are_refused(
    dims: list[int], said: str, tmp_path: Path
) -> None:
    found = loaded(own(tmp_path))
    tensor = next(t for t in found.graph.initializer if len(t.raw_data) >= 1024)
    tensor.dims[:] = dims
    assert said in refused(laid(tmp_path, found))
    small = next(t for t in found.graph.initializer if 0 < len(t.raw_data) < 1024)
    small.dims[:] = dims
    assert "tensor '" in refused(laid(tmp_path, found))


def test_a_field_of_terabytes_is_refused(tmp_path: Path) -> None:
    content = b"\x08\x08\x3a\xff\xff\xff\xff\xff\x3f" + b"\x0a" * 50
    said = refused(laid_bytes(tmp_path / "a.onnx", content))
    assert "a field of 2,199,023,255,551 bytes where 50 are" in said


def test_constants_that_no_file_holds_stay_small(tmp_path: Path) -> None:
    def made(*sides: int, norm: bool = False) -> Path:
        nodes = [node("ConstantOfShape", "sides", "w"), node("Conv", "x w", "y")]
        if norm:
            nodes.append(node("BatchNormalization", "y a a b a", "z"))
        constants = {"sides": np.array(sides), "a": np.full(sides[0], 2, np.float32)}
        constants["b"] = random(sides[0])
        shape = ("N", 3, 2000, 2000) if sides[2] > 12 else ("N", 3, 12, 12)
        return laid(tmp_path, model_of(nodes, constants, shape=shape))

    assert "makes a tensor of shape (1024, 1048576, 1024, 1024)" in refused(
        made(1024, 2**20, 1024, 1024)
    )
    assert "makes a tensor of shape (16, 3, -5, 5)" in refused(made(16, 3, -5, 5))
    tracemalloc.start()
    found = read(made(64, 3, 1000, 1000))  # 768 MB, were they laid out
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
    assert found.arrays["y.weight"].shape == (64, 3, 1000, 1000)
    spread = made(128, 3, 1000, 1000, norm=True)
    read(spread)  # scaled alike, one number is one number still
    model = loaded(spread)
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.abs(random(128)) + 1, "a"))
    said = refused(laid(tmp_path, model))
    assert "makes 384,000,000 different numbers of one; 268,435,456 bytes are the most" in said


def test_more_graph_than_any_network_needs_is_refused(tmp_path: Path) -> None:
    found = model_of([node("Relu", "x", "y")])
    found.doc_string = "a" * (9 * 2**20)
    assert "takes more than 8,388,608 bytes beside its weights" in refused(laid(tmp_path, found))
    names = ["x", *(f"n{i}" for i in range(2001))]
    nodes = [node("Relu", a, b) for a, b in zip(names, names[1:], strict=False)]
    assert "is one layer more than 2,000" in refused(laid(tmp_path, model_of(nodes)))


# --- weights beside -------------------------------------------------------------------------------


def outside(folder: Path, location: str, **more: str) -> Path:
    """A model in a folder of its own, whose weights are said to lie there."""
    (folder / "in").mkdir(exist_ok=True)
    found = model_of([node("Conv", "x w", "y")], {"w": random(4, 3, 3, 3)})
    tensor = found.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=value)
    return laid(folder / "in", found)


def test_weights_beside_are_read_where_they_are_said_to_lie(tmp_path: Path) -> None:
    path = outside(tmp_path, "sub/w.bin", offset="16", length="432")
    (tmp_path / "in" / "sub").mkdir()
    (tmp_path / "in" / "sub" / "w.bin").write_bytes(bytes(16) + random(4, 3, 3, 3).tobytes())
    (array,) = read(path).arrays.values()
    np.testing.assert_array_equal(array, random(4, 3, 3, 3))


@pytest.mark.parametrize(
    "location",
    ["../w.bin", "/etc/passwd", "sub/../../w.bin", "..\\w.bin", "link.bin", "", "nothing", "a\0b",
     "w" * 5000, "."],
)  # fmt: skip
def test_weights_outside_of_the_folder_are_not_read(location: str, tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(random(4, 3, 3, 3).tobytes())
    path = outside(tmp_path, location)
    (tmp_path / "in" / "link.bin").symlink_to(tmp_path / "w.bin")
    (tmp_path / "in" / "..\\w.bin").write_bytes(random(4, 3, 3, 3).tobytes())
    said = refused(path)
    assert said.startswith("tensor 'w' has its numbers in ")
    assert "own folder" in said or "says no place in it" in said


@pytest.mark.parametrize(
    "more",
    [
        {"offset": "-1"},
        {"offset": "9999"},
        {"length": "9999"},
        {"length": "4"},
        {"offset": "1"},
        {"offset": "x"},
        {"length": "x"},
        {"offset": str(2**80)},
    ],
)
def test_places_beyond_the_file_are_refused(more: dict[str, str], tmp_path: Path) -> None:
    path = outside(tmp_path, "w.bin", **more)
    (tmp_path / "in" / "w.bin").write_bytes(random(4, 3, 3, 3).tobytes())
    assert refused(path).startswith("tensor 'w' ")


def naming_often(folder: Path, *, shift: int = 0, own_form: bool = False) -> Path:
    """Forty layers of 16 MiB, all of one place in a file of 17."""
    side, nodes, constants = 2048, [node("GlobalAveragePool", "x", "p")], dict[str, np.ndarray]()
    nodes.append(node("Flatten", "p", "v0"))
    constants["scale"] = np.float32([2])
    for i in range(40):
        nodes.append(node("MatMul", f"v{i} w{i}", f"v{i + 1}"))
        if own_form:
            constants[f"b{i}"] = np.full(side, 1 + i, np.float32)
            nodes[-1] = node("MatMul", f"v{i} w{i}", f"m{i}")
            nodes.append(node("BatchNormalization", f"m{i} b{i} zeros zeros ones", f"v{i + 1}"))
    constants |= {"zeros": np.zeros(side, np.float32), "ones": np.ones(side, np.float32)}
    found = model_of(nodes, constants, shape=("N", 3, 2, 2))
    first = numpy_helper.from_array(random(3, side), "w0")
    found.graph.initializer.append(first)
    for i in range(1, 40):
        tensor = onnx.TensorProto(name=f"w{i}", dims=[side, side], data_type=1, data_location=1)
        for key, value in {"location": "w.bin", "offset": i * shift, "length": 4 * side**2}.items():
            tensor.external_data.add(key=key, value=str(value))
        found.graph.initializer.append(tensor)
    with (folder / "w.bin").open("wb") as file:
        file.truncate(17 * 2**20)
    return laid(folder, found)


def test_one_place_that_many_tensors_name_is_loaded_once(tmp_path: Path) -> None:
    path = naming_often(tmp_path)
    tracemalloc.start()
    found = read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.arrays) == 40 and peak < 2**26
    assert any(note.startswith("38 arrays are those of other layers too") for note in found.notes)


def test_one_place_that_many_constants_name_is_compared_once(tmp_path: Path) -> None:
    """Of a model that says it is ours, whose own constants are compared before it is believed."""
    path = naming_often(tmp_path)
    found = loaded(path)
    for tensor in found.graph.initializer[-38:]:
        tensor.name += ":fixed"
    for each in found.graph.node:
        each.input[:] = [f"{x}:fixed" if x.startswith("w") and x not in ("w0", "w1") else x
                         for x in each.input]  # fmt: skip
    helper.set_model_props(found, {"alexnet.format": "alexnet-onnx/1", "alexnet.graph": ""})
    tracemalloc.start()
    began = time.process_time()
    assert "the graph is not the one" in read(laid(tmp_path, found)).notes[0]
    spent, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**26 and spent < 1


def test_places_that_overlap_are_refused(tmp_path: Path) -> None:
    said = refused(naming_often(tmp_path, shift=4))
    assert said == "has tensors that overlap in w.bin, at byte 8; they must be apart, or the same"


def test_one_place_in_many_forms_is_refused(tmp_path: Path) -> None:
    said = refused(naming_often(tmp_path, own_form=True))
    assert "bytes of weights out of" in said and "the same ones in many forms" in said


def test_weights_that_were_cut_short_meanwhile_are_refused(tmp_path: Path) -> None:
    write_model(drawn(reduced("tiny")), tmp_path / "a.onnx", external_data=True)
    data = tmp_path / "a.onnx.data"
    os.truncate(data, data.stat().st_size - 4)
    assert refused(tmp_path / "a.onnx").startswith("tensor '")
    data.unlink()
    assert "it must be a file in the model's own folder, and it must be there" in refused(
        tmp_path / "a.onnx"
    )


# --- no models ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\x08\x08", "is no ONNX model; it has no graph"),
        (b"PK\x03\x04" + bytes(60), "is no"),
        (b"\x80\x02}q\x00.", "is no"),
        (b"{'a': 1}", "is no"),
        (b"\xff" * 100, "is no"),
        (bytes(100), "is no"),
    ],
)
def test_what_is_no_model_is_said(content: bytes, said: str, tmp_path: Path) -> None:
    assert said in refused(laid_bytes(tmp_path / "a.onnx", content))


def test_folders_and_missing_files_are_said(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.onnx"):
        with pytest.raises(FormatError, match="cannot be read"):
            describe(path)


def test_graphs_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    relu = node("Relu", "x", "y")
    cases = {
        "node 'y' (Relu) reads 'z', which nothing before it makes": [
            node("Relu", "z", "y"),
            node("Relu", "x", "z"),
        ],
        "'y' is made twice, again by node 'y' (Abs)": [relu, node("Abs", "x", "y")],
    }
    for said, nodes in cases.items():
        assert said in refused(laid(tmp_path, model_of(nodes)))
    assert "its graph's output 'q' is made by no node" in refused(
        laid(tmp_path, model_of([relu], outputs=["q"]))
    )
    found = model_of([relu])
    del found.graph.output[:]
    assert "its graph has no output" in refused(laid(tmp_path, found))
    branch = helper.make_graph([node("Erf", "x", "q")], "g", [], [])
    condition = {"c": np.array(True)}
    nodes = [node("If", "c", "y", then_branch=branch, else_branch=branch)]
    assert "node 'y' (If) has graphs of its own" in refused(
        laid(tmp_path, model_of(nodes, condition))
    )


def test_metadata_of_ours_that_is_damaged_is_refused(tmp_path: Path) -> None:
    whole = loaded(own(tmp_path))
    for key, value, said in (
        ("alexnet.network", "{", "network"),
        ("alexnet.network", "[" * 100_000, "network"),
        ("alexnet.network", "[" * (2**21 + 1), "its network takes 2,097,153 characters"),
        ("alexnet.contract", "{", "contract in its metadata is not JSON"),
        ("alexnet.contract", '{"channel_order": "RGB"}', "contract"),
        ("alexnet.classes", '["a", 3]', "classes"),
        ("alexnet.notes", None, "its metadata lacks 'alexnet.notes'"),
    ):
        found = onnx.ModelProto.FromString(whole.SerializeToString())
        said_now = {entry.key: entry.value for entry in found.metadata_props if entry.key != key}
        del found.metadata_props[:]
        helper.set_model_props(found, said_now | ({} if value is None else {key: value}))
        assert said in refused(laid(tmp_path, found))
    found = onnx.ModelProto.FromString(whole.SerializeToString())
    del found.graph.initializer[0]
    refused(laid(tmp_path, found))
    found = onnx.ModelProto.FromString(whole.SerializeToString())
    learned = next(t for t in found.graph.initializer if t.name.endswith(".bias"))
    learned.dims[:] = [1, *learned.dims]
    assert "it must be" in refused(laid(tmp_path, found))


def test_only_models_are_recognised(tmp_path: Path) -> None:
    head = own(tmp_path).read_bytes()[:4096]
    assert recognise(head, "a") and recognise(b"", "a.onnx")
    assert not recognise(b"PK\x03\x04", "a.pth") and not recognise(head[:4], "a.bin")
