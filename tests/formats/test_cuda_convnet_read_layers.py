"""Every type of section, from small texts, as the layer that it becomes."""

from __future__ import annotations

import pytest

from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Blur,
    ColourTransform,
    Concat,
    ContrastNorm,
    CrossEntropyLoss,
    CrossMapNorm,
    CrossMapPool,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    GatedSumOfSquaresLoss,
    Input,
    Layer,
    LogisticLoss,
    MaxPool,
    Nailbed,
    RandomPool,
    RandomScale,
    Reflection,
    Resize,
    RobustLoss,
    Softmax,
    SubsetSoftmaxLoss,
    SumOfSquaresLoss,
    Window,
    WithinMapNorm,
)
from formats.cuda_convnet_texts import CONV, DATA, END, LEARN, LOGISTIC, above_conv, read


@pytest.mark.parametrize(
    ("section", "parameters", "expected"),
    [
        (
            "type=pool\npool=max\nchannels=16\nsizeX=3\nstride=2\nstart=-1\n",
            "",
            MaxPool(
                name="x",
                reads=("conv1",),
                window=Window(size=3, stride=2, padding=1),
                rule="cuda-convnet",
            ),
        ),
        (
            "type=pool\npool=maxabs\nchannels=16\nsizeX=3\nstride=3\noutputsX=2\n",
            "",
            MaxPool(
                name="x",
                reads=("conv1",),
                window=Window(size=3, stride=3, outputs=2),
                rule="cuda-convnet",
                by_magnitude=True,
            ),
        ),
        (
            "type=pool\npool=avg\nchannels=16\nsizeX=2\nstride=2\noutputsX=0\n",
            "",
            AveragePool(
                name="x",
                reads=("conv1",),
                window=Window(size=2, stride=2),
                rule="cuda-convnet",
                divisor="inside",
            ),
        ),
        (
            "type=pool\npool=avg\nsum=1\nchannels=16\nsizeX=2\nstride=2\n",
            "",
            AveragePool(
                name="x",
                reads=("conv1",),
                window=Window(size=2, stride=2),
                rule="cuda-convnet",
                divisor="one",
            ),
        ),
        (
            "type=pool\npool=rand\nchannels=16\nsizeX=2\nstride=2\n",
            "[x]\ndoMax=0\n",
            RandomPool(
                name="x", reads=("conv1",), window=Window(size=2, stride=2), rule="cuda-convnet"
            ),
        ),
        (
            "type=pool\npool=rand\nchannels=16\nsizeX=2\nstride=2\n",
            "[x]\ndoMax=true\n",
            MaxPool(
                name="x", reads=("conv1",), window=Window(size=2, stride=2), rule="cuda-convnet"
            ),
        ),
        (
            "type=cmpool\npool=max\nchannels=16\nsize=4\nstride=2\nstart=-1\noutputs=8\n",
            "",
            CrossMapPool(name="x", reads=("conv1",), size=4, stride=2, start=-1, outputs=8),
        ),
        (
            "type=cmrnorm\nchannels=16\nsize=5\nblocked=1\n",
            "[x]\nscale=0.0001\npow=.75\nminDiv=2\n",
            CrossMapNorm(
                name="x",
                reads=("conv1",),
                size=5,
                alpha=0.0001,
                alpha_divided=True,
                beta=0.75,
                k=2.0,
                blocked=True,
            ),
        ),
        (
            "type=rnorm\nchannels=16\nsize=5\n",
            "[x]\nscale=0.001\npow=0.5\n",
            WithinMapNorm(
                name="x",
                reads=("conv1",),
                size=5,
                alpha=0.001,
                alpha_divided=True,
                beta=0.5,
                k=1.0,
            ),
        ),
        (
            "type=cnorm\nchannels=16\nsize=3\n",
            "[x]\nscale=0.001\npow=0.5\n",
            ContrastNorm(
                name="x",
                reads=("conv1",),
                size=3,
                alpha=0.001,
                alpha_divided=True,
                beta=0.5,
                k=1.0,
            ),
        ),
        (
            "type=blur\nchannels=16\nfilterSize=5\nstdev=4\n",
            "",
            Blur(name="x", reads=("conv1",), size=5, deviation=4.0),
        ),
        (
            "type=nailbed\nchannels=16\nstride=4\n",
            "",
            Nailbed(name="x", reads=("conv1",), stride=4),
        ),
        (
            "type=hs\nkeep=0.25\n",
            "[x]\nenable=true\n",
            Dropout(name="x", reads=("conv1",), keep=0.25, scaling="test"),
        ),
        (
            "type=hs\nkeep=0.5\n",
            "[x]\nenable=no\n",
            Dropout(name="x", reads=("conv1",), keep=0.5, scaling="test", enabled=False),
        ),
        (
            "type=dropout\n",
            "[x]\n",
            Dropout(name="x", reads=("conv1",), keep=0.5, scaling="train"),
        ),
        (
            "type=dropout2\n",
            "[x]\nkeep=0.75\nenable=off\n",
            Dropout(name="x", reads=("conv1",), keep=0.75, scaling="test", enabled=False),
        ),
        ("type=softmax\n", "", Softmax(name="x", reads=("conv1",))),
        ("type=concat\n", "", Concat(name="x", reads=("conv1",))),
        ("type=pass\n", "", Concat(name="x", reads=("conv1",))),
    ],
    ids=lambda value: value.splitlines()[0][5:] if isinstance(value, str) and value else None,
)
def test_a_section_becomes_a_layer(section: str, parameters: str, expected: Layer) -> None:
    assert above_conv(f"inputs=conv1\n{section}", parameters) == expected


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("type=href\nchannels=3\n", Reflection(name="x", reads=("data",))),
        ("type=resize\nchannels=3\nscale=1.5\n", Resize(name="x", reads=("data",), scale=1.5)),
        (
            "type=rscale\nchannels=3\nmaxScale=1.25\ntgtSize=7\n",
            RandomScale(name="x", reads=("data",), maximum=1.25, side=7),
        ),
        ("type=rgb2yuv\n", ColourTransform(name="x", reads=("data",), space="yuv")),
        ("type=rgb2lab\n", ColourTransform(name="x", reads=("data",), space="lab")),
        (
            "type=rgb2lab\ncenter=true\n",
            ColourTransform(name="x", reads=("data",), space="lab", centred=True),
        ),
    ],
    ids=["href", "resize", "rscale", "rgb2yuv", "rgb2lab", "centred"],
)
def test_what_is_done_to_pictures(section: str, expected: Layer) -> None:
    text = DATA + f"[x]\ninputs=data\n{section}" + CONV.replace("=data", "=x") + END
    assert read(text).network["x"] == expected


