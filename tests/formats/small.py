"""A small trained-looking checkpoint for the tests of formats."""

from __future__ import annotations

import numpy as np

from alexnet.formats import Checkpoint, TrainingState
from alexnet.network.arithmetic import network_parameters
from alexnet.network.contract import InputContract
from alexnet.network.layers import (
    Conv,
    FullyConnected,
    Gaussian,
    Input,
    Kernel,
    LogisticLoss,
    Softmax,
)
from alexnet.network.spec import Network

NETWORK = Network(
    "small",
    (
        Input(name="data", shape=(3, 6, 6)),
        Input(name="labels", shape=(1, 1, 1), content="labels"),
        Conv(
            name="conv1",
            reads=("data",),
            filters=4,
            kernels=(Kernel(size=3, initial=Gaussian(0.1)),),
            rule="torch",
        ),
        FullyConnected(name="fc2", reads=("conv1",), outputs=3, initial=(Gaussian(0.1),)),
        Softmax(name="probs", reads=("fc2",)),
        LogisticLoss(name="logprob", reads=("labels", "probs")),
    ),
)

CONTRACT = InputContract(channel_order="RGB", pixel_maximum=255.0, mean_image=True)


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        p.name: random.normal(size=p.shape).astype(np.float32) for p in network_parameters(NETWORK)
    }


def checkpoint(seed: int = 0) -> Checkpoint:
    image = np.random.default_rng(9).uniform(0, 255, (3, 8, 8)).astype(np.float32)
    return Checkpoint(
        network=NETWORK,
        arrays=arrays(seed),
        contract=CONTRACT,
        classes=("cat", "Hündin", "船"),
        notes=("a note",),
        mean_image=image,
        training=TrainingState(arrays(seed + 1), {"epoch": 3, "loss": 0.1 + 0.2}),
    )
