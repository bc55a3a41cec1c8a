"""What the paper says of training, testing and results, and what the code and the notes of 2012
have in the same places: data.
"""

from __future__ import annotations

from decimal import Decimal

from alexnet.network.catalog import NETWORKS, get_network
from alexnet.network.layers import CrossMapNorm
from alexnet.network.notebook import START, percent, schedule
from alexnet.network.notebook.remarks import CIFAR_NOTES
from alexnet.network.notebook.rows import MULTIVIEW
from alexnet.network.paper import quantities as q
from alexnet.network.paper import remarks
from alexnet.network.paper.claims import Computed, Slippable, number, printed
from alexnet.network.paper.parts import Claim, Counted, Errors, Practised, Recorded, Unchecked

RUN = "145 (2012)"
"""The notes' name for the run behind Table 2's first row."""

TENTH = 0.1


def _momentum() -> Computed:
    return number(START.momentum, "the notes' usual start")


def _decay() -> Computed:
    return number(START.weight_decay, "the notes' usual start")


def _first_rate() -> Computed:
    return number(START.rate, f"run {RUN}")


def _divisions() -> Computed:
    """How often the rate of all layers was divided by ten."""
    rate, divided, said = START.rate, 0, list[str]()
    for step in schedule(RUN).steps:
        if step.rate is None or step.on:
            continue
        if abs(step.rate / rate - TENTH) < 1e-9:
            divided += 1
        said.append(f"{step.rate:g} from epoch {step.epoch:g}")
        rate = step.rate
    return number(divided, f"run {RUN}: {', '.join(said)}")


def _own_rates() -> Computed:
    """Whether any layer had a rate of its own."""
    own = [step for step in schedule(RUN).steps if step.on]
    if not own:
        return Computed("one rate for all layers", f"run {RUN}")
    layers = ", ".join(dict.fromkeys(name for step in own for name in step.on))
    said = ", ".join(f"{step.rate:g} from epoch {step.epoch:g}" for step in own)
    return Computed(f"a rate of its own for {layers}", f"run {RUN}: {said}")


def _cycles() -> Computed:
    end = schedule(RUN).end
    assert end is not None, "the notes give the run's end"
    return number(end, f"run {RUN} ended at epoch {end:g}")


def _ten_views() -> Computed:
    return number(MULTIVIEW, "4 corners and the centre, each with its mirror image: (4 + 1)·2")


def _cifar(norms: bool) -> Computed:
    """The noted error of the local CIFAR-10 net with, or without, norms across maps."""
    for name in NETWORKS:
        notes = [note for note in CIFAR_NOTES if note.config == f"conv-local-{name}"]
        for note in notes:
            layers = [x for x in get_network(name) if isinstance(x, CrossMapNorm)]
            if note.error is not None and bool(layers) is norms:
                said = f"{note.config}, {len(layers)} norms across maps"
                return number(float(percent(note.error)), said)
    raise LookupError("the notes have no such CIFAR-10 net")


TRAINING: tuple[Claim, ...] = (
    Claim(
        "T1",
        "§5",
        "Gradient descent on batches of 128 with momentum 0.9 and weight decay 0.0005, the rate "
        "inside the velocity.",
        (
            Recorded("momentum", printed("0.9"), _momentum),
            Recorded("weight decay", printed("0.0005"), _decay),
            Practised(
                "update rule",
                printed("v ← 0.9·v − 0.0005·rate·w − rate·mean gradient, w ← w + v"),
                "v ← 0.9·v − 0.0005·rate·w − rate·mean gradient, w ← w + v",
                "weights.cu; its gradients have the other sign",
            ),
            Unchecked(
                "batch",
                printed("128", "pictures"),
                "the notes name the minibatch only where it differs",
            ),
        ),
        lambda _: (
            f"biases have a rate of their own, {START.bias_rate:g} where weights have "
            f"{START.rate:g}, and no decay"
        ),
    ),
    Claim(
        "T2",
        "§5",
        "Weights start from N(0, 0.01); biases from 1 in layers 2, 4, 5 and the hidden "
        "fully-connected ones, from 0 elsewhere.",
        (
            Counted("first weights", printed("N(0, 0.01)"), q.deviations),
            Counted("biases that start at 1", printed("2, 4, 5, 6, 7"), q.bias_layers(1)),
            Counted("biases that start at 0", printed("1, 3, 8"), q.bias_layers(0)),
        ),
    ),
    Claim(
        "T3",
        "§5",
        "One rate for all layers, 0.01 at first, divided by ten three times as validation stalls; "
        "about 90 cycles through 1.2 million pictures in five to six days on two GTX 580.",
        (
            Recorded("first rate", printed("0.01"), _first_rate),
            Recorded("divisions by ten", printed("3"), _divisions),
            Recorded("layers' rates", printed("one rate for all layers"), _own_rates),
            Recorded("cycles", printed("about 90", "cycles"), _cycles),
            Unchecked(
                "duration",
                printed("5 to 6", "days"),
                "the notes give no times",
            ),
            Unchecked(
                "pictures",
                printed("1.2 million", "pictures"),
                "the training set is not part of the network",
            ),
        ),
        lambda _: remarks.speed(90, 1_200_000, (5, 6)),
    ),
    Claim(
        "T4",
        "§4.1",
        "Random patches of 224 and their mirror images make the training set 2,048 times larger.",
        (
            Counted(
                "patches of one picture",
                printed("2,048", "patches"),
                q.patches,
                Slippable("patches"),
            ),
        ),
        lambda _: "the 2012 code draws offsets with both ends included (convdata.py)",
    ),
    Claim(
        "T5",
        "§4.1",
        "At test time five patches and their mirror images, the softmax averaged over all ten.",
        (
            Recorded("patches", printed("10", "patches"), _ten_views),
            Practised(
                "what is averaged",
                printed("the softmax's probabilities"),
                "the softmax's probabilities",
                "layer.cu, logreg cost with several views",
            ),
        ),
    ),
    Claim(
        "T6",
        "§4.1",
        "Colour noise along the principal components of RGB, one draw of deviation 0.1 for each "
        "picture, times the eigenvalues.",
        (
            Practised("deviation of the draw", printed("0.1"), "0.1", "--color-noise of the runs"),
            Practised(
                "what the draw multiplies",
                printed("the eigenvalues"),
                "the square roots of the eigenvalues",
                "convdata.py and the shipped meta file's standard deviations",
            ),
            Practised(
                "scale of the noisy picture",
                printed("× 1"),
                f"÷ {1 + Decimal(str(START.colour_noise))}",
                "convdata.py divides by 1 + the noise",
            ),
        ),
    ),
    Claim(
        "T7",
        "§4.2",
        "Dropout of one half behind the first two fully-connected layers; outputs halved at test.",
        (
            Counted("layers with dropout", printed("6, 7"), q.dropout_layers),
            Counted("dropout", printed("0.5, × 0.5 at test time"), q.dropout),
        ),
    ),
    Claim(
        "T8",
        "§2",
        "Pictures scaled to a shorter side of 256, cut to the centre 256×256, less the training "
        "set's mean at each pixel.",
        (
            Counted("side of a stored picture", printed("256", "pixels"), q.stored_side),
            Practised(
                "what is subtracted from a patch",
                printed("the mean picture at the patch's own pixels"),
                "the centre of the mean picture, wherever the patch lies",
                "convdata.py",
            ),
        ),
    ),
)
"""What the paper says of training and of preparing pictures."""

