"""Mean files, and what definitions say of their pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alexnet import formats
from alexnet.formats import Beside, Checkpoint, FormatError
from alexnet.formats.caffe import read_mean, write_mean
from alexnet.network.contract import InputContract
from formats.caffe_protocol import new
from formats.caffe_small import OLD_TEXT, TEXT, model

IMAGE = np.random.default_rng(0).uniform(0, 255, (3, 8, 9)).astype(np.float32)


def test_a_blob_of_googles_is_the_image_in_it(tmp_path: Path) -> None:
    path = tmp_path / "mean.binaryproto"
    for kind in ("OldBlobProto", "BlobProto"):
        blob = new(kind)
        blob.num, blob.channels, blob.height, blob.width = 1, 3, 8, 9
        blob.data.extend(IMAGE.ravel().tolist())
        path.write_bytes(blob.SerializeToString())
        assert np.array_equal(read_mean(path), IMAGE)


def test_what_is_written_is_googles_blob(tmp_path: Path) -> None:
    path = tmp_path / "mean.binaryproto"
    write_mean(IMAGE, path)
    blob = type(new("BlobProto")).FromString(path.read_bytes())
    assert (blob.num, blob.channels, blob.height, blob.width) == (1, 3, 8, 9)
    assert np.array_equal(np.array(blob.data, np.float32).reshape(3, 8, 9), IMAGE)
    assert np.array_equal(read_mean(path), IMAGE)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numpys_arrays_are_read_in_any_layout(dtype: str, order: str, tmp_path: Path) -> None:
    path = tmp_path / "mean.npy"
    lay_out = np.asfortranarray if order == "F" else np.ascontiguousarray
    array = lay_out(np.round(IMAGE).astype(dtype))
    np.save(path, array)
    assert np.array_equal(read_mean(path), np.round(IMAGE))
    np.save(path, array[None])
    assert np.array_equal(read_mean(path), np.round(IMAGE))


def test_caffes_own_mean_image(shared: Path, tmp_path: Path) -> None:
    path = shared / "data" / "ilsvrc_2012_mean.npy"
    image = read_mean(path)
    assert image.shape == (3, 256, 256)
    # what Caffe's classification example prints for it, blue first
    assert np.allclose(image.mean(axis=(1, 2)), (104.0, 116.7, 122.7), atol=0.1)
    write_mean(image, tmp_path / "mean.binaryproto")
    assert np.array_equal(read_mean(tmp_path / "mean.binaryproto"), image)


def wrong(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        read_mean(path)
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


def test_files_that_hold_no_image_are_told(tmp_path: Path) -> None:
    path = tmp_path / "mean.npy"
    np.save(path, IMAGE)
    whole = path.read_bytes()
    assert "it may be cut short" in wrong(path, whole[:-1])
    assert "is no array of NumPy's" in wrong(path, whole[:40])
    assert "is no array of NumPy's" in wrong(path, whole.replace(b"(3, 8, 9)", b"(3, 2**99)"[:9]))
    claim = whole.replace(b"(3, 8, 9), }    ", b"(3, 99999, 9), }")
    assert "says shape (3, 99999, 9) and holds 864 bytes of numbers" in wrong(path, claim)
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "is no array of NumPy's" in wrong(path, path.read_bytes())
    np.save(path, IMAGE[0])
    assert "holds an array of shape (8, 9); a mean image is" in wrong(path, path.read_bytes())
    np.save(path, np.where(IMAGE > 100, np.nan, IMAGE))
    assert "holds numbers that are not finite" in wrong(path, path.read_bytes())
    assert "the mean holds no numbers" in wrong(path, b"")
    blob = new("BlobProto")
    blob.num, blob.channels, blob.height, blob.width = 1, 3, 1 << 20, 1 << 20
    blob.data.extend([1.0])
    said = wrong(path, blob.SerializeToString())
    assert "says shape 1×3×1048576×1048576 and holds 1 numbers" in said
    with pytest.raises(FormatError, match="cannot be read"):
        read_mean(tmp_path / "none.npy")
    with pytest.raises(FormatError, match=r"a mean image is \(channels, rows, columns\)"):
        write_mean(IMAGE[0], path)


# --- contracts ------------------------------------------------------------------------------------

SMALL_MEANS = "mean_value: 104 mean_value: 117 mean_value: 123"


def opened(folder: Path, transform: str) -> Checkpoint:
    path = folder / "net.caffemodel"
    path.write_bytes(model(TEXT.replace(f"scale: 0.5 {SMALL_MEANS}", transform)))
    return formats.read(path)


def test_scale_and_mean_are_the_contract(tmp_path: Path) -> None:
    """(pixel − mean) · scale, blue first; 1/255 makes white 1, any other is a deviation."""
    assert opened(tmp_path, f"scale: 0.5 {SMALL_MEANS}").contract == InputContract(
        channel_order="BGR", pixel_maximum=255.0, mean=(104, 117, 123), deviation=(2.0,) * 3
    )
    of_one = opened(tmp_path, f"scale: {1 / 255} mean_value: 51").contract
    assert (of_one.pixel_maximum, of_one.deviation) == (1.0, ())
    assert of_one.mean == pytest.approx((0.2,))
    assert opened(tmp_path, "").contract == InputContract(channel_order="BGR", pixel_maximum=255.0)


def test_a_mean_image_is_taken_from_beside_the_model_and_from_nowhere_else(tmp_path: Path) -> None:
    image = np.full((3, 10, 10), 9, np.float32)
    (tmp_path / "below").mkdir()
    write_mean(image, tmp_path / "mean.binaryproto")
    found = opened(tmp_path / "below", 'mean_file: "../mean.binaryproto"')
    assert not found.contract.mean_image
    assert (
        "the mean image ../mean.binaryproto does not lie beside the file; nothing is subtracted"
    ) in found.notes
    write_mean(image, tmp_path / "below" / "mean.binaryproto")
    found = opened(tmp_path / "below", 'mean_file: "/data/ilsvrc12/mean.binaryproto"')
    assert found.contract == InputContract(
        channel_order="BGR", pixel_maximum=255.0, mean_image=True, border_pixels=2
    )
    assert found.mean_image is not None
    assert np.array_equal(found.mean_image, image)


@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 8, 4), (3, 4, 8), (1, 6, 6)])
def test_a_mean_image_that_does_not_fit_is_told(
    shape: tuple[int, int, int], tmp_path: Path
) -> None:
    write_mean(np.zeros(shape, np.float32), tmp_path / "mean.binaryproto")
    found = opened(tmp_path, 'mean_file: "mean.binaryproto"')
    said = "×".join(map(str, shape))
    assert (
        f"the mean image is {said} and the network's pictures are 3×6×6; nothing is subtracted"
    ) in found.notes


def test_means_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    for transform, said in (
        ('mean_value: 1 mean_file: "a"', "has mean_file and mean_value; one of them is subtracted"),
        ("mean_value: 1 mean_value: 2", "has 2 mean_values; pictures have 3 channels"),
        ("scale: 0", "scale is 0; it must be above 0"),
        ("scale: -1", "scale is -1; it must be above 0"),
    ):
        with pytest.raises(FormatError, match=said):
            opened(tmp_path, transform)


def test_a_definition_without_a_mean_takes_what_the_model_was_trained_with(tmp_path: Path) -> None:
    """As a deploy definition beside a snapshot of training."""
    write_mean(np.full((3, 8, 8), 9, np.float32), tmp_path / "mean.binaryproto")
    deploy, weights = tmp_path / "deploy.prototxt", tmp_path / "trained.caffemodel"
    deploy.write_text(OLD_TEXT, encoding="utf-8")
    snapshot = OLD_TEXT.replace(
        'input: "data" input_dim: 1 input_dim: 3 input_dim: 6 input_dim: 6',
        'layers { name: "data" type: DATA top: "data" top: "label" include { phase: TRAIN }'
        ' transform_param { crop_size: 6 mirror: true mean_file: "x/mean.binaryproto" } }',
    )
    weights.write_bytes(model(snapshot))
    found = formats.read(deploy, beside=Beside(weights=weights))
    assert found.contract == InputContract(
        channel_order="BGR", pixel_maximum=255.0, mean_image=True, border_pixels=1
    )
    assert "what is done to pictures is what the data layer of the model says" in found.notes
    assert formats.read(weights).contract == found.contract
    weights.write_bytes(model(OLD_TEXT))
    found = formats.read(deploy, beside=Beside(weights=weights))
    assert "the file says no mean of its pictures; nothing is subtracted" in found.notes
