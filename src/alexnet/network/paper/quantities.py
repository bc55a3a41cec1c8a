"""What the paper's claims are held against: quantities of a network, each with its sentence.

Layers are counted as the paper counts them: those with weights, from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from alexnet.network.catalog import get_network
from alexnet.network.compare.profile import Profile, Twins, WeightedStage, profile
from alexnet.network.compare.words import (
    alpha_text,
    effective_alpha,
    initial_text,
    initials,
    joined,
    order,
)
from alexnet.network.layers import CrossMapNorm, Dropout, MaxPool
from alexnet.network.paper.claims import Computed, Evidence, Of, number, plain

BORDER = 16
"""Pixels that the 2012 code cuts off each side of a stored picture (its crop border)."""

STORED = 256
"""Side of the stored pictures (§2), in pixels."""


def input_elements(evidence: Evidence) -> Computed:
    """Numbers in one picture."""
    channels, rows, columns = evidence.network.picture.shape
    return number(channels * rows * columns, f"{rows}·{columns}·{channels}")


def picture_size(evidence: Evidence) -> Computed:
    """The picture's sides in pixels."""
    _, rows, columns = evidence.network.picture.shape
    return Computed(f"{rows}×{columns}", "the input layer")


def neurons(place: int) -> Of:
    """Neurons of one layer, all towers together."""

    def of(evidence: Evidence) -> Computed:
        stage = evidence.stage(place)
        channels, rows, columns = stage.shape
        area = f"{rows}·{columns}·" if stage.is_spatial else ""
        return number(stage.total.neurons, f"{area}{channels}" if area else f"{stage.name}'s units")

    return of


def total(quantity: str) -> Of:
    """A count of the whole network: neurons, parameters and so on."""

    def of(evidence: Evidence) -> Computed:
        counts = [(s.name, int(getattr(s.total, quantity))) for s in evidence.profile.stages]
        said = " + ".join(plain(Decimal(count)) for _, count in counts)
        return number(sum(count for _, count in counts), said)

    return of


def kernel(place: int) -> Of:
    """A convolutional layer's kernels: how many, size and depth, and the stride if not 1."""

    def of(evidence: Evidence) -> Computed:
        stage = _windowed(evidence, place)
        sizes = joined(f"{k.size}×{k.size}×{stage.depth}" for k in stage.kernels)
        stride = joined(str(k.stride) for k in stage.kernels)
        behind = "" if stride == "1" else f", stride {stride}"
        towers = len(stage.layers)
        said = f"{stage.name}: {towers} towers of {stage.outputs // towers}" if towers > 1 else ""
        return Computed(f"{stage.outputs} of {sizes}{behind}", said)

    return of


def kernel_size(place: int) -> Of:
    """How many weights one neuron of a convolutional layer has."""

    def of(evidence: Evidence) -> Computed:
        stage = _windowed(evidence, place)
        size = stage.kernels[0].size
        return number(size * size * stage.depth, f"{size}·{size}·{stage.depth}")

    return of


def dense(place: int) -> Of:
    """Neurons of a fully-connected layer.

    Raises (when computed):
        LookupError: the layer is not fully connected.
    """

    def of(evidence: Evidence) -> Computed:
        stage = evidence.stage(place)
        if stage.is_spatial:
            raise LookupError(f"{stage.name}, layer {place}, is not fully connected")
        return number(stage.outputs, f"{stage.name}'s units")

    return of


def reading_all(evidence: Evidence) -> Computed:
    """The layers, after the first, whose units read every map of the layer before."""
    places = [str(i) for i, s in enumerate(evidence.profile.stages, 1) if i > 1 and s.reads_all]
    return Computed(", ".join(places) or "none", "layers that read both towers")


def map_size(place: int) -> Of:
    """The sides of a layer's map."""

    def of(evidence: Evidence) -> Computed:
        stage = evidence.stage(place)
        sentence = evidence.network.placed[stage.layers[0].name].sentence
        return Computed(f"{stage.shape[1]}×{stage.shape[2]}", sentence)

    return of


