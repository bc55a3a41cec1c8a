"""A server for tests, and a small checkpoint to look with."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from PIL import Image

from alexnet.explorer.answers import Desk
from alexnet.explorer.server import create_app
from alexnet.explorer.session import Opened
from alexnet.formats import Checkpoint
from alexnet.network.arithmetic import network_parameters
from alexnet.network.catalog import get_network
from alexnet.network.codec import to_json
from alexnet.network.contract import InputContract


@contextmanager
def served(desk: Desk | None = None, **options: Any) -> Iterator[httpx.Client]:
    """A client of a server of its own, on a free port of this machine."""
    app = create_app(desk or Desk(), **options)
    config = uvicorn.Config(app, log_level="error", access_log=False, ws="none")
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(2048)
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the server did not begin"
                time.sleep(0.005)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


def got(client: httpx.Client, address: str, status: int = 200) -> Any:
    """The JSON at an address."""
    answer = client.get(f"/{address}")
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def posted(client: httpx.Client, address: str, body: object, status: int = 200) -> Any:
    """The JSON that comes of posting a body: bytes as they are, other values as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post(f"/{address}", content=data)
    assert answer.status_code == status, answer.text[:500]
    return answer.json()


def tiny_checkpoint(seed: int = 0) -> Checkpoint:
    """The catalog's smallest network with drawn weights, which takes grey pictures of 24×24."""
    network, random = get_network("tiny"), np.random.default_rng(seed)
    arrays = {
        p.name: (random.normal(size=p.shape) / np.sqrt(np.prod(p.shape[1:]) or 1)).astype("f4")
        for p in network_parameters(network)
    }
    contract = InputContract(channel_order="grey", pixel_maximum=255.0, mean=(100.0,))
    return Checkpoint(
        network=network, arrays=arrays, contract=contract, classes=tuple("0123456789")
    )


def looking_desk() -> tuple[Desk, str]:
    """A desk with that checkpoint open, and its id."""
    desk, found = Desk(), tiny_checkpoint()
    opened = Opened(name="tiny", format="checkpoint", network=found.network, checkpoint=found)
    desk.start = desk.session.open(opened, pinned=True)
    return desk, desk.start


def picture(width: int = 40, height: int = 30, seed: int = 0) -> bytes:
    """A PNG of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    into = io.BytesIO()
    Image.fromarray(pixels).save(into, "PNG")
    return into.getvalue()


def description(name: str = "paper") -> dict[str, Any]:
    """A catalog network's JSON."""
    return json.loads(to_json(get_network(name)))


def written(folder: Path, name: str, data: bytes) -> Path:
    """A file with that content."""
    path = folder / name
    path.write_bytes(data)
    return path
