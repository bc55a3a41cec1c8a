"""AlexNetClassifier: scikit-learn's own checks, its tools, and the project's loop behind it."""

from __future__ import annotations

import doctest
import pickle
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import SkipTestWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

import alexnet
from alexnet import AlexNetClassifier
from alexnet.evaluation import Examinee, log_probabilities
from alexnet.images import fit
from alexnet.training.loop import train
from alexnet.training.rates import RecipeError
from reduced import reduced
from training.small import NETWORK, RECIPE
from training.small import pictures as small_pictures

FLAT = replace(RECIPE, crop_padding_pixels=0, mirror=False, batch_size=32)
"""For rows that are no pictures: neither shifted nor turned."""

NEEDS_A_SHAPE = [
    "check_classifier_data_not_an_array", "check_classifiers_classes",
    "check_classifiers_one_label", "check_classifiers_train", "check_dict_unchanged",
    "check_dont_overwrite_parameters", "check_dtype_object", "check_estimators_dtypes",
    "check_estimators_fit_returns_self", "check_estimators_nan_inf",
    "check_estimators_overwrite_params", "check_estimators_pickle",
    "check_f_contiguous_array_estimator", "check_fit2d_1sample", "check_fit2d_predict1d",
    "check_fit_check_is_fitted", "check_fit_idempotent", "check_fit_score_takes_y",
    "check_methods_sample_order_invariance", "check_methods_subset_invariance",
    "check_n_features_in", "check_pipeline_consistency", "check_readonly_memmap_input",
    "check_supervised_y_2d",
]  # fmt: skip
"""The checks that cannot pass by default: they fit rows of 2, 3, 5 or 10 numbers, which are no
square pictures. Where image_shape is "fill" all pass."""

REFUSED = "such rows are no square pictures, and image_shape states nothing else"

NEEDS_PACKAGES = {"check_array_api_input", "check_classifier_data_not_an_array"}
"""The checks that scikit-learn leaves out where SCIPY_ARRAY_API or pandas is not there."""


def small(**settings: Any) -> AlexNetClassifier:
    return AlexNetClassifier(
        **{"network": NETWORK, "recipe": RECIPE, "epochs": 2, "random_state": 0, **settings}
    )


def on_rows() -> AlexNetClassifier:
    return small(recipe=FLAT, image_shape="fill", epochs=6)


CHECKS = [check for _, check in estimator_checks_generator(on_rows())]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.func.__name__)
def test_scikit_learns_checks_pass(check: Any) -> None:
    check(on_rows())


def test_by_default_only_the_listed_checks_fail() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        found = check_estimator(
            small(), expected_failed_checks=dict.fromkeys(NEEDS_A_SHAPE, REFUSED), on_fail=None
        )
    by_status: dict[str, set[str]] = {}
    for each in found:
        by_status.setdefault(each["status"], set()).add(each["check_name"])
    assert by_status.pop("xfail") == set(NEEDS_A_SHAPE)
    assert by_status.pop("skipped", set()) <= NEEDS_PACKAGES
    assert set(by_status) == {"passed"} and len(by_status["passed"]) > 20


