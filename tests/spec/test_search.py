"""The search document: what it refuses, with the place, and what its ranges are."""

from __future__ import annotations

from typing import Any

import pytest

from kresnet.errors import KresnetError
from kresnet.spec import library
from kresnet.spec.document import dump
from kresnet.spec.loading import load_search
from kresnet.spec.search import Dimension

BASE: dict[str, Any] = {
    "name": "mine",
    "question": "Which?",
    "spec": "quickstart",
    "space": {"stages.*.width": {"int": [8, 64], "step": 8}},
    "trials": 4,
}


@pytest.mark.parametrize(
    ("change", "code", "path"),
    [
        ({"space": {}}, "contradiction", "space"),
        ({"space": {"stem.width": {}}}, "contradiction", "space.stem.width"),
        ({"space": {"stem.width": {"int": [8, 4]}}}, "contradiction", "space.stem.width.int"),
        ({"space": {"stem.width": {"int": [4, 8], "log": [0.1, 1]}}}, "contradiction", "space.stem.width.log"),
        ({"space": {"stem.width": {"int": [4, 8], "step": 1.5}}}, "contradiction", "space.stem.width.step"),
        ({"space": {"stem.width": {"int": [4]}}}, "out_of_range", "space.stem.width.int"),
        ({"space": {"stem.width": {"choice": []}}}, "out_of_range", "space.stem.width.choice"),
        ({"space": {"stem.width": {"choice": [4, 4]}}}, "contradiction", "space.stem.width.choice"),
        ({"space": {"stem.width": {"log": [0, 1]}}}, "out_of_range", "space.stem.width.log.0"),
        ({"constraints": {"macs": "< 5"}}, "out_of_range", "constraints.macs"),
        ({"constraints": {"flops": "<= 5"}}, "unknown_field", "constraints.flops"),
        ({"objectives": ["macs"]}, "contradiction", "objectives"),
        ({"objectives": ["acuracy"]}, "wrong_value", "objectives.0"),
        ({"objectives": [{"kind": "top_k_accuracy", "k": 0}]}, "out_of_range", "objectives.0.k"),
        ({"objectives": ["accuracy", "loss"]}, "contradiction", "objectives"),
        ({"objectives": ["accuracy", "latency_ms"]}, "contradiction", "objectives"),
        ({"objectives": ["accuracy", "macs"], "halving": {}}, "contradiction", "halving"),
        ({"sampler": {"kind": "grid"}}, "wrong_value", "sampler"),
        ({"shape": {"kind": "regnet"}}, "missing_field", "shape.initial_width"),
        ({"trials": 0}, "out_of_range", "trials"),
    ],
)
def test_what_a_search_refuses(tmp_path, change, code, path):
    file = tmp_path / "search.yaml"
    file.write_text(dump(BASE | change))
    with pytest.raises(KresnetError) as caught:
        load_search(str(file))
    found = {(problem.code, problem.path) for problem in caught.value.problems}
    assert (code, path) in found
    assert all(problem.place and problem.place.line for problem in caught.value.problems)


@pytest.mark.parametrize("name", library.shipped_names("searches"))
def test_shipped_searches_are_whole(name):
    search = load_search(name).value
    assert search.name == name
    assert dict(search.constraints.comparisons())["macs"] == "<= 2M"


@pytest.mark.parametrize(
    ("stated", "extremes", "text"),
    [
        ({"int": [8, 30], "step": 8}, (8, 24), "8 to 30 by 8"),
        ({"int": [1, 3]}, (1, 3), "1 to 3"),
        ({"log": [0.01, 1]}, (0.01, 1), "0.01 to 1, logarithmic"),
        ({"choice": ["relu", {"kind": "basic"}]}, ("relu", {"kind": "basic"}), 'one of relu, {"kind": "basic"}'),
    ],
)
def test_ranges(stated, extremes, text):
    dimension = Dimension.model_validate(stated)
    assert dimension.extremes == extremes
    assert dimension.text() == text


def test_which_objectives_are_to_be_large():
    search = load_search({**BASE, "objectives": ["loss", "macs"]}).value
    assert search.maximized == (False, False)
    assert load_search(BASE).value.maximized == (True,)


@pytest.mark.parametrize("stated", ["<= 5", {"batch": 1, "<=": 5}, {"<=": 5.0}, {"limit": "<= 5"}])
def test_a_limit_of_latency_is_read_in_each_form(stated):
    latency = load_search({**BASE, "constraints": {"latency_ms": stated}}).value.constraints.latency_ms
    assert latency is not None
    assert (latency.batch, latency.limit) in ((1, "<= 5"), (1, "<= 5.0"))


@pytest.mark.parametrize("stated", [{"<=": 5, "limit": "<= 4"}, {"<=": "fast"}, {"<": 5}, 5])
def test_another_form_is_refused_at_its_place(stated):
    with pytest.raises(KresnetError) as caught:
        load_search({**BASE, "constraints": {"latency_ms": stated}})
    assert all(problem.path.startswith("constraints.latency_ms") for problem in caught.value.problems)
