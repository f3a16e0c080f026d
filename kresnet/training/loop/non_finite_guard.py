"""The recipe's policy for steps whose loss or gradients are not finite: stop, skip them, or roll back."""

from __future__ import annotations

from collections.abc import Mapping

from kresnet.errors import KresnetError, make_error
from kresnet.spec.recipe import NonFinite, Recipe, Rollback, Skip


class NonFiniteGuard:
    """Applies the recipe's policy, and counts what it did; the counts are part of a run's state.

    Attributes:
        policy: the recipe's policy: `Stop`, `Skip` or `Rollback`.
        learning_rate: the recipe's learning rate, which a remedy suggests to lower.
        skipped: number of steps left out since the run began.
        in_a_row: number of the latest consecutive steps that were left out.
        last: number of updates before the last step that was left out; -1 before the first.
        rollbacks: number of times that the run was rolled back.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.policy: NonFinite = recipe.non_finite
        self.learning_rate = recipe.optimizer.learning_rate
        self.skipped, self.in_a_row, self.last = 0, 0, -1
        self.rollbacks = 0

    @property
    def rolls_back(self) -> bool:
        """Whether the policy is to roll the run back to a checkpoint."""
        return isinstance(self.policy, Rollback)

    @property
    def learning_rate_scale(self) -> float:
        """Factor of the learning rate after the rollbacks so far."""
        return self.policy.learning_rate_factor**self.rollbacks if isinstance(self.policy, Rollback) else 1.0

    def handle_non_finite_step(self, step: int, message: str) -> None:
        """Count a step that is not finite; raise an error if the run must end because of it.

        Args:
            step: number of updates before the step.
            message: a sentence that says which step it is, and which layer was not finite first.

        Raises:
            KresnetError: `diverged`.
        """
        if isinstance(self.policy, Skip):
            self.in_a_row = self.in_a_row + 1 if step == self.last + 1 else 1
            self.last = step
            if self.in_a_row > self.policy.at_most_in_a_row:
                raise self._diverged_error(
                    f"{message} So were the {self.in_a_row - 1} steps before it, which were left out."
                )
            self.skipped += 1
        elif isinstance(self.policy, Rollback):
            if self.rollbacks == self.policy.at_most:
                raise self._diverged_error(f"{message} The run has gone back {self.rollbacks} times already.")
            self.rollbacks += 1
        else:
            raise self._diverged_error(message)

    def facts(self) -> dict[str, int]:
        """Return the state for a checkpoint, JSON-ready."""
        return {"skipped": self.skipped, "in_a_row": self.in_a_row, "last": self.last, "rollbacks": self.rollbacks}

    def restore(self, facts: Mapping[str, int]) -> None:
        """Set the state to one that `facts` returned."""
        for name, value in facts.items():
            setattr(self, name, value)

    def counts(self) -> dict[str, int]:
        """Return the counts that the result of a run reports."""
        return {"skipped_steps": self.skipped, "rollbacks": self.rollbacks}

    def _diverged_error(self, message: str) -> KresnetError:
        remedy = (
            f"--set recipe.optimizer.learning_rate={self.learning_rate / 10:g}, or --set recipe.gradient_clip_norm=1.0"
        )
        return make_error("diverged", message, remedy=remedy)
