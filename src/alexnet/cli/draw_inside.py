"""`alexnet draw maps|field|responses|neighbours|confusion`: what lies inside a checkpoint's network
when it sees pictures, drawn to a file. Other figures are in `draw`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alexnet import terminal
from alexnet.cli import arguments
from alexnet.cli.arguments import Weights, Whose
from alexnet.cli.drawing import Out, write
from alexnet.cli.open import open_checkpoint

if TYPE_CHECKING:
    from alexnet.evaluation import Examinee
    from alexnet.formats import Checkpoint as Opened
    from alexnet.images import PictureSet
    from alexnet.images.learnable import Pictures as Shown
    from alexnet.network.spec import Network

Checkpoint = Annotated[str, typer.Argument(help="A checkpoint file or a run folder.")]
Picture = Annotated[Path, typer.Argument(help="A picture file.")]
Data = Annotated[str, typer.Option(metavar="DATA", help="digits, cifar10, or a path.")]
Layer = Annotated[str, typer.Option(metavar="NAME", help="Whose: conv1a, fc7, …")]
Where = Annotated[int, typer.Option(min=0, help="Counted from 0 (default: the middle).")]


def add(verbs: typer.Typer) -> None:
    """Adds this file's verbs to `alexnet draw`."""
    for name, verb, example in (
        ("maps", maps, "RUN picture.jpg --layer conv1 --layer conv5"),
        ("field", field, "RUN picture.jpg --layer conv3a --row 6"),
        ("responses", responses, "RUN --layer conv2a --data cifar10"),
        ("neighbours", neighbours, "RUN --data cifar10 --count 5"),
        ("confusion", confusion, "RUN --data cifar10"),
    ):
        verbs.command(name, epilog=f"Example:  alexnet draw {name} {example}")(verb)


def maps(
    checkpoint: Checkpoint,
    picture: Picture,
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Which, again for more (default: all convolutions)."),
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=4096, help="Maps of each layer.")] = 64,
    out: Out = None,
    whose: Whose = None,
    weights: Weights = None,
) -> None:
    """Draw what layers make of a picture, map by map."""
    from alexnet.evaluation.looking import feature_maps, shown_pixels
    from alexnet.pictures.feature_maps import draw_feature_maps

    opened = open_checkpoint(checkpoint, weights=weights, whose=whose)
    one = examinee(opened, one_picture(opened, picture))
    found = feature_maps(one, 0, layer or convolutions(opened.network))
    write(draw_feature_maps(shown_pixels(one, 0), found, most), out, checkpoint, "maps.png")


def field(
    checkpoint: Checkpoint,
    picture: Picture,
    layer: Layer,
    channel: Annotated[int, typer.Option(min=0, help="Which map, from 0.")] = 0,
    row: Annotated[int | None, typer.Option(min=0, help="Default: the middle.")] = None,
    column: Annotated[int | None, typer.Option(min=0, help="Default: the middle.")] = None,
    out: Out = None,
    whose: Whose = None,
    weights: Weights = None,
) -> None:
    """Draw the receptive field of a unit on a picture, counted and measured by its gradient."""
    from alexnet.evaluation.looking import Unit, check_unit, field_by_gradient, shown_pixels
    from alexnet.evaluation.looking import field as field_of
    from alexnet.pictures.field import draw_field

    opened = open_checkpoint(checkpoint, weights=weights, whose=whose)
    layer = one_layer(opened.network, layer)
    rows, columns = check_unit(opened.network, Unit(layer, channel))
    place = (rows // 2 if row is None else row, columns // 2 if column is None else column)
    unit = Unit(layer, channel, *place)
    seen = field_of(opened.network, unit)
    one = examinee(opened, one_picture(opened, picture))
    gradient = field_by_gradient(one, 0, unit)
    write(draw_field(shown_pixels(one, 0), unit, seen, gradient), out, checkpoint, "field.png")


def responses(
    checkpoint: Checkpoint,
    layer: Layer,
    data: Data = "digits",
    data_folder: arguments.DataFolder = None,
    channel: Annotated[
        list[int] | None,
        typer.Option(min=0, metavar="N", help="Which map, again for more (default: eight)."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=50, help="Patches of each map.")] = 9,
    out: Out = None,
    whose: Whose = None,
    weights: Weights = None,
) -> None:
    """Draw the patches of pictures to which maps respond most: test pictures where there are."""
    from alexnet.evaluation.looking import Unit, check_unit, strongest
    from alexnet.pictures.responses import draw_responses

    opened = open_checkpoint(checkpoint, weights=weights, whose=whose)
    layer = one_layer(opened.network, layer)
    check_unit(opened.network, Unit(layer, 0))
    channels = channel or spread(opened.network.shape(layer)[0], 8)
    one = examinee(opened, pictures_of(opened, data, data_folder))
    with terminal.bar("looking") as advance:
        found = strongest(one, layer, channels, count, progress=advance)
    write(draw_responses(layer, found), out, checkpoint, "responses.png")


def neighbours(
    checkpoint: Checkpoint,
    data: Data = "digits",
    data_folder: arguments.DataFolder = None,
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="By which (default: the last hidden one).")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=50, help="Test pictures.")] = 5,
    k: Annotated[int, typer.Option("-k", min=1, max=20, help="Neighbours of each.")] = 6,
    out: Out = None,
    whose: Whose = None,
    weights: Weights = None,
) -> None:
    """Draw test pictures, each with the training pictures nearest to it (Figure 4, right)."""
    from alexnet.cli.retrieval import retrieved
    from alexnet.pictures.neighbours import draw_neighbours

    opened = open_checkpoint(checkpoint, weights=weights, whose=whose)
    name = layer or last_hidden(opened.network)
    rows = retrieved(opened, data, data_folder, name, count, k)
    write(draw_neighbours(rows, name), out, checkpoint, "neighbours.png")


