"""The bytes of one picture file become an array of pixels, or one sentence that says why not.

It knows nothing of labels or folders: `sources` finds the bytes, `pictures` collects the arrays.
"""

import io
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import simplejpeg
from PIL import Image, ImageChops, UnidentifiedImageError

LARGEST_PICTURE = 100_000_000
"""Pixels (width x height) above which a picture is refused before any of them is decoded."""

LARGEST_WORK = 10 * LARGEST_PICTURE
"""Pixels times scans above which a JPEG is refused. Programs write some ten scans; a file can have
thousands of a few bytes each, and each is walked over all pixels again."""

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
"""The formats that are tried, by content; Pillow's others (EPS starts a program) are not."""

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's decoders raise on damaged data: found by fuzzing, since it documents only OSError.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)


class PictureError(ValueError):
    """A picture that cannot be shown to a network: which one (`name`) and why (`reason`)."""

    def __init__(self, name: str, reason: str) -> None:
        """Keep the name and the reason apart, for reports that list many."""
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        """Return "name: reason"."""
        return f"{self.name}: {self.reason}"


def decode(data: bytes, name: str, *, channels: int = 3) -> np.ndarray:
    """Decode a picture file into uint8 (height, width, channels), upright and opaque.

    channels is 3 (RGB) or 1 (grey: ITU-R 601 luma, as Pillow's mode L). The content decides the
    format, not the name. Greyscale, palette and 1-bit pictures are spread to RGB; transparency is
    laid on white; CMYK is converted without a colour profile, inverted first where an Adobe
    marker says so; of 16-bit samples the upper 8 bits are kept; the EXIF orientation is applied;
    of an animation the first frame counts. Damaged EXIF leaves the picture as it is stored.

    Raises PictureError, and nothing else, for what is empty, truncated, damaged, not a picture in
    one of FORMATS, larger than LARGEST_PICTURE or LARGEST_WORK, or in floating-point or 32-bit
    samples (their range from black to white is not written in the file). A JPEG whose damage
    libjpeg conceals, such as a few bad bytes between its blocks, is decoded as every other viewer
    shows it.
    """
    assert channels in (1, 3), f"channels is {channels}; a picture has 1 (grey) or 3 (RGB)"
    if not data:
        raise PictureError(name, "is empty (0 bytes)")
    pixels = _decode_plain_jpeg(data)
    if pixels is None:
        pixels = _decode_with_pillow(data, name)
    return with_channels(pixels, channels)


