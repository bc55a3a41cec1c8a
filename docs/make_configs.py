"""Writes docs/configs.md: every original configuration of a folder, counted and named.

    python docs/make_configs.py ../shared/configs

The folder holds the released files; which parameters go with which definition is taken from its
`oracle.json`. Every figure comes from the files by way of the reader and the ledger; the recorded
errors come from the run notes. A test holds the page against this script.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from alexnet.formats.cuda_convnet import Definition, read_definition
from alexnet.network.layers import Conv, FullyConnected, Local, TreeConnected
from alexnet.network.ledger import ledger
from alexnet.network.notebook import CIFAR_NOTES, REMARKS, RUNS, Run
from alexnet.network.shapes import elements

PATH = Path(__file__).parent / "configs.md"

HEAD = """# The original configurations

The released files of cuda-convnet, of the code of 2012 and of cuda-convnet2, as this project reads
them: `alexnet explain FILE` gives the whole account of each. Figures come from the files through
the reader and the ledger; errors are those that the released run notes record (top-1 / top-5, by
the view that the notes name). A file does not state its picture; the side is that of the runs, for
CIFAR-10 the whole picture.
"""

FOLDERS = {"chm": "chm", "dnouri": "dnouri", "cc2": "cc2"}
COLUMNS = (
    "definition", "parameters", "dialect", "picture", "classes", "towers", "layers with weights",
    "neurons", "parameters in all", "multiply-adds", "recorded error", "notes say",
)  # fmt: skip


def page(folder: Path) -> str:
    """The whole text, for the files of `folder`."""
    rows = [_row(folder, *pair) for pair in pairs(folder)]
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return HEAD + "\n" + "\n".join(lines) + "\n"


def pairs(folder: Path) -> list[tuple[Path, Path, int]]:
    """Definition, parameters and picture side of every pair that the original parsers read."""
    oracle = json.loads((folder / "oracle.json").read_text(encoding="utf-8"))
    found: dict[tuple[Path, Path], int] = {}
    for row in oracle["configs"]:
        files = _path(folder, row["config"]), _path(folder, row["params"])
        found[files] = max(found.get(files, 0), row["input_dims"][0])
    ordered = sorted(found, key=lambda files: [_natural(path.stem) for path in files])
    return [(*files, found[files]) for files in ordered]


def _path(folder: Path, text: str) -> Path:
    tree, _, rest = text.partition(":")
    return folder / FOLDERS[tree] / rest


def _natural(text: str) -> list[tuple[int, str]]:
    return [
        (int(part or 0), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", text)
    ]


def _row(folder: Path, definition: Path, parameters: Path, side: int) -> list[str]:
    read = read_definition(definition, parameters, side=side)
    account, network = ledger(read.network), read.network
    runs, said = _recorded(parameters), _remarks(parameters)
    return [
        definition.name,
        parameters.name,
        read.dialect,
        "×".join(map(str, network.picture.shape)),
        f"{elements(network.shape(network.outputs.name)):,}",
        str(len(network.towers) or 1),
        _weighted(read),
        f"{account.total.neurons:,}",
        f"{account.total.parameters:,}",
        f"{account.total.multiply_adds:,}",
        "; ".join(map(_error, runs)) or _cifar(definition),
        said,
    ]


def _weighted(read: Definition) -> str:
    kinds = (("conv", Conv), ("local", Local), ("fc", FullyConnected), ("tree", TreeConnected))
    counts = [(word, sum(isinstance(x, kind) for x in read.network)) for word, kind in kinds]
    return ", ".join(f"{count} {word}" for word, count in counts if count)


def run_name(parameters: Path) -> str:
    """What the run notes call the run of a parameter file: layer-params-145-2010.cfg, 145-2010."""
    return parameters.stem.removeprefix("layer-params").lstrip("-.")


def _recorded(parameters: Path) -> list[Run]:
    name = run_name(parameters)
    return [run for run in RUNS if run.top1 is not None and _named(run.config) == name]


def _named(config: str) -> str:
    return re.split(r"[ ,(]", config, maxsplit=1)[0]


def _error(run: Run) -> str:
    top5 = "" if run.top5 is None else f" / {run.top5:.2%}"
    where = run.evaluated.split(";")[0]
    return f"{run.top1:.2%}{top5} ({run.trained_on.split(' (')[0]}, {where})"


def _cifar(definition: Path) -> str:
    name = definition.stem.removeprefix("layers").lstrip("-.").removeprefix("cifar10-")
    return "; ".join(
        f"{note.error:.0%}"
        for note in CIFAR_NOTES
        if note.error is not None and note.config in (name, f"conv-local-{name}")
    )


def _remarks(parameters: Path) -> str:
    name = run_name(parameters)
    return "; ".join(remark.says for remark in REMARKS if _named(remark.run) == name)


if __name__ == "__main__":
    PATH.write_text(page(Path(sys.argv[1])), encoding="utf-8")
