"""Layers that others have trained: what they see, and what becomes of them in fine-tuning."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet.cli import run
from alexnet.evaluation.showing import prepare
from alexnet.formats import Checkpoint, read, write
from alexnet.images import PictureSet, load, open_source
from alexnet.network.catalog import get_network
from alexnet.network.contract import InputContract
from alexnet.network.edit import with_input, with_loss
from alexnet.network.layers import Constant, FullyConnected, Input
from alexnet.network.spec import Network
from alexnet.torch_net import build, initial_arrays
from alexnet.training.rates import RecipeError
from alexnet.training.recipes import FINE_TUNE, HEAD_TIMES, fine_tune, frozen, recipe

CAFFES = InputContract(channel_order="BGR", pixel_maximum=255.0, mean_image=True)
SIDE = 131
"""Of the pictures, for speed; Caffe's own are 227."""

CLASSES = ("airplane", "automobile", "frog")


@pytest.fixture(scope="session")
def body() -> Network:
    """Network `caffe` up to pool5, over smaller pictures."""
    layers = [x for x in get_network("caffe") if not isinstance(x, Input) or x.content != "labels"]
    end = [layer.name for layer in layers].index("pool5")
    return with_input(Network("body", tuple(layers[: end + 1])), SIDE)


@pytest.fixture(scope="session")
def trained(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "data" / "bvlc_alexnet_conv.npz") as arrays:
        return {name: arrays[name].astype(np.float32) for name in arrays.files}


@pytest.fixture(scope="session")
def mean(shared: Path) -> np.ndarray:
    return np.load(shared / "data" / "ilsvrc_2012_mean.npy").astype(np.float32)


@pytest.fixture(scope="session")
def thousand(body: Network, trained: dict[str, np.ndarray], mean: np.ndarray) -> Checkpoint:
    """Caffe's convolutions under a layer of a thousand classes."""
    head = FullyConnected(name="fc8", reads=("pool5",), outputs=1000, initial=(Constant(0.0),))
    network = with_loss(Network("thousand", (*body, head)))
    arrays = {name: x.numpy() for name, x in initial_arrays(network).items()} | trained
    return Checkpoint(network, arrays, CAFFES, mean_image=mean)


def seen(network: Network, arrays: Any, pictures: PictureSet, mean: np.ndarray) -> np.ndarray:
    """pool5 of each picture, (N, channels, rows, columns)."""
    module = build(network, arrays=arrays).eval()
    with torch.inference_mode():
        given = module(prepare(pictures.images, CAFFES, mean), layers=["pool5"])
    return given["pool5"].numpy()


def cifar(shared: Path, each: int, *, test: bool = False) -> PictureSet:
    source = open_source("cifar10", data_folder=shared / "data")
    split = source.test if test else source.train
    labels = [source.classes.index(name) for name in CLASSES]
    rows = [np.flatnonzero(split.labels == label)[:each] for label in labels]
    return load(split.part(np.concatenate(rows)), channels=3, side=SIDE)


def nearest_mean_errors(train: np.ndarray, test: np.ndarray, each: int) -> int:
    """Pictures of `test` that are more like another class's mean than their own's; each class has
    `each` pictures in both, one class after the other.
    """

    def units(x: np.ndarray) -> np.ndarray:
        flat = np.sqrt(x.reshape(len(x), -1)) - middle
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)

    middle = np.sqrt(train.reshape(len(train), -1)).mean(axis=0)
    means = units(train).reshape(len(CLASSES), each, -1).mean(axis=1)
    right = np.repeat(np.arange(len(CLASSES)), each)
    return int(((units(test) @ means.T).argmax(axis=1) != right).sum())


def test_the_first_layers_towers_are_one_of_colours_and_one_of_greys(
    trained: dict[str, np.ndarray],
) -> None:
    kernels = trained["conv1.weight"]
    grey = kernels.mean(axis=1, keepdims=True)
    colour = ((kernels - grey) ** 2).sum((1, 2, 3)) / (kernels**2).sum((1, 2, 3))
    assert np.median(colour[:48]) > 0.4  # Figure 3 of the paper, by the two groups
    assert np.median(colour[48:]) < 0.1


def test_trained_layers_tell_classes_apart_far_better_than_drawn_ones(
    body: Network, trained: dict[str, np.ndarray], mean: np.ndarray, shared: Path
) -> None:
    train, test = cifar(shared, 30), cifar(shared, 30, test=True)
    wrong = [
        nearest_mean_errors(seen(body, arrays, train, mean), seen(body, arrays, test, mean), 30)
        for arrays in (trained, initial_arrays(body, seed=0))
    ]
    assert wrong[0] < 0.6 * wrong[1], wrong