@pytest.mark.parametrize(
    ("text", "function", "parameters"),
    [
        ("relu", "relu", ()),
        ("brelu[6]", "bounded-relu", (6.0,)),
        ("nrelu", "noisy-relu", ()),
        ("softrelu", "soft-relu", ()),
        ("logistic", "logistic", ()),
        ("tanh[1.79, -0.66]", "tanh", (1.79, -0.66)),
        ("drelu[.5]", "soft-threshold", (0.5,)),
        ("abs", "abs", ()),
        ("square", "square", ()),
        ("sqrt", "sqrt", ()),
        ("log[1e-3]", "log", (0.001,)),
        ("linear[3,2.2]", "linear", (3.0, 2.2)),
        ("ident", "identity", ()),
    ],
)
def test_every_neuron_above_a_layer_and_by_itself(
    text: str, function: str, parameters: tuple[float, ...]
) -> None:
    above = read(DATA + CONV + f"neuron={text}\n" + END).network["conv1_neuron"]
    alone = above_conv(f"type=neuron\ninputs=conv1\nneuron={text}\n")
    for layer, name in ((above, "conv1_neuron"), (alone, "x")):
        assert isinstance(layer, Activation)
        assert (layer.name, layer.reads) == (name, ("conv1",))
        assert (layer.function, layer.parameters) == (function, parameters)


def test_whoever_read_the_layer_reads_its_neuron() -> None:
    alone = "[own]\ntype=neuron\nneuron=abs\ninputs=conv1\n"
    last = END.replace("inputs=conv1", "inputs=conv1,own,data").replace("0.1", "0.1,0.1,0.1")
    network = read(DATA + CONV + "neuron=relu\n" + alone + last).network
    assert network["own"].reads == ("conv1_neuron",)
    assert network["fc10"].reads == ("conv1_neuron", "own", "data")


def test_a_neuron_whose_name_is_taken_gets_a_number() -> None:
    taken = "[conv1_neuron]\ntype=eltsum\ninputs=conv1\n"
    found = read(DATA + CONV + "neuron=relu\n" + taken + END.replace("=conv1", "=conv1_neuron"))
    names = [layer.name for layer in found.network]
    assert names[2:5] == ["conv1", "conv1_neuron_1", "conv1_neuron"]
    assert found.network["conv1_neuron"].reads == ("conv1_neuron_1",)
    assert any("conv1_neuron_1" in note for note in found.notes)


def test_the_first_release_drops_units_of_any_layer() -> None:
    learned = LEARN.replace("[fc10]", "dropout=0.25\n[conv1_neuron]\ndropout=0.5\n[fc10]")
    found = read(DATA + CONV + "neuron=relu\n" + END, learned)
    assert found.dialect == "cuda-convnet"
    assert [layer.name for layer in found.network][2:7] == [
        "conv1",
        "conv1_dropout",
        "conv1_neuron",
        "conv1_dropout_1",
        "fc10",
    ]
    assert found.network["conv1_dropout"] == Dropout(
        name="conv1_dropout", reads=("conv1",), keep=0.75, scaling="test"
    )
    assert found.network["fc10"].reads == ("conv1_dropout_1",)


