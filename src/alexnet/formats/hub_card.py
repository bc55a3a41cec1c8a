"""The model card of a checkpoint: its counts, what it expects of a picture, its classes and where
it comes from. Every number is the ledger's or the checkpoint's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alexnet.formats.checkpoint import Checkpoint
from alexnet.network.arithmetic import network_parameters
from alexnet.network.contract import InputContract
from alexnet.network.ledger import Stage, ledger
from alexnet.network.shapes import elements, text

TAGS = ("alexnet", "image-classification", "safetensors")

SHOWN_CLASSES = 20
"""Class names that the card lists; config.json has all."""


def card(checkpoint: Checkpoint, name: str) -> str:
    """The card as Markdown, with the front matter that the hub reads.

    Args:
        checkpoint: what it is about.
        name: of the folder that it lies in.
    """
    parts = [
        _front_matter(),
        f"# {name}",
        _opening(checkpoint),
        "## What it is made of",
        _layers(checkpoint),
        "## What it expects of a picture",
        _expected(checkpoint),
        "## Classes",
        _classes(checkpoint),
        *_provenance(checkpoint),
        "## How to load it",
        _loading(name),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter() -> str:
    tags = [f"- {tag}" for tag in TAGS]
    return "\n".join(
        [
            "---",
            "library_name: alexnet",
            "pipeline_tag: image-classification",
            "tags:",
            *tags,
            "---",
        ]
    )


def _opening(checkpoint: Checkpoint) -> str:
    network = checkpoint.network
    sums = ledger(network).total
    source = f" ({_line(network.source)})" if network.source else ""
    learned = network_parameters(network)
    types = ", ".join(sorted({str(checkpoint.arrays[p.name].dtype) for p in learned}))
    return (
        f"Network `{_line(network.name)}`{source}: {sums.neurons:,} neurons, {sums.parameters:,}"
        f" parameters, {sums.multiply_adds:,} multiply-adds for a picture of"
        f" {text(network.picture.shape)}. Weights in {types}."
    )


def _layers(checkpoint: Checkpoint) -> str:
    account = ledger(checkpoint.network)
    sums = account.total
    columns = ("layer", "kind", "output", "#neurons", "#parameters", "#multiply-adds")
    rows = [_cells(stage) for stage in account.stages]
    total = [f"{n:,}" for n in (sums.neurons, sums.parameters, sums.multiply_adds)]
    return _table(columns, [*rows, ("total", "", "", *total)])


def _cells(stage: Stage) -> tuple[str, ...]:
    sums, first = stage.total, stage.rows[0]
    shape = text(first.shape)
    counts = (sums.neurons, sums.parameters, sums.multiply_adds)
    return (
        stage.name,
        first.kind,
        shape if len(stage.rows) == 1 else f"{len(stage.rows)} × {shape}",
        *(f"{count:,}" if count else "" for count in counts),
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as GitHub Markdown; a column that begins with '#' holds numbers."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell or " " for cell in cells) + " |"

    rules = ("---:" if name.startswith("#") else "---" for name in columns)
    return "\n".join(
        [line(name.removeprefix("#") for name in columns), line(rules), *map(line, rows)]
    )


def _expected(checkpoint: Checkpoint) -> str:
    contract, (_, height, width) = checkpoint.contract, checkpoint.network.picture.shape
    border = contract.border_pixels
    fitted = min(height, width) + 2 * border
    centre = f", of which the centre of {height}×{width} is shown" if border else ""
    lines = [
        f"- scaled so that the shorter side has {fitted} pixels and cut to a square{centre}",
        f"- channels in the order {contract.channel_order}, white worth {contract.pixel_maximum:g}",
        *_normalised(contract),
    ]
    if contract.mean_image:
        assert checkpoint.mean_image is not None, "checked when the checkpoint was made"
        lines.append(
            "- the centre of a mean image subtracted:"
            f" {text(_shape(checkpoint.mean_image.shape))}, the array `input:mean_image` of"
            " `model.safetensors`; `preprocessor_config.json` cannot say it"
        )
    if contract.channel_order == "BGR" and (contract.mean or contract.deviation):
        lines.append(
            "- `preprocessor_config.json` has these numbers in the order RGB and of white worth 1,"
            " to be used before the channels are turned round"
        )
    return "\n".join(lines)


def _shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    channels, height, width = shape
    return channels, height, width


def _normalised(contract: InputContract) -> list[str]:
    lines: list[str] = []
    if contract.mean:
        lines.append(f"- {', '.join(f'{value:g}' for value in contract.mean)} subtracted")
    if contract.deviation:
        divided = ", ".join(f"{value:g}" for value in contract.deviation)
        lines.append(f"- divided by {divided} after that")
    return lines or ([] if contract.mean_image else ["- nothing subtracted, divided by nothing"])


def _classes(checkpoint: Checkpoint) -> str:
    network = checkpoint.network
    outputs = elements(network.shape(network.outputs.name))
    names = checkpoint.classes
    if not names:
        return f"{outputs:,}, counted from 0; they have no names."
    listed = ", ".join(f"{index} {_line(name)}" for index, name in enumerate(names[:SHOWN_CLASSES]))
    more = "; all of them in `config.json`" if len(names) > SHOWN_CLASSES else ""
    return f"{outputs:,}, counted from 0, {len(names):,} of them named: {listed}{more}."


def _provenance(checkpoint: Checkpoint) -> list[str]:
    if not checkpoint.notes:
        return []
    return ["## Notes", "\n".join(f"- {_line(note)}" for note in checkpoint.notes)]


def _line(words: str) -> str:
    """Words of others on one line, with nothing that Markdown or HTML would take for its own."""
    line = " ".join(words.split()).replace("&", "&amp;").replace("<", "&lt;")
    for mark in "\\`*_[]|":
        line = line.replace(mark, f"\\{mark}")
    return line


def _loading(name: str) -> str:
    return "\n".join(
        [
            "```python",
            "import alexnet",
            "from alexnet.formats import read",
            "",
            f'checkpoint = read("{name}")  # this folder',
            "module = alexnet.build(checkpoint.network, arrays=checkpoint.arrays)",
            "```",
            "",
            "```sh",
            f"alexnet explain {name}",
            f"alexnet audit {name}  # held against the numbers that the paper prints",
            f"alexnet predict {name} picture.jpg",
            "```",
        ]
    )
