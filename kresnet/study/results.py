"""The results of a study, read from its run directories: JSON-ready, and the source of its tables and figures."""

from __future__ import annotations

import json
import re
import shlex
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kresnet.data.description import SPLITS, selection_split
from kresnet.plan.objective import resolve_objective
from kresnet.plan.unused_settings import ABOUT
from kresnet.runs.run_directory import RunDirectory
from kresnet.study.journal import Journal
from kresnet.study.planned_runs import PlannedVariant
from kresnet.study.runner import RunOutcome
from kresnet.study.study_plan import StudyPlan

Values = dict[str, Any]

#: Of each finished run, what is summed up over seeds and folds; errors are shares of 1.
MEASURES = (
    *("train_error", "validation_error", "best_validation_error", "test_error", "best_test_error"),
    *("train_loss", "validation_loss", "test_loss"),
    *("seconds", "wall_seconds", "images_per_second"),
)

#: Settings that say where data lie.
_PLACES = re.compile(r"(recipe\.data\.(?:data_dir|path|root))=.*", re.DOTALL)
#: Options that say where results are put, and what is shown instead.
_OUTPUTS = {"-o": "DIR", "--output": "DIR", "--report": "REPORT"}


def shareable_command(command: Sequence[str]) -> str:
    """Return a command without the folders of this machine, so that it can be published and repeated elsewhere."""
    words: list[str] = []
    for word in command:
        words.append(_OUTPUTS.get(words[-1] if words else "", "") or _PLACES.sub(r"\1=PATH", word))
    return shlex.join(words)


def gather_results(plan: StudyPlan, outcomes: Sequence[RunOutcome], directory: Path, command: Sequence[str]) -> Values:
    """Return the results of a study, as `results.json` holds them.

    Args:
        plan: the study.
        outcomes: the outcomes of all its runs.
        directory: the directory of the study, which holds its runs.
        command: the command that was typed, word by word.
    """
    journal = Journal(directory)
    runs = [_run_numbers(each, directory, journal) for each in outcomes]
    calls = [line for line in journal.lines() if line.get("event") == "call"]
    families = _family_numbers(plan.variants)
    return {
        **plan.as_dict(),
        "command": shareable_command(command),
        "calls": [{key: line[key] for key in ("jobs", "processes", "seconds", "ended")} for line in calls],
        "environment": _environment(outcomes, directory),
        "spread": f"sample standard deviation over the {_repeated(plan)} (n - 1)",
        "repeated": _repeated(plan),
        "selection": _selection(plan),
        "measure": "error" if all(map(_is_classifier, plan.variants)) else "loss",
        "variants": [
            variant.as_dict()
            | {"family": family}
            | summarize_runs([run for run in runs if run["variant"] == variant.name and run["state"] == "finished"])
            for variant, family in zip(plan.variants, families, strict=True)
        ],
        "runs": runs,
    }


def _repeated(plan: StudyPlan) -> str:
    """Return what the runs of a variant differ in, in words."""
    if not plan.design.folds:
        return "seeds"
    return "seeds and folds" if len(plan.seeds) > 1 else "folds"


def _selection(plan: StudyPlan) -> str:
    """Return which images the epochs of the study's runs are measured on: `validation`, `test`, or both words."""
    recipes = [run.recipe.data for run in plan.runs()]
    validated = {data.validation is not None or data.fold is not None for data in recipes}
    return " or ".join(["validation"] * (True in validated) + ["test"] * (False in validated))


def summarize_runs(runs: Sequence[Mapping[str, Any]]) -> Values:
    """Return mean and spread over the finished runs of a variant, its seeds and folds; of a single run without spread.

    Examples: `{"finished": 2, "test_error": {"mean": 0.1, "spread": 0.01, "values": [...]}}`.
    """
    summary: Values = {"finished": len(runs)}
    for name in MEASURES:
        values = [run[name] for run in runs if run.get(name) is not None]
        if values:
            spread = statistics.stdev(values) if len(values) > 1 else None
            summary[name] = {"mean": statistics.mean(values), "spread": spread, "values": values}
    return summary