RESULTS: tuple[Claim, ...] = (
    Claim(
        "R1",
        "Table 1",
        "ILSVRC-2010 test: 37.5% top-1 and 17.0% top-5 error.",
        (Errors("errors", "37.5", "17.0"),),
    ),
    Claim(
        "R2",
        "§6",
        "From the centre patch alone: 39.0% and 18.3%.",
        (Errors("errors", "39.0", "18.3"),),
    ),
    Claim(
        "R3",
        "Table 2",
        "One CNN, ILSVRC-2012 validation: 40.7% and 18.2%.",
        (Errors("errors", "40.7", "18.2"),),
    ),
    Claim(
        "R4",
        "Table 2",
        "Five CNNs: 38.1% and 16.4% on validation, 16.4% on test.",
        (Errors("validation errors", "38.1", "16.4"),),
    ),
    Claim(
        "R5",
        "Table 2",
        "One CNN with a sixth convolutional layer, pre-trained on Fall 2011: 39.0% and 16.6%.",
        (Errors("errors", "39.0", "16.6"),),
    ),
    Claim(
        "R6",
        "Table 2",
        "Seven CNNs, two of them pre-trained: 36.7% and 15.4% on validation, 15.3% on test.",
        (Errors("validation errors", "36.7", "15.4"),),
    ),
    Claim(
        "R7",
        "§3.2",
        "Two GPUs are better than one with half the kernels by 1.7 and 1.2 points.",
        (Errors("difference", "1.7", "1.2", minus="R1", words="half"),),
    ),
    Claim(
        "R8",
        "§3.3",
        "Response normalisation gains 1.4 and 1.2 points.",
        (Errors("difference", "1.4", "1.2", minus="R3", words="no norm"),),
        lambda _: "that run lacks both norms, the one within maps too",
    ),
    Claim(
        "R9",
        "§3.4",
        "Overlapping pooling gains 0.4 and 0.3 points.",
        (Errors("difference", "0.4", "0.3", minus="R3", words="pooling"),),
        lambda _: "that run changes paddings too",
    ),
    Claim(
        "R10",
        "§3.3",
        "A four-layer CNN on CIFAR-10: 13% error without normalisation, 11% with it.",
        (
            Recorded("without", printed("13", "%"), lambda: _cifar(norms=False)),
            Recorded("with", printed("11", "%"), lambda: _cifar(norms=True)),
        ),
    ),
    Claim(
        "R11",
        "Figure 1",
        "With ReLU a four-layer CNN on CIFAR-10 reaches 25% training error six times faster than "
        "with tanh.",
        (
            Unchecked(
                "ratio",
                printed("6", "times"),
                "only training both nets can tell (catalog networks cifar_relu and cifar_tanh)",
            ),
        ),
    ),
    Claim(
        "R12",
        "§6",
        "Fall 2009 ImageNet, 10,184 categories: 67.4% and 40.9%.",
        (Errors("errors", "67.4", "40.9"),),
    ),
)
"""What the paper says of results."""
