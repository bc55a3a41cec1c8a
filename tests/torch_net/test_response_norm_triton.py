"""The norm in Triton against the norm in torch operations: on a GPU, or in Triton's interpreter."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest
import torch

from alexnet.torch_net import response_norm_plain as plain
from alexnet.torch_net.kernels import response_norm_triton as in_triton
from alexnet.torch_net.response_norm_formula import Formula

FORMULAS = [
    Formula(5, 1e-2, 0.75, 2.0),
    Formula(5, 1e-2, 0.75, 2.0, groups=2),
    Formula(4, 0.1, 0.5, 1.0),
    Formula(9, 0.1, 0.6, 1.0),
]

needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton is not installed"
)


def check(device: str) -> None:
    """Both passes, both layouts."""
    draws = torch.Generator().manual_seed(0)
    for formula in FORMULAS:
        for layout in (torch.contiguous_format, torch.channels_last):
            x, g = (torch.randn(2, 12, 5, 6, generator=draws).to(device) for _ in range(2))
            x, g = (each.contiguous(memory_format=layout) for each in (x, g))
            found, expected = in_triton.normalise(x, formula), plain.normalise(x, formula)
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
            found = in_triton.normalise(x, formula, gradient=g)
            expected = plain.gradient_of(x, g, formula)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
            assert found.stride() == x.stride()


@needs_triton
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_the_norm_on_a_gpu() -> None:
    check("cuda")


@needs_triton
def test_the_norm_in_the_interpreter() -> None:
    child = "from torch_net.test_response_norm_triton import check; check('cpu')"
    places = os.pathsep.join(["src", "tests", os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": places}
    subprocess.run([sys.executable, "-c", child], check=True, env=environment)


def test_what_is_not_on_a_gpu_is_left_to_others() -> None:
    assert not in_triton.applies(torch.zeros(1, 4, 2, 2), FORMULAS[0])
