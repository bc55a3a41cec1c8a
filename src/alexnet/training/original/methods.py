"""How the released networks were taught by hand, as their files' comments and the run notes tell:
epochs, when rates were lowered, and what was shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from alexnet.network.catalog import get_network
from alexnet.network.edit import with_input
from alexnet.network.notebook import START
from alexnet.network.spec import Network, NetworkError
from alexnet.training.original.from_notes import notebook_recipe, run_epochs, run_name
from alexnet.training.rates import LayerRates
from alexnet.training.recipe import Recipe
from alexnet.training.schedule import Constant, Steps

CIFAR_SIDE = 32
CIFAR_DATA_BATCH = 10000
IMAGENET_BORDER = 16
IMAGENET_CHUNK = 32
IMAGENET_DATA_BATCH = 1024


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way of teaching a network that its parameter file does not hold.

    Attributes:
        says: where it is told, a sentence for people.
        epochs: in all.
        lowered: when, and to which share of the first rates; None where `run` says it.
        biases_too: whether the rates of biases are lowered likewise.
        crop_border_pixels, crop_chunk, mirror, colour_noise: of what is shown.
        data_batch_pictures: in a data file.
        run: of the notes, whose schedule is followed; "" is none.
    """

    says: str
    epochs: int
    lowered: Steps | None
    biases_too: bool = True
    crop_border_pixels: int = 0
    crop_chunk: int = 1
    mirror: bool = False
    colour_noise: float = 0.0
    data_batch_pictures: int = CIFAR_DATA_BATCH
    run: str = ""

    def applied(self, recipe: Recipe) -> Recipe:
        """The recipe with this method. A schedule that it has already, a file's, stays, and with it
        the rates; a run of the notes that has the very same adds what was done by hand.
        """
        shown = replace(
            recipe,
            epochs=self.epochs,
            crop_border_pixels=self.crop_border_pixels,
            crop_padding_pixels=0,
            crop_chunk=self.crop_chunk,
            mirror=self.mirror,
            colour_noise=self.colour_noise,
            data_batch_pictures=self.data_batch_pictures,
        )
        if self.run:
            replayed = notebook_recipe(shown, self.run, self.epochs)
            return replayed if recipe.schedule in (Constant(), replayed.schedule) else shown
        if self.lowered is None or recipe.schedule != Constant():
            return shown
        layers = shown.layers
        if not self.biases_too:
            layers = (LayerRates(layers="*", bias_schedule=Constant()), *layers)
        return replace(shown, schedule=self.lowered, layers=layers)


def released_method(network: Network) -> Method | None:
    """How a released network was taught, where that is told; None for any other network.

    The CIFAR-10 networks are known by their layers, over pictures of 32 pixels or less: less are
    crops, which are mirrored too (convdata_cifar.py); 32 are whole pictures. Of the ImageNet ones
    `as_run` gives #145; #153 to #172 have the same layers, and are for `imagenet_method`.
    """
    side = network.picture.shape[1]
    border, odd = divmod(CIFAR_SIDE - side, 2)
    for name, method in _CIFAR.items():
        if border >= 0 and not odd and network == _over(get_network(name), side):
            return replace(method, crop_border_pixels=border, mirror=border > 0)
    for name, run in _IMAGENET.items():
        if network == get_network(name):
            return imagenet_method(run)
    return None


def imagenet_method(run: str) -> Method:
    """How an ImageNet run of the notes was taught.

    Args:
        run: its name or number, as `notebook_recipe` takes it.

    Raises:
        NotebookError: no such run, or several; names them.
    """
    name, epochs = run_name(run), round(run_epochs(run))
    return Method(
        says=(
            f"run {name} of the 2012 notes, {epochs} epochs; crops of 224 from 256, one offset and"
            f" one turn for {IMAGENET_CHUNK} pictures, colour noise of {START.colour_noise:g}"
            " (convdata.py)"
        ),
        epochs=epochs,
        lowered=None,
        crop_border_pixels=IMAGENET_BORDER,
        crop_chunk=IMAGENET_CHUNK,
        mirror=True,
        colour_noise=START.colour_noise,
        data_batch_pictures=IMAGENET_DATA_BATCH,
        run=name,
    )


def _over(network: Network, side: int) -> Network | None:
    try:
        return with_input(network, side)
    except NetworkError:
        return None


_TWENTY_MINUTES = Steps(at_epochs=(120.0, 130.0), factors=(0.1, 0.01))
_LOCAL = Steps(at_epochs=(500.0, 510.0), factors=(0.1, 0.01))

_CIFAR: dict[str, Method] = {
    "80sec": Method(
        says=(
            "layer-params-80sec.cfg: the learning rate is divided by 10 after 8 epochs; 10 epochs"
            " in all, as in Caffe's cifar10_quick, which follows it"
        ),
        epochs=10,
        lowered=Steps(at_epochs=(8.0,), factors=(0.1,)),
    ),
    "18pct": Method(
        says=(
            "layer-params-18pct.cfg: all learning rates are divided by 10 after 120 epochs and"
            " again after 10 more; 140 epochs in all, as in Caffe's cifar10_full, which follows it"
        ),
        epochs=140,
        lowered=_TWENTY_MINUTES,
    ),
    "cifar_relu": Method(
        says=(
            "layer-params-19pct.cfg tells of 20 minutes and of no epochs; taken are those of"
            " layer-params-18pct.cfg, which took as long: 120, and 10 more at each tenth of the"
            " rates"
        ),
        epochs=140,
        lowered=_TWENTY_MINUTES,
    ),
    "13pct": Method(
        says=(
            "layer-params-conv-local-13pct.cfg refers to the methodology that"
            " layer-params-cifar10-11pct.cfg writes out: 350 epochs without the last data batch and"
            " 150 with it, then 10 at a tenth of epsW and 10 at a hundredth; here all batches from"
            " the first epoch on"
        ),
        epochs=520,
        lowered=_LOCAL,
        biases_too=False,
    ),
    "11pct": Method(
        says=(
            "layer-params-cifar10-11pct.cfg: 350 epochs without the last data batch and 150 with"
            " it, then 10 at a tenth of epsW and 10 at a hundredth; here all batches from the first"
            " epoch on"
        ),
        epochs=520,
        lowered=_LOCAL,
        biases_too=False,
    ),
}
"""By the catalog's name; layers-19pct.cfg is its four-layer network of Figure 1."""

_IMAGENET = {"as_run": "145 (2012)", "one_gpu": "145-half (2010)"}
