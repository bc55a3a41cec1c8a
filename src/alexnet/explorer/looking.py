"""What a trained network makes of a dropped picture: predictions, maps by layer and tower, what one
unit sees, and its neighbours among other pictures. Pictures go out as PNG.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from alexnet.explorer.asking import AskError, Tree
from alexnet.explorer.decoding import MOST_PIXELS, Decoder
from alexnet.explorer.gallery import Gallery
from alexnet.explorer.session import Dropped, Opened
from alexnet.explorer.thumbs import grid, png, scaled
from alexnet.network.compare.profile import profile
from alexnet.network.layers import Input, Loss
from alexnet.network.ledger import Stage, ledger
from alexnet.network.spec import Network

if TYPE_CHECKING:
    from alexnet.evaluation import Examinee

TOP = 5
FITTED = 5
"""Pictures that are kept as the network takes them."""

MOST_ACTIVATIONS = 2**30
"""Bytes that all layers together may say of one picture."""


@dataclass(eq=False)
class Looker:
    """One checkpoint, built, and the pictures that it was shown.

    Attributes:
        opened: with a checkpoint.
        decoder: fits the pictures.
        gallery: the pictures among which neighbours are sought, or None.
    """

    opened: Opened
    decoder: Decoder
    gallery: Gallery | None = None
    _module: object = None
    _fitted: OrderedDict[str, np.ndarray] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    @property
    def network(self) -> Network:
        """The network."""
        return self.opened.network

    def predictions(self, picture: Dropped) -> Tree:
        """The answer to `api/look/ID/predictions`."""
        from alexnet.evaluation import predictions

        examinee = self._examinee(picture)
        checkpoint = self.opened.checkpoint
        assert checkpoint is not None, "only checkpoints are looked with"
        (guesses,) = predictions(
            examinee.module, examinee.pictures, examinee.contract,
            mean_image=examinee.mean_image, top=TOP,
        )  # fmt: skip
        pixels = _shown(examinee)
        side, channels = pixels.shape[0], pixels.shape[2]
        border = checkpoint.contract.border_pixels
        cut = f", of which the centre {side}×{side} is shown" if border else ""
        return {
            "classes": [
                {
                    "index": guess.index,
                    "name": checkpoint.class_name(guess.index),
                    "probability": _finite(guess.probability),
                    "text": f"{guess.probability:.2%}",
                }
                for guess in guesses
            ],
            "shown": {"side": side, "channels": channels, "image": png(pixels)},
            "sentence": f"the shorter side scaled to {side + 2 * border} pixels, the centre kept"
            f"{cut}; probabilities over {examinee.classes:,} classes",
        }

    def layers(self) -> Tree:
        """The answer to `api/look/ID/layers`."""
        return {"layers": [_layer(stage, self.network) for stage in looked_at(self.network)]}

    def maps(self, picture: Dropped, name: str) -> Tree:
        """The answer to `api/look/ID/maps`."""
        from alexnet.evaluation.features import feature
        from alexnet.evaluation.looking import feature_maps

        stage = self._stage(name)
        found = feature_maps(self._examinee(picture), 0, [stage.name])[stage.name]
        meant = feature(self.network, stage.name).layers
        towers: list[Tree] = []
        start = 0
        for layer in meant:
            channels = self.network.shape(layer)[0]
            maps = found[start : start + channels]
            towers.append({"tower": self.network[layer].tower, "layer": layer, **grid(maps)})
            start += channels
        return {
            "layer": stage.name,
            "towers": towers,
            "sentence": "each map between its own least (black) and greatest (white) value; shown"
            f" is what {' and '.join(meant)} say",
        }

    def field(self, picture: Dropped, name: str, row: int, column: int) -> Tree:
        """The answer to `api/look/ID/field`."""
        from alexnet.evaluation.looking import Unit, feature_maps, field, field_by_gradient

        stage = self._stage(name)
        first = stage.rows[0]
        _, rows, columns = first.shape
        if not (0 <= row < rows and 0 <= column < columns):
            said = (
                f"layer '{name}' has {rows}×{columns} units in a map; there is no {row}, {column}"
            )
            raise AskError(400, said, field="row" if row >= rows else "column")
        examinee = self._examinee(picture)
        own = field(self.network, Unit(first.name, 0, row, column))
        strongest = _strongest(
            [(r.name, feature_maps(examinee, 0, [_own(self.network, r.name)])) for r in stage.rows],
            row, column,
        )  # fmt: skip
        side = self.network.picture.shape[1]
        box = {"top": own.top, "left": own.left, "bottom": own.bottom - 1, "right": own.right - 1}
        seen = _inside(box, side)
        grown = field_by_gradient(examinee, 0, Unit(*strongest, row, column))
        measured = _measured(grown, strongest)
        agrees = measured is None or _within(measured, seen)
        words = first.receptive_field
        return {
            "layer": stage.name, "row": row, "column": column, "rows": rows, "columns": columns,
            "unit": {"layer": strongest[0], "channel": strongest[1]},
            "theoretical": {**box, "size": own.bottom - own.top,
                            "sentence": words.sentence if words else ""},
            "seen": seen,
            "measured": measured,
            "agrees": agrees,
            "sentence": _agreement(measured is None, agrees),
        }  # fmt: skip

    def neighbours(self, picture: Dropped, count: int) -> Tree:
        """The answer to `api/look/ID/neighbours`.

        Raises:
            AskError: 409, there are no other pictures, or they do not fit.
        """
        from alexnet.evaluation import features
        from alexnet.evaluation.neighbours import nearest

        if self.gallery is None:
            raise AskError(
                409, "no pictures are known among which neighbours could be",
                "alexnet explore CHECKPOINT --data DATA",
            )  # fmt: skip
        examinee = self._examinee(picture)
        layer = last_hidden(self.network)
        others, vectors = self.gallery.seen_by(examinee, layer)
        own = features(
            examinee.module, examinee.pictures, examinee.contract, (layer,),
            mean_image=examinee.mean_image,
        )[layer]  # fmt: skip
        indices, distances = nearest(vectors, own, min(count, len(vectors)))
        return {
            "layer": layer,
            "metric": "euclidean",
            "of": len(others),
            "data": self.gallery.name,
            "neighbours": [
                {
                    "name": others.names[index],
                    "class": others.classes[int(others.labels[index])] if others.classes else "",
                    "distance": round(float(distance), 6),
                    "image": png(others.images[index].permute(1, 2, 0).numpy()),
                }
                for index, distance in zip(indices[0].tolist(), distances[0], strict=True)
            ],
            "sentence": f"nearest of {len(others):,} pictures of {self.gallery.name} by the"
            f" Euclidean distance of what {layer} says (§6.1)",
        }

    # --- what is built once -------------------------------------------------------------------

    def _stage(self, name: str) -> Stage:
        stages = looked_at(self.network)
        for stage in stages:
            if name in (stage.name, *(row.name for row in stage.rows)):
                return stage
        known_names = ", ".join(stage.name for stage in stages)
        raise AskError(
            404, f"no layer is called '{name[:60]}'; there are {known_names}", field="layer"
        )

    def _examinee(self, picture: Dropped) -> Examinee:
        """The checkpoint, before that one picture."""
        import torch

        from alexnet.evaluation import Examinee
        from alexnet.images import PictureSet

        checkpoint = self.opened.checkpoint
        if checkpoint is None:
            raise AskError(409, "Look needs weights, and this file holds none", "open a checkpoint")
        pixels = torch.from_numpy(self._pixels(picture).transpose(2, 0, 1)[None].copy())
        labels = torch.zeros(1, dtype=torch.int64)
        pictures = PictureSet(pixels, labels, (picture.name,), checkpoint.classes, ())
        return Examinee(self.built(), pictures, checkpoint.contract, checkpoint.mean_image)  # pyright: ignore[reportArgumentType]

    def built(self) -> object:
        """The network, built once."""
        from alexnet.torch_net import build

        checkpoint = self.opened.checkpoint
        assert checkpoint is not None, "only checkpoints are built"
        with self._lock:
            if self._module is None:
                self._module = build(checkpoint.network, arrays=checkpoint.arrays)
            return self._module

    def _pixels(self, picture: Dropped) -> np.ndarray:
        checkpoint = self.opened.checkpoint
        assert checkpoint is not None, "only checkpoints are shown pictures"
        self._refuse_large(checkpoint.contract.border_pixels)
        channels, side, _ = self.network.picture.shape
        key = str(picture.path)
        if key not in self._fitted:
            data = picture.path.read_bytes()
            fitted = self.decoder.fitted(
                data, picture.name, channels, side + 2 * checkpoint.contract.border_pixels
            )
            self._fitted[key] = fitted
            while len(self._fitted) > FITTED:
                self._fitted.popitem(last=False)
        return self._fitted[key]

    def _refuse_large(self, border: int) -> None:
        """Raises AskError where the network asks for more memory than a stranger's file may."""
        name, side = self.network.name, self.network.picture.shape[1] + 2 * border
        if side * side > MOST_PIXELS:
            said = f"takes pictures of {side:,}×{side:,} pixels; at most {MOST_PIXELS:,} are shown"
            raise AskError(422, f"network '{name}' {said} to it here", SMALLER)
        needed = ledger(self.network).total.activation_bytes
        if needed > MOST_ACTIVATIONS:
            said = f"says {needed:,} bytes of a picture; at most {MOST_ACTIVATIONS:,} are kept here"
            raise AskError(422, f"network '{name}' {said}", SMALLER)


