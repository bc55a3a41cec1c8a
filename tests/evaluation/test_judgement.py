"""Counts, nats and ensembles, against what each picture's probabilities come to by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from alexnet.evaluation import (
    CENTRE,
    PAPER,
    EvaluationError,
    Examinee,
    Tally,
    evaluate,
    judge,
    judge_together,
    predictions,
)
from alexnet.images import subset
from evaluation.linear import CONTRACT, linear, matrix, pictures, softmax

GIVEN = pictures(40, 8)


def examinee(seed: int = 0, size: int = 6, side: int = 8, count: int = 40) -> Examinee:
    return Examinee(linear(matrix(size, seed)), pictures(count, side), CONTRACT)


def centre_probabilities(seed: int, size: int = 6) -> np.ndarray:
    start = (8 - size) // 2
    crops = GIVEN.images[:, 0, start : start + size, start : start + size].numpy()
    return softmax(crops.reshape(len(crops), -1) @ matrix(size, seed).T)


def test_counts_and_nats_are_those_of_the_probabilities() -> None:
    judged, expected = judge(examinee()), centre_probabilities(0)
    labels = GIVEN.labels.numpy()
    own = expected[np.arange(40), labels]
    assert judged.tally.right1 == (expected.argmax(1) == labels).sum()
    assert judged.logprob == pytest.approx(-np.log(own).mean(), rel=1e-5)
    assert judged.likeliest.tolist() == np.argsort(-expected, axis=1).tolist()
    np.testing.assert_allclose(judged.logs.exp(), own, rtol=1e-5)


def test_counts_are_the_sum_over_uneven_parts() -> None:
    one = examinee()
    parts = [range(1), range(1, 18), range(18, 40)]
    tallies = [
        judge(replace(one, pictures=subset(one.pictures, list(part))), PAPER).tally
        for part in parts
    ]
    whole = judge(one, PAPER).tally
    assert [t.seen for t in tallies] == [1, 17, 22]
    assert tallies[0] + tallies[1] + tallies[2] == whole
    assert whole.seen == whole.expected == 40
    with pytest.raises(EvaluationError, match="39 pictures were counted of 40"):
        _ = (replace(whole, seen=39)).interval1


def test_evaluate_and_predictions_show_pictures_as_asked() -> None:
    one = examinee()
    assert evaluate(one.module, one.pictures, one.contract) == judge(one, CENTRE).tally
    tally = evaluate(one.module, one.pictures, one.contract, showing=PAPER)
    judged = judge(one, PAPER)
    assert tally == judged.tally
    guesses = predictions(one.module, one.pictures, one.contract, showing=PAPER, top=2)
    assert [[g.index for g in row] for row in guesses] == judged.likeliest[:, :2].tolist()


def test_an_ensemble_of_a_network_with_itself_is_the_network() -> None:
    (first, second), together = judge_together([examinee(), examinee()], PAPER)
    alone = judge(examinee(), PAPER)
    for judged in (first, second, together):
        assert judged.tally == alone.tally
        assert torch.equal(judged.likeliest, alone.likeliest)
        torch.testing.assert_close(judged.logs, alone.logs, rtol=1e-12, atol=0)


def test_an_ensemble_averages_probabilities() -> None:
    # networks of other sizes too: each is shown the pictures at its own
    members = [examinee(0), examinee(1), examinee(2, size=4)]
    each, together = judge_together(members, batch_size=7)
    expected = [centre_probabilities(0), centre_probabilities(1), centre_probabilities(2, size=4)]
    own = np.mean(expected, axis=0)[np.arange(40), GIVEN.labels.numpy()]
    np.testing.assert_allclose(together.logs.exp(), own, rtol=1e-5)
    assert [judged.tally for judged in each] == [judge(member).tally for member in members]


def test_only_the_same_classes_and_pictures_are_averaged() -> None:
    four = Examinee(linear(np.zeros((4, 36), np.float32), name="four"), GIVEN, CONTRACT)
    with pytest.raises(EvaluationError, match="'linear' and 'four' have 3 and 4 classes"):
        judge_together([examinee(), four])
    named = replace(examinee(), pictures=replace(GIVEN, classes=("dog", "cat", "eel")))
    with pytest.raises(EvaluationError, match="or other ones"):
        judge_together([examinee(), named])
    turned = replace(examinee(), pictures=subset(GIVEN, list(range(39, -1, -1))))
    with pytest.raises(EvaluationError, match="in another order"):
        judge_together([examinee(), turned])


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_that_is_missing_or_too_large_is_refused(label: int) -> None:
    labels = GIVEN.labels.clone()
    labels[5] = label
    wrong = replace(examinee(), pictures=replace(GIVEN, labels=labels))
    for ask in (lambda: judge(wrong), lambda: judge_together([wrong, wrong])):
        with pytest.raises(EvaluationError, match=f"a label is {label} and network 'linear' has 3"):
            ask()
    fewer = replace(examinee(), pictures=replace(GIVEN, labels=GIVEN.labels[:39]))
    with pytest.raises(EvaluationError, match="there are 40 pictures and 39 labels"):
        judge(fewer)
    # what nobody knows the class of can still be guessed
    assert len(predictions(wrong.module, wrong.pictures, CONTRACT)) == 40


def test_scores_that_are_no_numbers_make_every_picture_wrong() -> None:
    broken = replace(examinee(), module=linear(np.full((3, 36), np.nan, np.float32)))
    judged = judge(broken, PAPER)
    assert judged.tally == Tally(right1=0, right5=0, seen=40, expected=40, top=3)
    assert np.isnan(judged.logprob)
