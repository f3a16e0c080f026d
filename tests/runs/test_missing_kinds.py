"""Kinds of packages that are not installed any more."""

from __future__ import annotations

import json

import pytest

from kresnet.errors import KresnetError, Problem
from kresnet.runs.missing_kinds import with_missing_packages
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.document import dump
from tests.plan.networks import SMALL

ERROR = KresnetError(
    [
        Problem("wrong_value", "There is no kind `wobble` of block.", "block", found="wobble", nearest="bottleneck"),
        Problem("wrong_value", "There is no kind `other` of norm.", "norm", found="other"),
        Problem("out_of_range", "`width` is out of range.", "stages.0.width", found="0"),
    ]
)


@pytest.mark.parametrize(
    ("extension", "message", "remedy"),
    [
        (
            {"module": "toys", "distribution": "toy-blocks", "version": "1.0"},
            "The run was begun with the kind `wobble` of toy-blocks==1.0, which is not installed.",
            "pip install toy-blocks==1.0",
        ),
        (
            {"module": "toys"},
            "The run was begun with the kind `wobble`, which the module toys registered.",
            "import that module first, in Python",
        ),
    ],
)
def test_what_gave_the_kind_is_told_and_other_problems_stay(extension, message, remedy):
    environment = {"extensions": [{"of": "block", "kind": "wobble", **extension}]}
    first, *others = with_missing_packages(ERROR, environment).problems
    assert (first.message, first.remedy, first.nearest, first.path) == (message, remedy, "", "block")
    assert tuple(others) == ERROR.problems[1:]


def test_a_run_of_shipped_kinds_tells_what_it_told():
    assert with_missing_packages(ERROR, {}).problems == ERROR.problems


def test_the_spec_of_a_run_tells_the_missing_package_where_its_kind_stands(tmp_path):
    (tmp_path / "spec.yaml").write_text(dump(SMALL | {"block": {"kind": "wobble"}}))
    extension = {"of": "block", "kind": "wobble", "module": "toys", "distribution": "toy-blocks", "version": "1.0"}
    (tmp_path / "environment.json").write_text(json.dumps({"extensions": [extension]}))
    with pytest.raises(KresnetError) as error:
        RunDirectory(tmp_path).load_spec()
    [problem] = error.value.problems
    assert (problem.remedy, problem.path) == ("pip install toy-blocks==1.0", "block")
    assert str(problem.place).startswith(str(tmp_path / "spec.yaml:"))
