"""What stands on the command line as one of a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from alexnet.network.spec import Network, nearest

if TYPE_CHECKING:
    from alexnet.torch_net.precision import Precision


def choose_precision(text: str, network: Network) -> Precision:
    """The precision called so; auto is what is fastest here for `network`.

    Raises:
        ValueError: none is called so.
    """
    from alexnet.torch_net.precision import Precision, fastest

    if text == "auto":
        return fastest(network)
    known: tuple[Precision, ...] = get_args(Precision)
    for precision in known:
        if precision == text:
            return precision
    raise ValueError(f"no precision is called '{text}'{nearest(text, [*known, 'auto'])}")
