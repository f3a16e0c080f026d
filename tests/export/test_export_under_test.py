"""What the checks of a proof share is read once, and says on stderr what it tries."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.export.export_under_test import ExportUnderTest, announce
from kresnet.export.saved_model import ExportResult


@pytest.fixture
def export(exported: ExportResult) -> ExportUnderTest:
    return ExportUnderTest(exported.path)


def test_an_export_is_read_once_and_answers(export: ExportUnderTest) -> None:
    assert export.manifest is export.manifest
    assert set(export.signatures) == set(export.session.signatures)
    answer = export.run_rows("serving_default", np.array([1, 0, 1]))
    assert answer["logits"].shape == (3, 3)
    np.testing.assert_array_equal(answer["logits"][0], answer["logits"][2])


def test_what_is_tried_is_announced_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    announce("a request")
    assert capsys.readouterr() == ("", "trying a request\n")
