"""The named recipes, each with what it is for and what it is taken from; variants by
`dataclasses.replace`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from glob import escape

from alexnet.network.arithmetic import network_parameters
from alexnet.network.edit import _heads  # pyright: ignore[reportPrivateUsage]
from alexnet.network.spec import Network, nearest
from alexnet.training.original.methods import imagenet_method
from alexnet.training.phases import Phase
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
    rule="momentum",
    first_weights="network",
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
    colour_noise=0.1 / 255,
    colour_deviations="eigenvalues",
    mean="image",
    deviation=False,
    pixel_maximum=255.0,
    shuffled=True,
    validation_share=0.02,
    seed=0,
)
"""As the paper writes it (§2, §4.1, §5), for pictures of 256; it names one rate and one decay for
all weights. Ours: the patience of three epochs, and 2% of the training pictures held out for the
validation error where no validation set is given.

§4.1 adds the colours' components, each times its eigenvalue and a number drawn from N(0, 0.1), and
does not say in which units a pixel then is. They are taken for those in which white is 1, and the
noise for a share of white: the strongest component then varies by some 5 of 255 levels. In the raw
levels of §2, 0 to 255, it would vary by more than a thousand, and drown every picture. The code of
2012 took the roots of the eigenvalues, some 12 levels: recipe `as-run`."""

NO_NOISE = replace(PAPER, colour_noise=0.0, colour_deviations="square-root")

DIGITS = replace(
    NO_NOISE,
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
    NO_NOISE,
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

QUICK = replace(
    NO_NOISE,
    batch_size=250,
    epochs=3,
    lr=0.06,
    bias_lr=0.02,
    weight_decay=0.0,
    bias_weight_decay=0.0,
    rule="muon",
    first_weights="he",
    schedule=OneCycle(warm_up_share=0.2),
    layers=(LayerRates(layers="fc10", rule="nesterov", lr=0.02),),
    crop_border_pixels=0,
    mean="channel",
    deviation=True,
    validation_share=0.0,
)
"""For `80sec` in half a minute of training on two cores, with `--precision bf16` (results
18-quick): Muon for all matrices but the last, first weights that pass signals on, mirror images.
Chosen on the last 5,000 training pictures, in runs of two epochs and of four: Muon's rate (of 0.03
to 0.1), its momentum (of 0.6 to 0.95), the batch (of 125 and 250). Crops, decay, averaged weights
and label smoothing were tried and gave nothing; without Muon the net learns far more slowly."""

RECORD = replace(
    QUICK,
    epochs=22,
    weight_decay=0.1,
    layers=(LayerRates(layers="fc10", rule="nesterov", lr=0.02, weight_decay=0.003),),
    crop_padding_pixels=2,
)
"""For `18pct` in five minutes of training on two cores, with `--precision bf16` (results
19-record): `quick` for longer, with crops, and a decay that is felt over so many epochs. Chosen on
the last 5,000 training pictures, in runs of 8 and 11 epochs: crops padded by 2 (or 4), batches of
250 (or 125), Muon's rate (or half of it). Decay and label smoothing gained little."""

