"""Which modules a torch module runs, in order: nn.Sequential chains are read off, any other
forward is traced by torch.fx. It does not say which layer each amounts to.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
import torch.nn.functional as functional
from torch import Tensor, fx, nn

from alexnet.network.shapes import LayerError


class ModuleError(ValueError):
    """A torch module that is no plain chain of known layers: names the module's path, what it says
    and what would be right.
    """


@dataclass(frozen=True, slots=True)
class Step:
    """One module that runs; for a function, the module that does the same."""

    path: str
    module: nn.Module


class FlattenTo(nn.Flatten):
    """`view(N, count)`: a flatten that only fits maps of `count` numbers."""

    def __init__(self, count: int) -> None:
        """Takes the count that the call states."""
        super().__init__()
        self.count = count

    def extra_repr(self) -> str:
        """The count, so that two of them can be told apart."""
        return str(self.count)


Kinds = Collection[type[nn.Module]]


def refuse(path: str, sentence: str) -> NoReturn:
    """A ModuleError about the module at `path`; "" is the outermost one."""
    raise ModuleError(f"module '{path}': {sentence}" if path else f"the module itself: {sentence}")


def steps(module: nn.Module, known: Kinds) -> list[Step]:
    """What runs inside `module`, in order.

    Args:
        module: any module; it is not run, and its modes are put back.
        known: the classes that are not looked into.

    Raises:
        ModuleError: it is no straight chain of known modules and functions.
    """
    found = _steps(module, "", known)
    for path, part in module.named_modules():
        if part._forward_hooks or part._forward_pre_hooks or "forward" in vars(part):
            refuse(path, "has hooks or a forward of its own, which may change what it computes")
    run = {id(p) for step in found for p in step.module.parameters()}
    for name, parameter in module.named_parameters():
        if id(parameter) not in run:
            refuse(name, f"its {parameter.numel():,} numbers are used by no layer; take it out")
    return found


def _steps(module: nn.Module, path: str, known: Kinds) -> list[Step]:
    kind = type(module)
    if kind in known:
        return [Step(path, module)]
    if kind.forward is nn.Sequential.forward:
        named = module._modules.items()  # named_children leaves repeated ones out
        return [x for name, child in named if child for x in _steps(child, _at(path, name), known)]
    if kind.__module__.startswith("torch."):
        names = ", ".join(sorted(x.__name__ for x in known if x.__module__.startswith("torch.")))
        refuse(path, f"{kind.__name__} is no layer that a Network knows; there are: {names}")
    training, evaluation = _both_modes(module, path, known)
    if [repr(step) for step in training] != [repr(step) for step in evaluation]:
        refuse(path, "runs other layers in training than in evaluation; a Network runs the same")
    return training


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


# --- a forward, followed --------------------------------------------------------------------------


class _OneLevel(fx.Tracer):
    """Traces one container's own forward; each module that it calls is looked at by itself."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def _both_modes(module: nn.Module, path: str, known: Kinds) -> list[list[Step]]:
    """What `forward` runs in training and in evaluation; the modes are put back."""
    modes = {part: part.training for part in module.modules()}
    try:
        return [_traced(module.train(mode), path, known) for mode in (True, False)]
    finally:
        for part, mode in modes.items():
            part.training = mode


def _traced(module: nn.Module, path: str, known: Kinds) -> list[Step]:
    try:
        graph = _OneLevel().trace(module)
    except Exception as error:  # forward is foreign code: anything may come out of it
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        refuse(path, f"its forward cannot be followed ({reason}); write it as nn.Sequential")
    found: list[Step] = []
    current: fx.Node | None = None
    for node in graph.nodes:
        if node.op == "output":
            if node.args[0] is not current:
                refuse(path, "its forward returns something else than the end of one chain")
        elif node.op == "placeholder":
            if current is not None:
                refuse(path, f"its forward takes a second input, '{node.name}'; it may take one")
            current = node
        elif not _is_size(node):
            found += _called(node, current, module, path, known)
            current = node
    return found


