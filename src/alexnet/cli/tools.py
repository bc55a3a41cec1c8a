"""`alexnet explain NETWORK --tools`: other tools' numbers and rules, as a table or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alexnet import terminal
from alexnet.network.spec import Network

if TYPE_CHECKING:
    from alexnet.network.tools import ToolCount


def print_tools(network: Network, as_json: bool, as_markdown: bool) -> None:
    """Prints what each tool reports for `network`, and by which rule.

    Raises:
        NetworkError: a layer that the tools do not know; it is named.
    """
    from alexnet.network.tools import as_tree, tool_counts

    counts = tool_counts(network)
    if as_json:
        terminal.print_json(as_tree(counts))
        return
    terminal.print_table(tools_table(network, counts), as_markdown)


def tools_table(network: Network, counts: Sequence[ToolCount]) -> terminal.Table:
    """A row per number; below, what it is the sum of."""
    rows = [(f"{x.tool} {x.version}", x.quantity, f"{x.value:,}", x.sentence) for x in counts]
    notes = [f"{x.tool}, {x.quantity} = {_sum(x)}" for x in counts]
    idle = [f"{x.tool}, {x.quantity} {x.value + x.idle_pool:,}" for x in counts if x.idle_pool]
    if idle:
        notes.append(
            "with an AdaptiveAvgPool2d before the first linear layer that changes nothing, as"
            f" torchvision's AlexNet has one: {'; '.join(idle)}"
        )
    return terminal.Table(
        title=f"what other tools report for {network.name}, one picture",
        columns=("tool", "what it prints", "#ours by its rule", "the rule"),
        rows=rows,
        notes=notes,
    )


def _sum(count: ToolCount) -> str:
    """'convolution 1,000 + relu 20'."""
    return " + ".join(f"{x.part} {x.count:,}" for x in count.contributions) or "nothing"
