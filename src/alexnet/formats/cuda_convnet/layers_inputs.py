"""The shapes of a definition's data layers, which its files do not state: they are found from what
reads them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from alexnet.formats.cuda_convnet.class_tree import ClassTree
from alexnet.formats.cuda_convnet.layers_sources import Source
from alexnet.formats.cuda_convnet.layers_weighted import tree_of
from alexnet.formats.cuda_convnet.notes import Notes
from alexnet.network.layers import Input
from alexnet.network.shapes import Shape

MANY_CLASSES = 100
LARGE, SMALL = 224, 32
"""The pictures of the released files: ImageNet's crops, and CIFAR's whole pictures."""

CHANNELS = 3
NAMING = {"conv", "local", "pool", "cmpool", "rnorm", "cnorm", "cmrnorm", "nailbed", "blur"}
PICTURE_TYPES = NAMING | {"href", "resize", "rscale", "rgb2yuv", "rgb2lab"}
SAME_UNITS = {"softmax", "neuron", "hs", "dropout", "dropout2"}
ALIKE = {"eltsum", "eltmax"}
LABELLED = {"cost.logreg", "cost.msm", "cost.gsum2"}
TARGETED = {"cost.crossent", "cost.crossent2", "cost.ce", "cost.bce", "cost.rflickr"}


def data_layers(
    sources: Sequence[Source], side: int | None, tree: ClassTree | None, notes: Notes
) -> dict[str, Input]:
    """Every data layer, by its section's name.

    A picture has the channels that its readers name, and sides of `side` pixels; where that is
    None, 224 for nets of 100 classes or more, else 32. Labels are one unit, or as many as what they
    are compared with.

    Raises:
        FormatError: nothing tells how many units a data layer has.
    """
    units = _units(sources, tree)
    readers: dict[str, list[Source]] = {source.original: [] for source in sources}
    for source in sources:
        for read in dict.fromkeys(source.reads):
            readers[read].append(source)
    data = [source for source in sources if source.kind == "data"]
    pictures = {source.original for source in data if _is_picture(source, readers)}
    usual = LARGE if _classes(sources, units) >= MANY_CLASSES else SMALL
    found: dict[str, Input] = {}
    for source in data:
        is_picture = source.original in pictures
        shape = _given(source, readers)
        if shape is None and is_picture:
            shape = (_channels(source, readers, notes), side or usual, side or usual)
            if side is None:
                notes.add(
                    f"the file does not state its picture's side; {usual} is taken (--input"
                    " changes it)"
                )
        found[source.original] = Input(
            name=source.name,
            shape=shape or (_labels(source, readers, units), 1, 1),
            content="picture" if is_picture else "labels",
            source=f"[{source.original}] dataIdx={source.settings.whole('dataIdx')}",
        )
    return found


def _units(sources: Sequence[Source], tree: ClassTree | None) -> dict[str, int]:
    """How many units each section gives, where the files tell it; they are in order."""
    found: dict[str, int] = {}
    for source in sources:
        below = [found.get(read) for read in source.reads]
        known = [count for count in below if count is not None]
        if source.kind == "fc" and source.settings.has("outputs"):
            found[source.original] = source.settings.whole("outputs", low=1)
        elif source.kind == "treefc":
            found[source.original] = tree_of(source, tree).leaves
        elif source.kind in SAME_UNITS | ALIKE and known:
            found[source.original] = known[0]
        elif source.kind in ("concat", "pass") and len(known) == len(below):
            found[source.original] = sum(known)
    return found


def _classes(sources: Sequence[Source], units: Mapping[str, int]) -> int:
    """How many outputs the costs judge, of several the most; without costs, the most there are."""
    counts = [
        units[source.reads[-1]]
        for source in sources
        if source.kind.startswith("cost.") and source.reads[-1] in units
    ]
    return max(counts or units.values(), default=0)


def _is_picture(source: Source, readers: Mapping[str, list[Source]]) -> bool:
    if source.settings.whole("dataIdx") == 0:
        return True
    return any(reader.kind in PICTURE_TYPES for reader in readers[source.original])


def _given(source: Source, readers: Mapping[str, list[Source]]) -> Shape | None:
    """What cuda-convnet2's `start` and `end` say."""
    settings = source.settings
    start = settings.whole("start", 0)
    if not settings.has("end"):
        if start:
            raise settings.error("the end of the data is not stated; give end as well", "start")
        return None
    count = settings.whole("end", low=start + 1) - start
    channels = _named_channels(source, readers)
    side = 0 if channels is None else math.isqrt(count // channels)
    if channels is not None and channels * side * side == count:
        return channels, side, side
    return count, 1, 1


def _named_channels(source: Source, readers: Mapping[str, list[Source]]) -> int | None:
    """The channels that the nearest reader names which must know them."""
    waiting, seen = [source.original], {source.original}
    for name in waiting:
        for reader in readers[name]:
            if reader.kind in ("conv", "local"):
                index = reader.reads.index(name)
                texts = reader.settings.wholes("channels", len(reader.reads), True, low=1)
                return texts[index]
            if reader.settings.has("channels"):
                return reader.settings.whole("channels", low=1)
            if reader.kind in ("rgb2yuv", "rgb2lab"):
                return CHANNELS
            if reader.kind in SAME_UNITS | ALIKE and reader.original not in seen:
                seen.add(reader.original)
                waiting.append(reader.original)
    return None


def _channels(source: Source, readers: Mapping[str, list[Source]], notes: Notes) -> int:
    channels = _named_channels(source, readers)
    if channels is None:
        notes.group(f"no layer says how many channels a picture has; {CHANNELS} are taken",
                    source.original)  # fmt: skip
        return CHANNELS
    return channels


def _labels(source: Source, readers: Mapping[str, list[Source]], units: Mapping[str, int]) -> int:
    """One unit for each picture, unless it is compared with outputs unit by unit."""
    for reader in readers[source.original]:
        if reader.kind in LABELLED:
            return 1
        others = [units[r] for r in reader.reads if r != source.original and r in units]
        if reader.kind in TARGETED | ALIKE and others:
            return others[0]
    if readers[source.original] or source.settings.whole("dataIdx") != 1:
        raise source.settings.error(
            "nothing that reads it tells how many units it has; cuda-convnet2's start and end do"
        )
    return 1
