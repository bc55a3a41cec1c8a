"""Sections of layers with weights as layers: conv, local, fc and treefc."""

from __future__ import annotations

import re

from alexnet.formats.cuda_convnet.class_tree import ClassTree, flat_tree
from alexnet.formats.cuda_convnet.layers_build import Build
from alexnet.formats.cuda_convnet.layers_sources import Source
from alexnet.formats.cuda_convnet.layers_sparse import connected
from alexnet.formats.cuda_convnet.notes import shown
from alexnet.network.layers import (
    Constant,
    Conv,
    FullyConnected,
    Gaussian,
    Initial,
    Kernel,
    Local,
    Shared,
    TreeConnected,
)
from alexnet.network.placement.weighted import initials

FUNCTIONS = {
    "initWFunc": "the weights start as initW says",
    "initBFunc": "the biases start as initB says",
    "initCFunc": "the connections are drawn as randSparse says",
}
"""Python functions of the original, which are never run, and what stands in their place."""

SHOWN_FUNCTIONS = 40
CLASSES = 1000
"""The classes of a treefc that says nothing: those of the runs of 2012 that have one."""

OWNER = re.compile(r"\s*([^\s\[]{1,100})(?:\[([0-9]{1,3})\])?\s*")


def windowed(source: Source, build: Build) -> Conv | Local:
    """A conv or local section: one kernel per input (layer.py, LocalLayerParser)."""
    settings, count = source.settings, len(source.reads)
    build.check_channels(source, settings.wholes("channels", count, build.expands, low=1))
    groups = settings.wholes("groups", count, build.expands, 1, low=1)
    filters = settings.wholes("filters", count, build.expands, low=1)
    totals = {own * group for own, group in zip(filters, groups, strict=True)}
    if len(totals) != 1:
        raise settings.error(
            f"with groups {', '.join(map(str, groups))} its inputs give {sorted(totals)} filters;"
            " all must give as many",
            "filters",
        )
    kernels = _kernels(source, build, groups)
    bias = Constant(settings.number("initB", 0.0))
    common, total = build.common(source), totals.pop()
    _note_functions(source, build)
    if source.kind == "local":
        return Local(
            **common, filters=total, kernels=kernels, rule="cuda-convnet", initial_bias=bias
        )
    return Conv(
        **common,
        filters=total,
        kernels=kernels,
        rule="cuda-convnet",
        bias="shared" if settings.flag("sharedBiases", True) else "unshared",
        initial_bias=bias,
    )


def _kernels(source: Source, build: Build, groups: tuple[int, ...]) -> tuple[Kernel, ...]:
    settings, count = source.settings, len(source.reads)
    sides = settings.wholes("filterSize", count, build.expands, low=1)
    strides = settings.wholes("stride", count, build.expands, 1, low=1)
    paddings = settings.wholes("padding", count, build.expands, 0)
    given = settings.whole("modulesX", 0)
    kernels = tuple(
        Kernel(
            size=size, stride=stride, padding=padding, groups=group, initial=initial,
            outputs=given or None,
        )
        for size, stride, padding, group, initial in zip(
            sides, strides, paddings, groups, _initials(source, build), strict=True
        )
    )  # fmt: skip
    return connected(source, build, kernels)


def note_windows(source: Source, build: Build) -> None:
    """What the original parsers would refuse of a placed layer, though it changes no result: how
    the gradient is summed (`partialSum`, `sumWidth`), and windows that miss pixels.
    """
    key = "sumWidth" if build.dialect == "cuda-convnet2" else "partialSum"
    modules = build.shapes[source.name][1] * build.shapes[source.name][2]
    if source.kind == "conv" and not source.settings.has(key):
        build.notes.group(f"{key} is missing, which changes no result", source.original)
    elif source.kind == "conv":
        chunk = source.settings.whole(key)
        if key == "partialSum" and chunk and modules % chunk:
            build.notes.group(
                "partialSum does not divide the layer's positions, which changes no result",
                source.original,
            )
    layer = build.layers[source.name]
    assert isinstance(layer, Conv | Local), "a windowed section gives a windowed layer"
    side = build.shapes[source.name][1]
    for kernel, shape in zip(layer.kernels, build.inputs(source), strict=True):
        reach = (side - 1) * kernel.stride - kernel.padding + kernel.size
        if build.dialect == "cuda-convnet2" and reach < shape[1]:
            build.notes.group(
                "the original refuses windows that do not reach the end of the map", source.original
            )