def test_a_mirrored_picture_is_seen_mirrored(
    body: Network, trained: dict[str, np.ndarray], mean: np.ndarray, shared: Path
) -> None:
    pictures = cifar(shared, 5)
    turned = replace(pictures, images=pictures.images.flip(3))
    one = seen(body, trained, pictures, mean).reshape(len(pictures), -1)
    back = seen(body, trained, turned, mean)[..., ::-1].reshape(len(pictures), -1)
    alike = np.corrcoef(one, back)[: len(one), len(one) :]
    assert np.diag(alike).mean() > 0.6
    assert alike.argmax(axis=1).tolist() == list(range(len(one)))


def test_a_thousand_classes_become_three_and_what_is_frozen_stays(
    thousand: Checkpoint, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = tmp_path / "thousand.safetensors"
    write(thousand, start)
    put(cifar(shared, 10), tmp_path / "pictures")
    words = ["train", str(tmp_path / "pictures"), "--from", str(start), "--freeze", "conv[123]"]
    words += ["--set", "epochs=2", "--set", "batch_size=8", "--run", str(tmp_path / "run")]
    assert outcome(*words, "--json") == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "its last fully-connected layer gets 3" in said
    assert "by recipe finetune" in said
    assert "drawn anew, since the checkpoint has none that fit: fc8.weight, fc8.bias" in said
    learned = read(tmp_path / "run" / "checkpoints" / "final.safetensors")
    for name, array in thousand.arrays.items():
        if name in ("fc8.weight", "fc8.bias"):
            assert learned.arrays[name].shape[0] == len(learned.classes) == 3
        elif name.startswith(("conv1", "conv2", "conv3")):
            assert np.array_equal(learned.arrays[name], array)
        else:
            moved = np.linalg.norm(learned.arrays[name] - array)
            assert 0 < moved < 0.3 * np.linalg.norm(array)
    assert learned.contract.channel_order == "BGR"
    assert learned.mean_image is not None and thousand.mean_image is not None
    assert np.array_equal(learned.mean_image, thousand.mean_image)
    assert learned.contract.border_pixels == 9  # of 131, as 16 of 224


def test_what_a_checkpoint_lacks_learns_as_fast_as_the_last_layer(body: Network) -> None:
    caffe = with_input(get_network("caffe"), SIDE)
    alone, begun = fine_tune(caffe), recipe("finetune", caffe, body)
    faster = {"fc6", "fc7", "fc8"}
    for chosen, fast in ((alone, {"fc8"}), (begun, faster)):
        rates = chosen.rates(caffe)
        assert {n.split(".")[0] for n, own in rates.items() if own.lr > FINE_TUNE.bias_lr} == fast
    assert begun.rates(caffe)["fc6.weight"].lr == HEAD_TIMES * FINE_TUNE.lr


def test_frozen_layers_stay_frozen_whatever_the_phases_say() -> None:
    network = get_network("as_run")
    still = frozen(recipe("as-run"), ["conv*"])
    for epoch in (0, 25, 67, 79):
        for name, own in still.rates(network, epoch / still.epochs).items():
            assert (own.lr == 0) == name.startswith("conv")
    with pytest.raises(RecipeError, match="convv1"):
        frozen(recipe("paper"), ["convv1*"]).rates(network)
    with pytest.raises(RecipeError, match="nothing learns"):
        frozen(recipe("paper"), ["*"]).rates(network)
    assert frozen(recipe("paper"), []) == recipe("paper")


def test_digits_that_begin_with_digits_keep_their_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    words = ["train", "digits", "--set", "epochs=1", "--json", "--run"]
    assert outcome(*words, str(first)) == 0
    assert outcome(*words, str(second), "--from", str(first), "--freeze", "conv1*") == 0
    assert "finetune" not in capsys.readouterr().err
    recipes = [json.loads((x / "recipe.json").read_text()) for x in (first, second)]
    assert recipes[0]["lr"] == recipes[1]["lr"]
    one, two = (read(x / "checkpoints" / "final.safetensors").arrays for x in (first, second))
    same = {name for name in one if np.array_equal(one[name], two[name])}
    assert same == {name for name in one if name.startswith("conv1")} != set()


def put(pictures: PictureSet, folder: Path) -> None:
    """As PNG files in class folders."""
    for index, image in enumerate(pictures.images):
        place = folder / pictures.classes[int(pictures.labels[index])]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(place / f"{index}.png")


def outcome(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        run(list(words))
    assert isinstance(left.value.code, int)
    return left.value.code
