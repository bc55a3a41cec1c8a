"""Memory that is asked for again: whether the system is asked again too."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

ASKS = """
import resource, sys, torch
from alexnet.torch_net.allocation import keep_memory

torch.set_num_threads(1)
if sys.argv[1] == "kept":
    assert keep_memory()

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(16 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_kept_memory_is_not_asked_for_again() -> None:
    kept, usual = (
        int(subprocess.check_output([sys.executable, "-c", ASKS, how])) for how in ("kept", "usual")
    )
    assert kept < 100
    assert usual > 5 * (kept + 1)
