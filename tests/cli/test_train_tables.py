"""The classes that `kresnet evaluate` shows."""

from __future__ import annotations

import pytest

from kresnet.cli.train_tables import SHOWN, print_class_accuracies


def test_the_class_that_is_recognised_worst_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    matrix = [[9, 1, 0], [0, 4, 6], [0, 0, 10]]
    print_class_accuracies({"coat": 0.9, "shirt": 0.4, "boot": 1.0}, matrix)
    title, _, _, *rows = capsys.readouterr().out.splitlines()
    assert title == "Classes, worst first"
    assert [row.split() for row in rows] == [
        ["shirt", "0.4000", "boot", "0.6000"], ["coat", "0.9000", "shirt", "0.1000"], ["boot", "1.0000"],
    ]  # fmt: skip


def test_of_independent_labels_only_accuracies_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    matrix = [[[5, 0], [0, 5]]] * (SHOWN + 2)
    print_class_accuracies({f"label{n}": n / 100 for n in range(SHOWN + 2)}, matrix)
    title, _, _, *rows = capsys.readouterr().out.splitlines()
    assert title == f"The {SHOWN} classes recognised worst"
    assert [row.split() for row in rows] == [[f"label{n}", f"{n / 100:.4f}"] for n in range(SHOWN)]
