"""Muon and Nesterov's rule, against decompositions and NumPy, and in a run that is resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alexnet.network.catalog import get_network
from alexnet.torch_net import initial_arrays
from alexnet.training.first_weights import he_scaled
from alexnet.training.muon import COEFFICIENTS, STEPS, orthogonalised
from alexnet.training.rates import LayerRates, Limits, Rates, RecipeError
from alexnet.training.update_rule import UpdateRule
from training.runs import after, assert_same_run, go
from training.small import NETWORK, RECIPE


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def polynomial(values: np.ndarray) -> np.ndarray:
    """What the iteration makes of singular values."""
    a, b, c = COEFFICIENTS
    for _ in range(STEPS):
        values = a * values + b * values**3 + c * values**5
    return values


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (12, 12), (1, 5)])
def test_singular_vectors_stay_and_values_come_near_one(shape: tuple[int, int]) -> None:
    matrix = normal(*shape)
    found = orthogonalised(matrix)
    u, s, v = np.linalg.svd(matrix.numpy(), full_matrices=False)
    shares = s / np.linalg.norm(s)
    np.testing.assert_allclose(found.numpy(), u * polynomial(shares) @ v, atol=1e-9)
    values = np.linalg.svd(found.numpy(), compute_uv=False)
    assert values[shares > 0.002].min() > 0.65
    assert values.max() < 1.2


def test_many_matrices_are_done_one_by_one_and_none_is_divided_by_zero() -> None:
    several = torch.stack(
        [normal(4, 9), torch.zeros(4, 9, dtype=torch.float64), normal(4, 9) * 1e9]
    )
    found = orthogonalised(several)
    for one, own in zip(several, found, strict=True):
        torch.testing.assert_close(orthogonalised(one), own)
    assert not found[1].any()
    torch.testing.assert_close(found[0], found[2])
    assert orthogonalised(torch.zeros(3, 5)).isfinite().all()


def moved(rates: Rates, first: Tensor, gradients: list[Tensor]) -> list[np.ndarray]:
    """Where an array stands after each update."""
    weight = nn.Parameter(first.clone())
    rule, places = UpdateRule({"w": weight}, {"w": rates}), list[np.ndarray]()
    for number, gradient in enumerate(gradients):
        weight.grad = gradient
        rule.step(1 / (1 + number))
        places.append(weight.detach().numpy().copy())
    return places


@pytest.mark.parametrize(
    ("shape", "matrices"), [((8, 3, 2, 2), 1), ((8, 3, 2, 2), 2), ((20, 4), 1)]
)
def test_muon_by_decompositions(shape: tuple[int, ...], matrices: int) -> None:
    rates = Rates(lr=0.1, momentum=0.8, weight_decay=0.5, rule="muon", matrices=matrices)
    first, gradients = normal(*shape), [normal(*shape, seed=seed) for seed in (1, 2, 3)]
    places = moved(rates, first, gradients)
    w, v = first.numpy().reshape(shape[0], -1), np.zeros((shape[0], first[0].numel()))
    for number, gradient in enumerate(gradients):
        lr, g = 0.1 / (1 + number), gradient.numpy().reshape(w.shape)
        v = 0.8 * v + g
        parts = np.split(g + 0.8 * v, matrices)
        decomposed = [np.linalg.svd(part, full_matrices=False) for part in parts]
        steps = [a * polynomial(s / np.linalg.norm(s)) @ b for a, s, b in decomposed]
        longer = max(1, parts[0].shape[0] / parts[0].shape[1]) ** 0.5
        w = w * (1 - lr * 0.5) - lr * longer * np.concatenate(steps)
        np.testing.assert_allclose(places[number].reshape(w.shape), w, atol=1e-9)


def test_muons_step_does_not_depend_on_the_size_of_gradients() -> None:
    rates = Rates(lr=0.1, momentum=0.9, weight_decay=0.0, rule="muon")
    first, gradients = normal(5, 7), [normal(5, 7, seed=seed) for seed in (1, 2)]
    small = moved(rates, first, [1e-6 * gradient for gradient in gradients])
    for one, other in zip(moved(rates, first, gradients), small, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_nesterov_agrees_with_torch_while_the_rate_stays() -> None:
    rates = Rates(lr=0.1, momentum=0.9, weight_decay=0.01, rule="nesterov")
    weight, theirs = (nn.Parameter(normal(6)) for _ in range(2))
    rule = UpdateRule({"w": weight}, {"w": rates})
    sgd = torch.optim.SGD([theirs], lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True)
    for seed in range(5):
        weight.grad = theirs.grad = normal(6, seed=seed)
        rule.step()
        sgd.step()
        torch.testing.assert_close(weight, theirs)
    velocity = rule.velocities["w"].clone()
    before = weight.detach().clone()
    weight.grad = torch.zeros(6, dtype=torch.float64)
    rule.follow({"w": replace(rates, lr=1e-300, weight_decay=0.0)})
    rule.step()  # the rate is inside the velocity: a new one does not rescale the old
    torch.testing.assert_close(weight.detach() - before, 0.81 * velocity)


@pytest.mark.parametrize("rule", ["nesterov", "muon"])
def test_limits_hold_after_every_rule(rule: str) -> None:
    limits = Limits(norm=0.3)
    rates = Rates(lr=0.5, momentum=0.9, weight_decay=0.0, rule=rule, limits=limits)  # type: ignore[arg-type]
    (place,) = moved(rates, normal(4, 6), [normal(4, 6, seed=1)])
    assert (np.linalg.norm(place, axis=1) < 0.3 + 1e-12).all()


def test_muon_takes_matrices_group_by_group_and_leaves_the_rest_to_nesterov() -> None:
    layers = (LayerRates(layers="fc8", rule="momentum", lr=0.25),)
    recipe = replace(RECIPE, rule="muon", layers=layers)
    rates = recipe.rates(get_network("caffenet"))
    assert [rates[f"conv{n}.weight"].matrices for n in (1, 2, 3, 4, 5)] == [1, 2, 1, 2, 2]
    assert [rates[f"{name}.weight"].rule for name in ("conv2", "fc7", "fc8")] == [
        "muon",
        "muon",
        "momentum",
    ]
    assert [rates[f"{name}.bias"].rule for name in ("conv2", "fc8")] == ["nesterov", "momentum"]
    assert (rates["fc8.weight"].lr, rates["fc7.weight"].lr) == (0.25, RECIPE.lr)
    local = replace(recipe, layers=()).rates(get_network("13pct"))
    assert (local["local3.weight"].rule, local["conv1.weight"].rule) == ("nesterov", "muon")


def test_gradients_add_up_by_momentum_only() -> None:
    with pytest.raises(RecipeError, match="conv1': rule is nesterov and update_period 2"):
        replace(RECIPE, rule="nesterov", update_period=2).rates(NETWORK)


def test_he_weights_have_the_deviation_that_relu_asks_for() -> None:
    network = get_network("80sec")
    stated = initial_arrays(network, seed=1)
    scaled = he_scaled(network, stated)
    for name, fan_in in (("conv1", 75), ("conv2", 800), ("fc64", 1024)):
        deviation = float(scaled[f"{name}.weight"].std())
        assert deviation == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)
        torch.testing.assert_close(scaled[f"{name}.bias"], stated[f"{name}.bias"])
    alike = he_scaled(NETWORK, initial_arrays(NETWORK, seed=1))
    factor = alike["conv1.weight"] / initial_arrays(NETWORK, seed=1)["conv1.weight"]
    torch.testing.assert_close(factor, torch.full_like(factor, 2**0.5 / 1.4))


def test_a_resumed_run_of_muon_is_the_run(tmp_path: Path) -> None:
    recipe = replace(
        RECIPE,
        rule="muon",
        first_weights="he",
        layers=(LayerRates(layers="fc2", rule="nesterov"),),
    )
    go(tmp_path / "whole", recipe)
    go(tmp_path / "parts", recipe, stop=after(7))
    go(tmp_path / "parts", recipe, resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
