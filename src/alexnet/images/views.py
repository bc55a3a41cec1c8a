"""Which part of a picture a network is shown: crops, mirror images, and what is subtracted.

Everything is batched, on tensors (N, C, H, W), and draws only from the generator it is given.
"""

import numpy as np
import torch

from alexnet.images.statistics import components, exact_covariance

_CHUNK = 1024
_PART = 2**22  # numbers of which a float64 copy is made at a time


def generator(seed: int, *position: int) -> torch.Generator:
    """Return a CPU generator for one place in a run, such as (seed, epoch, step).

    Each (seed, position) has its own stream, mixed by NumPy's SeedSequence: neighbouring seeds and
    steps have nothing in common, () differs from (0,), and a resumed run draws what an
    uninterrupted one would have drawn. Each position is 0 or more and less than 2**32.
    """
    assert seed >= 0, f"seed is {seed}; it must not be negative"
    assert all(0 <= place < 2**32 for place in position), f"{position} is not within 0 .. 2**32"
    mixed = np.random.SeedSequence(seed, spawn_key=position).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(mixed[0]))


def random_crop(
    images: torch.Tensor,
    size: int,
    *,
    padding: int,
    generator: torch.Generator,
    fill: torch.Tensor | None = None,
    chunk: int = 1,
) -> torch.Tensor:
    """Crop (N, C, H, W) to (N, C, size, size), each image at an offset of its own, or each `chunk`
    of consecutive images (32 in 2012: semantics file, section 12) at one.

    Every offset 0 .. H + 2 x padding - size is equally likely in each direction, as in section 4.1
    of the paper (33 x 33 of them for 224 of 256). `fill` stands in the padding and is broadcast to
    (C, H + 2 x padding, W + 2 x padding); None is 0. The mean image there, padded likewise, is what
    a padding with zeros after the mean was subtracted comes to. Type and memory format are kept.
    """
    canvas = _padded(images, padding, fill)
    count, _, height, width = canvas.shape
    assert 0 < size <= min(height, width), f"a crop of {size} does not fit {height} x {width}"
    top = _draw(height - size + 1, count, generator, chunk).to(images.device)
    left = _draw(width - size + 1, count, generator, chunk).to(images.device)
    windows = canvas.unfold(2, size, 1).unfold(3, size, 1)  # a view: (N, C, top, left, size, size)
    crops = windows[torch.arange(count, device=images.device), :, top, left]
    return crops.contiguous(memory_format=_memory_format(images))


def mirror(images: torch.Tensor, *, generator: torch.Generator, chunk: int = 1) -> torch.Tensor:
    """Turn each of (N, C, H, W), or each `chunk` of them, left to right with probability 1/2."""
    turned = _draw(2, len(images), generator, chunk).to(images.device, torch.bool)
    return torch.where(turned[:, None, None, None], images.flip(3), images)


def centre_crop(images: torch.Tensor, size: int) -> torch.Tensor:
    """Return the central size x size of (..., H, W), a view; odd remainders go right and below."""
    return _centre(images, size, size)


def mean_image(images: torch.Tensor) -> torch.Tensor:
    """Return the float32 (C, H, W) mean of uint8 (N, C, H, W), exact up to its last rounding."""
    assert len(images) > 0, "there is no mean of no images"
    total = torch.zeros(images.shape[1:], dtype=torch.int64, device=images.device)
    for chunk in images.split(_CHUNK):
        total += chunk.sum(0, dtype=torch.int64)
    return (total.double() / len(images)).float()


