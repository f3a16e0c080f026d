"""Fit the temperatures of a network's logits: temperature scaling, Guo et al. 2017 (arXiv:1706.04599), section 4.2."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from kresnet.errors import make_error
from kresnet.evaluation.reliability import negative_log_likelihood, probabilities_of

#: Temperatures that are taken for an answer. A network that is right, or wrong, about every image drives the fit to
#: one of these bounds, and then the images do not tell the temperature.
LOWEST, HIGHEST = 0.02, 50.0


class TemperatureFit(NamedTuple):
    """What a fit found.

    Attributes:
        temperatures: float64 `(1,)`, or `(labels,)` for independent labels.
        undecided: indices of labels whose images do not tell a temperature, which is left at 1.
    """

    temperatures: np.ndarray
    undecided: tuple[int, ...] = ()


def fit_temperatures(logits: np.ndarray, targets: np.ndarray) -> TemperatureFit:
    """Return the temperatures that minimise the negative log likelihood of the targets, by L-BFGS in float64.

    Args:
        logits: float `(N, classes)`.
        targets: classes, integers `(N,)`: one temperature is fitted; or labels, 0 or 1 `(N, labels)`: one for each.

    Raises:
        KresnetError: `data_mismatch` where the images do not tell the temperature, or that of no label.
    """
    wide = logits.astype(np.float64)
    inverses = _minimize(wide, targets)
    temperatures = 1 / inverses
    outside = (temperatures <= LOWEST * 1.001) | (temperatures >= HIGHEST * 0.999)
    if outside.all():
        extreme = "are all recognised" if temperatures.min() < 1 else "are recognised no better than by chance"
        raise make_error(
            "data_mismatch",
            f"The {len(logits):,} images do not tell a temperature: they {extreme}.",
            expected=f"a temperature between {LOWEST:g} and {HIGHEST:g}",
            found=f"{temperatures.mean():g}",
            remedy="more images, which the network was not trained on: --data folder:PATH",
        )
    return TemperatureFit(np.where(outside, 1.0, temperatures), tuple(np.flatnonzero(outside).tolist()))


def _minimize(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the inverse temperatures: the loss is convex in them."""
    labels = targets.ndim > 1
    count = logits.shape[1] if labels else 1

    def loss_and_gradient(inverses: np.ndarray) -> tuple[float, np.ndarray]:
        probabilities = probabilities_of(logits, labels, 1 / inverses)
        # Of labels, the sum over them rather than the mean: each has a temperature of its own, and a scale of its own.
        loss = negative_log_likelihood(logits, targets, 1 / inverses) * count
        if labels:
            return loss, ((probabilities - targets) * logits).mean(axis=0)
        chosen = np.take_along_axis(logits, targets[:, np.newaxis], axis=1)[:, 0]
        return loss, np.array([((probabilities * logits).sum(axis=1) - chosen).mean()])

    bounds = [(1 / HIGHEST, 1 / LOWEST)] * count
    options = {"maxiter": 1000, "ftol": 1e-14, "gtol": 1e-9}
    return minimize(loss_and_gradient, np.ones(count), jac=True, method="L-BFGS-B", bounds=bounds, options=options).x


__all__ = ["HIGHEST", "LOWEST", "TemperatureFit", "fit_temperatures"]
