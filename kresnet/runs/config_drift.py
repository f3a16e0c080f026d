"""Configuration drift: settings, data and versions that changed between a run's start and its resumption."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kresnet.data.description import IDENTITY
from kresnet.errors import KresnetError, Problem, shell_word
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe
from kresnet.spec.recipe.durations import UNITS

#: Settings of a run's length, which `--resume RUN --epochs N` changes.
LENGTH_SETTINGS = tuple(f"recipe.{unit}" for unit in UNITS)

#: Settings that change nothing that is computed. Data may be moved to another path: their fingerprint identifies them.
_WITHOUT_EFFECT = (
    *("spec.name", "spec.source", "spec.recipe", "recipe.name", "recipe.source"),
    *("recipe.data.path", "recipe.data.root", "recipe.data.data_dir"),
)
#: What such paths begin with.
_WATCHING = "recipe.trackers"
#: What environments of runs of earlier versions do not say; then it is not compared.
_LATER_RECORDED = ("processor_units",)
_CHECKPOINT_SETTINGS = "recipe.checkpoints"
#: The only setting of checkpoints that changes a run's numbers, and only where the run rolls back to a checkpoint.
_ROLLBACK_SETTING = "recipe.checkpoints.save_every_steps"


@dataclass(frozen=True)
class ConfigChange:
    """A setting whose value is not the one that the run was started with.

    Attributes:
        path: the setting's path, such as `recipe.optimizer.momentum`.
        before: its value at the start of the run; None if it was not there.
        now: its value now; None if it is no longer there.
    """

    path: str
    before: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.path} was {_format_value(self.before)} and is {_format_value(self.now)}"


def config_changes(original: Mapping[str, Any], present: Mapping[str, Any]) -> list[ConfigChange]:
    """Return the changes that change a run's result.

    Args:
        original: `spec` and `recipe` (both resolved), `data` and `environment` at the start of the run.
        present: the same mappings now, or those of them that are to be compared.

    Returns:
        One change for each leaf that differs, where a setting that came after the run has the value that it has by
        default; of data, only what `data_changes` compares. Where `recipe.deterministic` is off, changes of the last
        bits only (`environment.kernels`) are left out: such a run does not promise them.
    """
    original = {
        **original,
        "spec": Spec.with_later_settings(original["spec"]),
        "recipe": Recipe.with_later_settings(original["recipe"]),
    }
    changes = [
        change
        for name in ("spec", "recipe")
        if name in present
        for change in _find_changes(name, original[name], present[name])
    ]
    if "data" in present:
        changes += data_changes(original["data"], present["data"])
    environment = present.get("environment", {})
    exact = original["recipe"].get("deterministic", False)
    for name in ("versions", "training", "kernels") if exact else ("versions", "training"):
        if name in environment:
            was = original["environment"].get(name, {})
            now = {key: value for key, value in environment[name].items() if key in was or key not in _LATER_RECORDED}
            changes += _find_changes(f"environment.{name}", was, now)
    rolls_back = original["recipe"].get("non_finite", {}).get("kind") == "rollback"

    def matters(path: str) -> bool:
        return (
            path not in _WITHOUT_EFFECT
            and not path.startswith(_WATCHING)
            and (not path.startswith(_CHECKPOINT_SETTINGS) or (rolls_back and path == _ROLLBACK_SETTING))
        )

    return [change for change in changes if matters(change.path)]


def data_changes(original: Mapping[str, Any], present: Mapping[str, Any]) -> list[ConfigChange]:
    """Return what tells data from those that a run was trained on, both as `data.json` describes them.

    What lies beside the data and is not read makes no difference. Runs of earlier versions do not say what their
    targets are; then that is not compared.
    """
    unknown = {"targets"} if "targets" not in original or "targets" not in present else set()
    was, found = (
        {name: values[name] for name in IDENTITY if name in values and name not in unknown}
        for values in (original, present)
    )
    return list(_find_changes("data", was, found))


def changed_run_error(changes: Iterable[ConfigChange], run: object, *, finished: bool = False) -> KresnetError:
    """Make the error for a run that cannot be resumed as it was: one problem (`run_changed`) for each change.

    Args:
        changes: what changed.
        run: path of the run, for the remedy.
        finished: the run has come to its end, and cannot be changed any more but in its length.
    """
    message = "The run was begun with another, and would not end as it would have."
    remedy = (
        f"change it back; or kresnet fit --resume {shell_word(run)} --allow-changed, and it goes on as a different run"
    )
    if finished:
        message = "The run has finished, and was trained with another."
        remedy = "change it back; kresnet fit SPEC -o RUN trains another run"

    def remedy_for(change: ConfigChange) -> str:
        unit = change.path.removeprefix("recipe.")
        if unit in UNITS and change.now:
            return (
                f"to train the run on to that length: kresnet fit --resume {shell_word(run)} --{unit} {change.now}; "
                "or change it back"
            )
        return remedy

    return KresnetError(
        Problem(
            "run_changed",
            message,
            change.path,
            expected=_format_value(change.before),
            found=_format_value(change.now),
            remedy=remedy_for(change),
        )
        for change in changes
    )


def _find_changes(path: str, was: Any, now: Any) -> Iterator[ConfigChange]:
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*was, *now]):
            yield from _find_changes(f"{path}.{key}", was.get(key), now.get(key))
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for index, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from _find_changes(f"{path}.{index}", one, other)
    elif was != now:
        yield ConfigChange(path, was, now)


def _format_value(value: Any) -> str:
    return "nothing" if value is None else str(value)
