"""What a parameter file says of learning, layer by layer, as `LearningRules`."""

from __future__ import annotations

from collections.abc import Sequence

from alexnet.formats.cuda_convnet.layers_build import Build
from alexnet.formats.cuda_convnet.layers_sources import Source
from alexnet.formats.cuda_convnet.rules import (
    CONSTANT,
    LayerRules,
    LearningRules,
    RateSchedule,
    WeightRules,
)
from alexnet.formats.cuda_convnet.rules_schedules import read_rate, read_schedule, split_rates
from alexnet.formats.cuda_convnet.settings import MOST_LIST, Settings

LEARNED = ("conv", "local", "fc", "treefc")
UNUSED = ("superEps", "superMom")
"""An experiment of 2012 that no released file switches on (semantics file, section 5)."""


def read_rules(sources: Sequence[Source], build: Build) -> LearningRules | None:
    """How every layer with weights learns; None where there is no parameter file.

    Raises:
        FormatError: a layer with weights has no section, or a key in it lacks or is wrong.
    """
    if build.files.parameters is None:
        return None
    layers = tuple(_layer(source, build) for source in sources if source.kind in LEARNED)
    for source in sources:
        _note_quantisation(source, build)
    return LearningRules(dialect=build.dialect, layers=layers)


def _layer(source: Source, build: Build) -> LayerRules:
    settings = build.parameters(source, "epsW, epsB, momW and momB")
    rates = _rates(source, settings, build)
    bias_rate = settings.needed("epsB")
    lr, bias_schedule = read_rate(bias_rate, settings, "epsB")
    schedules = _schedules(source, settings, build)
    for key in UNUSED:
        if settings.number(key, 0.0) != 0:
            build.notes.group(f"{key} is not read", f"{source.original} {settings.text(key)}")
    return LayerRules(
        layer=source.name,
        weights=_weights(source, settings, build, rates, schedules[0]),
        bias_lr=lr,
        bias_momentum=settings.number("momB"),
        bias_schedule=bias_schedule if schedules[1] == CONSTANT else schedules[1],
        update_period=settings.whole("updatePeriod", 1),
    )


def _weights(
    source: Source,
    settings: Settings,
    build: Build,
    rates: list[tuple[float, RateSchedule]],
    schedule: RateSchedule,
) -> tuple[WeightRules, ...]:
    count, expands = len(source.reads), build.expands
    momenta = settings.numbers("momW", count, expands)
    needs_decay = build.dialect == "cuda-convnet"
    decays = settings.numbers("wc", count, expands, None if needs_decay else 0.0)
    balls = settings.numbers("wball", count, expands, 0.0)
    minima = settings.numbers("wcNormMin", count, expands, 0.0)
    maxima = settings.numbers("wcNormMax", count, expands, 0.0)
    if any(low > high for low, high in zip(minima, maxima, strict=True)):
        raise settings.error("it must not be above wcNormMax", "wcNormMin")
    return tuple(
        WeightRules(
            lr=lr,
            momentum=momentum,
            weight_decay=decay,
            schedule=own if schedule == CONSTANT else schedule,
            ball=ball,
            norm_minimum=low,
            norm_maximum=high,
        )
        for (lr, own), momentum, decay, ball, low, high in zip(
            rates, momenta, decays, balls, minima, maxima, strict=True
        )
    )


def _rates(source: Source, settings: Settings, build: Build) -> list[tuple[float, RateSchedule]]:
    """`epsW`, one for each input."""
    texts = split_rates(settings.needed("epsW"))
    if len(texts) == 1 and build.expands:
        texts *= len(source.reads)
    if len(texts) > MOST_LIST:
        raise settings.error(f"it has {len(texts)} parts; there may be {MOST_LIST}", "epsW")
    settings.check_count("epsW", len(texts), len(source.reads))
    return [read_rate(text, settings, "epsW") for text in texts]


def _schedules(
    source: Source, settings: Settings, build: Build
) -> tuple[RateSchedule, RateSchedule]:
    """`schedW` and `schedB` of 2012, one for all inputs; the trees of a treefc know none."""
    weights = read_schedule(settings, "schedW", build.notes)
    biases = read_schedule(settings, "schedB", build.notes)
    older = read_schedule(settings, "sched", build.notes)
    if source.kind == "treefc" and (weights, biases, older) != (CONSTANT,) * 3:
        build.notes.group("the original has no schedules for a treefc; rates stay", source.original)
        return CONSTANT, CONSTANT
    if older != CONSTANT and not settings.has("schedW"):
        build.notes.group(
            "sched, which the released parser ignores, is read as schedW's older name, and biases"
            " as without a schedule",
            source.original,
        )
        weights = older
    return weights, biases


def _note_quantisation(source: Source, build: Build) -> None:
    """2012 could halve what travels between GPUs; that is no part of a network."""
    parameters = source.parameters
    for key in ("quantF", "quantB"):
        value = None if parameters is None else parameters.text(key)
        if value not in (None, "default"):
            build.notes.group(
                f"{key} (16-bit floats between GPUs) is not carried", f"{source.original} {value}"
            )
