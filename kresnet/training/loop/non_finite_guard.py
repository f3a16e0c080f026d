"""What becomes of a run when a step's loss or gradients are not finite: the recipe's policy, and its counts."""

from __future__ import annotations

from collections.abc import Mapping

from kresnet.errors import KresnetError, make_error
from kresnet.spec.recipe import NonFinite, Recipe, Rollback, Skip


class NonFiniteGuard:
    """Decides, and counts; the counts are part of a run's state.

    Attributes:
        skipped: steps left out since the run began.
        rollbacks: how often the run went back.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.wanted: NonFinite = recipe.non_finite
        self.learning_rate = recipe.optimizer.learning_rate
        self.skipped, self.in_a_row, self.last = 0, 0, -1
        self.rollbacks = 0

    @property
    def goes_back(self) -> bool:
        """Whether the run must be able to go back to a checkpoint."""
        return isinstance(self.wanted, Rollback)

    @property
    def rate_scale(self) -> float:
        """What the learning rate is multiplied by, after so many rollbacks."""
        return self.wanted.learning_rate_factor**self.rollbacks if isinstance(self.wanted, Rollback) else 1.0

    def decide(self, step: int, told: str) -> None:
        """Count a step that cannot be taken; returns if the run goes on.

        Args:
            step: updates before it.
            told: a sentence that says where, and what came first.

        Raises:
            KresnetError: `diverged`.
        """
        if isinstance(self.wanted, Skip):
            self.in_a_row = self.in_a_row + 1 if step == self.last + 1 else 1
            self.last = step
            if self.in_a_row > self.wanted.at_most_in_a_row:
                raise self._diverged(f"{told} So were the {self.in_a_row - 1} steps before it, which were left out.")
            self.skipped += 1
        elif isinstance(self.wanted, Rollback):
            if self.rollbacks == self.wanted.at_most:
                raise self._diverged(f"{told} The run has gone back {self.rollbacks} times already.")
            self.rollbacks += 1
        else:
            raise self._diverged(told)

    def facts(self) -> dict[str, int]:
        return {"skipped": self.skipped, "in_a_row": self.in_a_row, "last": self.last, "rollbacks": self.rollbacks}

    def restore(self, facts: Mapping[str, int]) -> None:
        for name, value in facts.items():
            setattr(self, name, value)

    def counts(self) -> dict[str, int]:
        """What a result tells of it."""
        return {"skipped_steps": self.skipped, "rollbacks": self.rollbacks}

    def _diverged(self, told: str) -> KresnetError:
        remedy = f"--set recipe.optimizer.learning_rate={self.learning_rate / 10:g}, or recipe.gradient_clip_norm=1.0"
        return make_error("diverged", told, remedy=remedy)
