"""One run on the embedded images, and its evaluation, for all tests of the room."""

from __future__ import annotations

import pytest

from kresnet.evaluation.evaluate import evaluate_with_mistakes
from kresnet.evaluation.evaluation import Evaluation
from kresnet.runs.run_directory import RunDirectory
from tests.evaluation.runs import with_model


@pytest.fixture(scope="session")
def classifier_run(tmp_path_factory) -> RunDirectory:
    return with_model(tmp_path_factory.mktemp("evaluated") / "run")


@pytest.fixture(scope="session")
def evaluation(classifier_run) -> Evaluation:
    return evaluate_with_mistakes(classifier_run)