def channel_statistics(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the float32 (C,) mean and standard deviation of uint8 (N, C, H, W), on 0..255.

    The deviation is that of the pixels at hand (divided by their number, not by one less). Both
    are computed from integer counts of the 256 values.
    """
    assert len(images) > 0, "there are no statistics of no images"
    counts = torch.zeros(images.shape[1], 256, dtype=torch.int64)
    for chunk in images.split(_CHUNK):
        for channel in range(images.shape[1]):
            counts[channel] += chunk[:, channel].flatten().bincount(minlength=256).cpu()
    values = torch.arange(256, dtype=torch.float64)
    weights = counts.double() / counts.sum(1, keepdim=True)
    mean = weights @ values
    variance = (weights * (values - mean[:, None]).square()).sum(1)
    return mean.float(), variance.sqrt().float()


def colour_components(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the principal components of the colours of all pixels of uint8 (N, C, H, W), 0..255.

    float64 eigenvalues (C,) of the covariance, rising, and its eigenvectors (C, C), column by
    column, each with its largest element positive. The covariance (divided by the number of pixels)
    comes from whole-number sums.
    """
    assert len(images) > 0, "there are no colours of no images"
    channels, pixels = images.shape[1], images[:, 0].numel()
    sums = torch.zeros(channels, dtype=torch.int64)
    products = torch.zeros(channels, channels, dtype=torch.int64)
    for part in images.split(max(1, _PART // images[0].numel())):
        colours = part.transpose(0, 1).flatten(1).double().cpu()
        sums += colours.sum(1).long()
        products += (colours @ colours.T).long()  # exact: far below 2**53
    covariance = exact_covariance(sums.tolist(), products.tolist(), pixels)
    values, vectors = components(covariance)
    # by columns in memory, since the last bits of a product depend on it
    return torch.from_numpy(values), torch.from_numpy(vectors.T.copy()).T


def colour_noise(
    images: torch.Tensor,
    spread: torch.Tensor,
    *,
    strength: float,
    shrink: bool,
    generator: torch.Generator,
) -> torch.Tensor:
    """Add strength x spread a to every pixel of each of (N, C, H, W), a ~ N(0, I) drawn for each.

    The columns of spread (C, C) are colour components, each as long as it is to vary (section 4.1
    of the paper). With `shrink` the sum is divided by 1 + strength, as in 2012 (cuda-convnet's
    convdata.py; semantics file, section 12). A strength of 0 draws nothing and changes nothing.
    """
    if strength == 0:
        return images
    count, channels = images.shape[:2]
    drawn = torch.randn(count, channels, generator=generator, device=generator.device)
    noise = drawn.to(images.device) @ spread.to(images).T
    shown = images + strength * noise[:, :, None, None]
    return shown / (1 + strength) if shrink else shown


def normalise(
    images: torch.Tensor,
    *,
    mean: torch.Tensor | float,
    std: torch.Tensor | float = 1.0,
    scale: float = 1.0,
) -> torch.Tensor:
    """Return float32 (images x scale - mean) / std of (N, C, H, W).

    mean and std are numbers, (C,), (C, 1, 1), or images (C, height, width) of which the centre
    crop is taken where they are larger: whatever place a crop was cut from, the centre of the mean
    image is subtracted, as in 2012 (cuda-convnet's convdata.py; semantics file, section 12). They
    are in the units of images x scale. The memory format is kept.
    """
    shown = images.float() if scale == 1.0 else images.float() * scale
    shown = shown - _broadcastable(mean, shown)
    return shown if isinstance(std, float) and std == 1.0 else shown / _broadcastable(std, shown)


def _broadcastable(value: torch.Tensor | float, images: torch.Tensor) -> torch.Tensor:
    tensor = torch.as_tensor(value, dtype=torch.float32, device=images.device)
    if tensor.ndim == 1:
        return tensor[:, None, None]
    assert tensor.ndim in (0, 3), f"{tuple(tensor.shape)} is no number, (C,) or (C, height, width)"
    if tensor.ndim == 0 or tensor.shape[1:] == (1, 1):
        return tensor
    return _centre(tensor, *images.shape[-2:])


def _centre(images: torch.Tensor, height: int, width: int) -> torch.Tensor:
    whole_height, whole_width = images.shape[-2:]
    fits = 0 < height <= whole_height and 0 < width <= whole_width
    assert fits, f"a crop of {height} x {width} does not fit {whole_height} x {whole_width}"
    top, left = (whole_height - height) // 2, (whole_width - width) // 2
    return images[..., top : top + height, left : left + width]


def _padded(images: torch.Tensor, padding: int, fill: torch.Tensor | None) -> torch.Tensor:
    assert padding >= 0, f"padding is {padding}; it must not be negative"
    if padding == 0:
        return images
    count, channels, height, width = images.shape
    shape = (count, channels, height + 2 * padding, width + 2 * padding)
    canvas = images.new_zeros(shape) if fill is None else images.new_empty(shape)
    if fill is not None:
        canvas[:] = _fill_image(fill, images)
    canvas[:, :, padding : padding + height, padding : padding + width] = images
    return canvas


def _fill_image(fill: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    assert fill.dtype == images.dtype, f"fill is {fill.dtype}, the images are {images.dtype}"
    fill = fill[:, None, None] if fill.ndim == 1 else fill
    return fill.to(images.device)


def _draw(below: int, count: int, generator: torch.Generator, chunk: int) -> torch.Tensor:
    """`count` whole numbers 0 .. below - 1, one for each `chunk`, drawn where the generator lives.

    The last chunk may be smaller.
    """
    assert chunk >= 1, f"a chunk is {chunk} pictures; it must be at least 1"
    drawn = torch.randint(
        below, (-(-count // chunk),), generator=generator, device=generator.device
    )
    return drawn if chunk == 1 else drawn.repeat_interleave(chunk)[:count]


def _memory_format(images: torch.Tensor) -> torch.memory_format:
    last = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format
