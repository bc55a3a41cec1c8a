"""The named recipes, each with what it is for and what it is taken from; variants by
`dataclasses.replace`.
"""

from __future__ import annotations

from dataclasses import replace

from alexnet.network.spec import nearest
from alexnet.training.rates import LayerRates, RecipeError
from alexnet.training.recipe import Recipe
from alexnet.training.schedule import Constant, OneCycle, Plateau

PAPER = Recipe(
    batch_size=128,
    epochs=90,
    lr=0.01,
    bias_lr=0.01,
    momentum=0.9,
    weight_decay=0.0005,
    bias_weight_decay=0.0005,
    schedule=Plateau(divisor=10.0, patience_epochs=3, times=3),
    layers=(),
    phases=(),
    update_period=1,
    data_batch_pictures=0,
    crop_border_pixels=16,
    crop_padding_pixels=0,
    padding_value="mean",
    crop_chunk=1,
    mirror=True,
    colour_noise=0.0,
    colour_deviations="square-root",
    mean="image",
    deviation=False,
    pixel_maximum=255.0,
    shuffled=True,
    validation_share=0.02,
    seed=0,
)
"""As the paper writes it (§2, §4.1, §5), for pictures of 256; it names one rate and one decay for
all weights. Ours: the patience of three epochs, and 2% of the training pictures held out for the
validation error where no validation set is given. Without the colour noise of §4.1."""

DIGITS = replace(
    PAPER,
    batch_size=32,
    epochs=30,
    lr=0.05,
    bias_lr=0.1,
    weight_decay=0.001,
    bias_weight_decay=0.0,
    schedule=OneCycle(warm_up_share=0.2),
    crop_border_pixels=0,
    crop_padding_pixels=3,
    padding_value="black",
    mirror=False,
    mean="channel",
    deviation=True,
    validation_share=0.1,
)
"""For the network `tiny` on scikit-learn's digits, enlarged to 24 pixels: shifted by up to a pixel
of the original 8, never mirrored."""

CIFAR = replace(
    PAPER,
    epochs=40,
    lr=0.005,
    bias_lr=0.01,
    weight_decay=0.001,
    bias_weight_decay=0.0,
    schedule=OneCycle(warm_up_share=0.1),
    layers=(LayerRates(layers="fc*", weight_decay=0.03),),
    crop_border_pixels=0,
    crop_padding_pixels=4,
    validation_share=0.0,
)
"""For 32-pixel CIFAR nets such as `80sec`: five times the rate of layer-params-80sec.cfg after a
warm-up, a quarter of its decay, and crops padded by 4 and mirror images, which that file lacks."""

CIFAR_18PCT = replace(CIFAR, epochs=60, layers=(LayerRates(layers="fc10", weight_decay=0.1),))
"""The same for `18pct`, for longer; layer-params-18pct.cfg decays its one fully-connected layer by
1 at a fifth of the rate."""

ORIGINAL = replace(
    PAPER,
    bias_lr=0.02,
    bias_weight_decay=0.0,
    schedule=Constant(),
    data_batch_pictures=10000,
    crop_border_pixels=0,
    mirror=False,
    shuffled=False,
    validation_share=0.0,
)
"""What the code of 2012 does where no file and no option says otherwise (semantics file, sections 5
and 12): rates that stay, no decay of biases, whole pictures in file order, less the mean image. The
rates are those that the notes start from; `training.original` puts a file's in their place, and the
views and epochs of a released method. Ours: 90 epochs, as in §5, where the code would go on for
50,000; data batches of 10,000, as CIFAR-10 has them."""

RECIPES: dict[str, Recipe] = {
    "paper": PAPER,
    "digits": DIGITS,
    "cifar": CIFAR,
    "cifar-18pct": CIFAR_18PCT,
    "original": ORIGINAL,
}
"""Every named recipe, in the order in which they are listed."""


def recipe(name: str) -> Recipe:
    """The recipe called `name`.

    Raises:
        RecipeError: no such name; the message gives the nearest, or all of them.
    """
    if name not in RECIPES:
        raise RecipeError(f"no recipe is called '{name}'{nearest(name, list(RECIPES))}")
    return RECIPES[name]
