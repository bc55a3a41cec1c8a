"""train() from a store: bit for bit the run on the same pictures decoded up front, whatever the
number of processes, stopped and resumed; and what a batch is to one of several ranks.
"""

from __future__ import annotations

import functools
import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet.evaluation import prepare
from alexnet.formats import read
from alexnet.images import PictureSet, generator, load
from alexnet.images.blocks import BLOCK
from alexnet.images.learnable import Pictures, decoded
from alexnet.images.loader import Loader
from alexnet.images.readers import ReadingError
from alexnet.images.splits import SourceError
from alexnet.images.store import Store
from alexnet.images.views import colour_noise, mirror, random_crop
from alexnet.network.contract import InputContract
from alexnet.network.spec import Network
from alexnet.training.batches import (
    Batches,
    measured_colours,
    measured_contract,
    padding_value,
    share,
)
from alexnet.training.events import Evaluating, Event, StepDone
from alexnet.training.loop import Outcome, train
from alexnet.training.recipe import Recipe
from alexnet.training.run_folder import RunFolder
from images.stores import SIDE, store_of
from training.runs import ROWS, after, assert_same_run
from training.small import NETWORK, RECIPE

IN_COLOUR = Network(
    "in colour",
    tuple(replace(x, shape=(3, 8, 8)) if x.name == "data" else x for x in NETWORK),  # type: ignore[call-arg]
)
AS_IN_2012 = replace(
    RECIPE,
    epochs=2,
    mean="image",
    deviation=False,
    crop_border_pixels=2,
    crop_padding_pixels=0,
    crop_chunk=4,
    colour_noise=0.1,
    data_batch_pictures=40,
    validation_share=0.0,
)
"""90 pictures in data batches of 40 are seven steps an epoch, of 16, 16, 8, 16, 16, 8 and 10."""


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store_of(tmp_path_factory.mktemp("raw"), raw=True)


