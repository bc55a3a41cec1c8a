"""Every number that the paper prints of its network, and the CS231n notes of layer 1: data.

What each is held against is computed (`paper_quantities`), the training protocol and the results
stand in `paper_protocol`; the verdicts are `paper`'s.
"""

from __future__ import annotations

from alexnet.network.paper import quantities as q
from alexnet.network.paper import remarks
from alexnet.network.paper.claims import Slippable, printed
from alexnet.network.paper.parts import Added, Claim, Counted, Part


def _neurons(place: int, text: str) -> Part:
    slip = Slippable("neurons", place)
    return Counted(f"neurons in layer {place}", printed(text, "neurons"), q.neurons(place), slip)


def _kernel(place: int, text: str) -> Part:
    return Counted(f"kernels of layer {place}", printed(text), q.kernel(place))


def _dense(place: int, text: str) -> Part:
    return Counted(f"neurons in layer {place}", printed(text, "neurons"), q.dense(place))


FIGURE_2 = "Figure 2, caption"

STRUCTURE: tuple[Claim, ...] = (
    Claim(
        "S1",
        FIGURE_2,
        "The input has 150,528 dimensions.",
        (
            Counted(
                "numbers in a picture",
                printed("150,528", "dimensions"),
                q.input_elements,
                Slippable("input elements"),
            ),
        ),
    ),
    Claim(
        "S2",
        FIGURE_2,
        "The first layer has 253,440 neurons.",
        (_neurons(1, "253,440"),),
        remarks.first_layer,
    ),
    Claim(
        "S3",
        FIGURE_2,
        "The other layers have 186,624, 64,896, 64,896, 43,264, 4,096, 4,096 and 1,000 neurons.",
        (
            _neurons(2, "186,624"),
            _neurons(3, "64,896"),
            _neurons(4, "64,896"),
            _neurons(5, "43,264"),
            _neurons(6, "4,096"),
            _neurons(7, "4,096"),
            _neurons(8, "1,000"),
        ),
    ),
    Claim(
        "S4",
        "abstract and §1",
        "The network has 60 million parameters.",
        (
            Counted(
                "parameters in all",
                printed("60 million", "parameters"),
                q.total("parameters"),
                Slippable("parameters"),
            ),
        ),
        remarks.parameters,
    ),
    Claim(
        "S5",
        "abstract",
        "The network has 650,000 neurons.",
        (
            Counted(
                "neurons in all",
                printed("650,000", "neurons"),
                q.total("neurons"),
                Slippable("neurons"),
            ),
            Added("sum of Figure 2's numbers", printed("650,000", "neurons"), ("S2", "S3")),
        ),
        remarks.neurons,
    ),
    Claim(
        "S6",
        "§3.5",
        "Five convolutional layers of 96, 256, 384, 384 and 256 kernels, two fully-connected ones "
        "of 4,096; the third and the fully-connected layers read both towers.",
        (
            _kernel(1, "96 of 11×11×3, stride 4"),
            _kernel(2, "256 of 5×5×48"),
            _kernel(3, "384 of 3×3×256"),
            _kernel(4, "384 of 3×3×192"),
            _kernel(5, "256 of 3×3×192"),
            _dense(6, "4,096"),
            _dense(7, "4,096"),
            Counted("layers that read both towers", printed("3, 6, 7, 8"), q.reading_all),
        ),
    ),
    Claim(
        "S7",
        "§3.5 and Figure 2",
        "The picture has 224×224 pixels and the first map 55×55.",
        (
            Counted("sides of the picture", printed("224×224"), q.picture_size),
            Counted("sides of layer 1's map", printed("55×55"), q.map_size(1)),
        ),
        remarks.first_map,
    ),
    Claim(
        "S8",
        "§3.3",
        "Response norm with k = 2, n = 5, alpha = 0.0001 and beta = 0.75, alpha times the sum.",
        (
            Counted("k", printed("2"), q.norm_constant("k", lambda norm: norm.k)),
            Counted("n, maps", printed("5", "maps"), q.norm_constant("n", lambda norm: norm.size)),
            Counted("alpha as it works", printed("0.0001"), q.alpha),
            Counted("beta", printed("0.75"), q.norm_constant("beta", lambda norm: norm.beta)),
        ),
        remarks.norm,
    ),
    Claim(
        "S9",
        "§3.3 and §3.5",
        "Layers 1 and 2 are normed after their ReLU; max-pooling follows both norms and layer 5.",
        (
            Counted("layers with a norm across maps", printed("1, 2"), q.norm_layers),
            Counted(
                "order behind layer 1", printed("ReLU, norm across maps, max-pool"), q.behind(1)
            ),
            Counted(
                "order behind layer 2", printed("ReLU, norm across maps, max-pool"), q.behind(2)
            ),
            Counted("layers with a max-pool", printed("1, 2, 5"), q.pool_layers),
        ),
    ),
    Claim(
        "S10",
        "§3.4",
        "Pooling windows of 3 pixels lie 2 apart, so they overlap.",
        (Counted("pooling windows", printed("3 at stride 2"), q.pool_windows),),
    ),
    Claim(
        "S11",
        "§1",
        "No convolutional layer holds more than 1% of the parameters.",
        tuple(
            Counted(
                f"layer {place}'s share of the parameters",
                printed("1", "%", at_most=True),
                q.share(place),
                rivals=("S6",),
            )
            for place in range(1, 6)
        ),
        remarks.shares,
    ),
    Claim(
        "S12",
        "§3.2, footnote",
        "The one-GPU net keeps the last convolutional layer and the fully-connected sizes, and so "
        "has about as many parameters.",
        (
            Counted("sizes that it keeps", printed("256, 4,096, 4,096, 1,000"), q.half_sizes),
            Counted("the same sizes here", printed("256, 4,096, 4,096, 1,000"), q.last_sizes),
            Counted("its parameters", printed("60 million", "parameters"), q.half_parameters),
        ),
    ),
)
"""What the paper says of the network itself."""

