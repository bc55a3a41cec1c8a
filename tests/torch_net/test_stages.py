"""Relu, norm and pooling run as one give what they give one by one: activations and gradients."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from alexnet.network.catalog import get_network
from alexnet.network.edit import with_loss
from alexnet.torch_net import build, stages
from alexnet.torch_net.kernels.library import Processor, library
from alexnet.torch_net.kernels.stage import Windows, run_stage
from alexnet.torch_net.response_norm_formula import Formula
from reduced import reduced

KERNELS = library()
needs_kernels = pytest.mark.skipif(KERNELS is None, reason="the kernels in C were not built")


@dataclass(frozen=True)
class Case:
    channels: int
    side: int
    formula: Formula | None
    windows: Windows
    rectified: bool = True


def windows(size: int, stride: int, before: int, side: int, *, every: bool) -> Windows:
    """As many as begin inside the picture, so that the last may overhang."""
    count = -(-(side + before) // stride)
    return Windows((count, count), size, stride, (before, before), every)


PAPER = Formula(5, 0.02, 0.75, 2.0)
CASES = {
    "paper": Case(48, 13, PAPER, windows(3, 2, 0, 13, every=False)),
    "2012": Case(48, 13, PAPER, windows(3, 2, 0, 13, every=True)),
    "two groups": Case(
        20, 7, Formula(5, 0.02, 0.75, 2.0, groups=2), windows(3, 2, 1, 7, every=True)
    ),
    "few maps": Case(3, 6, Formula(9, 0.1, 0.5, 1.0), windows(2, 2, 0, 6, every=True)),
    "even norm": Case(17, 5, Formula(4, 0.1, 0.6, 1.0), windows(3, 1, 1, 5, every=False)),
    "no norm": Case(33, 9, None, windows(3, 2, 0, 9, every=True)),
    "no relu": Case(16, 9, PAPER, windows(3, 3, 0, 9, every=True), rectified=False),
    "pool alone": Case(5, 8, None, windows(3, 2, 0, 8, every=False), rectified=False),
    "gaps": Case(8, 11, PAPER, windows(2, 4, 0, 11, every=True)),
    "first pixels unread": Case(8, 11, PAPER, windows(3, 2, -2, 11, every=True)),
}


def one_by_one(x: Tensor, case: Case) -> Tensor:
    """Written out with torch: windows laid by hand, gradients to all maxima by amax, whose gradient
    torch shares out evenly, so that it is multiplied by their number."""
    y = functional.relu(x) if case.rectified else x
    if case.formula is not None:
        f = case.formula
        sets = y.unflatten(1, (f.groups, -1))
        padded = functional.pad(sets.square(), (0, 0, 0, 0, f.before, f.after))
        y = (sets * (f.k + f.scale * padded.unfold(2, f.size, 1).sum(-1)) ** -f.beta).flatten(1, 2)
    w = case.windows
    rows, columns = w.outputs
    pooled = [
        largest(
            y[:, :, span(r, w, 0, x.shape[2]), span(c, w, 1, x.shape[3])], every=w.every_maximum
        )
        for r, c in itertools.product(range(rows), range(columns))
    ]
    return torch.stack(pooled, -1).unflatten(-1, (rows, columns))


def span(index: int, w: Windows, axis: int, pixels: int) -> slice:
    first = index * w.stride - w.before[axis]
    return slice(max(first, 0), min(first + w.size, pixels))


def largest(window: Tensor, *, every: bool) -> Tensor:
    flat = window.flatten(2)
    if not every:
        places = flat.detach().argmax(2, keepdim=True)
        return flat.gather(2, places)[..., 0]
    found = flat.amax(2)
    ties = (flat.detach() == found.detach()[..., None]).sum(2)
    return found.detach() + (found - found.detach()) * ties


def both(case: Case, dtype: torch.dtype, processor: Processor, *, coarse: bool) -> list[float]:
    """The largest differences of maps and gradients, each over the largest number."""
    assert KERNELS is not None
    draws = torch.Generator().manual_seed(3)
    shape = (2, case.channels, case.side, case.side)
    x = torch.randn(shape, generator=draws).mul(2)
    x = (x.round() if coarse else x).to(dtype).to(memory_format=torch.channels_last)
    exact = x.double().requires_grad_()
    expected = one_by_one(exact, case)
    gradient = torch.randn(expected.shape, generator=draws).to(dtype)
    gradient = gradient.to(memory_format=torch.channels_last)
    expected.backward(gradient.double())
    assert exact.grad is not None
    found = [
        run_stage(
            *(KERNELS, x, case.formula, case.windows),
            rectified=case.rectified,
            gradient=given,
            processor=processor,
        )
        for given in (None, gradient)
    ]
    pairs = zip(found, (expected.detach(), exact.grad), strict=True)
    return [float((a.double() - b).abs().max() / b.abs().max()) for a, b in pairs]


@needs_kernels
@pytest.mark.parametrize("name", CASES)
def test_a_stage_equals_its_layers_one_by_one_in_double_precision(name: str) -> None:
    for coarse in (False, True):
        assert max(both(CASES[name], torch.float64, Processor.PORTABLE, coarse=coarse)) < 1e-12


@needs_kernels
@pytest.mark.parametrize("processor", Processor)
@pytest.mark.parametrize("name", CASES)
def test_a_stage_is_the_same_on_every_processor(name: str, processor: Processor) -> None:
    assert KERNELS is not None
    if processor > KERNELS.processor:
        pytest.skip(f"this processor has no {processor.name}")
    assert max(both(CASES[name], torch.float32, processor, coarse=False)) < 1e-6
    assert max(both(CASES[name], torch.bfloat16, processor, coarse=False)) < 1e-2


@needs_kernels
def test_a_number_that_is_none_reaches_every_window_that_it_is_in() -> None:
    x = torch.ones(1, 2, 5, 5).to(memory_format=torch.channels_last)
    x[0, 1, 2, 2] = torch.nan
    assert KERNELS is not None
    for processor in range(KERNELS.processor + 1):
        found = run_stage(
            *(KERNELS, x, None, windows(3, 2, 0, 5, every=True)),
            rectified=False,
            processor=Processor(processor),
        )
        assert found.isnan()[0, 1, :2, :2].all(), Processor(processor).name
        assert not found.isnan()[0, 0].any()


@needs_kernels
@pytest.mark.parametrize("name", ["paper", "as_run", "caffe", "one_weird_trick", "80sec", "11pct"])
def test_a_network_with_stages_learns_as_one_whose_layers_run_apart(name: str) -> None:
    network = with_loss(reduced(name))
    labels = torch.arange(3) % 2
    found: list[list[Tensor]] = []
    for apart in (False, True):
        module = build(network, dtype=torch.float64).to(memory_format=torch.channels_last)
        if apart:  # a layer that somebody watches runs by itself
            for layer in module.children():
                layer.register_forward_hook(lambda *_: None)
        draws = torch.Generator().manual_seed(1)
        x = torch.randn(3, *network.picture.shape, generator=draws, dtype=torch.float64)
        x = x.to(memory_format=torch.channels_last).requires_grad_()
        module.costs(x, labels, generator=draws).objective.backward()
        assert x.grad is not None
        found.append([x.grad, *(p.grad for p in module.parameters() if p.grad is not None)])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


@needs_kernels
def test_layers_that_are_asked_for_are_there_beside_a_stage() -> None:
    network = get_network("tiny")
    module = build(network).to(memory_format=torch.channels_last).eval()
    x = torch.randn(2, *network.picture.shape).to(memory_format=torch.channels_last)
    names = [layer.name for layer in network if layer.name not in ("data", "labels")]
    names = [name for name in names if network.shape(name)[1:] != (1, 1)]
    every = module(x, layers=names)
    for name in names:
        torch.testing.assert_close(module(x, layers=[name])[name], every[name])


@needs_kernels
def test_only_what_nobody_else_reads_is_run_as_one() -> None:
    network = get_network("paper")
    order = [layer for layer in network if layer.name]
    alone = {layer.name: 1 for layer in network}
    found = stages.stages(order, network, alone, lambda _: False)
    assert sorted(len(stage.layers) for stage in found.values()) == [2, 2, 3, 3, 3, 3]
    read_twice = dict.fromkeys(alone, 2)
    found = stages.stages(order, network, read_twice, lambda _: False)
    assert {len(stage.layers) for stage in found.values()} == {1}


@needs_kernels
def test_a_stage_is_an_operator_that_torch_knows() -> None:
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64).to(memory_format=torch.channels_last)
    numbers = (True, 3, 0.1, 0.75, 2.0, 2, [3, 3, 3, 2, 0, 0], False)
    torch.library.opcheck(stages.stage.default, (x.requires_grad_(), *numbers))
    assert torch.autograd.gradcheck(lambda x: stages.stage(x, *numbers), (x,))


@needs_kernels
def test_a_network_with_stages_is_compiled_and_exported() -> None:
    network = get_network("tiny")
    module = build(network).to(memory_format=torch.channels_last).eval()
    x = torch.randn(2, *network.picture.shape).to(memory_format=torch.channels_last)
    expected = module(x)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), expected)
    exported = torch.export.export(module, (x,)).module()
    torch.testing.assert_close(exported(x), expected)


@needs_kernels
def test_whoever_watches_or_replaces_a_layer_has_it_called() -> None:
    network = with_loss(reduced("80sec"))
    module = build(network).to(memory_format=torch.channels_last)
    x = torch.randn(2, *network.picture.shape).to(memory_format=torch.channels_last)
    labels = torch.tensor([0, 1])
    called: list[str] = []

    def step() -> list[str]:
        called.clear()
        module.costs(x, labels).objective.backward()
        return list(called)

    pool = module.get_submodule("pool1")
    handle = pool.register_full_backward_pre_hook(lambda *_: called.append("pool1"))
    assert step() == ["pool1"]
    handle.remove()
    conv = module.get_submodule("conv2").register_full_backward_hook(
        lambda *_: called.append("conv2")
    )
    assert step() == ["conv2"]
    conv.remove()
    every = torch.nn.modules.module.register_module_forward_hook(
        lambda module, *_: called.append(type(module).__name__)
    )
    try:
        assert "MaxPoolModule" in step()
    finally:
        every.remove()

    class Another(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            called.append("another")
            return pool(x)

    module._modules["pool1"] = Another()
    assert step() == ["another"]
