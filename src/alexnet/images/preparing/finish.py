"""The last step: what the shards come to together, and the manifest that makes a store complete."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save as arrays_as_bytes

from alexnet.images.manifest import (
    MANIFEST,
    REJECTED,
    STATISTICS,
    File,
    Manifest,
    SplitCounts,
    manifest_text,
)
from alexnet.images.preparing.gathered import Gathered
from alexnet.images.preparing.plan import Planned
from alexnet.images.preparing.shards import Note, read_note, read_sums, write_whole
from alexnet.images.preparing.workers import PrepareError
from alexnet.images.statistics import Sums, statistics
from alexnet.network.codec import encode


def finish(out: Path, begun: Manifest, plan: Sequence[Planned]) -> Manifest:
    """Write statistics and the list of rejected pictures, then the complete manifest.

    Every shard is finished. Raises PrepareError where none of their pictures could be decoded.
    """
    notes = [_note(out, planned) for planned in plan]
    rejected = [one for note in notes for one in note.rejected]
    if not any(note.shard.pictures for note in notes):
        first = f"the first, {rejected[0].name}, {rejected[0].reason}"
        raise PrepareError(f"{out}: none of the {len(rejected):,} pictures is one; {first}")
    lines = (json.dumps(encode(one), ensure_ascii=False) + "\n" for one in rejected)
    splits = {planned.split.name: planned.split for planned in plan}
    complete = replace(
        begun,
        complete=True,
        splits=tuple(_counts(split, notes, len(begun.classes)) for split in splits.values()),
        shards=tuple(note.shard for note in notes),
        statistics=_write_statistics(out, begun.side, plan),
        rejected=write_whole(out / REJECTED, "".join(lines).encode("utf-8")),
    )
    write_manifest(out, complete)
    return complete


def write_manifest(out: Path, manifest: Manifest) -> None:
    """Write the manifest, whole or not at all."""
    write_whole(out / MANIFEST, manifest_text(manifest).encode("utf-8"))


def _note(out: Path, planned: Planned) -> Note:
    note = read_note(out, planned.name)
    if note is None:
        message = f"{out}: the shard {planned.name} has disappeared since it was written"
        raise PrepareError(f"{message}; the same command writes it again")
    return note


def _write_statistics(out: Path, side: int, plan: Sequence[Planned]) -> File | None:
    sums = Sums(side)
    for planned in plan:
        if planned.split.name == "train":
            sums.merge(read_sums(out, planned.name))
    if not sums.count:
        return None
    return write_whole(out / STATISTICS, arrays_as_bytes(statistics(sums).arrays()))


def _counts(split: Gathered, notes: Sequence[Note], classes: int) -> SplitCounts:
    mine = [note for note in notes if note.shard.split == split.name]
    counts = np.zeros(classes, np.int64)
    for note in mine:
        counts[: len(note.class_counts)] += np.array(note.class_counts, np.int64)
    return SplitCounts(
        name=split.name,
        labelled=bool((split.labels >= 0).all()),
        pictures=sum(note.shard.pictures for note in mine),
        rejected=sum(len(note.rejected) for note in mine),
        class_counts=tuple(counts.tolist()),
    )
