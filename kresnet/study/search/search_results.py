"""What a search has found: its trials, the fronts of score against cost, what each setting matters, and the best."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kresnet.files import write_text
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.document import dump
from kresnet.study.results import shareable_command
from kresnet.study.search.generations import merge_tallies
from kresnet.study.search.runner import SearchRun
from kresnet.study.search.sampling import TrialScore, make_study, quiet_optuna
from kresnet.study.search.search_plan import SearchPlan, trial_folder
from kresnet.study.search.trial_results import TrialResult

Values = dict[str, Any]

#: Packages whose versions decide what is proposed and what comes of it.
_PACKAGES = ("kresnet", "optuna", "tensorflow", "keras", "numpy", "scipy")
#: Costs against which a front is drawn.
FRONT_COSTS = ("macs", "parameters", "latency_ms")
#: Finished trials that the importance of settings takes at least.
_LEAST_FOR_IMPORTANCE = 8


def gather_search_results(run: SearchRun, command: Sequence[str]) -> Values:
    """Return the results of a search, as `search.json` holds them.

    Args:
        run: the search, as far as it came.
        command: what was typed, word by word.
    """
    plan, results = run.plan, run.results()
    finished = [each for each in results if each.state == "finished" and each.value is not None]
    fronts = {cost: [each.number for each in pareto_front(finished, plan, cost)] for cost in _measured_costs(finished)}
    best = best_trial(finished, plan)
    chosen = sorted({number for front in fronts.values() for number in front} | ({best.number} if best else set()))
    trials = [each.as_dict() | {"state": _state(each, results, plan)} for each in results]
    for number in chosen:
        trials[number] |= _chosen_numbers(run.directory, number)
    return {
        **plan.as_dict(),
        "command": shareable_command(command),
        "calls": [
            {key: line[key] for key in ("jobs", "processes", "seconds", "ended")} for line in run.lines_of_calls()
        ],
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "metric": plan.metric,
        "maximize": plan.search.maximized[0],
        "complete": sum(t["state"] in ("finished", "left_out", "failed") for t in trials) == len(trials)
        and (len(trials) == plan.search.trials or any(each.exhausted for each in run.generations)),
        "candidates_judged": merge_tallies(run.generations),
        "epochs_trained": sum(each.epochs for each in results),
        "training_seconds": round(sum(each.seconds for each in results), 1),
        "best": best.number if best else None,
        "fronts": fronts,
        "pareto": [each.number for each in pareto_set(finished, plan)] if plan.search.costs else None,
        "importance": setting_importance(plan, results),
        "proposed": trials,
    }


def _state(result: TrialResult, results: Sequence[TrialResult], plan: SearchPlan) -> str:
    """The state of a trial in words; one that pauses was left out if its generation came to its end."""
    if result.state != "open":
        return result.state
    same = [each for each in results if each.generation == result.generation]
    paused = result.epochs in plan.rungs
    better = any(each.epochs > result.epochs for each in same)
    over = any(each.state == "finished" for each in same)
    return "left_out" if paused and better and over else "open"


def _measured_costs(finished: Sequence[TrialResult]) -> list[str]:
    return [name for name in FRONT_COSTS if any(name in each.trial.costs for each in finished)]


def _gain(result: TrialResult, plan: SearchPlan) -> float:
    """The score of a finished trial, of which more is better."""
    assert result.value is not None
    return result.value if plan.search.maximized[0] else -result.value


def best_trial(finished: Sequence[TrialResult], plan: SearchPlan) -> TrialResult | None:
    """Return the finished trial with the best score; of several, the one with the fewest multiply-accumulates."""
    return max(finished, key=lambda each: (_gain(each, plan), -each.trial.costs["macs"], -each.number), default=None)


def pareto_front(finished: Sequence[TrialResult], plan: SearchPlan, cost: str) -> list[TrialResult]:
    """Return the trials of which no cheaper one is as good, by cost."""
    front: list[TrialResult] = []
    measured = (each for each in finished if cost in each.trial.costs)
    for each in sorted(measured, key=lambda each: (each.trial.costs[cost], -_gain(each, plan), each.number)):
        if not front or _gain(each, plan) > _gain(front[-1], plan):
            front.append(each)
    return front


def pareto_set(finished: Sequence[TrialResult], plan: SearchPlan) -> list[TrialResult]:
    """Return the trials that no other is as good as in all objectives and better in one."""

    def key(result: TrialResult) -> tuple[float, ...]:
        signs = (1.0 if large else -1.0 for large in plan.search.maximized)
        return tuple(sign * value for sign, value in zip(signs, result.objectives or (), strict=True))

    def dominated(result: TrialResult, others: Iterable[TrialResult]) -> bool:
        own = key(result)
        return any(key(each) != own and all(a >= b for a, b in zip(key(each), own, strict=True)) for each in others)

    return [each for each in finished if not dominated(each, finished)]


def _chosen_numbers(directory: Path, number: int) -> Values:
    """What a chosen trial's images to test on say; of the others nobody looks at them."""
    result = RunDirectory(directory / trial_folder(number)).read_result() or {}
    return {"test": result.get("test"), "run": str(trial_folder(number))}


def setting_importance(plan: SearchPlan, results: Sequence[TrialResult]) -> Values | None:
    """Return what share of the variance of the score each setting explains, by Optuna's fANOVA (Hutter et al. 2014).

    The score is that of the first epoch at which trials are compared, which all of them have; without halving that of
    the end. None for too few trials.
    """
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    rung = plan.rungs[0]
    scores = {each.number: each.value if rung is None else each.by_epoch.get(rung) for each in results}
    known = {number: value for number, value in scores.items() if value is not None}
    if len(known) < _LEAST_FOR_IMPORTANCE or len(set(known.values())) < 2:
        return None
    taken = [
        TrialScore(each.trial.values, each.generation, (known[each.number],))
        for each in results
        if each.number in known
    ]
    single = plan.search.model_copy(update={"objectives": plan.search.objectives[:1]})
    with quiet_optuna():
        study = make_study(single, plan.axes, taken)
        found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=plan.search.seed))
    return {
        "after_epoch": rung,
        "trials": len(known),
        "shares": {name: round(value, 4) for name, value in found.items()},
    }


def write_best_documents(run: SearchRun, best: int) -> list[str]:
    """Write spec and recipe of the best trial, ready for `kresnet fit`; return the paths, relative to the directory."""
    trial = RunDirectory(run.directory / trial_folder(best))
    spec, recipe = trial.load_spec().value.document(), trial.load_recipe().value.document()
    origin = f"kresnet search {run.plan.name}, trial {best}"
    spec |= {"name": f"{run.plan.name}_{best}"[:64], "source": origin, "published": []}
    recipe |= {"name": f"{run.plan.name}_{best}"[:64], "source": origin}
    spec["recipe"] = None
    write_text(run.directory / "best" / "spec.yaml", dump(spec))
    write_text(run.directory / "best" / "recipe.yaml", dump(recipe))
    return ["best/spec.yaml", "best/recipe.yaml"]


def score_text(values: Mapping[str, Any], value: float | None) -> str:
    """Return a score as text: of a metric of shares in percent."""
    if value is None:
        return "–"
    return f"{100 * value:.2f}%" if values["maximize"] else f"{value:.4f}"


__all__ = ["FRONT_COSTS", "best_trial", "gather_search_results", "pareto_front", "pareto_set", "score_text",
           "setting_importance", "write_best_documents"]  # fmt: skip
