"""What the 2012 run notes state without a row of results: CIFAR-10 errors, and words. Data."""

from __future__ import annotations

from alexnet.network.notebook.rows import CifarNote, Remark

CIFAR_NOTES: tuple[CifarNote, ...] = (
    CifarNote("18pct", 0.18, "20 minutes; rate / 10 after 120 epochs and again after 10 more"),
    CifarNote("19pct", 0.19, "20 minutes"),
    CifarNote("80sec", 0.26, "80 seconds; rate / 10 after 8 epochs"),
    CifarNote("conv-local-13pct", 0.13),
    CifarNote("conv-local (2012 release only)", 0.12),
    CifarNote("19pct, translations, fc weight decay 0", 0.142),
    CifarNote(
        "conv-local-11pct",
        0.11,
        "batches 1 to 4 about 350 epochs, 1 to 5 about 150, rate .0001 for 10, .00001 for 10; "
        "multiview",
    ),
)
"""CIFAR-10 test errors stated for the released configurations."""

REMARKS: tuple[Remark, ...] = (
    Remark("137-tree", "stuck at 2.17 nats where about 2.06 was expected"),
    Remark("135-2009-2012", "2.00 nats against 1.97 for 141-2009 at the same point"),
    Remark("172", "killed at epoch 84 at 1.898 nats"),
    Remark("178", "1.85 nats with random pooling"),
    Remark("139", "about 0.01 nat worse than 137 at epoch 62"),
    Remark("121", "worse than its reference"),
    Remark("132", "worse than 131"),
    Remark("133", "worse than 131"),
    Remark("127", "significantly worse than its reference"),
    Remark("100", "slightly worse than its reference"),
    Remark("109", "overfits"),
    Remark("120-4gpu", "overfits"),
    Remark("141", "overfits"),
    Remark("111", "underfits"),
    Remark("114", "worse than 115"),
    Remark("130", "hardly better than a two-GPU net"),
    Remark("162", "multiview not run"),
    Remark("163", "multiview not run"),
    Remark("170-4gpu", "no better than 146; exponential schedules judged bad"),
    Remark("183-4gpu-exp", "exponential schedule judged bad"),
    Remark("183", "dropped for too many parameters"),
    Remark("148", "1.4 % top-1 worse than 145, by its own note"),
)
"""What the notes tell only in words."""