def with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Turn uint8 (height, width, 1 or 3) into the same picture with 1 or 3 channels."""
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    return np.array(Image.fromarray(pixels).convert("L"))[:, :, np.newaxis]


def is_scanned_too_often(data: bytes, pixels: int) -> bool:
    """Whether a JPEG of so many pixels is beyond LARGEST_WORK, by the markers where scans begin."""
    return pixels * data.count(b"\xff\xda") > LARGEST_WORK


def fit(picture: np.ndarray, side: int) -> np.ndarray:
    """Scale the shorter side to `side` pixels and keep the central square, as section 2 says.

    Takes and returns uint8 (height, width, channels). The scaling is Pillow's antialiased bicubic
    and enlarges tiny pictures too; a picture that is already side x side comes back as it is.
    """
    height, width, channels = picture.shape
    if height == width == side:
        return picture
    shorter = min(height, width)
    left, right = central_span(width, shorter, side)
    top, bottom = central_span(height, shorter, side)
    image = Image.fromarray(picture if channels == 3 else picture[:, :, 0])
    # Resizing only the square's own box gives the pixels of resize-then-crop (but for a rare last
    # bit), and a picture of 1 x 1,000,000 never becomes 256 x 256,000,000 on the way.
    square = image.resize((side, side), Image.Resampling.BICUBIC, box=(left, top, right, bottom))
    return np.array(square).reshape(side, side, channels)


def central_span(length: int, shorter: int, side: int) -> tuple[float, float]:
    """The part of a side that ends up in the central square, in pixels of the original."""
    scaled = max(side, (2 * length * side + shorter) // (2 * shorter))
    first = (scaled - side) // 2
    return first * length / scaled, min(float(length), (first + side) * length / scaled)


def _decode_plain_jpeg(data: bytes) -> np.ndarray | None:
    """Decode a sound JPEG without metadata four times as fast as Pillow, to the same pixels.

    None means that Pillow is to judge: another format, CMYK, EXIF or XMP (an APP1 segment, which
    may hold an orientation), too many pixels or scans, or the slightest irregularity.
    """
    if not data.startswith(b"\xff\xd8") or b"\xff\xe1" in data:
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        pixels = int(height) * int(width)
        if colours not in ("YCbCr", "Gray") or pixels > LARGEST_PICTURE:
            return None
        if is_scanned_too_often(data, pixels):
            return None
        return simplejpeg.decode_jpeg(data, "GRAY" if colours == "Gray" else "RGB")
    except ValueError:
        return None


def _decode_with_pillow(data: bytes, name: str) -> np.ndarray:
    too_large = f"has more than {LARGEST_PICTURE:,} pixels, the most that are decoded"
    try:
        with quiet_pillow(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > LARGEST_PICTURE:
                raise PictureError(name, too_large)
            of_jpeg = data.startswith(b"\xff\xd8") or image.info.get("compression") == "jpeg"
            if of_jpeg and is_scanned_too_often(data, image.width * image.height):
                reason = f"says its {image.width:,} x {image.height:,} pixels in too many scans"
                raise PictureError(name, f"{reason}; save it anew, as a baseline JPEG say")
            return _pixels(image, name)
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise PictureError(name, too_large) from None
    except UnidentifiedImageError:
        reason = f"is not a picture in a known format ({', '.join(FORMATS)})"
        raise PictureError(name, reason) from None
    except _DAMAGE as error:
        reason = f"cannot be decoded: {str(error) or type(error).__name__}"
        raise PictureError(name, reason) from error


def _pixels(image: Image.Image, name: str) -> np.ndarray:
    """The upright, opaque 8-bit pixels of an opened picture, (height, width, 1 or 3)."""
    image.load()
    if 0 in image.size:
        raise PictureError(name, f"has no pixels ({image.width} x {image.height})")
    plain = _upright(_opaque(_eight_bits(image, name)), _orientation(image))
    pixels = np.array(plain if plain.mode == "L" else plain.convert("RGB"))
    return pixels.reshape(plain.height, plain.width, -1)


def _eight_bits(image: Image.Image, name: str) -> Image.Image:
    """The picture with 8-bit samples; Pillow itself does this for 16-bit colour, by `>> 8`."""
    # Pillow before 11 opens 16-bit grey PNG and PNM files with 32-bit samples.
    sixteen_bits = image.mode.startswith("I;16") or (image.mode == "I" and image.format != "TIFF")
    if sixteen_bits:
        return _upper_bytes(image)
    if image.mode in ("I", "F"):
        kind = "32-bit integer" if image.mode == "I" else "floating-point"
        reason = f"has {kind} samples, whose range from black to white is not stated"
        raise PictureError(name, f"{reason}; save it with 8 or 16 bits")
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        # Pillow takes every CMYK JPEG for an inverted one, which only the Adobe marker tells.
        return ImageChops.invert(image)
    return image


def _upper_bytes(image: Image.Image) -> Image.Image:
    samples = np.asarray(image)
    grey = (samples.clip(0, 65_535) >> 8).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[samples == transparent] = 255
    return Image.fromarray(grey)


def _opaque(image: Image.Image) -> Image.Image:
    """The picture as L or RGB, its transparent parts laid on white."""
    if image.has_transparency_data:
        canvas = Image.new("RGBA", image.size, "white")
        canvas.alpha_composite(image.convert("RGBA"))
        return canvas.convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _orientation(image: Image.Image) -> object:
    """The EXIF (or XMP) orientation; None when there is none or its block is damaged."""
    try:
        return image.getexif().get(_ORIENTATION_TAG)
    except _DAMAGE:
        return None


def _upright(image: Image.Image, orientation: object) -> Image.Image:
    if not isinstance(orientation, int) or orientation not in _UPRIGHT:
        return image
    return image.transpose(_UPRIGHT[orientation])


class _Quiet:
    """How many threads want Pillow's warnings ignored, and what stood before the first of them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.depth = 0
        self.before = warnings.catch_warnings()


_quiet = _Quiet()


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Ignore warnings raised inside Pillow; what matters becomes a PictureError instead.

    The filters of `warnings` belong to the whole process, so that threads which each save and
    restore them leave them in disorder: the first one in saves, the last one out restores.
    """
    with _quiet.lock:
        if _quiet.depth == 0:
            _quiet.before = warnings.catch_warnings()
            _quiet.before.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.")
        _quiet.depth += 1
    try:
        yield
    finally:
        with _quiet.lock:
            _quiet.depth -= 1
            if _quiet.depth == 0:
                _quiet.before.__exit__(None, None, None)
