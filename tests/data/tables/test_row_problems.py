"""Problems of rows, told in their order with line, row and column."""

import numpy as np
import pytest

from kresnet.data.tables.row_problems import RowProblems
from kresnet.data.tables.table_file import TableFile
from kresnet.errors import MOST_PROBLEMS, KresnetError


def test_problems_come_in_the_order_of_the_rows(make_table):
    file = TableFile(make_table("a,b\n" + '"x\ny",1\n' + "x,1\n" * 200))
    problems = RowProblems(file, np.arange(1, 201))  # the first row is not looked at
    problems.raise_any()
    problems.add("data_mismatch", "b", np.array([2]), "late.", found=lambda row: f"at {row}")
    problems.add("data_missing", "a", np.array([0]), lambda row: f"early, {row}.")
    with pytest.raises(KresnetError) as caught:
        problems.raise_any()
    first, second = caught.value.problems
    assert (first.message, first.place.line, first.code) == ("Row 2, column a: early, 0.", 4, "data_missing")
    assert (second.message, second.place.line, second.found) == ("Row 4, column b: late.", 6, "at 2")


def test_no_more_are_told_than_anybody_mends(make_table):
    problems = RowProblems(TableFile(make_table("a\n" + "x\n" * 300)), np.arange(300))
    problems.add("data_mismatch", "a", np.arange(300), "wrong.")
    with pytest.raises(KresnetError) as caught:
        problems.raise_any()
    assert len(caught.value.problems) == MOST_PROBLEMS
    assert caught.value.more
