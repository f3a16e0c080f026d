"""An exported model as predictions and evaluations use it: through the signature that a server answers with."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kresnet.errors import make_error, shell_word
from kresnet.evaluation.predictor import Predictor
from kresnet.evaluation.reliability import probabilities_of
from kresnet.export.capi import RuntimeFailure, SavedModelSession
from kresnet.export.manifest import Manifest, read_spec
from kresnet.plan import make_plan

#: Largest difference of served probabilities from those that the served logits make.
TOLERANCE = 1e-5


class ServedPredictor(Predictor):
    """An exported model, loaded by TensorFlow's C++ runtime as TF Serving does, and asked by `serving_default`."""

    def __init__(self, version: Path) -> None:
        """Read the manifest of a version folder; the model is loaded when it is first asked.

        Raises:
            KresnetError: `model_unreadable`, where this is no export of kresnet.
        """
        self._version, self._manifest = version, Manifest.load(version)
        self.spec = read_spec(version)
        self.plan, self.class_names = make_plan(self.spec), self._manifest.class_names
        self.name, self.temperatures = str(version), self._manifest.temperatures

    @cached_property
    def _session(self) -> SavedModelSession:
        return SavedModelSession(self._version)

    def outputs(self, inputs: Any) -> np.ndarray:
        """See `Predictor.outputs`.

        Raises:
            KresnetError: `export_mismatch` where the served probabilities are not those of the served logits.
        """
        answer = self._run(inputs)
        if "logits" not in answer:
            return next(iter(answer.values()))
        temperatures = np.asarray(self.temperatures or 1.0, np.float64)
        expected = probabilities_of(answer["logits"], self.plan.probabilities == "sigmoid", temperatures)
        difference = float(np.abs(answer["probabilities"] - expected).max())
        if not difference <= TOLERANCE * max(1.0, float(np.abs(answer["logits"] / temperatures).max())):
            message = f"The probabilities that {self.name} serves differ from those of its logits by {difference:.1e}."
            raise make_error("export_mismatch", message, remedy=f"kresnet check export {shell_word(self._version)}")
        return answer["logits"]

    def probabilities(self, inputs: Any) -> np.ndarray:
        """See `Predictor.probabilities`."""
        return self._run(inputs)["probabilities"]

    def _run(self, inputs: Any) -> dict[str, np.ndarray]:
        name, _ = self._manifest.signatures["serving_default"].input
        try:
            return self._session.run("serving_default", {name: np.asarray(inputs, np.float32)})
        except RuntimeFailure as failure:
            message, remedy = (
                f"{self.name} cannot be run: {failure}.",
                f"kresnet check export {shell_word(self._version)}",
            )
            raise make_error("not_servable", message, remedy=remedy) from None


__all__ = ["ServedPredictor"]
