"""Writes docs/paper.md: what people ask about the paper's numbers, answered by the commands.

    python docs/make_paper.py

Every number in the text comes from the ledger or from a command's output; a test holds the file
against this script.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path

from blocks import printed

from alexnet.network.catalog import get_network
from alexnet.network.edit import with_rule
from alexnet.network.layers import Conv, CrossMapNorm
from alexnet.network.ledger import Ledger, Stage, ledger
from alexnet.network.shapes import text
from alexnet.network.sizes import side

PATH = Path(__file__).parent / "paper.md"


def told(*words: str) -> str:
    """A command with what it prints, as a block."""
    command = shlex.join(words)
    return f"```\n$ alexnet {command}\n{printed(command)}\n```"


def table(*words: str) -> str:
    """A command whose table is set as Markdown."""
    command = shlex.join(words)
    return f"`alexnet {command}`\n\n{printed(command + ' --markdown')}"


def prose(text: str) -> str:
    """A paragraph, filled to the width of the page."""
    return textwrap.fill(" ".join(text.split()), 100, break_long_words=False)


def stages(account: Ledger) -> dict[str, Stage]:
    """The stages of a ledger by name."""
    return {stage.name: stage for stage in account.stages}


def answers() -> list[str]:
    """One text per question."""
    accounts = {
        name: ledger(get_network(name))
        for name in ("paper", "as_run", "caffe", "one_weird_trick", "cs231n", "one_gpu")
    }
    return [
        _why_253440(accounts["paper"]),
        _why_55(accounts["paper"]),
        _how_many_parameters(accounts),
        _how_many_neurons(accounts),
        _how_many_operations(accounts),
        _alpha(),
        _norm_or_relu(),
        _groups(),
        _fields(),
        _where_parameters(accounts["paper"]),
        _filters(accounts),
    ]


def _why_253440(paper: Ledger) -> str:
    first = stages(paper)["conv1"]
    _, rows, columns = first.rows[0].shape
    maps = first.rows[0].shape[0] * len(first.rows)
    return f"""## Why 253,440 neurons in the first layer?

Because one factor is another number of the same layer. The map has {rows}·{columns} places and
{maps} maps, so layer 1 has {first.total.neurons:,} neurons; with one {rows} replaced by the
{first.rows[0].shape[0]} kernels that each tower holds, the product is the printed 253,440. The
other numbers of the caption are exact, and the total that the abstract prints agrees with the
corrected list, not with the printed one.

{told("explain", "253440")}

{told("explain", "253440,186624,64896,64896,43264,4096,4096,1000", "--total", "650000")}"""


def _why_55(paper: Ledger) -> str:
    ceil = side("cuda-convnet", "conv", 224, 11, 4, 0)
    floor = side("torch", "conv", 224, 11, 4, 0)
    full = side("torch", "conv", 227, 11, 4, 0)
    same = with_rule(paper.network, "same").shape("conv1a")[1]
    return f"""## 224 or 227, and why 55?

224, and {ceil.outputs} because the code of 2012 rounds up: {ceil.sentence} = {ceil.outputs}. Its
last window reaches {ceil.after} pixels over the right and bottom edge, where it reads zeros, and
224 + {ceil.after} = 227. Torch and Caffe round down and get {floor.outputs} from 224
({floor.sentence}); they reach {full.outputs} from a 227 crop ({full.sentence}) or with a padding of
2. TensorFlow's SAME gives {same}.

{table("explain", "paper", "--rule", "all")}"""


def _how_many_parameters(accounts: dict[str, Ledger]) -> str:
    count = {name: account.total.parameters for name, account in accounts.items()}
    return f"""## 60, 61 or 62 million parameters?

All three, of different networks. As written and as run, in two towers: {count["paper"]:,}.
Torchvision's single tower: {count["one_weird_trick"]:,}. The paper's widths with every layer
connected to all of the one before, as the CS231n notes read it: {count["cs231n"]:,}. The one-GPU
net of §3.2: {count["one_gpu"]:,}. The abstract's 60 million cuts the first to two figures; rounded,
it would be 61.

