"""Sections of pooling and of response normalisation as layers."""

from __future__ import annotations

from typing import Literal

from alexnet.formats.cuda_convnet.layers_build import Build
from alexnet.formats.cuda_convnet.layers_sources import Source
from alexnet.formats.cuda_convnet.settings import MOST
from alexnet.network.layers import (
    AveragePool,
    ContrastNorm,
    CrossMapNorm,
    CrossMapPool,
    MaxPool,
    Norm,
    Pool,
    RandomPool,
    Window,
    WithinMapNorm,
)

POOLS = ("max", "maxabs", "avg", "rand")


def pool(source: Source, build: Build) -> Pool:
    """A pool section; `start` is where the first window begins, `outputsX` 0 for the rule."""
    settings = source.settings
    build.check_reads(source, 1, "one layer")
    build.check_channels(source, (settings.whole("channels", low=1),))
    word = settings.word("pool", POOLS)
    window = Window(
        size=settings.whole("sizeX", low=1),
        stride=settings.whole("stride", low=1),
        padding=-settings.whole("start", 0, low=-MOST),
        outputs=settings.whole("outputsX", 0, low=-MOST) or None,
    )
    if window.outputs is not None and window.outputs < 0:
        raise settings.error("it must be 0, for the rule, or a number of windows", "outputsX")
    common = build.common(source)
    if word == "avg":
        divisor: Literal["one", "inside"] = "one" if settings.flag("sum", False) else "inside"
        return AveragePool(**common, window=window, rule="cuda-convnet", divisor=divisor)
    if word == "rand" and not _takes_largest(source, build):
        return RandomPool(**common, window=window, rule="cuda-convnet")
    by_magnitude = word == "maxabs"
    return MaxPool(**common, window=window, rule="cuda-convnet", by_magnitude=by_magnitude)


def _takes_largest(source: Source, build: Build) -> bool:
    """2012's `pool=rand` with doMax in the parameters pools the maximum (layer.cu)."""
    if not build.parameters(source, "doMax").flag("doMax", False):
        return False
    build.notes.group("pool=rand with doMax is read as max pooling", source.original)
    return True


def cross_map_pool(source: Source, build: Build) -> CrossMapPool:
    """A cmpool section of cuda-convnet2."""
    settings = source.settings
    build.check_reads(source, 1, "one layer")
    build.check_channels(source, (settings.whole("channels", low=1),))
    settings.word("pool", ("max",))
    return CrossMapPool(
        **build.common(source),
        size=settings.whole("size", low=1),
        stride=settings.whole("stride", low=1),
        start=settings.whole("start", 0, low=-MOST),
        outputs=settings.whole("outputs", low=1),
    )


def norm(source: Source, build: Build) -> Norm:
    """A cmrnorm, rnorm or cnorm section; the parser divides `scale` by size, or by size² (semantics
    file, section 4).
    """
    settings = source.settings
    build.check_reads(source, 1, "one layer")
    build.check_channels(source, (settings.whole("channels", low=1),))
    parameters = build.parameters(source, "scale and pow")
    size, blocked = settings.whole("size", low=1), settings.flag("blocked", False)
    alpha, beta = parameters.number("scale"), parameters.number("pow")
    k, common = parameters.number("minDiv", 1.0), build.common(source)
    if alpha < 0 or k <= 0:
        key, sentence = ("scale", "not be negative") if alpha < 0 else ("minDiv", "be above 0")
        raise parameters.error(f"it must {sentence}", key)
    if source.kind == "cmrnorm":
        return CrossMapNorm(
            **common, size=size, alpha=alpha, alpha_divided=True, beta=beta, k=k, blocked=blocked
        )
    if blocked:
        build.notes.group("blocked= says nothing of a norm inside one map", source.original)
    kind = WithinMapNorm if source.kind == "rnorm" else ContrastNorm
    return kind(**common, size=size, alpha=alpha, alpha_divided=True, beta=beta, k=k)
