"""How torchinfo, fvcore, ptflops, thop and calflops count, as data; it counts nothing itself.

The rules were read in the tools' own sources; `benchmarks/count_tools.py` holds them against the
tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Part = Literal[
    "convolution",
    "linear",
    "relu",
    "relu6",
    "activation",
    "max-pool",
    "average-pool",
    "response-norm",
    "dropout",
    "softmax",
    "idle-pool",
]
"""What the tools tell apart. "activation" is any but ReLU and ReLU6; "idle-pool" is an
AdaptiveAvgPool2d to the size that is there already, as torchvision's AlexNet has one.
"""

PARTS: tuple[Part, ...] = get_args(Part)

Measure = Literal[
    "multiply-adds",
    "biases added",
    "parameters",
    "numbers read",
    "numbers written",
    "numbers of margin",
    "layers",
]
"""What a rule may count of a layer. The margin is what torch's local_response_norm pads the maps
with.
"""

Rate = Mapping[Measure, int]


@dataclass(frozen=True, kw_only=True)
class ToolRule:
    """One number that a tool prints, as data.

    Attributes:
        tool, version: by the name and version of its package.
        quantity: as the tool calls it.
        file: where in the package the rule stands.
        sentence: the rule in words.
        rates: for each part that counts, how much each measure of it counts.
        uncounted: the parts that the tool counts as zero; with `rates` they are all of PARTS.
    """

    tool: str
    version: str
    quantity: str
    file: str
    sentence: str
    rates: Mapping[Part, Rate]
    uncounted: tuple[Part, ...]

    def __post_init__(self) -> None:
        """No part may be left unsaid."""
        said = [*self.rates, *self.uncounted]
        assert sorted(said) == sorted(PARTS), f"{self.tool} does not say each part once: {said}"


WEIGHTLESS: tuple[Part, ...] = PARTS[2:]

ONCE: Rate = {"multiply-adds": 1}
WITH_BIASES: Rate = {"multiply-adds": 1, "biases added": 1}
READ: Rate = {"numbers read": 1}
READ_TWICE: Rate = {"numbers read": 2}

NORM_CALLS: Rate = {"numbers read": 4, "numbers of margin": 1}
"""local_response_norm of torch calls mul twice and add once on the maps, and avg_pool3d on the maps
with their margin; division, power and padding are not patched.
"""


def _parameter_rule(tool: str, version: str, quantity: str, file: str) -> ToolRule:
    return ToolRule(
        tool=tool,
        version=version,
        quantity=quantity,
        file=file,
        sentence="every element of every weight and bias, once",
        rates={"convolution": {"parameters": 1}, "linear": {"parameters": 1}},
        uncounted=WEIGHTLESS,
    )


RULES: tuple[ToolRule, ...] = (
    ToolRule(
        tool="torchinfo",
        version="1.8.0",
        quantity="Total mult-adds",
        file="torchinfo/layer_info.py, calculate_macs",
        sentence="every weight and every bias once at each place where it is used, so that adding a"
        " bias counts as a multiply-add; modules without weights count nothing",
        rates={"convolution": WITH_BIASES, "linear": WITH_BIASES},
        uncounted=WEIGHTLESS,
    ),
    _parameter_rule("torchinfo", "1.8.0", "Total params", "torchinfo/model_statistics.py"),
    ToolRule(
        tool="fvcore",
        version="0.1.5.post20221221",
        quantity="FlopCountAnalysis.total()",
        file="fvcore/nn/jit_handles.py, conv_flop_count and linear_flop_jit",
        sentence="one flop is one multiply-add of a convolution or matrix product; biases, ReLU,"
        " pools, norms and softmax count nothing; an adaptive average pool counts what it reads",
        rates={"convolution": ONCE, "linear": ONCE, "idle-pool": READ},
        uncounted=PARTS[2:-1],
    ),
    _parameter_rule(
        "fvcore", "0.1.5.post20221221", "parameter_count", "fvcore/nn/parameter_count.py"
    ),
    ToolRule(
        tool="ptflops",
        version="0.7.5",
        quantity="MACs, backend pytorch",
        file="ptflops/pytorch_ops.py and pytorch_engine.py, patch_functional",
        sentence="one per multiply-add and per bias added; ReLU and pools count what they read"
        " twice, by a hook on the module and by a patch of the function that it calls (ReLU6 calls"
        " hardtanh, so once); softmax once; response norm by the mul, add and avg_pool3d that torch"
        " makes of it",
        rates={
            "convolution": WITH_BIASES,
            "linear": WITH_BIASES,
            "relu": READ_TWICE,
            "relu6": READ,
            "max-pool": READ_TWICE,
            "average-pool": READ_TWICE,
            "response-norm": NORM_CALLS,
            "softmax": READ,
            "idle-pool": READ_TWICE,
        },
        uncounted=("activation", "dropout"),
    ),
    ToolRule(
        tool="ptflops",
        version="0.7.5",
        quantity="MACs, backend aten",
        file="ptflops/aten_ops.py, ATEN_OPS_MAPPING",
        sentence="one per multiply-add and per bias added, in aten.convolution, addmm and mm;"
        " every other operator counts nothing",
        rates={"convolution": WITH_BIASES, "linear": WITH_BIASES},
        uncounted=WEIGHTLESS,
    ),
    _parameter_rule(
        "ptflops", "0.7.5", "params", "ptflops/pytorch_engine.py, get_model_parameters_number"
    ),
    ToolRule(
        tool="thop",
        version="0.1.1.post2209072238",
        quantity="MACs",
        file="thop/vision/basic_hooks.py and calc_func.py",
        sentence="one per multiply-add; biases, ReLU, max pools and modules without a rule (norms)"
        " count nothing; an average pool counts what it writes, an adaptive one that reads a"
        " single number for each twice that; softmax of n counts 3n − 1",
        rates={
            "convolution": ONCE,
            "linear": ONCE,
            "average-pool": {"numbers written": 1},
            "softmax": {"numbers written": 3, "layers": -1},
            "idle-pool": {"numbers written": 2},
        },
        uncounted=("relu", "relu6", "activation", "max-pool", "response-norm", "dropout"),
    ),
    _parameter_rule(
        "thop",
        "0.1.1.post2209072238",
        "params",
        "thop/vision/basic_hooks.py, count_parameters",
    ),
    ToolRule(
        tool="calflops",
        version="0.3.2",
        quantity="fwd FLOPs",
        file="calflops/pytorch_ops.py",
        sentence="two per multiply-add; one per bias added by a convolution, none by a linear"
        " layer; ReLU (not ReLU6), pools and softmax count what they read; response norm by the"
        " mul, add and avg_pool3d that torch makes of it",
        rates={
            "convolution": {"multiply-adds": 2, "biases added": 1},
            "linear": {"multiply-adds": 2},
            "relu": READ,
            "max-pool": READ,
            "average-pool": READ,
            "response-norm": NORM_CALLS,
            "softmax": READ,
            "idle-pool": READ,
        },
        uncounted=("relu6", "activation", "dropout"),
    ),
    ToolRule(
        tool="calflops",
        version="0.3.2",
        quantity="fwd MACs",
        file="calflops/pytorch_ops.py",
        sentence="one per multiply-add of a convolution or linear layer; nothing else",
        rates={"convolution": ONCE, "linear": ONCE},
        uncounted=WEIGHTLESS,
    ),
    _parameter_rule("calflops", "0.3.2", "Total Training Params", "calflops/calculate_pipline.py"),
)
"""Every number of every tool, in the order in which they are listed."""
