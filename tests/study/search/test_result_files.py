"""What a search has found as files, which other programs read."""

from __future__ import annotations

import csv
import json

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from kresnet.study.search.result_files import search_sentences, search_table, settings_text, write_search_files


def test_the_files_of_a_search(found_search):
    run, values = found_search
    written = write_search_files(run, values)
    assert all((run.directory / path).is_file() for path in written)
    assert json.loads((run.directory / "search.json").read_text()) == values
    with (run.directory / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["trial"]) for row in rows] == list(range(12))
    assert [row["state"] for row in rows].count("finished") == 11
    assert {int(row["stem.width"]) for row in rows} == {each["values"]["stem.width"] for each in values["proposed"]}
    storage = JournalStorage(JournalFileBackend(str(run.directory / "optuna.log")))
    study = optuna.load_study(storage=storage, study_name="tiny")
    assert study.best_trial.number == values["best"]
    text = (run.directory / "search.md").read_text()
    assert "Limits: Nothing was trained." in text
    assert text.count("figures/") == len([path for path in written if path.endswith(".png")])
    assert sorted(path.name for path in run.directory.glob(".*")) == []


def test_the_table_has_the_trials_of_the_fronts_the_best_first(found_search):
    _, values = found_search
    heads, rows = search_table(values)
    assert heads == ["trial", "validation accuracy", "test accuracy", "macs", "parameters", "settings"]
    assert int(rows[0][0]) == values["best"]
    assert len(rows) == len({number for front in values["fronts"].values() for number in front})


def test_sentences_tell_the_counts(found_search):
    _, values = found_search
    drawn, trials, *_ = search_sentences(values)
    assert f"{values['candidates_judged']['drawn']:,} candidates drawn" in drawn
    assert "12 trials: 11 finished, 0 left out by halving, 1 failed, 0 open; 33 epochs trained" in trials


def test_settings_of_stages_stand_together():
    assert settings_text({"stem.width": 4, "stages.0.width": 8, "stages.1.width": 16, "block.order": "x",
                          "recipe.optimizer.learning_rate": 0.123456}) == (
        "stem.width 4; width 8, 16; block.order x; optimizer.learning_rate 0.123"
    )  # fmt: skip
