"""The paper's rule and the original's additions to it, against worked examples, NumPy and
torch.optim.SGD.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alexnet.images import generator
from alexnet.training.rates import Limits, Rates
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


def replay(
    w: np.ndarray, gradients: list[np.ndarray], rates: Rates, normals: list[float], period: int
) -> np.ndarray:
    """Semantics file, section 5, in NumPy: gradients summed in a matrix, as convolutions do."""
    v, drawn = np.zeros_like(w), iter(normals)

    def rate() -> float:
        return rates.lr * (1 + abs(next(drawn)) * rates.noise) if rates.noise else rates.lr

    for start in range(0, len(gradients) - period + 1, period):
        summed = sum(gradients[start : start + period]) / period
        v = rates.momentum * v - rate() * summed
        if rates.weight_decay:
            v = v - rates.weight_decay * rate() * w
        w = w + v
    return w


def test_noisy_rates_draw_anew_for_the_gradient_and_for_the_decay() -> None:
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=4), [random.normal(size=4) for _ in range(5)]
    noisy = Rates(lr=0.1, momentum=0.9, weight_decay=0.3, noise=0.7)
    plain = Rates(lr=0.2, momentum=0.9, weight_decay=0.0, noise=0.4)
    rule = UpdateRule({"a": parameter(*start), "b": parameter(*start)}, {"a": noisy, "b": plain})
    draws, known = generator(1), generator(1)
    for gradient in gradients:
        both = dict.fromkeys("ab", torch.from_numpy(gradient))
        for name in both:
            rule.parameters[name].grad = both[name].clone()
        rule.step(draws=draws)
    normals = [torch.randn((), generator=known, dtype=torch.float64).item() for _ in range(15)]
    of_a = [n for i, n in enumerate(normals) if i % 3 < 2]  # gradient and decay; b has no decay
    for name, rates, own in (("a", noisy, of_a), ("b", plain, normals[2::3])):
        expected = replay(start, gradients, rates, own, 1)
        np.testing.assert_allclose(rule.parameters[name].detach(), expected, rtol=1e-12)


def test_gradients_of_a_period_add_up() -> None:
    random = np.random.default_rng(1)
    start, gradients = random.normal(size=6), [random.normal(size=6) for _ in range(9)]
    rates = {
        "each": Rates(lr=0.1, momentum=0.9, weight_decay=0.3),
        "third": Rates(lr=0.1, momentum=0.9, weight_decay=0.3, update_period=3),
    }
    rule = UpdateRule({name: parameter(*start) for name in rates}, rates)
    for done, gradient in enumerate(gradients):
        for own in rule.parameters.values():
            own.grad = torch.from_numpy(gradient)
        rule.step(done=done)
    for name, own in rates.items():
        expected = replay(start, gradients, own, [], own.update_period)
        np.testing.assert_allclose(rule.parameters[name].detach(), expected, rtol=1e-12)


def test_in_a_period_a_smaller_batch_counts_by_the_configured_size() -> None:
    # batches of 8 and of 2 pictures, configured 8: the sums of gradients, 8·1 + 2·3, by 2·8
    rates = {"w": Rates(lr=1.0, momentum=0.0, weight_decay=0.0, update_period=2)}
    rule = UpdateRule({"w": parameter(0.0)}, rates)
    for done, (gradient, share) in enumerate(((1.0, 1.0), (3.0, 0.25))):
        rule.parameters["w"].grad = torch.tensor([gradient], dtype=torch.float64)
        rule.step(done=done, share=share)
    assert rule.parameters["w"].item() == -(8 * 1 + 2 * 3) / 16
    alone = UpdateRule({"w": parameter(0.0)}, {"w": Rates(lr=1.0, momentum=0.0, weight_decay=0.0)})
    alone.parameters["w"].grad = torch.tensor([3.0], dtype=torch.float64)
    alone.step(share=0.25)
    assert alone.parameters["w"].item() == -3  # by its own size


def test_half_a_period_is_kept_in_the_velocities() -> None:
    rates = {"w": Rates(lr=0.1, momentum=0.9, weight_decay=0.2, update_period=4)}
    gradients = [torch.tensor([float(n)], dtype=torch.float64) for n in range(8)]
    whole = UpdateRule({"w": parameter(1.0)}, rates)
    first = UpdateRule({"w": parameter(1.0)}, rates)
    for done, gradient in enumerate(gradients):
        if done == 6:
            state = {"w": first.velocities["w"].clone()}
            weight = first.parameters["w"].item()
            first = UpdateRule({"w": parameter(weight)}, rates)
            first.load_state_dict(state)
        for rule in (whole, first):
            rule.parameters["w"].grad = gradient
            rule.step(done=done)
    assert whole.parameters["w"].item() == first.parameters["w"].item()


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator(2), dtype=torch.float64)


def limited(weight: Tensor, limits: Limits) -> np.ndarray:
    own = nn.Parameter(weight.clone())
    rates = {"w": Rates(lr=1.0, momentum=0.0, weight_decay=0.0, limits=limits)}
    rule = UpdateRule({"w": own}, rates)
    own.grad = torch.zeros_like(own)
    rule.step()
    return own.detach().numpy()


def test_a_ball_of_2012_scales_filters_down_only() -> None:
    weight = rows(5, 3, 2, 2)
    weight[0] *= 0.01
    found = limited(weight, Limits(norm=2.0))
    for before, after in zip(weight.numpy(), found, strict=True):
        norm = np.sqrt((before**2).sum())
        np.testing.assert_allclose(after, before * min(1, 2 / norm), rtol=1e-12)
    assert np.array_equal(found[0], weight[0].numpy())


def test_a_ball_of_cuda_convnet2_is_where_every_filter_lies() -> None:
    weight = rows(4, 7)
    weight[1] *= 0.01
    weight[2] = 0
    found = limited(weight, Limits(norm=0.3, exactly=True))
    np.testing.assert_allclose(np.sqrt((found**2).sum(1)), [0.3, 0.3, 0, 0.3], rtol=1e-12)


def test_filters_of_a_local_layer_are_normed_position_by_position() -> None:
    weight = rows(2, 3, 4, 5, 2, 2)
    found = limited(weight, Limits(leading=3, norm=1.5))
    norms = np.sqrt((weight.numpy() ** 2).sum((3, 4, 5), keepdims=True))
    np.testing.assert_allclose(found, weight.numpy() * np.minimum(1, 1.5 / norms), rtol=1e-12)


def test_deviations_are_by_the_count_and_scale_the_whole_filter() -> None:
    weight = rows(4, 2, 3, 3) + 0.5
    weight[0] *= 0.05
    weight[1] *= 20
    weight[2] = 0  # nothing to scale
    limits = Limits(minimum=0.1, maximum=0.3)
    found = limited(weight, limits)
    for number, (before, after) in enumerate(zip(weight.numpy(), found, strict=True)):
        s = np.sqrt(((before - before.mean()) ** 2).sum()) / before.size
        scale = 1 if number == 2 else 0.1 / s if s < 0.1 else 0.3 / s if s > 0.3 else 1
        np.testing.assert_allclose(after, before * scale, rtol=1e-9)
    both = limited(weight, Limits(minimum=0.1, maximum=0.3, norm=0.01))
    assert np.sqrt((both**2).sum((1, 2, 3))).max() <= 0.01 * (1 + 1e-12)  # the ball comes last


def test_limits_come_after_the_update_and_not_to_what_is_frozen() -> None:
    w = nn.Parameter(torch.tensor([[3.0, 4.0]], dtype=torch.float64))
    limits = Limits(norm=1.0, exactly=True)
    rates = Rates(lr=1.0, momentum=0.0, weight_decay=0.5, limits=limits)
    rule = UpdateRule({"w": w}, {"w": rates})
    w.grad = torch.tensor([[1.5, -6.0]], dtype=torch.float64)
    rule.step()
    # v = −g − 0.5·w = (−3, 4); w + v = (0, 8), of which (0, 1) has a norm of 1
    assert rule.velocities["w"].tolist() == [[-3.0, 4.0]]
    assert w.tolist() == [[0.0, 1.0]]
    frozen = nn.Parameter(torch.tensor([[3.0, 4.0]]))
    idle = Rates(lr=0.0, momentum=0.0, weight_decay=0.5, limits=limits)
    rule = UpdateRule({"w": frozen}, {"w": idle})
    frozen.grad = torch.ones_like(frozen)
    rule.step()
    assert frozen.tolist() == [[3.0, 4.0]]


def test_inner_nodes_of_a_tree_are_divided_by_their_leaves() -> None:
    # semantics file, section 5, treefc: inc ← mom·inc + (eps / s)·(g − (wc / s)·w)
    random = np.random.default_rng(3)
    start, leaves = random.normal(size=(3, 2)), np.array([[2.0], [3.0], [5.0]])
    gradients = [random.normal(size=(3, 2)) for _ in range(4)]
    w = nn.Parameter(torch.from_numpy(start.copy()))
    rates = Rates(lr=0.1, momentum=0.9, weight_decay=0.4, leaves=(2, 3, 5))
    rule = UpdateRule({"w": w}, {"w": rates})
    weight, v = start, np.zeros_like(start)
    for gradient in gradients:
        w.grad = torch.from_numpy(gradient)
        rule.step()
        v = 0.9 * v + 0.1 / leaves * (-gradient - 0.4 / leaves * weight)
        weight = weight + v
    np.testing.assert_allclose(w.detach().numpy(), weight, rtol=1e-12)


def test_schedules_differ_between_arrays_and_rates_can_be_changed() -> None:
    rates = Rates(lr=1.0, momentum=0.0, weight_decay=0.0)
    rule = UpdateRule({"a": parameter(0.0), "b": parameter(0.0)}, {"a": rates, "b": rates})

    def moved(factors: dict[str, float]) -> list[float]:
        for own in rule.parameters.values():
            own.grad = torch.tensor([1.0], dtype=torch.float64)
        rule.step(factors)
        return [rule.parameters[name].item() for name in "ab"]

    assert moved({"a": 1.0, "b": 0.5}) == [-1.0, -0.5]
    frozen = Rates(lr=0.0, momentum=0.0, weight_decay=0.0)
    rule.follow({"a": frozen, "b": rates})
    assert moved({"b": 0.25}) == [-1.0, -0.75]
    rule.follow({"a": rates, "b": rates})
    assert moved({"a": 1.0, "b": 1.0}) == [-2.0, -1.75]
