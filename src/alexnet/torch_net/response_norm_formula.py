"""The numbers of the response norms, as every way of computing them takes them."""

from __future__ import annotations

from dataclasses import dataclass

from alexnet.network.layers import CrossMapNorm, Norm


@dataclass(frozen=True, slots=True)
class Formula:
    """The numbers of y = x · (k + scale · Σ x²)^-beta over a window that starts `before` units
    early.
    """

    size: int
    scale: float
    beta: float
    k: float
    groups: int = 1
    blocked: bool = False

    @property
    def before(self) -> int:
        """C division: even windows lean to lower indices."""
        return self.size // 2

    @property
    def after(self) -> int:
        """How far the window reaches beyond its unit."""
        return self.size - 1 - self.size // 2


def formula_of(layer: Norm) -> Formula:
    """The numbers of `layer`, alpha divided where it says so."""
    if isinstance(layer, CrossMapNorm):
        divisor = layer.size if layer.alpha_divided else 1
        scale = layer.alpha / divisor
        return Formula(layer.size, scale, layer.beta, layer.k, layer.groups, layer.blocked)
    divisor = layer.size**2 if layer.alpha_divided else 1
    return Formula(layer.size, layer.alpha / divisor, layer.beta, layer.k)
