"""Views against their closed forms: which pixels, how often, in which memory format."""

import numpy as np
import pytest
import torch

from alexnet.images import views
from alexnet.images.views import (
    centre_crop,
    channel_statistics,
    colour_components,
    colour_noise,
    generator,
    mean_image,
    mirror,
    normalise,
    random_crop,
)


def position_coded(count: int, side: int) -> torch.Tensor:
    """Images whose first channel is the row of each pixel and whose second is the column."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    both = torch.stack([rows, columns, torch.zeros_like(rows)]).to(torch.uint8)
    return both.expand(count, 3, side, side).contiguous()


def random_images(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=generator(5), dtype=torch.uint8)


def test_all_81_offsets_of_a_32_crop_padded_by_4_occur_equally_often() -> None:
    count = 81 * 400
    padded = position_coded(1, 40)[0]
    images = padded[:, 4:36, 4:36].expand(count, 3, 32, 32)
    crops = random_crop(images, 32, padding=4, generator=generator(1), fill=padded)
    corners = crops[:, :2, 0, 0].long()
    counts = torch.bincount(corners[:, 0] * 9 + corners[:, 1], minlength=81).double()
    assert len(counts) == 81
    chi_square = ((counts - 400) ** 2 / 400).sum()
    assert chi_square < 125  # 80 degrees of freedom: one seed in a thousand exceeds 124.8


@pytest.mark.parametrize(("side", "size", "padding"), [(10, 7, 0), (6, 6, 2), (5, 9, 2)])
def test_a_crop_is_the_slice_at_its_offset(side: int, size: int, padding: int) -> None:
    images = random_images(200, 3, side, side)
    crops = random_crop(images, size, padding=padding, generator=generator(2))
    padded = torch.nn.functional.pad(images, [padding] * 4)
    last = side + 2 * padding - size
    for crop, whole in zip(crops, padded, strict=True):
        slices = [
            whole[:, top : top + size, left : left + size]
            for top in range(last + 1)
            for left in range(last + 1)
        ]
        assert any(torch.equal(crop, piece) for piece in slices)


def test_neighbours_in_a_batch_have_offsets_of_their_own() -> None:
    crops = random_crop(position_coded(1000, 40), 8, padding=0, generator=generator(3))
    offsets = crops[:, :2, 0, 0].double()
    assert abs(np.corrcoef(offsets[:, 0], offsets[:, 1])[0, 1]) < 0.1
    assert (offsets[1:] == offsets[:-1]).all(1).double().mean() < 0.02


def test_fill_is_given_per_channel_or_as_an_image() -> None:
    images = torch.zeros(50, 3, 4, 4, dtype=torch.uint8)
    colour = torch.tensor([10, 20, 30], dtype=torch.uint8)
    as_vector = random_crop(images, 6, padding=1, generator=generator(4), fill=colour)
    assert as_vector[0, :, 0, 0].tolist() == [10, 20, 30]
    full = colour[:, None, None].expand(3, 6, 6)
    assert torch.equal(
        as_vector, random_crop(images, 6, padding=1, generator=generator(4), fill=full)
    )


def test_the_whole_picture_is_its_only_crop_of_its_own_size() -> None:
    images = random_images(7, 1, 9, 9)
    assert torch.equal(random_crop(images, 9, padding=0, generator=generator(0)), images)


def test_a_crop_larger_than_the_picture_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="does not fit"):
        random_crop(random_images(2, 1, 9, 9), 10, padding=0, generator=generator(0))


def test_mirror_turns_about_half_and_only_left_to_right() -> None:
    images = random_images(4000, 1, 3, 5)
    turned = mirror(images, generator=generator(6))
    same = (turned == images).flatten(1).all(1)
    assert torch.equal(turned[~same], images[~same].flip(3))
    assert 0.46 < same.double().mean() < 0.54


@pytest.mark.parametrize("channels_last", [False, True])
def test_views_keep_type_and_memory_format(channels_last: bool) -> None:
    wanted = torch.channels_last if channels_last else torch.contiguous_format
    images = random_images(8, 3, 12, 12).contiguous(memory_format=wanted)
    for padding in (0, 2):
        crops = random_crop(images, 8, padding=padding, generator=generator(7))
        assert crops.dtype == torch.uint8
        assert crops.is_contiguous(memory_format=wanted)
        assert mirror(crops, generator=generator(7)).is_contiguous(memory_format=wanted)
        shown = normalise(crops, mean=0.0)
        assert shown.is_contiguous(memory_format=wanted)


def test_the_memory_format_changes_no_crop() -> None:
    images = random_images(8, 3, 12, 12)
    last = images.contiguous(memory_format=torch.channels_last)
    plain = random_crop(images, 8, padding=2, generator=generator(8))
    assert torch.equal(plain, random_crop(last, 8, padding=2, generator=generator(8)))


def test_centre_crop_of_256_starts_at_16() -> None:
    crop = centre_crop(position_coded(1, 256), 224)
    assert crop.shape == (1, 3, 224, 224)
    assert crop[0, :2, 0, 0].tolist() == [16, 16]


def test_mean_image_is_numpys_across_chunks() -> None:
    images = random_images(2 * views._CHUNK + 5, 3, 4, 6)
    expected = images.numpy().astype(np.float64).mean(0).astype(np.float32)
    np.testing.assert_array_equal(mean_image(images).numpy(), expected)


def test_channel_statistics_are_numpys() -> None:
    images = random_images(1500, 3, 5, 5)
    images[:, 2] = 77
    mean, std = channel_statistics(images)
    pixels = images.numpy().astype(np.float64)
    np.testing.assert_allclose(mean.numpy(), pixels.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(std.numpy(), pixels.std((0, 2, 3)), rtol=1e-6)
    assert std[2] == 0 and mean[2] == 77


def test_normalise_subtracts_after_scaling_and_divides_last() -> None:
    images = random_images(3, 3, 4, 4)
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.25, 0.5])
    shown = normalise(images, mean=mean, std=std, scale=1 / 255)
    expected = (images.double() / 255 - mean[:, None, None]) / std[:, None, None]
    assert shown.dtype == torch.float32
    torch.testing.assert_close(shown.double(), expected, rtol=0, atol=1e-6)
    as_column = normalise(images, mean=mean[:, None, None], std=std[:, None, None], scale=1 / 255)
    assert torch.equal(shown, as_column)


def test_normalise_takes_a_number() -> None:
    images = random_images(3, 1, 4, 4)
    assert torch.equal(normalise(images, mean=128.0, std=2.0), (images.float() - 128) / 2)
    assert torch.equal(normalise(images, mean=torch.tensor(3.0)), images.float() - 3)


def test_the_centre_of_the_mean_image_is_subtracted_from_every_crop() -> None:
    mean = torch.rand(3, 256, 256, generator=generator(9)) * 255
    images = random_images(2, 3, 256, 256)
    crops = random_crop(images, 224, padding=0, generator=generator(10))
    expected = crops.float() - mean[:, 16:240, 16:240]
    assert torch.equal(normalise(crops, mean=mean), expected)


def test_one_row_of_colours_is_never_taken_for_a_row_of_pixels() -> None:
    images = torch.zeros(1, 3, 3, 3, dtype=torch.uint8)
    shown = normalise(images, mean=torch.tensor([1.0, 2.0, 3.0]))
    assert shown[0, :, 0, 0].tolist() == [-1, -2, -3]


def test_a_mean_smaller_than_the_images_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="does not fit"):
        normalise(random_images(1, 3, 8, 8), mean=torch.zeros(3, 4, 4))


def test_streams_repeat_and_differ_by_seed_and_every_position() -> None:
    def draw(*key: int) -> int:
        return int(torch.randint(2**40, (1,), generator=generator(*key)))

    assert draw(1, 2, 3) == draw(1, 2, 3)
    keys = [(), (0,), (0, 0), (0, 0, 0), (1,), (0, 1), (1, 0), (1, 1), (2**32 - 1,)]
    drawn = [draw(seed, *key) for seed in (0, 1, 2**40) for key in keys]
    assert len(set(drawn)) == len(drawn)


def test_views_leave_torchs_global_state_alone() -> None:
    before = torch.get_rng_state()
    mirror(
        random_crop(random_images(4, 1, 8, 8), 4, padding=1, generator=generator(1)),
        generator=generator(2),
    )
    assert torch.equal(before, torch.get_rng_state())


def test_a_chunk_shares_its_offset_and_its_turn() -> None:
    images = position_coded(100, 40)
    crops = random_crop(images, 24, padding=0, generator=generator(1), chunk=32)
    turned = mirror(crops, generator=generator(2), chunk=32)
    corners = [tuple(corner) for corner in turned[:, :2, 0, 0].tolist()]
    chunks = [set(corners[start : start + 32]) for start in range(0, 100, 32)]
    assert [len(chunk) for chunk in chunks] == [1, 1, 1, 1]  # the last is of 4
    assert len(set.union(*chunks)) == 4
    turns = [bool(row[0] > row[1]) for row in turned[:, 1, 0, :2]]
    assert len(set(turns)) == 2
    assert all(len(set(turns[start : start + 32])) == 1 for start in range(0, 100, 32))


def test_chunks_of_one_draw_what_no_chunks_do() -> None:
    images, one, other = random_images(9, 3, 12, 12), generator(3), generator(3)
    mirror(random_crop(images, 8, padding=0, generator=one), generator=one)
    crops = random_crop(images, 8, padding=0, generator=other, chunk=1)
    mirror(crops, generator=other, chunk=1)
    assert torch.equal(one.get_state(), other.get_state())
    top = torch.randint(5, (9,), generator=(known := generator(3)))
    left = torch.randint(5, (9,), generator=known)
    torch.randint(2, (9,), generator=known)
    assert torch.equal(known.get_state(), one.get_state())
    for image, crop, y, x in zip(images, crops, top.tolist(), left.tolist(), strict=True):
        assert torch.equal(crop, image[:, y : y + 8, x : x + 8])


@pytest.mark.parametrize("part", [1, 1000, 10**6])
def test_colour_components_are_numpys(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_PART", part)
    images = random_images(37, 3, 9, 7)
    images[:, 1] = images[:, 0] // 2 + images[:, 1] // 4
    values, vectors = colour_components(images)
    colours = images.numpy().astype(np.float64).transpose(1, 0, 2, 3).reshape(3, -1)
    expected, directions = np.linalg.eigh(np.cov(colours, bias=True))
    np.testing.assert_allclose(values.numpy(), expected, rtol=1e-10)
    np.testing.assert_allclose(vectors.abs().numpy(), np.abs(directions), atol=1e-10)
    assert values.dtype == torch.float64
    assert (vectors.gather(0, vectors.abs().argmax(0, keepdim=True)) > 0).all()


def test_colour_components_of_one_grey_are_its_variance() -> None:
    images = random_images(20, 1, 5, 5)
    values, vectors = colour_components(images)
    assert values.item() == pytest.approx(images.double().var(correction=0).item(), rel=1e-12)
    assert vectors.tolist() == [[1.0]]
    assert colour_components(torch.full((2, 3, 4, 4), 7, dtype=torch.uint8))[0].tolist() == [0] * 3


def test_colour_noise_varies_as_the_colours_do() -> None:
    values, vectors = colour_components(
        random_images(50, 3, 6, 6) // torch.tensor([1, 2, 4], dtype=torch.uint8)[:, None, None]
    )
    covariance = vectors @ torch.diag(values) @ vectors.T
    spread = (vectors * values.sqrt()).float()
    still = torch.full((40_000, 3, 1, 2), 11.0)
    noisy = colour_noise(still, spread, strength=0.1, shrink=True, generator=generator(4))
    assert torch.equal(noisy[..., 0], noisy[..., 1])  # one draw for all pixels of a picture
    added = noisy[:, :, 0, 0].double() * 1.1 - 11
    found = torch.cov(added.T, correction=0)
    scale = 0.01 * values.max()
    assert (found - 0.01 * covariance).abs().max() < 0.03 * scale
    assert added.mean(0).abs().max() < 0.03 * scale.sqrt()
    undivided = colour_noise(still, spread, strength=0.1, shrink=False, generator=generator(4))
    torch.testing.assert_close(undivided / 1.1, noisy)


def test_colour_noise_is_the_sum_of_drawn_components() -> None:
    images = torch.randn(5, 3, 4, 4, generator=generator(6))
    spread = torch.randn(3, 3, generator=generator(8))
    drawn = torch.randn(5, 3, generator=generator(7))
    noisy = colour_noise(images, spread, strength=0.1, shrink=True, generator=generator(7))
    for image, own, after in zip(images, drawn, noisy, strict=True):
        noise = spread[:, 0] * own[0] + spread[:, 1] * own[1] + spread[:, 2] * own[2]
        torch.testing.assert_close(after, (image + 0.1 * noise[:, None, None]) / 1.1)
    unused = generator(7)
    same = colour_noise(images, spread, strength=0.0, shrink=True, generator=unused)
    assert same is images
    assert torch.equal(unused.get_state(), generator(7).get_state())
