"""A strided convolution in blocks is the plain one: activations, gradients, borders."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional

from alexnet.network.catalog import get_network
from alexnet.network.layers import Constant, Kernel
from alexnet.network.sizes import Side
from alexnet.torch_net import build, strided_conv


@pytest.mark.parametrize("before", [-3, -1, 0, 1, 2, 4, 7])
@pytest.mark.parametrize(("size", "stride"), [(11, 4), (7, 2), (5, 3), (8, 4)])
@pytest.mark.parametrize("pixels", [19, 24, 27])
def test_blocks_give_the_plain_convolution(
    size: int, stride: int, before: int, pixels: int
) -> None:
    outputs = 1 + -(-(pixels + 2 * before - size) // stride)  # the last window overhangs
    side = Side(outputs, before, (outputs - 1) * stride + size - pixels - before, "")
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, pixels, pixels, generator=draws, dtype=torch.float64).requires_grad_()
    weight = torch.randn(6, 3, size, size, generator=draws, dtype=torch.float64).requires_grad_()
    bias = torch.randn(6, generator=draws, dtype=torch.float64)
    framed = functional.pad(x, (side.before, side.after) * 2)
    plain = functional.conv2d(framed, weight, bias, stride)
    kernel = Kernel(size=size, stride=stride, initial=Constant(0.0))
    blocks = strided_conv.convolve_in_blocks(x, weight, bias, kernel, (side, side))
    torch.testing.assert_close(blocks, plain, rtol=1e-12, atol=1e-12)
    gradient = torch.randn(plain.shape, generator=draws, dtype=torch.float64)
    expected = torch.autograd.grad(plain, [x, weight], gradient)
    found = torch.autograd.grad(blocks, [x, weight], gradient)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)


def test_bfloat16_is_convolved_in_blocks_and_float32_is_not() -> None:
    kernel = Kernel(size=11, stride=4, initial=Constant(0.0))
    x = torch.zeros(1, 3, 32, 32)
    assert strided_conv.pays(x.bfloat16(), kernel)
    assert not strided_conv.pays(x, kernel)
    with torch.autocast("cpu", torch.bfloat16):
        assert strided_conv.pays(x, kernel)
    assert not strided_conv.pays(x.bfloat16(), Kernel(size=5, stride=1, initial=Constant(0.0)))


def test_two_towers_share_the_picture_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[torch.Tensor] = []
    blocks = strided_conv._blocks

    def counted(x: torch.Tensor, kernel: Kernel, sides: strided_conv.Sides) -> torch.Tensor:
        made.append(blocks(x, kernel, sides))
        return made[-1]

    monkeypatch.setattr(strided_conv, "_blocks", counted)
    module = build(get_network("paper")).bfloat16().eval()
    with torch.inference_mode():
        module(torch.zeros(1, 3, 224, 224, dtype=torch.bfloat16), layers=["conv1a", "conv1b"])
    assert len(made) == 1
