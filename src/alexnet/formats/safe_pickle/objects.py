"""The opcodes that name classes and functions, call them, and set the state of objects. None of
that happens: a name is compared with a short list, and a plain value is the answer.
"""

from __future__ import annotations

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.safe_pickle.machine import CONTAINER, ITEM, LONGEST_LINE, Action, Machine
from alexnet.formats.safe_pickle.values import (
    OBJECT,
    Box,
    Kind,
    Named,
    Record,
    Unbuilt,
    array_from_state,
    array_of,
    is_dict,
    is_list,
    is_tuple,
    raw,
    text,
    told,
)

MODULES = {
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "ordereddict": "collections",
    "numpy._core.multiarray": "numpy.core.multiarray",
    "numpy._core.numeric": "numpy.core.numeric",
}
"""Modules that changed their names, and what they are called here."""

ADMITTED = frozenset(
    {
        "_codecs.encode",
        "builtins.bytearray",
        "builtins.bytes",
        "builtins.dict",
        "builtins.frozenset",
        "builtins.list",
        "builtins.object",
        "builtins.set",
        "collections.OrderedDict",
        "copyreg._reconstructor",
        "numpy.core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar",
        "numpy.core.numeric._frombuffer",
        "numpy.dtype",
        "numpy.ndarray",
    }
)
"""All that a pickle may name without being asked for it; `_call` says what each comes to."""


def _plain_name(named: Named) -> str:
    return f"{MODULES.get(named.module, named.module)}.{named.name}"


def _name(m: Machine, module: object, name: object) -> Named:
    if not isinstance(module, str) or not isinstance(name, str):
        m.damaged(f"names {told(module)} and {told(name)}, which is no class")
    named = Named(module, name)
    m.spend(CONTAINER)
    admitted = str(named) in m.inert or _plain_name(named) in ADMITTED
    if not admitted and (m.foreign is None or str(named) not in m.foreign.calls):
        shown = str(named) if str(named).isprintable() else ascii(str(named))
        m.refused(shown if len(shown) <= LONGEST_LINE else shown[:LONGEST_LINE] + "...")
    return named


def _named_in_lines(m: Machine) -> Named:
    module = m.line().decode("latin-1")
    return _name(m, module, m.line().decode("latin-1"))


def _named_on_stack(m: Machine) -> None:
    name, module = m.pop(), m.pop()
    m.push(_name(m, module, name))


def _call(m: Machine, function: object, arguments: object) -> None:
    """Answers a call with a plain value."""
    if not isinstance(function, Named):
        m.refused(f"a call of {told(function)}")
    if not is_tuple(arguments):
        m.damaged(f"calls {function} with {told(arguments)}")
    try:
        made = _answer(m, function, arguments)
    except FormatError:
        raise
    except ValueError as error:
        m.refused(str(error))
    m.announced += isinstance(made, Unbuilt)
    m.push(made, 4 * CONTAINER)


def _answer(m: Machine, function: Named, given: tuple[object, ...]) -> object:
    if str(function) in m.inert and not given:
        return Record(function)
    if m.foreign is not None and str(function) in m.foreign.calls:
        return m.foreign.calls[str(function)](given)
    match _plain_name(function), given:
        case "numpy.core.multiarray._reconstruct", (Named() as kind, _, _):
            if _plain_name(kind) == "numpy.ndarray":
                return Unbuilt()
        case "numpy.core.multiarray.scalar", (kind, data):
            return array_of(data, kind, (), "C").item()
        case "numpy.core.numeric._frombuffer", (data, kind, shape, order):
            m.spend(_size(data))
            return array_of(data, kind, shape, order)
        case "numpy.dtype", _:
            boxes = m.foreign is not None and m.foreign.objects
            if boxes and given and OBJECT.fullmatch(text(given[0]) or ""):
                return Box()
            return Kind.of(given)
        case "copyreg._reconstructor", (Named() as kind, Named() as base, None):
            if str(kind) in m.inert and _plain_name(base) == "builtins.object":
                return Record(kind)
        case "collections.OrderedDict" | "builtins.dict", ():
            return {}
        case "collections.OrderedDict", (pairs,) if is_list(pairs):
            return _dict_of(m, pairs)
        case "builtins.list", ():
            return []
        case "builtins.set", (values,) if is_list(values):
            return set(m.keys(values))
        case "builtins.frozenset", (values,) if is_list(values):
            return frozenset(m.keys(values))
        case "builtins.bytes" | "builtins.bytearray", ():
            return b""
        case "_codecs.encode" | "builtins.bytearray", (content, codec):
            m.spend(_size(content))
            data = raw(content) if text(codec) in ("latin1", "latin-1") else None
            if isinstance(content, str) and data is not None:
                return data
        case "builtins.bytearray", (bytes() as content,):
            return content
        case _:
            pass
    raise ValueError(f"a call of {function} with {told(given)}")


