"""The ladder of imports, read from the source itself: each room imports only from rooms below."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "alexnet"

BELOW: dict[str, set[str]] = {
    "network": set(),
    "terminal": set(),
    "formats": {"network"},
    "numpy_net": {"network"},
    "torch_net": {"network"},
    "images": {"network", "formats"},
    "evaluation": {"network", "formats", "torch_net", "images"},
    "training": {"network", "formats", "torch_net", "images", "evaluation"},
    "pictures": {
        "network", "formats", "numpy_net", "torch_net", "images", "evaluation", "training",
    },
    "bench": {"network", "formats", "torch_net", "images", "evaluation", "training"},
    "explorer": {
        "network", "formats", "numpy_net", "torch_net", "images", "evaluation", "training",
        "pictures",
    },
    "estimator": {"network", "formats", "torch_net", "images", "evaluation", "training"},
    "cli": {
        "network", "formats", "torch_net", "images", "evaluation", "training", "pictures",
        "bench", "estimator", "explorer", "terminal",
    },
    "__main__": {"cli"},
    "__init__": {"network", "formats", "torch_net", "evaluation", "training", "estimator"},
}  # fmt: skip
"""Which rooms each room may import, DESIGN's ladder written out."""

NETWORK_ORDER = [
    "sizes",
    "parts",
    "picture_layers",
    "layers",
    "shapes",
    "placement",
    "spec",
    "codec",
    "arithmetic",
    "contract",
    "edit",
    "towers",
    "catalog",
    "ledger",
    "facts",
    "traditions",
    "stages",
    "memory",
    "plan",
    "tool_rules",
    "tools",
    "explain",
    "compare",
    "notebook",
    "paper",
]
"""Inside network/, a file imports only files that stand before it here."""

STANDARD_ONLY = {"network", "terminal"}
OUTSIDE = {"terminal": {"rich"}}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
            if node.module == "alexnet" or node.module.startswith("alexnet."):
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def room(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_go_downward_only(path: Path) -> None:
    here = room(path)
    assert here in BELOW, f"{here} is a new room; say in BELOW what it may import"
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "alexnet" and len(parts) > 1 and parts[1] in BELOW:
            assert parts[1] == here or parts[1] in BELOW[here], f"{here} imports {name}"


@pytest.mark.parametrize(
    "path", [p for p in files() if room(p) in STANDARD_ONLY], ids=lambda p: p.name
)
def test_the_lowest_rooms_need_only_the_standard_library(path: Path) -> None:
    allowed = OUTSIDE.get(room(path), set())
    for name in imports(path):
        top = name.split(".")[0]
        assert top in sys.stdlib_module_names or top == "alexnet" or top in allowed, name


def test_files_of_the_network_room_stand_in_order() -> None:
    folder = SOURCE / "network"
    for path in folder.rglob("*.py"):
        here = path.relative_to(folder).parts[0].removesuffix(".py")
        if here == "__init__":
            continue
        assert here in NETWORK_ORDER, f"network/{here} has no place in the order"
        for name in imports(path):
            parts = name.split(".")
            if parts[:2] == ["alexnet", "network"] and len(parts) > 2 and parts[2] != here:
                assert NETWORK_ORDER.index(parts[2]) < NETWORK_ORDER.index(here), (
                    f"{path.relative_to(SOURCE)} imports {name}"
                )


@pytest.mark.parametrize("statement", ["import alexnet", "import alexnet.cli"])
def test_importing_loads_neither_numpy_nor_torch(statement: str) -> None:
    code = f"{statement}, sys; print({{'numpy', 'torch'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_no_file_and_no_function_outgrows_the_budget() -> None:
    for path in files():
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 400, f"{path.name} is longer than 400 lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= 70, f"{path.name}: {node.name} has {length} lines"


def test_every_module_says_what_it_is() -> None:
    for path in files():
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path
