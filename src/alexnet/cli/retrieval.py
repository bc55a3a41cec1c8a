"""Test pictures and the training pictures nearest to them, ready to be drawn. It draws nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet import terminal
from alexnet.cli.examine import Pictures, fitting

if TYPE_CHECKING:
    import numpy as np

    from alexnet.evaluation import Examinee
    from alexnet.formats import Checkpoint
    from alexnet.images import PictureSet
    from alexnet.images.learnable import Pictures as Shown
    from alexnet.pictures.neighbours import Retrieved


def retrieved(
    checkpoint: Checkpoint, data: str, data_folder: Path | None, layer: str, count: int, k: int
) -> list[Retrieved]:
    """The first test picture of `count` classes, each with the `k` training pictures nearest to it
    by the activations of `layer` (§6.1).

    Raises:
        ValueError: the data have no training or no test pictures, or there is no such layer.
    """
    from alexnet.evaluation import Examinee
    from alexnet.evaluation.looking import shown_pixels
    from alexnet.evaluation.neighbours import nearest
    from alexnet.pictures.neighbours import Retrieved
    from alexnet.torch_net import build

    pictures = Pictures(data, data_folder)
    module = build(checkpoint.network, arrays=checkpoint.arrays)
    asked = Examinee(
        module, _queries(pictures.of(checkpoint), count), checkpoint.contract, checkpoint.mean_image
    )
    known = replace(asked, pictures=_training(pictures, checkpoint))
    vectors = _vectors(known, layer)
    indices, distances = nearest(vectors, _vectors(asked, layer), k)
    return [
        Retrieved(
            picture=shown_pixels(asked, row),
            name=_class(asked, row),
            neighbours=tuple(shown_pixels(known, i) for i in near),
            names=tuple(_class(known, i) for i in near),
            distances=tuple(far),
        )
        for row, (near, far) in enumerate(zip(indices.tolist(), distances.tolist(), strict=True))
    ]


def _vectors(one: Examinee, layer: str) -> np.ndarray:
    from alexnet.evaluation import features

    with terminal.bar("looking") as advance:
        return features(
            one.module, one.pictures, one.contract, [layer],
            mean_image=one.mean_image, progress=advance,
        )[layer]  # fmt: skip


def _training(pictures: Pictures, checkpoint: Checkpoint) -> PictureSet:
    """All training pictures, decoded as the checkpoint takes them."""
    from alexnet.images import load

    if not len(pictures.source.train):
        raise ValueError(f"{pictures.data}: has no training pictures to be near to")
    channels, side = fitting(checkpoint)
    with terminal.bar("decoding") as advance:
        return load(pictures.source.train, channels=channels, side=side, progress=advance)


def _queries(pictures: Shown, count: int) -> Shown:
    """The first picture of as many classes, in the order of the classes; then the second ones."""
    import numpy as np

    from alexnet.images.learnable import chosen

    by_class: dict[int, list[int]] = {}
    for index, label in enumerate(pictures.labels.tolist()):
        by_class.setdefault(label, []).append(index)
    turns = max(map(len, by_class.values()))
    order = [by_class[c][n] for n in range(turns) for c in sorted(by_class) if n < len(by_class[c])]
    return chosen(pictures, np.array(order[:count]))


def _class(one: Examinee, index: int) -> str:
    label = int(one.pictures.labels[index])
    return one.pictures.classes[label] if label < len(one.pictures.classes) else ""
