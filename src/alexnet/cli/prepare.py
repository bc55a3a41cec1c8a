"""`alexnet prepare`: pictures made ready once, ILSVRC's or others, and a store checked again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alexnet import terminal

if TYPE_CHECKING:
    from alexnet.images.manifest import Manifest
    from alexnet.images.preparing import Damage, Verified

SHOWN = 20
"""Damaged records that are listed; more are counted."""


def add(app: typer.Typer) -> None:
    """Adds this file's verb to the command line."""
    example = "Example:  alexnet prepare ILSVRC2012 stores/ilsvrc2012 --workers 8"
    app.command("prepare", epilog=example, short_help="Make a store of square pictures.")(prepare)


def prepare(
    source: Annotated[
        str | None,
        typer.Argument(help="A folder of ILSVRC's files, tar shards, or what 'train' takes."),
    ] = None,
    out: Annotated[Path | None, typer.Argument(help="The folder of the store.")] = None,
    side: Annotated[int, typer.Option(min=1, max=4096, help="Pixels of a record's side.")] = 256,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of the JPEGs.")] = 95,
    raw: Annotated[bool, typer.Option("--raw", help="Pixels instead of JPEGs.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the order of training pictures.")] = 0,
    shard_pictures: Annotated[
        int, typer.Option(min=1, max=2**20, help="Pictures in a shard.")
    ] = 1024,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes (default: one a core).")
    ] = None,
    data_folder: Annotated[
        Path | None, typer.Option(help="Where data that go by a name lie.")
    ] = None,
    verify: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Read a store again, and check all of it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Make a store of square pictures of SOURCE in OUT. Interrupted, the same command goes on."""
    many = workers or os.cpu_count() or 1
    if verify is not None:
        if source is not None:
            raise ValueError(f"--verify {verify} reads a store again; it takes no SOURCE")
        _verify(verify, many, as_json)
        return
    if source is None or out is None:
        raise ValueError("prepare needs SOURCE and OUT, or --verify OUT")
    from alexnet.images.preparing import Settings
    from alexnet.images.preparing import prepare as make_store

    settings = Settings(
        side=side, quality=None if raw else quality, seed=seed, shard_pictures=shard_pictures
    )
    try:
        with terminal.bar("preparing", "pictures") as advance:
            manifest = make_store(
                source,
                out,
                settings=settings,
                workers=many,
                data_folder=data_folder,
                progress=advance,
            )
    except KeyboardInterrupt:
        terminal.warn(f"stopped; the same command goes on from the finished shards in {out}")
        raise typer.Exit(130) from None
    _conclude(manifest, out, as_json)


def _conclude(manifest: Manifest, out: Path, as_json: bool) -> None:
    if as_json:
        terminal.print_json(_tree(manifest, out))
        return
    for note in manifest.notes:
        terminal.warn(note)
    terminal.show(_table(manifest, out))


def _table(manifest: Manifest, out: Path) -> terminal.Table:
    kind = "raw pixels" if manifest.quality is None else f"JPEG {manifest.quality}, 4:4:4"
    notes = [f"{len(manifest.classes):,} classes; from {manifest.name} ({manifest.layout})"]
    rejected = sum(split.rejected for split in manifest.splits)
    if rejected:
        notes.append(
            f"{rejected:,} pictures rejected, each with the reason in {out}/rejected.jsonl"
        )
    return terminal.Table(
        title=f"{out}: {manifest.side} × {manifest.side} RGB, {kind}",
        columns=("split", "#pictures", "#rejected", "#shards", "#MB", "labels"),
        rows=[
            (
                split.name,
                f"{split.pictures:,}",
                f"{split.rejected:,}",
                f"{sum(shard.split == split.name for shard in manifest.shards):,}",
                f"{_bytes(manifest, split.name) / 1e6:,.1f}",
                "known" if split.labelled else "secret",
            )
            for split in manifest.splits
        ],
        notes=notes,
    )


def _bytes(manifest: Manifest, split: str) -> int:
    shards = [shard for shard in manifest.shards if shard.split == split]
    return sum(shard.records.bytes + shard.index.bytes for shard in shards)


def _tree(manifest: Manifest, out: Path) -> dict[str, object]:
    return {
        "store": str(out),
        "source": manifest.name,
        "layout": manifest.layout,
        "side": manifest.side,
        "encoding": manifest.encoding,
        "quality": manifest.quality,
        "classes": len(manifest.classes),
        "notes": manifest.notes,
        "splits": [
            {
                "name": split.name,
                "pictures": split.pictures,
                "rejected": split.rejected,
                "labelled": split.labelled,
                "bytes": _bytes(manifest, split.name),
            }
            for split in manifest.splits
        ],
    }


def _verify(out: Path, workers: int, as_json: bool) -> None:
    """Raises Exit(1) where anything is wrong."""
    from alexnet.images.preparing import verify

    with terminal.bar("verifying", "pictures") as advance:
        found = verify(out, workers=workers, progress=advance)
    if as_json:
        terminal.print_json(_verified_tree(out, found))
    elif found.damage:
        terminal.show(_damage_table(out, found))
    else:
        size = f"{found.pictures:,} pictures, {found.bytes / 1e6:,.1f} MB"
        terminal.say(f"{out}: {size}: every checksum and count is right, every record decodes")
    if found.damage:
        raise typer.Exit(1)


def _verified_tree(out: Path, found: Verified) -> dict[str, object]:
    return {
        "store": str(out),
        "pictures": found.pictures,
        "bytes": found.bytes,
        "damage": [
            {"file": one.file, "record": one.record, "picture": one.name, "reason": one.reason}
            for one in found.damage
        ],
    }


def _damage_table(out: Path, found: Verified) -> terminal.Table:
    more = len(found.damage) - SHOWN
    return terminal.Table(
        title=f"{out} is damaged",
        columns=("file", "#record", "picture", "what is wrong"),
        rows=[_damage_row(one) for one in found.damage[:SHOWN]],
        notes=[
            *([f"and {more:,} more"] if more > 0 else []),
            f"{found.pictures:,} pictures read; prepare the store again in a new folder",
        ],
    )


def _damage_row(one: Damage) -> tuple[str, str, str, str]:
    return one.file, "" if one.record is None else f"{one.record:,}", one.name, one.reason
