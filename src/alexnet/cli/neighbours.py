"""`alexnet neighbours`: which pictures of a file of features are nearest to given ones (§6.1)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from alexnet import terminal
from alexnet.cli.examine import fitting
from alexnet.cli.feature_files import Features, read_features
from alexnet.cli.open import open_checkpoint
from alexnet.network.spec import nearest as hint

if TYPE_CHECKING:
    import numpy as np

    from alexnet.evaluation.neighbours import Metric

Found = list[tuple[int, float]]
"""Rows of the file, the nearest first, and how far they are."""


def neighbours(
    features: Annotated[Path, typer.Argument(help="A file that `alexnet features` wrote.")],
    query: Annotated[
        list[str], typer.Option(metavar="NAME", help="A picture of the file, or a picture file.")
    ],
    k: Annotated[int, typer.Option("-k", min=1, help="How many neighbours to name.")] = 5,
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which one, where the file has several.")
    ] = None,
    metric: Annotated[
        str, typer.Option(metavar="NAME", help="euclidean, or cosine.")
    ] = "euclidean",
    checkpoint: Annotated[
        str | None, typer.Option(metavar="FILE", help="What looks at picture files.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Name which pictures of a file of features are nearest to given ones, but for themselves."""
    measure = _metric(metric)
    known = read_features(features, layer)
    rows = {name: row for row, name in reversed(list(enumerate(known.names)))}
    outside = [name for name in query if name not in rows]
    seen = _look(outside, checkpoint, known, features)
    found = [_nearest(known, rows.get(name), seen.get(name), k, measure) for name in query]
    if as_json:
        trees = [_tree(known, name, each) for name, each in zip(query, found, strict=True)]
        terminal.print_json({"layer": known.layer, "metric": measure, "queries": trees})
        return
    for name, each in zip(query, found, strict=True):
        terminal.show(_table(known, name, each, measure))


def _metric(text: str) -> Metric:
    from alexnet.evaluation.neighbours import Metric

    known: tuple[Metric, ...] = get_args(Metric)
    for metric in known:
        if metric == text:
            return metric
    raise ValueError(f"no metric is called '{text}'{hint(text, list(known))}")


def _nearest(
    known: Features, row: int | None, vector: np.ndarray | None, k: int, metric: Metric
) -> Found:
    """The k nearest to a row of the file, or to another vector."""
    from alexnet.evaluation.neighbours import nearest

    asked = known.vectors[row] if row is not None else vector
    assert asked is not None, "a query is in the file, or was looked at"
    more = k + (row is not None)
    (indices,), (distances,) = nearest(known.vectors, asked[None], more, metric)
    pairs = zip(indices.tolist(), distances.tolist(), strict=True)
    return [pair for pair in pairs if pair[0] != row][:k]


def _look(
    names: list[str], checkpoint: str | None, known: Features, file: Path
) -> dict[str, np.ndarray]:
    """The vectors of pictures that are not in the file, by the checkpoint's network.

    Raises:
        ValueError: there is no such picture file, no checkpoint, or one whose vectors are others.
    """
    if not names:
        return {}
    for name in names:
        if not Path(name).is_file():
            raise ValueError(
                f"{file}: has no picture '{name}', and there is no such file{_close(name, known)}"
            )
    if checkpoint is None:
        raise ValueError(
            f"{names[0]}: is not in {file}; --checkpoint must name what is to look at it"
            f" ({known.about.checkpoint})"
        )
    import numpy as np
    import torch

    from alexnet.evaluation import features
    from alexnet.images import PictureSet, decode, fit
    from alexnet.torch_net import build

    opened = open_checkpoint(checkpoint)
    channels, side = fitting(opened)
    shown = [
        fit(decode(Path(name).read_bytes(), name, channels=channels), side).transpose(2, 0, 1)
        for name in names
    ]
    labels = torch.zeros(len(names), dtype=torch.int64)
    pictures = PictureSet(torch.from_numpy(np.stack(shown)), labels, tuple(names), (), ())
    found = features(
        build(opened.network, arrays=opened.arrays),
        pictures,
        opened.contract,
        [known.layer],
        mean_image=opened.mean_image,
    )[known.layer]
    if opened.network.name != known.about.network or found.shape[1] != known.vectors.shape[1]:
        raise ValueError(
            f"{checkpoint}: network '{opened.network.name}' makes {found.shape[1]:,} numbers of a"
            f" picture and those in {file} are {known.vectors.shape[1]:,} of network"
            f" '{known.about.network}'; the same one must have made both"
        )
    return dict(zip(names, found, strict=True))


def _close(name: str, known: Features) -> str:
    import difflib

    close = difflib.get_close_matches(name, known.names[:10_000], n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; the first is '{known.names[0]}'"


def _tree(known: Features, name: str, found: Found) -> dict[str, object]:
    return {
        "query": name,
        "neighbours": [
            {"picture": known.names[row], "class": known.class_name(row), "distance": far}
            for row, far in found
        ],
    }


def _table(known: Features, name: str, found: Found, metric: str) -> terminal.Table:
    rows = [[known.names[row], known.class_name(row) or "", f"{far:.6g}"] for row, far in found]
    return terminal.Table(
        title=f"nearest to {name} by the {metric} distance of {known.layer}",
        columns=["picture", "class", "#distance"],
        rows=rows,
    )
