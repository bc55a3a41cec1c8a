"""The response norm's kernels against numpy_net, on every processor that this one can play, and
what torch knows of the operator around them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from alexnet.network.layers import CrossMapNorm
from alexnet.numpy_net import norms
from alexnet.torch_net import response_norm, response_norm_plain
from alexnet.torch_net.kernels import library as libraries
from alexnet.torch_net.kernels import response_norm as in_c
from alexnet.torch_net.kernels.library import Library, Processor
from alexnet.torch_net.response_norm import CrossMapNormModule, cross_map_norm
from alexnet.torch_net.response_norm_formula import formula_of

FORMATS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}
SHOULD_DIFFER_BY = {torch.float32: 1e-6, torch.float64: 1e-12, torch.bfloat16: 1e-2}

PAPER = CrossMapNorm(
    name="n", reads=("x",), size=5, alpha=0.7, alpha_divided=True, beta=0.75, k=2.0
)
OTHERS = {
    "even, roots": {"size": 4, "beta": 0.5},
    "any power": {"size": 3, "beta": 0.6, "k": 1.0},
    "groups": {"groups": 2},
    "blocks in groups": {"groups": 2, "blocked": True},
    "beyond the maps": {"size": 99},
    "one map": {"size": 1},
}


def other(**fields: Any) -> CrossMapNorm:
    numbers = {"size": 5, "alpha": 0.7, "alpha_divided": True, "beta": 0.75, "k": 2.0} | fields
    return CrossMapNorm(name="n", reads=("x",), **numbers)


@pytest.fixture(scope="module")
def built() -> Library:
    found = libraries.library()
    if found is None:
        pytest.skip("needs the kernels in C, which python setup.py build_ext --inplace builds")
    return found


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def pair(shape: tuple[int, ...], dtype: torch.dtype, memory_format: Any) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    x, gradient = (
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for _ in range(2)
    )
    return (3 * x).contiguous(memory_format=memory_format), gradient.contiguous(
        memory_format=memory_format
    )


def oracle(layer: CrossMapNorm, x: Tensor, gradient: Tensor) -> tuple[np.ndarray, np.ndarray]:
    pictures, arriving = x.detach().double().numpy(), gradient.double().numpy()
    return norms.normalised(layer, pictures), norms.normalised_backward(layer, pictures, arriving)


def close(found: Tensor, expected: np.ndarray, allowed: float) -> None:
    difference = np.abs(found.detach().double().numpy() - expected).max()
    assert difference <= allowed * np.abs(expected).max()


@pytest.mark.parametrize("processor", Processor)
@pytest.mark.parametrize("dtype", SHOULD_DIFFER_BY, ids=str)
@pytest.mark.parametrize("memory_format", FORMATS.values(), ids=FORMATS)
def test_every_processor_gives_the_oracles_values(
    built: Library, processor: Processor, dtype: torch.dtype, memory_format: Any
) -> None:
    if processor > built.processor:
        pytest.skip(f"this processor has no {processor.name}")
    for layer, maps in product([PAPER, *(other(**each) for each in OTHERS.values())], (6, 16, 34)):
        x, gradient = pair((2, maps, 5, 7), dtype, memory_format)
        y, of_x = oracle(layer, x, gradient)
        formula, allowed = formula_of(layer), SHOULD_DIFFER_BY[dtype]
        close(in_c.normalise(built, x, formula, processor=processor), y, allowed)
        found = in_c.normalise(built, x, formula, gradient=gradient, processor=processor)
        close(found, of_x, allowed)
        assert found.stride() == x.stride()
        assert found.dtype == dtype


@pytest.mark.parametrize("shape", [(2, 96, 40, 41), (1, 700, 3, 19), (3, 5000, 1, 1), (5, 1, 2, 3)])
@pytest.mark.parametrize("memory_format", FORMATS.values(), ids=FORMATS)
@pytest.mark.usefixtures("threads")
def test_every_way_of_cutting_up_gives_the_same(
    built: Library, shape: tuple[int, ...], memory_format: Any
) -> None:
    x, gradient = pair(shape, torch.float32, memory_format)
    y, of_x = oracle(PAPER, x, gradient)
    for threads in (1, 3):
        torch.set_num_threads(threads)
        close(in_c.normalise(built, x, formula_of(PAPER)), y, 1e-6)
        close(in_c.normalise(built, x, formula_of(PAPER), gradient=gradient), of_x, 1e-6)


@pytest.mark.parametrize("value", [0.0, 1e-30, 1e30, float("inf"), float("nan")])
@pytest.mark.parametrize("k", [0.0, 2.0])
def test_extremes_are_what_torch_operations_make_of_them(
    built: Library, value: float, k: float
) -> None:
    formula, x = formula_of(other(k=k)), torch.full((1, 16, 2, 2), value)
    for processor in Processor:
        if processor <= built.processor:
            found = in_c.normalise(built, x, formula, processor=processor)
            expected = response_norm_plain.normalise(x, formula)
            assert torch.allclose(found, expected, rtol=1e-6, equal_nan=True), processor


@pytest.mark.parametrize("memory_format", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("without", [False, True], ids=["in C", "in torch operations"])
def test_gradients(monkeypatch: pytest.MonkeyPatch, memory_format: Any, without: bool) -> None:
    if without:
        monkeypatch.setattr(response_norm, "library", lambda: None)
    x, _ = pair((2, 6, 2, 3), torch.float64, memory_format)
    for layer in (PAPER, other(**OTHERS["blocks in groups"]), other(**OTHERS["any power"])):
        f = formula_of(layer)

        def norm(x: Tensor, f: Any = f) -> Tensor:
            return cross_map_norm(x, f.size, f.scale, f.beta, f.k, f.groups, f.blocked)

        assert torch.autograd.gradcheck(norm, x.clone().requires_grad_())


@pytest.mark.parametrize("dtype", SHOULD_DIFFER_BY, ids=str)
@pytest.mark.parametrize("memory_format", FORMATS.values(), ids=FORMATS)
def test_torch_operations_give_the_oracles_values(dtype: torch.dtype, memory_format: Any) -> None:
    for layer in (PAPER, *(other(**each) for each in OTHERS.values())):
        x, gradient = pair((2, 12, 5, 7), dtype, memory_format)
        y, of_x = oracle(layer, x, gradient)
        formula, allowed = formula_of(layer), SHOULD_DIFFER_BY[dtype]
        close(response_norm_plain.normalise(x, formula), y, allowed)
        close(response_norm_plain.gradient_of(x, gradient, formula), of_x, allowed)


def test_torch_knows_the_operator() -> None:
    numbers = (5, 0.1, 0.75, 2.0, 2, False)
    for memory_format in FORMATS.values():
        x, _ = pair((2, 6, 3, 4), torch.float32, memory_format)
        torch.library.opcheck(cross_map_norm, (x.requires_grad_(), *numbers))


def test_compiles_and_exports_as_one_operator() -> None:
    module = CrossMapNormModule(PAPER)
    x, gradient = pair((2, 8, 3, 4), torch.float32, torch.channels_last)
    x.requires_grad_()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    y, expected = compiled(x), module(x)
    assert torch.equal(y, expected)
    assert y.stride() == expected.stride()
    assert torch.equal(*(torch.autograd.grad(each, x, gradient)[0] for each in (y, expected)))
    exported = torch.export.export(module, (x.detach(),))
    assert "alexnet.cross_map_norm" in str(exported.graph)
    assert torch.equal(exported.module()(x), expected)


def test_keeps_its_dtype_under_autocast_and_works_in_inference_mode() -> None:
    module = CrossMapNormModule(PAPER)
    for dtype in (torch.float32, torch.bfloat16):
        x, _ = pair((2, 8, 3, 4), dtype, torch.channels_last)
        expected = module(x)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(module(x), expected)
        with torch.inference_mode():
            assert torch.equal(module(x), expected)


def test_takes_tensors_of_any_strides() -> None:
    module = CrossMapNormModule(PAPER)
    x, gradient = pair((4, 8, 6, 7), torch.float32, torch.contiguous_format)
    strided = x[::2, :, ::2].transpose(2, 3).requires_grad_()
    dense = strided.detach().contiguous().requires_grad_()
    arriving = gradient[::2, :, ::2].transpose(2, 3)
    found, expected = module(strided), module(dense)
    assert torch.allclose(found, expected)
    gradients = [torch.autograd.grad(found, strided, arriving)[0]]
    gradients += [torch.autograd.grad(expected, dense, arriving.contiguous())[0]]
    assert torch.allclose(*gradients)
    summed = module(dense).sum()  # its gradient is one number seen everywhere
    assert torch.autograd.grad(summed, dense)[0].shape == dense.shape
    assert module(x[:0]).shape == (0, 8, 6, 7)


def test_only_the_input_is_kept_for_the_backward_pass() -> None:
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    x, _ = pair((2, 8, 3, 4), torch.float32, torch.channels_last)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        CrossMapNormModule(PAPER)(x.requires_grad_())
    assert [each.data_ptr() for each in kept] == [x.data_ptr()]


def test_refuses_a_second_derivative() -> None:
    x, _ = pair((1, 6, 2, 2), torch.float64, torch.contiguous_format)
    y = CrossMapNormModule(PAPER)(x.requires_grad_())
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="a gradient, but that has none of its own"):
        first.sum().backward()


def test_a_missing_library_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(libraries, "PLACE", tmp_path / "none.so")
    x, _ = pair((2, 8, 3, 4), torch.float32, torch.channels_last)
    expected = CrossMapNormModule(PAPER)(x)
    libraries.library.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert torch.allclose(CrossMapNormModule(PAPER)(x), expected, rtol=1e-6)
    finally:
        libraries.library.cache_clear()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "no kernels in C" in caplog.text


def test_a_foreign_library_is_no_library(tmp_path: Path) -> None:
    (tmp_path / "foreign.so").write_bytes(b"of another machine")
    assert libraries.load(tmp_path / "foreign.so") is None
