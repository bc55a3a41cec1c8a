"""The web server: addresses to answers, in threads; the page's own files. Who may ask is `guard`'s
matter, and what an address answers that of `answers`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alexnet.explorer import uploads
from alexnet.explorer.account import account_tree
from alexnet.explorer.answers import (
    KEPT,
    NETWORK_BYTES,
    PICTURE_BYTES,
    UPLOAD_BYTES,
    Desk,
)
from alexnet.explorer.asking import AskError, Tree, known, whole
from alexnet.explorer.checking import checked
from alexnet.explorer.claims import claims_tree
from alexnet.explorer.guard import LOOPBACK, Guard
from alexnet.explorer.opening import open_files, opened_tree, safe_name
from alexnet.explorer.reading import json_bytes, json_of
from alexnet.explorer.session import Dropped, Opened
from alexnet.explorer.work import Workers
from alexnet.explorer.writing import Parcel, parcel

PAGE = Path(__file__).parent / "page"
EXPORT_MARK = "<!-- export -->"
"""The line of the page that an export puts its script in place of."""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".json": "application/json",
}

log = logging.getLogger("alexnet.explorer")

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(desk: Desk, *, hosts: tuple[str, ...] = LOOPBACK, token: str | None = None) -> Guard:
    """The application, guarded.

    Args:
        desk: what it answers; closed when the application ends.
        hosts: names that the Host header may have.
        token: what every request must bring, or None.
    """
    server = _Server(desk)
    routes = [
        Route("/", _answered(server.index)),
        Route("/page/{name}", _answered(server.page)),
        *(Route(f"/api/{n}", _answered(call), methods=["POST"]) for n, call in server.posts()),
        Route("/api/{path:path}", _answered(server.get)),
    ]
    handlers: dict[Any, Any] = {HTTPException: _not_found, Exception: _failed}
    app = Starlette(routes=routes, lifespan=server.lifespan, exception_handlers=handlers)
    return Guard(app, hosts, token)


def _answered(call: Endpoint) -> Endpoint:
    """An endpoint whose errors are JSON."""

    async def endpoint(request: Request) -> Response:
        try:
            return await call(request)
        except AskError as error:
            return _json(json_bytes(error.tree), error.status)

    return endpoint


class _Server:
    """The endpoints of one application."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.quick = Workers("explorer", threads=4, most=1000, seconds=60)
        self.heavy = Workers("explorer-heavy", threads=2, most=16, seconds=120)

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Computes what is asked for first while the browser starts; cleans up at the end."""
        first = self.desk.start if not self.desk.start.startswith("o") else "paper"
        self.quick.submit(KEPT.get, f"network/{first}", {})
        if first != self.desk.start:
            self.heavy.submit(self.desk.warm)
        try:
            yield
        finally:
            self.quick.close()
            self.heavy.close()
            self.desk.close()

    def posts(self) -> list[tuple[str, Endpoint]]:
        """What is posted to, by its address."""
        return [
            ("check", self.check),
            ("claims", self.claims),
            ("open", self.open),
            ("export", self.export),
            ("picture", self.picture),
        ]

    async def index(self, request: Request) -> Response:
        """The page."""
        return await self._file(request, "index.html")

    async def page(self, request: Request) -> Response:
        """One of the page's files."""
        return await self._file(request, request.path_params["name"])

    async def _file(self, request: Request, name: str) -> Response:
        data = await self.quick.run(page_file, name)
        tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers, media_type=TYPES[Path(name).suffix])

    async def get(self, request: Request) -> Response:
        """Whatever is asked by GET."""
        path, given = request.path_params["path"], dict(request.query_params)
        workers = self.heavy if path.startswith(("look/", "claims/")) else self.quick
        return _json(await workers.run(self.desk.get, path, given))

    async def check(self, request: Request) -> Response:
        """An edited network, counted."""
        data = await uploads.body(request, NETWORK_BYTES)
        return _json(await self.quick.run(_checked, data))

    async def claims(self, request: Request) -> Response:
        """The paper's claims against an edited network."""
        data = await uploads.body(request, NETWORK_BYTES)
        return _json(await self.heavy.run(_claimed, data))

    async def open(self, request: Request) -> Response:
        """Files that were dropped."""
        folder = self.desk.session.new_folder()
        try:
            paths = await uploads.files(request, UPLOAD_BYTES, folder)
            given = dict(request.query_params)
            known(given, "name", "network", "side")
            side = whole(given, "side", 1, 4096) if "side" in given else None
            network = given.get("network", "")
            return _json(await self.heavy.run(self._opened, paths, network, side))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _opened(self, paths: list[Path], network: str, side: int | None) -> bytes:
        opened = open_files(paths, network=network, side=side)
        return json_bytes(opened_tree(self.desk.session.open(opened), opened))

    async def export(self, request: Request) -> Response:
        """A network as a file to take away."""
        data = await uploads.body(request, NETWORK_BYTES)
        found = await self.heavy.run(self._exported, data)
        headers = {
            "Content-Disposition": f'attachment; filename="{found.name}"',
            "X-Alexnet-Notes": _noted(found.notes),
        }
        return Response(found.data, headers=headers, media_type="application/octet-stream")

    def _exported(self, data: bytes) -> Parcel:
        tree = json_of(data)
        if not isinstance(tree, dict) or not isinstance(tree.get("format"), str):
            raise AskError(400, "the body must be an object with a format, and a network or an id")
        identity, network = tree.get("id"), tree.get("network")
        if isinstance(identity, str):
            opened = self.desk.session.opened.get(identity)
        elif isinstance(network, str):
            opened = Opened(name=network, format="catalog", network=self.desk.network(network))
        else:
            opened = Opened(name="network", format="description", network=checked(network))
        return parcel(opened, tree["format"], self.desk.session.new_folder())

    async def picture(self, request: Request) -> Response:
        """A picture that was dropped."""
        data = await uploads.body(request, PICTURE_BYTES)
        name = safe_name(request.query_params.get("name", "picture"))
        return _json(await self.heavy.run(self._dropped, data, name))

    def _dropped(self, data: bytes, name: str) -> bytes:
        session = self.desk.session
        width, height = self.desk.decoder.size(data, name)
        path = session.new_folder() / name
        path.write_bytes(data)
        identity = session.drop(Dropped(name=name, path=path, width=width, height=height))
        return json_bytes({"picture": identity, "name": name, "width": width, "height": height})