def _run_numbers(outcome: RunOutcome, directory: Path, journal: Journal) -> Values:
    """The numbers of one run; of an unfinished one, those of its epochs so far."""
    run, planned = RunDirectory(directory / outcome.run.folder), outcome.run
    numbers: Values = planned.identity | {"state": outcome.state}
    if outcome.problem:
        numbers["problem"] = outcome.problem.as_dict()
    lines = run.history.epochs()
    if (result := run.read_result()) is not None:
        numbers |= _final_numbers(result, lines)
        numbers["wall_seconds"] = journal.run_seconds(planned.identity)
    numbers["epochs"] = [_epoch_numbers(line) for line in lines]
    numbers["gradients"] = _first_and_last_gradients(run)
    return numbers


def _final_numbers(result: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> Values:
    """The numbers at the end of a run, and its best epoch's; its speed is the mean over the epochs that tell theirs."""
    numbers = _losses_and_errors(result)
    split = selection_split(result)
    measured = [(line[split]["accuracy"], line["epoch"]) for line in lines if "accuracy" in line.get(split, {})]
    if errors := [(1 - accuracy, epoch) for accuracy, epoch in measured]:
        numbers[f"best_{split}_error"], numbers["best_epoch"] = min(errors)
    numbers["seconds"] = result["seconds"]
    if rates := [line["images_per_second"] for line in lines if line["images_per_second"]]:
        numbers["images_per_second"] = statistics.mean(rates)
    return numbers


def _epoch_numbers(line: Mapping[str, Any]) -> Values:
    rest = {key: line[key] for key in ("learning_rate", "images_per_second", "seconds")}
    return {"epoch": line["epoch"], "step": line["step"]} | _losses_and_errors(line) | rest


def _losses_and_errors(line: Mapping[str, Any]) -> Values:
    """The metrics that are compared, of each split: the loss, and one less the accuracy."""
    numbers: Values = {}
    for split in (each for each in SPLITS if each in line):
        numbers[f"{split}_loss"] = line[split]["loss"]
        if "accuracy" in line[split]:
            numbers[f"{split}_error"] = 1 - line[split]["accuracy"]
    return numbers


def _is_classifier(variant: PlannedVariant) -> bool:
    return "accuracy" in resolve_objective(variant.plan, variant.recipe).metrics


def _first_and_last_gradients(run: RunDirectory) -> list[Values]:
    """The first and the last look at the gradients, block by block: norms of dL/d(output) and of the weights' share."""
    looks = [line for line in run.history.lines() if "gradients" in line]
    chosen = looks[:1] + looks[1:][-1:]
    return [
        {
            "step": look["step"],
            "verdict": look["gradients"]["verdict"],
            "blocks": list(look["gradients"]["blocks"]),
            **{
                key: [_round_to_five_digits(block[key]) for block in look["gradients"]["blocks"].values()]
                for key in ("delta", "weights")
            },
        }
        for look in chosen
    ]


def _round_to_five_digits(value: float | None) -> float | None:
    """To five figures, which a norm in a figure does not need."""
    return None if value is None else float(f"{value:.5g}")


def _environment(outcomes: Iterable[RunOutcome], directory: Path) -> Values | None:
    """Versions and machine, of the first run that was begun; a study is trained on one machine."""
    for outcome in outcomes:
        try:
            text = (directory / outcome.run.folder / "environment.json").read_text(encoding="utf-8")
            environment = json.loads(text)
        except (OSError, ValueError):
            continue
        return {
            key: environment[key]
            for key in ("versions", "training", "kernels", "python", "platform")
            if key in environment
        }
    return None


def _family_numbers(variants: Sequence[PlannedVariant]) -> list[int]:
    """A number a variant: those that differ in nothing but how many blocks their stages have share one."""
    known: list[Values] = []
    numbers = []
    for variant in variants:
        document = {key: value for key, value in variant.spec.document().items() if key not in ABOUT}
        document["stages"] = [stage | {"blocks": None} for stage in document["stages"]]
        if document not in known:
            known.append(document)
        numbers.append(known.index(document))
    return numbers
