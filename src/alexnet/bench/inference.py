"""A forward pass: ours as `alexnet evaluate` asks a network, from bytes to probabilities; that of
the stock modules and of onnxruntime, on a tensor that is ready.
"""

from __future__ import annotations

from importlib import import_module
from itertools import chain as endlessly
from itertools import repeat
from typing import Any

import torch

from alexnet.bench.jobs import Job, Measurement
from alexnet.bench.onnx_model import onnx_bytes
from alexnet.bench.pictures import noise
from alexnet.bench.stock import stock
from alexnet.bench.timing import measurement, timed
from alexnet.evaluation import Examinee, Showing, log_probabilities
from alexnet.network.codec import from_json
from alexnet.network.contract import InputContract
from alexnet.torch_net import build, initial_arrays
from alexnet.torch_net.allocation import keep_memory
from alexnet.torch_net.precision import Precision

BORDER = 16
"""Pixels around the centre view at every edge (§4.1)."""


def measure_ours(job: Job, precision: Precision) -> Measurement:
    """The centre views of pictures in memory, less their mean image, and the probabilities."""
    keep_memory()  # as the verbs begin
    network = from_json(job.network)
    channels, side, _ = network.picture.shape
    pictures = noise(2 * job.batch_size, channels, side + 2 * BORDER, 1)
    contract = InputContract(
        channel_order="RGB" if channels == 3 else "grey",
        pixel_maximum=255.0,
        mean_image=True,
        border_pixels=BORDER,
    )
    image = torch.full(pictures.images.shape[1:], 127.0)
    examinee = Examinee(build(network), pictures, contract, image)
    showing = Showing(precision=precision)
    asked = endlessly.from_iterable(
        log_probabilities(examinee, showing, batch_size=job.batch_size) for _ in repeat(None)
    )
    times = timed(lambda: next(asked), job.effort)
    return measurement(times, job.batch_size, precision=precision)


def measure_stock(job: Job) -> Measurement:
    """In fp32 and torch's layout."""
    network = from_json(job.network)
    module = stock(network).eval()
    pictures = torch.randn(job.batch_size, *network.picture.shape)
    with torch.inference_mode():
        times = timed(lambda: module(pictures), job.effort)
    return measurement(times, job.batch_size, precision="fp32")


def measure_onnxruntime(job: Job) -> Measurement:
    """In fp32 with its own LRN operator, on as many threads as torch has."""
    runtime: Any = import_module("onnxruntime")
    network = from_json(job.network)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    model = onnx_bytes(network, initial_arrays(network))
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    pictures = torch.randn(job.batch_size, *network.picture.shape).numpy()
    times = timed(lambda: session.run(None, {"picture": pictures}), job.effort)
    version = str(runtime.__version__)
    return measurement(times, job.batch_size, precision="fp32", onnxruntime=version)
