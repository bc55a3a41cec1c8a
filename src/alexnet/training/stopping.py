"""Ctrl-C and SIGTERM as a wish to stop that the loop asks about, and no exception anywhere."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopWish:
    """Called, says whether a signal has come; `name` is the signal's, or None."""

    def __init__(self) -> None:
        """No signal has come yet."""
        self.name: str | None = None

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.name is not None


@contextmanager
def stop_on_signals() -> Iterator[StopWish]:
    """Within it SIGINT and SIGTERM are noted; a second SIGINT interrupts at once.

    Outside the main thread, where Python lets nobody handle signals, nothing is noted.
    """
    wish = StopWish()

    def note(number: int, _: FrameType | None) -> None:
        if wish() and number == signal.SIGINT:
            raise KeyboardInterrupt
        wish.name = signal.Signals(number).name

    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
