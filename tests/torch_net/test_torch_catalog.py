"""Every catalog network, at reduced size, against the oracle."""

from __future__ import annotations

import pytest
import torch

from alexnet.network.catalog import NETWORKS
from reduced import reduced
from torch_net.against_oracle import case, check


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "memory_format", [torch.contiguous_format, torch.channels_last], ids=["nchw", "nhwc"]
)
def test_agrees_with_the_oracle(name: str, memory_format: torch.memory_format) -> None:
    check(case(reduced(name)), memory_format=memory_format)