ORIGINAL = replace(
    NO_NOISE,
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

AS_RUN = imagenet_method("145 (2012)").applied(ORIGINAL)
"""As the ImageNet network was run, by the notes of run #145 and the code (semantics file, sections
5, 9 and 12), for network `as_run`, or any with layers called conv1…: rates lowered for all weights
at epochs 25, 51 and 79 of 91 while those of biases stay, the colour noise off and conv1 slowed at
67, conv1 frozen at 72; 32 pictures share an offset and a turn; the store's order every epoch, data
batches of 1,024. Network `one_gpu` had another end: `training.original.released_method`."""

FINE_TUNE = replace(
    NO_NOISE,
    batch_size=32,
    epochs=20,
    lr=0.0003,
    bias_lr=0.0006,
    bias_weight_decay=0.0,
    schedule=OneCycle(warm_up_share=0.1),
    validation_share=0.1,
)
"""What `fine_tune` gives to all layers but the last: batches a quarter as large as the paper's,
which make more steps of few pictures, and about a tenth of its rates to a picture. Chosen on 300 of
1,000 training pictures, where batches of 128 and of 32 at 0.001 both did worse: `--trials` of
benchmarks/fine_tuning.py."""

HEAD_TIMES = 10
"""How much faster the last layer learns, as in Caffe's example `finetune_flickr_style`."""

FAST = replace(
    NO_NOISE,
    batch_size=256,
    epochs=30,
    lr=0.02,
    bias_lr=0.02,
    bias_weight_decay=0.0,
    rule="nesterov",
    first_weights="he",
    schedule=OneCycle(warm_up_share=0.2),
    layers=(LayerRates(layers="conv*", rule="muon", lr=0.06),),
    mean="channel",
    deviation=True,
)
"""A third of the paper's epochs for the same network, by what `quick` taught: Muon for the
convolutions, Nesterov's momentum elsewhere, first weights and pixels of deviation 1 that pass
signals on, a rate that rises over six epochs and then falls to 0 in a line; no colour noise. The
large fully-connected matrices are left to momentum: orthogonalising them would cost a CPU several
times the step. Unmeasured: how it does on ImageNet. Against `paper` at equal epochs, on a network
and pictures that are small: results 20-fast."""

RECIPES: dict[str, Recipe] = {
    "paper": PAPER,
    "digits": DIGITS,
    "cifar": CIFAR,
    "cifar-18pct": CIFAR_18PCT,
    "quick": QUICK,
    "record": RECORD,
    "original": ORIGINAL,
    "as-run": AS_RUN,
    "fast": FAST,
}
"""Every named recipe that is the same for all networks, in the order in which they are listed."""

FOR_NETWORK = "finetune"
"""The name of the recipe that depends on the network: `fine_tune`."""


def recipe(name: str, network: Network | None = None, begun: Network | None = None) -> Recipe:
    """The recipe called `name`.

    Args:
        name: one of RECIPES, or FOR_NETWORK.
        network: what will learn by it; only FOR_NETWORK asks for it.
        begun: the network of the checkpoint that it begins with, if there is one.

    Raises:
        RecipeError: no such name; the message gives the nearest, or all of them. Or no network.
    """
    if name == FOR_NETWORK:
        if network is None:
            raise RecipeError(f"recipe '{name}' is made for a network; name one with it")
        return fine_tune(network, begun)
    if name not in RECIPES:
        raise RecipeError(f"no recipe is called '{name}'{nearest(name, [*RECIPES, FOR_NETWORK])}")
    return RECIPES[name]


def fine_tune(network: Network, begun: Network | None = None) -> Recipe:
    """The recipe for a network that begins with a checkpoint made for other classes: its last
    layer, which is drawn anew, learns HEAD_TIMES as fast as what lies below it. So does every other
    layer for which the checkpoint has nothing.

    The last layer is whatever fully-connected layers the output is made of, by their names in this
    network: several where 2012 dealt one over its GPUs. Crops leave as large a share of a picture
    as the paper's 224 pixels of 256, whatever the network's own side.

    Args:
        network: what will learn.
        begun: the network of the checkpoint; without it only the last layer counts as new.

    Raises:
        RecipeError: there is no such layer.
    """
    heads = [head.name for head in _heads(network)]
    if not heads:
        raise RecipeError(f"network '{network.name}' has no fully-connected layer to learn anew")
    if begun is not None:
        known = {(one.name, one.shape) for one in network_parameters(begun)}
        drawn = [x.layer for x in network_parameters(network) if (x.name, x.shape) not in known]
        heads = list(dict.fromkeys([*drawn, *heads]))
    faster = [
        LayerRates(
            layers=escape(name),
            lr=FINE_TUNE.lr * HEAD_TIMES,
            bias_lr=FINE_TUNE.bias_lr * HEAD_TIMES,
        )
        for name in heads
    ]
    border = round(network.picture.shape[1] * PAPER.crop_border_pixels / 224)
    return replace(FINE_TUNE, layers=tuple(faster), crop_border_pixels=border)


def frozen(recipe: Recipe, layers: Sequence[str]) -> Recipe:
    """The recipe under which the layers of these names, shell patterns such as `conv*`, keep the
    weights and biases that they begin with, whatever else it says of their rates.

    It is a phase that begins with the run and is thought of last. A pattern that fits no layer is
    told when the rates are asked for.
    """
    if not layers:
        return recipe
    kept = Phase(at_epoch=0.0, layers=tuple(layers), lr=0.0, bias_lr=0.0)
    return replace(recipe, phases=(*recipe.phases, kept))
