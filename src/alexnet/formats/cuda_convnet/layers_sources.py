"""The sections of a definition as layers to be: their types, names, keys, what they read and in
which order; their sizes come later.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.dialect import DEFINITION_KEYS, NEVER_RELEASED
from alexnet.formats.cuda_convnet.document import Document, Section
from alexnet.formats.cuda_convnet.layers_keys import KnownKeys, renewed
from alexnet.formats.cuda_convnet.notes import Notes, nearest, shown
from alexnet.formats.cuda_convnet.rules import Dialect
from alexnet.formats.cuda_convnet.settings import Budget, Settings
from alexnet.network.spec import NAME

MOST_READS = 1000
"""How many inputs all layers together may have; released files have up to 146."""
OTHER_SIGN = re.compile(r"[^A-Za-z0-9_/+-]")


@dataclass(frozen=True, slots=True)
class Source:
    """One layer as the files say it.

    Attributes:
        name: as the network calls it; the section's name where that is lawful.
        original: the section's name, by which other sections mean it.
        kind: what `type=` says.
        settings, parameters: its sections; the second may lack.
        above: the parameters of the layer that its `neuron=` becomes, where it has any.
        reads: what it reads, by their sections' names.
    """

    name: str
    original: str
    kind: str
    settings: Settings
    parameters: Settings | None
    above: Settings | None = None
    reads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Files:
    """Both files, their release and what is noted of them."""

    definition: Document
    parameters: Document | None
    dialect: Dialect
    notes: Notes
    budget: Budget


def read_sources(files: Files) -> tuple[Source, ...]:
    """The layers of a definition in an order in which each reads only earlier ones: the file's,
    where it is one.

    Raises:
        FormatError: the file is no definition; a type or an input is unknown; layers read one
            another in a circle.
    """
    _check_definition(files)
    learned = {} if files.parameters is None else _by_name(files.parameters)
    keys = KnownKeys(files.dialect, files.budget)
    names = {section.name for section in files.definition.sections}
    taken = {name for name in names if NAME.fullmatch(name)}

    def parameters(name: str, kind: str) -> Settings | None:
        section = learned.get(name)
        if section is None or files.parameters is None:
            return None
        return keys.learned(files.parameters, section, kind)

    sources = list[Source]()
    for section in files.definition.sections:
        kind, above = _kind(files.definition, section), f"{section.name}_neuron"
        sources.append(
            Source(
                name=_lawful(section.name, taken, files.notes),
                original=section.name,
                kind=kind,
                settings=keys.defined(files.definition, renewed(section, kind, files.notes), kind),
                parameters=parameters(section.name, kind),
                above=None if above in names else parameters(above, "neuron"),
            )
        )
    _note_spare(files, names)
    keys.note(files.notes)
    return _ordered(_wired(sources), files)


def _by_name(document: Document) -> dict[str, Section]:
    return {section.name: section for section in document.sections}


def _check_definition(files: Files) -> None:
    """Says what a file without types is, and what a parameter file with types is."""
    where, sections = files.definition.where, files.definition.sections
    if not sections:
        raise FormatError(f"{where}: holds no [section]; a definition has one for every layer")
    if not any("type" in section.entries for section in sections):
        name = Path(where).name
        own = name.replace("layer-params", "layers") if "layer-params" in name else "layers-….cfg"
        raise FormatError(
            f"{where}: none of its {len(sections)} sections has a type; it looks like a parameter"
            f" file: give the definition ({own}) first, and this one as its parameters"
        )
    parameters = files.parameters
    typed = 0 if parameters is None else sum("type" in x.entries for x in parameters.sections)
    if parameters is not None and 2 * typed > len(parameters.sections):
        raise FormatError(
            f"{parameters.where}: its sections have types; it is a definition (layers-….cfg): give"
            " a parameter file (layer-params-….cfg) here"
        )


def _kind(document: Document, section: Section) -> str:
    entry = section.entries.get("type", document.defaults.get("type"))
    place = f"{document.where}:{section.line}, [{section.name}]"
    if entry is None:
        raise FormatError(f"{place}: has no type; every layer of a definition has one")
    kind, place = entry.value, f"{document.where}:{entry.line}, [{section.name}]"
    if kind in NEVER_RELEASED:
        raise FormatError(
            f"{place}: type is '{kind}'; cuda-convnet2's layers of this type"
            f" ({NEVER_RELEASED[kind]}) are in no released file and are not read"
        )
    if kind not in DEFINITION_KEYS:
        close = nearest(kind, DEFINITION_KEYS)
        hint = f"'{close}' is near" if close else f"known are {', '.join(DEFINITION_KEYS)}"
        raise FormatError(f"{place}: type is '{shown(kind)}', which is no layer's type; {hint}")
    return kind


def _lawful(name: str, taken: set[str], notes: Notes) -> str:
    """The name as a network may have it."""
    if NAME.fullmatch(name):
        return name
    plain = OTHER_SIGN.sub("_", name)
    plain = plain if NAME.fullmatch(plain) else f"_{plain}"
    new, number = plain, 1
    while new in taken:
        number += 1
        new = f"{plain}_{number}"
    taken.add(new)
    notes.group(
        "layers whose names have other signs are called",
        f"{shown(new, 40)} for '{shown(name, 40)}'",
    )
    return new


def _note_spare(files: Files, names: set[str]) -> None:
    """Parameters of layers that the definition does not have."""
    for section in files.parameters.sections if files.parameters else ():
        if section.name not in names and section.name.removesuffix("_neuron") not in names:
            files.notes.group(
                "sections of the parameter file that name no layer are not used", section.name
            )


def _wired(sources: Sequence[Source]) -> list[Source]:
    """Every layer with what it reads."""
    kinds = {source.original: source.kind for source in sources}
    wired = list[Source]()
    count = 0
    for source in sources:
        reads = () if source.kind == "data" else source.settings.texts("inputs")
        count += len(reads)
        if count > MOST_READS:
            raise source.settings.error(f"the layers have more than {MOST_READS} inputs together")
        for read in reads:
            _check_input(source, read, kinds)
        wired.append(replace(source, reads=reads))
    return wired


def _check_input(source: Source, read: str, kinds: Mapping[str, str]) -> None:
    if read not in kinds:
        close = nearest(read, kinds)
        hint = f"is '{close}' meant?" if close else "every input is the name of a section"
        raise source.settings.error(f"no section is called '{shown(read)}'; {hint}", "inputs")
    if kinds[read].startswith("cost."):
        raise source.settings.error(
            f"'{read}' is of type {kinds[read]}; a cost gives nothing that a layer could read",
            "inputs",
        )


def owners(source: Source) -> tuple[str, ...]:
    """Whose weights each input uses: sections' names, "" for its own; empty where it says nothing
    (`weightSource`).
    """
    if not source.settings.has("weightSource"):
        return ()
    return tuple(text.partition("[")[0].strip() for text in source.settings.texts("weightSource"))


def _ordered(sources: Sequence[Source], files: Files) -> tuple[Source, ...]:
    """The file's order; where a layer comes before what it reads, the nearest order that serves."""
    places = {source.original: index for index, source in enumerate(sources)}
    waiting = list[set[int]]()
    readers: list[list[int]] = [[] for _ in sources]
    for index, source in enumerate(sources):
        lent = {places[name] for name in owners(source) if name in places} - {index}
        waiting.append({places[name] for name in source.reads} | lent)
        for need in waiting[-1]:
            readers[need].append(index)
    ready = [index for index, needs in enumerate(waiting) if not needs]
    order = list[int]()
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for reader in readers[index]:
            waiting[reader].discard(index)
            if not waiting[reader]:
                heapq.heappush(ready, reader)
    if len(order) < len(sources):
        stuck = sources[next(i for i, needs in enumerate(waiting) if needs)]
        raise stuck.settings.error("it reads itself, through the layers that it reads", "inputs")
    if order != sorted(order):
        late = next(sources[a] for a, b in zip(order, order[1:], strict=False) if a > b)
        files.notes.add(
            f"[{late.original}] stands behind a layer that reads it, which the original refuses;"
            " layers are put in order"
        )
    return tuple(sources[index] for index in order)
