"""`--batch-size N|auto`: the recipe with a batch of that size, or of what fits into memory."""

from __future__ import annotations

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


def settings_of(asked: str | None) -> list[str]:
    """What `--batch-size N` sets; auto waits until it is known what is learned from.

    Raises:
        ValueError: neither a number nor auto.
    """
    if asked is None or asked == "auto":
        return []
    if not asked.isdecimal() or int(asked) < 1:
        raise ValueError(f"--batch-size is '{asked}'; it must be a number from 1 on, or auto")
    return [f"batch_size={asked}"]


def with_batch_size(
    recipe: Recipe,
    asked: str | None,
    network: Network,
    precision: Precision,
    pictures: int,
    resumed: Path | None,
) -> Recipe:
    """The recipe, with as large batches as fit into memory where auto is asked for.

    Args:
        recipe: how to learn.
        asked: what stands on the command line.
        network, precision: what is to fit into memory.
        pictures: there are; no batch is larger.
        resumed: the folder of a run that goes on; auto is then what it was when the run began.

    Raises:
        ValueError: not even one picture fits.
    """
    if asked != "auto":
        return recipe
    if resumed is not None:
        from alexnet.training.run_folder import stored_recipe

        return replace(recipe, batch_size=stored_recipe(resumed).batch_size)
    from alexnet.torch_net.kernels.library import library

    kind, apart = ("mixed" if precision == "bf16" else "fp32"), library() is None
    room = int(SHARE * free_memory())
    size = min(largest_batch(network, room, kind, apart=apart), pictures)
    needed = training_memory(network, size, kind, apart=apart).peak
    terminal.warn(
        f"batches of {size:,} pictures: a step needs {needed / 2**30:.1f} GiB of the"
        f" {room / 2**30:.1f} that it may take; the recipe has {recipe.batch_size:,}, for which its"
        " rates were chosen"
    )
    return replace(recipe, batch_size=size)


def free_memory() -> int:
    """Bytes that new work may take without driving other work out, within a container's limits.

    Raises:
        ValueError: the system does not tell.
    """
    found = [room for room in (_free_of_all(), *map(_free_within, LIMITS)) if room is not None]
    if not found:
        raise ValueError(
            "--batch-size auto: this system does not tell how much memory is free; give a number"
        )
    return min(found)


LIMITS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)
"""Where Linux says what a container may take, and takes: cgroups of version 2, and of version 1."""


def _free_of_all() -> int | None:
    """On the whole machine, by Linux's own estimate."""
    table = Path("/proc/meminfo")
    for line in table.read_text().splitlines() if table.exists() else ():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _free_within(files: tuple[str, str]) -> int | None:
    """In this container; None where it has no limit."""
    try:
        limit, used = (Path(file).read_text().strip() for file in files)
    except OSError:
        return None
    return max(0, int(limit) - int(used)) if limit.isdecimal() else None
