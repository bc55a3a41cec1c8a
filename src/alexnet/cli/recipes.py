"""The recipe that `alexnet train` follows: a named one, a file's, or that of a run of the notes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, get_args

from alexnet import terminal
from alexnet.network.catalog import get_network
from alexnet.network.layers import Weighted
from alexnet.network.spec import Network, nearest

if TYPE_CHECKING:
    from alexnet.formats.cuda_convnet.reader import Definition
    from alexnet.training.original import Method
    from alexnet.training.recipe import Recipe

FOR_DATA = {"digits": ("tiny", "digits"), "cifar10": ("80sec", "cifar")}
"""The network and the recipe for data that go by a name; other data get the paper's."""

Order = Literal["file", "shuffled"]
ORDERS: tuple[Order, ...] = get_args(Order)


def choose_recipe(
    name: str | None,
    data: str,
    network: Network,
    definition: Definition | None,
    *,
    begun: Network | None,
    settings: list[str],
    notebook: str | None,
    order: str | None,
    freeze: list[str],
) -> Recipe:
    """The recipe asked for, else the parameter file's, else the usual one; then the notes'
    schedule, the order, the settings and what is to stay as it is, in this order.

    Args:
        name: of a recipe.
        data: what is learned, as a person named it.
        network: what will learn.
        definition: the files that it was read from, if it was.
        begun: the network of the checkpoint that it begins with, if there is one.
        settings, notebook, order, freeze: as they were typed.

    Raises:
        ValueError: an unknown name, run, order or field; or a value that does not fit.
    """
    from alexnet.training.recipe import with_settings
    from alexnet.training.recipes import frozen, recipe

    if name is None and definition is not None:
        chosen = _original(network, definition, replayed=notebook is not None)
    else:
        chosen = recipe(name or _usual(data, network, begun), network, begun)
    if notebook is not None:
        chosen = _replayed(chosen, notebook, settings)
    if order is not None:
        chosen = replace(chosen, shuffled=_order(order) == "shuffled")
    chosen = with_settings(chosen, settings)
    for pattern in freeze:
        _check_fits(pattern, network)
    return frozen(chosen, freeze)


def _check_fits(pattern: str, network: Network) -> None:
    """Raises ValueError where a pattern is for no layer that learns."""
    names = [layer.name for layer in network if isinstance(layer, Weighted)]
    if not any(fnmatchcase(name, pattern) for name in names):
        raise ValueError(
            f"--freeze {pattern}: no layer of {network.name} that learns is called so; there are:"
            f" {', '.join(names)}"
        )


def _usual(data: str, network: Network, begun: Network | None) -> str:
    """The recipe where none is asked for: the data's own, else the paper's. A network that begins
    with a checkpoint is fine-tuned, unless the data have a recipe for pictures of its size.
    """
    own, usual = FOR_DATA.get(data, ("paper", "paper"))
    if begun is None:
        return usual
    if data in FOR_DATA and network.picture.shape == get_network(own).picture.shape:
        return usual
    terminal.warn("begins with a checkpoint, so by recipe finetune; --recipe names another")
    return "finetune"


def _original(network: Network, definition: Definition, *, replayed: bool) -> Recipe:
    """What the files say, and beyond them what is told of how they were used.

    Args:
        network: as it will learn.
        definition: the files.
        replayed: whether a schedule of the notes will take the place of the files' rates.
    """
    from alexnet.training.original import recipe_of
    from alexnet.training.recipes import ORIGINAL

    recipe = ORIGINAL
    if definition.rules is None:
        terminal.warn("no parameter file: rates, momentum and decay are those of recipe original")
    else:
        recipe = recipe_of(definition.rules, network, ORIGINAL)
    method = _method(definition, replayed=replayed)
    if method is None:
        terminal.warn(f"how this net was taught is not told; {recipe.epochs} epochs of file order")
        return recipe
    terminal.warn(method.says)
    return method.applied(recipe)


def _method(definition: Definition, *, replayed: bool) -> Method | None:
    """How the files' network was taught: by its parameter file's number, since one definition has
    served many runs; else by its layers.
    """
    from alexnet.network.notebook import NotebookError
    from alexnet.training.original import imagenet_method, released_method

    method = None
    if definition.parameters_path is not None:
        run = definition.parameters_path.stem.removeprefix("layer-params").lstrip("-.")
        with suppress(NotebookError):
            method = imagenet_method(run)
    method = method or released_method(definition.network)
    return replace(method, run="") if method is not None and replayed else method


def _replayed(recipe: Recipe, run: str, settings: list[str]) -> Recipe:
    """A run's schedule over the epochs that the settings ask for, else over its own."""
    from alexnet.training.original import left_out, notebook_recipe, run_epochs
    from alexnet.training.recipe import with_settings

    asked = [text for text in settings if text.partition("=")[0].strip() == "epochs"]
    epochs = with_settings(recipe, asked).epochs if asked else round(run_epochs(run))
    for said in left_out(run):
        terminal.warn(f"run {run}: {said}: not done")
    return notebook_recipe(recipe, run, epochs)


def _order(text: str) -> Order:
    for known in ORDERS:
        if known == text:
            return known
    raise ValueError(f"no order is called '{text}'{nearest(text, list(ORDERS))}")
