"""Temperatures are those that a search over all finds, and bring back those by which logits were spoilt."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from kresnet.errors import KresnetError
from kresnet.evaluation.reliability import calibration_metrics, negative_log_likelihood
from kresnet.evaluation.temperature import fit_temperatures

RNG = np.random.default_rng(7)
LOGITS = RNG.normal(0, 2, (4000, 5))
CLASSES = np.array([RNG.choice(5, p=row) for row in softmax(LOGITS, axis=1)])
LABELS = (RNG.random((4000, 5)) < expit(LOGITS)).astype(np.float32)


def test_the_temperature_is_where_the_likelihood_is_highest():
    fit = fit_temperatures(LOGITS * 3, CLASSES)
    (temperature,) = fit.temperatures
    around = np.linspace(1, 6, 2001)
    best = around[np.argmin([negative_log_likelihood(LOGITS * 3, CLASSES, each) for each in around])]
    assert temperature == pytest.approx(best, abs=0.003)
    assert temperature == pytest.approx(3, rel=0.05)  # the logits that the classes were drawn from
    spoilt, mended = calibration_metrics(LOGITS * 3, CLASSES), calibration_metrics(LOGITS * 3, CLASSES, temperature)
    assert mended["calibration_error"] < 0.03 < 0.1 < spoilt["calibration_error"]


def test_each_label_has_a_temperature_of_its_own():
    scales = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
    fit = fit_temperatures((LOGITS * scales).astype(np.float32), LABELS)
    np.testing.assert_allclose(fit.temperatures, scales, rtol=0.1)
    assert fit.undecided == ()


def test_a_label_that_the_images_say_nothing_of_is_left_alone():
    labels = LABELS.copy()
    labels[:, 1] = LOGITS[:, 1] > 0  # every image is right
    fit = fit_temperatures(LOGITS, labels)
    assert fit.undecided == (1,)
    assert fit.temperatures[1] == 1


@pytest.mark.parametrize("right", [True, False])
def test_images_that_are_all_right_or_all_wrong_tell_no_temperature(right):
    classes = LOGITS.argmax(1) if right else LOGITS.argmin(1)
    with pytest.raises(KresnetError) as caught:
        fit_temperatures(LOGITS, classes)
    assert caught.value.problems[0].code == "data_mismatch"
    assert ("all recognised" if right else "by chance") in str(caught.value)
