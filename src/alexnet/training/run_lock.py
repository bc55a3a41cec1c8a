"""One process at a time in a run folder: a lock that the system lets go of when its holder ends,
however it ends. What is in the folder is the run folder's matter.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from alexnet.training.events import Notice, Report, silent
from alexnet.training.run_folder import RunError

LOCK = "lock"
"""The file that is locked; it is empty, and stays."""


class RunLock:
    """The lock of a run folder. As a context it is left with the lock free for others."""

    def __init__(self, folder: Path, report: Report = silent) -> None:
        """Takes nothing yet; `report` is told where there can be no lock."""
        self.folder = folder
        self._report = report
        self._handle: int | None = None

    def take(self, *, make: bool = False) -> None:
        """Takes the lock, and does not wait for it.

        Args:
            make: the folder too, where there is none.

        Raises:
            RunError: another process has it, or the folder cannot be written.
        """
        assert self._handle is None, "it is taken once"
        try:
            if make:
                self.folder.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise RunError(
                f"{self.folder}: cannot be written ({error.strerror or error})"
            ) from None
        try:
            import fcntl

            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{self.folder}: another process is at this run; wait until it ends or end it, or"
                " name another folder"
            ) from None
        except (ImportError, OSError) as error:  # Windows has no fcntl, some network disks no locks
            self._report(
                Notice(
                    f"{self.folder}: cannot be locked here ({error}); let no other process go on"
                    " with this run meanwhile"
                )
            )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Lets go of it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