CS231N: tuple[Claim, ...] = (
    Claim(
        "C1",
        "Stanford CS231n notes, layer 1",
        "The picture has 227×227 pixels; (227 − 11) / 4 + 1 = 55.",
        (
            Counted("sides of the picture", printed("227×227"), q.picture_size, rivals=("S7",)),
            Counted("side that the windows cover", printed("227", "pixels"), q.covered_side),
            Counted("side of layer 1's map", printed("55", "pixels"), q.map_side(1)),
        ),
    ),
    Claim(
        "C2",
        "Stanford CS231n notes, layer 1",
        "It has 55·55·96 = 290,400 neurons.",
        (_neurons(1, "290,400"),),
    ),
    Claim(
        "C3",
        "Stanford CS231n notes, layer 1",
        "Each neuron has 11·11·3 = 363 weights.",
        (Counted("weights of one neuron", printed("363", "weights"), q.kernel_size(1)),),
    ),
    Claim(
        "C4",
        "Stanford CS231n notes, layer 1",
        "Without weight sharing it would have 290,400·364 = 105,705,600 parameters.",
        (
            Counted(
                "parameters without sharing",
                printed("105,705,600", "parameters"),
                q.connections(1),
                Slippable("connections", 1),
            ),
        ),
    ),
    Claim(
        "C5",
        "Stanford CS231n notes, layer 1",
        "With sharing it has 34,848 weights and 96 biases, 34,944 in all.",
        (
            Counted("weights", printed("34,848", "weights"), q.count(1, "weights")),
            Counted("biases", printed("96", "biases"), q.count(1, "biases")),
            Counted("parameters", printed("34,944", "parameters"), q.count(1, "parameters")),
        ),
    ),
)
"""What the CS231n notes derive from layer 1 under their 227 reading."""
