"""Towers folded into groups and groups unfolded into towers, with the weights: the names to import.

Folding keeps every output: those of twins lie stacked along the channels, in tower order.
"""

from alexnet.network.towers.assembly import Assembly, Piece, Slice, Stack, assemble
from alexnet.network.towers.folding import fold
from alexnet.network.towers.unfolding import unfold

__all__ = ["Assembly", "Piece", "Slice", "Stack", "assemble", "fold", "unfold"]