def _dict_of(m: Machine, pairs: list[object]) -> dict[object, object]:
    """What Python 2 gives an OrderedDict: a list of lists of key and value."""
    flat: list[object] = []
    m.spend(2 * ITEM * len(pairs))
    for pair in pairs:
        if not (is_list(pair) or is_tuple(pair)) or len(pair) != 2:
            raise ValueError(f"an OrderedDict with {told(pair)} in place of a key and a value")
        flat.extend(pair)
    made: dict[object, object] = {}
    m.fill(made, flat)
    return made


def _reduce(m: Machine) -> None:
    arguments, function = m.pop(), m.pop()
    _call(m, function, arguments)


def _new_object_with_keywords(m: Machine) -> None:
    keywords = m.pop()
    if not is_dict(keywords) or keywords:
        m.refused(f"an object made with {told(keywords)} of keywords")
    _reduce(m)


def _instance(m: Machine) -> None:
    named = _named_in_lines(m)
    _call(m, named, tuple(m.above_mark()))


def _object(m: Machine) -> None:
    values = m.above_mark()
    if not values:
        m.damaged("makes an object without its class")
    _call(m, values[0], tuple(values[1:]))


def _build(m: Machine) -> None:
    """Gives an array its numbers, a type its byte order, a record its attributes."""
    state, target = m.pop(), m.top()
    try:
        match target:
            case Unbuilt():
                m.spend(_size(state[-1]) if is_tuple(state) and state else CONTAINER)
                m.stack[-1] = array_from_state(state)
                m.announced -= 1
                m.memo.update(dict.fromkeys(target.places, m.stack[-1]))
            case Kind():
                target.build(state)
            case Record():
                _set_attributes(m, target, state)
            case Box():
                pass
            case dict() if m.foreign is not None and is_dict(state):
                pass
            case _:
                m.refused(f"a new state of {told(target)}")
    except FormatError:
        raise
    except ValueError as error:
        m.refused(str(error))


def _kept_elsewhere(m: Machine) -> None:
    said = m.pop()
    if m.foreign is None or m.foreign.kept is None:
        m.refused("an object that is kept elsewhere")
    try:
        m.push(m.foreign.kept(said), 2 * CONTAINER)
    except ValueError as error:
        m.refused(str(error))


def _size(value: object) -> int:
    return CONTAINER + (len(value) if isinstance(value, str | bytes) else 0)


def _set_attributes(m: Machine, target: Record, state: object) -> None:
    """From a dict, or from Python 2's pair of a dict and the values of slots."""
    parts = state if is_tuple(state) else (state,)
    if not 1 <= len(parts) <= 2:
        m.refused(f"a state of {target.kind} that is {told(state)}")
    for part in parts:
        if part is None:
            continue
        if not is_dict(part):
            m.refused(f"a state of {target.kind} that is {told(state)}")
        m.spend(8 * ITEM * len(part))
        for name, value in part.items():
            if not isinstance(name, str):
                m.refused(f"an attribute of {target.kind} called {told(name)}")
            target.attributes[name] = value


def _refuse(what: str) -> Action:
    return lambda m: m.refused(what)


OBJECTS: dict[int, Action] = {
    ord("c"): lambda m: m.push(_named_in_lines(m)),
    0x93: _named_on_stack,
    ord("R"): _reduce,
    0x81: _reduce,  # cls.__new__(cls, ...), where nothing is called, is no other than cls(...)
    0x92: _new_object_with_keywords,
    ord("i"): _instance,
    ord("o"): _object,
    ord("b"): _build,
    ord("P"): _refuse("an object that is kept elsewhere"),
    ord("Q"): _kept_elsewhere,
    0x82: _refuse("an object of a registered class"),
    0x83: _refuse("an object of a registered class"),
    0x84: _refuse("an object of a registered class"),
    0x97: _refuse("bytes that lie outside the file"),
    0x98: _refuse("bytes that lie outside the file"),
}
"""What each of these opcodes does (the letters of Python's `pickletools`)."""
