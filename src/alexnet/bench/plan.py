"""Who is measured for each subject: ourselves and the peers. It measures nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, get_args

from alexnet.bench.flops import inference_flops, training_flops
from alexnet.bench.jobs import Effort, Job, What
from alexnet.network.catalog import get_network
from alexnet.network.codec import to_json
from alexnet.network.layers import CrossMapNorm
from alexnet.network.spec import Network, nearest

Subject = Literal["limits", "training", "inference", "norm", "loading", "ledger"]

SUBJECTS: tuple[Subject, ...] = get_args(Subject)

TITLES: dict[Subject, str] = {
    "limits": "what this machine can do at most",
    "training": "a training step",
    "inference": "a forward pass",
    "norm": "response norm, both ways",
    "loading": "JPEGs to crops, for each second of a processor",
    "ledger": "counted from a cold start",
}

INFERENCE_BATCH = 64
"""Pictures in a forward pass, where the training batch is no smaller."""

OTHER = "one_weird_trick"
"""The network that torchvision ships."""

WITH_NORM = "paper"
"""Whose response norm is measured where the network has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Somebody who is measured for a subject.

    Attributes:
        subject: what for.
        name: as it is printed; unique within the subject.
        what: the measurement.
        ours: whether it is our own product, which must not fail; peers may.
        network, batch_size: what it runs.
        peer: whether the others are held against it.
        needs: the package that it comes from, where torch does not bring it.
        flops: of one picture; 0 where no share of the peak is of interest.
    """

    subject: Subject
    name: str
    what: What
    ours: bool
    network: Network = field(repr=False)
    batch_size: int
    peer: bool = False
    needs: str = ""
    flops: int = 0

    def job(self, effort: Effort) -> Job:
        """The job of a process that measures it."""
        text = to_json(self.network)
        return Job(what=self.what, network=text, batch_size=self.batch_size, effort=effort)


def chosen_subjects(asked: Iterable[str]) -> tuple[Subject, ...]:
    """The subjects asked for in the order in which they are listed; all where none is.

    Raises:
        ValueError: no such subject; the message gives the nearest, or all of them.
    """
    names = list(asked)
    for name in names:
        if name not in SUBJECTS:
            raise ValueError(f"no subject is called '{name}'{nearest(name, list(SUBJECTS))}")
    return tuple(subject for subject in SUBJECTS if not names or subject in names)


def plan(subjects: Iterable[Subject], network: Network, batch_size: int) -> tuple[Contender, ...]:
    """Everybody to be measured in a round, in turn. Shares of the peak need the limits, so they are
    measured wherever a share is told.
    """
    asked = set(subjects)
    if asked & {"training", "inference"}:
        asked.add("limits")
    return tuple(
        contender
        for subject in SUBJECTS
        if subject in asked
        for contender in _contenders(subject, network, batch_size)
    )


def _contenders(subject: Subject, network: Network, batch_size: int) -> Iterator[Contender]:
    def one(name: str, what: What, **more: object) -> Contender:
        own: dict[str, object] = {"network": network, "batch_size": batch_size}
        ours = what == "limits" or "-ours" in what
        settings = own | {"ours": ours, "peer": not ours} | more
        return Contender(subject=subject, name=name, what=what, **settings)  # pyright: ignore[reportArgumentType]

    other = get_network(OTHER)
    elsewhere = f"{OTHER}, stock modules"
    match subject:
        case "limits":
            yield one("limits", "limits")
        case "training":
            work = {"flops": training_flops(network)}
            yield one("alexnet", "training-ours", **work)
            yield one("stock modules", "training-stock", **work)
            if network.name != OTHER:
                work = {"network": other, "flops": training_flops(other), "peer": False}
                yield one(elsewhere, "training-stock", **work)
        case "inference":
            work = {
                "flops": inference_flops(network),
                "batch_size": min(batch_size, INFERENCE_BATCH),
            }
            yield one("alexnet", "inference-ours", **work)
            yield one("alexnet, fp32", "inference-ours-fp32", **work)
            yield one("stock modules", "inference-stock", **work)
            yield one("onnxruntime", "inference-onnxruntime", needs="onnxruntime", **work)
            if network.name != OTHER:
                work |= {"network": other, "flops": inference_flops(other), "peer": False}
                yield one(elsewhere, "inference-stock", **work)
        case "norm":
            normed = any(isinstance(layer, CrossMapNorm) for layer in network)
            work = {} if normed else {"network": get_network(WITH_NORM)}
            yield one("alexnet, fp32", "norm-ours", **work)
            yield one("alexnet, bf16", "norm-ours-bf16", **work)
            yield one("nn.LocalResponseNorm", "norm-stock", **work)
        case "loading":
            yield one("alexnet, record store", "loading-ours")
            yield one("DataLoader, files", "loading-stock")
        case "ledger":
            yield one("alexnet", "ledger-ours")
            yield one("torchinfo", "ledger-torchinfo", needs="torchinfo")
