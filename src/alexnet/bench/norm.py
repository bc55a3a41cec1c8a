"""Local response normalisation alone, forward and backward, on the first norm of a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alexnet.bench.chain import first_norm, refusal
from alexnet.bench.jobs import BenchError, Job, Measurement
from alexnet.bench.stock import norm_module
from alexnet.bench.timing import measurement, timed
from alexnet.network.codec import from_json
from alexnet.network.shapes import Shape
from alexnet.torch_net.allocation import keep_memory
from alexnet.torch_net.response_norm import CrossMapNormModule


def measure_ours(job: Job, dtype: torch.dtype) -> Measurement:
    """Channels last, as our networks run."""
    layer, shape = first_norm(from_json(job.network))
    return _measured(CrossMapNormModule(layer), _drawn(job, shape, dtype, torch.channels_last), job)


def measure_stock(job: Job) -> Measurement:
    """In fp32 and torch's layout.

    Raises:
        BenchError: the stock module computes something else.
    """
    layer, shape = first_norm(from_json(job.network))
    if refusal(layer):
        raise BenchError(f"layer '{layer.name}': {refusal(layer)}")
    drawn = _drawn(job, shape, torch.float32, torch.contiguous_format)
    return _measured(norm_module(layer), drawn, job)


def _drawn(
    job: Job, shape: Shape, dtype: torch.dtype, layout: torch.memory_format
) -> tuple[Tensor, Tensor]:
    """What comes in, as a rectifier leaves it, and the gradient that arrives."""
    x, gradient = (torch.randn(job.batch_size, *shape).to(dtype) for _ in range(2))
    x = x.relu().contiguous(memory_format=layout)
    return x.requires_grad_(), gradient.contiguous(memory_format=layout)


def _measured(module: nn.Module, drawn: tuple[Tensor, Tensor], job: Job) -> Measurement:
    keep_memory()  # both sides: else most of the time would be the system's, zeroing new results
    x, gradient = drawn

    def step() -> None:
        x.grad = None
        module(x).backward(gradient)

    return measurement(timed(step, job.effort), job.batch_size, shape=str(tuple(x.shape)))
