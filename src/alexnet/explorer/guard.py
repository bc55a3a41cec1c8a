"""Who may ask at all: the Host that was meant, the page's own Origin, and the token where one is
needed; and the headers that every answer carries.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alexnet.explorer.asking import AskError
from alexnet.explorer.reading import json_bytes

LOOPBACK = ("127.0.0.1", "localhost", "::1")

COOKIE = "alexnet-explorer"
"""What the cookie's name begins with; the port follows, since one host's ports share cookies."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", POLICY.encode("ascii")),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)

READING = ("GET", "HEAD")


@dataclass(frozen=True)
class Guard:
    """Lets requests through to `app`, or answers that they may not.

    Attributes:
        app: what answers.
        hosts: names that the Host header may have.
        token: what every request must bring; None where only this machine can ask.
    """

    app: ASGIApp
    hosts: tuple[str, ...] = LOOPBACK
    token: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request of ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [h for h in HEADERS if h[0] not in dict(message["headers"])]
                message = {**message, "headers": [*message["headers"], *own]}
            await send(message)

        try:
            self._check(scope)
        except AskError as error:
            await _refuse(error, sealed)
            return
        if self.token is not None and "token" in _query(scope) and scope["method"] in READING:
            await self._remember(scope, sealed)
            return
        await self.app(scope, receive, sealed)

    def _check(self, scope: Scope) -> None:
        """Raises AskError where the request may not be answered."""
        headers = _headers(scope)
        host = headers.get("host", "")
        if not self._is_own(host):
            raise AskError(403, f"this server is not '{host[:80]}'", "use the address it printed")
        if scope["method"] not in READING:
            _check_origin(headers, host)
        if self.token is not None and not self._has_token(scope, headers):
            raise AskError(401, "the token is missing or wrong", "use the whole address printed")

    def _is_own(self, host: str) -> bool:
        """A name that was given to it; with a token any bare IP address, which no name server
        can bind anew.
        """
        name = _host_name(host)
        if name in self.hosts:
            return True
        if self.token is None:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _has_token(self, scope: Scope, headers: dict[str, str]) -> bool:
        assert self.token is not None, "asked only where there is one"
        cookies = SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
        except CookieError:
            cookies = SimpleCookie()
        brought = [
            *_query(scope).get("token", []),
            *([cookies[own].value] if (own := _cookie(scope)) in cookies else []),
            headers.get("authorization", "").removeprefix("Bearer "),
        ]
        wanted = self.token.encode()
        return any([hmac.compare_digest(each.encode(), wanted) for each in brought])  # noqa: C419

    async def _remember(self, scope: Scope, send: Send) -> None:
        """Sets the cookie, and sends on to the same address without the token."""
        rest = {k: v for k, v in _query(scope).items() if k != "token"}
        query = urlencode(rest, doseq=True)
        # A path of its own only: browsers take //elsewhere and /\\elsewhere for another server.
        path = "/" + quote(scope["path"].lstrip("/\\"))
        location = f"{path}?{query}" if query else path
        cookie = f"{_cookie(scope)}={self.token}; Path=/; HttpOnly; SameSite=Strict"
        headers = [
            (b"location", location.encode("ascii")),
            (b"set-cookie", cookie.encode("ascii")),
            (b"content-length", b"0"),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _check_origin(headers: dict[str, str], host: str) -> None:
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    foreign = origin is not None and _place(origin) != host.lower()
    if foreign or site not in (None, "same-origin", "none"):
        raise AskError(
            403, "a page of another origin may not ask for this", "use this server's page"
        )


def _place(origin: str) -> str | None:
    """Host and port of an Origin header; None where it is no address."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _cookie(scope: Scope) -> str:
    """The name of this server's cookie."""
    server = scope.get("server")
    return f"{COOKIE}-{server[1]}" if server else COOKIE


def _headers(scope: Scope) -> dict[str, str]:
    return {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}


def _query(scope: Scope) -> dict[str, list[str]]:
    try:
        return parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=40)
    except ValueError:
        return {}


def _host_name(host: str) -> str:
    """The name of a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


async def _refuse(error: AskError, send: Send) -> None:
    body = json_bytes(error.tree)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode("ascii")),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
