"""What goes wrong when the page asks: a sentence, what to do, and the place it belongs to; and the
parameters of an address, read strictly.
"""

from __future__ import annotations

from collections.abc import Mapping

from alexnet.network.spec import nearest

Tree = dict[str, object]
"""A JSON object."""


class AskError(ValueError):
    """An answer that is an error.

    Attributes:
        status: of HTTP.
        sentence: what is wrong.
        remedy: what to do; may be "".
        place: the layer that it belongs to, or None.
        field: that layer's field, or the address's parameter, or None.
        more: further keys of the answer.
    """

    def __init__(
        self,
        status: int,
        sentence: str,
        remedy: str = "",
        *,
        place: str | None = None,
        field: str | None = None,
        more: Tree | None = None,
    ) -> None:
        """Keeps the parts apart."""
        super().__init__(sentence)
        self.status, self.sentence, self.remedy = status, sentence, remedy
        self.place, self.field, self.more = place, field, more or {}

    @property
    def tree(self) -> Tree:
        """The error as JSON."""
        return {
            "error": self.sentence,
            "try": self.remedy,
            "place": self.place,
            "field": self.field,
            **self.more,
        }


Parameters = Mapping[str, str]
"""What stands behind the question mark of an address."""


def known(given: Parameters, *names: str) -> None:
    """Refuses parameters that have no say.

    Raises:
        AskError: there is one.
    """
    for name in given:
        if name not in names:
            raise AskError(400, f"no parameter is called '{name}'{_hint(name, names)}", field=name)


def _hint(name: str, names: tuple[str, ...]) -> str:
    return nearest(name, list(names)) if names else "; this address takes none"


def text(given: Parameters, name: str, default: str | None = None) -> str:
    """A parameter as it stands.

    Raises:
        AskError: it is missing and has no default.
    """
    found = given.get(name, default)
    if found is None:
        raise AskError(400, f"the parameter '{name}' is missing", field=name)
    return found


def whole(given: Parameters, name: str, least: int, most: int, default: int | None = None) -> int:
    """A parameter that is a whole number within limits.

    Raises:
        AskError: it is missing, no whole number, or beyond a limit.
    """
    said = text(given, name, None if default is None else str(default))
    if not (said.isascii() and said.removeprefix("-").isdigit() and len(said) <= 12):
        raise AskError(400, f"{name} is '{said[:40]}'; it must be a whole number", field=name)
    if not least <= int(said) <= most:
        raise AskError(400, f"{name} is {said}; it must be from {least} to {most:,}", field=name)
    return int(said)