SMALLER = "look with a network of smaller layers"


# --- networks -------------------------------------------------------------------------------------


def looked_at(network: Network) -> list[Stage]:
    """The stages that a picture alone reaches, whose maps are of one size."""
    found: list[Stage] = []
    for stage in ledger(network).stages:
        layers = [network[row.name] for row in stage.rows]
        if any(isinstance(layer, Input | Loss) for layer in layers):
            continue
        if all(row.receptive_field is not None for row in stage.rows):
            found.append(stage)
    return found


def _layer(stage: Stage, network: Network) -> Tree:
    channels, height, width = stage.rows[0].shape
    return {
        "name": stage.name,
        "stage": stage.name,
        "kind": stage.rows[0].kind,
        "shape": [sum(row.shape[0] for row in stage.rows), height, width],
        "towers": [row.tower for row in stage.rows if row.tower is not None],
        "is_map": height > 1 or width > 1,
    }


def last_hidden(network: Network) -> str:
    """The stage before the last one with weights: its answer is what §6.1 compares pictures by.

    Raises:
        AskError: 409, the network has no hidden layer.
    """
    stages = profile(network).stages
    if len(stages) < 2:
        raise AskError(409, f"network '{network.name}' has no hidden layer to compare pictures by")
    return stages[-2].name


