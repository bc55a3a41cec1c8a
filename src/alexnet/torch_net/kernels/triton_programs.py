"""The Triton programs of the response norm; imported only where Triton is."""

# Triton compiles these functions from their source: annotations would be part of it
# pyright: basic, reportMissingImports=false, reportUnknownMemberType=false

import triton
import triton.language as tl


@triton.jit
def _wide(x, at, mask):
    return tl.load(x + at, mask=mask, other=0.0).to(tl.float32)


@triton.jit
def _denominator(
    x, at, inside, place, step, maps, scale, k,
    before: tl.constexpr, after: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    total = tl.zeros((block,), tl.float32)
    for d in tl.static_range(-before, after + 1):
        there = inside & (place + d >= 0) & (place + d < maps)
        other = _wide(x, at + d * step, there)
        total += other * other
    return k + scale * total


@triton.jit
def forward(
    x, y, count, step, maps, scale, beta, k,
    before: tl.constexpr, after: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Writes x · D^-beta."""
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < count
    place = (at // step) % maps
    base = _denominator(x, at, inside, place, step, maps, scale, k, before, after, block)
    result = _wide(x, at, inside) * tl.exp(-beta * tl.log(base))
    tl.store(y + at, result.to(y.dtype.element_ty), mask=inside)


@triton.jit
def share(
    x, gradient, shares, count, step, maps, scale, beta, k,
    before: tl.constexpr, after: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Writes g · x · D^(-beta - 1), each map's share in the gradients of its neighbours."""
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < count
    place = (at // step) % maps
    base = _denominator(x, at, inside, place, step, maps, scale, k, before, after, block)
    arriving = _wide(gradient, at, inside)
    seen = _wide(x, at, inside)
    tl.store(shares + at, arriving * seen * tl.exp(-(beta + 1) * tl.log(base)), mask=inside)


@triton.jit
def backward(
    x, gradient, shares, result, count, step, maps, scale, beta, k,
    before: tl.constexpr, after: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Writes g · D^-beta - 2 · beta · scale · x · (the shares of the windows that hold a map)."""
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < count
    place = (at // step) % maps
    base = _denominator(x, at, inside, place, step, maps, scale, k, before, after, block)
    total = tl.zeros((block,), tl.float32)
    for d in tl.static_range(-after, before + 1):
        there = inside & (place + d >= 0) & (place + d < maps)
        total += tl.load(shares + at + d * step, mask=there, other=0.0)
    arriving = _wide(gradient, at, inside)
    seen = _wide(x, at, inside)
    found = arriving * tl.exp(-beta * tl.log(base)) - 2.0 * beta * scale * seen * total
    tl.store(result + at, found.to(result.dtype.element_ty), mask=inside)
