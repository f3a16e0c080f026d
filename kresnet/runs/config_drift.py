"""What a run was begun with, and what of it has changed when it is to go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kresnet.errors import KresnetError, Problem

#: What nothing that is computed depends on. Where data lie is free; what they are is told by their fingerprint.
_FREE = (
    *("spec.name", "spec.source", "spec.recipe", "recipe.name", "recipe.source"),
    *("recipe.data.path", "recipe.data.data_dir"),
)
_SAVING = "recipe.checkpoints"
#: Save where a run goes back to what was saved.
_GOING_BACK = "recipe.checkpoints.save_every_steps"


@dataclass(frozen=True)
class ConfigChange:
    """One thing that is not what it was: its path, and both values."""

    path: str
    was: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.path} was {_shown(self.was)} and is {_shown(self.found)}"


def config_changes(origin: Mapping[str, Any], present: Mapping[str, Any]) -> list[ConfigChange]:
    """What changed in a way that changes the result.

    Args:
        origin: `spec` and `recipe` (both resolved), `data` and `environment`, as they were.
        present: the same as they are, or those of them that are to be compared.

    Returns:
        One a leaf. Where `recipe.deterministic` is off, what only changes the last bits (`environment.kernels`) is
        left out: they are not promised.
    """
    found = [
        change
        for name in ("spec", "recipe", "data")
        if name in present
        for change in _differences(name, origin[name], present[name])
    ]
    environment = present.get("environment", {})
    exact = origin["recipe"].get("deterministic", False)
    for name in ("versions", "training", "kernels") if exact else ("versions", "training"):
        if name in environment:
            found += _differences(f"environment.{name}", origin["environment"].get(name, {}), environment[name])
    goes_back = origin["recipe"].get("non_finite", {}).get("kind") == "rollback"

    def matters(path: str) -> bool:
        return path not in _FREE and (not path.startswith(_SAVING) or (goes_back and path == _GOING_BACK))

    return [change for change in found if matters(change.path)]


def changed_run_error(found: Iterable[ConfigChange], run: object) -> KresnetError:
    """A problem a change (`run_changed`)."""
    message = "The run was begun with another, and would not end as it would have."
    remedy = f"change it back; or kresnet fit --resume {run} --allow-changed, and it goes on as a different run"
    return KresnetError(
        Problem(
            "run_changed", message, change.path, expected=_shown(change.was), found=_shown(change.found), remedy=remedy
        )
        for change in found
    )


def _differences(path: str, was: Any, found: Any) -> Iterator[ConfigChange]:
    if isinstance(was, Mapping) and isinstance(found, Mapping):
        for key in dict.fromkeys([*was, *found]):
            yield from _differences(f"{path}.{key}", was.get(key), found.get(key))
    elif isinstance(was, list) and isinstance(found, list) and len(was) == len(found):
        for index, (one, other) in enumerate(zip(was, found, strict=True)):
            yield from _differences(f"{path}.{index}", one, other)
    elif was != found:
        yield ConfigChange(path, was, found)


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
