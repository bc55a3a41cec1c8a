"""The networks of 2012: as the paper writes it, as it ran, and its one-GPU half."""

from __future__ import annotations

from alexnet.network.catalog.parts import ONE, ZERO, classify, relu
from alexnet.network.layers import (
    Activation,
    Constant,
    Conv,
    CrossMapNorm,
    Dropout,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    Layer,
    LogisticLoss,
    MaxPool,
    Softmax,
    Window,
    WithinMapNorm,
)
from alexnet.network.spec import Network

PAPER = "Krizhevsky, Sutskever & Hinton, NIPS 2012"
RELEASE = "computerhistory/AlexNet-Source-Code"


def paper() -> Network:
    """The network as the paper writes it: two towers, 224 pixels, ReLU then LRN, alpha undivided.

    The map of 55 that its figure shows needs cuda-convnet's rounding, so that is its rule.
    """
    small = Gaussian(0.01)
    layers: list[Layer] = [
        Input(name="data", shape=(3, 224, 224), source=f"{PAPER}, Figure 2"),
        Input(name="labels", shape=(1, 1, 1), content="labels"),
    ]
    rows = (
        (1, ("data",), 48, Kernel(size=11, stride=4, initial=small), ZERO, (_norm, _pool)),
        (2, ("pool1",), 128, Kernel(size=5, padding=2, initial=small), ONE, (_norm, _pool)),
        (3, ("pool2a", "pool2b"), 192, Kernel(size=3, padding=1, initial=small), ZERO, ()),
        (4, ("relu3",), 192, Kernel(size=3, padding=1, initial=small), ONE, ()),
        (5, ("relu4",), 128, Kernel(size=3, padding=1, initial=small), ONE, (_pool,)),
    )
    for number, reads, filters, kernel, bias, tail in rows:
        for tower, letter in enumerate("ab"):
            own = reads if number in (1, 3) else tuple(read + letter for read in reads)
            conv = _paper_conv(f"conv{number}{letter}", own, filters, kernel, bias, tower)
            layers += [conv, relu(f"relu{number}{letter}", conv.name, tower)]
            for make in tail:
                layers.append(make(number, letter, layers[-1].name, tower))
    for number, before in ((6, "pool5"), (7, "drop6")):
        for tower, letter in enumerate("ab"):
            layers += _hidden_tower(number, letter, tower, (f"{before}a", f"{before}b"))
    output = FullyConnected(
        name="fc8",
        reads=("drop7a", "drop7b"),
        outputs=1000,
        initial=(small, small),
        source="§3.5; initial values §5",
    )
    return Network("paper", (*layers, output, *classify("fc8")), source=PAPER)


def _paper_conv(
    name: str, reads: tuple[str, ...], filters: int, kernel: Kernel, bias: Constant, tower: int
) -> Conv:
    return Conv(
        name=name,
        reads=reads,
        tower=tower,
        filters=filters,
        kernels=(kernel,) * len(reads),
        rule="cuda-convnet",
        initial_bias=bias,
        source="§3.5; initial values §5",
    )


def _norm(number: int, letter: str, reads: str, tower: int) -> Layer:
    return CrossMapNorm(
        name=f"norm{number}{letter}",
        reads=(reads,),
        tower=tower,
        size=5,
        alpha=1e-4,
        alpha_divided=False,
        beta=0.75,
        k=2.0,
        source="§3.3: k = 2, n = 5, alpha = 1e-4, beta = 0.75",
    )


def _pool(number: int, letter: str, reads: str, tower: int) -> Layer:
    return MaxPool(
        name=f"pool{number}{letter}",
        reads=(reads,),
        tower=tower,
        window=Window(size=3, stride=2),
        rule="cuda-convnet",
        source="§3.4: s = 2, z = 3",
    )


def _hidden_tower(number: int, letter: str, tower: int, reads: tuple[str, ...]) -> list[Layer]:
    """Half of one of the paper's two hidden fully-connected layers, with its dropout."""
    small = Gaussian(0.01)
    return [
        FullyConnected(
            name=f"fc{number}{letter}",
            reads=reads,
            tower=tower,
            outputs=2048,
            initial=(small, small),
            initial_bias=ONE,
            source="§3.5: 4096 over two towers; §5",
        ),
        relu(f"relu{number}{letter}", f"fc{number}{letter}", tower),
        Dropout(
            name=f"drop{number}{letter}",
            reads=(f"relu{number}{letter}",),
            tower=tower,
            keep=0.5,
            scaling="test",
            source="§4.2",
        ),
    ]


