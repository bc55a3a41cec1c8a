"""Work done in threads, with a bound on how much waits and how long it may take, so that the server
answers meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from alexnet.explorer.asking import AskError

P = ParamSpec("P")
R = TypeVar("R")


class Workers:
    """A few threads, and a queue before them that is never longer than `most`.

    Attributes:
        most: calls that run or wait; one more is refused.
        seconds: how long a call may wait and run together. A thread cannot be stopped, so the call
            goes on and keeps its place; its answer is dropped.
    """

    def __init__(self, name: str, threads: int, most: int, seconds: float) -> None:
        """Starts no thread before there is work."""
        self.most, self.seconds = most, seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._lock = Lock()
        self._open = 0

    async def run(self, call: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        """What `call` returns, computed in a thread.

        Raises:
            AskError: 503, when too much waits or it takes too long; and whatever `call` raises.
        """
        with self._lock:
            if self._open >= self.most:
                raise AskError(503, f"{self.most} requests are waiting already", "ask again")
            self._open += 1
        future = self._pool.submit(call, *args, **named)
        future.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self.seconds)
        except TimeoutError:
            raise AskError(
                503, f"took longer than {self.seconds:g} seconds, and was given up",
                "ask again, or ask for less",
            ) from None  # fmt: skip

    def submit(self, call: Callable[P, object], *args: P.args, **named: P.kwargs) -> None:
        """Has `call` done in a thread when there is one, and nobody waits for it."""
        self._pool.submit(call, *args, **named)

    def _done(self, _: Future[Any]) -> None:
        with self._lock:
            self._open -= 1

    def close(self) -> None:
        """Waits for what runs; what waits is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
