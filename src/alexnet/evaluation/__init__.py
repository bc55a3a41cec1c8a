"""What networks say of pictures at test time, and how often they are right: integer counts by the
paper's protocol. It learns nothing and reads no files.
"""

from alexnet.evaluation.features import Feature, feature_batches, features
from alexnet.evaluation.interval import wilson
from alexnet.evaluation.judgement import (
    Guess,
    Judgement,
    evaluate,
    judge,
    judge_together,
    predictions,
)
from alexnet.evaluation.mistakes import (
    ClassErrors,
    Confusion,
    confused,
    confusion_matrix,
    per_class,
    worst,
)
from alexnet.evaluation.showing import (
    CENTRE,
    PAPER,
    Average,
    Examinee,
    MeanCrop,
    Progress,
    Showing,
    check_pictures,
    check_showing,
    log_probabilities,
    prepare,
)
from alexnet.evaluation.tally import EvaluationError, Tally, label_ranks

__all__ = [
    "CENTRE",
    "PAPER",
    "Average",
    "ClassErrors",
    "Confusion",
    "EvaluationError",
    "Examinee",
    "Feature",
    "Guess",
    "Judgement",
    "MeanCrop",
    "Progress",
    "Showing",
    "Tally",
    "check_pictures",
    "check_showing",
    "confused",
    "confusion_matrix",
    "evaluate",
    "feature_batches",
    "features",
    "judge",
    "judge_together",
    "label_ranks",
    "log_probabilities",
    "per_class",
    "predictions",
    "prepare",
    "wilson",
    "worst",
]
