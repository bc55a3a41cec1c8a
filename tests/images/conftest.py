"""What the tests of the pictures share: odd picture files made on the spot, and the real data."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def shared_data() -> Path:
    """The folder of real pictures beside the repository, or the test is skipped."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real pictures are not here: {folder} does not exist")
    return folder


@pytest.fixture
def photograph() -> np.ndarray:
    """A smooth RGB picture of 40 x 56 with something in every channel."""
    rows, columns = np.mgrid[0:40, 0:56]
    planes = (rows * 6, columns * 4, (rows + columns) * 2)
    return np.stack(planes, axis=2).clip(0, 255).astype(np.uint8)


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """Write an array or a Pillow image as a file of the given format, to bytes."""

    def encode(picture: np.ndarray | Image.Image, format: str, **options: Any) -> bytes:
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        file = io.BytesIO()
        image.save(file, format, **options)
        return file.getvalue()

    return encode
