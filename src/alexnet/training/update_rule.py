"""The paper's rule of learning (§5), as cuda-convnet has it (weights.cu): momentum and decay with
the rate inside the velocity. It computes no gradients and knows no schedule.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from alexnet.training.rates import Rates


class UpdateRule:
    """v ← momentum · v − weight_decay · lr · w − lr · g; then w ← w + v, in place.

    g is the gradient of the mean cost. The decay takes w from before the update. Since the rate is
    inside v, changing it does not rescale the old velocity (torch.optim.SGD keeps the rate outside
    and does). An array whose base rate is 0 is left alone, its velocity too (semantics file,
    section 5).
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], rates: Mapping[str, Rates]) -> None:
        """Starts at rest.

        Args:
            parameters: what is learned, by name.
            rates: one entry for each.
        """
        assert parameters.keys() == rates.keys(), "every parameter has its rates and no other"
        self.parameters = dict(parameters)
        self.velocities = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.rates = {name: own for name, own in rates.items() if own.lr}

    @torch.no_grad()
    def step(self, factor: float = 1.0) -> None:
        """One update by the gradients that lie in the parameters.

        A parameter without a gradient takes no part in any cost and is left alone.

        Args:
            factor: of the schedule, on every base rate.
        """
        for name, rates in self.rates.items():
            weight, velocity, lr = self.parameters[name], self.velocities[name], rates.lr * factor
            if weight.grad is None:
                continue
            velocity.mul_(rates.momentum).sub_(weight.grad, alpha=lr)
            if rates.weight_decay:
                velocity.sub_(weight, alpha=rates.weight_decay * lr)
            weight.add_(velocity)

    def state_dict(self) -> dict[str, Tensor]:
        """The velocities by parameter name; the tensors themselves, not copies."""
        return dict(self.velocities)

    @torch.no_grad()
    def load_state_dict(self, velocities: Mapping[str, Tensor]) -> None:
        """Takes over velocities of the same names and shapes."""
        assert velocities.keys() == self.velocities.keys(), "velocities of another network"
        for name, velocity in velocities.items():
            self.velocities[name].copy_(velocity)