@pytest.fixture(scope="module")
def jpeg(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store_of(tmp_path_factory.mktemp("jpeg"), raw=False)


@pytest.fixture(autouse=True)
def few_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.images.readers.AHEAD", 2 * BLOCK)


def opened(store: Store, workers: int) -> Loader:
    return Loader(store, channels=3, side=SIDE, workers=workers)


def up_front(store: Store, split: str = "train") -> PictureSet:
    return load(store.splits[split], channels=3, side=SIDE)


def go(path: Path, pictures: Pictures, tested: Pictures, **options: object) -> Outcome:
    return train(
        IN_COLOUR,
        pictures,
        AS_IN_2012,
        path,
        validation=tested,
        intervals=ROWS,
        **options,  # type: ignore[arg-type]
    )


def batches(pictures: Pictures, recipe: Recipe, known: PictureSet, **ranks: int) -> Batches:
    """Shown by the figures of `known`, since a store has them of the pixels before encoding."""
    contract, image = measured_contract(recipe, known)
    colours = measured_colours(recipe, known, contract)
    padding, cpu = padding_value(recipe, known), torch.device("cpu")
    return Batches(pictures, recipe, 8, contract, image, padding, cpu, colours, **ranks)


@pytest.fixture(scope="module")
def whole(raw: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on decoded pictures that nothing interrupted."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    assert go(path, up_front(raw), up_front(raw, "test")).finished
    return path


def test_a_run_from_a_store_is_the_run_on_decoded_pictures(
    raw: Store, whole: Path, tmp_path: Path
) -> None:
    with opened(raw, 2) as loader:
        pictures, tested = loader.pictures("train"), loader.pictures("test")
        assert go(tmp_path / "2", pictures, tested).finished
        assert len(multiprocessing.active_children()) == 2  # for both splits and all epochs
        assert_same_run(tmp_path / "2", whole)
        # stopped within epochs and validations, and gone on with
        go(tmp_path / "run", pictures, tested, stop=after(3))
        for _ in range(20):
            if go(tmp_path / "run", pictures, tested, resume=True, stop=after(4)).finished:
                break
    assert multiprocessing.active_children() == []
    assert_same_run(tmp_path / "run", whole)


def test_a_run_begun_on_decoded_pictures_goes_on_from_the_store(
    raw: Store, whole: Path, tmp_path: Path
) -> None:
    go(tmp_path, up_front(raw), up_front(raw, "test"), stop=after(9))
    loader = opened(raw, 0)
    assert go(tmp_path, loader.pictures("train"), loader.pictures("test"), resume=True).finished
    assert_same_run(tmp_path, whole)


@pytest.mark.parametrize("workers", [0, 1, 2, 4])
def test_batches_are_the_same_by_any_number_of_processes(jpeg: Store, workers: int) -> None:
    known = up_front(jpeg)
    with opened(jpeg, workers) as loader:
        ones = batches(loader.pictures("train"), AS_IN_2012, known)
        others = batches(known, AS_IN_2012, known)
        assert (ones.steps, others.steps) == (7, 7)
        for epoch, first in ((0, 0), (1, 3)):  # the second is gone on with within
            order = ones.order(epoch)
            with ones.reading(order, first):
                for step in range(first, 7):
                    one, other = (x.batch(order, epoch, step) for x in (ones, others))
                    assert torch.equal(one.images, other.images)
                    assert one.images.stride() == other.images.stride()
                    assert torch.equal(one.labels, other.labels)
                    assert torch.equal(one.draws.get_state(), other.draws.get_state())
        again = ones.batch(order, 1, 5)  # as where a loss was not finite
        assert torch.equal(again.images, others.batch(order, 1, 5).images)


def test_every_batch_comes_from_the_processes(jpeg: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded_here(*_: object) -> None:
        raise AssertionError("a batch was decoded by the process that learns")

    monkeypatch.setattr("alexnet.images.readers.decode_into", decoded_here)
    known = load(jpeg.splits["train"], channels=3, side=SIDE)
    with opened(jpeg, 2) as loader:
        shown = batches(loader.pictures("train"), AS_IN_2012, known)
        order = shown.order(0)
        with shown.reading(order, 0):
            for step in range(shown.steps):
                assert len(shown.batch(order, 0, step).labels)
        assert len(multiprocessing.active_children()) == 2


PER_CHANNEL = (100.0, 110.5, 90.25)


@pytest.mark.parametrize("deviations", ["square-root", "eigenvalues"])
@pytest.mark.parametrize(
    "contract",
    [
        InputContract(channel_order="RGB", pixel_maximum=255.0, mean_image=True),
        InputContract(channel_order="BGR", pixel_maximum=255.0, mean_image=True),
        InputContract(channel_order="BGR", pixel_maximum=1.0, mean=(0.4,)),
        InputContract(
            channel_order="RGB", pixel_maximum=1.0, mean=(0.4, 0.5, 0.6), deviation=(0.3, 0.2, 0.1)
        ),
        InputContract(channel_order="BGR", pixel_maximum=255.0, mean=PER_CHANNEL),
        InputContract(channel_order="RGB", pixel_maximum=255.0, deviation=PER_CHANNEL),
    ],
    ids=lambda contract: f"{contract.channel_order}-{contract.pixel_maximum:.0f}",
)
def test_they_are_bit_for_bit_what_views_and_evaluation_make_of_pictures(
    jpeg: Store, contract: InputContract, deviations: str
) -> None:
    known = up_front(jpeg)
    recipe = replace(AS_IN_2012, colour_deviations=deviations)
    image = torch.rand(3, SIDE, SIDE, generator=generator(5)) * 255 if contract.mean_image else None
    shown = replace(
        batches(known, recipe, known),
        contract=contract,
        mean_image=image,
        colours=measured_colours(recipe, known, contract),
    )
    order, draws = shown.order(1), generator(RECIPE.seed, 1, 2)
    crops = random_crop(known.images[order[32:40]], 8, padding=0, generator=draws, chunk=4)
    plain = prepare(mirror(crops, generator=draws, chunk=4), contract, image)
    assert shown.colours is not None
    shrink = deviations == "square-root"
    wanted = colour_noise(plain, shown.colours, strength=0.1, shrink=shrink, generator=draws)
    batch = shown.batch(order, 1, 2)
    assert torch.equal(batch.images, wanted)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch.draws.get_state(), draws.get_state())


@pytest.mark.parametrize("ranks", [2, 3, 12])
def test_ranks_share_every_batch_exactly(jpeg: Store, ranks: int) -> None:
    known = up_front(jpeg)
    pictures = opened(jpeg, 0).pictures("train")
    alone = batches(known, AS_IN_2012, known)
    shared = [batches(pictures, AS_IN_2012, known, rank=rank, ranks=ranks) for rank in range(ranks)]
    order = alone.order(0)
    for step in range(alone.steps):  # batches of 16, 8 and 10: none that 3 or 12 go into
        whole = alone.batch(order, 0, step)
        parts = [one.batch(order, 0, step) for one in shared]
        counts = [len(part.labels) for part in parts]
        assert max(counts) - min(counts) <= 1
        assert torch.equal(torch.cat([part.images for part in parts]), whole.images)
        assert torch.equal(torch.cat([part.labels for part in parts]), whole.labels)
        seeds = {part.draws.initial_seed() for part in parts}
        assert len(seeds) == 1  # dropout is drawn for the whole batch


def test_a_rank_reads_its_share_alone(jpeg: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    known, pictures = up_front(jpeg), opened(jpeg, 0).pictures("train")
    announced: list[torch.Tensor] = []

    def reading(_: Pictures, indices: torch.Tensor) -> None:
        announced.append(indices)

    monkeypatch.setattr("alexnet.training.batches.reading", reading)
    for rank in range(3):
        shown = batches(pictures, AS_IN_2012, known, rank=rank, ranks=3)
        order = shown.order(0)
        shown.reading(order, 2)
    # steps 2 to 6 show 8, 16, 16, 8 and 10 pictures
    assert [len(indices) for indices in announced] == [2 + 5 + 5 + 2 + 3, 3 + 5 + 5 + 3 + 3, 22]
    assert sorted(torch.cat(announced).tolist()) == sorted(order[32:].tolist())


@pytest.mark.parametrize(("count", "ranks"), [(0, 1), (0, 3), (1, 3), (128, 1), (128, 3), (7, 8)])
def test_shares_are_disjoint_and_whole(count: int, ranks: int) -> None:
    every = np.arange(count)
    shares = [every[share(count, rank, ranks)] for rank in range(ranks)]
    assert np.concatenate(shares).tolist() == every.tolist()
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_store_is_judged_a_few_pictures_at_a_time(
    raw: Store, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alexnet.training.loop.decoded", functools.partial(decoded, most=13))
    told: list[Event] = []
    loader = opened(raw, 0)
    pictures, tested = loader.pictures("train"), loader.pictures("test")
    outcome = go(tmp_path, pictures, tested, report=told.append)
    assert outcome.validation is not None
    assert (outcome.validation.seen, outcome.validation.expected) == (31, 31)
    done = [event.done for event in told if isinstance(event, Evaluating)]
    assert done == [13, 26, 31] * 2
    assert all(event.total == 31 for event in told if isinstance(event, Evaluating))
    assert RunFolder(tmp_path).rows(clock=False) == RunFolder(whole).rows(clock=False)


def test_pictures_are_held_out_of_a_store_and_the_mean_is_the_stores(
    raw: Store, tmp_path: Path
) -> None:
    recipe = replace(AS_IN_2012, validation_share=0.2)
    outcome = train(IN_COLOUR, opened(raw, 0).pictures("train"), recipe, tmp_path)
    assert outcome.validation is not None
    assert outcome.validation.seen == 18
    learned = read(outcome.checkpoint)
    assert learned.classes == raw.classes
    assert raw.statistics is not None
    assert learned.mean_image is not None
    assert learned.mean_image.shape == (3, SIDE, SIDE)  # larger than what the network is shown
    assert np.array_equal(learned.mean_image, raw.statistics.mean_image)


def test_damage_ends_a_run_with_its_place_and_once_mended_it_goes_on(
    tmp_path: Path, jpeg: Store
) -> None:
    place = jpeg.folder / "train-00003.records"
    sound = place.read_bytes()

    def written(data: bytes) -> None:
        with place.open("r+b") as file:
            file.write(data)

    def damage(event: Event) -> None:
        if isinstance(event, StepDone) and (event.epoch, event.step) == (2, 1):
            written(bytes(len(sound)))

    with opened(jpeg, 1) as loader:
        pictures, tested = loader.pictures("train"), loader.pictures("test")
        assert go(tmp_path / "whole", pictures, tested).finished
        with pytest.raises(ReadingError, match=rf"{place}, record \d+: .*alexnet prepare --verify"):
            go(tmp_path / "run", pictures, tested, report=damage)
        assert multiprocessing.active_children() == []
        written(sound)
        assert go(tmp_path / "run", pictures, tested, resume=True).finished
    assert_same_run(tmp_path / "run", tmp_path / "whole")


def test_a_network_of_another_side_is_told_to_prepare_another_store(
    raw: Store, tmp_path: Path
) -> None:
    pictures = Loader(raw, channels=3, side=8, workers=0).pictures("train")
    recipe = replace(AS_IN_2012, crop_border_pixels=0)
    with pytest.raises(SourceError, match=r"pixels, and not of those of 8; .* --side 8"):
        train(IN_COLOUR, pictures, recipe, tmp_path)
    assert list(tmp_path.iterdir()) == []
