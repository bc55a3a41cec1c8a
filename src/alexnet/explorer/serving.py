"""The server on a port of this machine, and the browser that looks at it."""

from __future__ import annotations

import errno
import ipaddress
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass

from alexnet.explorer.answers import Desk
from alexnet.explorer.guard import LOOPBACK
from alexnet.explorer.server import create_app

WILDCARDS = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}
"""Hosts that mean all addresses of a machine, and how it calls itself."""


class ServeError(ValueError):
    """An address that cannot be served on: names it, and what would be right."""


@dataclass(frozen=True)
class Place:
    """Where the server listens.

    Attributes:
        listening: the bound socket.
        host: as it was asked for.
        token: what every request must bring; None on loopback.
    """

    listening: socket.socket
    host: str
    token: str | None

    @property
    def address(self) -> str:
        """What a browser on this machine opens, token and all."""
        return self._address(WILDCARDS.get(self.host, self.host))

    @property
    def elsewhere(self) -> str:
        """What browsers on other machines open, where it listens on all addresses; or ""."""
        return self._address(socket.gethostname()) if self.host in WILDCARDS else ""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names that may be asked by."""
        own = socket.gethostname() if self.host in WILDCARDS else self.host
        return (*LOOPBACK, own.lower())

    def _address(self, name: str) -> str:
        port = self.listening.getsockname()[1]
        shown = f"[{name}]" if ":" in name else name
        return f"http://{shown}:{port}/" + (f"?token={self.token}" if self.token else "")


def place(host: str, port: int) -> Place:
    """Binds an address; elsewhere than on loopback with a token.

    Args:
        host: a name or number of this machine.
        port: 0 for any that is free.

    Raises:
        ServeError: it cannot be bound.
    """
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        said = (getattr(error, "strerror", None) or str(error)).lower()
        taken = getattr(error, "errno", None) in (errno.EADDRINUSE, errno.EACCES)
        advice = "--port for a free one" if taken else "--host to serve on this machine alone"
        raise ServeError(
            f"{host}:{port}: cannot be served on ({said}); leave out {advice}"
        ) from None
    listening.listen(2048)
    return Place(listening, host, token)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    if host in LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(desk: Desk, at: Place, *, browser: bool, say: Callable[[str], None]) -> None:
    """Serves until it is interrupted.

    Args:
        desk: what it answers.
        at: where.
        browser: whether one is opened.
        say: told the address when the server answers.
    """
    import uvicorn

    app = create_app(desk, hosts=at.hosts, token=at.token)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=3,
        )  # fmt: skip
    )
    say(f"serving {at.address}")
    if at.elsewhere:
        say(f"for other machines {at.elsewhere}")
    if browser:
        threading.Thread(target=_open_when_started, args=(server, at.address), daemon=True).start()
    with at.listening:
        server.run(sockets=[at.listening])


def _open_when_started(server, address: str) -> None:  # noqa: ANN001
    """Opens the browser when the server answers."""
    waiting = threading.Event()
    for _ in range(200):
        if server.started:
            webbrowser.open(address)
            return
        waiting.wait(0.05)
