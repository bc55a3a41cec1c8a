"""Muon: momentum whose steps are orthogonalised, matrix by matrix (Jordan et al. 2024, "Muon: An
optimizer for hidden layers in neural networks"). It asks for no rates and keeps no state.
"""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = 5
"""Of the iteration, as in Jordan et al."""

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""a, b, c of s ← a·s + b·s³ + c·s⁵, Jordan et al.'s: it drives small s up fastest, and leaves
every s at 0.68 to 1.14, not at 1."""


def orthogonalised(matrices: Tensor) -> Tensor:
    """Each of (…, rows, columns) with its singular vectors kept, and singular values near 1.

    By Newton and Schulz's iteration, which has no inverses and no decomposition. Singular values
    below some 0.002 of a matrix's norm stay below that band, and a matrix of zeros stays one.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    wide = matrices.mT if tall else matrices
    norms = torch.linalg.matrix_norm(wide, keepdim=True)
    found = wide / norms.clamp_min(torch.finfo(wide.dtype).tiny)
    a, b, c = COEFFICIENTS
    for _ in range(STEPS):
        square = found @ found.mT
        found = a * found + (b * square + c * square @ square) @ found
    return found.mT if tall else found


def muon_step(
    weight: Tensor,
    velocity: Tensor,
    gradient: Tensor,
    *,
    lr: float,
    momentum: float,
    weight_decay: float,
    matrices: int,
) -> None:
    """v ← momentum · v + g; d ← g + momentum · v; w ← (1 − lr · weight_decay) · w − lr · r · O(d),
    in place.

    O is `orthogonalised`, of an array as a matrix with a row for each output. A step is thus as
    large in every direction, whatever the gradient's size; r, the root of max(1, rows / columns),
    is that by which Jordan et al. lengthen those of tall matrices.

    Args:
        weight, velocity, gradient: of one shape, outputs first.
        lr: as the schedule has it.
        momentum, weight_decay: the array's.
        matrices: of equal height that lie in the array, one below the other.
    """
    velocity.mul_(momentum).add_(gradient)
    ahead = gradient.add(velocity, alpha=momentum)
    stacked = ahead.reshape(matrices, weight.shape[0] // matrices, -1)
    rows, columns = stacked.shape[1:]
    moved = orthogonalised(stacked).reshape(weight.shape)
    if weight_decay:
        weight.mul_(1 - lr * weight_decay)
    weight.sub_(moved, alpha=lr * max(1.0, rows / columns) ** 0.5)