def as_run() -> Network:
    """Run #145 of the 2012 notes, layer by layer under its own names: what the paper's Table 2 row
    "1 CNN" ran.

    It differs from the text: layer 1 norms before its ReLU, layer 2 has a second norm within maps,
    alpha is divided by n, and conv3 to conv5 start from a deviation of 0.03.
    """
    layers: list[Layer] = [
        Input(
            name="data", shape=(3, 224, 224), source="layers-145.cfg; 224 of 256 by crop border 16"
        ),
        Input(name="labels", shape=(1, 1, 1), content="labels"),
    ]
    for part in AS_RUN_FRONT:
        for tower, letter in enumerate("ab"):
            layers += part(letter, tower)
    for tower, letter in enumerate("ab"):
        layers += _as_run_conv("conv3" + letter, ("pool2a", "pool2b"), 192, ZERO, tower)
    for tower, letter in enumerate("ab"):
        layers += _as_run_conv("conv4" + letter, (f"conv3{letter}_neuron",), 192, ONE, tower)
    for tower, letter in enumerate("ab"):
        layers += _as_run_conv("conv5" + letter, (f"conv4{letter}_neuron",), 128, ONE, tower)[:1]
    for tower, letter in enumerate("ab"):
        layers += _cfg_pool("pool3" + letter, "conv5" + letter, tower, neuron=True)
    layers += _as_run_fully_connected()
    return Network(
        "as_run", tuple(layers), source=f"{RELEASE}, layers-145.cfg and layer-params-145.cfg"
    )


def _as_run_conv1(letter: str, tower: int | None) -> list[Layer]:
    kernel = Kernel(size=11, stride=4, padding=0, initial=Gaussian(0.01))
    return [_cfg_conv("conv1" + letter, ("data",), 48, kernel, ZERO, tower)]


def _as_run_norm1(letter: str, tower: int | None) -> list[Layer]:
    return [_cfg_cross_map_norm("rnorm1" + letter, "conv1" + letter, tower)]


def _as_run_pool1(letter: str, tower: int | None) -> list[Layer]:
    return _cfg_pool("pool1" + letter, "rnorm1" + letter, tower, neuron=True)


def _as_run_conv2(letter: str, tower: int | None) -> list[Layer]:
    kernel = Kernel(size=5, padding=2, initial=Gaussian(0.01))
    name = "conv2" + letter
    conv = _cfg_conv(name, (f"pool1{letter}_neuron",), 128, kernel, ONE, tower)
    return [conv, _cfg_neuron(name, tower)]


def _as_run_norm2(letter: str, tower: int | None) -> list[Layer]:
    return [_cfg_cross_map_norm("rnorm2" + letter, f"conv2{letter}_neuron", tower)]


def _as_run_inner2(letter: str, tower: int | None) -> list[Layer]:
    return [
        WithinMapNorm(
            name="cnorm2" + letter,
            reads=("rnorm2" + letter,),
            tower=tower,
            size=5,
            alpha=1e-3,
            alpha_divided=True,
            beta=0.75,
            k=1.0,
            source="layer-params-145.cfg: type rnorm",
        )
    ]


def _as_run_pool2(letter: str, tower: int | None) -> list[Layer]:
    return _cfg_pool("pool2" + letter, "cnorm2" + letter, tower, neuron=False)


AS_RUN_FRONT = (
    _as_run_conv1,
    _as_run_norm1,
    _as_run_pool1,
    _as_run_conv2,
    _as_run_norm2,
    _as_run_inner2,
    _as_run_pool2,
)
"""Layers 1 and 2 of #145 in the file's order, each made once for every tower."""


def _as_run_conv(
    name: str, reads: tuple[str, ...], filters: int, bias: Constant, tower: int | None
) -> list[Layer]:
    kernel = Kernel(size=3, padding=1, initial=Gaussian(0.03))
    return [_cfg_conv(name, reads, filters, kernel, bias, tower), _cfg_neuron(name, tower)]


def _as_run_fully_connected() -> list[Layer]:
    layers: list[Layer] = []
    # the second pair's halves read the hidden layers in their own order: own tower first
    for stem, keep, read in (
        ("fc2048", "hs1", (("pool3a_neuron", "pool3b_neuron"), ("pool3a_neuron", "pool3b_neuron"))),
        ("fc2048b", "hs2", (("hs1a", "hs1b"), ("hs1b", "hs1a"))),
    ):
        for tower, letter in enumerate("ab"):
            layers += _cfg_fully_connected(stem + letter, read[tower], 2048, tower)
        for tower, letter in enumerate("ab"):
            layers.append(_cfg_dropout(keep + letter, f"{stem}{letter}_neuron", tower))
    layers.append(_cfg_classifier(("hs2a", "hs2b"), 0))
    layers.append(Softmax(name="probs", reads=("fc1000",), tower=0))
    layers.append(LogisticLoss(name="logprob", reads=("labels", "probs"), tower=0, top=5))
    return layers


