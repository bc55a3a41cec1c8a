"""Schedules against the values that the 2012 notes and code give."""

from __future__ import annotations

import pytest

from alexnet.training.schedule import (
    Constant,
    DiscreteExponential,
    Exponential,
    Linear,
    OneCycle,
    Plateau,
    Schedule,
    ScheduleError,
    Steps,
    factor,
    reductions,
)


def at(schedule: Schedule, *places: float, epochs: int = 100) -> list[float]:
    return [factor(schedule, progress=p, epochs=epochs) for p in places]


def test_discrete_exponential_has_the_levels_of_run_170() -> None:
    schedule = DiscreteExponential(divisor=250.0, stages=4, jumpy=False)
    levels = [0.01 * f for f in at(schedule, 0.1, 0.4, 0.6, 0.9)]
    assert levels == pytest.approx([0.01, 0.0015874011, 0.00025198421, 0.00004], rel=1e-7)
    # a stage lasts up to and with its end
    assert at(schedule, 0.0, 0.25) == [1.0, 1.0]
    assert at(schedule, 0.250001, 1.0) == at(schedule, 0.4, 0.9)


def test_jumpy_runs_between_levels_in_second_halves() -> None:
    schedule = DiscreteExponential(divisor=16.0, stages=5, jumpy=True)  # levels 1, ½, ¼, ⅛, 1/16
    assert at(schedule, 0.15, 0.25, 0.35, 0.45, 0.55) == pytest.approx(
        [1, 1 / 2, (1 / 2) ** 0.5, 1 / 4, (1 / 8) ** 0.5]
    )
    assert at(schedule, 0.95) == pytest.approx([1 / 16])  # not beyond 0.9


def test_linear_and_exponential() -> None:
    assert at(Linear(divisor=10.0), 0, 0.5, 1) == pytest.approx([1, 0.55, 0.1])
    assert at(Exponential(divisor=100.0), 0, 0.5, 1) == pytest.approx([1, 0.1, 0.01])
    assert at(Constant(), 0, 1) == [1, 1]


def test_steps_hold_from_their_epoch_on() -> None:
    schedule = Steps(at_epochs=(25.0, 51.0), factors=(0.1, 0.01))
    assert at(schedule, 0.0, 0.2499, 0.25, 0.5, 0.51, 1.0) == [1, 1, 0.1, 0.1, 0.01, 0.01]


def test_one_cycle_rises_and_falls() -> None:
    schedule = OneCycle(warm_up_share=0.2)
    assert at(schedule, 0, 0.1, 0.2, 0.6, 1) == pytest.approx([0, 0.5, 1, 0.5, 0])
    assert at(OneCycle(warm_up_share=0.0), 0, 1) == [1, 0]


def test_a_plateau_divides_three_times_and_no_more() -> None:
    schedule = Plateau(divisor=10.0, patience_epochs=2, times=3)
    errors = [0.5, 0.4, 0.4, 0.41, 0.39, 0.4, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3]
    seen = [reductions(schedule, errors[:n]) for n in range(len(errors) + 1)]
    assert seen == [0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 3, 3, 3]
    value = factor(schedule, progress=0.5, epochs=9, validation_errors=errors)
    assert value == pytest.approx(0.001)


def test_senseless_schedules_are_refused() -> None:
    for make, why in [
        (lambda: Steps(at_epochs=(1.0,), factors=()), "one factor for each"),
        (lambda: Steps(at_epochs=(2.0, 1.0), factors=(0.1, 0.1)), "must rise"),
        (lambda: Linear(divisor=0.0), "must be above 0"),
        (lambda: OneCycle(warm_up_share=1.0), "less than 1"),
        (lambda: DiscreteExponential(divisor=2.0, stages=1, jumpy=False), "at least 2"),
        (lambda: Plateau(divisor=10.0, patience_epochs=0, times=3), "at least 1"),
    ]:
        with pytest.raises(ScheduleError, match=why):
            make()


def test_an_epochs_first_data_batch_has_the_rate_that_begins_with_it() -> None:
    # 1/49 · 49 is less than 1 in floating point
    for epochs in range(2, 100):
        for at_epoch in range(1, epochs):
            schedule = Steps(at_epochs=(float(at_epoch),), factors=(0.1,))
            value = factor(schedule, progress=at_epoch * 7 / (epochs * 7), epochs=epochs)
            assert value == 0.1, (epochs, at_epoch)
