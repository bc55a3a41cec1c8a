"""Which GPU holds each layer of a definition, as towers of a network; a file for one GPU has
none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alexnet.formats.cuda_convnet.layers_sources import Source
from alexnet.formats.cuda_convnet.notes import Notes
from alexnet.formats.cuda_convnet.rules import Dialect

MOST_GPUS = 26


def read_towers(
    sources: Sequence[Source], dialect: Dialect, notes: Notes
) -> Mapping[str, int | None]:
    """The tower of every section: its GPU, where layers name more than one; None for layers that
    cuda-convnet2 has on several GPUs at once, each with its share of the batch.

    A layer without `gpu` is where the first of its inputs is that is on one (semantics file,
    section 15).
    """
    places: dict[str, tuple[int, ...]] = {}
    for source in sources:
        places[source.original] = _place(source, places)
    single = {gpus[0] for gpus in places.values() if len(gpus) == 1}
    for source in sources:
        gpus = places[source.original]
        if len(gpus) > 1:
            numbers = ",".join(map(str, gpus))
            notes.group(
                f"gpu={numbers} trains copies of a layer on shares of the batch; the network has it"
                " once",
                source.original,
            )
        elif not gpus and source.kind != "data" and dialect != "cuda-convnet" and not single:
            notes.add("no layer says on which GPU it is; all are read as on one")
    if len(single) < 2:
        return dict.fromkeys(places)
    return {name: gpus[0] if len(gpus) == 1 else None for name, gpus in places.items()}


def _place(source: Source, places: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The GPUs of a layer; () where nothing tells, as the originals' -1."""
    if source.kind == "data":
        return ()
    if source.settings.has("gpu"):
        count = len(source.settings.texts("gpu"))
        gpus = source.settings.wholes("gpu", count, False, low=-1)
        if max(gpus) >= MOST_GPUS:
            raise source.settings.error(f"GPUs are counted from 0 to {MOST_GPUS - 1}", "gpu")
        if len(set(gpus)) != len(gpus):
            raise source.settings.error("it names a GPU twice", "gpu")
        return gpus if min(gpus) >= 0 else ()
    return next((places[read] for read in source.reads if places[read]), ())
