"""Feature vectors of layers by name, and nearest neighbours, against networks run by hand and
against scikit-learn.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

import alexnet
from alexnet import numpy_net
from alexnet.evaluation import EvaluationError, Examinee, Showing, feature_batches, prepare
from alexnet.evaluation.features import feature
from alexnet.evaluation.neighbours import Metric, nearest
from alexnet.images import PictureSet
from alexnet.images.shown import cut, views_of
from alexnet.network.catalog import get_network
from alexnet.network.contract import InputContract
from alexnet.network.layers import Conv, FullyConnected
from alexnet.torch_net import NetworkModule, build
from evaluation.linear import pictures
from reduced import reduced

IMAGENET = ["paper", "as_run", "one_gpu", "one_weird_trick", "caffe", "caffenet", "cs231n"]

GREY = InputContract(channel_order="grey", pixel_maximum=255.0)


@pytest.fixture(scope="module")
def tiny() -> NetworkModule:
    return build("tiny")


@pytest.mark.parametrize(
    ("network", "asked", "layers", "numbers"),
    [
        ("paper", "fc7", ("relu7a", "relu7b"), 4096),
        ("paper", "fc7:pre", ("fc7a", "fc7b"), 4096),
        ("paper", "fc7b", ("relu7b",), 2048),
        ("paper", "conv5", ("relu5a", "relu5b"), 256 * 13 * 13),
        ("paper", "pool5", ("pool5a", "pool5b"), 256 * 6 * 6),
        ("paper", "relu6", ("relu6a", "relu6b"), 4096),
        ("paper", "drop7", ("drop7a", "drop7b"), 4096),
        ("paper", "fc8", ("fc8",), 1000),
        ("caffe", "fc7", ("relu7",), 4096),
        ("caffe", "fc6:pre", ("fc6",), 4096),
        ("one_weird_trick", "fc7", ("relu7",), 4096),
        ("as_run", "fc7", ("fc2048ba_neuron", "fc2048bb_neuron"), 4096),
        ("as_run", "conv5", ("conv5a", "conv5b"), 256 * 13 * 13),
        ("as_run", "pool5", ("pool3a", "pool3b"), 256 * 6 * 6),
        ("one_gpu", "fc7", ("fc4096ba_neuron",), 4096),
        ("80sec", "fc64", ("fc64_neuron",), 64),
        ("80sec", "fc4", ("fc64_neuron",), 64),
        ("tiny", "data", ("data",), 576),
    ],
)
def test_a_layer_is_meant_by_its_own_name_the_papers_or_its_place(
    network: str, asked: str, layers: tuple[str, ...], numbers: int
) -> None:
    meant = feature(get_network(network), asked)
    assert (meant.name, meant.layers, meant.numbers) == (asked, layers, numbers)


@pytest.mark.parametrize("network", IMAGENET)
def test_the_papers_names_find_its_layers_in_every_imagenet_network(network: str) -> None:
    of = get_network(network)
    names = [*(f"conv{i}" for i in range(1, 6)), "fc6", "fc7", "fc8"]
    found = [feature(of, name) for name in names]
    before = [feature(of, f"{name}:pre") for name in names]
    assert [x for each in before for x in each.layers] == [
        layer.name for layer in of if isinstance(layer, Conv | FullyConnected)
    ]
    assert [x.numbers for x in found] == [x.numbers for x in before]
    assert [x.numbers for x in found[-3:]] == [4096, 4096, 1000]
    sides = [of.shape(each.layers[0])[1] for each in found[2:5]]
    assert sides == [13, 13, 13] and found[4].numbers == 256 * 13 * 13


def test_vectors_are_those_of_the_oracle() -> None:
    network = reduced("paper")
    module = build(network, seed=4)
    side = network.picture.shape[1]
    random = np.random.default_rng(2).integers(0, 256, (3, 3, side, side), np.uint8)
    contract = InputContract(channel_order="RGB", pixel_maximum=255.0, mean=(120.0, 110.0, 100.0))
    names = ("conv1", "pool2", "conv5", "fc7:pre", "fc7", "fc8")
    found = alexnet.features(module, pictures_of(torch.from_numpy(random)), contract, names)
    arrays = {name: array.detach().numpy() for name, array in module.named_parameters()}
    shown = random - np.array([120.0, 110.0, 100.0])[:, None, None]
    by_layer = numpy_net.forward(network, arrays, {"data": shown})
    for name in names:
        layers = [by_layer[layer] for layer in feature(network, name).layers]
        wanted = np.concatenate(layers, axis=1).reshape(3, -1)
        bound = 1e-5 * np.abs(wanted).max()
        np.testing.assert_allclose(found[name], wanted, rtol=1e-4, atol=bound)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("fc33", "network 'tiny' has no layer 'fc33'; did you mean 'fc3'"),
        ("fc5", "network 'tiny' has no layer 'fc5'; did you mean"),
        ("pool2:pre", "'pool2:pre': layer 'pool2a' has no weights"),
        ("logprob", "layer 'logprob' of network 'tiny' needs more than the picture"),
        ("labels", "layer 'labels' of network 'tiny' needs more than the picture"),
        ("", "network 'tiny' has no layer ''"),
    ],
)
def test_a_layer_that_is_not_there_is_refused(asked: str, sentence: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        feature(get_network("tiny"), asked)
    assert sentence in str(caught.value)


def test_vectors_are_the_towers_responses_side_by_side(tiny: NetworkModule) -> None:
    shown = pictures(7, 24)
    names = ("fc3", "conv2", "pool2", "fc3:pre")
    found = alexnet.features(tiny, shown, GREY, names, batch_size=3)
    tiny.eval()
    with torch.no_grad():
        parts = [f"{name}{tower}" for name in ("relu3", "relu2", "pool2", "fc3") for tower in "ab"]
        by_hand = tiny(shown.images.float(), layers=parts)
    tiny.train()
    for asked, own in zip(names, ("relu3", "relu2", "pool2", "fc3"), strict=True):
        wanted = torch.cat([by_hand[f"{own}a"], by_hand[f"{own}b"]], dim=1).flatten(1).numpy()
        assert found[asked].dtype == np.float32 and found[asked].shape == wanted.shape
        np.testing.assert_allclose(found[asked], wanted, rtol=1e-5, atol=1e-4)
    assert (found["fc3"] >= 0).all() and (found["fc3:pre"] < 0).any()
    np.testing.assert_array_equal(found["fc3"], found["fc3:pre"].clip(0))


def test_of_several_views_the_mean_is_taken(tiny: NetworkModule) -> None:
    shown = pictures(4, 28)
    found = alexnet.features(tiny, shown, GREY, ["fc3"], showing=Showing(views="ten"))["fc3"]
    views = cut(shown.images, 24, views_of("ten", 28, 24))
    each = alexnet.features(
        tiny, pictures_of(views), GREY, ["fc3"]
    )["fc3"].reshape(10, 4, 128)  # fmt: skip
    np.testing.assert_allclose(found, each.mean(axis=0), rtol=1e-4, atol=1e-3)


def pictures_of(images: torch.Tensor) -> PictureSet:
    names = tuple(map(str, range(len(images))))
    return PictureSet(images, torch.zeros(len(images), dtype=torch.int64), names, (), ())


def test_the_network_stops_at_the_last_layer_that_is_needed() -> None:
    network = build(reduced("caffe"))
    run: list[str] = []
    for name, layer in network.named_children():
        layer.register_forward_hook(lambda *_, name=name: run.append(name))
    side = network.network.picture.shape[1]
    random = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)
    contract = InputContract(channel_order="BGR", pixel_maximum=255.0)
    alexnet.features(network, pictures_of(random), contract, ["pool5", "conv4"])
    assert run[-1] == "pool5" and not [name for name in run if name.startswith("fc")]
    run.clear()
    alexnet.features(network, pictures_of(random), contract, ["conv1:pre"])
    assert run == ["conv1"]


def test_progress_modes_and_precision(tiny: NetworkModule) -> None:
    told: list[tuple[int, int]] = []
    shown = pictures(5, 24)
    examinee = Examinee(tiny, shown, GREY)
    batches = feature_batches(
        examinee, ["fc3"], batch_size=2, progress=lambda *done: told.append(done)
    )
    tiny.train()
    starts = [start for start, _ in batches]
    assert starts == [0, 2, 4] and told == [(2, 5), (4, 5), (5, 5)] and tiny.training
    whole = alexnet.features(tiny, shown, GREY, ["fc3"])["fc3"]
    half = alexnet.features(tiny, shown, GREY, ["fc3"], showing=Showing(precision="bf16"))["fc3"]
    assert half.dtype == np.float32 and 0 < np.abs(half - whole).max() < 0.1 * whole.max()


def test_pictures_are_prepared_as_the_contract_says() -> None:
    network = build(reduced("caffe"))
    side = network.network.picture.shape[1]
    random = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)
    mean = torch.rand(3, side, side) * 255
    contract = InputContract(channel_order="BGR", pixel_maximum=255.0, mean_image=True)
    found = alexnet.features(network, pictures_of(random), contract, ["data"], mean_image=mean)
    wanted = prepare(random, contract, mean).flatten(1).numpy()
    np.testing.assert_array_equal(found["data"], wanted)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("numbers", [1, 3, 200])
def test_neighbours_are_those_of_scikit_learn(metric: Metric, numbers: int) -> None:
    random = np.random.default_rng(numbers)
    vectors = random.normal(size=(500, numbers)).astype(np.float32)
    queries = random.normal(size=(40, numbers)).astype(np.float32)
    indices, distances = nearest(vectors, queries, 7, metric)
    peer = NearestNeighbors(n_neighbors=7, algorithm="brute", metric=metric).fit(
        vectors.astype(np.float64)
    )
    wanted, order = peer.kneighbors(queries.astype(np.float64))
    np.testing.assert_allclose(distances, wanted, rtol=1e-9, atol=1e-9)
    if numbers > 1 or metric == "euclidean":  # cosines of single numbers are all 0 or 2
        np.testing.assert_array_equal(indices, order)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_ties_go_to_the_lower_index_and_distances_to_oneself_are_zero(metric: Metric) -> None:
    random = np.random.default_rng(0)
    kinds = (random.normal(size=(5, 300)) * 1e3).astype(np.float32)
    vectors = kinds[random.integers(0, 5, 400)]
    indices, distances = nearest(vectors, kinds, 20, metric)
    for kind, row, far in zip(kinds, indices, distances, strict=True):
        same = np.flatnonzero((vectors == kind).all(axis=1))[:20]
        np.testing.assert_array_equal(row[: len(same)], same)
        np.testing.assert_allclose(far[: len(same)], 0.0, atol=1e-15)


def test_blocks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    vectors, queries = random.normal(size=(300, 16)), random.normal(size=(9, 16))
    vectors[100:200] = vectors[:100]
    whole = nearest(vectors, queries, 12)
    monkeypatch.setattr("alexnet.evaluation.neighbours.MEMORY", 4000)
    small = nearest(vectors, queries, 12)
    np.testing.assert_array_equal(whole[0], small[0])
    np.testing.assert_array_equal(whole[1], small[1])


def test_close_neighbours_far_from_the_origin_are_told_apart() -> None:
    vectors = 1e6 + np.arange(50, dtype=np.float64)[:, None] * 1e-7 * np.ones(64)
    indices, distances = nearest(vectors, vectors[[17]], 3)
    assert indices[0, 0] == 17 and set(indices[0, 1:]) == {16, 18} and distances[0, 0] == 0


def test_vectors_that_cannot_be_compared_are_refused() -> None:
    good = np.ones((3, 4))
    bad = good.copy()
    bad[1, 2] = np.nan
    with pytest.raises(EvaluationError, match="vector 1 holds a number that is not finite"):
        nearest(bad, good, 1)
    with pytest.raises(EvaluationError, match="query 1 holds"):
        nearest(good, bad, 1)
    with pytest.raises(EvaluationError, match="rows of equally many numbers"):
        nearest(good, np.ones((3, 5)), 1)
    with pytest.raises(EvaluationError, match="no vectors"):
        nearest(np.empty((0, 4)), good, 1)
    indices, distances = nearest(good, good[:1], 9)
    assert indices.tolist() == [[0, 1, 2]] and distances.shape == (1, 3)
