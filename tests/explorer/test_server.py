"""Who may ask the server, what it says to the others, and that it answers many at once."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from alexnet.cli import run
from alexnet.explorer import uploads
from alexnet.explorer.answers import Desk
from alexnet.explorer.decoding import Decoder
from alexnet.explorer.guard import POLICY
from alexnet.explorer.server import PAGE
from alexnet.explorer.serving import ServeError, is_loopback, place
from alexnet.explorer.work import Workers
from alexnet.network.catalog import NETWORKS
from explorer.served import description, got, picture, posted, served

ADDRESSES = [
    "api/about",
    "api/networks",
    "api/network/paper",
    "api/window?input=224&kernel=11&stride=4&padding=0&filters=96",
    "api/story",
    "api/number?network=paper&text=253440",
    "api/compare?networks=paper,as_run",
    "api/runs",
    "",
]


def test_two_hundred_ask_at_once_and_all_are_answered() -> None:
    with served() as client:
        asked = [ADDRESSES[i % len(ADDRESSES)] for i in range(200)]
        limits = httpx.Limits(max_connections=200)
        with (
            httpx.Client(base_url=client.base_url, limits=limits, timeout=120) as many,
            ThreadPoolExecutor(200) as pool,
        ):
            answers = list(pool.map(lambda address: many.get(f"/{address}"), asked))
        assert [answer.status_code for answer in answers] == [200] * 200
        first = {a: r.content for a, r in zip(asked, answers, strict=True)}
        assert all(r.content == first[a] for a, r in zip(asked, answers, strict=True))


def test_quick_questions_are_answered_while_heavy_work_goes_on() -> None:
    desk, going_on = Desk(), threading.Event()

    def slow(*_: object) -> tuple[int, int]:
        assert going_on.wait(60)
        return 1, 1

    desk.decoder.size = slow  # type: ignore[method-assign]
    with served(desk) as client, ThreadPoolExecutor(20) as pool:
        heavy = [pool.submit(client.post, "/api/picture", content=picture()) for _ in range(10)]
        assert got(client, "api/window?input=7&kernel=3&stride=2&padding=0")["traditions"]
        assert not any(each.done() for each in heavy)
        going_on.set()
        assert [each.result().status_code for each in heavy] == [200] * 10


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:1", 200),
        ("localhost", 200),
        ("[::1]:8000", 200),
        ("evil.example", 403),
        ("evil.example:8000", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost@evil.example", 403),
        ("192.168.0.7", 403),
        ("", 403),
        ("[::1", 403),
    ],
)
def test_only_the_servers_own_names_are_answered(host: str, status: int) -> None:
    with served() as client:
        answer = client.get("/api/story", headers={"host": host})
        assert answer.status_code == status
        assert status == 200 or answer.json()["error"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1:{port}", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
def test_only_the_servers_own_page_may_post(headers: dict[str, str], status: int) -> None:
    with served() as client:
        own = {k: v.replace("{port}", str(client.base_url.port)) for k, v in headers.items()}
        answer = client.post("/api/check", json=description("tiny"), headers=own)
        assert answer.status_code == status, answer.text[:200]
        assert status == 200 or answer.json()["error"]


def test_without_the_token_nothing_is_answered() -> None:
    with served(token="a-secret-token") as client:
        for address in ("/", "/page/style.css", "/api/about", "/nothing"):
            answer = client.get(address)
            assert answer.status_code == 401
            assert answer.json()["try"]
        assert client.get("/?token=a-secret-toke").status_code == 401
        assert client.get("/?token=").status_code == 401
        assert (
            client.get(
                "/", headers={"cookie": f"alexnet-explorer-{client.base_url.port}=x"}
            ).status_code
            == 401
        )
        assert client.get("/", headers={"cookie": "\x01;=;;"}).status_code == 401
        assert client.post("/api/check", json=description("tiny")).status_code == 401


def test_the_token_becomes_a_cookie_and_leaves_the_address() -> None:
    with served(token="a-secret-token") as client:
        answer = client.get("/?token=a-secret-token&view=x")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/?view=x"
        cookie = answer.headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict"))
        assert client.get("/api/story").status_code == 200  # the client brings the cookie
        assert client.post("/api/check", json=description("tiny")).status_code == 200
        line = http.client.HTTPConnection("127.0.0.1", client.base_url.port, timeout=10)
        line.request("GET", "//evil.example/?token=a-secret-token")
        assert line.getresponse().headers["location"] == "/evil.example/"
        line.close()
        for path in ("/%5cevil.example/", "/%09/evil.example/", "/%5c%2fevil.example/"):
            there = client.get(f"{path}?token=a-secret-token").headers["location"]
            assert there in ("/evil.example/", "/%09/evil.example/")
        bearer = {"authorization": "Bearer a-secret-token"}
        bare = httpx.get(f"{client.base_url}/api/story", headers=bearer)
        assert bare.status_code == 200
        other = httpx.get(f"{client.base_url}/api/story", headers={**bearer, "host": "10.0.0.7:80"})
        assert other.status_code == 200  # an address that no name server can bind anew


def test_two_servers_of_one_host_do_not_take_each_others_cookies() -> None:
    with served(token="one") as first, served(token="two") as second:
        jar: dict[str, str] = {}
        for client, token in ((first, "one"), (second, "two")):
            jar |= dict(client.get(f"/?token={token}").cookies)
        brought = {"cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
        for client in (first, second):
            answer = httpx.get(f"{client.base_url}/api/story", headers=brought)
            assert answer.status_code == 200


def test_every_answer_carries_the_headers_that_keep_others_out() -> None:
    with served(token="t") as client:
        answers = [client.get("/"), client.get("/?token=t"), client.get("/api/story")]
        answers += [client.get("/none"), client.get("/api/none"), client.post("/api/check")]
        for answer in answers:
            assert answer.headers["content-security-policy"] == POLICY
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert "server" not in answer.headers or "uvicorn" in answer.headers["server"]
    assert "unsafe" not in POLICY


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/nothing", 404),
        ("GET", "/api/", 404),
        ("GET", "/api/network/papper", 404),
        ("GET", "/api/network/%2e%2e%2fabout", 404),
        ("GET", "/page/../server.py", 404),
        ("GET", "/page/..%2fserver.py", 404),
        ("GET", "/page/server.py", 404),
        ("GET", "/api/run/..%2f..%2fetc", 404),
        ("GET", "/api/run/none?after=-1", 400),
        ("GET", "/api/window?input=1", 400),
        ("GET", "/api/number?text=blue", 422),
        ("GET", "/api/number?text=" + "9" * 300, 400),
        ("GET", "/api/compare?networks=paper", 400),
        ("GET", "/api/compare?networks=paper,paper", 400),
        ("GET", "/api/about?x=1", 400),
        ("DELETE", "/api/about", 405),
        ("POST", "/", 405),
        ("PUT", "/api/check", 405),
    ],
)
def test_errors_are_sentences_in_json(method: str, address: str, status: int) -> None:
    with served() as client:
        answer = client.request(method, address)
        assert answer.status_code == status, answer.text[:300]
        tree = answer.json()
        assert tree["error"]
        assert {"error", "try", "place", "field"} <= set(tree)


def test_the_pages_files_come_with_a_tag_and_once() -> None:
    with served() as client:
        whole = client.get("/")
        assert whole.headers["content-type"] == "text/html; charset=utf-8"
        for path in sorted(PAGE.iterdir()):
            answer = client.get("/" if path.name == "index.html" else f"/page/{path.name}")
            assert answer.content == path.read_bytes()
            tag = {"if-none-match": answer.headers["etag"]}
            again = client.get(str(answer.url), headers=tag)
            assert (again.status_code, again.content) == (304, b"")
        assert client.head("/").status_code == 200


def test_more_than_is_taken_is_refused_before_it_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.explorer.server.NETWORK_BYTES", 1000)
    monkeypatch.setattr("alexnet.explorer.server.UPLOAD_BYTES", 1000)
    monkeypatch.setattr("alexnet.explorer.server.PICTURE_BYTES", 1000)
    desk = Desk()
    with served(desk) as client:

        def chunks() -> Any:
            for _ in range(50):
                yield bytes(100)

        for address in ("check", "claims", "open?name=a.json", "export", "picture"):
            assert client.post(f"/api/{address}", content=bytes(1001)).status_code == 413
            assert client.post(f"/api/{address}", content=chunks()).status_code == 413
        form = [("files", ("a.json", bytes(1001)))]
        assert client.post("/api/open", files=form).status_code == 413
        many = [("files", (f"{i}.json", b"{}")) for i in range(9)]
        assert client.post("/api/open", files=many).status_code in (400, 413)
        assert list(desk.session.folder.iterdir()) == []


def test_a_length_that_lies_is_refused() -> None:
    with served() as client:
        line = http.client.HTTPConnection("127.0.0.1", client.base_url.port, timeout=10)
        line.putrequest("POST", "/api/picture")
        line.putheader("content-length", str(10**15))
        line.endheaders()
        assert line.getresponse().status == 413
        line.close()


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "SECONDS", 0.2)
    with served() as client:
        line = http.client.HTTPConnection("127.0.0.1", client.base_url.port, timeout=10)
        line.putrequest("POST", "/api/check")
        line.putheader("content-length", "100")
        line.endheaders()
        line.send(b"{")
        answer = line.getresponse()
        assert answer.status == 503
        assert "0.2 seconds" in json.loads(answer.read())["error"]
        line.close()


def test_a_picture_of_too_many_pixels_or_seconds_is_refused() -> None:
    desk = Desk(decoder=Decoder(pixels=1000))
    with served(desk) as client:
        found = posted(client, "api/picture", picture(40, 30), status=422)
        assert "1,200 pixels" in found["error"]
        assert posted(client, "api/picture", picture(30, 30))["width"] == 30
        desk.decoder.seconds = 0.2
        os.kill(desk.decoder._process.pid, signal.SIGSTOP)
        assert "longer" in posted(client, "api/picture", picture(20, 20), status=422)["error"]
        desk.decoder.seconds = 60.0  # the process that was ended is begun anew
        assert posted(client, "api/picture", picture(20, 20))["width"] == 20


def test_a_decoder_that_dies_is_begun_anew() -> None:
    decoder = Decoder()
    try:
        assert decoder.size(picture(20, 10), "a") == (20, 10)
        os.kill(decoder._process.pid, signal.SIGKILL)
        decoder._process.join()
        assert decoder.size(picture(20, 10), "a") == (20, 10)
    finally:
        decoder.close()


def test_too_much_at_once_and_too_slow_are_told() -> None:
    with served() as client:
        answer = client.get("/api/story")
        assert answer.status_code == 200
    import asyncio

    from alexnet.explorer.asking import AskError

    async def ask() -> list[str]:
        workers = Workers("test", threads=1, most=2, seconds=0.2)
        waiting = [workers.run(time.sleep, 0.5) for _ in range(3)]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        workers.close()
        assert all(isinstance(each, AskError) and each.status == 503 for each in found)
        return [str(each) for each in found]

    said = asyncio.run(ask())
    assert sorted({each.split(" ")[0] for each in said}) == ["2", "took"]


def test_elsewhere_than_on_this_machine_there_is_a_token() -> None:
    assert [is_loopback(h) for h in ("127.0.0.1", "localhost", "::1", "127.9.9.9")] == [True] * 4
    assert [is_loopback(h) for h in ("0.0.0.0", "10.0.0.1", "example.org", "")] == [False] * 4
    here, everywhere = place("127.0.0.1", 0), place("0.0.0.0", 0)
    with here.listening, everywhere.listening:
        assert here.token is None
        assert "token" not in here.address
        assert len(everywhere.token or "") >= 32
        assert everywhere.address.startswith("http://127.0.0.1:")
        assert everywhere.address.endswith(f"/?token={everywhere.token}")
        assert everywhere.elsewhere.startswith(f"http://{socket.gethostname()}:")
        assert socket.gethostname().lower() in everywhere.hosts
        assert here.elsewhere == ""
        port = here.listening.getsockname()[1]
        with pytest.raises(ServeError, match="leave out --port"):
            place("127.0.0.1", port)
    with pytest.raises(ServeError, match="leave out --host"):
        place("no such host.", 0)


def test_the_command_serves_and_ends_when_it_is_interrupted() -> None:
    words = [sys.executable, "-m", "alexnet", "explore", "tiny", "--no-browser"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip().split(" ")[-1]
        assert address.startswith("http://127.0.0.1:")
        for _ in range(400):
            try:
                found = httpx.get(f"{address}api/about", timeout=30).json()
                break
            except httpx.ConnectError:
                time.sleep(0.05)
        assert found["start"] == {"network": "tiny", "opened": None, "view": "network"}
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130)


def test_what_is_no_network_is_told_what_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photo.jpg").write_bytes(picture())
    said: list[str] = []
    for what in (str(tmp_path / "photo.jpg"), "nofile", "vgg12"):
        with pytest.raises(SystemExit):
            run(["explore", what, "--no-browser"])
        said.append(capsys.readouterr().err)
    assert "photo.jpg: is a picture; open a network and drop the picture on Look" in said[0]
    assert f"there are: {', '.join(NETWORKS)}\n" in said[1]  # what `alexnet list` lists
    assert "did you mean 'vgg1" in said[2]
