"""Pictures that strangers send, decoded in a process of their own that is ended when it takes too
long or dies; what decodes is `images.decode`.
"""

from __future__ import annotations

import io
import multiprocessing
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any

import numpy as np

from alexnet.explorer.asking import AskError

MOST_PIXELS = 40_000_000
"""Pixels of a picture; one of more is refused before any is decoded."""

SECONDS = 10.0
"""How long a picture may take."""

STARTING = 60.0
"""How long the process may take to begin; it imports numpy and Pillow."""

ADVICE = "drop a JPEG or PNG of ordinary size"


class Decoder:
    """The process that decodes; one picture at a time."""

    def __init__(self, seconds: float = SECONDS, pixels: int = MOST_PIXELS) -> None:
        """Starts the process with the first picture."""
        self.seconds, self.pixels = seconds, pixels
        self._lock = Lock()
        self._process: Any = None
        self._pipe: Any = None

    def size(self, data: bytes, name: str) -> tuple[int, int]:
        """Width and height of a picture that can be decoded.

        Raises:
            AskError: it cannot, is too large, or takes too long.
        """
        width, height = self._ask(data, name, None)
        return width, height

    def fitted(self, data: bytes, name: str, channels: int, side: int) -> np.ndarray:
        """The picture's central square at `side` pixels, uint8 (side, side, channels).

        Raises:
            AskError: as `size`.
        """
        return self._ask(data, name, (channels, side))

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            self._end()

    def _ask(self, data: bytes, name: str, fit: tuple[int, int] | None) -> Any:
        with self._lock:
            try:
                pipe = self._start()
                pipe.send((data, name, fit, self.pixels))
                if not pipe.poll(self.seconds):
                    self._end()
                    raise AskError(
                        422, f"{name}: takes longer than {self.seconds:g} seconds to decode", ADVICE
                    )
                well, answer = pipe.recv()
            except (OSError, EOFError):
                self._end()
                raise AskError(422, f"{name}: cannot be decoded", ADVICE) from None
        if not well:
            raise AskError(422, answer, ADVICE)
        return answer

    def _start(self) -> Any:
        if self._pipe is not None and self._process.is_alive():
            return self._pipe
        self._end()
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_decode_all, args=(other,), daemon=True)
        self._process.start()
        other.close()
        if not self._pipe.poll(STARTING):
            raise OSError("the process that decodes did not begin")
        self._pipe.recv()
        return self._pipe

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
        if self._pipe is not None:
            self._pipe.close()
        self._process, self._pipe = None, None


def _decode_all(pipe: Connection) -> None:
    """What the process does: one answer for each picture, until nobody asks."""
    from alexnet.images.decode import decode, fit

    pipe.send("ready")
    while True:
        try:
            data, name, wanted, pixels = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            _refuse_large(data, name, pixels)
            found = decode(data, name, channels=wanted[0] if wanted else 3)
            height, width = found.shape[:2]
            pipe.send((True, fit(found, wanted[1]) if wanted else (width, height)))
        except (ValueError, MemoryError) as error:
            pipe.send((False, str(error) or f"{name}: cannot be decoded"))


def _refuse_large(data: bytes, name: str, pixels: int) -> None:
    """Raises ValueError where a picture's header says that it is too large."""
    from PIL import Image, UnidentifiedImageError

    from alexnet.images.decode import FORMATS, quiet_pillow

    try:
        with quiet_pillow(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            count = image.width * image.height
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return  # `decode` says what is wrong
    if count > pixels:
        raise ValueError(f"{name}: has {count:,} pixels; at most {pixels:,} are decoded here")
