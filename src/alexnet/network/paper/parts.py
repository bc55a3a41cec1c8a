"""The kinds of evidence that a part of a claim of the paper can have, as a closed union."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alexnet.network.paper.claims import Computed, Evidence, Of, Printed, Slippable


@dataclass(frozen=True, slots=True)
class Counted:
    """A quantity of the network.

    Attributes:
        what: the quantity in words.
        printed: what the paper prints.
        of: computes the quantity.
        slip: where a slip may be looked for if the number does not fit, or None.
        rivals: claims that it contradicts if they hold of the network and this does not.
    """

    what: str
    printed: Printed
    of: Of
    slip: Slippable | None = None
    rivals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Added:
    """A printed sum, held against the printed numbers of other claims."""

    what: str
    printed: Printed
    claims: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Practised:
    """A rule of training or testing, held against what the released code of 2012 does.

    Attributes:
        printed: the rule in our words.
        ran: what the code does, in the same words where it does the same.
        source: where in the code.
    """

    what: str
    printed: Printed
    ran: str
    source: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A value of the training protocol, held against the notes of the runs."""

    what: str
    printed: Printed
    of: Callable[[], Computed]


@dataclass(frozen=True, slots=True)
class Errors:
    """Two printed error rates in percent, looked for in the notes of the runs.

    Attributes:
        top1, top5: as printed.
        minus: the claim whose run is subtracted, or "" for plain errors.
        words: what the run's configuration must say where several fit.
    """

    what: str
    top1: str
    top5: str
    minus: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Unchecked:
    """What neither a network nor the notes can tell, and why."""

    what: str
    printed: Printed
    reason: str


Part = Counted | Added | Practised | Recorded | Errors | Unchecked


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that is printed.

    Attributes:
        id: S structure, T training, R results, C the CS231n notes.
        place: where it stands.
        says: what is claimed, in our words.
        parts: what of it is checked, each on its own.
        remark: one more sentence for the finding, computed from the evidence; or None.
    """

    id: str
    place: str
    says: str
    parts: tuple[Part, ...]
    remark: Callable[[Evidence], str] | None = None
