"""Processes that learn together: which of them this one is, and what they tell one another, by
torch.distributed. It starts none (`torchrun` does), and knows no network.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast
from uuid import uuid4

import torch
import torch.distributed as dist
from torch.distributed import PrefixStore, Store  # pyright: ignore[reportPrivateImportUsage]
from torch.distributed.rendezvous import rendezvous

TIMEOUT_SECONDS = 300.0
"""How long the others are waited for, unless the caller says otherwise: longer than any pause of a
healthy process, which is a checkpoint's writing or a slow disk's.
"""

PARENT_SECONDS = 0.2
"""How often a process looks whether the one that started it still lives."""

ROOM, ROOM_SECONDS = "alexnet", 0.02
"""Under which processes find one another in a store, and how often rank 0 looks for the others."""

REACHED_SECONDS = 30.0
"""How long a process waits for an answer of what started it."""

UNNAMED = "none"
"""What torchrun calls a launch that nobody has named; it is then known by who launched it."""

_REMEDY = "resume the run with --resume"

Found = TypeVar("Found")


class GroupError(ValueError):
    """Processes that can no longer learn together: says who noticed, why, and how to go on."""

    remedy = "the same command with --resume"


class LedError(GroupError):
    """Another process has met a mistake, and it says so itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """Where a process stands among those that learn together.

    Attributes:
        rank, count: its number, from 0, and how many there are, on all machines.
        local, local_count: the same of those on its machine.
        restarts: how often all of them were begun anew after one had failed.
        launch: what all processes have in common that were started by one command, also when
            they are begun anew; empty where nothing started them.
        named: whether that is a name that somebody gave (`torchrun --rdzv-id`): a command that is
            given again under the same name goes on with what it began.
        launcher: the address and port at which it is heard, where it says one.
    """

    rank: int = 0
    count: int = 1
    local: int = 0
    local_count: int = 1
    restarts: int = 0
    launch: str = ""
    named: bool = False
    launcher: tuple[str, int] | None = None


def ranks_of(environment: Mapping[str, str]) -> Ranks:
    """What torchrun says in the environment of a process that it starts; without it, one alone.

    Raises:
        GroupError: the environment has a RANK and lacks what belongs to it, or they contradict.
    """
    if "RANK" not in environment:
        return Ranks()
    needed = ("WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    missing = [name for name in needed if name not in environment]
    if missing:
        raise GroupError(
            f"the environment has RANK and lacks {', '.join(missing)}; start with torchrun, which"
            " sets them, or unset RANK"
        )

    def number(name: str, default: str = "") -> int:
        text = environment.get(name, default)
        if not text.isdecimal():
            raise GroupError(f"the environment says {name}={text}; it must be a whole number")
        return int(text)

    run_id = environment.get("TORCHELASTIC_RUN_ID", UNNAMED)
    heard = environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    found = Ranks(
        rank=number("RANK"),
        count=number("WORLD_SIZE"),
        local=number("LOCAL_RANK"),
        local_count=number("LOCAL_WORLD_SIZE", "1"),
        restarts=number("TORCHELASTIC_RESTART_COUNT", "0"),
        launch=f"{socket.gethostname()}:{os.getppid()}" if run_id == UNNAMED else run_id,
        named=run_id != UNNAMED,
        launcher=(environment["MASTER_ADDR"], number("MASTER_PORT")) if heard else None,
    )
    if found.rank >= found.count:
        raise GroupError(
            f"the environment says RANK={found.rank} and WORLD_SIZE={found.count}; ranks count from"
            " 0 and stay below it"
        )
    return found


@dataclass(frozen=True, slots=True)
class Group:
    """The processes that learn together, as one of them sees them.

    All of them call the same methods in the same order. Where there is only one, nothing is sent.
    A process that is gone, or silent for longer than the timeout, is a GroupError in the others.

    Attributes:
        ranks: where this process stands.
        timeout_seconds: how long others are waited for.
    """

    ranks: Ranks = Ranks()  # noqa: RUF009  # frozen
    timeout_seconds: float = TIMEOUT_SECONDS

    @property
    def leads(self) -> bool:
        """Whether this process is the one that prints and writes."""
        return self.ranks.rank == 0

    @property
    def alone(self) -> bool:
        """Whether there is no other."""
        return self.ranks.count == 1

    def sum(self, *numbers: float) -> tuple[float, ...]:
        """Each number added up over all processes, in float64: counts below 2⁵³ exactly."""
        if self.alone:
            return numbers
        sums = torch.tensor(numbers, dtype=torch.float64)
        with self.watched():
            dist.all_reduce(sums)
        return tuple(sums.tolist())

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Whether each flag is set in some process."""
        return flags if self.alone else tuple(count > 0 for count in self.sum(*map(float, flags)))

    def gather(self, value: Found) -> list[Found]:
        """Every process's value, by rank."""
        if self.alone:
            return [value]
        found: list[Any] = [None] * self.ranks.count
        with self.watched():
            dist.all_gather_object(found, value)
        return cast("list[Found]", found)

    def lead(self, action: Callable[[], Found]) -> Found:
        """What `action` gives in the process that leads, which alone calls it, in all of them.

        Raises:
            LedError: in the others, where it raises there what is a person's mistake.
        """
        if self.alone:
            return action()
        found: list[Any] = [None]
        try:
            found = [(action(),)] if self.leads else found
        finally:  # the others are told of a mistake by getting nothing
            with self.watched():
                dist.broadcast_object_list(found)
        if found[0] is None:
            raise LedError("the process of rank 0 has met a mistake")
        return cast("tuple[Found]", found[0])[0]

    @contextmanager
    def agreed(self) -> Generator[None]:
        """A person's mistake within it, in any process, is one in all; one of them says it.

        Within it the processes tell one another nothing.

        Raises:
            LedError: in those that have nothing to say.
        """
        mistake: ValueError | OSError | None = None
        try:
            yield
        except (ValueError, OSError) as found:
            if self.alone:
                raise
            mistake = found
        if self.alone:
            return
        wrong = [rank for rank, each in enumerate(self.gather(mistake is not None)) if each]
        if wrong and mistake is not None and wrong[0] == self.ranks.rank:
            raise mistake
        if wrong:
            raise LedError(f"the process of rank {wrong[0]} has met a mistake")

    @contextmanager
    def watched(self) -> Generator[None]:
        """Within it a process that is gone or silent raises GroupError."""
        try:
            yield
        except (dist.DistError, RuntimeError) as error:
            text = str(error)
            if not isinstance(error, dist.DistError) and "gloo" not in text:
                raise
            raise GroupError(self._lost(text)) from error

    def _lost(self, text: str) -> str:
        who = f"rank {self.ranks.rank} of {self.ranks.count}"
        if "imed out" in text or "timeout" in text.lower():
            return (
                f"{who}: waited {self.timeout_seconds:g} seconds for another process, which is"
                f" stalled or gone; {_REMEDY}, and with a longer --timeout where it was only slow"
            )
        reason = re.sub(r"\s*\[[^]]*\](:\d+)?", "", text.splitlines()[0]).partition(". ")[0].strip()
        return f"{who}: another process is gone ({reason}); {_REMEDY}"


ALONE = Group()
"""One process that learns by itself."""


@contextmanager
def joined(
    ranks: Ranks, *, timeout_seconds: float = TIMEOUT_SECONDS, cuda: bool = False
) -> Generator[Group]:
    """The group that a process belongs to, entered and left. Beyond one process torchrun's
    environment says where the others are found.

    A process that something started ends with it: there would be nobody to begin the others anew.

    Args:
        ranks: where the process stands.
        timeout_seconds: how long others are waited for.
        cuda: whether arrays lie on GPUs, which then speak by NCCL; what is said beside them, and
            all on a CPU, goes by gloo.

    Raises:
        GroupError: the others do not come, or what started this process is gone already.
    """
    with _ended_with_parent() if ranks.launch else nullcontext():
        _check_launcher(ranks)
        with _grouped(Group(ranks, timeout_seconds), cuda) as group:
            yield group


@contextmanager
def _grouped(group: Group, cuda: bool) -> Generator[Group]:
    ranks, timeout = group.ranks, timedelta(seconds=group.timeout_seconds)
    if group.alone:
        yield group
        return
    if cuda:
        torch.cuda.set_device(ranks.local)
    with group.watched():
        found, _, _ = next(rendezvous("env://", timeout=timeout))
        store = room(found, group)
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if cuda else "gloo",
            store=store,
            rank=ranks.rank,
            world_size=ranks.count,
            timeout=timeout,
        )
    try:
        yield group
    finally:
        dist.destroy_process_group()


