"""Small definition and parameter texts, and what reads them, for the tests of the reader."""

from __future__ import annotations

from alexnet.formats.cuda_convnet.class_tree import ClassTree
from alexnet.formats.cuda_convnet.parsing import parse_document
from alexnet.formats.cuda_convnet.reader import Definition, read_documents
from alexnet.network.layers import Layer

DATA = "[data]\ntype=data\ndataIdx=0\n[labels]\ntype=data\ndataIdx=1\n"
CONV = """[conv1]
type=conv
inputs=data
channels=3
filters=16
filterSize=5
padding=2
initW=0.01
partialSum=1
"""
END = """[fc10]
type=fc
inputs=conv1
outputs=10
initW=0.1
[probs]
type=softmax
inputs=fc10
[logprob]
type=cost.logreg
inputs=labels,probs
"""
LOGISTIC = END.replace("[probs]\ntype=softmax\ninputs=fc10\n", "").replace(
    "initW=0.1", "initW=0.1\nneuron=logistic"
)
RATES = "epsW=0.001\nepsB=0.002\nmomW=0.9\nmomB=0.8\nwc=0.0005\n"
LEARN = f"[conv1]\n{RATES}[fc10]\n{RATES}[logprob]\ncoeff=1\n"

NORM = "[x]\ntype=cmrnorm\ninputs=conv1\nchannels=16\nsize=5\n"
SPARSE = CONV.replace("[conv1]", "[x]").replace(
    "inputs=data\nchannels=3", "inputs=conv1\nchannels=16"
)


def conv(*changes: tuple[str, str], extra: str = "") -> str:
    """A definition whose convolution says something else."""
    text = CONV
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return DATA + text + extra + END


def read(
    definition: str,
    parameters: str | None = None,
    side: int | None = 8,
    tree: ClassTree | None = None,
    seed: int = 0,
) -> Definition:
    """From texts, as from files of these names."""
    return read_documents(
        parse_document(definition, "layers-x.cfg"),
        None if parameters is None else parse_document(parameters, "layer-params-x.cfg"),
        side=side,
        classes_tree=tree,
        seed=seed,
    )


def above_conv(section: str, parameters: str = "") -> Layer:
    """A section [x] over a convolution that gives 16 maps of 8×8."""
    text = DATA + CONV + f"[x]\n{section}" + END
    return read(text, LEARN + parameters if parameters else None).network["x"]
