"""Figure 2 of any network: blocks to scale, the links that the ledger knows of, its numbers."""

from __future__ import annotations

import re

import pytest

from alexnet.network.catalog import NETWORKS, get_network
from alexnet.network.layers import Weighted
from alexnet.network.ledger import ledger
from alexnet.pictures.architecture import caption, draw_architecture
from alexnet.pictures.layout import SIDE, layout


@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_layer_with_weights_has_a_block_and_nothing_overlaps(name: str) -> None:
    network = get_network(name)
    placed = layout(network)
    names = [network.picture.name, *(x.name for x in network if isinstance(x, Weighted))]
    assert sorted(block.name for block in placed.blocks) == sorted(names)
    for one in placed.blocks:
        assert one.y >= -1e-9 and one.point(1, 0, 1)[1] <= placed.height + 1e-9
        for other in placed.blocks:
            if other is not one and other.x == one.x:
                apart = one.y > other.point(1, 0, 1)[1] or other.y > one.point(1, 0, 1)[1]
                assert apart, f"{one.name} and {other.name} overlap"


@pytest.mark.parametrize("name", ["paper", "as_run", "soumith", "80sec"])
def test_sides_are_to_the_scale_of_the_picture(name: str) -> None:
    network = get_network(name)
    placed = layout(network)
    scale = SIDE / network.picture.shape[1]
    for block in placed.blocks:
        _, height, width = block.shape
        if height > 1:
            assert block.height == pytest.approx(height * scale)
            assert block.slant == pytest.approx(width * scale)


@pytest.mark.parametrize("name", ["paper", "as_run", "soumith", "tiny"])
def test_links_cross_where_the_ledger_says_that_maps_cross(name: str) -> None:
    network = get_network(name)
    crossing = {link.target for link in layout(network).links if link.crosses}
    towered = {x.name for x in network if x.tower is not None}
    readers = {name for each in ledger(network).crossings for name in each.readers}
    assert crossing == readers & towered


def test_the_paper_crosses_at_conv3_and_the_fully_connected_layers_only() -> None:
    crossing = {link.target for link in layout(get_network("paper")).links if link.crosses}
    assert crossing == {"conv3a", "conv3b", "fc6a", "fc6b", "fc7a", "fc7b"}


def test_the_captions_numbers_are_the_ledgers() -> None:
    account = ledger(get_network("paper"))
    numbers = [int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*\d", caption(account))]
    for number in (150_528, 290_400, 186_624, 64_896, 43_264, 659_272, 60_965_224, 724_406_816):
        assert number in numbers


def test_labels_say_windows_strides_and_what_lies_between() -> None:
    texts = [text.get_text() for text in draw_architecture(get_network("paper")).axes[0].texts]
    for wanted in ("conv1", "11×11, stride 4", "5×5", "dense", "224×224×3", "2,048", "1,000"):
        assert wanted in texts
    assert "55×55×48\nthen norm\nthen max pooling 3×3/2" in texts
    assert "13×13×128\nthen max pooling 3×3/2" in texts
