"""Holds our rules for torchinfo, fvcore, ptflops, thop and calflops against those tools, to the
unit, on every catalog network that plain torch modules can say; then times a cold start.

Run: python benchmarks/count_tools.py [--pairs 5]. It runs the tools that are installed, names the
others, and takes about a minute. Exit status 1 where a number differs.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import importlib
import importlib.util
import io
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import metadata

import torch
from results import record
from torch import Tensor, nn

import alexnet
from alexnet import terminal
from alexnet.network.arithmetic import network_parameters
from alexnet.network.compare import compare
from alexnet.network.layers import (
    Activation,
    AveragePool,
    Conv,
    CrossMapNorm,
    Dropout,
    FanInUniform,
    FullyConnected,
    Input,
    Kernel,
    Layer,
    Loss,
    MaxPool,
    Softmax,
    Window,
)
from alexnet.network.shapes import elements
from alexnet.network.spec import Network
from alexnet.network.tools import ToolCount, tool_counts
from alexnet.network.towers import fold
from alexnet.torch_net.from_module import from_module
from alexnet.torch_net.windows import frame

NETWORKS = (
    "one_weird_trick",
    "caffe",
    "caffenet",
    "cs231n",
    "paper",
    "tiny",
    "80sec",
    "cifar_relu",
    "cifar_tanh",
)
"""The catalog's others have layers that torch has no module for."""

Shape = tuple[int, int, int]
Counts = dict[str, int]


# --- plain torch modules that say what a Network says ---------------------------------------------


class InGroups(nn.Module):
    """One response norm for each set of maps."""

    def __init__(self, norms: Sequence[nn.Module]) -> None:
        super().__init__()
        self.norms = nn.ModuleList(norms)

    def forward(self, x: Tensor) -> Tensor:
        parts = x.chunk(len(self.norms), dim=1)
        return torch.cat([norm(part) for norm, part in zip(self.norms, parts, strict=True)], dim=1)


def plain(network: Network) -> nn.Sequential:
    """A straight chain as torch's own modules, with fresh weights; losses are left out."""
    modules: list[nn.Module] = []
    for layer in network:
        if isinstance(layer, FullyConnected) and not any(isinstance(x, nn.Linear) for x in modules):
            modules.append(nn.Flatten())
        if not isinstance(layer, Input | Loss):
            modules += modules_of(layer, network)
    return nn.Sequential(*modules)


def modules_of(layer: Layer, network: Network) -> Iterator[nn.Module]:
    match layer:
        case Conv(kernels=(kernel,)):
            laid = laid_out(layer, network, kernel)
            if laid.margins is not None:
                yield nn.ZeroPad2d(laid.margins)
            yield nn.Conv2d(
                network.inputs_of(layer)[0][0],
                layer.filters,
                kernel.size,
                kernel.stride,
                laid.padding,
                groups=kernel.groups,
                bias=layer.bias == "shared",
            )
        case FullyConnected(reads=(read,)):
            features = elements(network.shape(read))
            yield nn.Linear(features, layer.outputs, bias=layer.bias == "shared")
        case MaxPool() | AveragePool():
            yield pool(layer, network)
        case CrossMapNorm():
            alpha = layer.alpha * (1 if layer.alpha_divided else layer.size)
            norms = [
                nn.LocalResponseNorm(layer.size, alpha, layer.beta, layer.k)
                for _ in range(layer.groups)
            ]
            yield norms[0] if len(norms) == 1 else InGroups(norms)
        case Dropout():
            yield nn.Dropout(1 - layer.keep)
        case Softmax():
            yield nn.Softmax(dim=1)
        case Activation():
            yield activation(layer)
        case _:
            raise ValueError(f"layer '{layer.name}': no plain module is written for {layer.kind}")


def laid_out(layer: Conv | MaxPool | AveragePool, network: Network, window: Kernel | Window):
    sides = network.placed[layer.name].sides[0]
    shape = network.inputs_of(layer)[0]
    pooling = not isinstance(layer, Conv)
    return frame(sides, shape, window.size, window.stride, pooling=pooling)


