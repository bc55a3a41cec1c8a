"""A NetworkModule where torch's own tools meet it: compiled, exported, wrapped, hooked, pruned and
averaged like any nn.Module.
"""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, distributed, nn
from torch._dynamo.testing import CompileCounter
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import prune
from torch.nn.utils.parametrizations import weight_norm
from torch.optim.swa_utils import AveragedModel
from torch.utils.checkpoint import checkpoint

from alexnet.network.arithmetic import network_parameters
from alexnet.torch_net import NetworkModule, build
from alexnet.torch_net.build import initial_arrays
from alexnet.training.distributed import ALONE, Group
from alexnet.training.first_weights import he_scaled
from reduced import reduced
from training.ranks import together

TORCHS_OWN = "ignore:<class 'torch.autograd.function.Function'> should not be instantiated"
"""What Dynamo says of its own making, when it meets any autograd.Function."""


def made(name: str = "paper") -> tuple[NetworkModule, Tensor]:
    """A catalog network at reduced width, at test time, with weights that pass signals on, and
    three pictures.
    """
    network = reduced(name)
    module = build(network, arrays=he_scaled(network, initial_arrays(network)))
    generator = torch.Generator().manual_seed(1)
    return module.eval(), torch.randn(3, *network.picture.shape, generator=generator)


def gradients(module: nn.Module, picture: Tensor) -> list[Tensor]:
    """Of Σ outputs², by parameter."""
    module.zero_grad()
    module(picture).square().sum().backward()
    found = [p.grad for p in module.parameters()]
    assert all(g is not None for g in found)
    return [g.clone() for g in found if g is not None]


def same(found: list[Tensor], wanted: list[Tensor]) -> bool:
    pairs = zip(found, wanted, strict=True)
    return all(torch.allclose(a, b, rtol=1e-5, atol=1e-6 * float(b.abs().max())) for a, b in pairs)


@pytest.mark.filterwarnings(TORCHS_OWN)
def test_compiled_as_one_graph_it_says_and_learns_the_same() -> None:
    torch._dynamo.reset()
    module, picture = made()
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    assert torch.allclose(compiled(picture), module(picture), rtol=1e-5)
    assert same(gradients(compiled, picture), gradients(module, picture))
    assert list(compiled.state_dict()) == [f"_orig_mod.{key}" for key in module.state_dict()]


@pytest.mark.filterwarnings(TORCHS_OWN)
def test_compiled_once_it_takes_batches_of_every_size() -> None:
    torch._dynamo.reset()
    module, picture = made("tiny")
    counter = CompileCounter()
    compiled = torch.compile(module, backend=counter)
    for count in (3, 2, 5):
        shown = torch.randn(count, *picture.shape[1:])
        assert torch.allclose(compiled(shown), module(shown), rtol=1e-5, atol=1e-6)
    assert counter.frame_count == 2  # for the first batch, and for any other


def test_exported_with_any_batch_it_goes_through_a_file() -> None:
    module, picture = made()
    batch = torch.export.Dim("batch", min=1, max=64)
    exported = torch.export.export(module, (picture,), dynamic_shapes={"picture": {0: batch}})
    file = io.BytesIO()
    torch.export.save(exported, file)
    file.seek(0)
    back = torch.export.load(file)
    assert set(back.state_dict) == set(module.state_dict())
    for count in (1, 5):
        shown = torch.randn(count, *picture.shape[1:])
        assert torch.allclose(back.module()(shown), module(shown), rtol=1e-5, atol=1e-6)


def wrapped_gradients(group: Group) -> list[np.ndarray]:
    """Of the mean of outputs², by parameter, each process having an equal share of the pictures."""
    module, picture = made("tiny")
    shown = torch.cat([picture, picture.flip(0) + 1])
    own = shown.chunk(group.ranks.count)[group.ranks.rank]
    wrapped = DistributedDataParallel(module)  # must outlive the backward pass, in which it sums
    wrapped(own).square().mean().backward()
    return [p.grad.numpy() for p in module.parameters() if p.grad is not None]


def unwrapped_gradients() -> list[Tensor]:
    module, picture = made("tiny")
    module(torch.cat([picture, picture.flip(0) + 1])).square().mean().backward()
    return [p.grad for p in module.parameters() if p.grad is not None]


def test_distributed_data_parallel_takes_it() -> None:
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        found = wrapped_gradients(ALONE)
    finally:
        distributed.destroy_process_group()
    assert same([torch.from_numpy(each) for each in found], unwrapped_gradients())