def map_side(place: int) -> Of:
    """One side of a layer's map, in pixels."""

    def of(evidence: Evidence) -> Computed:
        stage = evidence.stage(place)
        sentence = evidence.network.placed[stage.layers[0].name].sentence
        return number(stage.shape[1], sentence)

    return of


def covered_side(evidence: Evidence) -> Computed:
    """The side over which the first layer's windows reach, zeros around the picture included."""
    stage = _windowed(evidence, 1)
    rows, _ = evidence.network.placed[stage.layers[0].name].sides[0]
    pixels = evidence.network.picture.shape[1]
    said = f"{rows.before} + {pixels} + {rows.after}: zeros before, picture, zeros behind"
    return number(rows.before + pixels + rows.after, said)


def _windowed(evidence: Evidence, place: int) -> WeightedStage:
    stage = evidence.stage(place)
    if not stage.is_spatial:
        raise LookupError(f"{stage.name}, layer {place}, has no kernels")
    return stage


# --- norms and pools ------------------------------------------------------------------------------


def _norms(evidence: Evidence) -> list[CrossMapNorm]:
    found = [
        twins[0]
        for stage in evidence.profile.stages
        for twins in stage.body
        if isinstance(twins[0], CrossMapNorm)
    ]
    if not found:
        raise LookupError(f"{evidence.network.name} has no response norm across maps")
    return found


def norm_constant(what: str, of_norm: Callable[[CrossMapNorm], float]) -> Of:
    """A constant of the norms across maps, where all of them agree."""

    def of(evidence: Evidence) -> Computed:
        norms = _norms(evidence)
        values = sorted({of_norm(norm) for norm in norms})
        said = f"{what} of its norms"
        if what == "alpha" and any(norm.alpha_divided for norm in norms):
            said = "with its divisor, " + joined(map(alpha_text, norms))
        if len(values) == 1:
            return number(values[0], said)
        return Computed(" | ".join(plain(Decimal(str(v))) for v in values), said)

    return of


alpha = norm_constant("alpha", effective_alpha)


def norm_layers(evidence: Evidence) -> Computed:
    """The layers that a norm across maps follows."""
    return _following(evidence, CrossMapNorm)


def pool_layers(evidence: Evidence) -> Computed:
    """The layers that a max-pool follows."""
    return _following(evidence, MaxPool)


def _following(evidence: Evidence, kind: type) -> Computed:
    places = [
        str(place)
        for place, stage in enumerate(evidence.profile.stages, 1)
        if any(isinstance(twins[0], kind) for twins in stage.tail)
    ]
    return Computed(", ".join(places) or "none", "by the layers that follow each")


def behind(place: int) -> Of:
    """What follows a layer up to the next one with weights, in order."""

    def of(evidence: Evidence) -> Computed:
        return Computed(order(evidence.stage(place).body), f"after {evidence.stage(place).name}")

    return of


def pool_windows(evidence: Evidence) -> Computed:
    """The windows of every max-pool."""
    pools = [twins for stage in evidence.profile.stages for twins in stage.tail]
    windows = [x.window for twins in pools for x in twins if isinstance(x, MaxPool)]
    if not windows:
        raise LookupError(f"{evidence.network.name} has no max-pool")
    return Computed(joined(f"{w.size} at stride {w.stride}" for w in windows), "all its max-pools")


# --- shares, first values, dropout ----------------------------------------------------------------


def share(place: int) -> Of:
    """A layer's share of all parameters, in percent."""

    def of(evidence: Evidence) -> Computed:
        stage = _windowed(evidence, place)
        whole = evidence.profile.account.total.parameters
        part = Decimal(stage.total.parameters)
        said = f"percent: {plain(part)} of {plain(Decimal(whole))}"
        return Computed(round(100 * part / whole, 2), said)

    return of


def deviations(evidence: Evidence) -> Computed:
    """How all weights start."""
    starts = [initial_text(i) for stage in evidence.profile.stages for i in initials(stage)]
    said = "; ".join(
        f"{stage.name} {joined(map(initial_text, initials(stage)))}"
        for stage in evidence.profile.stages
    )
    return Computed(joined(starts), said)


