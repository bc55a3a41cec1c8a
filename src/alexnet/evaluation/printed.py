"""What the paper's Tables 1 and 2 print, row by row, for other results to be laid beside: data.

The figures of its networks are those of the claims (`network.paper`), which hold them against the
notes of the runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from alexnet.network.paper.parts import Errors
from alexnet.network.paper.protocol import RESULTS

TEST_2010, VALIDATION_2012, TEST_2012 = (
    "ILSVRC-2010 test",
    "ILSVRC-2012 validation",
    "ILSVRC-2012 test",
)


@dataclass(frozen=True, slots=True)
class PrintedResult:
    """Two error rates of the paper.

    Attributes:
        place: the table.
        model: as the table calls it.
        data: the pictures that it was tested on.
        top1, top5: in percent, as printed; "" where nothing is.
    """

    place: str
    model: str
    data: str
    top1: str
    top5: str


def printed_results() -> tuple[PrintedResult, ...]:
    """Tables 1 and 2, a row per model and set; * marks networks pre-trained on Fall 2011."""
    return (
        PrintedResult("Table 1", "sparse coding", TEST_2010, "47.1", "28.2"),
        PrintedResult("Table 1", "SIFT + FVs", TEST_2010, "45.7", "25.7"),
        _claimed("R1", "CNN", TEST_2010),
        PrintedResult("Table 2", "SIFT + FVs", TEST_2012, "", "26.2"),
        _claimed("R3", "1 CNN", VALIDATION_2012),
        _claimed("R4", "5 CNNs", VALIDATION_2012),
        PrintedResult("Table 2", "5 CNNs", TEST_2012, "", "16.4"),
        _claimed("R5", "1 CNN*", VALIDATION_2012),
        _claimed("R6", "7 CNNs*", VALIDATION_2012),
        PrintedResult("Table 2", "7 CNNs*", TEST_2012, "", "15.3"),
    )


def _claimed(claim_id: str, model: str, data: str) -> PrintedResult:
    """A row whose figures a claim has."""
    claim = next(claim for claim in RESULTS if claim.id == claim_id)
    errors = next(part for part in claim.parts if isinstance(part, Errors))
    return PrintedResult(claim.place, model, data, errors.top1, errors.top5)
