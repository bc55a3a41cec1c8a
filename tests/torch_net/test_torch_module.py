"""NetworkModule as a person meets it: names, activations, memory, draws, errors, and what any
nn.Module can do.
"""

from __future__ import annotations

import copy
import pickle
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alexnet.network.arithmetic import network_parameters
from alexnet.network.catalog import NETWORKS, get_network
from alexnet.network.layers import (
    Activation,
    CrossMapNorm,
    Dropout,
    FullyConnected,
    Gaussian,
    Input,
    LogisticLoss,
    Softmax,
)
from alexnet.network.spec import Network
from alexnet.torch_net import NetworkModule, build
from reduced import reduced
from torch_net.against_oracle import case


def paper() -> tuple[NetworkModule, Tensor, Tensor]:
    """A small `paper` in float32, three pictures and their labels."""
    given = case(reduced("paper"))
    module = build(given.network, arrays=given.arrays)
    return module, torch.tensor(given.inputs["data"]).float(), torch.tensor(given.inputs["labels"])


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_are_called_as_the_arithmetic_calls_them(name: str) -> None:
    network = reduced(name)
    found = {key: tuple(value.shape) for key, value in build(network).state_dict().items()}
    assert found == {p.name: p.shape for p in network_parameters(network)}


def test_vectors_and_maps_by_name() -> None:
    module, picture, labels = paper()
    scores = module(picture)
    assert isinstance(scores, Tensor)
    assert scores.shape == (3, 12)
    found = module(picture, labels, layers=["conv5a", "fc6b", "probs", "logprob", "data"])
    assert isinstance(found, dict)
    shapes = {name: tuple(value.shape[1:]) for name, value in found.items()}
    rest = module.network.shape("conv5a")
    assert shapes == {
        "conv5a": rest,
        "fc6b": (12,),
        "probs": (12,),
        "logprob": (),
        "data": (3, 67, 67),
    }


def test_only_what_is_needed_runs() -> None:
    module, picture, _ = paper()
    seen: list[str] = []
    for name, layer in module.named_children():
        layer.register_forward_hook(lambda *_, name=name: seen.append(name))
    module(picture, layers=["relu1b"])
    assert seen == ["conv1b", "relu1b"]


def test_activations_are_let_go_after_their_last_reader() -> None:
    module, picture, _ = paper()
    alive: dict[str, weakref.ref[Tensor]] = {}

    def held() -> set[str]:
        return {name for name, value in alive.items() if value() is not None}

    def hook(name: str) -> Any:
        def note(_: nn.Module, __: Any, output: Tensor) -> None:
            alive[name] = weakref.ref(output)
            if name == "relu3a":
                assert held() == {"pool2a", "pool2b", "conv3a", "relu3a"}

        return note

    for name, layer in module.named_children():
        layer.register_forward_hook(hook(name))
    with torch.no_grad():
        output = module(picture)
    assert isinstance(output, Tensor)
    assert held() <= {"probs"}  # what is returned is a view of it


def test_a_hook_sees_a_convolution_before_its_relu() -> None:
    """relu overwrites a convolution's output only where nobody looks at it."""
    module, picture, _ = paper()
    seen: list[Tensor] = []
    handle = module.get_submodule("conv1a").register_forward_hook(lambda *a: seen.append(a[2]))
    module(picture)
    assert (seen[0] < 0).any()
    handle.remove()
    found = module(picture, layers=["conv1a", "relu1a"])
    assert isinstance(found, dict)
    assert torch.equal(found["conv1a"], seen[0])
    assert torch.equal(found["relu1a"], seen[0].relu())


def test_costs() -> None:
    module, picture, labels = paper()
    costs = module.costs(picture, labels)
    assert costs.objective.requires_grad
    assert not costs.outputs.requires_grad
    assert list(costs.per_loss) == ["logprob"]
    assert costs.objective.item() == pytest.approx(costs.per_loss["logprob"].mean().item())
    assert torch.allclose(costs.outputs.sum(1), torch.ones(3))
    chosen = costs.outputs.gather(1, labels[:, None]).squeeze(1)
    assert costs.per_loss["logprob"].shape == (3,)
    assert not torch.allclose(-chosen.log(), torch.zeros(3))


def test_a_loss_far_from_the_truth_is_finite() -> None:
    """float32 probabilities of e^-200 vanish; their logarithms must not."""
    network = Network(
        "scores",
        (
            Input(name="x", shape=(2, 1, 1)),
            Input(name="labels", shape=(1, 1, 1), content="labels"),
            Softmax(name="p", reads=("x",)),
            LogisticLoss(name="l", reads=("labels", "p")),
        ),
    )
    scores = torch.tensor([[0.0, 200.0]], requires_grad=True)
    costs = build(network).costs(scores, torch.tensor([0]))
    costs.objective.backward()
    assert costs.objective.item() == pytest.approx(200)
    assert scores.grad is not None
    assert torch.equal(scores.grad, torch.tensor([[-1.0, 1.0]]))


def test_dropout_and_noise_follow_the_generator() -> None:
    layers = (
        Input(name="x", shape=(4, 8, 8)),
        Activation(name="n", reads=("x",), function="noisy-relu"),
        Dropout(name="d", reads=("n",), keep=0.5, scaling="test"),
    )
    module, picture = build(Network("drawn", layers)), torch.rand(3, 4, 8, 8)

    def drawn(seed: int) -> Any:
        return module(picture, generator=torch.Generator().manual_seed(seed))

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    kept = (drawn(1) != 0).float().mean().item()
    assert 0.2 < kept < 0.6  # half, less what the noise sent below zero
    module.eval()
    assert torch.equal(drawn(1), picture * 0.5)


