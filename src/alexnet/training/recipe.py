"""Recipe: how to learn, as one frozen value without paths or devices; JSON both ways, and settings
typed by a person. The named ones are in `recipes`. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from alexnet.network.codec import CodecError, decode, encode
from alexnet.network.spec import Network, nearest
from alexnet.training.rates import LayerRates, Rates, RecipeError, resolve
from alexnet.training.schedule import Schedule, ScheduleError

FORMAT = "alexnet-recipe/1"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network learns. The defaults of every field are in the named recipes.

    Attributes:
        batch_size: pictures (§5: 128). The last batch of an epoch may be smaller, and is divided
            by its own size.
        epochs: cycles through the training pictures (§5: roughly 90).
        lr, bias_lr: base learning rates of weights and biases (§5: 0.01 for all layers; the code
            has twice the rate for biases).
        momentum: of both (§5: 0.9).
        weight_decay, bias_weight_decay: multiplied by the rate (§5: 0.0005; the code has none on
            biases).
        schedule: what becomes of the rates (§5: ÷10 when the validation error stalls).
        layers: rates of single layers, by pattern.
        crop_border_pixels: pictures are loaded this much larger on each side than the network
            takes, and crops drawn from them (§4.1: 16, crops of 224 from 256).
        crop_padding_pixels: pictures are padded by this much on each side, and crops drawn.
        padding_value: "black", or the "mean" of each channel.
        mirror: half of the crops are turned left to right (§4.1).
        mean: what is subtracted, the mean "image" (§2), one number per "channel", or "none".
        deviation: whether each channel is divided by its standard deviation.
        pixel_maximum: what a white pixel is worth, 255 or 1.
        shuffled: a new order every epoch; otherwise file order, as cuda-convnet has it.
        validation_share: of the training pictures, held out for the validation error.
        seed: of the first weights, the order, the crops, dropout and the held-out pictures.
    """

    batch_size: int
    epochs: int
    lr: float
    bias_lr: float
    momentum: float
    weight_decay: float
    bias_weight_decay: float
    schedule: Schedule
    layers: tuple[LayerRates, ...]
    crop_border_pixels: int
    crop_padding_pixels: int
    padding_value: Literal["black", "mean"]
    mirror: bool
    mean: Literal["image", "channel", "none"]
    deviation: bool
    pixel_maximum: float
    shuffled: bool
    validation_share: float
    seed: int

    def __post_init__(self) -> None:
        """Raises RecipeError where a value is out of its range."""
        _require(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        _require(self.epochs >= 1, "epochs", self.epochs, "at least 1")
        for name in ("lr", "bias_lr", "weight_decay", "bias_weight_decay"):
            _require(
                0 <= getattr(self, name) < float("inf"), name, getattr(self, name), "0 or more"
            )
        _require(0 <= self.momentum < 1, "momentum", self.momentum, "at least 0 and less than 1")
        for name in ("crop_border_pixels", "crop_padding_pixels"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        share = self.validation_share
        _require(0 <= share < 1, "validation_share", share, "at least 0 and less than 1")
        _require(self.pixel_maximum in (1, 255), "pixel_maximum", self.pixel_maximum, "1 or 255")
        _require(self.seed >= 0, "seed", self.seed, "0 or more")

    def picture_side(self, network: Network) -> int:
        """The side, in pixels, at which training pictures are to be loaded for `network`."""
        return network.picture.shape[1] + 2 * self.crop_border_pixels

    def rates(self, network: Network) -> dict[str, Rates]:
        """The rates of every learned array of `network`, by name.

        Raises:
            RecipeError: a pattern of `layers` matches no layer, or every rate is 0.
        """
        weights = Rates(lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)
        biases = Rates(lr=self.bias_lr, momentum=self.momentum, weight_decay=self.bias_weight_decay)
        return resolve(network, weights, biases, self.layers)


def recipe_to_json(recipe: Recipe) -> str:
    """A recipe as JSON text of one field a line; `recipe_from_json` gives the same recipe back."""
    return json.dumps({"format": FORMAT, **encode(recipe)}, indent=2)


def recipe_from_json(text: str, where: str = "recipe") -> Recipe:
    """Reads what `recipe_to_json` wrote.

    Args:
        text: the JSON.
        where: what to call it in an error, a file's name say.

    Raises:
        RecipeError: not JSON, an unknown field, a value of the wrong type or out of range.
    """
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{where}: not JSON ({error})") from None
    if not isinstance(tree, dict) or tree.pop("format", None) != FORMAT:
        raise RecipeError(f'{where}: no recipe; it must have "format": "{FORMAT}"')
    return _from_tree(tree, where)


def recipe_hash(recipe: Recipe) -> str:
    """Sixteen hexadecimal digits that differ wherever any field does."""
    plain = decode(Recipe, encode(recipe), "recipe")  # 0 and 0.0 are one value
    text = json.dumps(encode(plain), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def with_settings(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """The recipe with fields set as a person types them: `lr=0.02`, `mirror=true`,
    `schedule=constant`, `schedule.divisor=10`, `schedule={"kind": "one-cycle", …}`.

    Raises:
        RecipeError: no such field (the nearest is named), or a value that does not fit it.
    """
    for setting in settings:
        key, equals, text = (part.strip() for part in setting.partition("="))
        if not equals:
            raise RecipeError(f"'{setting}' sets nothing; write FIELD=VALUE, as in lr=0.02")
        recipe = _with_setting(recipe, key, _value(text))
    return recipe


def differences(one: Recipe, other: Recipe) -> list[str]:
    """What differs between two recipes, a phrase for each field: 'lr is 0.1 here and 0.2 there'."""
    pairs = [(f.name, getattr(one, f.name), getattr(other, f.name)) for f in fields(Recipe)]
    return [
        f"{name} is {json.dumps(encode(a))} here and {json.dumps(encode(b))} there"
        for name, a, b in pairs
        if a != b
    ]


def _with_setting(recipe: Recipe, key: str, value: object) -> Recipe:
    field, dot, inner = key.partition(".")
    names = [entry.name for entry in fields(Recipe)]
    if field not in names:
        raise RecipeError(f"a recipe has no field '{field}'{nearest(field, names)}")
    tree: dict[str, Any] = encode(recipe)
    if dot:
        if field != "schedule":
            raise RecipeError(f"'{key}': '{field}' has no parts; only schedule has")
        value = {**tree[field], inner: value}
    elif field == "schedule" and isinstance(value, str):
        value = {"kind": value}
    return _from_tree({**tree, field: value}, "recipe")


def _value(text: str) -> object:
    """JSON where it is JSON, as numbers, true and lists are; otherwise the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _from_tree(tree: dict[str, Any], where: str) -> Recipe:
    try:
        return decode(Recipe, tree, where)
    except CodecError as error:
        raise RecipeError(str(error)) from None
    except (RecipeError, ScheduleError) as error:
        raise RecipeError(f"{where}: {error}") from None


def _require(true: bool, name: str, value: object, right: str) -> None:
    if not true:
        raise RecipeError(f"{name} is {value}; it must be {right}")