def bias_layers(value: float) -> Of:
    """The layers whose biases start at `value`."""

    def of(evidence: Evidence) -> Computed:
        wanted = initial_text_of(value)
        places = [
            str(place)
            for place, stage in enumerate(evidence.profile.stages, 1)
            if all(initial_text(x.initial_bias) == wanted for x in stage.layers)
        ]
        return Computed(", ".join(places) or "none", f"layers whose biases start at {wanted}")

    return of


def initial_text_of(value: float) -> str:
    """A constant first value in words."""
    return plain(Decimal(str(value)).normalize())


def _dropped(evidence: Evidence) -> list[tuple[int, Twins]]:
    found = [
        (place, twins)
        for place, stage in enumerate(evidence.profile.stages, 1)
        for twins in stage.tail
        if isinstance(twins[0], Dropout)
    ]
    if not found:
        raise LookupError(f"{evidence.network.name} has no dropout")
    return found


def dropout_layers(evidence: Evidence) -> Computed:
    """The layers whose outputs are dropped out."""
    return Computed(", ".join(str(place) for place, _ in _dropped(evidence)), "layers it follows")


def dropout(evidence: Evidence) -> Computed:
    """With which probability units are dropped, and on which side the scale is put right."""
    layers = [x for _, twins in _dropped(evidence) for x in twins if isinstance(x, Dropout)]
    sides = {"test": "× {} at test time", "train": "÷ {} in training"}
    words: Sequence[str] = [
        f"{plain(1 - keep)}, {sides[x.scaling].format(plain(keep))}"
        for x in layers
        for keep in [Decimal(str(x.keep))]
    ]
    return Computed(joined(words), "every dropout")


# --- the one-GPU net, patches ---------------------------------------------------------------------


def half_parameters(evidence: Evidence) -> Computed:
    """All parameters of the one-GPU net."""
    half = get_network("one_gpu")
    counts = profile(half).account.total
    whole = evidence.profile.account.total.parameters
    ratio = round(Decimal(100 * counts.parameters) / whole, 1)
    return number(counts.parameters, f"{half.name}'s, {ratio}% of {whole:,}")


def half_sizes(evidence: Evidence) -> Computed:
    """The sizes of the one-GPU net's last convolutional and its fully-connected layers."""
    half = profile(get_network("one_gpu"))
    return Computed(
        _last_sizes(half), f"{half.network.name}'s; {_last_sizes(evidence.profile)} here"
    )


def last_sizes(evidence: Evidence) -> Computed:
    """The outputs of the last convolutional layer and of the fully-connected ones."""
    return Computed(
        _last_sizes(evidence.profile), "the last convolutional and the fully-connected layers"
    )


def _last_sizes(of: Profile) -> str:
    stages = [*of.spatial[-1:], *of.dense]
    return ", ".join(plain(Decimal(stage.outputs)) for stage in stages)


def patches(evidence: Evidence) -> Computed:
    """Patches and mirror images of the network's picture within a stored one."""
    side = evidence.network.picture.shape[1]
    if side > STORED:
        raise LookupError(f"a picture of {side} pixels does not fit into one of {STORED}")
    offsets = STORED - side + 1
    return number(offsets**2 * 2, f"({STORED} − {side} + 1)²·2: offsets 0 to {STORED - side}")


def stored_side(evidence: Evidence) -> Computed:
    """The side of a stored picture, from the network's own and the code's crop border."""
    side = evidence.network.picture.shape[1]
    return number(side + 2 * BORDER, f"{side} + 2·{BORDER}, the crop border")


def connections(place: int) -> Of:
    """Parameters of a layer if no weight were shared."""

    def of(evidence: Evidence) -> Computed:
        stage = evidence.stage(place)
        each = stage.total.connections // stage.total.neurons
        return number(stage.total.connections, f"{plain(Decimal(stage.total.neurons))}·{each}")

    return of


def count(place: int, quantity: str) -> Of:
    """A layer's weights, biases or parameters."""

    def of(evidence: Evidence) -> Computed:
        stage = evidence.stage(place)
        return number(int(getattr(stage.total, quantity)), f"{stage.name}'s {quantity}")

    return of