def pool(layer: MaxPool | AveragePool, network: Network) -> nn.Module:
    laid = laid_out(layer, network, layer.window)
    assert laid.margins is None, f"torch's own pooling cannot lay the windows of '{layer.name}'"
    size, stride = layer.window.size, layer.window.stride
    if isinstance(layer, MaxPool):
        return nn.MaxPool2d(size, stride, laid.padding, ceil_mode=laid.ceil)
    assert layer.divisor in ("inside", "padded"), "no other divisor is in the networks above"
    return nn.AvgPool2d(size, stride, laid.padding, laid.ceil, layer.divisor == "padded")


def activation(layer: Activation) -> nn.Module:
    match layer.function, layer.parameters:
        case "relu", _:
            return nn.ReLU()
        case "bounded-relu", (6.0,):
            return nn.ReLU6()
        case "bounded-relu", (bound,):
            return nn.Hardtanh(0.0, bound)
        case "soft-relu", _:
            return nn.Softplus(threshold=4)
        case "logistic", _:
            return nn.Sigmoid()
        case "tanh", (1.0, 1.0):
            return nn.Tanh()
        case "soft-threshold", (1.0,):
            return nn.Tanhshrink()
        case "identity", _:
            return nn.Identity()
    raise ValueError(f"layer '{layer.name}': torch has no module for {layer.function}")


def every_part() -> Network:
    """One layer of every part that the rules tell apart, with and without biases."""
    drawn = FanInUniform(1.0)
    kernel = Kernel(size=3, padding=1, initial=drawn)
    window = Window(size=3, stride=2, padding=1)
    chain: list[Layer] = [
        Conv(name="conv1", filters=8, kernels=(kernel,), rule="torch", bias="none"),
        Activation(name="relu6", function="bounded-relu", parameters=(6.0,)),
        AveragePool(name="average", window=window, rule="torch", divisor="padded"),
        CrossMapNorm(name="norm", size=4, alpha=1e-3, alpha_divided=True, beta=0.75, k=1.0),
        Conv(name="conv2", filters=8, kernels=(replace(kernel, groups=2, stride=2),), rule="torch"),
        Activation(name="hardtanh", function="bounded-relu", parameters=(2.0,)),
        MaxPool(name="max", window=Window(size=2, stride=2), rule="caffe"),
        Activation(name="tanh", function="tanh", parameters=(1.0, 1.0)),
        Dropout(name="dropout", keep=0.75, scaling="train"),
        FullyConnected(name="fc1", outputs=12, initial=(drawn,), bias="none"),
        Activation(name="relu", function="relu"),
        Activation(name="softplus", function="soft-relu"),
        Activation(name="sigmoid", function="logistic"),
        Activation(name="tanhshrink", function="soft-threshold", parameters=(1.0,)),
        FullyConnected(name="fc2", outputs=7, initial=(drawn,)),
        Softmax(name="probs"),
    ]
    layers: list[Layer] = [Input(name="data", shape=(4, 21, 19))]
    for layer in chain:
        layers.append(replace(layer, reads=(layers[-1].name,)))
    return Network("every part", tuple(layers))