def confusion(
    checkpoint: Checkpoint,
    data: Data = "digits",
    data_folder: arguments.DataFolder = None,
    out: Out = None,
    whose: Whose = None,
    weights: Weights = None,
) -> None:
    """Draw which classes are taken for which, over the test pictures."""
    from alexnet.cli.examine import Pictures, judged
    from alexnet.evaluation import CENTRE, confusion_matrix
    from alexnet.pictures.confusion import draw_confusion

    opened = open_checkpoint(checkpoint, weights=weights, whose=whose)
    pictures = Pictures(data, data_folder)
    (verdict,) = judged([(checkpoint, opened)], pictures, CENTRE, None, False)
    counts = confusion_matrix(verdict.judgement).numpy()
    names = [opened.class_name(index) for index in range(len(counts))]
    write(draw_confusion(counts, names), out, checkpoint, "confusion.png")


def examinee(opened: Opened, pictures: Shown) -> Examinee:
    """The checkpoint's network with pictures before it."""
    from alexnet.evaluation import Examinee
    from alexnet.torch_net import build

    module = build(opened.network, arrays=opened.arrays)
    return Examinee(module, pictures, opened.contract, opened.mean_image)


def pictures_of(opened: Opened, data: str, data_folder: Path | None) -> PictureSet:
    """The test pictures of DATA; or, said aloud, all others where there is none to test on."""
    from alexnet.cli.examine import fitting
    from alexnet.images import load, open_source

    source = open_source(data, data_folder=data_folder)
    split = source.test if len(source.test) else source.train
    if not len(source.test):
        terminal.warn(f"{data}: has no test pictures; those to learn from are looked at")
    channels, side = fitting(opened)
    with terminal.bar("decoding") as advance:
        return load(split, channels=channels, side=side, progress=advance)


def one_picture(opened: Opened, path: Path) -> PictureSet:
    """A picture file, fitted as the checkpoint takes it.

    Raises:
        ValueError: it cannot be read or decoded.
    """
    import torch

    from alexnet.cli.examine import fitting
    from alexnet.images import PictureSet, decode, fit

    channels, side = fitting(opened)
    try:
        head = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror or error})") from None
    pixels = fit(decode(head, str(path), channels=channels), side)
    images = torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy())
    return PictureSet(images, torch.zeros(1, dtype=torch.int64), (str(path),), (), ())


def convolutions(network: Network) -> list[str]:
    """The convolutional layers as the paper counts them: twins by one name."""
    from alexnet.network.layers import Conv, Local
    from alexnet.network.ledger import ledger, stem

    rows = [stage.rows[0] for stage in ledger(network).stages]
    weighted = [row for row in rows if isinstance(network[row.name], Conv | Local)]
    if not weighted:
        raise ValueError(f"network '{network.name}' has no convolution; name a layer (--layer)")
    return [stem(row.name, network[row.name].tower) for row in weighted]


def last_hidden(network: Network) -> str:
    """The last layer with weights but the one that gives the classes' scores."""
    from alexnet.network.layers import Weighted
    from alexnet.network.ledger import ledger, stem

    rows = [stage.rows[0] for stage in ledger(network).stages]
    weighted = [network[row.name] for row in rows if isinstance(network[row.name], Weighted)]
    if len(weighted) < 2:
        raise ValueError(f"network '{network.name}' has no hidden layer; name a layer (--layer)")
    return stem(weighted[-2].name, weighted[-2].tower)


def one_layer(network: Network, name: str) -> str:
    """The layer of the network that is meant: by its own name, or as the paper counts, conv4; of
    twins the first, which is said aloud.

    Raises:
        ValueError: none is meant.
    """
    from alexnet.evaluation.features import BEFORE, feature
    from alexnet.network.layers import Weighted

    if name in network:
        return name
    found = feature(network, name).layers
    below = network[found[0]].reads
    if len(below) == 1 and isinstance(network[below[0]], Weighted):  # a response, not its layer
        found = feature(network, f"{name}{BEFORE}").layers
    first, *others = found
    if others:
        terminal.warn(f"{name} is {' and '.join(found)}; {first} is drawn")
    return first


def spread(count: int, most: int) -> list[int]:
    """Up to `most` of 0 … count − 1, evenly."""
    wanted = min(count, most)
    return [index * count // wanted for index in range(wanted)]
