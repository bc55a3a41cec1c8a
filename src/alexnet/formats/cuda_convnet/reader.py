"""Reads a layer definition and its parameters, of any of the three releases, as a network, its
learning rules and notes of what these cannot hold. It runs nothing that a file names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.class_tree import ClassTree, read_class_tree
from alexnet.formats.cuda_convnet.dialect import find_dialect
from alexnet.formats.cuda_convnet.document import Document
from alexnet.formats.cuda_convnet.layers_build import Build
from alexnet.formats.cuda_convnet.layers_costs import cost, note_unreleased
from alexnet.formats.cuda_convnet.layers_gpus import read_towers
from alexnet.formats.cuda_convnet.layers_inputs import data_layers
from alexnet.formats.cuda_convnet.layers_plain import (
    activation,
    combined,
    dropout,
    dropped,
    picture_transform,
)
from alexnet.formats.cuda_convnet.layers_sources import Files, Source, read_sources
from alexnet.formats.cuda_convnet.layers_weighted import (
    fully_connected,
    note_windows,
    tree_connected,
    windowed,
)
from alexnet.formats.cuda_convnet.layers_windowed import cross_map_pool, norm, pool
from alexnet.formats.cuda_convnet.notes import Notes, listed, shown
from alexnet.formats.cuda_convnet.parsing import parse_document, read_text
from alexnet.formats.cuda_convnet.rules import Dialect, LearningRules
from alexnet.formats.cuda_convnet.rules_layers import read_rules
from alexnet.formats.cuda_convnet.settings import Budget, Settings
from alexnet.formats.cuda_convnet.writer import parameters_beside
from alexnet.formats.cuda_convnet.writer_warnings import layer_warnings
from alexnet.network.layers import Input, Layer
from alexnet.network.spec import Network, NetworkError

MOST_SIDE = 10_000
HEADER = re.compile(r"^[^\[\]\n]{0,40}\[[^\]\n]+\]", re.MULTILINE)
TYPE = re.compile(r"^[ \t]*type[ \t]*[=:]", re.MULTILINE | re.IGNORECASE)
WARNING = re.compile(r"\[([^\]]+)\]: (.*)", re.DOTALL)
AT_LAYER = re.compile(r"network '.*?', layer '([^']+)': (.*)", re.DOTALL)


@dataclass(frozen=True)
class Definition:
    """What a pair of files says.

    Attributes:
        network: the layers, under the files' names.
        rules: how they learn; None where there is no parameter file.
        dialect: the release for which the files are written.
        notes: what network and rules cannot hold, and what was assumed where the originals would
            have refused.
        definition_path, parameters_path: the files, where they were read from any.
    """

    network: Network
    rules: LearningRules | None
    dialect: Dialect
    notes: tuple[str, ...]
    definition_path: Path | None = None
    parameters_path: Path | None = None


def is_definition(head: bytes, name: str) -> bool:
    """Whether a file may be a definition, from its first bytes and its name."""
    text = head.replace(b"\r", b"\n").decode("latin-1")
    named = name.lower().endswith(".cfg")
    return HEADER.search(text) is not None and (named or TYPE.search(text) is not None)


def read_definition(
    path: Path,
    parameters: Path | None = None,
    *,
    side: int | None = None,
    class_tree: Path | None = None,
    seed: int = 0,
) -> Definition:
    """Reads a definition file and its parameters.

    Args:
        path: of the definition.
        parameters: of the parameter file; without it the one of the same number beside the
            definition, layer-params-145.cfg for layers-145.cfg. Where there is none, a definition
            is read that needs none.
        side: of the picture in pixels; the files do not state it.
        class_tree: the tree of a treefc, see `read_class_tree`.
        seed: of sparse connections, which the original drew anew in every run.

    Raises:
        FormatError: a file cannot be read, or says what cannot be: the file, the line, the section
            and the key are named, and what would be right.
    """
    definition = parse_document(read_text(path), str(path))
    notes = Notes()
    wanted = "give it"
    if parameters is None:
        beside = parameters_beside(path)
        if beside != path and beside.is_file():
            parameters = beside
            notes.add(f"parameters are those of {beside.name}, beside it")
        else:
            wanted = _missing(path, beside)
            notes.add(f"no parameters are read: {wanted}")
    learned = None
    if parameters is not None:
        learned = parse_document(read_text(parameters), str(parameters))
    tree = None if class_tree is None else read_class_tree(class_tree)
    found = _read(definition, learned, side, tree, seed, wanted, notes, path.stem)
    return Definition(found.network, found.rules, found.dialect, found.notes, path, parameters)


def _missing(path: Path, beside: Path) -> str:
    """That the parameter file lacks, and what there is."""
    try:
        others = sorted(
            other.name
            for other in path.parent.iterdir()
            if other.suffix == path.suffix and "param" in other.name
        )
    except OSError:
        others = []
    stem = beside.stem
    near = [name for name in others if name.startswith(stem)] or others
    there = f"; there is {listed(near)}" if near else ""
    return f"{beside.name} is not beside it{there}"


def read_documents(
    definition: Document,
    parameters: Document | None,
    *,
    side: int | None = None,
    classes_tree: ClassTree | None = None,
    seed: int = 0,
) -> Definition:
    """Reads a definition and its parameters from parsed documents; see `read_definition`."""
    name = Path(definition.where).stem or "definition"
    return _read(definition, parameters, side, classes_tree, seed, "give it", Notes(), name)


def _read(
    definition: Document,
    parameters: Document | None,
    side: int | None,
    tree: ClassTree | None,
    seed: int,
    wanted: str,
    notes: Notes,
    name: str,
) -> Definition:
    if side is not None and not 1 <= side <= MOST_SIDE:
        raise FormatError(f"the picture's side is {side}; it must lie in 1 … {MOST_SIDE}")
    for document in (definition, *([] if parameters is None else [parameters])):
        for note in document.notes:
            notes.add(f"{Path(document.where).name}: {note}")
    dialect, mixed = find_dialect(definition, parameters)
    if mixed:
        notes.add(mixed)
    files = Files(definition, parameters, dialect, notes, Budget())
    sources = read_sources(files)
    build = Build(
        files=files,
        sources={source.original: source for source in sources},
        towers=read_towers(sources, dialect, notes),
        data=data_layers(sources, side, tree, notes),
        tree=tree,
        seed=seed,
        wanted=wanted,
        names={source.name for source in sources},
    )
    for source in sources:
        if source.kind == "cost.tica":
            note_unreleased(source, build)
        else:
            _add(source, build)
    network = _network(name, build)
    rules = read_rules(sources, build)
    _note_warnings(network, build)
    return Definition(network, rules, dialect, notes.sentences())


def _add(source: Source, build: Build) -> None:
    """The layer of a section, and above it the layers of its dropout= and neuron=."""
    build.add(source, _layer(source, build))
    if source.kind in ("conv", "local"):
        note_windows(source, build)
    if source.kind.startswith("cost."):
        return
    _add_dropout(source, source.parameters, build)
    if source.kind not in ("neuron", "data") and source.settings.text("neuron"):
        name, below = build.new_name(source, "neuron"), build.outputs[source.original]
        build.add(source, activation(source, build, name, (below,)))
        _add_dropout(source, source.above, build)


def _add_dropout(source: Source, parameters: Settings | None, build: Build) -> None:
    lost = None if parameters is None else dropped(source, build, parameters)
    if lost is not None:
        build.add(source, lost)


def _layer(source: Source, build: Build) -> Layer:
    match source.kind:
        case "data":
            return build.data[source.original]
        case "conv" | "local":
            return windowed(source, build)
        case "fc":
            return fully_connected(source, build)
        case "treefc":
            return tree_connected(source, build)
        case "pool":
            return pool(source, build)
        case "cmpool":
            return cross_map_pool(source, build)
        case "rnorm" | "cnorm" | "cmrnorm":
            return norm(source, build)
        case "hs" | "dropout" | "dropout2":
            return dropout(source, build)
        case "neuron":
            build.check_reads(source, 1, "one layer")
            return activation(source, build, source.name, build.common(source)["reads"])
        case "softmax" | "eltsum" | "eltmax" | "concat" | "pass":
            return combined(source, build)
        case kind if kind.startswith("cost."):
            return cost(source, build)
        case _:
            return picture_transform(source, build)


def _network(name: str, build: Build) -> Network:
    """The network; what only the whole shows to be wrong is told with its section."""
    where = build.files.definition.where
    if not any(isinstance(x, Input) and x.content == "picture" for x in build.layers.values()):
        raise FormatError(f"{where}: no layer of type data gives a picture; one has dataIdx=0")
    try:
        return Network(name, tuple(build.layers.values()), source=where)
    except NetworkError as error:
        at = AT_LAYER.fullmatch(str(error))
        source = next((s for s in build.sources.values() if at and s.name == at[1]), None)
        if at is None or source is None:
            raise FormatError(f"{where}: {error}") from None
        raise source.settings.error(at[2]) from None


def _note_warnings(network: Network, build: Build) -> None:
    """Where the originals would refuse the network; a network may exceed their limits."""
    for warning in layer_warnings(network):
        match = WARNING.fullmatch(warning)
        if match is None:
            build.notes.add(shown(warning, 200))
        else:
            build.notes.group(shown(match[2], 120), match[1])
