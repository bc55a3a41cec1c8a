"""`--batch-size N|auto`: the recipe with a batch of that size, or of what fits into memory."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet import terminal
from alexnet.network.memory import largest_batch, training_memory
from alexnet.network.spec import Network

if TYPE_CHECKING:
    from alexnet.torch_net.precision import Precision
    from alexnet.training.recipe import Recipe

SHARE = 0.7
"""Of the free memory that a step may take by the account; the rest is for pictures, the system and
what the C library keeps beyond the account, up to a third of it."""


def with_batch_size(
    recipe: Recipe,
    asked: str | None,
    network: Network,
    precision: Precision,
    pictures: int,
    resumed: Path | None,
) -> Recipe:
    """The recipe, with the batch size asked for where one is.

    Args:
        recipe: how to learn.
        asked: what stands on the command line.
        network, precision: what is to fit into memory.
        pictures: there are; no batch is larger.
        resumed: the folder of a run that goes on; auto is then what it was when the run began.

    Raises:
        ValueError: neither a number nor auto, or not even one picture fits.
    """
    if asked is None:
        return recipe
    if asked != "auto":
        if not asked.isdecimal() or int(asked) < 1:
            raise ValueError(f"--batch-size is '{asked}'; it must be a number from 1 on, or auto")
        return replace(recipe, batch_size=int(asked))
    if resumed is not None:
        from alexnet.training.run_folder import stored_recipe

        return replace(recipe, batch_size=stored_recipe(resumed).batch_size)
    kind = "mixed" if precision == "bf16" else "fp32"
    room = int(SHARE * free_memory())
    size = min(largest_batch(network, room, kind), pictures)
    needed = training_memory(network, size, kind).peak
    terminal.warn(
        f"batches of {size:,} pictures: a step needs {needed / 2**30:.1f} GiB of the"
        f" {room / 2**30:.1f} that it may take; the recipe has {recipe.batch_size:,}, for which its"
        " rates were chosen"
    )
    return replace(recipe, batch_size=size)


def free_memory() -> int:
    """Bytes that new work may take without driving other work out."""
    table = Path("/proc/meminfo")
    if table.exists():
        for line in table.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
