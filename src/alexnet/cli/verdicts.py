"""What `alexnet evaluate` prints: judgements of networks as tables for people and as JSON rows. It
judges nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alexnet.cli.learn import tally_tree
from alexnet.terminal import Table

if TYPE_CHECKING:
    from alexnet.evaluation import Judgement, Showing
    from alexnet.images.learnable import Pictures
    from alexnet.pictures.predictions import Guess as Drawn

VIEWS = {
    "centre": "the centre view",
    "ten": "ten views (four corners and the centre, and their mirror images)",
    "nine": "nine views (3×3 offsets)",
}
"""What the schemes of views are in words."""

MEAN_CROPS = {
    "centre": "the mean image's centre is subtracted from every view, as the code of 2012 does",
    "matching": "the mean image's part at each view's own place is subtracted from it",
}


@dataclass(frozen=True, eq=False)
class Verdict:
    """One row of results.

    Attributes:
        name: the checkpoint as it was named; of an ensemble what to call it.
        members: an ensemble's checkpoints; empty for a single one.
        network: the network's name, or the members'.
        data: the data as they were named.
        pictures: what was shown, labels and classes in the checkpoint's order.
        judgement: what was said of them.
        border_pixels: by which the pictures were larger than the network takes them, at every
            edge; None where the members differ.
        subtracts_image: whether a mean image was subtracted.
    """

    name: str
    members: tuple[str, ...]
    network: str
    data: str
    pictures: Pictures
    judgement: Judgement
    border_pixels: int | None
    subtracts_image: bool

    def class_name(self, index: int) -> str:
        """The name of a class, or its number where it has none."""
        names = self.pictures.classes
        return names[index] if index < len(names) else str(index)


def verdict_tree(verdict: Verdict) -> dict[str, object]:
    """A row as JSON: what was measured on what and how, counts, errors with their 95% intervals."""
    judgement, showing = verdict.judgement, verdict.judgement.showing
    tally, logprob = judgement.tally, judgement.logprob
    return {
        "checkpoint": None if verdict.members else verdict.name,
        "ensemble": list(verdict.members) or None,
        "network": verdict.network,
        "data": verdict.data,
        "left_out": len(verdict.pictures.rejected),
        "views": showing.views,
        "average": None if showing.views == "centre" else showing.average,
        "mean_crop": showing.mean_crop if verdict.subtracts_image else None,
        "precision": showing.precision,
        "border_pixels": verdict.border_pixels,
        **(tally_tree(tally) or {}),
        "interval_top1": list(tally.interval1),
        "interval_top5": list(tally.interval5),
        "logprob": logprob if math.isfinite(logprob) else None,
    }


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """A row per checkpoint, and for the ensemble: errors, counts, 95% intervals and nats."""
    first = verdicts[0]
    tally, showing = first.judgement.tally, first.judgement.showing
    left_out = len(first.pictures.rejected)
    notes = [
        "wrong: pictures; 95%: Wilson's interval of the error; nats: mean −log of the right class's"
        " probability"
    ]
    borders = dict.fromkeys(f"{v.border_pixels}" for v in verdicts if not v.members)
    if any(verdict.border_pixels for verdict in verdicts):
        notes.append(
            f"border: pictures were fitted {' or '.join(borders)} pixels larger at every edge than"
            " the network takes them"
        )
    if showing.views != "centre" and any(v.subtracts_image for v in verdicts):
        notes.append(MEAN_CROPS[showing.mean_crop])
    if any(v.members for v in verdicts):
        notes.append("ensemble: the mean of its members' probabilities")
    if left_out:
        notes.append(f"{left_out:,} pictures could not be decoded and are left out")
    return Table(
        title=f"{first.data}: {tally.seen:,} test pictures, {shown_text(showing)}",
        columns=(
            "checkpoint",
            "network",
            "#top-1 error",
            "#wrong",
            "#95%",
            f"#top-{tally.top} error",
            f"#top-{tally.top} wrong",
            f"#top-{tally.top} 95%",
            "#nats",
        ),
        dispensable=(f"top-{tally.top} 95%", "network", f"top-{tally.top} wrong"),
        rows=[_cells(verdict) for verdict in verdicts],
        notes=notes,
    )


def shown_text(showing: Showing) -> str:
    """The views, and what of them was averaged."""
    text = VIEWS[showing.views]
    if showing.views != "centre":
        text = f"{text}, {showing.average} averaged"
    return text if showing.precision == "fp32" else f"{text}, in {showing.precision}"


def _cells(verdict: Verdict) -> tuple[str, ...]:
    tally = verdict.judgement.tally
    return (
        verdict.name,
        verdict.network,
        f"{tally.error1:.2%}",
        f"{tally.wrong1:,}",
        _span(tally.interval1),
        f"{tally.error5:.2%}",
        f"{tally.wrong5:,}",
        _span(tally.interval5),
        f"{verdict.judgement.logprob:.4f}",
    )


def _span(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{100 * low:.2f}–{100 * high:.2f}%"


def class_table(verdict: Verdict) -> Table:
    """A row per class, the largest error first."""
    from alexnet.evaluation import per_class

    top = verdict.judgement.tally.top
    return Table(
        title=f"errors by class: {verdict.name}",
        columns=("class", "#pictures", "#wrong", "#error", f"#top-{top} wrong", "taken most for"),
        rows=[
            (
                verdict.class_name(each.label),
                f"{each.seen:,}",
                f"{each.wrong1:,}",
                f"{each.error1:.2%}",
                f"{each.wrong5:,}",
                "" if each.taken_for is None else verdict.class_name(each.taken_for),
            )
            for each in per_class(verdict.judgement)
        ],
    )


def class_trees(verdict: Verdict) -> list[dict[str, object]]:
    """`class_table` as JSON."""
    from alexnet.evaluation import per_class

    return [
        {
            "class": verdict.class_name(each.label),
            "seen": each.seen,
            "wrong_top1": each.wrong1,
            "wrong_top5": each.wrong5,
            "error_top1": each.error1,
            "taken_for": None if each.taken_for is None else verdict.class_name(each.taken_for),
        }
        for each in per_class(verdict.judgement)
    ]


def confusion_table(verdict: Verdict, count: int) -> Table:
    """The pairs of classes confused most often."""
    from alexnet.evaluation import confused

    pairs = confused(verdict.judgement)
    notes = [f"of {len(pairs):,} pairs that were confused"] if len(pairs) > count else []
    return Table(
        title=f"most confused: {verdict.name}",
        columns=("class", "taken for", "#times"),
        rows=[
            (verdict.class_name(p.label), verdict.class_name(p.guess), f"{p.count:,}")
            for p in pairs[:count]
        ],
        notes=notes,
    )


def confusion_trees(verdict: Verdict, count: int) -> list[dict[str, object]]:
    """`confusion_table` as JSON."""
    from alexnet.evaluation import confused

    return [
        {
            "class": verdict.class_name(pair.label),
            "taken_for": verdict.class_name(pair.guess),
            "count": pair.count,
        }
        for pair in confused(verdict.judgement, count)
    ]


def worst_table(verdict: Verdict, count: int) -> Table:
    """The pictures whose right class got the least probability."""
    return Table(
        title=f"least probability of the right class: {verdict.name}",
        columns=("picture", "class", "#probability", "taken for"),
        rows=[
            (
                str(tree["picture"]),
                str(tree["class"]),
                _share(tree["probability"]),
                f"{tree['guess']} {_share(tree['guess_probability'])}",
            )
            for tree in worst_trees(verdict, count)
        ],
    )


def _share(probability: object) -> str:
    """A probability in percent, or small ones in powers of ten."""
    if not isinstance(probability, float):
        return "no number"
    return f"{probability:.2%}" if probability >= 1e-4 else f"{probability:.1e}"


def worst_trees(verdict: Verdict, count: int) -> list[dict[str, object]]:
    """`worst_table` as JSON; a probability that is no number is null."""
    from alexnet.evaluation import worst

    judgement = verdict.judgement
    return [
        {
            "picture": verdict.pictures.names[index],
            "class": verdict.class_name(int(judgement.labels[index])),
            "probability": _number(judgement.logs[index].exp().item()),
            "guess": verdict.class_name(int(judgement.likeliest[index, 0])),
            "guess_probability": _number(judgement.likeliest_logs[index, 0].exp().item()),
        }
        for index in worst(judgement, count)
    ]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def drawn_guesses(verdict: Verdict, indices: Sequence[int]) -> list[Drawn]:
    """Pictures with their likeliest classes, ready to draw."""
    from alexnet.pictures.predictions import Guess as Drawn

    pictures, judgement = verdict.pictures, verdict.judgement
    return [
        Drawn(
            pictures.images[index].permute(1, 2, 0).numpy(),
            tuple(verdict.class_name(g) for g in judgement.likeliest[index].tolist()),
            tuple(judgement.likeliest_logs[index].exp().tolist()),
            verdict.class_name(int(judgement.labels[index])),
        )
        for index in indices
    ]


def beside_the_paper(verdicts: Sequence[Verdict]) -> Table:
    """Our rows below those of the paper's Tables 1 and 2, each with the data it was measured on."""
    from alexnet.evaluation.printed import printed_results

    printed = [
        ("the paper", row.place, row.model, row.data, _percent(row.top1), _percent(row.top5))
        for row in printed_results()
    ]
    ours = [
        (
            "ours",
            "measured here",
            f"{verdict.network} ({verdict.name})",
            f"{verdict.data}, {verdict.judgement.tally.seen:,} pictures",
            f"{verdict.judgement.tally.error1:.1%}",
            f"{verdict.judgement.tally.error5:.1%}",
        )
        for verdict in verdicts
    ]
    first = verdicts[0]
    tally = first.judgement.tally
    notes = [
        "the paper: as printed, of 1,000 classes of ImageNet, its CNNs by ten views (§4.1);"
        " *: pre-trained on the Fall 2011 release",
        f"ours: {tally.seen:,} pictures of {first.data}, {len(first.pictures.classes)} classes, by"
        f" {shown_text(first.judgement.showing)}",
        "only errors on the same pictures can be held against each other",
    ]
    if tally.top != 5:
        notes.append(f"ours have {tally.top} classes: their top-5 is top-{tally.top}")
    return Table(
        title="beside the paper's Tables 1 and 2",
        columns=("whose", "where", "model", "tested on", "#top-1 error", "#top-5 error"),
        rows=[*printed, *ours],
        notes=notes,
    )


def _percent(text: str) -> str:
    return f"{text}%" if text else "–"
