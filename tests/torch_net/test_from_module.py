"""Torch modules read as Networks: the same layers, counts and outputs, and what is refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from alexnet.network.catalog import get_network
from alexnet.network.compare import compare
from alexnet.network.layers import (
    Activation,
    AveragePool,
    Conv,
    Dropout,
    Layer,
    MaxPool,
    Shared,
    Window,
)
from alexnet.network.ledger import ledger
from alexnet.network.spec import Network
from alexnet.torch_net import build
from alexnet.torch_net.from_module import READERS, arrays_of, from_module
from alexnet.torch_net.module_steps import ModuleError


class AlexNet(nn.Module):
    """torchvision/models/alexnet.py, from its published structure."""

    def __init__(self, classes: int = 1000, width: int = 1) -> None:
        super().__init__()
        a, b, c, d, hidden = (n // width for n in (64, 192, 384, 256, 4096))
        self.features = nn.Sequential(
            nn.Conv2d(3, a, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(a, b, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(b, c, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(c, d, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(d, d, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(p=0.5),
            nn.Linear(d * 6 * 6, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(p=0.5),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = self.avgpool(x)
        x = torch.flatten(x, 1)
        return self.classifier(x)


class LeNet(nn.Module):
    """The tutorial's LeNet: functions in forward, a view by the batch size."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(256, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.avg_pool2d(torch.tanh(self.conv2(x)), (2, 2))
        x = x.view(x.size(0), -1)
        x = functional.dropout(self.fc1(x).relu(), 0.25, training=self.training)
        return functional.softmax(self.fc3(torch.sigmoid(self.fc2(x))), dim=1)


class Through(nn.Module):
    """A container whose forward is the function it is given, over its parts."""

    def __init__(self, forward: Callable[..., Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.function = forward
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def vgg(width: int = 8) -> nn.Sequential:
    """VGG-11's shape, narrow, over 32 pixels."""
    layers: list[nn.Module] = []
    channels = 3
    for filters in (1, "M", 2, "M", 4, 4, "M", 8, 8, "M", 8, 8, "M"):
        if filters == "M":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(channels, width * int(filters), 3, padding=1), nn.ReLU(True)]
            channels = width * int(filters)
    head = nn.Sequential(nn.Flatten(), nn.Linear(channels, 32), nn.ReLU(), nn.Linear(32, 10))
    return nn.Sequential(nn.Sequential(*layers), head)


def outputs_agree(module: nn.Module, shape: tuple[int, int, int]) -> Network:
    """Reads a module, builds the network with its weights, and holds the outputs together."""
    module = module.double().eval()
    network = from_module(module, shape)
    built = build(network, arrays=arrays_of(module, network), dtype=torch.float64).eval()
    pictures = torch.randn(2, *shape, dtype=torch.float64)
    outputs, wanted = built(pictures.clone()), module(pictures)
    torch.testing.assert_close(outputs.reshape(wanted.shape), wanted, rtol=1e-12, atol=1e-12)
    return network


def nameless(network: Network) -> list[Layer]:
    """The layers under numbers in place of names."""
    number = {layer.name: f"_{i}" for i, layer in enumerate(network)}
    return [
        replace(x, name=number[x.name], reads=tuple(number[r] for r in x.reads)) for x in network
    ]


def test_torchvisions_alexnet_is_the_catalogs_up_to_names() -> None:
    with torch.device("meta"):
        network = from_module(AlexNet(), (3, 224, 224))
    catalog = get_network("one_weird_trick")
    assert nameless(network) == nameless(catalog)
    assert compare(network, catalog).differences == ()
    assert compare(catalog, network).counts == ()
    assert ledger(network).total.parameters == 61_100_840
    assert [x.name for x in network][:4] == ["data", "conv1", "relu1", "pool1"]
    assert network["fc6"].source == "classifier.1"
    assert network.source.endswith("without avgpool, which change nothing here")
    assert network.name == "AlexNet"


def test_torchvisions_alexnet_keeps_its_outputs() -> None:
    network = outputs_agree(AlexNet(classes=10, width=16), (3, 224, 224))
    assert network.shape("fc8") == (10, 1, 1)


def test_an_adaptive_pool_that_averages_is_a_plain_average_pool() -> None:
    with torch.device("meta"):
        pool = from_module(AlexNet(), (3, 447, 447))["pool5_2"]  # 13 maps: windows of 3 at 0, 2, …
        assert isinstance(pool, AveragePool) and pool.window == Window(size=3, stride=2)
        with pytest.raises(ModuleError, match="averages 8×8 into 6×6 .* multiple of it would do"):
            from_module(AlexNet(), (3, 300, 300))
    network = outputs_agree(nn.Sequential(nn.AdaptiveAvgPool2d((3, 4))), (2, 6, 8))
    assert network.shape("pool0") == (2, 3, 4)


@pytest.mark.parametrize("pixels", range(1, 13))
def test_an_adaptive_pool_is_read_exactly_where_its_windows_are_alike(pixels: int) -> None:
    for out in range(1, 13):
        module = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(out))
        try:
            outputs_agree(module, (2, pixels, pixels))
        except ModuleError as error:
            assert pixels % out, (out, error)


