"""Which channels the filters of a `randSparse` layer see; the original drew them while it read the
file.
"""

from __future__ import annotations

import random
from dataclasses import replace

from alexnet.formats.cuda_convnet.layers_build import Build
from alexnet.formats.cuda_convnet.layers_sources import Source
from alexnet.formats.cuda_convnet.settings import Settings
from alexnet.network.layers import Conv, Kernel, Local, Shared


def connected(source: Source, build: Build, kernels: tuple[Kernel, ...]) -> tuple[Kernel, ...]:
    """The kernels with their drawn connections, where `randSparse` is on for any input."""
    settings, count = source.settings, len(source.reads)
    sparse = settings.flags("randSparse", count, build.expands, False)
    if not any(sparse):
        return kernels
    channels = tuple(shape[0] for shape in build.inputs(source))
    seen = tuple(c // kernel.groups for c, kernel in zip(channels, kernels, strict=True))
    if settings.has("filterChannels"):
        given = settings.wholes("filterChannels", count, build.expands, low=1)
        for index, (new, dealt) in enumerate(zip(given, seen, strict=True)):
            if not sparse[index] and new != dealt:
                raise settings.error(
                    f"input {index} is not sparse; its filters see {dealt}", "filterChannels"
                )
        seen = given
    connected = list[Kernel]()
    for index, kernel in enumerate(kernels):
        if sparse[index]:
            earlier = (*connected, *kernels[index:])
            drawn = _drawn(source, build, earlier, index, channels[index], seen[index])
            kernel = replace(kernel, connections=drawn)
        connected.append(kernel)
    return tuple(connected)


def _drawn(
    source: Source, build: Build, kernels: tuple[Kernel, ...], index: int, channels: int, seen: int
) -> tuple[int, ...]:
    """Permutations of all channels laid end to end, as many as the groups see channels together
    (layer.py, gen_rand_conns); shared weights go with their owner's.
    """
    settings, kernel = source.settings, kernels[index]
    if kernel.groups == 1:
        raise settings.error("sparse connections need groups of more than 1", "randSparse")
    total = kernel.groups * seen
    if seen < 1 or channels % seen or total % channels:
        raise settings.error(
            f"input {index}: {kernel.groups} groups that see {seen} channels each do not see each"
            f" of {channels} as often; their number must divide the channels, and the channels"
            " the sum",
            "filterChannels" if settings.has("filterChannels") else "randSparse",
        )
    if isinstance(kernel.initial, Shared):
        return _connections_of(source, build, kernels, kernel.initial, settings, total)
    if not build.files.budget.spend(total):
        raise settings.error("its connections make the network too large to read", "randSparse")
    drawing = random.Random(f"{build.seed}/{source.original}/{index}")
    build.notes.group(
        f"sparse connections are drawn, with seed {build.seed}",
        f"{source.original}[{index}]",
    )
    drawn = list[int]()
    for _ in range(total // channels):
        drawn += drawing.sample(range(channels), channels)
    return tuple(drawn)


def _connections_of(
    source: Source,
    build: Build,
    kernels: tuple[Kernel, ...],
    shared: Shared,
    settings: Settings,
    total: int,
) -> tuple[int, ...]:
    if shared.layer == source.name:
        owner = kernels[shared.index]
    else:
        layer = build.layers[shared.layer]
        assert isinstance(layer, Conv | Local), "sparse layers share with their own kind"
        owner = layer.kernels[shared.index]
    if len(owner.connections) != total or not build.files.budget.spend(total):
        raise settings.error(
            f"the weights of '{shared.layer}' have other connections", "weightSource"
        )
    return owner.connections