def test_sums_and_maxima_of_layers() -> None:
    two = CONV.replace("[conv1]", "[conv2]")
    for kind, extra, expected in [
        ("eltsum", "coeffs=1,-1\n", ElementwiseSum(
            name="x", reads=("conv1", "conv2"), coefficients=(1.0, -1.0))),
        ("eltsum", "", ElementwiseSum(
            name="x", reads=("conv1", "conv2"), coefficients=(1.0, 1.0))),
        ("eltmax", "", ElementwiseMax(name="x", reads=("conv1", "conv2"))),
    ]:  # fmt: skip
        section = f"[x]\ntype={kind}\ninputs=conv1,conv2\n{extra}"
        text = DATA + CONV + two + section + END.replace("inputs=conv1", "inputs=x")
        assert read(text).network["x"] == expected


def test_cuda_convnet2_has_the_coefficients_of_a_sum_in_its_parameters() -> None:
    section = "[x]\ntype=eltsum\ninputs=conv1,conv1\n"
    text = DATA + CONV.replace("partialSum", "sumWidth") + section + END.replace("=conv1", "=x")
    layer = read(text, LEARN + "[x]\ncoeffs=0.5,2\n").network["x"]
    assert isinstance(layer, ElementwiseSum) and layer.coefficients == (0.5, 2.0)


@pytest.mark.parametrize(
    ("kind", "end", "second", "labels", "parameters", "expected"),
    [
        ("logreg", END, "probs", 1, "topk=5", LogisticLoss(name="c", top=5, coefficient=2.0)),
        ("crossent", END, "probs", 10, "", CrossEntropyLoss(name="c", coefficient=2.0)),
        ("ce", END, "probs", 10, "", CrossEntropyLoss(name="c", coefficient=2.0)),
        (
            "crossent2",
            LOGISTIC,
            "fc10_neuron",
            10,
            "",
            BinaryCrossEntropyLoss(name="c", coefficient=2.0),
        ),
        (
            "bce",
            LOGISTIC,
            "fc10_neuron",
            10,
            "posWeight=3",
            BinaryCrossEntropyLoss(name="c", coefficient=2.0, positive_weight=3.0),
        ),
        ("rflickr", LOGISTIC, "fc10_neuron", 10, "", RobustLoss(name="c", coefficient=2.0)),
        ("gsum2", LOGISTIC, "fc10_neuron", 1, "", GatedSumOfSquaresLoss(name="c", coefficient=2.0)),
        (
            "msm",
            LOGISTIC,
            "fc10_neuron",
            1,
            "setSize=3\nthreads=8",
            SubsetSoftmaxLoss(name="c", set_size=3, coefficient=2.0),
        ),
    ],
)
def test_every_cost_and_the_labels_that_it_wants(
    kind: str, end: str, second: str, labels: int, parameters: str, expected: Layer
) -> None:
    end = end.replace("[logprob]", "[c]").replace("cost.logreg", f"cost.{kind}")
    end = end.replace("labels,probs", f"labels,{second.removesuffix('_neuron')}")
    learned = LEARN.replace("[logprob]\ncoeff=1", f"[c]\ncoeff=2\n{parameters}")
    network = read(DATA + CONV + end, learned).network
    assert network["labels"] == Input(name="labels", shape=(labels, 1, 1), content="labels")
    loss = network["c"]
    assert loss.reads == ("labels", second)
    assert type(loss) is type(expected)
    assert {k: v for k, v in vars(loss).items() if k not in ("reads", "source")} == {
        k: v for k, v in vars(expected).items() if k not in ("reads", "source")
    }


def test_a_sum_of_squared_differences_gives_the_labels_their_size() -> None:
    end = LOGISTIC.replace("[logprob]\ntype=cost.logreg\ninputs=labels,probs\n", "") + (
        "[diff]\ntype=eltsum\ninputs=labels,fc10\ncoeffs=1,-1\n"
        "[sqdiff]\ntype=cost.sum2\ninputs=diff\n"
    )
    learned = LEARN.replace("logprob", "sqdiff").replace("coeff=1", "coeff=0")
    network = read(DATA + CONV + end, learned).network
    assert network["labels"] == Input(name="labels", shape=(10, 1, 1), content="labels")
    assert network["sqdiff"] == SumOfSquaresLoss(name="sqdiff", reads=("diff",), coefficient=0.0)


def test_the_cost_without_a_released_kernel_is_kept_in_the_notes() -> None:
    tica = "[tica]\ntype=cost.tica\ninputs=conv1\nchannels=16\nsizeX=3\n"
    found = read(DATA + CONV + END + tica, LEARN + "[tica]\ncoeff=0.5\n")
    assert "tica" not in found.network
    note = next(note for note in found.notes if "cost.tica" in note)
    assert "[tica] type=cost.tica, inputs=conv1, channels=16, sizex=3, coeff=0.5" in note
