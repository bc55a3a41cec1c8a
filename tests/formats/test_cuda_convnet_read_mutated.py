"""Whatever a text says, it is read and can be counted, or is refused with a sentence."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.parsing import parse_document
from alexnet.formats.cuda_convnet.reader import Definition, read_documents
from alexnet.network.ledger import ledger
from formats.cuda_convnet_texts import LEARN, NORM, SPARSE, conv

WHOLE = (
    conv(("padding=2", "padding=2\nneuron=tanh[1,1]\ngpu=0"), extra=NORM)
    + SPARSE.replace("[x]", "[y]")
    + "groups=2\nrandSparse=1\nweightSource=\n"
    + "[hs]\ntype=hs\nkeep=0.5\ninputs=conv1\n"
    + "[pool]\ntype=pool\npool=max\ninputs=x\nchannels=16\nsizeX=3\nstride=2\nstart=-1\n"
    + "[sum]\ntype=eltsum\ninputs=x,conv1\ncoeffs=1,-1\n"
    + "[tree]\ntype=treefc\ninputs=pool\ninitW=0.1\noutputs=5\n"
)  # fmt: skip
WHOLE_LEARN = (
    LEARN
    + LEARN.split("[fc10]")[0].replace("conv1", "y")
    + "schedW=dexp[tgtFactor=10,noiseStdev=0,numSteps=2]\n"
    + LEARN.split("[fc10]")[0].replace("conv1", "tree")
    + "[hs]\nenable=true\n[x]\nscale=0.1\npow=0.75\nminDiv=2\n"
)
PIECES = [
    *sorted(set(WHOLE.splitlines() + WHOLE_LEARN.splitlines())),
    "", " ", "=", ":", "[", "]", "%", "%(inputs)s", "-1", "0", "1e9", "999999", "nan", ",", ";",
    "#", "\x00", "\ufeff", "é", "\x85", "[DEFAULT]", "type=", "gpu=1", "filters=1000000",
    "groups=4", "stride=1000000", "modulesX=3", "outputs=1000000", "  ", "\t",
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """The text with some lines or letters changed, left out, doubled or moved."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1)) if lines else 0
        piece = draw(st.sampled_from(PIECES))
        match draw(st.sampled_from(["drop", "add", "put", "swap", "splice"])):
            case "drop":
                del lines[at : at + draw(st.integers(1, 5))]
            case "add":
                lines.insert(at, piece)
            case "put" if lines:
                lines[at] = piece
            case "swap" if lines:
                other = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case _:
                line = lines[at] if lines else ""
                cut = draw(st.integers(0, len(line)))
                lines[at : at + 1] = [line[:cut] + piece + line[cut + draw(st.integers(0, 3)) :]]
    return "\n".join(lines)


def read_or_refuse(definition: str, parameters: str | None) -> Definition | None:
    try:
        return read_documents(
            parse_document(definition, "a.cfg"),
            None if parameters is None else parse_document(parameters, "b.cfg"),
            side=8,
        )
    except FormatError as error:
        assert len(str(error)) < 600
        return None


def test_the_text_that_is_mutated_is_read() -> None:
    assert read_or_refuse(WHOLE, WHOLE_LEARN) is not None


@settings(max_examples=250, deadline=2000)
@given(mutated(WHOLE), mutated(WHOLE_LEARN), st.sampled_from(["definition", "parameters", "both"]))
def test_a_mutated_text_is_read_and_counted_or_refused(
    definition: str, parameters: str, which: str
) -> None:
    found = read_or_refuse(
        WHOLE if which == "parameters" else definition,
        WHOLE_LEARN if which == "definition" else parameters,
    )
    if found is not None:
        assert ledger(found.network).total.parameters >= 0


@settings(max_examples=100, deadline=2000)
@given(st.text(st.sampled_from("[]=:;#%(),s \n\tab1.-\x00é"), max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    read_or_refuse(text, None)
    read_or_refuse(WHOLE, text)