def _own(network: Network, layer: str) -> str:
    """How `feature` is asked for what a layer with weights says itself, before its activation."""
    from alexnet.evaluation.features import BEFORE
    from alexnet.network.layers import Weighted

    return f"{layer}{BEFORE}" if isinstance(network[layer], Weighted) else layer


# --- fields ---------------------------------------------------------------------------------------


def _strongest(
    seen: list[tuple[str, dict[str, np.ndarray]]], row: int, column: int
) -> tuple[str, int]:
    """Of all maps of all towers the one that responds most at a place: its layer and number."""
    best, found = -math.inf, (seen[0][0], 0)
    for layer, maps in seen:
        (values,) = maps.values()
        at = values[:, row, column]
        channel = int(np.argmax(at))
        if at[channel] > best:
            best, found = float(at[channel]), (layer, channel)
    return found


def _inside(box: dict[str, int], side: int) -> dict[str, int]:
    return {
        "top": max(0, box["top"]),
        "left": max(0, box["left"]),
        "bottom": min(side - 1, box["bottom"]),
        "right": min(side - 1, box["right"]),
    }


def _measured(grown: np.ndarray, unit: tuple[str, int]) -> Tree | None:
    """The pixels that have a gradient, and how large it is; None where there are none."""
    rows, columns = np.nonzero(grown)
    if not len(rows):
        return None
    return {
        "top": int(rows.min()),
        "left": int(columns.min()),
        "bottom": int(rows.max()),
        "right": int(columns.max()),
        "image": png(scaled(np.sqrt(grown))),
        "sentence": f"where map {unit[1]} of {unit[0]}, which responds most there, has a gradient;"
        " brightness is the square root of its size",
    }


def _within(measured: Tree, seen: dict[str, int]) -> bool:
    low = all(int(str(measured[k])) >= seen[k] for k in ("top", "left"))
    return low and all(int(str(measured[k])) <= seen[k] for k in ("bottom", "right"))


def _agreement(nothing: bool, agrees: bool) -> str:
    if nothing:
        return "no pixel has a gradient there: the units that it passes are switched off"
    if agrees:
        return "every pixel with a gradient lies inside the theoretical field"
    return "a pixel outside the theoretical field has a gradient"


def _shown(examinee: Examinee) -> np.ndarray:
    from alexnet.evaluation.looking import shown_pixels

    return shown_pixels(examinee, 0)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
