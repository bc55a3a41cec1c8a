"""How many windows fit along one side of a map, under each tradition: the number and its sentence.

Pure integer arithmetic; it knows no layers. Every rule is the size rule of a released program,
cited at its branch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never, get_args

Rule = Literal["torch", "caffe", "cuda-convnet", "same", "valid"]
"""The traditions. `same` and `valid` are TensorFlow's two padding schemes."""

RULES: tuple[Rule, ...] = get_args(Rule)

Operation = Literal["conv", "pool"]


@dataclass(frozen=True, slots=True)
class Derived:
    """A number and the sentence that says how it comes about."""

    value: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Side:
    """Where the windows along one side lie.

    `outputs` windows of `size` pixels, the first at pixel `-before`, then every `stride`; `after`
    pixels are read beyond the far edge (negative: that many pixels of the picture are never read).
    """

    outputs: int
    before: int
    after: int
    sentence: str


def side(
    rule: Rule,
    operation: Operation,
    pixels: int,
    size: int,
    stride: int,
    padding: int,
    outputs: int | None = None,
) -> Side:
    """Lays windows along a side of `pixels` under `rule`.

    Args:
        rule: the tradition whose rounding holds.
        operation: cuda-convnet and Caffe round convolution and pooling by different rules.
        pixels, size, stride, padding: in pixels. cuda-convnet's pooling `start` is `-padding`.
        outputs: an explicit count (cuda-convnet's `outputsX`, cuda-convnet2's `modulesX`).

    Raises:
        ValueError: no window fits, or a pooling window lies wholly outside (a convolution's then
            reads zeros, which every program allows).
    """
    if rule != "same" and size > pixels + 2 * max(padding, 0):
        raise ValueError(
            f"a window of {size} does not fit into {pixels} pixels with padding {padding}; "
            f"{pixels + 2 * max(padding, 0)} is the largest that does"
        )
    derived = _count(rule, operation, pixels, size, stride, padding)
    before = padding
    if rule == "same":
        before = max((derived.value - 1) * stride + size - pixels, 0) // 2
    elif rule == "valid":
        before = 0
    if outputs is not None and rule in ("same", "valid"):
        raise ValueError(f"outputs is {outputs}, but the rule '{rule}' sets it; leave it out")
    if outputs is not None:
        derived = Derived(outputs, f"{outputs}, given outright")
    last = (derived.value - 1) * stride - before
    if derived.value < 1 or (operation == "pool" and (last >= pixels or size <= before)):
        raise ValueError(
            f"{derived.value} windows of {size} at stride {stride}, padding {padding} leave one "
            f"wholly outside the {pixels} pixels; use less padding, or a stride up to the size"
        )
    return Side(derived.value, before, last + size - pixels, derived.sentence)


def _count(
    rule: Rule, operation: Operation, pixels: int, size: int, stride: int, padding: int
) -> Derived:
    """The count of windows before any explicit count, each rule as its program computes it."""
    both = f"{pixels} + 2·{padding} − {size}"
    room = pixels + 2 * padding - size
    match rule:
        case "torch":  # torch.nn.Conv2d and MaxPool2d with ceil_mode=False
            return Derived(1 + room // stride, f"1 + floor(({both}) / {stride})")
        case "caffe":
            if operation == "conv":  # conv_layer.cpp: integer division
                return Derived(1 + room // stride, f"1 + floor(({both}) / {stride})")
            count = Derived(1 - (-room // stride), f"1 + ceil(({both}) / {stride})")
            return _without_far_padding(count, pixels, stride, padding)
        case "cuda-convnet":
            if operation == "conv":  # layer.py: both paddings stand in the formula
                return Derived(1 - (-room // stride), f"1 + ceil(({both}) / {stride})")
            # layer.py: pooling knows only where it starts, here -padding
            steps = -(-(pixels + padding - size) // stride)
            return Derived(1 + steps, f"1 + ceil(({pixels} + {padding} − {size}) / {stride})")
        case "same":  # tf.nn with padding="SAME"
            return Derived(-(-pixels // stride), f"ceil({pixels} / {stride})")
        case "valid":  # tf.nn with padding="VALID"
            count = -(-(pixels - size + 1) // stride)
            return Derived(count, f"ceil(({pixels} − {size} + 1) / {stride})")
        case _:
            assert_never(rule)


def _without_far_padding(count: Derived, pixels: int, stride: int, padding: int) -> Derived:
    """Caffe's clipping rule (pooling_layer.cpp): no pooling window may start in the far padding."""
    if padding and (count.value - 1) * stride >= pixels + padding:
        sentence = f"{count.sentence} − 1: the last window would start in the far padding"
        return Derived(count.value - 1, sentence)
    return count
