"""`alexnet features` and `alexnet neighbours`: what layers inside a network make of pictures,
written to a file, and which pictures of such a file look most alike to the network.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alexnet import terminal
from alexnet.cli import arguments
from alexnet.cli.choices import choose_precision
from alexnet.cli.examine import border_of, fitting
from alexnet.cli.feature_files import About, check_path, writing
from alexnet.cli.neighbours import neighbours
from alexnet.cli.open import open_checkpoint, stored
from alexnet.network.spec import nearest

if TYPE_CHECKING:
    import numpy as np

    from alexnet.evaluation import Showing
    from alexnet.evaluation.features import Feature
    from alexnet.formats import Checkpoint
    from alexnet.images import PictureSet, Split
    from alexnet.images.learnable import Pictures
    from alexnet.images.loader import StoredPictures
    from alexnet.torch_net import NetworkModule

SPLITS = ("all", "train", "test")

CHUNK = 512
"""Pictures that are decoded at a time."""

WORKERS = 2
"""Threads that decode them."""

NAMED = 5
"""Pictures that are named where several were left out of a source; all of those named one by one
are.
"""


def add(app: typer.Typer) -> None:
    """Adds this file's verbs to the command line."""
    example = "Example:  alexnet features runs/digits digits --layer fc3 --out digits.npz"
    short = "Write what layers of a network make of each picture."
    app.command("features", epilog=example, short_help=short)(features)
    example = 'Example:  alexnet neighbours digits.npz --query "digits, picture 0"'
    short = "Name which pictures of a file of features are nearest."
    app.command("neighbours", epilog=example, short_help=short)(neighbours)


def features(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint file or a run folder.")],
    pictures: Annotated[
        list[str], typer.Argument(help="Picture files, folders, digits, cifar10, a store.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to: .npz or .parquet.")],
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="fc7, conv5, fc7:pre before its relu (fc7)."),
    ] = None,
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Of data: all, train or test.")
    ] = "all",
    half: Annotated[bool, typer.Option("--half", help="Keep 16 bits of each number.")] = False,
    views: Annotated[
        str, typer.Option(metavar="NAME", help="centre, or the mean over ten or nine.")
    ] = "centre",
    border: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Pixels added at every edge (as learned)."),
    ] = None,
    precision: arguments.Arithmetic = "fp32",
    data_folder: arguments.DataFolder = None,
    whose: arguments.Whose = None,
    weights: arguments.Weights = None,
) -> None:
    """Write what layers of a network make of each picture; files that are none are reported."""
    from alexnet.evaluation import EvaluationError
    from alexnet.evaluation.features import HIDDEN, feature
    from alexnet.torch_net import build
    from alexnet.torch_net.allocation import keep_memory

    check_path(out)
    if split not in SPLITS:
        raise ValueError(f"no split is called '{split}'{nearest(split, list(SPLITS))}")
    opened = open_checkpoint(checkpoint, weights=weights, whose=whose)
    try:
        asked = [feature(opened.network, name) for name in dict.fromkeys(layer or [HIDDEN])]
    except EvaluationError as error:
        raise ValueError(f"{checkpoint}: {error}") from None
    showing = _showing(checkpoint, opened, views, border, precision)
    with _opened(pictures, split, data_folder, fitting(opened, border)) as parts:
        classes = tuple(dict.fromkeys(name for part in parts for name in part.classes))
        about = About(
            network=opened.network.name,
            checkpoint=checkpoint,
            classes=classes,
            layers={each.name: each.numbers for each in asked},
            half=half,
        )
        keep_memory()
        module = build(opened.network, arrays=opened.arrays)
        written, failed = _write(out, about, parts, _Asked(opened, module, asked, showing))
    count = f"{written:,} picture" + ("" if written == 1 else "s")
    terminal.say(f"wrote {out}: {count}, {_layers(asked)}")
    if failed:
        raise typer.Exit(1)


@dataclass(frozen=True, eq=False)
class _Asked:
    """Who is asked for what."""

    checkpoint: Checkpoint
    module: NetworkModule
    features: Sequence[Feature]
    showing: Showing


@dataclass(frozen=True, eq=False)
class _Part:
    """Some of the pictures: those of a store, or others, to be decoded at a side."""

    pictures: StoredPictures | Split
    named: bool
    """whether each was named by itself"""

    channels: int
    side: int

    @property
    def classes(self) -> tuple[str, ...]:
        return self.pictures.classes

    def __len__(self) -> int:
        return len(self.pictures)

    def chunks(self) -> Iterator[tuple[Pictures, list[tuple[str, str]]]]:
        """The pictures a few at a time, and what could not be decoded, with the reason."""
        from alexnet.images import Split

        if not isinstance(self.pictures, Split):
            yield self.pictures, []
            return
        for start in range(0, len(self), CHUNK):
            yield _decoded(self.pictures, range(start, min(start + CHUNK, len(self))), self)


def _layers(asked: Sequence[Feature]) -> str:
    return ", ".join(f"{each.name} of {each.numbers:,} numbers" for each in asked)


def _showing(
    name: str, checkpoint: Checkpoint, views: str, border: int | None, precision: str
) -> Showing:
    from typing import get_args

    from alexnet.evaluation import Showing
    from alexnet.images.shown import Views

    known: tuple[Views, ...] = get_args(Views)
    spelt = "centre" if views == "center" else views
    if spelt not in known:
        raise ValueError(f"no scheme of views is called '{views}'{nearest(views, list(known))}")
    scheme = known[known.index(spelt)]
    if scheme != "centre" and not border_of(checkpoint, border):
        raise ValueError(
            f"{name}: its pictures have no border to cut {scheme} views from; give one in pixels,"
            " as --border 4 (they are then fitted that much larger)"
        )
    return Showing(views=scheme, precision=choose_precision(precision, checkpoint.network))


