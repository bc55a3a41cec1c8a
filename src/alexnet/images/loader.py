"""Pictures of a store that are decoded only when they are asked for, or a few batches ahead. How
that is shared out to processes is in `readers`; what is learned from in `learnable`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import overload

import numpy as np
import torch
from torch import Tensor

from alexnet.images.pictures import Rejected
from alexnet.images.readers import Readers, Reading
from alexnet.images.splits import SourceError, Split
from alexnet.images.statistics import Statistics
from alexnet.images.store import Store, StoreRecords


class Names(Sequence[str]):
    """What the pictures of a split are called in their source, read when asked for."""

    def __init__(self, split: Split) -> None:
        """Reads nothing yet."""
        self._split = split

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._split)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        """Return the name of one picture, or of several."""
        if isinstance(index, slice):
            return tuple(self._split.name(each) for each in range(len(self))[index])
        return self._split.name(range(len(self))[index])

    def __eq__(self, other: object) -> bool:
        """Whether all names are the same."""
        if not isinstance(other, Sequence) or len(other) != len(self):
            return False
        return self is other or all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        """Return a number that sequences of other lengths differ in."""
        return hash(len(self))


@dataclass(frozen=True, eq=False)
class StoredImages:
    """Pictures that are asked for as those of a tensor uint8 (N, channels, side, side) are, by
    `[indices]`, `[slice]` or `[index]`.

    What comes back has the memory format channels_last, is to be read only, and is kept until other
    pictures are asked for. Every picture is what `load` makes of its
    record, whatever the order and the number of workers.

    Raises ReadingError where a record cannot be decoded.
    """

    number: int
    rows: np.ndarray = field(repr=False)
    shape: tuple[int, int, int, int]
    readers: Readers = field(repr=False)
    _last: dict[bytes, Tensor] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        """Return N."""
        return self.shape[0]

    def __getitem__(self, chosen: int | slice | Tensor) -> Tensor:
        """Return uint8 (chosen, channels, side, side), or (channels, side, side) of one picture."""
        if isinstance(chosen, int):
            return self[chosen : chosen + 1 or None][0]
        rows = self.rows[chosen if isinstance(chosen, slice) else chosen.numpy()]
        asked = rows.tobytes()
        if asked not in self._last:  # the networks of an ensemble ask for the same in turn
            self._last.clear()
            found = self.readers.images(self.number, rows)
            self._last[asked] = torch.from_numpy(found).permute(0, 3, 1, 2)
        return self._last[asked]

    def parts(self, chosen: Tensor) -> Iterator[Tensor]:
        """Yield what `[chosen]` has, a few pictures at a time, without a copy: each is to be read
        only, and only until the next is asked for.
        """
        for part in self.readers.parts(self.number, self.rows[chosen.numpy()]):
            yield torch.from_numpy(part).permute(0, 3, 1, 2)


@dataclass(frozen=True, eq=False)
class StoredPictures:
    """A split of a store, or a part of one, to learn from and to judge by; as PictureSet is.

    images are decoded when they are asked for; labels is int64 (N,), -1 where it is secret.
    """

    images: StoredImages
    labels: Tensor = field(repr=False)
    names: Names = field(repr=False)
    classes: tuple[str, ...]
    split: Split = field(repr=False)
    store: Store = field(repr=False)

    def __len__(self) -> int:
        """Return N."""
        return len(self.labels)

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """None: what could not be decoded was left out when the store was made."""
        return ()

    def part(self, indices: np.ndarray) -> StoredPictures:
        """Return the pictures at `indices`, int64, in that order; nothing is decoded."""
        return _pictures(self.store, self.split.part(indices), self.images)

    @contextmanager
    def reading(self, indices: Tensor) -> Iterator[None]:
        """Within it the pictures at `indices`, int64 (N,), are decoded ahead, in this order.

        It changes how long one waits for them, and nothing else: whoever asks for others in
        between gets those. Of two readings of one loader only the later goes on.
        """
        reading = Reading(self.images.number, self.images.rows[indices.numpy()])
        self.images.readers.begin(reading)
        try:
            yield
        finally:
            self.images.readers.end(reading)

    @property
    def statistics(self) -> Statistics:
        """Those of the store's whole training split, whatever part of it this is.

        Raises SourceError where the store has none of pictures such as these.
        """
        _, channels, side, _ = self.images.shape
        known, own = self.store.statistics, self.store.manifest.side
        if known is None:
            raise SourceError(
                f"{self.store.folder}: has no training pictures, and so neither mean nor colours;"
                " begin with a checkpoint, which brings its own"
            )
        if (channels, side) != (3, own):
            kind = "grey ones" if channels == 1 else "those"
            raise SourceError(
                f"{self.store.folder}: knows the mean and the colours of its own pictures, in"
                f" colour and of {own} pixels, and not of {kind} of {side}; prepare a store with"
                f" --side {side} for a network in colour, set crop_border_pixels to what this one"
                " was made for, or begin with a checkpoint"
            )
        return known


def taught_from(store: Store, *, channels: int, side: int, workers: int) -> Loader | None:
    """Return a loader where a network can be taught by the store's own pictures and statistics;
    None where it needs grey ones or others of another side, whose statistics nobody has taken, or
    there is nothing to learn from.
    """
    own = (channels, side) == (3, store.manifest.side) and store.statistics is not None
    return Loader(store, channels=channels, side=side, workers=workers) if own else None


class Loader:
    """A store whose splits can be learned from. Its processes start when they are first needed and
    serve all of its pictures; `close`, or leaving it as a context, stops them.

    The processes are started anew (spawned), so that a program that uses this needs the usual
    `if __name__ == "__main__":`.
    """

    def __init__(self, store: Store, *, channels: int, side: int, workers: int) -> None:
        """Decodes nothing yet.

        Args:
            store: as `read_store` opens it.
            channels: 3, or 1 for grey.
            side: in pixels (`Recipe.picture_side`); records of another are scaled, as `fit` does.
            workers: processes that decode; 0 decodes in this process, and not ahead.
        """
        self.store, self._shape = store, (channels, side, side)
        records = [split.records for split in store.splits.values()]
        of_store = [each for each in records if isinstance(each, StoreRecords)]
        assert len(of_store) == len(records), "the splits of a store hold its own records"
        self._readers = Readers(of_store, channels=channels, side=side, workers=workers)

    def pictures(self, name: str) -> StoredPictures:
        """Return the pictures of a split, such as "train".

        Raises SourceError where the store has no such split.
        """
        names = list(self.store.splits)
        if name not in names:
            raise SourceError(
                f"{self.store.folder}: has no split '{name}'; it has {', '.join(names)}"
            )
        nothing = np.empty(0, np.int64)
        images = StoredImages(names.index(name), nothing, (0, *self._shape), self._readers)
        return _pictures(self.store, self.store.splits[name], images)

    def labelled(self, name: str) -> StoredPictures | None:
        """Return the pictures of a split to be judged by; None where there is none such, or where
        its labels are secret.
        """
        known = {counts.name for counts in self.store.manifest.splits if counts.labelled}
        return self.pictures(name) if name in known else None

    def close(self) -> None:
        """Stop the processes and free what they decoded."""
        self._readers.close()

    def __enter__(self) -> Loader:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


def _pictures(store: Store, split: Split, like: StoredImages) -> StoredPictures:
    """The pictures of a split or a part of one, read and shaped as `like`."""
    shape = (len(split), *like.shape[1:])
    images = StoredImages(like.number, split.rows, shape, like.readers)
    return StoredPictures(
        images, torch.from_numpy(split.labels), Names(split), split.classes, split, store
    )
