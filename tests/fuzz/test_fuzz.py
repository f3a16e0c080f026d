"""The short form of `make fuzz`: the corpus, forty documents a kind of Hypothesis's, three hundred of atheris's."""

from __future__ import annotations

import contextlib
import gc
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.hypothesis_run import run
from tests.fuzz.tally import Tally
from tests.fuzz.target import CORPUS, KINDS, Finding, Outcome, Playground, _measured, require_harmless

#: Codes that forty documents are refused with, of kinds for which there are few.
FEWEST_CODES = {"torch": 2, "set": 3}

FOUND = [path for path in sorted(CORPUS.glob("*/*")) if path.is_file()]


@pytest.fixture(scope="module")
def playground(tmp_path_factory) -> Playground:
    return Playground(tmp_path_factory.mktemp("playground"))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_once_is_refused_in_plain_words_or_accepted(playground, path):
    outcome = KINDS[path.parent.name](playground, path.read_bytes())
    require_harmless(outcome)
    assert bool(outcome.codes) != path.name.startswith("accepted-")


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_documents_are_accepted_or_refused_and_take_little(kind):
    tally = run(kind, 40, 0)
    assert tally.documents >= 40
    assert len(tally.codes) >= FEWEST_CODES.get(kind, 4), "they are not refused for the same reason all the time"


def test_ten_megabytes_are_not_read(playground):
    outcome = playground.try_spec(b"a: 1\n" * 2_000_000)
    assert outcome.codes == ("document_too_large",)
    assert outcome.peak_bytes < 5_000_000


def test_a_finding_is_noticed(playground):
    """The harness itself: an error that nobody knows comes through, and a hog is told."""
    with pytest.raises(Finding, match="MB"):
        require_harmless(Outcome((), 0.0, 300_000_000))
    with pytest.raises(Finding, match=" s"):
        require_harmless(Outcome((), 1.5, 0), most_seconds=1.0)


@pytest.mark.parametrize(("times", "found"), [((1.5, 0.1, 1.2), False), ((1.5, 1.1, 1.2), True)])
def test_a_document_is_slow_that_is_slow_each_time(playground, times, found):
    tally, left = Tally(1.0), iter(times)
    with pytest.raises(Finding, match=r"1\.10 s") if found else contextlib.nullcontext():
        tally.add(playground, lambda *_: Outcome((), next(left), 0), b"")
    assert tally.documents == 1


def test_a_document_pays_for_no_objects_but_its_own():
    """A garbage collection among a million of Hypothesis's objects takes a second."""
    collections = []
    gc.callbacks.append(note := lambda phase, _: collections.append(1) if phase == "start" else None)
    try:
        _measured(lambda: tuple(str(each) for each in [[] for _ in range(50_000)] if each))
        assert not collections[1:]  # the first is asked for, before the clock
        assert [[] for _ in range(50_000)]
        assert collections[1:]
    finally:
        gc.callbacks.remove(note)


@pytest.mark.slow  # `make fuzz` is the same, of many more documents
@pytest.mark.skipif(sys.platform != "linux", reason="atheris has wheels for Linux only")
def test_documents_bred_for_new_lines_find_nothing(tmp_path):
    command = [sys.executable, "-m", "tests.fuzz.coverage_run", "recipe", tmp_path / "tally.json", "-runs=300"]
    done = subprocess.run(
        [*map(str, command), f"-artifact_prefix={tmp_path}/"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "tally.json").is_file()
