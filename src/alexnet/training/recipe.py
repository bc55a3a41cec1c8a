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
from alexnet.training.phases import Phase, after, changed
from alexnet.training.rates import LayerRates, Rates, RecipeError, Rule, resolve
from alexnet.training.schedule import HAIR, Schedule, ScheduleError, Unchanged

FORMAT = "alexnet-recipe/3"

SINCE_FIRST: dict[str, Any] = {
    "phases": [],
    "update_period": 1,
    "data_batch_pictures": 0,
    "crop_chunk": 1,
    "colour_noise": 0.0,
    "colour_deviations": "square-root",
}
"""Fields that recipes of the first format lack, as trees, each with what was done without it."""

SINCE_SECOND: dict[str, Any] = {"rule": "momentum", "first_weights": "network"}
"""The same of the second format; the first lacks these too."""

LACKING: dict[str, dict[str, Any]] = {
    "alexnet-recipe/1": SINCE_FIRST | SINCE_SECOND,
    "alexnet-recipe/2": SINCE_SECOND,
    FORMAT: {},
}
"""What recipes of each format lack."""


FirstWeights = Literal["network", "he"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network learns. The defaults of every field are in the named recipes.

    Attributes:
        batch_size: pictures (§5: 128). The last batch of an epoch, or of a data batch, may be
            smaller, and is divided by its own size.
        epochs: cycles through the training pictures (§5: roughly 90).
        lr, bias_lr: base learning rates of weights and biases (§5: 0.01 for all layers; the code
            has twice the rate for biases).
        momentum: of both (§5: 0.9).
        weight_decay, bias_weight_decay: multiplied by the rate (§5: 0.0005; the code has none on
            biases).
        rule: how rates, momentum and decay move a weight; see `rates.Rule` (§5: "momentum").
        first_weights: as the "network" states them, or "he": weights scaled to a deviation of
            √(2 / fan-in), biases as stated (`first_weights.he_scaled`).
        schedule: what becomes of the rates (§5: ÷10 when the validation error stalls).
        layers: rates of single layers, by pattern.
        phases: changes of the rates and of the colour noise by hand, at epochs, in the order in
            which they are to be thought of where several have begun.
        update_period: gradients of so many batches make one update; their sum is divided by so many
            times batch_size (semantics file, section 5: `--wupdate-freq`).
        data_batch_pictures: 2012's data came in files of so many pictures, 10,000 for CIFAR-10 and
            1,024 for ImageNet. No batch crosses their border, and schedules move from one to the
            next only (section 9). 0 is no files, and schedules that move at every step.
        crop_border_pixels: pictures are loaded this much larger on each side than the network
            takes, and crops drawn from them (§4.1: 16, crops of 224 from 256).
        crop_padding_pixels: pictures are padded by this much on each side, and crops drawn.
        padding_value: "black", or the "mean" of each channel.
        crop_chunk: so many consecutive pictures share one offset and one turn; 32 in the code of
            2012 (section 12), counted from the start of each batch. 1 is each its own.
        mirror: half of the crops are turned left to right (§4.1).
        colour_noise: how much of the colours' own variation is added to each picture (§4.1: 0.1).
        colour_deviations: how it varies along each colour component. "square-root": by the square
            root of its eigenvalue, the picture then divided by 1 + colour_noise, as it was run
            (section 12). "eigenvalues": by the eigenvalue, undivided, as §4.1 writes it; those grow
            with the square of pixel_maximum, and at 255 would drown every picture.
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
    rule: Rule
    first_weights: FirstWeights
    schedule: Schedule
    layers: tuple[LayerRates, ...]
    phases: tuple[Phase, ...]
    update_period: int
    data_batch_pictures: int
    crop_border_pixels: int
    crop_padding_pixels: int
    padding_value: Literal["black", "mean"]
    crop_chunk: int
    mirror: bool
    colour_noise: float
    colour_deviations: Literal["square-root", "eigenvalues"]
    mean: Literal["image", "channel", "none"]
    deviation: bool
    pixel_maximum: float
    shuffled: bool
    validation_share: float
    seed: int

    def __post_init__(self) -> None:
        """Raises RecipeError where a value is out of its range."""
        for name in ("batch_size", "epochs", "update_period", "crop_chunk"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("lr", "bias_lr", "weight_decay", "bias_weight_decay", "colour_noise"):
            _require(
                0 <= getattr(self, name) < float("inf"), name, getattr(self, name), "0 or more"
            )
        _require(0 <= self.momentum < 1, "momentum", self.momentum, "at least 0 and less than 1")
        for name in ("crop_border_pixels", "crop_padding_pixels", "data_batch_pictures"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        share = self.validation_share
        _require(0 <= share < 1, "validation_share", share, "at least 0 and less than 1")
        _require(self.pixel_maximum in (1, 255), "pixel_maximum", self.pixel_maximum, "1 or 255")
        _require(self.seed >= 0, "seed", self.seed, "0 or more")

    def picture_side(self, network: Network) -> int:
        """The side, in pixels, at which training pictures are to be loaded for `network`."""
        return network.picture.shape[1] + 2 * self.crop_border_pixels

    def begun(self, moment: float) -> tuple[Phase, ...]:
        """The phases that have begun when `moment` of the run, 0 to 1, is done."""
        epoch = moment * self.epochs + HAIR
        return tuple(phase for phase in self.phases if phase.at_epoch <= epoch)

    def rates(self, network: Network, moment: float = 0.0) -> dict[str, Rates]:
        """The rates of every learned array of `network`, by name, at a moment of the run.

        Raises:
            RecipeError: a pattern of `layers` or `phases` matches no layer, or every rate is 0.
        """
        found = resolve(network, self._usual(False), self._usual(True), self.layers)
        after(self.phases, found, network)  # for its complaints, before the run is under way
        found = after(self.begun(moment), found, network)
        if not any(rates.lr for rates in found.values()):
            raise RecipeError(
                f"every learning rate of network '{network.name}' is 0; nothing learns"
            )
        return found

    def usual_rates(self, moment: float) -> Rates:
        """The rates of the weights of a layer that neither `layers` nor a phase names."""
        rates = self._usual(False)
        for phase in self.begun(moment):
            if not phase.layers:
                rates = changed(rates, phase, is_bias=False)
        return rates

    def colour_noise_at(self, moment: float) -> float:
        """The colour noise at a moment of the run."""
        noise = self.colour_noise
        for phase in self.begun(moment):
            noise = noise if phase.colour_noise is None else phase.colour_noise
        return noise

    def schedules(self) -> tuple[Schedule, ...]:
        """Every schedule that a rate may follow."""
        own = [entry.schedule for entry in (*self.layers, *self.phases)]
        own += [entry.bias_schedule for entry in self.layers]
        return (self.schedule, *(x for x in own if not isinstance(x, Unchanged)))

    def _usual(self, of_biases: bool) -> Rates:
        return Rates(
            lr=self.bias_lr if of_biases else self.lr,
            momentum=self.momentum,
            weight_decay=self.bias_weight_decay if of_biases else self.weight_decay,
            rule=self.rule,
            update_period=self.update_period,
        )


def recipe_to_json(recipe: Recipe) -> str:
    """A recipe as JSON text of one field a line; `recipe_from_json` gives the same recipe back."""
    return json.dumps({"format": FORMAT, **encode(recipe)}, indent=2)


def recipe_from_json(text: str, where: str = "recipe") -> Recipe:
    """Reads what `recipe_to_json` writes, or wrote in an earlier format: that lacks the fields of
    LACKING, and stands for a recipe that does what was done without them.

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
    mark = tree.pop("format", None) if isinstance(tree, dict) else None
    if not isinstance(mark, str) or mark not in LACKING:
        raise RecipeError(f'{where}: no recipe; it must have "format": "{FORMAT}"')
    return _from_tree(LACKING[mark] | tree, where)


def recipe_hash(recipe: Recipe) -> str:
    """Sixteen hexadecimal digits that differ wherever any field does.

    Fields that the first format lacks and that change nothing are left out, so that a recipe of an
    earlier format keeps the digits that its checkpoints name.
    """
    later = SINCE_FIRST | SINCE_SECOND
    plain = decode(Recipe, encode(recipe), "recipe")  # 0 and 0.0 are one value
    tree = {
        name: value
        for name, value in encode(plain).items()
        if name not in later or value != later[name]
    }
    text = json.dumps(tree, sort_keys=True)
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