def test_lenet_in_functions_keeps_its_outputs() -> None:
    module = LeNet()
    network = outputs_agree(module, (1, 28, 28))
    assert [x.name for x in network] == [
        "data", "conv1", "relu1", "pool1", "conv2", "tanh2", "pool2",
        "fc3", "relu3", "drop3", "fc4", "logistic4", "fc5", "probs",
    ]  # fmt: skip
    assert network["drop3"] == Dropout(name="drop3", reads=("relu3",), keep=0.75, scaling="train")
    assert ledger(network).total.parameters == sum(p.numel() for p in module.parameters())


def test_modes_are_put_back() -> None:
    module = nn.Sequential(LeNet(), nn.Identity())
    module[0].eval()
    from_module(module, (1, 28, 28))
    assert [part.training for part in module.children()] == [False, True]


def test_a_nested_sequential_keeps_its_outputs() -> None:
    network = outputs_agree(vgg(), (3, 32, 32))
    assert [x.name for x in network if isinstance(x, Conv)] == [f"conv{n}" for n in range(1, 9)]
    assert network["fc10"].source == "1.3"


CHAINS: dict[str, nn.Module] = {
    "groups": nn.Conv2d(4, 6, 3, groups=2, bias=False),
    "same, odd": nn.Conv2d(4, 3, 5, padding="same"),
    "same, even": nn.Conv2d(4, 3, 4, padding="same"),
    "valid": nn.Conv2d(4, 3, 3, stride=2, padding="valid"),
    "norm": nn.LocalResponseNorm(3, alpha=0.5, beta=0.7, k=2.0),
    "norm, even": nn.LocalResponseNorm(4, alpha=0.5),
    "relu6": nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU6()),
    "hardtanh": nn.Hardtanh(0, 0.5),
    "softplus": nn.Softplus(threshold=4),
    "tanhshrink": nn.Tanhshrink(),
    "identity": nn.Sequential(nn.Identity(), nn.ReLU()),
    "softmax": nn.Sequential(nn.Flatten(), nn.Linear(4 * 9 * 11, 5), nn.Softmax(dim=-1)),
    "repeated": nn.Sequential(*([nn.ReLU()] * 2)),
    "view": Through(lambda m, x: m.fc(x.view(-1, 396)), fc=nn.Linear(396, 2)),
    "reshape": Through(lambda m, x: m.fc(x.reshape(x.shape[0], 396)), fc=nn.Linear(396, 2)),
    "list": Through(lambda m, x: m.parts[1](m.parts[0](x)), parts=nn.ModuleList([nn.ReLU()] * 2)),
    "inside": Through(lambda m, x: m.part(x), part=nn.Sequential(Through(lambda m, x: x.relu()))),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("name", CHAINS)
def test_every_kind_keeps_its_outputs(name: str) -> None:
    outputs_agree(nn.Sequential(CHAINS[name]), (4, 9, 11))


