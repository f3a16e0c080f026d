"""Candidates proposed by Optuna's samplers: a function of the search's seed and of what earlier generations came to.

The study that a sampler learns from is made anew in memory for each generation, of the trials before it in the order of
their numbers. So a search that was killed proposes the same again, whichever of its trials ended first.
"""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from kresnet.spec.search import Nsga2, Random, Search, Tpe
from kresnet.study.search.axes import SearchAxes, SearchAxis, Values

#: Candidates that are drawn at random together.
BULK = 256
#: Candidates that a sampler is asked for before one is drawn at random.
_MOST_ASKED = 300
#: Candidates of a sampler that may be rejected by measurement before one is drawn at random: each takes seconds.
_MOST_REJECTED = 20


@dataclass(frozen=True)
class TrialScore:
    """What a trial came to, for a sampler to learn from.

    Attributes:
        values: the candidate.
        generation: in which it was proposed.
        objectives: the value of each objective at the trial's end; None where it did not come to its end.
        by_epoch: the first objective after each epoch at which trials are compared.
    """

    values: Values
    generation: int
    objectives: tuple[float, ...] | None = None
    by_epoch: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RejectedCandidate:
    """A candidate that was never trained, since a measurement found it beyond a bound.

    Attributes:
        values: the candidate.
        excess: how far beyond the bounds: 1 for twice as much as one of them admits.
    """

    values: Values
    excess: float


def distribution(axis: SearchAxis) -> BaseDistribution:
    """Return an axis as Optuna's distribution; choices stand in it as JSON."""
    dimension = axis.dimension
    if dimension.choice is not None:
        return CategoricalDistribution([json.dumps(value) for value in dimension.choice])
    low, high = dimension.extremes
    if dimension.int is not None:
        return IntDistribution(low, high, step=int(dimension.step or 1))
    if dimension.log is not None:
        return FloatDistribution(low, high, log=True)
    return FloatDistribution(low, high, step=dimension.step)


def make_study(
    search: Search, axes: SearchAxes, scores: Sequence[TrialScore], rejected: Sequence[RejectedCandidate] = ()
) -> optuna.Study:
    """Return trials as a study of Optuna, in memory: ended ones, those left out by halving, and failed ones.

    Args:
        search: the search.
        axes: its axes.
        scores: what the trials came to.
        rejected: candidates that stand in the study as trials that break a constraint.
    """
    with quiet_optuna():
        study = optuna.create_study(directions=directions(search), study_name=search.name)
        study.add_trials(_scored_trial(search, axes, each) for each in scores)
        study.add_trials(_infeasible_trial(axes, each) for each in rejected)
    return study


def _scored_trial(search: Search, axes: SearchAxes, score: TrialScore) -> optuna.trial.FrozenTrial:
    ended, left_out, failed = (optuna.trial.TrialState[name] for name in ("COMPLETE", "PRUNED", "FAIL"))
    feasible = {} if search.constraints.latency_ms is None else {"constraints": [0.0]}
    return _frozen_trial(
        axes,
        score.values,
        state=ended if score.objectives else left_out if score.by_epoch else failed,
        values=list(score.objectives) if score.objectives else None,
        intermediate_values=dict(score.by_epoch),
        system_attrs={"NSGAIISampler:generation": score.generation, **feasible},
    )


def _infeasible_trial(axes: SearchAxes, rejected: RejectedCandidate) -> optuna.trial.FrozenTrial:
    broken = {"constraints": [rejected.excess]}
    return _frozen_trial(axes, rejected.values, state=optuna.trial.TrialState.PRUNED, system_attrs=broken)


def _frozen_trial(axes: SearchAxes, candidate: Values, **others: Any) -> optuna.trial.FrozenTrial:
    choices = _choices(axes)
    return optuna.trial.create_trial(
        params={name: json.dumps(value) if name in choices else value for name, value in candidate.items()},
        distributions={axis.name: distribution(axis) for axis in axes.axes},
        **others,
    )


def _choices(axes: SearchAxes) -> set[str]:
    """The axes whose values stand in a study as JSON."""
    return {axis.name for axis in axes.axes if axis.dimension.choice is not None}