def room(store: Store, group: Group) -> Store:
    """Room in a store for these very processes, as they were begun this time.

    torchrun's store outlives them, and would give the addresses of those that are gone; how often
    they were begun anew differs from machine to machine, where one was lost and came back. So each
    draws a name, and rank 0 answers to every one that it finds with its own, the room's.

    Raises:
        GroupError: they do not all come in time.
    """
    own, end = uuid4().hex, time.monotonic() + group.timeout_seconds
    if not group.leads:
        store.set(f"{ROOM}/{group.ranks.rank}", own)
        name = store.get(f"{ROOM}/{own}").decode()
        store.set(f"{name}/{group.ranks.rank}", "here")
        return PrefixStore(name, store)
    missing = list(range(1, group.ranks.count))
    while missing:
        for rank in missing:
            if store.check([f"{ROOM}/{rank}"]):
                store.set(f"{ROOM}/{store.get(f'{ROOM}/{rank}').decode()}", own)
        missing = [rank for rank in missing if not store.check([f"{own}/{rank}"])]
        if missing and time.monotonic() > end:
            raise dist.DistError(f"timeout: rank {missing[0]} has not come")
        time.sleep(ROOM_SECONDS if missing else 0)
    return PrefixStore(own, store)


def _check_launcher(ranks: Ranks) -> None:
    """Raises GroupError where the launcher is gone: it may have been before anybody watched it."""
    if ranks.launcher is None:
        return
    try:
        socket.create_connection(ranks.launcher, timeout=REACHED_SECONDS).close()
    except OSError as error:
        address, port = ranks.launcher
        raise GroupError(
            f"rank {ranks.rank} of {ranks.count}: what started it is gone: {address}:{port} does"
            f" not answer ({error.strerror or error}); {_REMEDY}"
        ) from None


@contextmanager
def _ended_with_parent() -> Generator[None]:
    """Within it this process ends at once when the one that started it is gone, killed perhaps."""
    parent, done = os.getppid(), threading.Event()

    def watch() -> None:
        while not done.wait(PARENT_SECONDS):
            if os.getppid() != parent:
                os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
    try:
        yield
    finally:
        done.set()