class Torchvision(nn.Module):
    """torchvision/models/alexnet.py, from its published structure."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(p=0.5),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, 1000),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def assert_same_outputs(network: Network, module: nn.Module) -> None:
    """What the tools will see computes what alexnet.build runs."""

    def scaled_in_training(layer: Layer) -> Layer:
        return replace(layer, scaling="train") if isinstance(layer, Dropout) else layer

    modern = replace(network, layers=tuple(map(scaled_in_training, network)))
    names = [parameter.name for parameter in network_parameters(modern)]
    arrays = dict(zip(names, module.state_dict().values(), strict=True))
    built = alexnet.build(modern, arrays=arrays).eval()
    picture = torch.rand(2, *network.picture.shape)
    with torch.no_grad():
        torch.testing.assert_close(module.eval()(picture), built(picture), rtol=1e-3, atol=1e-4)


# --- the tools ------------------------------------------------------------------------------------


def torchinfo(module: nn.Module, shape: Shape) -> Counts:
    tool = importlib.import_module("torchinfo")
    found = tool.summary(module, input_size=(1, *shape), verbose=0)
    return {"Total mult-adds": found.total_mult_adds, "Total params": found.total_params}


def fvcore(module: nn.Module, shape: Shape) -> Counts:
    tool = importlib.import_module("fvcore.nn")
    analysis = tool.FlopCountAnalysis(module.eval(), torch.rand(1, *shape))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return {
        "FlopCountAnalysis.total()": analysis.total(),
        "parameter_count": tool.parameter_count(module)[""],
    }


def ptflops(module: nn.Module, shape: Shape) -> Counts:
    count = importlib.import_module("ptflops").get_model_complexity_info
    quiet = {"as_strings": False, "print_per_layer_stat": False}
    macs, parameters = count(module, shape, backend="pytorch", **quiet)
    return {
        "MACs, backend pytorch": macs,
        "MACs, backend aten": count(module, shape, backend="aten", **quiet)[0],
        "params": parameters,
    }


def thop(module: nn.Module, shape: Shape) -> Counts:
    tool = importlib.import_module("thop")
    macs, parameters = tool.profile(module, inputs=(torch.rand(1, *shape),), verbose=False)
    return {"MACs": macs, "params": parameters}


def calflops(module: nn.Module, shape: Shape) -> Counts:
    count = importlib.import_module("calflops").calculate_flops
    found = count(module, (1, *shape), print_results=False, output_as_string=False)
    return dict(zip(("fwd FLOPs", "fwd MACs", "Total Training Params"), found, strict=True))


TOOLS: dict[str, Callable[[nn.Module, Shape], Counts]] = {
    "torchinfo": torchinfo,
    "fvcore": fvcore,
    "ptflops": ptflops,
    "thop": thop,
    "calflops": calflops,
}


def installed() -> list[str]:
    """The tools that can be imported; the others are named."""
    found: list[str] = []
    for name in TOOLS:
        try:
            importlib.import_module("fvcore.nn" if name == "fvcore" else name)
        except ImportError as error:
            terminal.say(f"skipped: {name} ({error})")
        else:
            found.append(name)
    return found


@dataclass(frozen=True)
class Held:
    """Our number beside a tool's."""

    network: str
    ours: ToolCount
    value: int
    theirs: int

    @property
    def agrees(self) -> bool:
        return self.value == self.theirs


def hold(
    label: str, network: Network, module: nn.Module, tools: list[str], *, idle_pool: bool = False
) -> list[Held]:
    """Every number of every installed tool for `module`, beside ours for `network`."""
    found: list[Held] = []
    theirs: dict[str, Counts] = {}
    for tool in tools:  # each gets a copy: some leave hooks or buffers behind
        with contextlib.redirect_stdout(io.StringIO()):
            theirs[tool] = TOOLS[tool](copy.deepcopy(module), network.picture.shape)
    for count in tool_counts(network):
        if count.tool in theirs:
            value = count.value + (count.idle_pool if idle_pool else 0)
            found.append(Held(label, count, value, int(theirs[count.tool][count.quantity])))
    return found


def held_networks(tools: list[str]) -> Iterator[list[Held]]:
    for network in [*map(alexnet.get_network, NETWORKS), every_part()]:
        column = fold(network)[0] if network.towers else network
        module = plain(column)
        assert_same_outputs(column, module)
        yield hold(network.name, network, module, tools)
    module = Torchvision()
    network = from_module(module, (3, 224, 224))
    differences = compare(network, alexnet.get_network("one_weird_trick")).differences
    assert not differences, f"torchvision's module is not the catalog's network: {differences}"
    yield hold("torchvision's module", network, module, tools, idle_pool=True)


