"""Builds the kernels in C when there is a compiler; all else is in pyproject.toml.

`python setup.py build_ext --inplace` builds them for a source tree that is not installed.
"""

from __future__ import annotations

import os
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FOLDER = Path("src/alexnet/torch_net/kernels")
NAME = "alexnet.torch_net.kernels.alexnet_kernels"


class BuildKernels(build_ext):
    """Builds a plain shared library: ctypes loads it, Python does not import it."""

    def get_ext_filename(self, fullname: str) -> str:
        """Without Python's version: nothing in it depends on that."""
        return os.path.join(*fullname.split(".")) + ".so"  # noqa: PTH118

    def get_export_symbols(self, ext: Extension) -> list[str]:
        """No PyInit function."""
        return []


setup(
    ext_modules=[
        Extension(
            NAME,
            sources=sorted(map(str, FOLDER.glob("*.c"))),
            depends=sorted(map(str, FOLDER.glob("*.h"))),
            extra_compile_args=[
                *("-std=gnu11", "-O3", "-g0", "-fno-math-errno", "-fvisibility=hidden", "-pthread"),
                *("-Wall", "-Wextra"),
            ],
            extra_link_args=["-pthread"],
            libraries=["m"],
            optional=True,  # without a compiler torch operations are used, which the log says
        )
    ],
    cmdclass={"build_ext": BuildKernels},
)
