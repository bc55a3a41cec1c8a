"""Stages: relu, response norm and max pooling that follow one another and are run as one operation,
whose backward pass keeps the input alone. Where no kernel is for it, the layers run one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alexnet.network.layers import Activation, CrossMapNorm, Layer, MaxPool
from alexnet.network.spec import Network
from alexnet.network.stages import chains
from alexnet.torch_net.kernels.library import KINDS, library
from alexnet.torch_net.kernels.stage import Windows, run_stage
from alexnet.torch_net.operators import operator, with_gradient
from alexnet.torch_net.response_norm_formula import Formula, formula_of


@dataclass(frozen=True, slots=True)
class Stage:
    """Layers that are run as one, from the first to the pooling.

    Attributes:
        layers: one to three of them: relu or not, norm or not, max pooling.
        formula: the norm's numbers, where there is one.
        windows: of the pooling.
    """

    layers: tuple[Layer, ...]
    formula: Formula | None
    windows: Windows

    def __call__(self, x: Tensor) -> Tensor:
        """(N, maps, rows, columns), channels-last; `x` is one that `applies` is true for."""
        formula, windows = self.formula, self.windows
        numbers = (
            (formula.size, formula.scale, formula.beta, formula.k) if formula else (0, 0, 1, 1)
        )
        return stage(
            x,
            isinstance(self.layers[0], Activation),
            *(numbers[0], *map(float, numbers[1:])),
            formula.groups if formula else 1,
            [*windows.outputs, windows.size, windows.stride, *windows.before],
            windows.every_maximum,
        )


def applies(x: Tensor) -> bool:
    """Whether a stage can be run as one on tensors like `x`, where there are kernels."""
    return x.device.type == "cpu" and x.dtype in KINDS and x.dim() == 4 and _last(x)


def _last(x: Tensor) -> bool:
    """Whether the maps of a pixel lie side by side, and nothing between the pixels."""
    return x.is_contiguous(memory_format=torch.channels_last)


def stages(
    order: Sequence[Layer],
    network: Network,
    readers: Mapping[str, int],
    apart: Callable[[Layer], bool],
) -> dict[str, Stage]:
    """The stages among layers that run, by the name of each one's first layer.

    Args:
        order: the layers that run.
        network: theirs.
        readers: how many read each activation; what a caller asks for is read once more.
        apart: whether somebody watches a layer's module, so that it must run by itself.
    """
    found = chains(order, network, readers, apart)
    return {
        chain[0].name: Stage(chain, _formula(chain), _windows(chain[-1], network))
        for chain in found
    }


def _formula(layers: Sequence[Layer]) -> Formula | None:
    return next((formula_of(each) for each in layers if isinstance(each, CrossMapNorm)), None)


def _windows(pool: Layer, network: Network) -> Windows:
    assert isinstance(pool, MaxPool), "a chain ends in max pooling"
    rows, columns = network.placed[pool.name].sides[0]
    return Windows(
        outputs=(rows.outputs, columns.outputs),
        size=pool.window.size,
        stride=pool.window.stride,
        before=(rows.before, columns.before),
        every_maximum=pool.rule == "cuda-convnet",
    )


def _run(
    x: Tensor,
    gradient: Tensor | None,
    rectified: bool,
    size: int,
    scale: float,
    beta: float,
    k: float,
    groups: int,
    windows: list[int],
    every_maximum: bool,
) -> Tensor:
    """What max pooling makes of the response norm of max(x, 0), or with a gradient that of `x`.

    Args:
        x: (N, maps, height, width), channels-last; `applies` is true of it.
        gradient: of the value.
        rectified: relu comes first.
        size, scale, beta, k, groups: of the norm, as `cross_map_norm` takes them; size 0 is none.
        windows: rows and columns of them, size, stride, and how far the first begins above and left
            of the picture.
        every_maximum: all pixels that equal a maximum get its gradient (semantics section 3), or
            the first alone.
    """
    kernels = library()
    assert kernels is not None, "a stage runs where there are kernels"
    assert _last(x), "a stage runs where `applies` is true"
    rows, columns, side, stride, top, left = windows
    if gradient is not None:
        gradient = gradient.to(x.dtype).contiguous(memory_format=torch.channels_last)
    return run_stage(
        kernels,
        x,
        Formula(size, scale, beta, k, groups) if size else None,
        Windows((rows, columns), side, stride, (top, left), every_maximum),
        rectified=rectified,
        gradient=gradient,
    )


def _forward(x: Tensor, *numbers: Any) -> Tensor:
    return _run(x, None, *numbers)


def _pooled(x: Tensor, *numbers: Any) -> Tensor:
    rows, columns = numbers[6][:2]
    shape = (*x.shape[:2], rows, columns)
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)


def _as_read(x: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(x, memory_format=torch.channels_last)


NUMBERS = (
    "bool rectified, int size, float scale, float beta, float k, int groups, int[] windows,"
    " bool every_maximum"
)

stage = operator("stage", f"Tensor x, {NUMBERS}", _forward, _pooled)
stage_backward = operator("stage_backward", f"Tensor x, Tensor gradient, {NUMBERS}", _run, _as_read)
with_gradient("stage", stage_backward)
