"""How far apart lies what two checkpoints say of the same pictures, which are noise by a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from alexnet.formats import Checkpoint

PICTURES = 4

FAR = 1e-3
"""Of the largest output; what rounding to float32 makes lies far below."""


class Answers:
    """What a checkpoint says of pictures of noise: its scores, before a softmax at the end."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Shows the pictures as the checkpoint's contract says."""
        self.scores = _scores(checkpoint, checkpoint)
        self._of = checkpoint

    def difference(self, other: Checkpoint, *, shown: Checkpoint | None = None) -> float:
        """The largest difference to another checkpoint's, as a part of the largest score.

        Args:
            other: the same in another form, or as a file has it.
            shown: whose contract says what it is shown, where its file says none; else its own.

        Raises:
            ValueError: it takes other pictures, or answers for other classes.
        """
        import numpy as np

        mine, theirs = self._of.network.picture.shape, other.network.picture.shape
        if mine != theirs:
            raise ValueError(f"it takes pictures of {theirs} where the source takes {mine}")
        scores = _scores(other, shown or other)
        if scores.shape != self.scores.shape:
            raise ValueError(
                f"it gives {scores.shape[1]:,} scores where the source gives"
                f" {self.scores.shape[1]:,}"
            )
        apart = np.abs(scores - self.scores)
        apart[np.isnan(scores) & np.isnan(self.scores) | (scores == self.scores)] = 0
        largest = np.abs(self.scores[np.isfinite(self.scores)]).max(initial=0)
        return float(apart.max() / largest) if apart.any() else 0.0


def told(difference: float) -> str:
    """The difference in words."""
    if not difference:
        return f"the scores of {PICTURES} pictures of noise are the same, bit for bit"
    return f"the scores of {PICTURES} pictures of noise differ by {difference:.1g} of the largest"


def _scores(checkpoint: Checkpoint, shown: Checkpoint) -> np.ndarray:
    """(pictures, classes); pictures as `shown` expects them."""
    import numpy as np
    import torch

    from alexnet.evaluation.showing import prepare
    from alexnet.network.layers import Softmax
    from alexnet.torch_net import build

    network = checkpoint.network
    shape = (PICTURES, *network.picture.shape)
    noise = np.random.default_rng(2012).integers(0, 256, shape, dtype=np.uint8)
    last = network.outputs
    name = last.reads[0] if isinstance(last, Softmax) else last.name
    module = build(network, arrays=checkpoint.arrays).eval()
    with torch.inference_mode():
        pictures = prepare(torch.from_numpy(noise), shown.contract, shown.mean_image)
        found = module(pictures, layers=[name])
    return found[name].flatten(1).double().numpy()