def learnable(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Grey bytes (N, 8, 8) with a bright band at the height that the label says."""
    shown = small_pictures(count)
    return shown.images[:, 0].numpy(), np.array(["low", "middle", "top"])[shown.labels.numpy()]


def test_all_shapes_of_the_same_pictures_are_learned_alike() -> None:
    X, y = learnable()
    whole = small().fit(X, y)
    assert whole.image_shape_ == (8, 8, 1) and whole.n_features_in_ == 64
    assert whole.pixel_range_ == (0, 255) and whole.classes_.tolist() == ["low", "middle", "top"]
    wanted = whole.predict_proba(X)
    assert wanted.shape == (60, 3) and wanted.dtype == np.float64
    np.testing.assert_allclose(wanted.sum(axis=1), 1.0, rtol=1e-12)
    flat = X.reshape(60, 64)
    others = (
        (small(), X[..., None]),
        (small(), flat),
        (small(), flat.tolist()),
        (small(image_shape=(8, 8)), flat),
        (small(image_shape=(8, 8, 1), pixel_range=(0, 255)), flat.astype(float)),
        (small(pixel_range=(0, 1)), X / np.float64(255)),
    )
    for one, shown in others:
        if isinstance(shown, list):
            one.set_params(pixel_range=(0, 255))
        np.testing.assert_array_equal(one.fit(shown, y).predict_proba(shown), wanted)
    np.testing.assert_array_equal(whole.predict_proba(flat), wanted)  # either shape, once fitted


def test_it_learns_as_the_projects_own_loop_does(tmp_path: Path) -> None:
    X, y = learnable()
    learned = small(lr=0.1, batch_size=20, weight_decay=0.01).fit(X, y)
    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    recipe = replace(RECIPE, lr=0.1, bias_lr=0.2, batch_size=20, weight_decay=0.01, epochs=2)
    recipe = replace(recipe, validation_share=0.0, seed=seed)
    shown = small_pictures(60)
    outcome = train(NETWORK, shown, recipe, tmp_path / "run")
    wanted = alexnet.read(outcome.checkpoint)
    assert learned.checkpoint_.contract == wanted.contract
    for name, array in wanted.arrays.items():
        np.testing.assert_array_equal(learned.checkpoint_.arrays[name], array)
    module = alexnet.build(wanted.network, arrays=wanted.arrays)
    (_, logs), *_ = log_probabilities(Examinee(module, shown, wanted.contract))
    np.testing.assert_array_equal(learned.predict_proba(X), logs.exp().numpy())
    assert learned.n_iter_ == len(learned.loss_curve_) == 2


def test_random_state_decides_and_torchs_own_generator_is_left_alone() -> None:
    X, y = learnable()
    before = torch.get_rng_state()
    first, again, other = (small(random_state=s).fit(X, y).loss_curve_ for s in (1, 1, 2))
    assert first == again != other
    assert small(random_state=None).fit(X, y).loss_curve_ != first
    assert torch.equal(torch.get_rng_state(), before)


def test_colour_pictures_are_scaled_and_cropped_as_the_loader_does() -> None:
    grey, y = learnable()
    X = np.stack([grey, grey // 2, 255 - grey], axis=3).repeat(2, axis=1).repeat(2, axis=2)
    X = np.concatenate([X, X[:, :, :4]], axis=2)  # 16 high, 20 wide
    model = small(epochs=12).fit(X, y)
    assert model.checkpoint_.network.picture.shape == (3, 8, 8)
    assert model.checkpoint_.contract.channel_order == "RGB"
    assert model.score(X, y) > 0.9
    squares = np.stack([fit(one, 8) for one in X])
    np.testing.assert_array_equal(
        model.predict(X), small(epochs=12).fit(squares, y).predict(squares)
    )


def test_a_catalog_network_takes_the_pictures_channels_and_classes() -> None:
    grey, y = learnable(12)
    model = small(network=reduced("caffe"), recipe="paper", image_shape=None, epochs=1)
    with pytest.raises(RecipeError, match="set validation_share"):
        model.fit(grey, y)
    model.set_params(validation_share=0.3).fit(grey, y)
    of = model.checkpoint_
    assert of.network.picture.shape == (1, 67, 67) and of.contract.border_pixels == 16
    assert of.mean_image is not None and of.mean_image.shape == (1, 99, 99)
    assert model.predict_proba(grey).shape == (12, 3)


def test_pipelines_searches_and_clones() -> None:
    X, y = learnable(90)
    flat = X.reshape(90, 64) * 3.5 - 100
    pipe = make_pipeline(MinMaxScaler(), small(epochs=12))
    search = GridSearchCV(pipe, {"alexnetclassifier__lr": [1e-9, 0.05]}, cv=3).fit(flat, y)
    assert search.best_params_ == {"alexnetclassifier__lr": 0.05}
    assert search.best_score_ > 0.8 and search.predict(flat[:4]).tolist()[0] == "low"
    assert cross_val_score(small(epochs=1), X, y, cv=2).shape == (2,)  # of whole pictures
    own = small(recipe=FLAT, lr=0.3)
    assert clone(own).get_params() == own.get_params()


def test_a_fitted_one_is_pickled_and_its_network_written(tmp_path: Path) -> None:
    X, y = learnable()
    model = small().fit(X, y)
    wanted = model.predict_proba(X)
    back: AlexNetClassifier = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(back.predict_proba(X), wanted)
    alexnet.write(model.checkpoint_, tmp_path / "mine.safetensors")
    of = alexnet.read(tmp_path / "mine.safetensors")
    assert of.classes == ("low", "middle", "top")
    module = alexnet.build(of.network, arrays=of.arrays)
    (_, logs), *_ = log_probabilities(Examinee(module, small_pictures(60), of.contract))
    np.testing.assert_array_equal(logs.exp().numpy(), wanted)


def test_nothing_is_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    X, y = learnable()
    small().fit(X, y)
    with pytest.raises(ValueError, match="no longer finite|is not finite"):
        small(lr=1e30).fit(X, y)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "shape", "sentence"),
    [
        ({}, (6, 10), "rows of 10 numbers, which are no square grey picture; state image_shape"),
        ({"image_shape": (2, 4)}, (6, 10), r"image_shape is \(2, 4\), which is 8 numbers, and X"),
        ({"image_shape": (2, 5)}, (6, 5, 2), r"a picture is \(5, 2\)|and X holds pictures"),
        ({"image_shape": "full"}, (6, 4), "image_shape is 'full'; it must be a shape, 'fill'"),
        ({}, (6, 3, 8, 8), "with 1 or 3 channels"),
        ({}, (6, 2, 2, 2, 1), "with 1 or 3 channels"),
        ({"pixel_range": (1, 1)}, (6, 4), "black must be less than white"),
        ({"network": "papre"}, (6, 4), "did you mean 'paper'"),
        ({"recipe": "digit"}, (6, 4), "did you mean 'digits'"),
        ({"precision": "fp8"}, (6, 4), "precision is 'fp8'; it must be fp32 or bf16"),
        ({"epochs": 0}, (6, 4), "epochs is 0; it must be at least 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(
    settings: dict[str, Any], shape: tuple[int, ...], sentence: str
) -> None:
    X = np.random.default_rng(0).normal(size=shape)
    with pytest.raises(ValueError, match=sentence):
        small(**settings).fit(X, [0, 1] * 3)


def test_other_pictures_than_were_learned_from_are_refused() -> None:
    X, y = learnable()
    model = small().fit(X, y)
    with pytest.raises(
        ValueError, match=r"pictures \(4, 16\) and those learned from are \(8, 8, 1\)"
    ):
        model.predict(X.reshape(60, 4, 16))
    with pytest.raises(ValueError, match="X has 49 features"):
        model.predict(X[:, :7, :7])


def test_the_example_of_the_docstring() -> None:
    found = doctest.DocTestFinder().find(AlexNetClassifier, globs={})
    results = [doctest.DocTestRunner().run(each) for each in found if each.examples]
    assert [(each.attempted, each.failed) for each in results] == [(6, 0)]
