"""Every odd picture is decoded rightly or refused with its reason; never anything else."""

import io
import pickle
import random
import struct
import time
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from alexnet.images.decode import LARGEST_PICTURE, PictureError, _decode_plain_jpeg, decode, fit
from alexnet.images.preparing.record import square

Encode = Callable[..., bytes]


def pillow_pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def refusal(data: bytes, name: str = "folder/a.jpg") -> str:
    with pytest.raises(PictureError) as caught:
        decode(data, name)
    assert caught.value.name == name
    assert str(caught.value) == f"{name}: {caught.value.reason}"
    return caught.value.reason


def test_plain_png_comes_back_as_it_was(photograph: np.ndarray, encode: Encode) -> None:
    decoded = decode(encode(photograph, "PNG"), "a.png")
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, photograph)


@pytest.mark.parametrize("format", ["BMP", "TIFF", "PPM", "WEBP", "GIF"])
def test_every_format_gives_pillows_pixels(
    format: str, photograph: np.ndarray, encode: Encode
) -> None:
    data = encode(photograph, format)
    np.testing.assert_array_equal(decode(data, "a"), pillow_pixels(data))


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (16, 16), (33, 47)])
def test_the_fast_jpeg_path_gives_pillows_pixels(
    subsampling: str, progressive: bool, size: tuple[int, int], encode: Encode
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    for quality in (30, 75, 98):
        options = {"subsampling": subsampling, "progressive": progressive, "quality": quality}
        data = encode(picture, "JPEG", **options)
        fast = _decode_plain_jpeg(data)
        assert fast is not None
        np.testing.assert_array_equal(fast, pillow_pixels(data))


def test_grey_jpeg_is_spread_to_three_equal_channels(encode: Encode) -> None:
    grey = np.tile(np.arange(0, 240, 10, dtype=np.uint8), (24, 1))
    data = encode(grey, "JPEG", quality=100)
    decoded = decode(data, "a.jpg")
    np.testing.assert_array_equal(decoded, pillow_pixels(data))
    np.testing.assert_array_equal(decode(data, "a.jpg", channels=1), decoded[:, :, :1])


def test_one_channel_is_the_luma_of_601(photograph: np.ndarray, encode: Encode) -> None:
    decoded = decode(encode(photograph, "PNG"), "a.png", channels=1)
    expected = photograph @ np.array([299, 587, 114]) / 1000
    assert decoded.shape == (40, 56, 1)
    assert np.abs(decoded[:, :, 0] - expected).max() <= 0.51


def test_adobe_cmyk_jpeg_keeps_its_colours(encode: Encode) -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    data = encode(red, "JPEG", quality=100)
    assert b"Adobe" in data
    np.testing.assert_allclose(decode(data, "a.jpg")[8, 8], [255, 0, 0], atol=3)


def test_cmyk_jpeg_without_an_adobe_marker_is_not_inverted(encode: Encode) -> None:
    inverted_red = Image.new("CMYK", (16, 16), (255, 0, 0, 255))
    data = encode(inverted_red, "JPEG", quality=100)
    start = data.index(b"\xff\xee")
    length = 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    plain = data[:start] + data[start + length :]
    np.testing.assert_allclose(decode(plain, "a.jpg")[8, 8], [255, 0, 0], atol=3)


def test_cmyk_tiff_is_not_inverted(encode: Encode) -> None:
    data = encode(Image.new("CMYK", (4, 4), (255, 0, 0, 0)), "TIFF")
    np.testing.assert_array_equal(decode(data, "a.tif")[0, 0], [0, 255, 255])


def test_palette_with_transparency_lies_on_white(encode: Encode) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    for transparency in (1, bytes([255, 0])):
        data = encode(image, "PNG", transparency=transparency)
        np.testing.assert_array_equal(decode(data, "a.png"), [[[10, 20, 30], [255, 255, 255]]])


def test_half_transparent_black_on_white_is_middle_grey(encode: Encode) -> None:
    for image in (Image.new("RGBA", (3, 3), (0, 0, 0, 128)), Image.new("LA", (3, 3), (0, 128))):
        decoded = decode(encode(image, "PNG"), "a.png")
        assert decoded.shape == (3, 3, 3)
        assert np.unique(decoded).tolist() == [127]


def test_a_transparent_colour_of_a_png_is_white(encode: Encode) -> None:
    picture = np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8)
    data = encode(picture, "PNG", transparency=(1, 2, 3))
    np.testing.assert_array_equal(decode(data, "a.png"), [[[255, 255, 255], [4, 5, 6]]])


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_is_scaled_not_clipped(format: str, encode: Encode) -> None:
    samples = np.array([[0, 255, 256, 32_768, 65_535]], dtype=np.uint16)
    decoded = decode(encode(samples, format), "a", channels=1)
    assert decoded[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def png_chunks(header: bytes, rows: bytes) -> bytes:
    """A PNG written by its specification, for what Pillow does not write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def sixteen_bit_rgb_png(samples: np.ndarray) -> bytes:
    height, width, _ = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    return png_chunks(struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0), rows)


def test_sixteen_bit_colour_is_scaled_like_sixteen_bit_grey() -> None:
    data = sixteen_bit_rgb_png(np.array([[[0, 256, 65_535], [32_768, 255, 513]]]))
    np.testing.assert_array_equal(decode(data, "a.png"), [[[0, 1, 255], [128, 0, 2]]])


def test_one_bit_is_black_and_white(encode: Encode) -> None:
    bits = np.array([[True, False, True]])
    for format in ("PNG", "TIFF", "BMP", "PPM"):
        decoded = decode(encode(bits, format), "a", channels=1)
        assert decoded[0, :, 0].tolist() == [255, 0, 255]


@pytest.mark.parametrize(("dtype", "kind"), [(np.float32, "floating-point"), (np.int32, "32-bit")])
def test_samples_of_unstated_range_are_refused(dtype: type, kind: str, encode: Encode) -> None:
    data = encode(np.zeros((2, 2), dtype=dtype), "TIFF")
    assert kind in refusal(data) and "range" in refusal(data)


ORIENTED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", ORIENTED)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_orientation_is_applied_once(
    orientation: int, format: str, photograph: np.ndarray, encode: Encode
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    expected = ORIENTED[orientation](pillow_pixels(encode(photograph, format)))
    data = encode(photograph, format, exif=exif)
    np.testing.assert_array_equal(decode(data, "a"), expected)


def test_orientation_in_xmp_is_applied(photograph: np.ndarray, encode: Encode) -> None:
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    data = encode(photograph, "JPEG", xmp=xmp)
    assert decode(data, "a.jpg").shape == (56, 40, 3)


def test_damaged_exif_leaves_the_picture_as_stored(photograph: np.ndarray, encode: Encode) -> None:
    data = encode(photograph, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode(data, "a.jpg"), pillow_pixels(encode(photograph, "JPEG")))


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_counts(format: str, encode: Encode) -> None:
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    options = {"lossless": True} if format == "WEBP" else {}
    data = encode(first, format, save_all=True, append_images=[second], **options)
    np.testing.assert_array_equal(decode(data, "a")[0, 0], [255, 0, 0])


def test_content_and_not_the_name_decides(photograph: np.ndarray, encode: Encode) -> None:
    decoded = decode(encode(photograph, "PNG"), "n02105855_2933.JPEG")
    np.testing.assert_array_equal(decoded, photograph)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_data_cut_at_any_length_are_refused_or_whole(
    format: str, photograph: np.ndarray, encode: Encode
) -> None:
    data = encode(photograph, format)
    whole = decode(data, "a")
    for length in range(len(data)):
        try:
            decoded = decode(data[:length], "a")
        except PictureError:
            continue
        # The last few bytes may be a checksum and an end marker: the pixels are all there.
        assert len(data) - length <= 24
        np.testing.assert_array_equal(decoded, whole)


def test_progressive_jpeg_cut_short_is_refused(photograph: np.ndarray, encode: Encode) -> None:
    data = encode(photograph, "JPEG", progressive=True)
    assert "truncated" in refusal(data[: len(data) // 2])


def promise(side: int) -> bytes:
    """A PNG that promises side x side grey pixels in its header, and holds none of them."""
    return png_chunks(struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0), b"")


@pytest.mark.parametrize("side", [10_001, 12_000, 40_000])  # 40,000: an exception inside Pillow
def test_a_bomb_is_refused_by_its_promise_alone(side: int) -> None:
    assert f"more than {LARGEST_PICTURE:,} pixels" in refusal(promise(side))


def test_a_jpeg_bomb_is_refused(encode: Encode) -> None:
    data = encode(np.zeros((8, 8, 3), np.uint8), "JPEG")
    start = data.index(b"\xff\xc0") + 5
    data = data[:start] + struct.pack(">HH", 65_000, 65_000) + data[start + 4 :]
    assert "pixels" in refusal(data)


@pytest.mark.parametrize(("scans", "refused"), [(20, False), (4_000, True)])
def test_a_jpeg_of_thousands_of_scans_is_refused_unscanned(
    scans: int, refused: bool, encode: Encode
) -> None:
    """Each is some bytes that say nothing new of any block, and is walked over all of them."""
    data = encode(np.zeros((512, 512), np.uint8), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    data = data[:last] + data[last:-2] * scans + b"\xff\xd9"
    began = time.process_time()
    if refused:
        assert "says its 512 x 512 pixels in too many scans" in refusal(data)
        with pytest.raises(PictureError, match="too many scans"):
            square(data, "a.jpg", 128)  # small enough to be decoded at half the size
        assert time.process_time() - began < 0.5
    else:
        np.testing.assert_array_equal(decode(data, "a.jpg"), np.zeros((512, 512, 3), np.uint8))


def test_nothing_and_non_pictures_are_refused() -> None:
    assert refusal(b"") == "is empty (0 bytes)"
    for data in (b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg/>", bytes(1000)):
        assert "not a picture in a known format" in refusal(data)


def test_a_picture_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(PictureError("a.jpg", "is empty")))
    assert (error.name, error.reason) == ("a.jpg", "is empty")


def test_mutated_files_are_decoded_or_refused(photograph: np.ndarray, encode: Encode) -> None:
    chance = random.Random(2012)
    originals = [encode(photograph, "JPEG"), encode(photograph, "PNG")]
    decoded = 0
    for trial in range(300):
        data = bytearray(originals[trial % 2])
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            picture = decode(bytes(data), f"mutant {trial}")
        except PictureError:
            continue
        decoded += 1
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
    assert 0 < decoded < 300


def test_no_warning_leaks_and_the_filters_are_restored(encode: Encode) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    small = encode(Image.new("RGB", (9, 9)), "PNG", exif=exif)
    tasks = [promise(9_600), small, b"no picture"] * 4  # Pillow warns from 89 million pixels on

    def attempt(data: bytes) -> None:
        try:
            decode(data, "a")
        except PictureError as error:
            assert "known format" in error.reason or "truncated" in error.reason

    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as executor:
        list(executor.map(attempt, tasks))
    assert warnings.filters == before


@pytest.mark.parametrize(("height", "width"), [(300, 200), (37, 91), (5, 3), (256, 255), (2, 900)])
@pytest.mark.parametrize("channels", [1, 3])
def test_fit_is_resize_then_central_crop(height: int, width: int, channels: int) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (height, width, channels)).astype(np.uint8)
    side = 64
    image = Image.fromarray(picture[:, :, 0] if channels == 1 else picture)
    scale = side / min(height, width)
    size = (int(width * scale + 0.5), int(height * scale + 0.5))
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    expected = image.resize(size, Image.Resampling.BICUBIC)
    expected = np.asarray(expected.crop((left, top, left + side, top + side)))
    # Pillow rounds a filter tap differently once in a while when it starts at a fraction.
    difference = fit(picture, side).astype(int) - expected.reshape(side, side, channels)
    assert np.abs(difference).max() <= 1 and (difference != 0).mean() < 0.001


def test_fit_leaves_a_picture_of_the_right_size_alone(photograph: np.ndarray) -> None:
    square = photograph[:32, :32]
    assert fit(square, 32) is square


def test_fit_takes_a_needle_without_blowing_it_up() -> None:
    needle = np.full((1, 1_000_000, 3), 7, dtype=np.uint8)
    assert fit(needle, 256).shape == (256, 256, 3)
    assert np.unique(fit(np.full((1, 1, 1), 9, np.uint8), 8)).tolist() == [9]
