"""The stock peers compute what our networks compute: the same network, in other modules."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from alexnet.bench.chain import chain, first_norm
from alexnet.bench.jobs import BenchError
from alexnet.bench.stock import GroupedResponseNorm, norm_module, stock
from alexnet.network.catalog import get_network
from alexnet.network.edit import with_classes, with_input
from alexnet.network.layers import CrossMapNorm, Dropout, FullyConnected, Layer, Softmax
from alexnet.network.spec import Network
from alexnet.torch_net import build, initial_arrays
from alexnet.torch_net.response_norm import CrossMapNormModule

NARROW = 16


def narrowed(name: str) -> Network:
    """A catalog network with few units in its hidden layers and few classes, so that it is fast."""
    network = with_classes(get_network(name), 8)

    def narrow(layer: Layer) -> Layer:
        if isinstance(layer, FullyConnected) and layer.outputs > 64:
            return replace(layer, outputs=NARROW)
        return layer

    return Network(network.name, tuple(narrow(layer) for layer in network))


def lively(network: Network) -> dict[str, Tensor]:
    """Arrays large enough for response norms to matter, unlike the paper's first ones."""
    draws = torch.Generator().manual_seed(1)
    return {
        name: torch.randn(array.shape, generator=draws) * (3.0 / array[0].numel()) ** 0.5
        if array.dim() > 1
        else torch.randn(array.shape, generator=draws) * 0.1
        for name, array in initial_arrays(network).items()
    }


def scores(network: Network, arrays: dict[str, Tensor], pictures: Tensor) -> Tensor:
    """What our module says before any softmax."""
    output = network.outputs
    name = output.reads[0] if isinstance(output, Softmax) else output.name
    module = build(network, arrays=arrays).eval()
    with torch.no_grad():
        return module(pictures, layers=[name])[name].flatten(1)


@pytest.mark.parametrize("name", ["paper", "one_weird_trick", "caffe", "cs231n", "tiny"])
def test_stock_modules_say_what_ours_says(name: str) -> None:
    network = narrowed(name)
    arrays = lively(network)
    pictures = torch.randn(2, *network.picture.shape, generator=torch.Generator().manual_seed(2))
    pictures *= 30
    ours = scores(network, arrays, pictures)
    with torch.no_grad():
        theirs = stock(network, arrays).eval()(pictures)
    assert ours.std() > 0.01
    torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-4 * float(ours.abs().max()))


@pytest.mark.parametrize("name", ["paper", "one_weird_trick"])
def test_the_peers_are_made_of_torchs_own_modules_alone(name: str) -> None:
    module = stock(narrowed(name))
    others = {type(one) for one in module if type(one).__module__.split(".")[0] != "torch"}
    assert others <= {GroupedResponseNorm}
    assert issubclass(GroupedResponseNorm, nn.LocalResponseNorm)
    assert {nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.Dropout, nn.Linear} <= {type(x) for x in module}
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert module.training


def test_a_grouped_norm_never_looks_across_the_border_and_is_stock_otherwise() -> None:
    layer, (channels, *_) = first_norm(get_network("paper"))
    assert (layer.groups, channels) == (2, 96)
    x = torch.randn(2, channels, 5, 5, generator=torch.Generator().manual_seed(0)) * 50
    theirs = norm_module(layer)
    torch.testing.assert_close(theirs(x), CrossMapNormModule(layer)(x))
    halves = [nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)(half) for half in x.chunk(2, 1)]
    torch.testing.assert_close(theirs(x), torch.cat(halves, 1))


def test_dropout_that_2012_scaled_at_test_time_is_the_same_while_training_too() -> None:
    """With every unit kept by the draw nothing but the scales can differ."""
    network = narrowed("paper")
    factors = chain(network).factors
    assert {name: factor for name, factor in factors.items() if factor != 1.0} == {
        "fc7": 0.5,
        "fc8": 0.5,
    }
    arrays = lively(network)
    pictures = torch.randn(1, *network.picture.shape)
    masks = {x.name: torch.ones(1, NARROW, 1, 1) for x in network if isinstance(x, Dropout)}
    ours = build(network, arrays=arrays)(pictures, layers=["fc8"], draws=masks)["fc8"].flatten(1)
    module = stock(network, arrays)
    for one in module:
        if isinstance(one, nn.Dropout):
            one.register_forward_hook(lambda own, given, _: given[0] / (1 - own.p))
    torch.testing.assert_close(module(pictures), ours, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "why"),
    [("as_run", "cnorm2.*within-map-norm"), ("80sec", "average-pool"), ("13pct", "local")],
)
def test_what_stock_modules_cannot_express_is_named(name: str, why: str) -> None:
    with pytest.raises(BenchError, match=why):
        chain(get_network(name))
    assert isinstance(first_norm(get_network("as_run"))[0], CrossMapNorm)


def test_onnxruntime_says_what_ours_says() -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    from alexnet.bench.onnx_model import onnx_bytes

    for name in ("paper", "one_weird_trick", "tiny"):
        network = narrowed(name)
        arrays = lively(network)
        pictures = torch.randn(2, *network.picture.shape) * 30
        session = runtime.InferenceSession(
            onnx_bytes(network, arrays), providers=["CPUExecutionProvider"]
        )
        (theirs,) = session.run(None, {"picture": pictures.numpy()})
        ours = scores(network, arrays, pictures)
        scale = float(ours.abs().max())
        torch.testing.assert_close(torch.from_numpy(theirs), ours, rtol=1e-4, atol=1e-4 * scale)


def test_arrays_are_drawn_where_none_are_given() -> None:
    network = with_input(get_network("one_weird_trick"), 96)
    assert stock(network)[0].weight.shape == (64, 3, 11, 11)
