"""Checkpoints written by a thread beside the steps: a step waits for a copy in memory, not for the
disk. What is written, and where, is the run folder's matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from torch import Tensor

from alexnet.formats import Checkpoint
from alexnet.training.run_folder import RunFolder

WEIGHTS, VELOCITIES = "weights:", "velocities:"
"""What the names of copies begin with."""


class BackgroundSaving:
    """Writes one checkpoint at a time into a run folder, from a copy of it that is made once and
    used again: as much memory as the checkpoint has arrays.

    As a context it is left when what was begun is on the disk; what went wrong with it is raised
    then, unless something else was raised before.
    """

    def __init__(self, folder: RunFolder, learned: Mapping[str, Tensor]) -> None:
        """Makes room for the copies, beside the first steps: fresh memory is many times as slow.

        Args:
            folder: where checkpoints are written.
            learned: what will be in them, each with a velocity; without any, room is made later.
        """
        self._folder = folder
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="saving")
        self._begun: Future[Path | None] | None = None
        self._room: dict[str, np.ndarray] = {}
        if learned:
            shapes = {name: tuple(each.shape) for name, each in learned.items()}
            self._begun = self._pool.submit(self._make_room, shapes)

    @property
    def failed(self) -> bool:
        """Whether a checkpoint could not be written; `flush` says why."""
        begun = self._begun
        return begun is not None and begun.done() and begun.exception() is not None

    def save(self, checkpoint: Checkpoint, step: int, *, keep: bool) -> Path:
        """Copies a checkpoint and has it written, as `RunFolder.save` does; waits for the one
        before, where that is not on the disk yet.

        Raises:
            FormatError, RunError, OSError: the one before could not be written.
        """
        self.flush()
        copied = self._copy(checkpoint)
        self._begun = self._pool.submit(self._folder.save, copied, step, keep=keep)
        return self._folder.checkpoint_path(step, keep=keep)

    def flush(self) -> None:
        """Waits until all is on the disk.

        Raises:
            FormatError, RunError, OSError: it could not be written; the one before is whole.
        """
        begun, self._begun = self._begun, None
        if begun is not None:
            begun.result()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Waits until all is on the disk."""
        self._pool.shutdown(wait=True)
        if error is None:
            self.flush()

    def _make_room(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        for kind in (WEIGHTS, VELOCITIES):
            for name, shape in shapes.items():
                self._room[kind + name] = np.full(shape, 0, np.float32)

    def _copy(self, checkpoint: Checkpoint) -> Checkpoint:
        state = checkpoint.training
        assert state is not None, "what a run goes on from has a training state"
        return replace(
            checkpoint,
            arrays=self._copied(WEIGHTS, checkpoint.arrays),
            training=replace(state, velocities=self._copied(VELOCITIES, state.velocities)),
        )

    def _copied(self, kind: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Copies in rows, as files have them, however the arrays lie in memory."""
        found: dict[str, np.ndarray] = {}
        for name, array in arrays.items():
            key = kind + name
            if key not in self._room or self._room[key].dtype != array.dtype:
                self._room[key] = np.empty(array.shape, array.dtype)
            np.copyto(self._room[key], array)
            found[name] = self._room[key]
        return found