{told("explain", "60 million", "--network", "paper")}"""


def _how_many_neurons(accounts: dict[str, Ledger]) -> str:
    count = {name: account.total.neurons for name, account in accounts.items()}
    convolutional = sum(
        stage.total.neurons for stage in accounts["paper"].stages if stage.rows[0].kind == "conv"
    )
    return f"""## 650,000, 660,000 or 500,000 neurons?

{count["paper"]:,}, counting the outputs of convolutional and fully-connected layers. To two figures
that is 660,000; the abstract's 650,000 is the same number cut, or the {convolutional:,} of the
convolutional layers alone, rounded. Torchvision's network has {count["one_weird_trick"]:,}.

{told("explain", "650000")}"""


def _how_many_operations(accounts: dict[str, Ledger]) -> str:
    count = {name: account.total.multiply_adds for name, account in accounts.items()}
    return f"""## 720 million, 1.4 billion or 1.1 billion operations?

{count["paper"]:,} multiply-adds for one picture; {2 * count["paper"]:,} if a multiplication and an
addition count as two. Without the towers' separation, as the CS231n reading has it,
{count["cs231n"]:,}. Torchvision's network: {count["one_weird_trick"]:,}. Which of these another
tool prints, and with which extras, is a matter of its rule:

{table("explain", "one_weird_trick", "--tools")}"""


def _norm(name: str) -> CrossMapNorm:
    return next(x for x in get_network(name) if isinstance(x, CrossMapNorm))


def _effective(layer: CrossMapNorm) -> str:
    alpha = layer.alpha / layer.size if layer.alpha_divided else layer.alpha
    return f"{alpha:g}"


def _alpha() -> str:
    rows = "\n".join(
        f"| `{name}` | {norm.alpha:g} | {'yes' if norm.alpha_divided else 'no'} | "
        f"{_effective(norm)} | {norm.k:g} | {norm.size} | {norm.beta:g} |"
        for name in ("paper", "as_run", "caffe", "caffenet")
        for norm in [_norm(name)]
    )
    return f"""## Is the response norm's alpha divided by n?

In the formula of §3.3 it is not; in the code that ran, and in Caffe and torch, it is. So what
stands before each square differs by a factor of n = {_norm("paper").size}. Caffe also has
its own k.

| network | alpha | divided by n | before each square | k | n | beta |
|---|---:|---|---:|---:|---:|---:|
{rows}"""


def _norm_or_relu() -> str:
    def order(name: str, stem: str) -> str:
        names = {x.name: x for x in get_network(name)}
        chain = [stem]
        while True:
            follow = [x for x in names.values() if chain[-1] in x.reads]
            if not follow or isinstance(follow[0], Conv):
                break
            chain.append(follow[0].name)
        kinds = [names[link].kind for link in chain]
        return " → ".join(kinds)

    rows = "\n".join(
        f"| `{name}` | {order(name, first)} | {order(name, second)} |"
        for name, first, second in (
            ("paper", "conv1a", "conv2a"),
            ("as_run", "conv1a", "conv2a"),
            ("caffe", "conv1", "conv2"),
            ("caffenet", "conv1", "conv2"),
            ("one_weird_trick", "conv1", "conv2"),
        )
    )
    return f"""## Response norm before or after ReLU?

After it, says §3.3. In the run behind the published errors, layer 1 takes norm, pool and only then
ReLU, and layer 2 has a second norm, within maps, that the paper does not mention.

| network | layer 1 | layer 2 |
|---|---|---|
{rows}"""


def _groups() -> str:
    paper = get_network("paper")
    rows: list[str] = []
    for number in range(1, 6):
        layer = paper[f"conv{number}a"]
        both = len(layer.reads) > 1
        reads = "both towers" if both else ("the picture" if number == 1 else "its own tower")
        caffe = get_network("caffe")[f"conv{number}"]
        groups = caffe.kernels[0].groups if isinstance(caffe, Conv) else 0
        rows.append(f"| conv{number} | {reads} | {groups} |")
    return f"""## Which layers are grouped?

