"""Every definition that was released in 2012 can be counted, explained, compared and folded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alexnet.cli.tables import ledger_table, memory_table, rules_table, story_table
from alexnet.formats.cuda_convnet.reader import read_definition
from alexnet.network.catalog import get_network
from alexnet.network.codec import from_json, to_json
from alexnet.network.compare import as_tree, compare
from alexnet.network.explain import readings
from alexnet.network.ledger import ledger
from alexnet.network.memory import training_memory
from alexnet.network.spec import Network, NetworkError
from alexnet.network.towers import fold

NUMBERS = (
    *("109", "114", "116", "120", "131-2009", "135", "137", "137-tree", "141", "145", "145-half"),
    *("146-2011", "146-2012-2011", "147", "148", "150", "153", "183-4gpu", "96-16k", "99"),
    "flickr-102",
)

THREE_OF_FOUR = ("116", "183-4gpu")
"""Four towers, each of which reads three: no grouped layer says that."""


@pytest.fixture(scope="module")
def networks(shared: Path) -> dict[str, Network]:
    folder = shared / "configs" / "chm" / "layers"
    found = {path.stem.removeprefix("layers-"): path for path in folder.glob("layers-*.cfg")}
    assert sorted(found) == sorted(NUMBERS)
    # the numbers of a parameter file do not always name its definition's; any that fits will do
    return {number: _read(path) for number, path in found.items()}


def _read(path: Path) -> Network:
    own = path.with_name(path.name.replace("layers-", "layer-params-"))
    if not own.exists():  # 153 has the parameters of its successors alone
        own = path.with_name("layer-params-155.cfg")
    return read_definition(path, own, side=224).network


@pytest.mark.parametrize("number", NUMBERS)
def test_it_is_counted_and_compared(number: str, networks: dict[str, Network]) -> None:
    network = networks[number]
    assert from_json(to_json(network)) == network
    account = ledger(network)
    assert all(all(row.why.values()) for row in account.rows)
    assert training_memory(network, 128).peak > 12 * account.total.parameters
    for table in (ledger_table(account), rules_table(network), memory_table(network, 128)):
        assert table.rows
    for stage in account.stages:
        assert story_table(account, stage.rows, stage.name).rows
    assert compare(network, network).differences == ()
    paper = get_network("paper")
    for comparison in (compare(network, paper), compare(paper, network)):
        json.dumps(as_tree(comparison))
        assert all(d.first != d.second and d.effect for d in comparison.differences)


@pytest.mark.parametrize("number", NUMBERS)
def test_it_folds_or_says_why_not(number: str, networks: dict[str, Network]) -> None:
    network = networks[number]
    if number in THREE_OF_FOUR:
        with pytest.raises(NetworkError, match="layer 'conv3a' cannot be folded: of 'pool2' it"):
            fold(network)
        return
    folded, _ = fold(network)
    before, after = ledger(network).total, ledger(folded).total
    assert folded.towers == ()
    assert (after.neurons, after.parameters) == (before.neurons, before.parameters)
    assert after.multiply_adds == before.multiply_adds


@pytest.mark.parametrize("number", ["137-tree", "183-4gpu", "flickr-102"])
def test_its_numbers_are_explained(number: str, networks: dict[str, Network]) -> None:
    network = networks[number]
    total = ledger(network).total.parameters
    first = readings(total, network).readings[0]
    assert (first.value, first.quantity, first.cost) == (total, "parameters", 0)
    assert readings(55, network, layer="conv1").readings[0].quantity == "map side"