def fully_connected(source: Source, build: Build) -> FullyConnected:
    """An fc section."""
    settings = source.settings
    _note_functions(source, build)
    return FullyConnected(
        **build.common(source),
        outputs=settings.whole("outputs", low=1),
        initial=_initials(source, build),
        initial_bias=Constant(settings.number("initB", 0.0)),
    )


def tree_connected(source: Source, build: Build) -> TreeConnected:
    """A treefc section; its tree is no part of the files: 2012's layer.py took it from the data."""
    settings = source.settings
    build.check_reads(source, 1, "one layer")
    tree = tree_of(source, build.tree)
    if not build.files.budget.spend(len(tree.parents)):
        raise settings.error("its class tree makes the network too large to read")
    if build.tree is None:
        build.notes.group(
            f"the tree of a treefc is no part of the files; {tree.leaves} classes directly under"
            " one root are taken (a class tree changes this)",
            source.original,
        )
    (initial,) = _initials(source, build)
    if isinstance(initial, Shared):
        raise settings.error("the weights of a tree cannot be shared", "weightSource")
    _note_functions(source, build)
    return TreeConnected(
        **build.common(source),
        outputs=tree.leaves,
        parents=tree.parents,
        initial=initial,
        initial_bias=Constant(settings.number("initB", 0.0)),
    )


def tree_of(source: Source, tree: ClassTree | None) -> ClassTree:
    """The tree that is given, or one root over as many classes as the section says."""
    settings = source.settings
    if tree is None:
        return flat_tree(settings.whole("outputs", CLASSES, low=1, high=100_000))
    if settings.has("outputs") and settings.whole("outputs") != tree.leaves:
        raise settings.error(f"the class tree has {tree.leaves} classes", "outputs")
    return tree


# --- first weights --------------------------------------------------------------------------------


def _initials(source: Source, build: Build) -> tuple[Initial, ...]:
    """How the weights of each input start: `initW` times N(0, 1), or those of another input."""
    settings, count = source.settings, len(source.reads)
    shared = _shared(source, build)
    if settings.has("initW"):
        deviations = settings.numbers("initW", count, build.expands)
    elif settings.has("initWFunc") or (shared and all(shared)):
        deviations = (0.01,) * count
        if settings.has("initWFunc"):
            build.notes.group("initW is missing; 0.01 is taken", source.original)
    else:
        raise settings.error("the key initW is missing; give a standard deviation for each input")
    if any(deviation < 0 for deviation in deviations):
        build.notes.group("a negative initW is read without its sign", source.original)
    own = tuple(Gaussian(abs(deviation)) for deviation in deviations)
    return tuple(given or start for given, start in zip(shared or own, own, strict=True))


def _shared(source: Source, build: Build) -> tuple[Shared | None, ...]:
    """`weightSource`: layer[index], or layer for its first input, one entry for each input."""
    settings = source.settings
    if not settings.has("weightSource"):
        return ()
    texts = settings.texts("weightSource")
    settings.check_count("weightSource", len(texts), len(source.reads))
    found = list[Shared | None]()
    for text in texts:
        if not text:
            found.append(None)
            continue
        match = OWNER.fullmatch(text)
        if match is None:
            raise settings.error("it must be layer[index], or layer", "weightSource")
        found.append(_owner(source, build, match[1], int(match[2] or 0), found))
    return tuple(found)


def _owner(
    source: Source, build: Build, name: str, index: int, before: list[Shared | None]
) -> Shared:
    """The input that owns the weights; where they are shared themselves, their owner."""
    settings = source.settings
    if name == source.original:
        if index >= len(before):
            raise settings.error(f"input {index} of '{name}' does not come before", "weightSource")
        return before[index] or Shared(source.name, index)
    owner = build.sources.get(name)
    if owner is None or owner.kind != source.kind:
        raise settings.error(f"'{shown(name)}' is no layer of type {source.kind}", "weightSource")
    if index >= len(owner.reads):
        raise settings.error(
            f"'{name}' has no input {index}; they are counted from 0", "weightSource"
        )
    layer = build.layers[owner.name]
    assert isinstance(layer, Conv | Local | FullyConnected), "layers of one type are of one kind"
    initial = initials(layer)[index]
    return initial if isinstance(initial, Shared) else Shared(owner.name, index)


def _note_functions(source: Source, build: Build) -> None:
    for key, instead in FUNCTIONS.items():
        text = source.settings.text(key)
        if text:
            build.notes.group(
                f"{key} names a Python function, which is never run; {instead}",
                f"{source.original} {shown(text)}",
                SHOWN_FUNCTIONS,
            )
