"""Writes docs/training.md: how the named recipes teach, each field of each from the recipe itself.

    python docs/make_training.py

A test holds the page against this script.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from alexnet.training.recipe import Recipe
from alexnet.training.recipes import RECIPES

PATH = Path(__file__).parent / "training.md"

HEAD = """# Training

```
alexnet train DATA [--network NAME] [--recipe NAME] [--set KEY=VALUE]
```

`train` writes a run folder: `recipe.json` (every field, resolved), `network.json`,
`metrics.jsonl` (a row for every 50 steps and every epoch), `checkpoints/`, and `lock`, which keeps
a second process out while the run goes on. The same command with `--resume` goes on and ends in
the same weights, bit for bit on the CPU. Ctrl-C and SIGTERM save and leave.

A recipe is one frozen value; `--set lr=0.02` changes a field of it, and a typo is told with the
nearest field. From Python:

```python
from dataclasses import replace

import alexnet
from alexnet.training.recipes import RECIPES

recipe = replace(RECIPES["digits"], epochs=5)
```

## The recipes

`finetune` is made for a network: the recipe for a checkpoint of other classes, whose last layer
learns ten times as fast as what lies below it (`--from CHECKPOINT`).

"""

TAIL = """
## What a batch goes through

1. The order: drawn anew every epoch, or the file's.
2. The view: a crop, out of a picture that was loaded larger or padded, turned left to right in
   half of the cases.
3. The colours: noise along the components of the training pictures' own colours (§4.1).
4. The mean: an image, a number per channel, or none.
5. Forward, backward, and the update: momentum and decay as §5 has them, rates by layer, by input
   and by time.

How the networks of 2012 were taught is read from their files: rates per layer and input,
schedules with noise, limits on weights, phases by hand. `--notebook-schedule 145` puts the steps
of the run notes in their place ([networks of 2012](configs.md)).

## Larger than memory, more than one process

`--batch-size auto` takes what the account of memory says fits; `--accumulate K` takes a batch in
K parts; `--precision bf16` halves what the activations need. `alexnet prepare` makes a store of
records that is read ahead in bounded memory ([Pictures](pictures.md)). `--processes N`, or
`torchrun`, shares every batch exactly ([Several machines](cluster.md)).

## Beginning with trained weights

`--from FILE` takes any checkpoint that can be read ([Formats](formats.md)). Where the classes
differ, the last layer is drawn anew. `--freeze 'conv*'` keeps layers as they are.
"""


def page() -> str:
    """The page as it should be."""
    return HEAD + _table() + _rates() + TAIL


def _table() -> str:
    """A row for every field that is a plain value, a column for every recipe."""
    names = list(RECIPES)
    lines = [f"| field | {' | '.join(names)} |", "|" + "---|" * (1 + len(names))]
    for field in fields(Recipe):
        if field.name not in ("layers", "phases"):
            cells = [_cell(getattr(recipe, field.name)) for recipe in RECIPES.values()]
            lines.append(f"| `{field.name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _rates() -> str:
    """The rates of single layers, and what is changed by hand on the way."""
    lines = ["\n| recipe | layers | differ in |", "|---|---|---|"]
    for name, recipe in RECIPES.items():
        for rates in recipe.layers:
            lines.append(f"| {name} | `{rates.layers}` | {_differs(rates)} |")
        for phase in recipe.phases:
            which = ", ".join(f"`{layer}`" for layer in phase.layers) or "all"
            lines.append(f"| {name}, from epoch {phase.at_epoch:g} | {which} | {_differs(phase)} |")
    return "\n".join(lines) + "\n"


def _differs(value: object) -> str:
    """Every field that says something, but for which layers and when."""
    said = []
    for field in fields(value):  # pyright: ignore[reportArgumentType]
        is_said = getattr(value, field.name) != field.default
        if field.name not in ("layers", "at_epoch") and is_said:
            said.append(f"{field.name} = {_cell(getattr(value, field.name))}")
    return ", ".join(said)


def _cell(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float() | int():
            return f"{value:g}"
        case str():
            return value
        case _:
            inner = ", ".join(
                f"{f.name} {_cell(getattr(value, f.name))}"
                for f in fields(value)  # pyright: ignore[reportArgumentType]
            )
            return type(value).__name__ + (f" ({inner})" if inner else "")


if __name__ == "__main__":
    PATH.write_text(page(), encoding="utf-8")
