"""What was opened and dropped while the server lives: networks, checkpoints and pictures by their
ids, the oldest given up first. It reads no file formats.
"""

from __future__ import annotations

import shutil
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from threading import RLock
from typing import TYPE_CHECKING, Generic, TypeVar

from alexnet.explorer.asking import AskError
from alexnet.network.spec import Network

if TYPE_CHECKING:
    from alexnet.formats import Checkpoint
    from alexnet.formats.cuda_convnet.rules import LearningRules

MOST_OPENED, MOST_PICTURES = 8, 16
"""How many are kept, beside what the command line named."""

MOST_BYTES = 2**31
"""Bytes of learned arrays that are kept, should they be more than one file's."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, eq=False)
class Opened:
    """A file that was opened.

    Attributes:
        name: the file's, or what the command line named.
        format: what people call it.
        network: the description.
        notes: what had to be assumed or is not shown.
        checkpoint: with weights, or None.
        rules: how the original files teach it, where they say so.
        folder: where its files lie, of the session's own; None for those of the command line.
    """

    name: str
    format: str
    network: Network
    notes: tuple[str, ...] = ()
    checkpoint: Checkpoint | None = None
    rules: LearningRules | None = None
    folder: Path | None = None

    def size(self) -> int:
        """Bytes of its arrays."""
        if self.checkpoint is None:
            return 0
        return sum(array.nbytes for array in self.checkpoint.arrays.values())


@dataclass(frozen=True, kw_only=True, eq=False)
class Dropped:
    """A picture that was dropped: its bytes in a file of the session's own."""

    name: str
    path: Path
    width: int
    height: int


class Shelf(Generic[T]):
    """Things by id, at most `most` of them; the least lately used is given up."""

    def __init__(
        self, letter: str, what: str, most: int, size: Callable[[T], int] = lambda _: 0
    ) -> None:
        """An empty shelf; `size` says what MOST_BYTES holds of a thing."""
        self.letter, self.what, self.most, self.size = letter, what, most, size
        self._held: OrderedDict[str, T] = OrderedDict()
        self._pinned: dict[str, T] = {}
        self._count = 0
        self._lock = RLock()

    def put(self, thing: T, *, pinned: bool = False) -> tuple[str, list[T]]:
        """Its id, and what was given up for it."""
        with self._lock:
            self._count += 1
            name = f"{self.letter}{self._count}"
            if pinned:
                self._pinned[name] = thing
                return name, []
            self._held[name] = thing
            given_up: list[T] = []
            while len(self._held) > 1 and (
                len(self._held) > self.most or sum(map(self.size, self._held.values())) > MOST_BYTES
            ):
                given_up.append(self._held.popitem(last=False)[1])
            return name, given_up

    def get(self, name: str) -> T:
        """The thing of that id.

        Raises:
            AskError: 404, there is none, or it was given up.
        """
        with self._lock:
            if name in self._pinned:
                return self._pinned[name]
            if name not in self._held:
                raise AskError(
                    404, f"no {self.what} is called '{name[:40]}'", f"drop the {self.what} again"
                )
            self._held.move_to_end(name)
            return self._held[name]


@dataclass(eq=False)
class Session:
    """All that one server holds.

    Attributes:
        folder: a temporary folder of its own, removed by `close`.
        opened, pictures: by their ids.
    """

    folder: Path = field(default_factory=lambda: Path(mkdtemp(prefix="alexnet-explore-")))
    opened: Shelf[Opened] = field(
        default_factory=lambda: Shelf[Opened]("o", "file", MOST_OPENED, Opened.size)
    )
    pictures: Shelf[Dropped] = field(
        default_factory=lambda: Shelf[Dropped]("p", "picture", MOST_PICTURES)
    )

    def new_folder(self) -> Path:
        """An empty folder for one upload."""
        return Path(mkdtemp(dir=self.folder))

    def open(self, thing: Opened, *, pinned: bool = False) -> str:
        """Keeps what was opened; the files of what is given up for it go."""
        name, given_up = self.opened.put(thing, pinned=pinned)
        for old in given_up:
            if old.folder is not None:
                shutil.rmtree(old.folder, ignore_errors=True)
        return name

    def drop(self, picture: Dropped) -> str:
        """Keeps a picture; the file of the one that is given up for it goes."""
        name, given_up = self.pictures.put(picture)
        for old in given_up:
            shutil.rmtree(old.path.parent, ignore_errors=True)
        return name

    def close(self) -> None:
        """Removes everything that was dropped."""
        shutil.rmtree(self.folder, ignore_errors=True)