def one_gpu() -> Network:
    """#145-half: one tower of #145, its conv5 and fully-connected layers as wide as both (§3.2, the
    one-GPU net).
    """
    layers: list[Layer] = [
        Input(
            name="data",
            shape=(3, 224, 224),
            source="layers-145-half.cfg; 224 of 256 by crop border 16",
        ),
        Input(name="labels", shape=(1, 1, 1), content="labels"),
    ]
    for part in AS_RUN_FRONT:
        layers += part("a", None)
    layers += _as_run_conv("conv3a", ("pool2a",), 192, ZERO, None)
    layers += _as_run_conv("conv4a", ("conv3a_neuron",), 192, ONE, None)
    layers += _as_run_conv("conv5a", ("conv4a_neuron",), 256, ONE, None)[:1]
    layers += _cfg_pool("pool3a", "conv5a", None, neuron=True)
    layers += _cfg_fully_connected("fc4096a", ("pool3a_neuron",), 4096, None)
    layers.append(_cfg_dropout("hs1a", "fc4096a_neuron", None))
    layers += _cfg_fully_connected("fc4096ba", ("hs1a",), 4096, None)
    layers.append(_cfg_dropout("hs2a", "fc4096ba_neuron", None))
    layers.append(_cfg_classifier(("hs2a",), None))
    layers += classify("fc1000")
    return Network(
        "one_gpu",
        tuple(layers),
        source=f"{RELEASE}, layers-145-half.cfg and layer-params-145-half.cfg",
    )


def _cfg_conv(
    name: str,
    reads: tuple[str, ...],
    filters: int,
    kernel: Kernel,
    bias: Constant,
    tower: int | None,
) -> Conv:
    return Conv(
        name=name,
        reads=reads,
        tower=tower,
        filters=filters,
        kernels=(kernel,) * len(reads),
        rule="cuda-convnet",
        initial_bias=bias,
        source=f"[{name}]",
    )


def _cfg_neuron(above: str, tower: int | None) -> Activation:
    """`neuron=relu` is a layer of its own, called as the original parser calls it (layer.py)."""
    return Activation(
        name=f"{above}_neuron",
        reads=(above,),
        tower=tower,
        function="relu",
        source=f"[{above}] neuron=relu",
    )


def _cfg_cross_map_norm(name: str, reads: str, tower: int | None) -> CrossMapNorm:
    return CrossMapNorm(
        name=name,
        reads=(reads,),
        tower=tower,
        size=5,
        alpha=1e-4,
        alpha_divided=True,
        beta=0.75,
        k=2.0,
        source=f"[{name}]: minDiv is k; layer.py divides scale by size",
    )


def _cfg_pool(name: str, reads: str, tower: int | None, *, neuron: bool) -> list[Layer]:
    pool = MaxPool(
        name=name,
        reads=(reads,),
        tower=tower,
        window=Window(size=3, stride=2),
        rule="cuda-convnet",
        source=f"[{name}]",
    )
    return [pool, _cfg_neuron(name, tower)] if neuron else [pool]


def _cfg_fully_connected(
    name: str, reads: tuple[str, ...], outputs: int, tower: int | None
) -> list[Layer]:
    layer = FullyConnected(
        name=name,
        reads=reads,
        tower=tower,
        outputs=outputs,
        initial=(Gaussian(0.01),) * len(reads),
        initial_bias=ONE,
        source=f"[{name}]",
    )
    return [layer, _cfg_neuron(name, tower)]


def _cfg_dropout(name: str, reads: str, tower: int | None) -> Dropout:
    return Dropout(
        name=name,
        reads=(reads,),
        tower=tower,
        keep=0.5,
        scaling="test",
        source=f"[{name}] keep=0.5",
    )


def _cfg_classifier(reads: tuple[str, ...], tower: int | None) -> FullyConnected:
    return FullyConnected(
        name="fc1000",
        reads=reads,
        tower=tower,
        outputs=1000,
        initial=(Gaussian(0.01),) * len(reads),
        source="[fc1000]",
    )