@contextmanager
def _opened(
    words: Sequence[str], split: str, data_folder: Path | None, size: tuple[int, int]
) -> Generator[list[_Part]]:
    """What the words name, in their order; picture files that follow one another as one part."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        parts: list[_Part] = []
        files: list[str] = []
        for word in words:
            path = Path(word)
            if path.is_file() and path.suffix.lower() != ".parquet" or not _exists(word, path):
                files.append(word)
                continue
            parts += _files(files, size)
            files = []
            parts += _source(word, split, data_folder, size, stack)
        parts += _files(files, size)
        if not any(len(part) for part in parts):
            raise ValueError(f"{words[0]}: holds no pictures ({split})")
        yield parts


def _exists(word: str, path: Path) -> bool:
    """Whether a word is a source; one that ends as pictures do and is not there is reported with
    the others that cannot be read.
    """
    from alexnet.images.folder import PICTURE_ENDINGS

    return not word.lower().endswith(PICTURE_ENDINGS) or path.exists()


def _files(paths: Sequence[str], size: tuple[int, int]) -> list[_Part]:
    """Pictures without labels."""
    import numpy as np

    from alexnet.images import Split
    from alexnet.images.folder import FileRecords

    labels = np.full(len(paths), -1, np.int64)
    split = Split((), labels, FileRecords(tuple(paths)), np.arange(len(paths)))
    return [_Part(split, True, *size)] if paths else []


def _source(
    word: str, split: str, data_folder: Path | None, size: tuple[int, int], stack: Any
) -> list[_Part]:
    """The splits asked for of a source of labelled pictures; or a folder's own picture files."""
    import os

    from alexnet.images import open_source
    from alexnet.images.loader import Loader

    flat = _flat(Path(word))
    if flat:
        return _files(flat, size)
    channels, side = size
    store = stored(word)
    if store is not None:
        workers = os.cpu_count() or 1
        loader = stack.enter_context(Loader(store, channels=channels, side=side, workers=workers))
        chosen = {"all": list(store.splits), "train": ["train"], "test": [store.tested]}[split]
        return [_Part(loader.pictures(one), False, *size) for one in chosen if one in store.splits]
    source = open_source(word, data_folder=data_folder)
    if source.note and split != "all":
        terminal.warn(source.note)
    chosen = {"all": (source.train, source.test), "train": (source.train,), "test": (source.test,)}
    return [_Part(one, False, *size) for one in chosen[split] if len(one)]


def _flat(folder: Path) -> list[str]:
    """The picture files of a folder that has no folders in it."""
    from alexnet.images.folder import PICTURE_ENDINGS

    if not folder.is_dir():
        return []
    inside = sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    if any(one.is_dir() for one in inside):
        return []
    return [str(one) for one in inside if one.name.lower().endswith(PICTURE_ENDINGS)]


def _decoded(split: Split, rows: range, size: _Part) -> tuple[PictureSet, list[tuple[str, str]]]:
    """Some pictures of a split at the network's side, and those that could not be decoded."""
    import numpy as np
    import torch

    from alexnet.images import PictureSet
    from alexnet.images.decode import PictureError, fit, quiet_pillow

    def read(row: int) -> np.ndarray | PictureError:
        try:
            return fit(split.read(row, size.channels), size.side)
        except PictureError as error:
            return error

    with quiet_pillow(), ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(read, rows))
    kept = [row for row, one in zip(rows, found, strict=True) if not isinstance(one, PictureError)]
    shown = [one.transpose(2, 0, 1) for one in found if not isinstance(one, PictureError)]
    images = np.stack(shown) if shown else np.empty((0, size.channels, size.side, size.side), "u1")
    pictures = PictureSet(
        torch.from_numpy(images),
        torch.from_numpy(split.labels[kept]),
        tuple(split.name(row) for row in kept),
        split.classes,
        (),
    )
    failed = [(one.name, one.reason) for one in found if isinstance(one, PictureError)]
    return pictures, failed


def _write(out: Path, about: About, parts: Sequence[_Part], asked: _Asked) -> tuple[int, int]:
    """How many pictures were written, and how many could not be decoded."""
    total, done, failed = sum(map(len, parts)), 0, 0
    with writing(out, about) as append, terminal.bar("features") as advance:
        for part in parts:
            places = _places(part.classes, about.classes)
            for pictures, wrong in part.chunks():
                for name, reason in wrong[: None if part.named else max(0, NAMED - failed)]:
                    terminal.warn(f"{name}: {reason}")
                failed += len(wrong)
                for start, vectors in _batches(asked, pictures):
                    count = len(next(iter(vectors.values())))
                    labels = places[pictures.labels[start : start + count].numpy()]
                    append(pictures.names[start : start + count], labels, vectors)
                    done += count
                    advance(done + failed, total)
        if not done:
            raise ValueError("none of the files is a picture that can be decoded")
    if failed > NAMED and not all(part.named for part in parts):
        terminal.warn(f"left out {failed:,} pictures in all")
    return done, failed


def _batches(asked: _Asked, pictures: Pictures) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    from alexnet.evaluation import Examinee, feature_batches

    if not len(pictures):
        return
    of = asked.checkpoint
    examinee = Examinee(asked.module, pictures, of.contract, of.mean_image)
    names = [each.name for each in asked.features]
    for start, found in feature_batches(examinee, names, asked.showing):
        yield start, {name: vectors.numpy() for name, vectors in found.items()}


def _places(own: Sequence[str], every: Sequence[str]) -> np.ndarray:
    """Where each class of a part stands among all, and behind them -1 for no label."""
    import numpy as np

    return np.array([*(every.index(name) for name in own), -1], np.int64)
