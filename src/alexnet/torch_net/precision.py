"""In which numbers a network is computed: what there is to choose from, what is fastest here."""

from __future__ import annotations

from typing import Literal

import torch

from alexnet.network.ledger import ledger
from alexnet.network.spec import Network

Precision = Literal["fp32", "bf16"]
"""Of the arithmetic; weights, their gradients and velocities are always fp32."""

SMALL = 4_000_000
"""Multiply-adds a picture below which a network spends its time elsewhere."""


def fastest(network: Network, device: torch.device | str = "cpu") -> Precision:
    """bf16 where the processor multiplies matrices of it faster, and the network is large enough
    for that to matter; else fp32.
    """
    kind = torch.device(device).type
    if ledger(network).total.multiply_adds < SMALL:
        return "fp32"
    if kind == "cpu":
        native = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
        return "bf16" if native else "fp32"
    return "bf16" if kind == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