Those whose towers read only their own half: conv2, conv4 and conv5. conv3 and the fully-connected
layers read both towers. Caffe writes the same as two groups.

| layer | a tower reads | groups in `caffe` |
|---|---|---:|
{chr(10).join(rows)}

Maps cross between the towers at these places only:

{chr(10).join(_crossings())}"""


def _crossings() -> list[str]:
    account = ledger(get_network("paper"))
    lines = ["| output | from tower | to tower | read by | floats a picture, each way |"]
    lines.append("|---|---:|---:|---|---:|")
    for c in account.crossings:
        readers = ", ".join(c.readers)
        lines.append(f"| {c.layer} | {c.from_tower} | {c.to_tower} | {readers} | {c.floats:,} |")
    return lines


def _fields() -> str:
    rows: list[str] = []
    for stage in ledger(get_network("paper")).stages:
        field = stage.rows[0].receptive_field
        if field and stage.rows[0].kind in ("conv", "max-pool", "fully-connected"):
            rows.append(
                f"| {stage.name} | {field.size} | {field.jump} | {field.start} | {field.sentence} |"
            )
    return f"""## How much of the picture does a unit of each layer see?

Along a side, in pixels; a field that begins before pixel 0 lies partly in the padding.

| layer | field | every | from pixel | size |
|---|---:|---:|---:|---|
{chr(10).join(rows)}"""


def _where_parameters(paper: Ledger) -> str:
    total = paper.total.parameters
    rows = "\n".join(
        f"| {stage.name} | {stage.total.parameters:,} | {stage.total.parameters / total:.2%} | "
        f"{stage.total.connections:,} |"
        for stage in paper.stages
        if stage.total.parameters
    )
    fc = sum(s.total.parameters for s in paper.stages if s.rows[0].kind == "fully-connected")
    return f"""## Where are the parameters?

{fc / total:.1%} of them in the three fully-connected layers. §1 says that no convolutional layer
holds more than 1%; conv3 and conv4 do. Without weight sharing each layer would have as many as
it has connections.

| layer | parameters | share | without sharing |
|---|---:|---:|---:|
{rows}"""


def _filters(accounts: dict[str, Ledger]) -> str:
    def first(name: str) -> str:
        stage = stages(accounts[name])["conv1"]
        shape = text(stage.rows[0].shape)
        return shape if len(stage.rows) == 1 else f"{len(stage.rows)} × {shape}"

    rows = "\n".join(
        f"| `{name}` | {first(name)} |" for name in ("paper", "caffe", "cs231n", "one_weird_trick")
    )
    return f"""## 64 or 96 filters in the first layer?

96 in 2012, 48 to a tower. The 64 come from Krizhevsky's one-tower network of 2014, which
torchvision ships as `alexnet`.

| network | output of layer 1 |
|---|---|
{rows}

What else torchvision's differs in: `alexnet compare paper one_weird_trick`."""


def page() -> str:
    """The whole file."""
    head = """# The paper's numbers

Written by `python docs/make_paper.py` from the same ledger that the commands print. What the paper
claims, claim by claim, is `alexnet audit`.
"""
    return "\n\n".join([head.rstrip(), *map(_filled, answers())]) + "\n"


def _filled(answer: str) -> str:
    """An answer with its plain paragraphs filled; headings, tables and blocks stay as they are."""
    parts = re.split(r"(```.*?```)", answer, flags=re.DOTALL)
    for index in range(0, len(parts), 2):
        paragraphs = parts[index].split("\n\n")
        parts[index] = "\n\n".join(
            p if p.strip()[:1] in ("#", "|", "`", "*", "-", "") else prose(p) for p in paragraphs
        )
    return "".join(parts)


if __name__ == "__main__":
    PATH.write_text(page(), encoding="utf-8")
