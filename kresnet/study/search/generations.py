"""The generations of a search on disk: which candidates became trials, written once and then kept.

A generation is proposed when all trials before it have come to their end, so that none of the search is training
meanwhile and a latency is measured alone. It is a function of the seed and of those trials; writing it down keeps it
where a measurement or another version of Optuna would say otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, make_error
from kresnet.files import write_json
from kresnet.study.planned_runs import PlannedVariant
from kresnet.study.search.axes import Values, canonical
from kresnet.study.search.judge import CandidateJudge, Tally, variant_costs
from kresnet.study.search.sampling import Proposer, RejectedCandidate, TrialScore
from kresnet.study.search.search_plan import SearchPlan

#: Networks whose latency is measured for one trial before the search gives up.
_MOST_MEASURED = 100

#: Measures the latency of a network in milliseconds.
MeasureLatency = Callable[[PlannedVariant], float]


@dataclass(frozen=True)
class ProposedTrial:
    """A candidate that became a trial.

    Attributes:
        number: of the trial.
        values: the candidate.
        found_by: what proposed it: `random`, `tpe` or `nsga2`.
        costs: what it costs, measured latency among them where that is bounded.
    """

    number: int
    values: Values
    found_by: str
    costs: dict[str, float]


@dataclass(frozen=True)
class Generation:
    """The trials of a generation, and what became of the other candidates.

    Attributes:
        number: of the generation, from 0.
        trials: its trials.
        tally: counts of the candidates, as JSON-ready values.
        exhausted: whether no further candidate could be found, so that the search ends.
        rejected: the candidates that a measurement rejected.
    """

    number: int
    trials: tuple[ProposedTrial, ...]
    tally: dict[str, Any]
    exhausted: bool
    rejected: tuple[RejectedCandidate, ...] = ()

    @classmethod
    def read(cls, directory: Path, number: int) -> Generation | None:
        """Return a generation that was proposed; None for one that was not.

        Raises:
            KresnetError: `run_missing` if its file is damaged.
        """
        path = _path(directory, number)
        if not path.is_file():
            return None
        try:
            stated = json.loads(path.read_text(encoding="utf-8"))
            trials = tuple(ProposedTrial(**each) for each in stated["trials"])
            rejected = tuple(RejectedCandidate(**each) for each in stated.get("rejected", ()))
            return cls(stated["number"], trials, stated["tally"], stated["exhausted"], rejected)
        except (OSError, ValueError, LookupError, TypeError) as error:
            message = f"{path} is not what `kresnet search` wrote: {error}."
            raise make_error("run_missing", message, remedy="another -o") from None

    def write(self, directory: Path) -> None:
        """Write the generation, whole or not at all.

        Raises:
            KresnetError: `not_writable` or `disk_full`.
        """
        path = _path(directory, self.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        trials, rejected = ([vars(each) for each in group] for group in (self.trials, self.rejected))
        stated = {"number": self.number, "trials": trials, "tally": self.tally, "exhausted": self.exhausted}
        write_json(path, stated | {"rejected": rejected})


def _path(directory: Path, number: int) -> Path:
    return directory / "generations" / f"{number:04}.json"


def propose(
    plan: SearchPlan,
    number: int,
    scores: Sequence[TrialScore],
    rejected: Sequence[RejectedCandidate],
    measure_latency: MeasureLatency | None,
) -> Generation:
    """Return the trials of a generation.

    Args:
        plan: the search.
        number: of the generation, from 0.
        scores: what all earlier trials came to, by number.
        rejected: the candidates of earlier generations that measurements rejected.
        measure_latency: measures a network, where the search bounds its latency.

    Raises:
        KresnetError: `budget_unmet` if not even the first generation has a trial, with the nearest candidate.
    """
    judge = CandidateJudge(plan.search, plan.axes)
    proposer = Proposer(plan.search, plan.axes, number, scores, rejected, judge.accepted)
    seen = {canonical(each.values) for each in scores} | {canonical(each.values) for each in rejected}
    trials: list[ProposedTrial] = []
    too_slow: list[RejectedCandidate] = []
    for trial in plan.numbers(number):
        found = _find(plan, trial, proposer, judge, seen, too_slow, measure_latency)
        if found is None:
            break
        trials.append(found)
        seen.add(canonical(found.values))
    exhausted = len(trials) < len(plan.numbers(number))
    if not trials and not scores:
        raise plan.loaded.locate_error(judge.unmet_error(judge.tally.drawn))
    return Generation(number, tuple(trials), judge.tally.as_dict(), exhausted, tuple(too_slow))


def _find(
    plan: SearchPlan,
    number: int,
    proposer: Proposer,
    judge: CandidateJudge,
    seen: set[str],
    too_slow: list[RejectedCandidate],
    measure_latency: MeasureLatency | None,
) -> ProposedTrial | None:
    """The first candidate for a trial that nothing stands against; None where none is found."""
    repeated = measured = 0
    for values, found_by in proposer.candidates(number):
        if canonical(values) in seen:
            judge.reject("duplicate", values)
            repeated += 1
            if repeated >= max(1000, 10 * plan.axes.size()) or repeated >= plan.search.attempts:
                return None
            continue
        try:
            variant = plan.variant(number, values)
        except KresnetError as error:
            judge.reject(error.problems[0].code, values)
            seen.add(canonical(values))
            continue
        costs = variant_costs(variant)
        if not (broken := judge.broken_bound(costs)) and measure_latency is not None:
            measured += 1
            costs["latency_ms"] = measure_latency(variant)
            if broken := judge.broken_bound(costs):
                too_slow.append(RejectedCandidate(values, round(judge.excess(costs), 6)))
                proposer.reject(too_slow[-1])
        if not broken:
            return ProposedTrial(number, values, found_by, costs)
        judge.reject(broken, values, costs)
        seen.add(canonical(values))
        if measured >= _MOST_MEASURED:
            return None
    return None


def merge_tallies(generations: Sequence[Generation]) -> dict[str, Any]:
    """Return the counts of several generations together, with the share rejected and the candidates a second."""
    total = Tally()
    for each in generations:
        total.drawn += each.tally["drawn"]
        total.rejected.update(each.tally["rejected"])
        total.seconds += each.tally["seconds"]
    counts: Mapping[str, Any] = total.as_dict()
    rejected = sum(total.rejected.values())
    rate = round(total.drawn / total.seconds) if total.seconds else None
    share = round(rejected / total.drawn, 4) if total.drawn else None
    return {**counts, "rejection_rate": share, "candidates_per_second": rate}


__all__ = ["Generation", "MeasureLatency", "ProposedTrial", "merge_tallies", "propose"]