class Proposer:
    """Gives the candidates of one generation in turn: at random, or as the sampler proposes."""

    def __init__(
        self,
        search: Search,
        axes: SearchAxes,
        generation: int,
        scores: Sequence[TrialScore],
        rejected: Sequence[RejectedCandidate],
        accepted: Callable[[Sequence[Values]], Iterator[Values]],
    ) -> None:
        """Make ready for a generation.

        Args:
            search: the search.
            axes: its axes.
            generation: number of the generation, from 0.
            scores: what the trials of earlier generations came to, by number.
            rejected: the candidates of earlier generations that measurements rejected.
            accepted: yields those of some candidates that are within the bounds of their plans, and counts the rest.
        """
        self._search, self._axes, self._accepted = search, axes, accepted
        seeds = np.random.SeedSequence([search.seed, generation])
        self._random = np.random.default_rng(seeds)
        self._kinds = {axis.name: distribution(axis) for axis in axes.axes}
        self._study: optuna.Study | None = None
        if any(score.objectives or score.by_epoch for score in scores):
            self._study = make_study(search, axes, scores, rejected)
            self._study.sampler = _sampler(search, scores, int(seeds.generate_state(1)[0]))
        self._asked: optuna.Trial | None = None
        self._rejections = 0
        self._bulk: Iterator[Values] = iter(())

    def candidates(self, number: int) -> Iterator[tuple[Values, str]]:
        """Yield candidates for the trial of that number without end, and how each was found: `random`, or a sampler.

        All are within the bounds of their plans; where none is, the iterator ends after the search's `attempts`.
        """
        if self._sampled(number):
            self._rejections = 0
            for _ in range(_MOST_ASKED):
                for values in self._accepted([self._ask()]):
                    yield values, self._search.sampler.kind
                if self._rejections == _MOST_REJECTED:
                    break
        self._asked = None
        drawn = 0
        while drawn < self._search.attempts:
            for values in self._bulk:
                drawn = 0
                yield values, "random"
            self._bulk = self._accepted(self._axes.draw(self._random, BULK))
            drawn += BULK

    def reject(self, rejected: RejectedCandidate) -> None:
        """Tell the sampler that a measurement rejected the candidate that was yielded last.

        It ranks behind all that may be trained. The more such there are, the more of the trials within the bounds count
        as good ones, so that the sampler turns from the best one's surroundings to those of all.
        """
        self._rejections += 1
        if self._study is not None:
            with quiet_optuna():
                if self._asked is not None:  # stands in the study as the infeasible trial instead
                    self._study.tell(self._asked, state=optuna.trial.TrialState.FAIL)
                    self._asked = None
                self._study.add_trial(_infeasible_trial(self._axes, rejected))

    def _sampled(self, number: int) -> bool:
        sampler = self._search.sampler
        if self._study is None or isinstance(sampler, Random):
            return False
        return not isinstance(sampler, Tpe) or number >= sampler.startup_trials

    def _ask(self) -> Values:
        assert self._study is not None
        with quiet_optuna():
            self._asked = self._study.ask(self._kinds)
        asked = self._asked.params
        choices = _choices(self._axes)
        return {name: json.loads(asked[name]) if name in choices else asked[name] for name in self._axes.names}


def _sampler(search: Search, scores: Sequence[TrialScore], seed: int) -> optuna.samplers.BaseSampler:
    """The sampler of a generation; candidates that their plans rejected count as poor ones, as those under way do."""
    with quiet_optuna():
        if isinstance(search.sampler, Nsga2):
            last = max(score.generation for score in scores)
            count = sum(score.generation == last and score.objectives is not None for score in scores)
            return optuna.samplers.NSGAIISampler(population_size=max(2, count), seed=seed)
        # Optuna up to 4 heeds constraints only where something states them; the study's trials hold theirs already.
        stated = None if search.constraints.latency_ms is None else _stated_constraints
        return optuna.samplers.TPESampler(
            n_startup_trials=1, seed=seed, multivariate=True, constant_liar=True, constraints_func=stated
        )


def _stated_constraints(trial: optuna.trial.FrozenTrial) -> list[float]:
    return list(trial.system_attrs["constraints"])


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """A block in which Optuna tells nothing: kresnet says what happens in words of its own."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)


def directions(search: Search) -> list[optuna.study.StudyDirection]:
    """Return in which direction each objective is better, as Optuna names it."""
    large, small = optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE
    return [large if maximized else small for maximized in search.maximized]


__all__ = ["BULK", "Proposer", "RejectedCandidate", "TrialScore", "directions", "distribution", "make_study",
           "quiet_optuna"]  # fmt: skip