@pytest.mark.slow
def test_of_two_processes_the_gradients_are_one_processs() -> None:
    for found in together(2, wrapped_gradients):
        assert not isinstance(found, Exception), found
        assert same([torch.from_numpy(each) for each in found], unwrapped_gradients())


def test_its_state_is_named_as_the_arithmetic_and_loads_strictly() -> None:
    module, picture = made()
    wanted = module(picture)
    assert list(module.state_dict()) == [p.name for p in network_parameters(module.network)]
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    other = build(module.network, seed=9).eval()
    assert not torch.allclose(other(picture), wanted)
    other.load_state_dict(state, assign=True)
    assert torch.equal(other(picture), wanted)
    state["conv1a.weights"] = state.pop("conv1a.weight")
    with pytest.raises(RuntimeError, match=r"Missing key.*conv1a.weight(.|\n)*Unexpected key"):
        other.load_state_dict(state)


def test_copies_and_pickles_are_modules_of_their_own() -> None:
    module, picture = made()
    module.get_submodule("conv1a").register_forward_hook(_halved)
    wanted = module(picture)
    for again in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(again(picture), wanted)
        with torch.no_grad():
            again.get_parameter("fc8.bias").zero_().sub_(1)
    assert torch.equal(module(picture), wanted)


def _halved(_: nn.Module, __: Any, output: Tensor) -> Tensor:
    return output / 2


def test_hooks_of_every_kind_are_called_and_may_change_what_passes() -> None:
    module, picture = made()
    seen: list[str] = []
    handle = register_module_forward_hook(lambda called, *_: seen.append(type(called).__name__))
    before = module(picture)
    handle.remove()
    assert len(seen) == len(list(module.children()))  # all but the loss, and the network itself
    conv3 = module.get_submodule("conv3a")
    arrived: list[tuple[int, ...]] = []
    conv3.register_full_backward_hook(lambda _, into, out: arrived.append(tuple(out[0].shape)))
    conv3.register_forward_pre_hook(lambda _, given: tuple(x * 0 for x in given))
    after = module(picture)
    assert not torch.allclose(before, after)
    after.sum().backward()
    assert arrived == [(3, *module.network.shape("conv3a"))]
    found = module(picture, layers=["conv3a"])["conv3a"]
    bias = module.get_parameter("conv3a.bias")
    assert torch.allclose(found, bias[:, None, None].expand_as(found))


def test_weights_may_be_reparametrised_pruned_and_swapped() -> None:
    module, picture = made()
    before = module(picture)
    weight_norm(module.get_submodule("conv2a"))
    assert torch.allclose(module(picture), before, rtol=1e-4, atol=1e-6)
    assert "conv2a.parametrizations.weight.original0" in module.state_dict()
    gradients(module, picture)  # reaches every parameter
    module, _ = made()
    fully = module.get_submodule("fc6a")
    prune.l1_unstructured(fully, "weight_0", amount=0.5)
    assert float((fully.get_buffer("weight_0_mask") == 0).float().mean()) == pytest.approx(
        0.5, abs=1e-2
    )
    assert not torch.allclose(module(picture), before)
    module, _ = made("80sec")
    zero = {name: value * 0 for name, value in module.state_dict().items()}
    shown = torch.randn(2, *module.network.picture.shape)
    found = torch.func.functional_call(module, zero, (shown,))
    assert torch.allclose(found, torch.full((2, 10), 0.1))


def test_frozen_averaged_recomputed_and_moved() -> None:
    module, picture = made()
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name.startswith("fc8"))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    averaged = AveragedModel(module)
    optimiser = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=1.0)
    (module(picture)[:, 0].log().sum()).backward()
    optimiser.step()
    changed = [n for n, v in module.state_dict().items() if not torch.equal(v, before[n])]
    assert changed == ["fc8.weight_0", "fc8.weight_1", "fc8.bias"]
    averaged.update_parameters(module)
    averaged.update_parameters(build(module.network, arrays=before))
    assert torch.allclose(
        averaged.module.get_parameter("fc8.bias"),
        (module.get_parameter("fc8.bias") + before["fc8.bias"]) / 2,
    )
    module.requires_grad_(True)
    wanted = gradients(module, picture)
    module.zero_grad()
    checkpoint(module, picture, use_reentrant=False).square().sum().backward()
    assert same([p.grad for p in module.parameters() if p.grad is not None], wanted)
    assert module.double()(picture.double()).dtype == torch.float64
    meta = copy.deepcopy(module).to("meta")
    assert meta(picture.double().to("meta")).shape == (3, 12)
