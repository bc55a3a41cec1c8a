"""Reads, counts, builds and teaches every original configuration for one step, and records it.

python benchmarks/original_files.py ../shared/configs
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
from results import record

from alexnet.formats.cuda_convnet import Definition, read_definition
from alexnet.network.layers import Loss
from alexnet.network.ledger import ledger
from alexnet.torch_net import build

sys.path.insert(0, str(Path(__file__).parent.parent / "docs"))
from make_configs import pairs  # noqa: E402  # docs/ is no package

PICTURES = 2
"""In a step: full-sized pictures, so that every layer is as large as in 2012."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    reading: list[float] = []
    steps: list[float] = []
    slowest = ("", 0.0)
    for definition, parameters, side in pairs(folder):
        began = time.perf_counter()
        read = read_definition(definition, parameters, side=side)
        ledger(read.network)
        reading.append(time.perf_counter() - began)
        slowest = max(slowest, (parameters.name, reading[-1]), key=lambda pair: pair[1])
        steps.append(step(read))
        print(f"{parameters.name}: read in {reading[-1]:.3f} s, one step in {steps[-1]:.1f} s")
    record(
        "8-original-files",
        title="Original configurations: read, counted, built, one training step",
        command="python benchmarks/original_files.py ../shared/configs",
        wanted="every pair of files; reading and counting under 0.3 s each",
        columns=["pairs of files", "steps with finite gradients", "slowest to read and count"],
        rows=[
            [str(len(reading)), str(len(steps)), f"{slowest[1]:.2f} s ({slowest[0]})"],
        ],
        remark=f"A step is forward, backward and update of {PICTURES} pictures of the size of the "
        "runs. That each count equals the original parsers' is a test "
        "(tests/formats/test_cuda_convnet_reader.py).",
    )


def step(read: Definition) -> float:
    """Seconds of one training step; every gradient must be finite, and one at least not 0."""
    network = read.network
    module = build(network, seed=0)
    generator = torch.Generator().manual_seed(0)
    picture = torch.randn(PICTURES, *network.picture.shape, generator=generator)
    given = {
        layer.name: torch.rand(PICTURES, *network.shape(layer.name), generator=generator)
        if network.shape(layer.name) != (1, 1, 1)
        else torch.randint(10, (PICTURES,), generator=generator)
        for layer in network
        if layer.kind == "input" and layer.name != network.picture.name
    }
    assert any(isinstance(layer, Loss) for layer in network), f"{network.name} has no loss"
    began = time.perf_counter()
    costs = module.costs(picture, inputs=given, generator=generator)
    costs.objective.backward()
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    assert gradients, f"{network.name}: nothing learns"
    assert all(bool(g.isfinite().all()) for g in gradients), f"{network.name}: not finite"
    assert any(bool(g.any()) for g in gradients), f"{network.name}: every gradient is 0"
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.grad is not None:
                parameter.sub_(parameter.grad, alpha=0.01)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
