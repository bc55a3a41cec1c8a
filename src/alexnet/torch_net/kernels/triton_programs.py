"""The Triton programs of the response norm; imported only where Triton is."""

# Triton compiles these functions from their source: annotations would be part of it
# pyright: basic, reportMissingImports=false, reportUnknownMemberType=false

import triton
import triton.language as tl


@triton.jit
def _seen(x, at, mask, rectified: tl.constexpr):
    found = tl.load(x + at, mask=mask, other=0.0).to(tl.float32)
    if rectified:
        found = tl.where(found < 0.0, 0.0, found)  # what is no number stays
    return found


@triton.jit
def _denominator(
    x, at, inside, place, step, maps, scale, k,
    before: tl.constexpr, after: tl.constexpr, rectified: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    total = tl.zeros((block,), tl.float32)
    for d in tl.static_range(-before, after + 1):
        there = inside & (place + d >= 0) & (place + d < maps)
        other = _seen(x, at + d * step, there, rectified)
        total += other * other
    return k + scale * total


@triton.jit
def forward(
    x, y, count, step, maps, scale, beta, k,
    before: tl.constexpr, after: tl.constexpr, rectified: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Writes x · D^-beta."""
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < count
    place = (at // step) % maps
    base = _denominator(x, at, inside, place, step, maps, scale, k, before, after, rectified, block)
    result = _seen(x, at, inside, rectified) * tl.exp(-beta * tl.log(base))
    tl.store(y + at, result.to(y.dtype.element_ty), mask=inside)


@triton.jit
def share(
    x, gradient, shares, count, step, maps, scale, beta, k,
    before: tl.constexpr, after: tl.constexpr, rectified: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Writes g · x · D^(-beta - 1), each map's share in the gradients of its neighbours."""
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < count
    place = (at // step) % maps
    base = _denominator(x, at, inside, place, step, maps, scale, k, before, after, rectified, block)
    arriving = tl.load(gradient + at, mask=inside, other=0.0).to(tl.float32)
    seen = _seen(x, at, inside, rectified)
    tl.store(shares + at, arriving * seen * tl.exp(-(beta + 1) * tl.log(base)), mask=inside)


@triton.jit
def backward(
    x, gradient, shares, result, count, step, maps, scale, beta, k,
    before: tl.constexpr, after: tl.constexpr, rectified: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Writes g · D^-beta - 2 · beta · scale · x · (the shares of the windows that hold a map)."""
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < count
    place = (at // step) % maps
    base = _denominator(x, at, inside, place, step, maps, scale, k, before, after, rectified, block)
    total = tl.zeros((block,), tl.float32)
    for d in tl.static_range(-after, before + 1):
        there = inside & (place + d >= 0) & (place + d < maps)
        total += tl.load(shares + at + d * step, mask=there, other=0.0)
    arriving = tl.load(gradient + at, mask=inside, other=0.0).to(tl.float32)
    seen = _seen(x, at, inside, rectified)
    found = arriving * tl.exp(-beta * tl.log(base)) - 2.0 * beta * scale * seen * total
    if rectified:
        found = tl.where(seen > 0.0, found, 0.0)
    tl.store(result + at, found.to(result.dtype.element_ty), mask=inside)
