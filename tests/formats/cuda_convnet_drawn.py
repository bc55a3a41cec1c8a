"""Drawn networks of what the files of 2012 can say, within the limits of their parser or beyond."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from alexnet.network.layers import (
    AveragePool,
    Concat,
    Constant,
    ContrastNorm,
    Conv,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    Gaussian,
    Kernel,
    Layer,
    Local,
    LogisticLoss,
    Loss,
    MaxPool,
    Norm,
    Pool,
    RandomPool,
    Shared,
    Softmax,
    SumOfSquaresLoss,
    Window,
    WithinMapNorm,
)
from alexnet.network.spec import Network, NetworkError
from formats.cuda_convnet_networks import CUDA, FUNCTIONS, conv, labels, neuron, picture

NUMBERS = st.floats(-1e9, 1e9).map(lambda x: x if abs(x) > 1e-20 else 0.0)
SMALL = st.integers(1, 4)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A picture, labels and some layers, each on earlier ones; what does not fit is left out."""
    towers = draw(st.sampled_from([(None,), (0, 1)]))
    layers: list[Layer] = [picture(draw(st.integers(3, 9)), draw(st.integers(1, 5))), labels()]
    for tower in towers:
        first = conv(f"first{tower or 0}", "data", size=draw(st.integers(1, 3)))
        layers = _with(layers, replace(first, tower=tower))
    for number in range(draw(st.integers(1, 9))):
        known = [x.name for x in layers if not isinstance(x, Loss) and x.name != "labels"]
        layer = draw(_layers(f"layer{number}", known))
        layers = _with(layers, replace(layer, tower=draw(st.sampled_from(towers))))
    return Network("drawn", (*layers, *_ending(layers, draw(st.sampled_from(towers)))))


def _ending(layers: list[Layer], tower: int | None) -> list[Layer]:
    """A classifier over all that nothing reads."""
    read = {name for layer in layers for name in layer.reads} | {"labels"}
    reads = tuple(x.name for x in layers if x.name not in read and not isinstance(x, Loss))
    reads = reads or (layers[2].name,)
    initial = (Gaussian(0.01),) * len(reads)
    return [
        FullyConnected(name="end", reads=reads, tower=tower, outputs=4, initial=initial),
        Softmax(name="probs", reads=("end",), tower=tower),
        LogisticLoss(name="logprob", reads=("labels", "probs"), tower=tower, top=3),
    ]


def _with(layers: list[Layer], layer: Layer) -> list[Layer]:
    try:
        return list(Network("n", (*layers, layer)).layers)
    except NetworkError:
        return layers


@st.composite
def _layers(draw: st.DrawFn, name: str, known: list[str]) -> Layer:
    read = draw(st.sampled_from(known[1:]))
    reads = (read,)
    match draw(st.integers(0, 9)):
        case 0 | 1:
            return draw(_convs(name, known))
        case 2:
            return draw(_pools(name, reads))
        case 3:
            return draw(_norms(name, reads))
        case 4 | 5:
            function, count = draw(st.sampled_from(FUNCTIONS))
            numbers = tuple(draw(NUMBERS.filter(bool)) for _ in range(count))
            own = draw(st.sampled_from([name, f"{known[-1]}_neuron"]))
            source = known[-1] if own != name else read
            return neuron(own, source, function, numbers)
        case 6:
            keep = draw(st.floats(0.01, 1))
            return Dropout(name=name, reads=reads, keep=keep, scaling="test", enabled=keep < 0.5)
        case 7:
            both = tuple(draw(st.lists(st.sampled_from(known), min_size=1, max_size=3)))
            numbers = tuple(draw(NUMBERS) for _ in both)
            return draw(
                st.sampled_from(
                    [
                        Concat(name=name, reads=both),
                        ElementwiseSum(name=name, reads=both, coefficients=numbers),
                        ElementwiseMax(name=name, reads=both),
                    ]
                )
            )
        case 8:
            return SumOfSquaresLoss(name=name, reads=reads, coefficient=draw(NUMBERS))
        case _:
            both = tuple(draw(st.lists(st.sampled_from(known), min_size=1, max_size=3)))
            initial = tuple(Gaussian(draw(st.floats(0, 1e9))) for _ in both)
            outputs = draw(st.integers(1, 40))
            bias = Constant(draw(NUMBERS))
            return FullyConnected(
                name=name, reads=both, outputs=outputs, initial=initial, initial_bias=bias
            )


@st.composite
def _convs(draw: st.DrawFn, name: str, known: list[str]) -> Conv | Local:
    reads = tuple(draw(st.lists(st.sampled_from(known), min_size=1, max_size=2)))
    kernels = tuple(
        Kernel(
            size=draw(SMALL),
            stride=draw(SMALL),
            padding=draw(st.integers(0, 2)),
            groups=draw(st.sampled_from([1, 1, 1, 2, 4])),
            initial=Gaussian(draw(st.floats(0, 1e9))),
        )
        for _ in reads
    )
    kernels = draw(st.sampled_from([kernels, kernels[:1] * len(reads)]))
    if len(reads) > 1 and draw(st.booleans()):
        kernels = (kernels[0], replace(kernels[1], initial=Shared(name, 0)))
    filters = draw(st.sampled_from([6, 16, 16, 32, 64]))
    bias = Constant(draw(NUMBERS))
    conv = Conv(
        name=name,
        reads=reads,
        filters=filters,
        kernels=kernels,
        rule=CUDA,
        bias=draw(st.sampled_from(["shared", "unshared"])),
        initial_bias=bias,
    )
    local = Local(
        name=name, reads=reads, filters=filters, kernels=kernels, rule=CUDA, initial_bias=bias
    )
    return draw(st.sampled_from([conv, conv, local]))


@st.composite
def _pools(draw: st.DrawFn, name: str, reads: tuple[str, ...]) -> Pool:
    window = Window(
        size=draw(SMALL),
        stride=draw(SMALL),
        padding=draw(st.integers(-2, 2)),
        outputs=draw(st.sampled_from([None, None, 1, 2])),
    )
    return draw(
        st.sampled_from(
            [
                MaxPool(name=name, reads=reads, window=window, rule=CUDA),
                MaxPool(name=name, reads=reads, window=window, rule=CUDA, by_magnitude=True),
                AveragePool(name=name, reads=reads, window=window, rule=CUDA, divisor="inside"),
                RandomPool(name=name, reads=reads, window=window, rule=CUDA),
            ]
        )
    )


@st.composite
def _norms(draw: st.DrawFn, name: str, reads: tuple[str, ...]) -> Norm:
    alpha, beta, size = draw(st.floats(0, 1e9)), draw(NUMBERS), draw(SMALL)
    cross = CrossMapNorm(
        name=name,
        reads=reads,
        size=size,
        alpha=alpha,
        alpha_divided=True,
        beta=beta,
        k=draw(st.floats(1e-9, 1e9)),
        blocked=draw(st.booleans()),
    )
    within = WithinMapNorm(
        name=name, reads=reads, size=size, alpha=alpha, alpha_divided=True, beta=beta, k=1.0
    )
    contrast = ContrastNorm(
        name=name, reads=reads, size=size, alpha=alpha, alpha_divided=True, beta=beta, k=1.0
    )
    return draw(st.sampled_from([cross, within, contrast]))
