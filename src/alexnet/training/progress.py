"""Where a run stands: all that a resumed run needs beside weights and velocities. Randomness is not
in it, since every draw follows from (seed, epoch, step).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import torch

from alexnet.images import PictureSet
from alexnet.network.codec import CodecError, decode
from alexnet.training.run_folder import RunError


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A place in a run, between two steps.

    Attributes:
        epoch: whole epochs done.
        step: steps done of the epoch that goes on; all of them while its validation is to come.
        total_steps: steps done in all.
        loss_sum, right1, seen: over the pictures of the epoch so far.
        validation_errors: after each whole epoch.
        rows: how many rows of metrics were written.
        pictures: the fingerprint of the training pictures.
    """

    pictures: str
    epoch: int = 0
    step: int = 0
    total_steps: int = 0
    loss_sum: float = 0.0
    right1: int = 0
    seen: int = 0
    validation_errors: tuple[float, ...] = ()
    rows: int = 0

    def after_step(self, loss_sum: float, right1: int, seen: int) -> Progress:
        """One step further, with what its batch cost and how often it was right."""
        return replace(
            self,
            step=self.step + 1,
            total_steps=self.total_steps + 1,
            loss_sum=self.loss_sum + loss_sum,
            right1=self.right1 + right1,
            seen=self.seen + seen,
        )

    def after_epoch(self, validation_error: float | None) -> Progress:
        """At the start of the next epoch."""
        errors = () if validation_error is None else (validation_error,)
        return Progress(
            pictures=self.pictures,
            epoch=self.epoch + 1,
            total_steps=self.total_steps,
            validation_errors=self.validation_errors + errors,
            rows=self.rows,
        )

    def with_row(self) -> Progress:
        """After another row of metrics was written."""
        return replace(self, rows=self.rows + 1)


def resumed_progress(tree: object, pictures: PictureSet, where: str) -> Progress:
    """The progress that a checkpoint holds.

    Raises:
        RunError: it is none, or of a run on other pictures.
    """
    try:
        progress: Progress = decode(Progress, tree, f"{where}: progress")
    except CodecError as error:
        raise RunError(str(error)) from None
    if progress.pictures != fingerprint(pictures):
        raise RunError(
            f"{where}: the run learned from other pictures ({progress.pictures}, here"
            f" {fingerprint(pictures)}); resume it with its own"
        )
    return progress


def fingerprint(pictures: PictureSet) -> str:
    """How many pictures there are, and a digest of all labels and of up to 256 pictures."""
    chosen = torch.linspace(0, len(pictures) - 1, min(256, len(pictures))).long()
    digest = hashlib.sha256(str(tuple(pictures.images.shape)).encode())
    digest.update(pictures.labels.numpy().tobytes())
    digest.update(pictures.images[chosen].contiguous().numpy().tobytes())
    return f"{len(pictures)} pictures, {digest.hexdigest()[:12]}"
