"""What a training set's pixels are on the whole: the mean image, and how the colours vary.

Sums are whole numbers, so that they come out the same however the pictures were shared out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np


class Sums:
    """Running sums over uint8 pictures (side, side, 3), exact for up to 2^24 of them.

    count is the number of pictures, image uint32 (side, side, 3) their sum, products int64 (3, 3)
    the sums over all pixels of the products of two channels.
    """

    def __init__(self, side: int) -> None:
        """Begin at zero."""
        self.count = 0
        self.image = np.zeros((side, side, 3), np.uint32)
        self.products = np.zeros((3, 3), np.int64)

    def add(self, picture: np.ndarray) -> None:
        """Count a picture, uint8 (side, side, 3)."""
        self.count += 1
        self.image += picture
        self.products += channel_products(picture)

    def merge(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Add the sums of other pictures, as `arrays` gives them."""
        self.count += int(arrays["count"][0])
        self.image += arrays["image"]
        self.products += arrays["products"]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the sums as arrays, to be written."""
        return {
            "count": np.array([self.count], np.int64),
            "image": self.image,
            "products": self.products,
        }


def channel_products(picture: np.ndarray) -> np.ndarray:
    """Return int64 (3, 3): sums over the pixels of uint8 (H, W, 3) of two channels' product."""
    # A float32 holds whole numbers to 2^24, which 256 products of bytes (at most 65,025) are under.
    pixels = picture.reshape(-1, 3)
    whole = len(pixels) // 256 * 256
    planes = np.ascontiguousarray(pixels[:whole].T, np.float32).reshape(3, -1, 256)
    rest = pixels[whole:].astype(np.int64)
    products = rest.T @ rest
    for i in range(3):
        for j in range(i, 3):
            rows = np.einsum("rp,rp->r", planes[i], planes[j])
            products[i, j] += int(rows.sum(dtype=np.float64))
            products[j, i] = products[i, j]
    return products


@dataclass(frozen=True, eq=False)
class Statistics:
    """Statistics of N pictures of one size; pixels are 0..255, channels red, green, blue.

    Attributes:
        mean_image: float32 (3, side, side), from exact sums.
        channel_mean, channel_deviation: float64 (3,), over all pixels of all pictures; the
            deviation is that of the pixels at hand (divided by their number, not by one less).
        colour_covariance: float64 (3, 3), of the pixels' colours about channel_mean.
        colour_eigenvalues: float64 (3,), rising; the variances along the principal components.
        colour_eigenvectors: float64 (3, 3), one a column, of length 1; the largest component of
            each is positive. With the deviations what section 4.1 of the paper calls p and lambda.
        colour_deviations: float64 (3,), the roots of the eigenvalues, by which 2012's colour noise
            was scaled (semantics file, section 12).
    """

    mean_image: np.ndarray
    channel_mean: np.ndarray
    channel_deviation: np.ndarray
    colour_covariance: np.ndarray
    colour_eigenvalues: np.ndarray
    colour_eigenvectors: np.ndarray
    colour_deviations: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by name, contiguous, to be written."""
        return {
            entry.name: np.ascontiguousarray(getattr(self, entry.name)) for entry in fields(self)
        }


def statistics(sums: Sums) -> Statistics:
    """Return the statistics that exact sums come to."""
    assert sums.count > 0, "there are no statistics of no pictures"
    assert sums.count <= 2**24, f"{sums.count:,} pictures may have overflowed the sums' 32 bits"
    pixels = sums.count * sums.image.shape[0] * sums.image.shape[1]
    totals = [int(total) for total in sums.image.sum((0, 1), dtype=np.int64)]
    covariance = exact_covariance(totals, sums.products.tolist(), pixels)
    eigenvalues, vectors = components(covariance)
    return Statistics(
        mean_image=(sums.image / sums.count).astype(np.float32).transpose(2, 0, 1),
        channel_mean=np.array([total / pixels for total in totals]),
        channel_deviation=np.sqrt(covariance.diagonal()),
        colour_covariance=covariance,
        colour_eigenvalues=eigenvalues,
        colour_eigenvectors=vectors,
        colour_deviations=np.sqrt(eigenvalues),
    )


def exact_covariance(
    totals: Sequence[int], products: Sequence[Sequence[int]], count: int
) -> np.ndarray:
    """Return float64 (C, C), the covariance of `count` colours about their mean.

    Args:
        totals: the sum of each channel.
        products: the sums of the products of two channels.
        count: of the colours; the sums are divided by it, not by one less.
    """
    # Python's whole numbers have no largest one, and their quotient is rounded only once.
    channels = range(len(totals))
    return np.array(
        [
            [(products[i][j] * count - totals[i] * totals[j]) / count**2 for j in channels]
            for i in channels
        ]
    )


def components(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the variances of the principal components, float64 (C,), rising, and their directions,
    float64 (C, C), one a column, of length 1, its largest element positive.
    """
    eigenvalues, vectors = np.linalg.eigh(covariance)
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(0)[None], 0)
    return eigenvalues.clip(min=0), vectors * np.where(largest < 0, -1.0, 1.0)
