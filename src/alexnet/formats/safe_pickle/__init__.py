"""Reads the pickles of Python 2 and 3 as plain values, and executes nothing: no class is looked up,
no module imported, no function called that a file names.

The stream is interpreted here, opcode by opcode, and not handed to Python's own unpickler, which
allocates what a file announces before the bytes are there and hashes whatever stands as a key.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from alexnet.formats.safe_pickle.files import content, first_bytes
from alexnet.formats.safe_pickle.machine import Machine
from alexnet.formats.safe_pickle.objects import OBJECTS
from alexnet.formats.safe_pickle.plain import PLAIN
from alexnet.formats.safe_pickle.values import (
    Boxed,
    Foreign,
    Kind,
    Named,
    Record,
    is_dict,
    is_list,
    is_tuple,
    raw,
    text,
    told,
)
from alexnet.formats.safe_pickle.write import dump, dump_boxed

__all__ = [
    "LARGEST",
    "Boxed",
    "Foreign",
    "Kind",
    "Named",
    "Record",
    "dump",
    "dump_boxed",
    "first_bytes",
    "is_dict",
    "is_list",
    "is_tuple",
    "load",
    "load_file",
    "load_first",
    "raw",
    "text",
    "told",
]

ACTIONS = PLAIN | OBJECTS

LARGEST = 8 * 2**30
"""Bytes of memory, roughly counted, above which a pickle is not read further."""


def load(
    data: bytes,
    where: str,
    *,
    largest: int = LARGEST,
    inert: Collection[str] = (),
    foreign: Foreign | None = None,
) -> object:
    """What a pickle of protocol 0 to 5 describes, made of plain values.

    None, booleans, numbers, text, bytes, lists, tuples, dicts and sets are themselves; an
    OrderedDict is a dict. Byte strings of Python 2, which may be text or data, become `str`, one
    character per byte (latin-1). Arrays of numbers and booleans become numpy arrays, which may be
    read-only, and numpy scalars Python numbers. Of an object whose class is listed in `inert`
    remains a `Record` with its attributes, of such a class itself a `Named`.

    What is given back may share parts and may hold itself: whoever walks it remembers where it
    has been. Keys of dicts and members of sets are text, bytes or numbers.

    Args:
        data: the whole pickle.
        where: what to call it in an error, its path say.
        largest: bytes of memory that reading may take, also counted for work done twice; a
            pickle may never take more than 64 times its size and a mebibyte.
        inert: classes whose objects are kept as records, "module.name" as the pickle says it.
        foreign: what else a pickle of the program in question may ask for.

    Raises:
        FormatError: names the place, and what it asks for or how it is damaged. Whatever the
            bytes are, no other exception is raised.
    """
    return Machine(data, where, largest, frozenset(inert), foreign).run(ACTIONS)


def load_first(
    data: bytes,
    where: str,
    *,
    inert: Collection[str] = (),
    foreign: Foreign | None = None,
) -> tuple[object, int]:
    """What the pickle that these bytes begin with describes, and how many bytes it has; see `load`.

    Raises:
        FormatError: as `load`.
    """
    machine = Machine(data, where, LARGEST, frozenset(inert), foreign)
    value = machine.run(ACTIONS, whole=False)
    return value, machine.at


def load_file(path: Path, *, largest: int = LARGEST, inert: Collection[str] = ()) -> object:
    """What the pickle in a file describes; see `load`.

    The file may be compressed by gzip, or a zip file that holds it under the name `data`.

    Raises:
        FormatError: the file cannot be read, unpacked or unpickled.
    """
    return load(content(path, largest), str(path), largest=largest, inert=inert)
