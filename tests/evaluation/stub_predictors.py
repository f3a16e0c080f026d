"""Networks that answer by arithmetic, to see what is made of their answers."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from kresnet.evaluation.predictor import Predictor
from kresnet.plan import Plan
from kresnet.spec.architecture import Spec
from kresnet.spec.inputs import Input


class StubPredictor(Predictor):
    """Answers with what a function makes of each batch of images."""

    def __init__(
        self,
        answer: Callable[[np.ndarray], np.ndarray],
        *,
        input: Input | None = None,
        probabilities: str | None = "softmax",
        names: tuple[str, ...] = ("dark", "light"),
        temperatures: tuple[float, ...] | None = None,
    ) -> None:
        self._answer = answer
        self.spec = cast(Spec, SimpleNamespace(input=input or Input(shape=(8, 8, 1))))
        self.plan = cast(Plan, SimpleNamespace(probabilities=probabilities))
        self.class_names, self.name, self.temperatures = names, "a stub", temperatures
        self.seen: list[np.ndarray] = []

    def outputs(self, inputs: Any) -> np.ndarray:
        self.seen.append(np.asarray(inputs))
        return self._answer(self.seen[-1]).astype(np.float32)

    def probabilities(self, inputs: Any) -> np.ndarray:
        raise NotImplementedError
