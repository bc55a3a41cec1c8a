"""The paper's rule of learning (§5), as cuda-convnet has it (weights.cu): momentum and decay with
the rate inside the velocity; and rules of later years. It computes no gradients and knows no
schedule.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from alexnet.torch_net.kernels.library import library
from alexnet.torch_net.kernels.momentum import applies, move
from alexnet.training.muon import muon_step
from alexnet.training.rates import Limits, Rates


class UpdateRule:
    """v ← momentum · v − weight_decay · lr · w − lr · g; then w ← w + v, in place.

    g is the gradient of the mean cost. The decay takes w from before the update. Since the rate is
    inside v, changing it does not rescale the old velocity (torch.optim.SGD keeps the rate outside
    and does). An array whose base rate is 0 is left alone, its velocity too (semantics file,
    section 5).

    With an update period of n, the first of n batches takes the momentum, each of them adds its
    share of −lr · g, and the last adds the decay and moves w: the gradients add up inside v, as
    2012's fully-connected layers have it. So v is all that there is to keep between two batches.

    Rates of rule "nesterov" move w by momentum · v − weight_decay · lr · w − lr · g, v being the
    new one, as if the momentum of the next step were known (Sutskever et al. 2013); of rule "muon"
    as `muon.muon_step` says, whose v holds no rate.

    An inner node of a tree with s leaves below it takes −lr / s · (g + weight_decay / s · w) in
    their place (softmaxtree.cu).

    Attributes:
        rates: of the arrays that learn; those with a base rate of 0 are not among them.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], rates: Mapping[str, Rates]) -> None:
        """Starts at rest.

        Args:
            parameters: what is learned, by name.
            rates: one entry for each.
        """
        self.parameters = dict(parameters)
        self.velocities = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.follow(rates)

    def follow(self, rates: Mapping[str, Rates]) -> None:
        """Goes by other rates from the next step on."""
        assert self.parameters.keys() == rates.keys(), "every parameter has its rates and no other"
        self.rates = {name: own for name, own in rates.items() if own.lr}

    @torch.no_grad()
    def step(
        self,
        factors: float | Mapping[str, float] = 1.0,
        *,
        done: int = 0,
        share: float = 1.0,
        draws: torch.Generator | None = None,
    ) -> None:
        """One update by the gradients that lie in the parameters, or a part of one.

        A parameter without a gradient takes no part in any cost and is left alone.

        Args:
            factors: of the schedules, on the base rates: one for all, or by parameter.
            done: steps before this one; they tell where in its period an array stands.
            share: pictures in the batch, over the configured batch size; it matters only where
                gradients of several batches add up, which are divided by the configured size.
            draws: what the noise of rates is drawn from, in the order of the parameters; by rule
                momentum twice an update where there is decay, since every use draws anew (section
                9).
        """
        for name, rates in self.rates.items():
            weight, velocity = self.parameters[name], self.velocities[name]
            factor = factors[name] if isinstance(factors, Mapping) else factors
            if weight.grad is None:
                continue
            if rates.rule != "momentum":
                _look_ahead(weight, velocity, rates, _noisy(rates, factor, draws))
                continue
            place, last = done % rates.update_period, rates.update_period - 1
            lr = _noisy(rates, factor, draws)
            if not last and self._in_one_pass(name, rates, lr, factor, draws):
                continue
            if place == 0:
                velocity.mul_(rates.momentum)
            gradient, decayed = _over_leaves(weight, rates.leaves)
            velocity.sub_(gradient, alpha=lr * share / rates.update_period if last else lr)
            if place < last:
                continue
            if rates.weight_decay:
                velocity.sub_(decayed, alpha=rates.weight_decay * _noisy(rates, factor, draws))
            weight.add_(velocity)
            if rates.limits is not None:
                limit(weight, rates.limits)

    def _in_one_pass(
        self, name: str, rates: Rates, lr: float, factor: float, draws: torch.Generator | None
    ) -> bool:
        """Does the same with each number read once, where there is a kernel for it."""
        weight, velocity, kernels = self.parameters[name], self.velocities[name], library()
        assert weight.grad is not None, "only what has a gradient is updated"
        if kernels is None or rates.leaves or not applies(weight, velocity, weight.grad):
            return False
        decay = rates.weight_decay * _noisy(rates, factor, draws) if rates.weight_decay else 0.0
        move(
            *(kernels, weight, velocity, weight.grad),
            momentum=rates.momentum,
            rate=lr,
            decay=decay,
        )
        if rates.limits is not None:
            limit(weight, rates.limits)
        return True

    def state_dict(self) -> dict[str, Tensor]:
        """The velocities by parameter name; the tensors themselves, not copies."""
        return dict(self.velocities)

    @torch.no_grad()
    def load_state_dict(self, velocities: Mapping[str, Tensor]) -> None:
        """Takes over velocities of the same names and shapes."""
        assert velocities.keys() == self.velocities.keys(), "velocities of another network"
        for name, velocity in velocities.items():
            self.velocities[name].copy_(velocity)


def _look_ahead(weight: nn.Parameter, velocity: Tensor, rates: Rates, lr: float) -> None:
    """One update by a rule that uses the gradient a second time, beside the velocity."""
    gradient, decayed = _over_leaves(weight, rates.leaves)
    if rates.rule == "muon":
        muon_step(
            weight,
            velocity,
            gradient,
            lr=lr,
            momentum=rates.momentum,
            weight_decay=rates.weight_decay,
            matrices=rates.matrices,
        )
    else:
        moved = gradient.add(decayed, alpha=rates.weight_decay).mul_(-lr)
        velocity.mul_(rates.momentum).add_(moved)
        weight.add_(moved).add_(velocity, alpha=rates.momentum)
    if rates.limits is not None:
        limit(weight, rates.limits)


def _over_leaves(weight: nn.Parameter, leaves: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The gradient by s and the weights by s², row by row."""
    assert weight.grad is not None, "only what has a gradient is updated"
    if not leaves:
        return weight.grad, weight
    below = weight.new_tensor(leaves)[:, None]
    return weight.grad / below, weight / below.square()


def limit(weight: Tensor, limits: Limits) -> None:
    """Scales every filter of `weight` into its limits, in place: first the deviation, then the norm
    (layer.cu, ConvLayer::constrainWeights). A filter of zeros stays as it is.
    """
    own = tuple(range(limits.leading, weight.ndim))
    if limits.minimum or limits.maximum:
        count = weight[(0,) * limits.leading].numel()
        centred = weight - weight.mean(own, keepdim=True)
        deviation = centred.square().sum(own, keepdim=True).sqrt() / count
        most = limits.maximum or float("inf")
        _scale(weight, deviation, deviation.clamp(limits.minimum, most))
    if limits.norm:
        norm = weight.square().sum(own, keepdim=True).sqrt()
        least = limits.norm if limits.exactly else 0.0
        _scale(weight, norm, norm.clamp(least, limits.norm))


def _scale(weight: Tensor, found: Tensor, wanted: Tensor) -> None:
    weight.mul_(torch.where(found > 0, wanted / found, 1.0))


def _noisy(rates: Rates, factor: float, draws: torch.Generator | None) -> float:
    """The rate as it is used once: times 1 + |N(0, 1)| · noise."""
    lr = rates.lr * factor
    if not rates.noise:
        return lr
    assert draws is not None, "rates with noise need something to draw it from"
    drawn = torch.randn((), generator=draws, dtype=torch.float64).item()
    return lr * (1 + abs(drawn) * rates.noise)
