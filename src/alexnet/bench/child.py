"""`python -m alexnet.bench.child`: takes one measurement in this process. It reads a job from
standard input, and writes one line of JSON, the last of its standard output.
"""

from __future__ import annotations

import sys
from typing import assert_never

from alexnet.bench.jobs import Job, Measurement
from alexnet.network.codec import from_json


def measure(job: Job) -> Measurement:
    """Takes the measurement; each imports no more than it needs.

    Raises:
        BenchError: it cannot be taken of this network.
        ImportError: a peer is not installed.
    """
    match job.what:
        case "limits":
            from alexnet.bench import limits

            return limits.measure(job)
        case "training-ours" | "training-stock":
            from alexnet.bench import training

            ours = job.what == "training-ours"
            return training.measure_ours(job) if ours else training.measure_stock(job)
        case "inference-ours" | "inference-ours-fp32" | "inference-stock":
            from alexnet.bench import inference
            from alexnet.torch_net.precision import fastest

            if job.what == "inference-stock":
                return inference.measure_stock(job)
            wide = job.what == "inference-ours-fp32"
            return inference.measure_ours(job, "fp32" if wide else fastest(from_json(job.network)))
        case "inference-onnxruntime":
            from alexnet.bench import inference

            return inference.measure_onnxruntime(job)
        case "norm-ours" | "norm-ours-bf16" | "norm-stock":
            import torch

            from alexnet.bench import norm

            if job.what == "norm-stock":
                return norm.measure_stock(job)
            dtype = torch.bfloat16 if job.what == "norm-ours-bf16" else torch.float32
            return norm.measure_ours(job, dtype)
        case "loading-ours" | "loading-stock":
            from alexnet.bench import loading

            ours = job.what == "loading-ours"
            return loading.measure_ours(job) if ours else loading.measure_stock(job)
        case "ledger-ours" | "ledger-torchinfo":
            from alexnet.bench import ledger

            ours = job.what == "ledger-ours"
            return ledger.measure_ours(job) if ours else ledger.measure_torchinfo(job)
        case _:
            assert_never(job.what)


def main() -> None:
    """One job in, one line out; or a sentence on standard error and status 1."""
    try:
        found = measure(Job.from_json(sys.stdin.read()))
    except (ValueError, ImportError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
    print(found.to_json())


if __name__ == "__main__":
    main()