def _called(
    node: fx.Node, current: fx.Node | None, module: nn.Module, path: str, known: Kinds
) -> list[Step]:
    """The steps of one call within a forward."""
    where = _at(path, str(getattr(node.target, "__name__", node.target)))
    if node.op == "get_attr":
        refuse(where, "is a tensor that forward uses directly; no layer of a Network does")
    make = None
    if node.op != "call_module":
        where += "()"
        make = (FUNCTIONS if node.op == "call_function" else METHODS).get(node.target)
        if make is None:
            refuse(where, f"is no function that a Network knows; there are: {', '.join(CALLS)}")
    read = [x for x in node.all_input_nodes if not _is_size(x)]
    if read != [current] or node.args[:1] != (current,):
        names = " and ".join(f"'{x.name}'" for x in read) or "nothing"
        refuse(where, f"reads {names}; in a plain chain it reads what was computed last")
    try:
        if make is not None:
            return [Step(where, make(module.training, *node.args[1:], **node.kwargs))]
    except (TypeError, LayerError) as error:
        refuse(where, str(error))
    if len(node.args) != 1 or node.kwargs:
        refuse(where, "is called with more than its input")
    return _steps(module.get_submodule(str(node.target)), where, known)


def _is_size(node: fx.Node) -> bool:
    """Whether a node is a tensor's shape, or the batch size out of it."""
    if node.target is operator.getitem:
        whole, index = node.args
        return (
            isinstance(whole, fx.Node) and _is_size(whole) and isinstance(index, int) and not index
        )
    if node.target is getattr:
        return node.args[1] == "shape"
    return node.op == "call_method" and node.target == "size" and node.args[1:] in ((), (0,))


# --- functions, each as the module that does the same; the first argument is the mode ------------


def _activation(kind: type[nn.Module]) -> Callable[..., nn.Module]:
    return lambda training, inplace=False: kind()


def _dropout(mode: bool, p: float = 0.5, training: bool = True, inplace: bool = False) -> nn.Module:
    """Dropout if it follows the mode; one that does not differs between the two traces."""
    return nn.Dropout(p) if training == mode else nn.Identity()


def _view(mode: bool, *sizes: Any) -> nn.Module:
    """A view or reshape that flattens all but the batch."""
    given: Sequence[Any] = sizes
    if len(sizes) == 1 and isinstance(sizes[0], Sequence):
        given = sizes[0]
    batch_first = len(given) == 2 and (isinstance(given[0], fx.Node) or given[0] == -1)
    if not batch_first or not isinstance(given[1], int) or given[0] == given[1]:
        raise LayerError(f"gives the shape {given}; only (batch, everything else) is a flatten")
    return nn.Flatten() if given[1] == -1 else FlattenTo(given[1])


def _max_pool(
    mode: bool,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> nn.Module:
    """nn.MaxPool2d takes the last two in the other order."""
    return nn.MaxPool2d(kernel_size, stride, padding, dilation, return_indices, ceil_mode)


CALLS: dict[str, Callable[..., nn.Module]] = {
    "relu": _activation(nn.ReLU),
    "relu_": _activation(nn.ReLU),
    "relu6": _activation(nn.ReLU6),
    "sigmoid": _activation(nn.Sigmoid),
    "tanh": _activation(nn.Tanh),
    "flatten": lambda mode, start_dim=0, end_dim=-1: nn.Flatten(start_dim, end_dim),
    "view": _view,
    "reshape": _view,
    "max_pool2d": _max_pool,
    "avg_pool2d": lambda mode, *sizes, **more: nn.AvgPool2d(*sizes, **more),
    "adaptive_avg_pool2d": lambda mode, output_size: nn.AdaptiveAvgPool2d(output_size),
    "local_response_norm": lambda mode, *sizes, **more: nn.LocalResponseNorm(*sizes, **more),
    "softmax": lambda mode, dim=None, _stacklevel=3, dtype=None: nn.Softmax(dim),
    "dropout": _dropout,
}

FUNCTIONS: dict[Any, Callable[..., nn.Module]] = {
    getattr(owner, name): make
    for name, make in CALLS.items()
    for owner in (torch, functional)
    if hasattr(owner, name) and (name, owner) != ("dropout", torch)  # its last is called `train`
}

METHODS: dict[Any, Callable[..., nn.Module]] = {
    name: make for name, make in CALLS.items() if hasattr(Tensor, name)
}