def test_masks_may_be_given() -> None:
    layers = (
        Input(name="x", shape=(4, 1, 1)),
        Dropout(name="d", reads=("x",), keep=0.5, scaling="train"),
    )
    module, picture = build(Network("drawn", layers)), torch.ones(1, 4)
    mask = torch.tensor([1.0, 0, 0, 1]).reshape(1, 4, 1, 1)
    assert torch.equal(module(picture, draws={"d": mask}), torch.tensor([[2.0, 0, 0, 2]]))


def test_a_name_of_torchs_own_may_be_a_layers() -> None:
    fully = FullyConnected(name="type", reads=("x",), outputs=2, initial=(Gaussian(1.0),))
    module = build(Network("named", (Input(name="x", shape=(3, 1, 1)), fully)))
    assert list(module.state_dict()) == ["type.weight", "type.bias"]
    assert module(torch.ones(1, 3)).shape == (1, 2)


def test_unknown_and_missing() -> None:
    module, picture, labels = paper()
    with pytest.raises(ValueError, match=r"no layer 'conv6a'; did you mean 'conv.a'"):
        module(picture, layers=["conv6a"])
    with pytest.raises(ValueError, match=r"input 'labels' is needed and not given; pass labels"):
        module.costs(picture)
    with pytest.raises(ValueError, match=r"\(3, 3, 60, 67\); it must be \(N, 3, 67, 67\)"):
        module(picture[:, :, :60])
    with pytest.raises(ValueError, match=r"layer 'conv1a' is no input"):
        module(picture, inputs={"conv1a": labels})
    with pytest.raises(ValueError, match=r"network 'one_weird_trick' has no loss layer"):
        build(reduced("one_weird_trick")).costs(picture)


def test_a_label_that_no_class_has() -> None:
    module, picture, _ = paper()
    for label in (12, -100):  # torch's own loss would pass over −100 in silence
        with pytest.raises(ValueError, match=f"label {label} is none of the 12 classes"):
            module.costs(picture, torch.tensor([0, label, 1]))


def test_arrays_that_do_not_fit_are_named() -> None:
    network = reduced("80sec")
    arrays = {p.name: np.zeros(p.shape) for p in network_parameters(network)}
    arrays["conv1.weihgt"] = arrays.pop("conv1.weight")
    arrays["fc10.bias"] = np.zeros(11)
    with pytest.raises(ValueError, match=r"'conv1.weight' \(8, 3, 5, 5\) is missing") as caught:
        build(network, arrays=arrays)
    assert "'conv1.weihgt' belongs to no layer; did you mean 'conv1.weight'?" in str(caught.value)
    assert "'fc10.bias' has shape (11,); it must be (10,)" in str(caught.value)


def test_given_arrays_are_copied() -> None:
    network = reduced("80sec")
    arrays = {p.name: torch.zeros(p.shape) for p in network_parameters(network)}
    module = build(network, arrays=arrays)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(1.0)
    assert all(not array.any() for array in arrays.values())


def test_copies_and_pickles() -> None:
    module, picture, _ = paper()
    module.eval()
    expected = module(picture)
    for again in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert again.network == module.network
        assert torch.equal(again(picture), expected)
    fresh = build(module.network, seed=5).eval()
    fresh.load_state_dict(module.state_dict())
    assert torch.equal(fresh(picture), expected)


@pytest.mark.parametrize("name", ["paper", "as_run", "caffe", "11pct"])
def test_half_precision_by_autocast(name: str) -> None:
    given = case(reduced(name))
    module = build(given.network, arrays=given.arrays).to(memory_format=torch.channels_last)
    inputs = given.tensors()
    picture, draws = inputs["data"].float(), {k: v.float() for k, v in given.drawn().items()}
    exact = module.costs(picture, inputs["labels"], draws=draws)
    with torch.autocast("cpu", torch.bfloat16):
        rough = module.costs(picture, inputs["labels"], draws=draws)
    rough.objective.backward()
    assert rough.objective.dtype == torch.float32
    assert torch.allclose(rough.objective, exact.objective, rtol=0.02)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_the_cross_map_norm_keeps_a_dtype() -> None:
    layer = CrossMapNorm(
        name="n", reads=("x",), size=5, alpha=1e-4, alpha_divided=True, beta=0.75, k=2.0
    )
    module = build(Network("norm", (Input(name="x", shape=(8, 3, 3)), layer)))
    peer = nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        picture = (10 * torch.randn(2, 8, 3, 3)).to(dtype)
        found = module(picture)
        assert isinstance(found, Tensor)
        assert found.dtype == dtype
        assert torch.allclose(
            found.double(), peer(picture.double()), rtol=4 * torch.finfo(dtype).eps
        )


@pytest.mark.parametrize("name", ["paper", "as_run", "11pct"])
def test_exports(name: str) -> None:
    given = case(reduced(name))
    module = given.module().eval()
    picture = given.tensors()["data"]
    exported = torch.export.export(module, (picture,))
    assert torch.allclose(exported.module()(picture), module(picture), rtol=1e-9)


def test_a_catalog_name_is_enough() -> None:
    module = build("80sec")
    assert module.network == get_network("80sec")
    with pytest.raises(ValueError, match="did you mean '80sec'"):
        build("80secs")


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_shares_on_threads_of_their_own_give_what_one_thread_gives(mode: Any) -> None:
    network = get_network("tiny")  # its first norm has 12·24·24 numbers a picture and tower
    module, pictures = build(network).eval(), torch.randn(256, 1, 24, 24)
    before = torch.get_num_threads()
    try:
        found: list[Tensor] = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            with mode():
                found.append(module(pictures))
    finally:
        torch.set_num_threads(before)
    assert all(torch.allclose(found[0], other, atol=1e-6) for other in found[1:])
