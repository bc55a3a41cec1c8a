"""Puts the static explorer into the built site, as explorer/ beside its pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def on_post_build(config: Any) -> None:
    """Writes the explorer with its precomputed answers; the pages link to it."""
    from alexnet.explorer.export import export

    export(Path(config["site_dir"]) / "explorer")
