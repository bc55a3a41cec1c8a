"""The keys of a section that its type has in a release; the rest is noted and ignored, as the
original parsers ignore it unsaid.
"""

from __future__ import annotations

from dataclasses import replace

from alexnet.formats.cuda_convnet.dialect import (
    DEFINITION_KEYS,
    DIALECTS,
    EVERY,
    EVERY_PARAMETER,
    OLD_NAMES,
    PARAMETER_KEYS,
    Keys,
)
from alexnet.formats.cuda_convnet.document import Document, Entry, Section
from alexnet.formats.cuda_convnet.notes import Notes, nearest, shown
from alexnet.formats.cuda_convnet.rules import Dialect
from alexnet.formats.cuda_convnet.settings import Budget, Settings

MOST_GUESSES = 20


def renewed(section: Section, kind: str, notes: Notes) -> Section:
    """The section with today's names for the keys that were once called otherwise."""
    entries = dict(section.entries)
    for old, new in OLD_NAMES.get(kind, {}).items():
        if old in entries and new not in entries:
            entries[new] = entries.pop(old)
            notes.group(f"the key {old} is read as {new}, its later name", section.name)
    return replace(section, entries=entries)


class KnownKeys:
    """Tells the keys that a release knows, and gathers those that it does not."""

    def __init__(self, dialect: Dialect, budget: Budget) -> None:
        """Args: budget: of the whole reading."""
        self.dialect = dialect
        self.budget = budget
        self.digit = next(digit for digit, name in DIALECTS.items() if name == dialect)
        self.found: dict[str, list[str]] = {}
        self.near: dict[str, str] = {}

    def defined(self, document: Document, section: Section, kind: str) -> Settings:
        """A section of a definition with the keys of its type."""
        return self._known(document, section, {**EVERY, **DEFINITION_KEYS[kind]})

    def learned(self, document: Document, section: Section, kind: str) -> Settings:
        """A section of a parameter file with the keys of its layer's type."""
        return self._known(document, section, {**EVERY_PARAMETER, **PARAMETER_KEYS.get(kind, {})})

    def _known(self, document: Document, section: Section, keys: Keys) -> Settings:
        lawful = {key.lower(): key for key, digits in keys.items() if self.digit in digits}
        entries: dict[str, Entry] = {
            key: document.defaults[key] for key in lawful if key in document.defaults
        }
        for key, entry in section.entries.items():
            if key in lawful:
                entries[key] = entry
            else:
                if key not in self.found and len(self.found) < MOST_GUESSES:
                    close = nearest(key, lawful)
                    self.near[key] = f"; is {lawful[close]} meant?" if close else ""
                self.found.setdefault(key, []).append(section.name)
        return Settings(document.where, section, entries, document.defaults, self.budget)

    def note(self, notes: Notes) -> None:
        """One sentence for each key; of very many only the first."""
        for key, near in self.near.items():
            for name in self.found[key]:
                notes.group(
                    f"the key {shown(key)} is not known to {self.dialect} there and is"
                    f" ignored{near}",
                    name,
                )
        if len(self.found) > len(self.near):
            notes.add(f"{len(self.found) - len(self.near)} more keys are ignored")