def reconcile() -> bool:
    """Prints the table; whether every number agrees."""
    tools = installed()
    held = [one for some in held_networks(tools) for one in some]
    rows = [
        (
            one.network,
            one.ours.tool,
            one.ours.quantity,
            f"{one.value:,}",
            f"{one.theirs:,}",
            "agrees" if one.agrees else f"DIFFERS by {one.theirs - one.value:+,}",
        )
        for one in held
    ]
    read_in = {count.ours.tool: count.ours.version for count in held}
    notes = [
        f"{tool} {metadata.version(tool)} is installed; its rules were read in {read_in[tool]}"
        for tool in tools
    ]
    good = sum(one.agrees for one in held)
    record(
        "5-tools",
        title="Other counters' numbers, by our rules and by the tools themselves",
        command="python benchmarks/count_tools.py",
        wanted="agreement to the unit",
        columns=["tool", "version", "numbers", "agree"],
        rows=[_agreement(tool, held) for tool in tools],
    )
    notes.append(f"{good} of {len(held)} numbers agree to the unit (torch {torch.__version__})")
    columns = ("network", "tool", "what it prints", "#ours by its rule", "#theirs", "verdict")
    terminal.show(terminal.Table(columns=columns, rows=rows, notes=notes))
    return good == len(held)


def _agreement(tool: str, held: list[Held]) -> list[str]:
    own = [one for one in held if one.ours.tool == tool]
    return [tool, metadata.version(tool), str(len(own)), str(sum(one.agrees for one in own))]


# --- cold start -----------------------------------------------------------------------------------

PEER = """
import json, torch, torchinfo
from torch import nn
def norm(): return nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)
def pool(): return nn.MaxPool2d(3, 2, ceil_mode=True)
with torch.device("meta"):
    net = nn.Sequential(
        nn.ZeroPad2d((0, 3, 0, 3)), nn.Conv2d(3, 96, 11, 4), nn.ReLU(), norm(), pool(),
        nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), norm(), pool(),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), pool(), nn.Flatten(),
        nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(),
        nn.Dropout(), nn.Linear(4096, 1000), nn.Softmax(1))
    found = torchinfo.summary(net, input_data=torch.empty(1, 3, 224, 224), device="meta", verbose=0)
print(json.dumps({
    "layers": [
        {"name": x.var_name, "kind": x.class_name, "output_shape": x.output_size[1:],
         "parameters": x.num_params, "multiply_adds": x.macs}
        for x in found.summary_list if x.is_leaf_layer],
    "total": {"parameters": found.total_params, "multiply_adds": found.total_mult_adds}}))
"""
"""The paper's network, folded, as a person would ask torchinfo: without any memory (meta)."""


def timed(command: list[str]) -> tuple[float, int]:
    """Seconds of a whole process, and the parameters that its JSON adds up to."""
    begin = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - begin, json.loads(done.stdout)["total"]["parameters"]


def cold_start(pairs: int) -> None:
    """Times whole processes in interleaved pairs, after one unmeasured pair."""
    ours = [sys.executable, "-m", "alexnet", "explain", "paper", "--json"]
    theirs = [sys.executable, "-c", PEER]
    (_, parameters), (_, other_parameters) = timed(ours), timed(theirs)
    assert parameters == other_parameters, "the two tables must be of the same network"
    times = [(timed(ours)[0], timed(theirs)[0]) for _ in range(pairs)]
    ratio = statistics.median(b / a for a, b in times)
    one, other = (statistics.median(column) for column in zip(*times, strict=True))
    record(
        "6-cold-start",
        title="Cold start of the account",
        command="python benchmarks/count_tools.py",
        wanted="at least 10 times faster than torch and torchinfo for the same table",
        columns=["alexnet explain paper --json", "torch + torchinfo", "ratio", "pairs"],
        rows=[[f"{one:.3f} s", f"{other:.3f} s", f"{ratio:.1f}", str(pairs)]],
        remark="Whole processes in interleaved pairs, medians; torchinfo reads a module on the "
        "meta device, which is its fastest way.",
    )
    terminal.say(
        f"cold start, median of {pairs} interleaved pairs: alexnet explain paper --json"
        f" {one:.3f} s, torch + torchinfo {other:.3f} s; ratio {ratio:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5, help="of cold starts to time")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    agree = reconcile()
    if importlib.util.find_spec("torchinfo"):
        cold_start(arguments.pairs)
    else:
        terminal.say("skipped: the cold start (torchinfo is its peer)")
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main()
