"""Columns as targets: compared with scikit-learn's encoders, and what cannot be one told by row."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.preprocessing import LabelEncoder, MultiLabelBinarizer

from kresnet.data.tables.row_problems import RowProblems
from kresnet.data.tables.table_file import TableFile
from kresnet.data.tables.targets import (
    class_targets,
    label_column_targets,
    label_targets,
    value_targets,
    weights_of,
)
from kresnet.errors import KresnetError


@pytest.fixture
def problems(make_table) -> RowProblems:
    return RowProblems(TableFile(make_table("a\n" + "x\n" * 40)), np.arange(40))


def text(values):
    return pa.array(values, pa.large_string())


def found_in(problems: RowProblems) -> list[tuple[int, str]]:
    with pytest.raises(KresnetError) as caught:
        problems.raise_any()
    return [(problem.place.line - 1, problem.message.partition(": ")[2]) for problem in caught.value.problems]


def test_classes_are_those_of_scikit_learn(problems):
    names = np.random.default_rng(0).choice(["dog", "cat", "owl", "ape"], 40)
    targets = class_targets(text(names), "a", None, np.ones(40, bool), problems)
    encoder = LabelEncoder().fit(names)
    assert targets.names == tuple(encoder.classes_)
    np.testing.assert_array_equal(targets.array, encoder.transform(names))
    problems.raise_any()


def test_whole_numbers_are_sorted_as_numbers(problems):
    targets = class_targets(text(["10", "9", "-1", "9"]), "a", None, np.ones(4, bool), problems)
    assert targets.names == ("-1", "9", "10")


def test_empty_and_unknown_labels_are_told(problems):
    column = text(["cat", "", None, "dog", "lynx", " "])
    targets = class_targets(column, "a", None, np.array([1, 1, 1, 1, 0, 0], bool), problems)
    assert targets.names == ("cat", "dog")
    assert [row for row, _ in found_in(problems)] == [2, 3, 5, 6]
    assert "no training row has the label 'lynx'" in dict(found_in(problems))[5]


def test_stated_classes_keep_their_order_and_allow_no_others(problems):
    targets = class_targets(text(["b", "a", "c"]), "a", ["b", "a"], np.ones(3, bool), problems)
    assert targets.array.tolist() == [0, 1, -1]
    assert found_in(problems) == [(3, "`classes` does not name the label 'c'.")]


@pytest.mark.parametrize("lists", [False, True])
def test_labels_are_those_of_scikit_learn(problems, lists):
    rng = np.random.default_rng(1)
    rows = [
        sorted(rng.choice(["sun", "sea", "sand", "salt"], count, replace=False)) for count in rng.integers(0, 4, 40)
    ]
    column = pa.array(rows, pa.large_list(pa.large_string())) if lists else text([" ; ".join(row) for row in rows])
    targets = label_targets(column, "a", ";", None, np.ones(40, bool), problems)
    binarizer = MultiLabelBinarizer().fit(rows)
    assert targets.names == tuple(binarizer.classes_)
    np.testing.assert_array_equal(targets.array, binarizer.transform(rows))
    problems.raise_any()


def test_unknown_labels_are_told(problems):
    column = text(["a|b", "a|q|r", "", None])
    targets = label_targets(column, "a", "|", None, np.array([1, 0, 1, 1], bool), problems)
    assert targets.array.tolist() == [[1, 1], [1, 0], [0, 0], [0, 0]]
    assert found_in(problems) == [(2, "no training row has the label 'q', 'r'.")]


def test_columns_of_labels_hold_zero_and_one(problems):
    columns = {"x": text(["1", "true", "False", "2", ""]), "y": pa.array([0.0, 1.0, 0.0, 1.0, None])}
    targets = label_column_targets(columns, problems)
    assert targets.names == ("x", "y")
    assert targets.array[:3].tolist() == [[1, 0], [1, 1], [0, 0]]
    assert [row for row, _ in found_in(problems)] == [4, 5, 5]


def test_values_are_finite_numbers(problems):
    columns = {"x": pa.array([1.5, 2.0, 3.0]), "y": text([" 4 ", "five", "1e3"])}
    targets = value_targets(columns, problems)
    assert targets.array[[0, 2]].tolist() == [[1.5, 4.0], [3.0, 1000.0]]
    assert found_in(problems) == [(2, "no number stands here.")]


def test_lists_of_values_have_one_length(problems):
    column = pa.array([[1.0, 2.0], [3.0, 4.0]], pa.large_list(pa.float64()))
    assert value_targets({"v": column}, problems).array.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    value_targets({"v": pa.array([[1.0, 2.0], [3.0], None], pa.large_list(pa.float64()))}, problems)
    assert [row for row, _ in found_in(problems)] == [2, 3]


def test_weights_are_not_negative(problems):
    assert weights_of(pa.array([0.0, 2.5]), "w", problems).dtype == np.float32
    weights_of(pa.array([1.0, -1.0, np.inf, None]), "w", problems)
    assert [row for row, _ in found_in(problems)] == [2, 3, 4]
