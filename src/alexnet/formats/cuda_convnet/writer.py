"""A network, and how it learns, as the pair of files that the code of 2012 read: a layer definition
and layer parameters. What they cannot say is refused, never bent.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path

from alexnet.formats.atomic import replacing
from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.class_tree import ClassTree
from alexnet.formats.cuda_convnet.rules import LearningRules
from alexnet.formats.cuda_convnet.writer_check import differences
from alexnet.formats.cuda_convnet.writer_parameters import parameter_sections, start_rules
from alexnet.formats.cuda_convnet.writer_refusals import (
    Places,
    network_refusals,
    rules_refusals,
    sentence,
)
from alexnet.formats.cuda_convnet.writer_sections import definition_sections
from alexnet.formats.cuda_convnet.writer_values import document
from alexnet.formats.cuda_convnet.writer_warnings import layer_warnings
from alexnet.network.layers import TreeConnected
from alexnet.network.spec import Network

START = (
    "rates are where the notebook's runs start: epsW 0.01, epsB 0.02, momW 0.9, momB 0.9, wc 0.0005"
)


def definition_text(network: Network) -> str:
    """The definition file: every layer's kind and sizes, in the network's order.

    The side of the picture has no place in it and stands in a comment.

    Raises:
        FormatError: the network has what the files of 2012 cannot say; every layer is named.
    """
    return _texts(network, None)[0]


def parameters_text(network: Network, rules: LearningRules | None = None) -> str:
    """The parameter file: the rates of layers with weights, the constants of norms and costs.

    Args:
        network: what the definition file is made from.
        rules: how it learns; where they are None, a comment says that the rates are those at
            which most runs of 2012 start. Rules of another release are written where they mean
            the same in 2012's words.

    Raises:
        FormatError: the network or the rules have what the files of 2012 cannot say.
    """
    return _texts(network, rules)[1]


def class_tree_text(network: Network) -> str | None:
    """The tree of a network's `treefc` layers in the form that `class_tree` reads; None where it
    has none.
    """
    tree = _tree(network)
    if tree is None:
        return None
    return json.dumps({"parents": tree.parents, "leaves": tree.leaves}) + "\n"


def definition_warnings(network: Network) -> tuple[str, ...]:
    """Where the original parser, or its kernels, would refuse what ours reads; one sentence each.

    The filters of a layer, for one, had to be a multiple of 16 (semantics file, sections 2 to 4).
    """
    return tuple(layer_warnings(network))


def write_definition(
    network: Network,
    path: str | os.PathLike[str],
    *,
    rules: LearningRules | None = None,
    parameters_path: str | os.PathLike[str] | None = None,
) -> tuple[Path, ...]:
    """Writes the definition, the parameters and, where a layer learns over a tree of classes, the
    tree (x-tree.json beside x.cfg), each whole or not at all; returns their paths.

    Args:
        network: what to write.
        path: of the definition file.
        rules: how it learns, see `parameters_text`.
        parameters_path: of the parameter file; without it `parameters_beside(path)`.

    Raises:
        FormatError: see `definition_text` and `parameters_text`; or a file cannot be written.
    """
    path = Path(path)
    beside = parameters_beside(path) if parameters_path is None else Path(parameters_path)
    if beside == path:
        raise FormatError(f"{path}: is to hold definition and parameters; they are two files")
    definition, parameters = _texts(network, rules)
    contents = {path: definition, beside: parameters}
    tree = class_tree_text(network)
    if tree is not None:
        contents[path.with_name(f"{path.stem}-tree.json")] = tree
    try:
        with ExitStack() as stack:
            for target, text in contents.items():
                new = stack.enter_context(replacing(target))
                new.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        names = ", ".join(map(str, contents))
        raise FormatError(f"{names}: cannot be written ({error.strerror or error})") from error
    return tuple(contents)


def parameters_beside(path: Path) -> Path:
    """Where the parameters of a definition belong: layers-x.cfg has layer-params-x.cfg, as in 2012;
    any other name has `-params` before its ending.
    """
    if path.name.startswith("layers"):
        return path.with_name("layer-params" + path.name.removeprefix("layers"))
    return path.with_name(f"{path.stem}-params{path.suffix}")


def _texts(network: Network, rules: LearningRules | None) -> tuple[str, str]:
    """Both files, read back and compared."""
    what = f"network '{network.name}' cannot be written as files of 2012"
    _refuse(what, network_refusals(network))
    given = start_rules(network) if rules is None else rules
    what_rules = f"the rules for network '{network.name}' cannot be written as parameters of 2012"
    _refuse(what_rules, rules_refusals(network, given))
    channels, side, _ = network.picture.shape
    picture = f"picture: {channels} channels, {side} pixels (--input {side})"
    definition = document(
        (f"{network.name}: layer definition", picture), definition_sections(network)
    )
    comments = [f"{network.name}: layer parameters", *([START] if rules is None else [])]
    parameters = document(comments, parameter_sections(network, given))
    _refuse(what, differences(network, given, definition, parameters, _tree(network)))
    return definition, parameters


def _refuse(what: str, places: Places) -> None:
    if places:
        raise FormatError(f"{what}: {sentence(places)}")


def _tree(network: Network) -> ClassTree | None:
    for layer in network:
        if isinstance(layer, TreeConnected):
            return ClassTree(layer.parents, layer.outputs)
    return None
