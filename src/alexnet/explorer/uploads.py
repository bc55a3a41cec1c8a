"""Bodies of requests, taken in up to a limit of bytes and of seconds, into memory or files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from alexnet.explorer.asking import AskError
from alexnet.explorer.opening import MOST_FILES, safe_name

SECONDS = 120.0
"""How long a body may take to arrive."""

CHUNK = 2**20


async def body(request: Request, most: int) -> bytes:
    """The whole body.

    Raises:
        AskError: 413 more than `most` bytes, 503 too slow, 400 broken off.
    """
    parts = bytearray()
    async with _in_time():
        async for chunk in _limited(request, most):
            parts += chunk
    return bytes(parts)


async def files(request: Request, most: int, folder: Path) -> list[Path]:
    """The files of a body: itself, called as the parameter `name` says, or the parts of a form.

    Raises:
        AskError: as `body`; or none, or too many.
    """
    async with _in_time():
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            return await _parts(request, most, folder)
        path = folder / safe_name(request.query_params.get("name", "file"))
        with path.open("wb") as file:
            async for chunk in _limited(request, most):
                file.write(chunk)
    if not path.stat().st_size:
        raise AskError(400, f"{path.name}: is empty (0 bytes)", "drop the file again")
    return [path]


async def _parts(request: Request, most: int, folder: Path) -> list[Path]:
    _check_length(request, most)
    counted = Request(request.scope, _counted(request.receive, most))
    found: list[Path] = []
    try:
        async with counted.form(max_files=MOST_FILES, max_fields=MOST_FILES) as form:
            for _, value in form.multi_items():
                if isinstance(value, UploadFile):
                    taken = [path.name for path in found]
                    path = folder / safe_name(value.filename or "file", taken)
                    with path.open("wb") as file:
                        while chunk := await value.read(CHUNK):
                            file.write(chunk)
                    found.append(path)
    except (HTTPException, MultiPartException) as error:
        said = getattr(error, "detail", "") or getattr(error, "message", "")
        raise AskError(400, f"the form cannot be read ({said})") from None
    if not found:
        raise AskError(400, "the form holds no file", "drop the file again")
    return found


async def _limited(request: Request, most: int) -> AsyncIterator[bytes]:
    _check_length(request, most)
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > most:
            raise _too_large(most)
        yield chunk


def _counted(receive: Receive, most: int) -> Receive:
    """The same messages, up to `most` bytes of a body."""
    total = 0

    async def inner() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > most:
            raise _too_large(most)
        return message

    return inner


def _check_length(request: Request, most: int) -> None:
    length = request.headers.get("content-length", "")
    if length.isdigit() and (len(length) > 15 or int(length) > most):
        raise _too_large(most)


def _too_large(most: int) -> AskError:
    return AskError(413, f"has more than {most:,} bytes, the most that are taken here")


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(SECONDS):
            yield
    except TimeoutError:
        raise AskError(503, f"took longer than {SECONDS:g} seconds to arrive") from None
    except ClientDisconnect:
        raise AskError(400, "the body broke off") from None
