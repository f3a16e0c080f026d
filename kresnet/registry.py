"""Kinds by name: those that ship, those that a script registers, and those of installed packages.

An installed package offers a kind by an entry point: its group says of what (`kresnet.blocks`), its name is the name of
the kind, and its value is the module that registers it. Such a module is imported when a document names its kind, or
when all kinds are listed; never because of anything else that a document says.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kresnet.errors import KresnetError, make_error

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Entry = TypeVar("Entry")

#: Of the names of kinds.
KIND_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Provider:
    """Who gives a kind.

    Attributes:
        module: the module that defines it.
        distribution, version: the installed package that offers it by an entry point; empty for a kind that a script
            registers.
    """

    module: str
    distribution: str = ""
    version: str = ""


class Registry(Generic[Entry]):
    """The kinds of one thing, by name, in the order in which they were registered."""

    def __init__(self, group: str) -> None:
        """Make an empty registry.

        Args:
            group: of the entry points by which installed packages offer such kinds, such as `kresnet.blocks`.
        """
        self.group = group
        self._entries: dict[str, Entry] = {}
        self._definitions: dict[str, Any] = {}
        self._loading: set[str] = set()

    @property
    def noun(self) -> str:
        """What the kinds are of, in the singular: `block`."""
        plural = self.group.rpartition(".")[2].replace("_", " ")
        return plural.removesuffix("es" if plural.endswith("sses") else "s")

    def register(self, kind: str, entry: Entry, definition: Any = None) -> None:
        """Register a kind. The same class or function may be registered again, as a notebook's cell does.

        Args:
            kind: its name: small letters, digits and underscores.
            entry: what the name stands for.
            definition: the class or function that defines it, `entry` by default.

        Raises:
            KresnetError: `extension_broken` for a name that no kind can have, `extension_conflict` for one that is
                taken.
        """
        definition = definition or entry
        if not isinstance(kind, str) or not KIND_PATTERN.fullmatch(kind):
            raise make_error(
                "extension_broken",
                f"{_origin(definition)} has a kind that cannot be named so.",
                expected="at most 40 small letters, digits and underscores, with a letter first",
                found=repr(kind)[:60],
            )
        known = self._definitions.get(kind)
        if known is not None and _origin(known) != _origin(definition):
            raise make_error(
                "extension_conflict",
                f"There are two kinds `{kind}` of {self.noun}: {_origin(known)} and {_origin(definition)}.",
                remedy="give one of them another name",
            )
        self._entries[kind], self._definitions[kind] = entry, definition

    def find(self, kind: object) -> Entry | None:
        """Return what a name stands for, from an installed package if nothing registered it yet; None if unknown.

        Raises:
            KresnetError: `extension_broken` if the package that offers it cannot be loaded, `extension_conflict` if two
                packages do.
        """
        if not isinstance(kind, str):
            return None
        if kind not in self._entries and KIND_PATTERN.fullmatch(kind):
            self._load(kind)
        return self._entries.get(kind)

    def load_installed(self, *, strict: bool = True) -> None:
        """Import every installed package that offers such a kind.

        Args:
            strict: whether one that cannot be loaded is an error rather than left out.

        Raises:
            KresnetError: as `find`.
        """
        for kind in sorted({each.name for each in self._installed()}):
            try:
                self._load(kind)
            except KresnetError:
                if strict:
                    raise

    def forget(self, kind: str) -> None:
        """Let a kind be unknown again, as a test wants that registered it."""
        self._entries.pop(kind, None)
        self._definitions.pop(kind, None)

    def items(self) -> Iterator[tuple[str, Entry]]:
        """Yield each kind that is registered by now, and what it stands for."""
        yield from list(self._entries.items())

    def provider(self, kind: str) -> Provider | None:
        """Return who gives a registered kind; None for one that ships with kresnet."""
        module = str(getattr(self._definitions[kind], "__module__", ""))
        if module.partition(".")[0] == "kresnet":
            return None
        offer = next((each for each in self._installed() if each.name == kind), None)
        return Provider(module, *_distribution(offer)) if offer else Provider(module)

    def _installed(self) -> tuple[EntryPoint, ...]:
        return _offers(self.group, tuple(sys.path))

    def _load(self, kind: str) -> None:
        """Import the module of the one package that offers a kind, which registers it."""
        offers = [each for each in self._installed() if each.name == kind]
        if not offers or kind in self._loading:
            return
        packages = sorted({" ".join(_distribution(each)) for each in offers})
        if len(packages) > 1:
            package = packages[-1].split()[0]
            raise make_error(
                "extension_conflict",
                f"{len(packages)} installed packages offer the kind `{kind}` of {self.noun}: {', '.join(packages)}.",
                remedy=f"pip uninstall {package}, or another of them",
            )
        self._loading.add(kind)
        try:
            offers[0].load()
        except KresnetError as error:
            raise self._broken(offers[0], error.problems[0].message, error.problems[0].code) from error
        except (Exception, SystemExit) as error:
            raise self._broken(offers[0], f"{type(error).__name__}: {error}") from error
        finally:
            self._loading.discard(kind)
        if kind not in self._entries:
            raise self._broken(offers[0], f"{offers[0].value} registers no such kind")

    def _broken(self, offer: EntryPoint, reason: str, code: str = "extension_broken") -> KresnetError:
        package, version = _distribution(offer)
        message = f"The installed package {package} {version} offers the kind `{offer.name}` of {self.noun}, and fails"
        remedy = f"pip install --upgrade {package}, or pip uninstall {package}"
        return make_error(code, f"{message}: {reason.rstrip('.')}.", remedy=remedy)


@cache
def _offers(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """What the packages on a search path offer in a group; their modules are not imported."""
    from importlib.metadata import entry_points  # takes time, and where all kinds are known it is not needed

    return tuple(entry_points(group=group))


def _distribution(offer: EntryPoint) -> tuple[str, str]:
    """Name and version of the package that an entry point is of."""
    return (offer.dist.name, offer.dist.version) if offer.dist else (offer.module.partition(".")[0], "")


def _origin(definition: Any) -> str:
    """Where a class or function is defined, in words."""
    module, name = getattr(definition, "__module__", ""), getattr(definition, "__qualname__", "")
    return f"{module}.{name}" if name else repr(definition)


__all__ = ["KIND_PATTERN", "Provider", "Registry"]
