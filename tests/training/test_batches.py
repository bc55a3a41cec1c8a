"""What each step is shown: its place in the order, its draws one by one, and its colours."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from alexnet.evaluation import prepare
from alexnet.images import PictureSet, generator, mirror, random_crop
from alexnet.images.views import colour_components
from alexnet.training.batches import Batches, measured_colours, measured_contract, padding_value
from alexnet.training.phases import Phase
from alexnet.training.recipe import Recipe
from alexnet.training.schedule import DiscreteExponential, factor
from training.small import RECIPE, pictures

PLAIN = replace(RECIPE, shuffled=False, mirror=False, crop_padding_pixels=0, deviation=False)


def batches(recipe: Recipe, shown: PictureSet | None = None) -> Batches:
    shown = shown or pictures()
    contract, image = measured_contract(recipe, shown)
    return Batches(
        shown,
        recipe,
        8,
        contract,
        image,
        padding_value(recipe, shown),
        torch.device("cpu"),
        measured_colours(recipe, shown, contract),
    )


def coloured(count: int = 24) -> PictureSet:
    images = torch.randint(0, 256, (count, 3, 8, 8), generator=generator(9), dtype=torch.uint8)
    images[:, 2] //= 3
    return replace(pictures(count), images=images)


def sizes(shown: Batches) -> list[int]:
    return [shown.span(step).stop - shown.span(step).start for step in range(shown.steps)]


def test_no_batch_crosses_the_border_of_a_data_batch() -> None:
    shown = batches(replace(PLAIN, data_batch_pictures=40), pictures(90))
    order = shown.order(0)
    given = [order[shown.span(step)] for step in range(shown.steps)]
    assert [len(each) for each in given] == [16, 16, 8, 16, 16, 8, 10]
    assert torch.cat(given).tolist() == list(range(90))
    assert len(shown.batch(order, 0, 2).labels) == 8
    assert sizes(batches(PLAIN, pictures(90))) == [16] * 5 + [10]


def test_ten_thousand_pictures_are_78_batches_of_128_and_one_of_16() -> None:
    labels = torch.zeros(50_000, dtype=torch.int64)
    cifar = PictureSet(torch.zeros(50_000, 1, 1, 1, dtype=torch.uint8), labels, (), (), ())
    shown = batches(replace(PLAIN, batch_size=128, data_batch_pictures=10_000), cifar)
    assert [len(range(50_000)[shown.span(step)]) for step in range(79)] == [128] * 78 + [16]
    assert shown.steps == 5 * 79


def test_schedules_move_from_one_data_batch_to_the_next() -> None:
    # semantics file, section 9: p = (batches done − 1) / (epochs · batches per epoch), the batch
    # at hand being done
    recipe = replace(PLAIN, data_batch_pictures=40, epochs=4)
    shown = batches(recipe, pictures(90))
    moments = [shown.moment(epoch, step) for epoch in range(4) for step in range(shown.steps)]
    per_epoch = [0, 0, 0, 1, 1, 1, 2]
    assert moments == [(3 * epoch + done) / 12 for epoch in range(4) for done in per_epoch]
    run = DiscreteExponential(divisor=250.0, stages=4, jumpy=False)
    rates = [0.01 * factor(run, progress=p, epochs=4) for p in moments]
    levels = [0.01, 0.0015874011, 0.00025198421, 0.00004]
    assert sorted(set(rates), reverse=True) == pytest.approx(levels, rel=1e-7)
    # a stage lasts up to and with its end, p = 3/12: the first data batch of the second epoch
    assert rates[:10] == [rates[0]] * 10
    assert rates[10] == pytest.approx(levels[1])


def test_without_data_batches_they_move_in_the_middle_of_every_step() -> None:
    shown = batches(replace(PLAIN, epochs=2), pictures(48))
    moments = [shown.moment(epoch, step) for epoch in range(2) for step in range(3)]
    assert moments == [(place + 0.5) / 6 for place in range(6)]


def test_old_settings_draw_crops_and_turns_and_nothing_more() -> None:
    shown = batches(RECIPE)
    order = shown.order(1)
    known = generator(RECIPE.seed, 1, 2)
    chosen = order[32:48]
    crops = random_crop(
        shown.pictures.images[chosen], 8, padding=1, generator=known, fill=shown.padding
    )
    expected = prepare(mirror(crops, generator=known), shown.contract)
    batch = shown.batch(order, 1, 2)
    assert torch.equal(batch.images, expected)
    assert torch.equal(batch.draws.get_state(), known.get_state())


def test_chunks_and_colour_noise_draw_in_their_turn() -> None:
    recipe = replace(RECIPE, crop_chunk=4, colour_noise=0.1)
    shown = batches(recipe, coloured())
    order = shown.order(0)
    known = generator(recipe.seed, 0, 0)
    crops = random_crop(
        shown.pictures.images[order[:16]],
        8,
        padding=1,
        generator=known,
        fill=shown.padding,
        chunk=4,
    )
    plain = prepare(mirror(crops, generator=known, chunk=4), shown.contract)
    values, vectors = colour_components(shown.pictures.images)
    drawn = torch.randn(16, 3, generator=known).double()
    noise = 0.1 * (drawn * values.sqrt()) @ vectors.T
    noise = noise / torch.tensor(shown.contract.deviation)  # which the picture was divided by
    expected = (plain + noise[:, :, None, None]) / 1.1
    batch = shown.batch(order, 0, 0)
    torch.testing.assert_close(batch.images, expected.float(), rtol=1e-4, atol=1e-5)
    assert torch.equal(batch.draws.get_state(), known.get_state())


def test_colours_are_in_the_units_of_the_contract() -> None:
    shown = coloured()
    values, vectors = colour_components(shown.images)
    recipe = replace(PLAIN, colour_noise=0.1)
    contract, _ = measured_contract(recipe, shown)
    for pixel_maximum in (1.0, 255.0):
        own = replace(contract, pixel_maximum=pixel_maximum, mean=())
        scale = pixel_maximum / 255
        as_run = measured_colours(recipe, shown, own)
        assert as_run is not None
        torch.testing.assert_close(as_run.double(), vectors * values.sqrt() * scale)
        written = replace(recipe, colour_deviations="eigenvalues")
        as_written = measured_colours(written, shown, own)
        assert as_written is not None
        torch.testing.assert_close(as_written.double(), vectors * values * scale**2)
    turned = measured_colours(recipe, shown, replace(contract, channel_order="BGR", mean=()))
    assert turned is not None
    torch.testing.assert_close(turned.double(), (vectors * values.sqrt()).flip(0))


def test_the_paper_adds_eigenvalues_and_divides_by_nothing() -> None:
    recipe = replace(
        PLAIN, colour_noise=0.1, colour_deviations="eigenvalues", pixel_maximum=1.0, mean="none"
    )
    shown = batches(recipe, coloured())
    order = shown.order(0)
    values, vectors = colour_components(shown.pictures.images)
    drawn = torch.randn(16, 3, generator=generator(recipe.seed, 0, 0)).double()
    noise = (0.1 * drawn * values / 255**2) @ vectors.T
    expected = shown.pictures.images[:16] / 255 + noise[:, :, None, None]
    torch.testing.assert_close(
        shown.batch(order, 0, 0).images, expected.float(), rtol=1e-4, atol=1e-6
    )


def test_colours_are_measured_only_for_noise_and_a_phase_turns_it_off() -> None:
    assert batches(PLAIN, coloured()).colours is None
    off = Phase(at_epoch=1, colour_noise=0.0)
    recipe = replace(PLAIN, colour_noise=0.1, phases=(off,), epochs=2)
    shown = batches(recipe, coloured())
    order, plain = shown.order(0), batches(PLAIN, coloured())
    assert not torch.equal(shown.batch(order, 0, 1).images, plain.batch(order, 0, 1).images)
    later, same = shown.batch(order, 1, 0), plain.batch(order, 1, 0)
    assert torch.equal(later.images, same.images)  # 1.1 times what it was: no division either
    assert torch.equal(later.draws.get_state(), same.draws.get_state())
    on = replace(PLAIN, phases=(Phase(at_epoch=1, colour_noise=0.1),))
    assert batches(on, coloured()).colours is not None
