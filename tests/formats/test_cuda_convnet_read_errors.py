"""What is refused of definitions, with the place and what would be right."""

from __future__ import annotations

import re

import pytest

from alexnet.formats.checkpoint import FormatError
from formats.cuda_convnet_texts import CONV, DATA, END, LEARN, NORM, SPARSE, conv, read

REFUSED = {
    "nothing": ("", r"layers-x\.cfg: holds no \[section\]"),
    "parameters": (LEARN, r"none of its 3 sections has a type; it looks like a parameter file"),
    "no type": (conv(("type=conv\n", "")), r"cfg:7, \[conv1\]: has no type"),
    "unknown type": (conv(("=conv\n", "=convv\n")), r"cfg:8, \[conv1\]: type is 'convv'.*'conv'"),
    "foreign type": (conv(("=conv\n", "=xyz\n")), "known are data, conv, local"),
    "crop": (conv(extra="[x]\ntype=crop\n"), r"'crop'.*in no released file and are not read"),
    "sum": (conv(extra="[x]\ntype=sum\n"), "'sum'.*in no released file"),
    "sfc": (conv(extra="[x]\ntype=sfc\n"), "'sfc'.*in no released file"),
    "cost.dce": (conv(extra="[x]\ntype=cost.dce\n"), "'cost.dce'.*in no released file"),
    "no inputs": (conv(("inputs=data\n", "")), r"\[conv1\]: the key inputs is missing"),
    "unknown input": (
        conv(("inputs=data", "inputs=dat")),
        r"cfg:9, \[conv1\]: inputs is 'dat'; no section is called 'dat'; is 'data' meant\?",
    ),
    "strange input": (conv(("inputs=data", "inputs=7")), "every input is the name of a section"),
    "reads a cost": (
        conv(extra="[x]\ntype=softmax\ninputs=logprob\n"),
        r"'logprob' is of type cost.logreg; a cost gives nothing",
    ),
    "circle": (conv(("inputs=data", "inputs=fc10")), r"\[conv1\].*it reads itself"),
    "reads itself": (conv(("inputs=data", "inputs=conv1")), r"\[conv1\].*it reads itself"),
    "key missing": (conv(("filterSize=5\n", "")), r"\[conv1\]: the key filterSize is missing$"),
    "key misspelt": (
        conv(("filterSize", "filtrSize")),
        r"the key filterSize is missing; is 'filtrsize' meant\?",
    ),
    "no number": (
        conv(("filters=16", "filters=many")),
        r"cfg:11, \[conv1\]: filters is 'many'; it must be a whole number from 1 to 1000000",
    ),
    "huge": (conv(("filters=16", "filters=1000000000000")), "whole number from 1 to 1000000"),
    "zero": (conv(("filterSize=5", "filterSize=0")), "whole number from 1"),
    "too large a window": (
        conv(("filterSize=5", "filterSize=13")),
        r"layers-x\.cfg:7, \[conv1\]: a window of 13 does not fit into 8 pixels with padding 2",
    ),
    "channels": (
        conv(extra=SPARSE.replace("channels=16", "channels=32")),
        r"\[x\]: channels is '32'; 'conv1' has 16 channels",
    ),
    "too many values": (
        conv(("padding=2", "padding=2,2")),
        "padding is '2,2'; it has 2 values and the layer has 1 input; give one for each",
    ),
    "no initW": (conv(("initW=0.01\n", "")), "the key initW is missing; give a standard"),
    "unlike filters": (
        conv(
            extra=SPARSE.replace("inputs=conv1", "inputs=conv1,conv1")
            .replace("channels=16", "channels=16,16")
            .replace("filters=16", "filters=16,32")
            .replace("filterSize=5\npadding=2\ninitW=0.01", "filterSize=5,5\ninitW=1,1")
        ),
        r"with groups 1, 1 its inputs give \[16, 32\] filters; all must give as many",
    ),
    "groups": (
        conv(("padding=2", "padding=2\ngroups=2")),
        "groups is 2, which does not divide the 3 channels",
    ),
    "sparse in one group": (
        conv(("padding=2", "padding=2\nrandSparse=1")),
        "sparse connections need groups of more than 1",
    ),
    "uneven sparse": (
        conv(extra=SPARSE + "groups=2\nrandSparse=1\nfilterChannels=5\n"),
        "do not see each of 16 as often",
    ),
    "vast sparse": (
        conv(extra=SPARSE + "groups=1000000\nrandSparse=1\nfilterChannels=16\n"),
        "its connections make the network too large to read",
    ),
    "dense with filterChannels": (
        conv(
            extra=SPARSE.replace("inputs=conv1", "inputs=conv1,conv1")
            .replace("channels=16", "channels=16,16")
            .replace("filters=16", "filters=16,8")
            .replace("filterSize=5\npadding=2\ninitW=0.01", "filterSize=5,5\ninitW=1,1")
            + "groups=1,2\nrandSparse=0,1\nfilterChannels=8,8\n"
        ),
        "input 0 is not sparse; its filters see 16",
    ),
    "shares with none": (
        conv(("padding=2", "padding=2\nweightSource=data")),
        "weightSource is 'data'; 'data' is no layer of type conv",
    ),
    "shares with itself": (
        conv(("padding=2", "padding=2\nweightSource=conv1")),
        "input 0 of 'conv1' does not come before",
    ),
    "shares unlike shapes": (
        conv(extra=SPARSE + "weightSource=conv1\n"),
        r"\[x\]: weights 0 are those of 'conv1' input 0, which have another shape",
    ),
    "shares an input that is not": (
        conv(extra=SPARSE + "weightSource=conv1[3]\n"),
        "'conv1' has no input 3; they are counted from 0",
    ),
    "shares nonsense": (conv(("padding=2", "weightSource=a b")), r"must be layer\[index\]"),
    "unknown neuron": (
        conv(("padding=2", "padding=2\nneuron=abstanh[1,2]")),
        r"neuron is 'abstanh\[1,2\]'; known are abs, brelu\[a\], drelu\[a\], ident, linear\[a,b\]",
    ),
    "neuron without its numbers": (conv(("padding=2", "neuron=tanh")), r"must be tanh\[a,b\]"),
    "neuron with numbers": (conv(("padding=2", "neuron=relu[1]")), "must be relu, with 0"),
    "neuron with words": (conv(("padding=2", "neuron=brelu[a]")), "must be numbers"),
    "neuron that divides by 0": (conv(("padding=2", "padding=2\nneuron=tanh[0,1]")), "a = 0"),
    "two inputs of one": (
        conv(extra="[x]\ntype=softmax\ninputs=data,data\n"),
        "it reads 2 layers; softmax reads one layer",
    ),
    "a cost of one": (
        conv().replace("labels,probs", "probs"),
        "it reads 1 layers; cost.logreg reads labels, then a softmax",
    ),
    "no softmax": (
        conv().replace("labels,probs", "labels,fc10"),
        "inputs is 'labels,fc10'; it reads labels, then a softmax; 'fc10' is of type fc",
    ),
    "labels last": (conv().replace("labels,probs", "probs,labels"), "'labels' is of type data"),
    "pool word": (
        conv(extra="[x]\ntype=pool\npool=mean\ninputs=conv1\nchannels=16\nsizeX=2\nstride=2\n"),
        "pool is 'mean'; it must be one of max, maxabs, avg, rand",
    ),
    "pool outside": (
        conv(extra="[x]\ntype=pool\npool=max\ninputs=conv1\nchannels=16\nsizeX=2\nstride=2\n"
             "start=-9\n"),
        "wholly outside the 8 pixels",
    ),
    "negative outputsX": (
        conv(extra="[x]\ntype=pool\npool=max\ninputs=conv1\nchannels=16\nsizeX=2\nstride=2\n"
             "outputsX=-1\n"),
        "must be 0, for the rule",
    ),
    "norm without parameters": (
        conv(extra=NORM),
        r"\[x\]: a layer of type cmrnorm needs scale and pow from a parameter file; give it",
    ),
    "hs without parameters": (
        conv(extra="[x]\ntype=hs\nkeep=0.5\ninputs=conv1\n"),
        "a layer of type hs needs enable from a parameter file",
    ),
    "random pooling without parameters": (
        conv(extra="[x]\ntype=pool\npool=rand\ninputs=conv1\nchannels=16\nsizeX=2\nstride=2\n"),
        "needs doMax from a parameter file",
    ),
    "blur": (
        conv(extra="[x]\ntype=blur\ninputs=conv1\nchannels=16\nfilterSize=4\nstdev=1\n"),
        "size is 4; it must be 3, 5, 7 or 9",
    ),
    "unlike sums": (conv(extra="[x]\ntype=eltsum\ninputs=conv1,data\n"), "need them alike"),
    "gpu": (conv(("padding=2", "gpu=26")), "GPUs are counted from 0 to 25"),
    "gpu twice": (conv(("padding=2", "gpu=1,1")), "it names a GPU twice"),
    "data without its index": (DATA.replace("dataIdx=0", "") + CONV + END, "dataIdx is missing"),
    "data without an end": (
        DATA.replace("dataIdx=0", "dataIdx=0\nstart=5") + CONV + END,
        "the end of the data is not stated",
    ),
    "data of no size": (
        conv(extra="[d]\ntype=data\ndataIdx=2\n[x]\ntype=fc\noutputs=2\ninitW=1\ninputs=d\n"),
        r"\[d\]: nothing that reads it tells how many units it has",
    ),
    "no picture": (
        "[l]\ntype=data\ndataIdx=1\n[x]\ntype=cost.gsum2\ninputs=l,l\n",
        "no layer of type data gives a picture; one has dataIdx=0",
    ),
    "tree with two inputs": (
        conv().replace("type=fc\ninputs=conv1", "type=treefc\ninputs=conv1,conv1"),
        "treefc reads one layer",
    ),
    "shared tree": (
        conv().replace("type=fc\n", "type=treefc\n")
        .replace("outputs=10", "outputs=10\nweightSource=fc10"),
        "does not come before",
    ),
    "many inputs": (
        conv(extra="".join(
            f"[x{i}]\ntype=eltsum\ninputs={','.join(['conv1'] * 60)}\n" for i in range(20))),
        "more than 1000 inputs together",
    ),
    "wide input": (
        conv(extra=f"[x]\ntype=eltsum\ninputs={','.join(['conv1'] * 65)}\n"),
        "it has 65 parts; there may be 64",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_and_why(name: str) -> None:
    text, why = REFUSED[name]
    with pytest.raises(FormatError, match=re.compile(why, re.DOTALL)) as raised:
        read(text)
    assert str(raised.value).startswith("layers-x.cfg") and len(str(raised.value)) < 400


def test_parameters_are_refused_where_they_are_wrong() -> None:
    definition = conv(extra=NORM)
    with pytest.raises(FormatError, match=r"layer-params-x\.cfg: has no section \[x\]; the layer"):
        read(definition, LEARN)
    with pytest.raises(FormatError, match=r"layer-params-x\.cfg:17, \[x\]: pow is 'high'"):
        read(definition, LEARN + "[x]\nscale=1\npow=high\n")
    with pytest.raises(FormatError, match=r"cfg:16, \[x\]: scale is '-1'; it must not be neg"):
        read(definition, LEARN + "[x]\nscale=-1\npow=1\n")
    with pytest.raises(FormatError, match=r"minDiv is '0'; it must be above 0"):
        read(definition, LEARN + "[x]\nscale=1\npow=1\nminDiv=0\n")
    with pytest.raises(FormatError, match="its sections have types; it is a definition"):
        read(definition, definition)
    with pytest.raises(FormatError, match="the key coeff is missing"):
        read(conv(), LEARN.replace("coeff=1", "topk=1"))
    with pytest.raises(
        FormatError, match=r"params-x\.cfg:15, \[logprob\]: topk is '11'; there are 10"
    ):
        read(conv(), LEARN.replace("coeff=1", "coeff=1\ntopk=11"))
    hs = "[x]\ntype=hs\nkeep=1.5\ninputs=conv1\n"
    with pytest.raises(FormatError, match=r"keep is '1.5'; it must lie in 0 … 1"):
        read(conv(extra=hs), LEARN + "[x]\nenable=1\n")
    with pytest.raises(FormatError, match=r"dropout is '1'; it must lie in 0 … 1"):
        read(conv(), LEARN.replace("[fc10]", "dropout=1\n[fc10]"))


@pytest.mark.parametrize("side", [0, -5, 10**9])
def test_absurd_pictures_are_refused(side: int) -> None:
    with pytest.raises(FormatError, match=r"it must lie in 1 … 10000"):
        read(conv(), side=side)
