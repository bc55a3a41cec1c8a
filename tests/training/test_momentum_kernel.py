"""The update in one pass in C is the update in torch operations."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from alexnet.torch_net.kernels.library import library
from alexnet.training import update_rule
from alexnet.training.rates import Limits, Rates
from alexnet.training.update_rule import UpdateRule

pytestmark = pytest.mark.skipif(library() is None, reason="the kernels in C were not built")

RATES = [
    Rates(lr=0.02, momentum=0.9, weight_decay=0.01),
    Rates(lr=0.02, momentum=0.9, weight_decay=0.0),
    Rates(lr=0.02, momentum=0.0, weight_decay=0.01, limits=Limits(norm=1.0, leading=1)),
]


def moved(
    rates: Rates, dtype: torch.dtype, layout: torch.memory_format, *, steps: int = 3
) -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(0)
    shape = (5, 3, 7, 7)
    start = torch.randn(shape, generator=draws).to(dtype).contiguous(memory_format=layout)
    weight = nn.Parameter(start)
    rule = UpdateRule({"w": weight}, {"w": rates})
    for _ in range(steps):
        gradient = torch.randn(shape, generator=draws).to(dtype)
        weight.grad = gradient.contiguous(memory_format=layout)
        rule.step(0.5)
    return weight.detach(), rule.velocities["w"]


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_kernel_moves_weights_as_torch_does(
    rates: Rates, layout: torch.memory_format, monkeypatch: pytest.MonkeyPatch
) -> None:
    for dtype, tolerance in ((torch.float64, 1e-14), (torch.float32, 1e-6)):
        found = moved(rates, dtype, layout)
        with monkeypatch.context() as patched:
            patched.setattr(update_rule, "library", lambda: None)
            expected = moved(rates, dtype, layout)
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def test_arrays_that_lie_otherwise_than_their_gradients_are_moved_too() -> None:
    weight = nn.Parameter(torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last))
    rule = UpdateRule({"w": weight}, {"w": Rates(lr=1.0, momentum=0.9, weight_decay=0.0)})
    gradient = torch.arange(96.0).view(2, 3, 4, 4)
    weight.grad = gradient
    rule.step()
    assert torch.equal(weight.detach(), 1 - gradient)


def test_autograd_sees_that_weights_were_changed() -> None:
    weight = nn.Parameter(torch.ones(100))
    rule = UpdateRule({"w": weight}, {"w": Rates(lr=1.0, momentum=0.9, weight_decay=0.0)})
    weight.grad = torch.ones(100)
    cost = (weight * weight).sum()
    rule.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        cost.backward()