HEADER = 4000
"""Characters of notes that a header carries; servers and browsers refuse long ones."""


def _noted(notes: tuple[str, ...]) -> str:
    """Notes as a JSON list in ASCII, the last ones counted where there are too many."""
    kept, text = len(notes), json.dumps(notes)
    while len(text) > HEADER and kept:
        kept -= 1
        text = json.dumps([*notes[:kept], f"and {len(notes) - kept} more notes"])
    return text


def page_file(name: str) -> bytes:
    """One of the page's files.

    Raises:
        AskError: 404, there is none of that name.
    """
    names = {path.name: path for path in PAGE.iterdir() if path.suffix in TYPES}
    if name not in names:
        raise AskError(404, f"the page has no file '{name[:60]}'", "/")
    return names[name].read_bytes()


def _checked(data: bytes) -> bytes:
    return _counted(json_of(data), account_tree)


def _claimed(data: bytes) -> bytes:
    return _counted(json_of(data), claims_tree)


def _counted(tree: object, answer: Callable[[Any], Tree]) -> bytes:
    try:
        return KEPT.of_network(answer, checked(tree))
    except (OverflowError, RecursionError):
        raise AskError(422, "a number is too large to be counted with") from None


def _json(data: bytes, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-cache"}
    return Response(data, status, headers, media_type="application/json")


async def _not_found(_: Request, error: HTTPException) -> Response:
    said = {404: "nothing is there", 405: "that is not asked so; see docs/explorer.md"}
    sentence = said.get(error.status_code, error.detail)
    return _json(json_bytes(AskError(error.status_code, sentence, "/").tree), error.status_code)


async def _failed(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    sentence = f"the server made a mistake ({type(error).__name__}); its log says more"
    return _json(json_bytes(AskError(500, sentence).tree), 500)
