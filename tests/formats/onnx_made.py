"""What the tests of ONNX share: checkpoints with drawn weights, onnxruntime as the other side, and
foreign models put together node by node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from alexnet.formats import Checkpoint
from alexnet.network.contract import CHANNELS, InputContract
from alexnet.network.spec import Network
from alexnet.numpy_net.run import forward, initial_arrays

OPSET = 17
Arrays = Mapping[str, np.ndarray]


def drawn(network: Network, seed: int = 0, **contract: object) -> Checkpoint:
    """A checkpoint whose every array is random, biases too, so that no place is like another."""
    random = np.random.default_rng(seed)
    arrays = {
        name: (array if array.any() else random.normal(0, 0.1, array.shape)).astype(np.float32)
        for name, array in initial_arrays(network, seed).items()
    }
    order = next(o for o, n in CHANNELS.items() if n == network.picture.shape[0])
    said = InputContract(**{"channel_order": order, "pixel_maximum": 255.0, **contract})
    image = None
    if said.mean_image:
        channels, height, width = network.picture.shape
        image = random.uniform(0, 255, (channels, height + 2, width + 2)).astype(np.float32)
    return Checkpoint(network=network, arrays=arrays, contract=said, mean_image=image)


def pictures(network: Network, count: int = 2, seed: int = 0, *, upto: float = 255) -> np.ndarray:
    shape = (count, *network.picture.shape)
    return np.random.default_rng(seed).uniform(0, upto, shape).astype(np.float32)


def ours(checkpoint: Checkpoint, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Every layer's output, by the NumPy net."""
    arrays = {name: array.astype(np.float64) for name, array in checkpoint.arrays.items()}
    return forward(checkpoint.network, arrays, {checkpoint.network.picture.name: inputs})


def our_output(checkpoint: Checkpoint, inputs: np.ndarray) -> np.ndarray:
    return ours(checkpoint, inputs)[checkpoint.network.outputs.name]


def session(model: onnx.ModelProto | Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    content = str(model) if isinstance(model, Path) else model.SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def theirs(model: onnx.ModelProto | Path, *inputs: np.ndarray) -> dict[str, np.ndarray]:
    """The model's outputs by name, by onnxruntime."""
    machine = session(model)
    names = [each.name for each in machine.get_inputs()]
    outputs = [each.name for each in machine.get_outputs()]
    found = machine.run(outputs, dict(zip(names, inputs, strict=True)))
    return {name: np.asarray(array) for name, array in zip(outputs, found, strict=True)}


def close(found: np.ndarray, expected: np.ndarray, tolerance: float = 1e-4) -> None:
    """Equal but for rounding: the largest difference against the largest value."""
    found, expected = found.reshape(-1), expected.reshape(-1)
    assert found.shape == expected.shape
    assert np.isfinite(expected).all() and np.isfinite(found).all()
    largest = np.abs(expected).max()
    assert np.abs(found - expected).max() <= tolerance * max(largest, 1e-30)


# --- models put together --------------------------------------------------------------------------


def node(operator: str, inputs: str, output: str, **attributes: object) -> onnx.NodeProto:
    """`inputs` by their names between spaces; '-' is one left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(operator, names, output.split(), name=output.split()[0], **attributes)


def model_of(
    nodes: Sequence[onnx.NodeProto],
    constants: Arrays | None = None,
    *,
    shape: Sequence[int | str] = ("N", 3, 12, 12),
    opset: int = OPSET,
    kind: int = onnx.TensorProto.FLOAT,
    outputs: Sequence[str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """A model that takes 'x'; its output is that of the last node."""
    last = outputs or [nodes[-1].output[0]]
    graph = helper.make_graph(
        list(nodes),
        "by hand",
        [helper.make_tensor_value_info("x", kind, list(shape))],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in last],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    helper.set_model_props(made, dict(metadata or {}))
    return made


def laid(folder: Path, model: onnx.ModelProto) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def random(*shape: int, seed: int = 0, spread: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, spread, shape).astype(np.float32)
