"""Studies as a terminal shows them."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

import kresnet
from kresnet.cli.study_tables import print_studies, print_study_plan, print_study_results

RESULTS = Path(__file__).parents[2] / "docs/studies/quick/depth/results.json"


def console() -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(width=200, file=stream, force_terminal=False), stream


def test_every_shipped_study_is_listed_with_its_forms() -> None:
    out, stream = console()
    print_studies(kresnet.studies(), out)
    for study in kresnet.studies():
        line = next(line for line in stream.getvalue().splitlines() if line.startswith(study["name"] + " "))
        assert line.rstrip().endswith(", ".join(study["forms"])[-20:])


def test_a_plan_names_its_runs_in_their_order() -> None:
    out, stream = console()
    plan = kresnet.plan_study("depth", seeds=[3])
    print_study_plan(plan, out)
    text = " ".join(stream.getvalue().split())
    assert f"{len(plan.runs())} runs, in this order: " + ", ".join(run.name for run in plan.runs()) in text
    assert plan.study.question in text


def test_results_show_every_variant_and_what_was_held_equal() -> None:
    out, stream = console()
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    print_study_results(results, out)
    lines = stream.getvalue().splitlines()
    assert "parameters" not in lines[0]
    for variant in results["variants"]:
        assert any(line.startswith(variant["name"]) for line in lines)
    assert any(line.startswith("mean ± ") for line in lines)
