"""AlexNetClassifier: networks and recipes behind scikit-learn's interface. It is a door: how
networks learn and what they say of pictures is in `training` and `evaluation`.
"""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from alexnet.evaluation import Examinee, Showing, log_probabilities
from alexnet.formats import Checkpoint, read
from alexnet.images import PictureSet, fit
from alexnet.network.catalog import get_network
from alexnet.network.edit import with_classes, with_input
from alexnet.network.spec import Network
from alexnet.torch_net import build
from alexnet.torch_net.precision import Precision
from alexnet.training.events import EpochDone, Event, Notice
from alexnet.training.loop import Intervals, train
from alexnet.training.recipe import Recipe
from alexnet.training.recipes import recipe as named_recipe

FILLED = "fill"
"""The image_shape that makes a picture of any row of numbers."""

SEEDS = 2**31 - 1
"""A seed is drawn from 0 up to this, which every legacy NumPy generator can draw."""


class AlexNetClassifier(ClassifierMixin, BaseEstimator):
    """A network of the catalog, or your own, that learns by a recipe: fit, predict, score.

    X is an array of pictures (N, height, width), (N, height, width, 1 or 3), or of flat rows
    (N, numbers) of the shape that `image_shape` states. Pixels become bytes, 256 levels between
    black and white; a picture is scaled to the network's side and its central square is kept (§2).
    Nothing is kept on disk, and no file or environment is read.

    Args:
        network: a catalog network's name, or a Network. It is given as many outputs as there are
            classes, and as many channels as the pictures have.
        recipe: a recipe's name, or a Recipe. Its seed is not used: `random_state` is.
        image_shape: of flat rows, (height, width) or (height, width, channels). None: rows are
            square grey pictures. "fill": rows of any number, laid line by line on the smallest
            square that holds them, the rest black; for tables that are no pictures.
        pixel_range: what is black and what is white. None: 0 and 255 of bytes, and of other numbers
            the least and the most of those in `fit`. What lies beyond is black or white.
        epochs, batch_size, lr, weight_decay: instead of the recipe's, where not None. The rate of
            biases grows as `lr` does; rates that the recipe has for single layers stay.
        validation_share: of the pictures, held out from learning, for schedules that watch the
            validation error. The recipe's own is not used.
        precision: of the arithmetic, "fp32" or "bf16".
        device: where the network runs.
        random_state: of the first weights, the order, crops and dropout; None draws anew.

    Attributes:
        classes_: the labels, sorted.
        n_features_in_: numbers in a picture.
        image_shape_: (height, width, channels).
        pixel_range_: (black, white).
        checkpoint_: the network with its weights and what they expect of a picture, of class
            `alexnet.Checkpoint`; `alexnet.write(estimator.checkpoint_, "mine.safetensors")`.
        n_iter_: epochs done.
        loss_curve_: the mean loss of each epoch, in nats.

    Examples:
        >>> from alexnet import AlexNetClassifier
        >>> from sklearn.datasets import load_digits
        >>> digits = load_digits()
        >>> model = AlexNetClassifier(epochs=4, batch_size=16, random_state=0)
        >>> model = model.fit(digits.images[:1000], digits.target[:1000])
        >>> bool(model.score(digits.images[1000:], digits.target[1000:]) > 0.85)
        True
    """

    def __init__(
        self,
        network: str | Network = "tiny",
        recipe: str | Recipe = "digits",
        *,
        image_shape: Sequence[int] | str | None = None,
        pixel_range: tuple[float, float] | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        weight_decay: float | None = None,
        validation_share: float = 0.0,
        precision: Precision = "fp32",
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        """Keeps what it is given; all is checked in `fit`."""
        self.network = network
        self.recipe = recipe
        self.image_shape = image_shape
        self.pixel_range = pixel_range
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.validation_share = validation_share
        self.precision: Precision = precision
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> AlexNetClassifier:  # noqa: N803  # scikit-learn's name
        """Learns the labels `y`, (N,), of the pictures `X`, from first weights; returns itself.

        Raises:
            ValueError: pictures, labels, network or recipe do not fit one another; one sentence.
        """
        given = _array(X)
        checked: Any = validate_data(self, _flat(given), y)
        rows, labels = checked
        check_classification_targets(labels)
        shape = _image_shape(self.image_shape, given.shape)
        white = _pixel_range(self.pixel_range, rows)
        classes, indices = np.unique(labels, return_inverse=True)
        network = self._network(shape[2], len(classes))
        recipe = self._recipe(network)
        pictures = _pictures(
            _bytes(rows, white), shape, recipe.picture_side(network), indices, classes
        )
        losses: list[float] = []

        def report(event: Event) -> None:
            if isinstance(event, EpochDone):
                losses.append(event.train_loss)
            elif isinstance(event, Notice):
                warnings.warn(event.text, UserWarning, stacklevel=2)

        with tempfile.TemporaryDirectory(prefix="alexnet-") as folder:
            outcome = train(
                network,
                pictures,
                recipe,
                Path(folder) / "run",
                report=report,
                intervals=Intervals(save_epochs=recipe.epochs, row_steps=SEEDS),
                device=self.device,
                precision=self.precision,
            )
            checkpoint = read(outcome.checkpoint)
        self.classes_ = classes
        self.image_shape_, self.pixel_range_ = shape, white
        self.checkpoint_: Checkpoint = checkpoint
        self.n_iter_, self.loss_curve_ = outcome.epochs, losses
        return self

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """The probability of each class for each picture, float64 (N, classes), by `classes_`."""
        check_is_fitted(self)
        given = _array(X)
        rows: Any = validate_data(self, _flat(given), reset=False)
        if given.ndim > 2 and _three(given.shape[1:]) != self.image_shape_:
            raise ValueError(
                f"X holds pictures {given.shape[1:]} and those learned from are"
                f" {self.image_shape_}; they must be alike"
            )
        of = self.checkpoint_
        side = of.network.picture.shape[1] + 2 * of.contract.border_pixels
        unknown = np.zeros(len(rows), np.int64)
        pictures = _pictures(
            _bytes(rows, self.pixel_range_), self.image_shape_, side, unknown, self.classes_
        )
        module = build(of.network, arrays=of.arrays).to(self.device)
        examinee = Examinee(module, pictures, of.contract, of.mean_image)
        found = log_probabilities(examinee, Showing(precision=self.precision))
        return torch.cat([logs for _, logs in found]).exp().numpy()

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The likeliest class of each picture, (N,); of equally likely ones the first."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        return self.classes_[likeliest]

    def __sklearn_tags__(self) -> Any:
        """Says that arrays of more than two dimensions are welcome."""
        tags: Any = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _network(self, channels: int, classes: int) -> Network:
        network = self.network if isinstance(self.network, Network) else get_network(self.network)
        side = network.picture.shape[1]
        return with_classes(with_input(network, side, channels=channels), classes)

    def _recipe(self, network: Network) -> Recipe:
        """The recipe with what is set instead."""
        if self.precision not in get_args(Precision):
            raise ValueError(f"precision is '{self.precision}'; it must be fp32 or bf16")
        given = self.recipe
        recipe = given if isinstance(given, Recipe) else named_recipe(given, network)
        seed = int(check_random_state(self.random_state).randint(SEEDS))
        recipe = replace(recipe, seed=seed, validation_share=self.validation_share)
        if self.lr is not None:
            times = self.lr / recipe.lr if recipe.lr else 1.0
            recipe = replace(recipe, lr=self.lr, bias_lr=recipe.bias_lr * times)
        for name in ("epochs", "batch_size", "weight_decay"):
            value = getattr(self, name)
            if value is not None:
                recipe = replace(recipe, **{name: value})
        return recipe


def _array(pictures: Any) -> Any:
    """What has a shape as it is, tables of pandas and sparse matrices too; lists as arrays."""
    return pictures if hasattr(pictures, "shape") else np.asarray(pictures)


def _flat(pictures: Any) -> Any:
    """A row for each picture."""
    if len(pictures.shape) <= 2:
        return pictures
    return np.asarray(pictures).reshape(len(pictures), -1)


def _three(shape: Sequence[int]) -> tuple[int, int, int]:
    """(height, width, channels) of the shape of one picture.

    Raises:
        ValueError: it has no such shape.
    """
    whole = (*shape, 1) if len(shape) == 2 else tuple(shape)
    if len(whole) != 3 or whole[2] not in (1, 3) or min(whole) < 1:
        raise ValueError(
            f"a picture is {tuple(shape)}; it must be (height, width) or (height, width, channels)"
            " with 1 or 3 channels"
        )
    return (int(whole[0]), int(whole[1]), int(whole[2]))


def _image_shape(stated: Sequence[int] | str | None, given: Sequence[int]) -> tuple[int, int, int]:
    """(height, width, channels) of every picture.

    Args:
        stated: the parameter image_shape.
        given: the shape of X.
    """
    if isinstance(stated, str) and stated != FILLED:
        raise ValueError(f"image_shape is '{stated}'; it must be a shape, '{FILLED}' or None")
    if len(given) > 2:
        found = _three(given[1:])
        if stated is not None and not isinstance(stated, str) and _three(stated) != found:
            raise ValueError(
                f"image_shape is {tuple(stated)} and X holds pictures {tuple(given[1:])}; leave"
                " image_shape out, or make them alike"
            )
        return found
    numbers = int(given[1])
    side = math.ceil(math.sqrt(numbers))
    if isinstance(stated, str):
        return (side, side, 1)
    if stated is None:
        if side * side != numbers:
            raise ValueError(
                f"X has rows of {numbers:,} numbers, which are no square grey picture; state"
                f" image_shape, as (32, 32, 3), or '{FILLED}' for tables that are no pictures"
            )
        return (side, side, 1)
    found = _three(stated)
    if math.prod(found) != numbers:
        raise ValueError(
            f"image_shape is {tuple(stated)}, which is {math.prod(found):,} numbers, and X has rows"
            f" of {numbers:,}; they must agree"
        )
    return found


def _pixel_range(stated: tuple[float, float] | None, rows: np.ndarray) -> tuple[float, float]:
    """What is black and what is white."""
    if stated is not None:
        black, white = (float(value) for value in stated)
        if not (math.isfinite(black) and math.isfinite(white) and black < white):
            raise ValueError(f"pixel_range is {stated}; black must be less than white")
        return black, white
    if rows.dtype == np.uint8:
        return 0.0, 255.0
    black, white = float(rows.min()), float(rows.max())
    return (black, white) if black < white else (black, black + 1.0)


def _bytes(rows: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    """Numbers as 256 levels between black and white."""
    if rows.dtype == np.uint8 and span == (0.0, 255.0):
        return rows
    black, white = span
    share = (rows.astype(np.float64) - black) / (white - black)
    return np.rint(share.clip(0.0, 1.0) * 255).astype(np.uint8)


def _pictures(
    rows: np.ndarray,
    shape: tuple[int, int, int],
    side: int,
    labels: np.ndarray,
    classes: np.ndarray,
) -> PictureSet:
    """Rows of bytes as pictures at the side that the network asks for, with their labels."""
    numbers = math.prod(shape)
    if rows.shape[1] < numbers:
        rows = np.pad(rows, ((0, 0), (0, numbers - rows.shape[1])))
    fitted = [fit(row.reshape(shape), side).transpose(2, 0, 1) for row in rows]
    return PictureSet(
        torch.from_numpy(np.stack(fitted)),
        torch.from_numpy(labels.astype(np.int64)),
        tuple(f"picture {index}" for index in range(len(rows))),
        tuple(str(name) for name in classes),
        (),
    )
