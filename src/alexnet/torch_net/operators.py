"""How an operation of our own becomes one of torch's: with a gradient, and a shape for those who
trace. It computes nothing.

`torch.library.custom_op` does the same, but imports torch's compiler when it is first called, which
takes longer than to predict a picture; the registrations below it do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor

NAMESPACE = "alexnet"

_OURS = torch.library.Library(NAMESPACE, "FRAGMENT")


def operator(
    name: str, takes: str, run: Callable[..., Tensor], shaped: Callable[..., Tensor]
) -> Callable[..., Tensor]:
    """Makes `run` the operator alexnet::name on every device.

    Args:
        name: of the operator.
        takes: its arguments as torch writes them, such as "Tensor x, float k".
        run: computes it; its arguments in that order.
        shaped: an empty tensor like its value.
    """
    _OURS.define(f"{name}({takes}) -> Tensor", tags=(torch.Tag.pt2_compliant_tag,))
    _OURS.impl(name, run, "CompositeExplicitAutograd")
    torch.library.register_fake(f"{NAMESPACE}::{name}", shaped, lib=_OURS)
    return getattr(getattr(torch.ops, NAMESPACE), name)


def with_gradient(name: str, backward: Callable[..., Tensor]) -> None:
    """Gives the operator of that name the gradient of its first argument; the others, numbers, have
    none. Only that argument is kept, and a gradient of the gradient is refused.

    Args:
        name: of an operator.
        backward: the operator called name_backward, so that tracing sees it; it takes the first
            argument, the gradient of the value and the numbers.
    """

    def keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, *ctx.numbers = inputs
        ctx.save_for_backward(x)

    def gradient(ctx: Any, arriving: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        return backward(x, arriving, *ctx.numbers), *(None for _ in ctx.numbers)

    def refused(ctx: Any, arriving: Tensor) -> NoReturn:
        raise RuntimeError(f"{NAMESPACE}::{name} has a gradient, but that has none of its own")

    place = f"{NAMESPACE}::{name}"
    torch.library.register_autograd(place, gradient, setup_context=keep, lib=_OURS)
    torch.library.register_autograd(f"{place}_backward", refused, lib=_OURS)