def pools() -> list[tuple[int, int, int, int]]:
    sizes = itertools.product(range(1, 16), range(1, 6), range(1, 6), range(3))
    return [(n, k, s, p) for n, k, s, p in sizes if p <= k // 2 and k <= n + 2 * p]


def test_ceil_mode_lays_torchs_own_windows_at_every_size() -> None:
    for n, size, stride, padding in pools():
        module = nn.MaxPool2d(size, stride, padding, ceil_mode=True)
        network = from_module(nn.Sequential(module), (1, n, n))
        wanted = tuple(module(torch.zeros(1, n, n)).shape)
        assert network.shape("pool0") == wanted, (n, size, stride, padding)
    assert len(pools()) == 760


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(
    ("included", "override"), [(True, None), (False, None), (True, 1), (False, 9)]
)
def test_average_pools_keep_their_outputs(ceil: bool, included: bool, override: int | None) -> None:
    for n, stride, padding in itertools.product(range(3, 10), range(1, 5), range(2)):
        module = nn.AvgPool2d(3, stride, padding, ceil, included, override)
        network = outputs_agree(nn.Sequential(module), (2, n, n))
        assert isinstance(network["pool0"], AveragePool)


def test_ceil_mode_that_rounds_up_is_caffes_rule() -> None:
    network = outputs_agree(nn.Sequential(nn.MaxPool2d(3, 2, ceil_mode=True)), (2, 8, 8))
    pool = network["pool0"]
    assert isinstance(pool, MaxPool) and pool.rule == "caffe"
    outputs_agree(nn.Sequential(nn.MaxPool2d(3, 2, 1, ceil_mode=True)), (2, 8, 8))


def residual(module: nn.Module, x: Tensor) -> Tensor:
    return x + module.get_submodule("part")(x)


def two_branches(module: nn.Module, x: Tensor) -> Tensor:
    module.get_submodule("part")(x)
    return x.relu()


def by_mode(module: nn.Module, x: Tensor) -> Tensor:
    return x.relu() if module.training else x.tanh()


CONV = nn.Conv2d(4, 4, 3)
LINEAR = nn.Sequential(nn.Flatten(), nn.Linear(396, 396))

REFUSED: dict[str, tuple[nn.Module, str]] = {
    "batch norm": (nn.Sequential(CONV, nn.BatchNorm2d(4)), "module '1': BatchNorm2d is no layer"),
    "dilation": (nn.Sequential(nn.Conv2d(4, 4, 3, dilation=2)), "module '0': Conv2d: dilation is"),
    "oblong": (nn.Conv2d(4, 4, (3, 1)), r"kernel_size is \(3, 1\)"),
    "stride": (nn.Conv2d(4, 4, 3, stride=(2, 1)), r"stride is \(2, 1\)"),
    "padding": (nn.Conv2d(4, 4, 3, padding=(1, 0)), r"padding is \(1, 0\)"),
    "reflect": (nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"), "padding_mode is 'reflect'"),
    "channels": (nn.Conv2d(3, 4, 3), "the module itself: Conv2d: in_channels is 3, but 4×9×11"),
    "features": (nn.Sequential(nn.Flatten(), nn.Linear(9, 1)), "in_features is 9, but 4×9×11"),
    "unflattened": (nn.Linear(11, 1), "put nn.Flatten before it"),
    "flattened": (nn.Sequential(nn.Flatten(), CONV), "flattened already"),
    "start": (nn.Flatten(0), "joins dimensions 0 to -1"),
    "large": (nn.MaxPool2d(12), "a window of 12 does not fit into 9 pixels"),
    "pool dilation": (nn.MaxPool2d(2, dilation=2), "dilation is 2"),
    "indices": (nn.MaxPool2d(2, return_indices=True), "return_indices"),
    "divisor": (nn.AvgPool2d(2, divisor_override=3), "divisor_override is 3; it may be 1 or 4"),
    "adaptive": (nn.AdaptiveAvgPool2d(4), "averages 9×11 into 4×4 with windows that differ"),
    "hardtanh": (nn.Hardtanh(), "min_val is -1"),
    "softplus": (nn.Softplus(), "threshold 20"),
    "softmax": (nn.Sequential(nn.Flatten(), nn.Softmax(dim=0)), "dim is 0"),
    "gelu": (nn.Sequential(nn.Sequential(nn.GELU())), "module '0.0': GELU is no layer"),
    "dropout": (nn.Dropout(1.0), "keep is 0.0"),
    "lazy": (nn.LazyConv2d(4, 3), "LazyConv2d is no layer"),
    "list": (nn.ModuleList([CONV]), "ModuleList is no layer"),
    "residual": (nn.Sequential(Through(residual, part=CONV)), r"module '0.add\(\)': is no funct"),
    "branches": (Through(two_branches, part=CONV), "reads 'x'; in a plain chain"),
    "mode": (Through(by_mode), "runs other layers in training than in evaluation"),
    "always on": (Through(lambda m, x: functional.dropout(x)), "runs other layers in training"),
    "own tensor": (Through(lambda m, x: x * torch.ones(1)), "is a tensor that forward uses"),
    "identity": (nn.Identity(), "changes nothing"),
    "view": (Through(lambda m, x: x.view(-1, 5)), r"module 'view\(\)': FlattenTo: it gives 5"),
    "view in three": (Through(lambda m, x: x.view(2, -1, 9)), "gives the shape"),
    "control": (Through(lambda m, x: x.relu() if x.sum() > 0 else x), "cannot be followed"),
    "output": (Through(lambda m, x: (x.relu(), x)), "returns something else"),
    "keyword": (Through(lambda m, x: torch.relu(input=x)), "reads 'x'; in a plain chain"),
    "shared": (nn.Sequential(LINEAR, LINEAR), "module '1.1': Linear: shares its bias with layer"),
    "unused": (Through(lambda m, x: x.relu(), head=CONV), "'head.weight': its 144 numbers are"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_chain_is_refused_by_name(name: str) -> None:
    module, message = REFUSED[name]
    with pytest.raises(ModuleError, match=message):
        from_module(module, (4, 9, 11))


def test_hooks_and_other_weights_than_parameters_are_refused() -> None:
    module = nn.Sequential(nn.ReLU())
    module[0].register_forward_hook(lambda *_: None)
    with pytest.raises(ModuleError, match="module '0': has hooks"):
        from_module(module, (1, 4, 4))
    normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 1, 3))
    with pytest.raises(ModuleError, match="ParametrizedConv2d is no layer"):
        from_module(nn.Sequential(normed), (1, 4, 4))


def test_a_thing_that_is_no_module_and_a_bad_input_are_refused() -> None:
    with pytest.raises(ModuleError, match=r"str is no torch.nn.Module"):
        from_module("alexnet", (3, 4, 4))  # type: ignore[arg-type]
    with pytest.raises(ModuleError, match="every side must be positive"):
        from_module(nn.ReLU(), (3, 0, 4))


def test_arrays_are_refused_for_another_network() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3))
    with pytest.raises(ModuleError, match="is not what from_module reads"):
        arrays_of(module, from_module(nn.Conv2d(1, 2, 1), (1, 4, 4)))
    renamed = from_module(module, (1, 4, 4), name="mine")
    assert renamed.name == "mine"
    assert set(arrays_of(module, renamed)) == {"conv1.weight", "conv1.bias"}


def test_shared_weights_stay_one_array() -> None:
    module = nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 2, 3))
    assert isinstance(first := module[0], nn.Conv2d) and isinstance(last := module[2], nn.Conv2d)
    last.weight = first.weight
    network = outputs_agree(module, (2, 6, 6))
    assert isinstance(conv := network["conv2"], Conv)
    assert conv.kernels[0].initial == Shared("conv1")
    assert list(arrays_of(module, network)) == ["conv1.weight", "conv1.bias", "conv2.bias"]
    dense = nn.Linear(4, 4, bias=False)
    network = outputs_agree(nn.Sequential(nn.Flatten(), dense, nn.Tanh(), dense), (4, 1, 1))
    assert list(arrays_of(nn.Sequential(nn.Flatten(), dense, nn.Tanh(), dense), network)) == [
        "fc1.weight"
    ]


def test_every_known_class_gives_the_kind_it_says() -> None:
    network = from_module(nn.Sequential(nn.Tanh(), nn.Tanh()), (1, 2, 2))
    assert [x.name for x in network] == ["data", "tanh0", "tanh0_2"]
    assert isinstance(network["tanh0_2"], Activation)
    assert all(issubclass(kind, nn.Module) for kind in READERS)
