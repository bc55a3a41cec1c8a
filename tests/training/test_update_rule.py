"""The paper's rule against a worked example, a scalar loop, and torch.optim.SGD."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor, nn

from alexnet.training.rates import Rates
from alexnet.training.update_rule import UpdateRule


def parameter(*values: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor(values, dtype=torch.float64))


def step(rule: UpdateRule, gradients: dict[str, Tensor], factor: float = 1.0) -> None:
    for name, gradient in gradients.items():
        rule.parameters[name].grad = gradient
    rule.step(factor)


def test_a_worked_example() -> None:
    # w = 2, g = 3, lr = 0.1, momentum = 0.9, decay = 0.5:
    # v = 0.9·0 − 0.5·0.1·2 − 0.1·3 = −0.4                  w = 1.6
    # v = 0.9·(−0.4) − 0.5·0.1·1.6 − 0.1·(−1) = −0.34       w = 1.26
    # at a tenth of the rate: v = 0.9·(−0.34) − 0.5·0.01·1.26 − 0.01·1 = −0.3223   w = 0.9377
    w = parameter(2.0)
    rule = UpdateRule({"w": w}, {"w": Rates(lr=0.1, momentum=0.9, weight_decay=0.5)})
    seen = []
    for gradient, factor in ((3.0, 1.0), (-1.0, 1.0), (1.0, 0.1)):
        step(rule, {"w": torch.tensor([gradient], dtype=torch.float64)}, factor)
        seen.append((rule.velocities["w"].item(), w.item()))
    assert seen == [
        pytest.approx((-0.4, 1.6)),
        pytest.approx((-0.34, 1.26)),
        pytest.approx((-0.3223, 0.9377)),
    ]


def test_a_scalar_loop() -> None:
    dice = random.Random(0)
    rates = {
        "a": Rates(lr=0.02, momentum=0.9, weight_decay=0.01),
        "b": Rates(lr=0.1, momentum=0.5, weight_decay=0.0),
    }
    w, v = {"a": 1.5, "b": -0.7}, {"a": 0.0, "b": 0.0}
    rule = UpdateRule({name: parameter(value) for name, value in w.items()}, rates)
    for _ in range(20):
        g, factor = {name: dice.gauss(0, 1) for name in w}, dice.uniform(0.1, 2)
        step(rule, {n: torch.tensor([x], dtype=torch.float64) for n, x in g.items()}, factor)
        for name, own in rates.items():
            lr = own.lr * factor
            v[name] = own.momentum * v[name] - own.weight_decay * lr * w[name] - lr * g[name]
            w[name] += v[name]
    for name in w:
        assert rule.parameters[name].item() == pytest.approx(w[name], rel=1e-12)
        assert rule.velocities[name].item() == pytest.approx(v[name], rel=1e-12)


def test_torch_sgd_agrees_until_the_rate_changes() -> None:
    """SGD keeps v without the rate, w ← w − lr·v: the same while lr stays, and after a change its
    old velocity is rescaled at once while 2012's runs on.
    """
    ours, theirs = parameter(1.0, -2.0), parameter(1.0, -2.0)
    rule = UpdateRule({"w": ours}, {"w": Rates(lr=0.1, momentum=0.9, weight_decay=0.01)})
    sgd = torch.optim.SGD([theirs], lr=0.1, momentum=0.9, weight_decay=0.01)
    for number in range(6):
        if number == 5:
            sgd.param_groups[0]["lr"] = 0.001
        gradient = torch.tensor([0.3, -0.1], dtype=torch.float64)
        before = theirs.detach().clone()
        step(rule, {"w": gradient}, factor=0.01 if number == 5 else 1.0)
        theirs.grad = gradient
        sgd.step()
        if number < 5:
            assert torch.allclose(ours, theirs, rtol=1e-12)
    assert (theirs - before).abs().max() < 0.02 * (ours - before).abs().max()


def test_a_rate_of_0_freezes_completely() -> None:
    frozen = parameter(1.0)
    rule = UpdateRule({"w": frozen}, {"w": Rates(lr=0.0, momentum=0.9, weight_decay=0.5)})
    rule.load_state_dict({"w": torch.tensor([5.0])})
    step(rule, {"w": torch.tensor([3.0], dtype=torch.float64)})
    assert frozen.item() == 1.0
    assert rule.velocities["w"].item() == 5.0


def test_what_no_cost_reaches_is_left_alone() -> None:
    rule = UpdateRule({"w": parameter(1.0)}, {"w": Rates(lr=0.1, momentum=0.9, weight_decay=0.5)})
    rule.step()
    assert rule.parameters["w"].item() == 1.0


def test_the_state_goes_on_elsewhere() -> None:
    rates = {"w": Rates(lr=0.1, momentum=0.9, weight_decay=0.0)}
    one = UpdateRule({"w": parameter(1.0)}, rates)
    gradient = {"w": torch.tensor([1.0], dtype=torch.float64)}
    step(one, gradient)
    other = UpdateRule({"w": parameter(one.parameters["w"].item())}, rates)
    other.load_state_dict(one.state_dict())
    step(one, gradient)
    step(other, gradient)
    assert one.parameters["w"].item() == other.parameters["w"].item()
