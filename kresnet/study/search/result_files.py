"""What a search has found as files: `search.json`, `search.md`, `trials.csv`, `figures/`, `best/`, `optuna.log`."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from typing import Any

from kresnet.files import translate_os_errors, write_json, write_text
from kresnet.plan.summary import with_unit_prefix
from kresnet.study.search.judge import cost_text
from kresnet.study.search.runner import SearchRun
from kresnet.study.search.sampling import directions, make_study, quiet_optuna
from kresnet.study.search.search_results import FRONT_COSTS, score_text, write_best_documents

Values = Mapping[str, Any]

#: Settings that a sentence names as those that matter.
_MOST_IMPORTANT = 4


def write_search_files(run: SearchRun, values: dict[str, Any]) -> list[str]:
    """Write all that a search has found but its page; return the paths, relative to its directory.

    Raises:
        KresnetError: `not_writable` or `disk_full`.
    """
    from kresnet.study.search.search_figures import draw_search_figures  # matplotlib takes a while

    figures = run.directory / "figures"
    with translate_os_errors(figures):
        figures.mkdir(parents=True, exist_ok=True)
        (run.directory / "best").mkdir(exist_ok=True)
    drawn = draw_search_figures(values, figures)
    write_json(run.directory / "search.json", values)
    write_text(run.directory / "search.md", search_markdown(values, drawn))
    write_text(run.directory / "trials.csv", _trials_csv(values))
    _write_optuna_log(run)
    written = ["search.json", "search.md", "trials.csv", "optuna.log", *(f"figures/{name}.png" for name in drawn)]
    return written + (write_best_documents(run, values["best"]) if values["best"] is not None else [])


def _write_optuna_log(run: SearchRun) -> None:
    """Write the trials as a journal of Optuna, which its dashboard and its own functions open."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    path = run.directory / "optuna.log"
    staged = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with translate_os_errors(path), quiet_optuna():
        import optuna

        staged.unlink(missing_ok=True)
        trials = make_study(run.plan.search, run.plan.axes, run.scores()).trials
        storage = JournalStorage(JournalFileBackend(os.fspath(staged)))
        kept = optuna.create_study(storage=storage, study_name=run.plan.name, directions=directions(run.plan.search))
        kept.add_trials(trials)
        staged.replace(path)
        for left in staged.parent.glob(f"{staged.name}*"):
            left.unlink(missing_ok=True)


def chosen_trials(values: Values) -> list[dict[str, Any]]:
    """Return the trials on a front, and the best, the best scores first."""
    chosen = {number for front in values["fronts"].values() for number in front} | {values["best"]} - {None}
    trials = [each for each in values["proposed"] if each["trial"] in chosen]
    sign = -1 if values["maximize"] else 1
    return sorted(trials, key=lambda each: (sign * each["value"], each["costs"]["macs"]))


def search_table(values: Values) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of the table of the trials on a front, the best first."""
    costs = [name for name in FRONT_COSTS if any(name in each["costs"] for each in values["proposed"])]
    scores = [f"{split} {values['metric']}" for split in ("validation", "test")]
    heads = ["trial", *scores, *(name.replace("_ms", "") for name in costs), "settings"]
    rows = []
    for each in chosen_trials(values):
        test = (each.get("test") or {}).get(values["metric"])
        rows.append(
            [
                str(each["trial"]),
                score_text(values, each["value"]),
                score_text(values, test),
                *(_short_cost(name, each["costs"].get(name)) for name in costs),
                settings_text(each["values"]),
            ]
        )
    return heads, rows


def _short_cost(name: str, amount: float | None) -> str:
    if amount is None:
        return "–"
    return cost_text(name, amount) if name == "latency_ms" else with_unit_prefix(int(amount))


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return a candidate in words, the stages' settings together: `width 8, 16, 32; order full_preactivation`."""
    groups: dict[str, list[str]] = {}
    for name, value in settings.items():
        short = ".".join(part for part in name.split(".")[-2:] if not part.isdigit() and part not in ("*", "stages"))
        groups.setdefault(short, []).append(f"{value:.3g}" if isinstance(value, float) else str(value))
    return "; ".join(f"{name} {', '.join(values)}" for name, values in groups.items())


def search_sentences(values: Values) -> list[str]:
    """Return sentences that say what was drawn, what was trained, and which settings matter."""
    judged, trials = values["candidates_judged"], values["proposed"]
    states = [each["state"] for each in trials]
    why = ", ".join(f"{name} {count:,}" for name, count in judged["rejected"].items())
    sentences = [
        f"{judged['drawn']:,} candidates drawn, {judged['candidates_per_second'] or 0:,} a second; "
        f"{100 * (judged['rejection_rate'] or 0):.1f}% rejected before anything was built{f' ({why})' if why else ''}.",
        f"{len(trials)} trials: {states.count('finished')} finished, {states.count('left_out')} left out by halving, "
        f"{states.count('failed')} failed, {states.count('open')} open; {values['epochs_trained']} epochs trained, "
        f"{values['training_seconds'] / 60:.1f} minutes of steps.",
    ]
    if calls := values["calls"]:
        seconds = sum(call["seconds"] for call in calls)
        jobs = max(call["jobs"] for call in calls)
        at_once = f", {jobs} runs at once" if jobs > 1 else ""
        sentences.append(
            f"{seconds / 60:.1f} minutes of wall time in {len(calls)} call{'s' * (len(calls) > 1)}{at_once}."
        )
    if importance := values["importance"]:
        shares = [f"{name} {100 * share:.0f}%" for name, share in list(importance["shares"].items())[:_MOST_IMPORTANT]]
        epoch = "at the end" if importance["after_epoch"] is None else f"after epoch {importance['after_epoch']}"
        of = f"What the {values['metric']} {epoch} depends on (fANOVA, {importance['trials']} trials)"
        sentences.append(f"{of}: {', '.join(shares)}.")
    return sentences


def search_markdown(values: Values, drawn: list[str]) -> str:
    """Return the text of `search.md`."""
    lines = [f"# {values['search']}", "", values["question"], ""]
    if values["limits"]:
        lines += [f"Limits: {values['limits']}", ""]
    lines += ["```console", f"$ {values['command']}", "```", ""]
    heads, rows = search_table(values)
    if rows:
        lines += ["| " + " | ".join(heads) + " |", "|" + "|".join("---:" for _ in heads[:-1]) + "|---|"]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        lines += ["", "Test images were looked at for these trials alone, after they had been chosen.", ""]
    lines += [f"- {sentence}" for sentence in search_sentences(values)]
    for name in drawn:
        lines += ["", f"![{FIGURE_WORDS[name]}](figures/{name}.png)"]
    return "\n".join(lines) + "\n"


#: Name of a figure's files -> what it shows.
FIGURE_WORDS = {
    "front": "Score of each finished trial against what it costs, and the front that no cheaper trial is above",
    "importance": "Share of the score's variance that each setting explains",
    "halving": "Score after each epoch, of all trials: those that were left out, and those that went on",
}


def _trials_csv(values: Values) -> str:
    """All trials as a table for other programs."""
    names = list(values["axes"])
    costs = [name for name in ("macs", "parameters", "depth", "largest_map", "memory", "latency_ms")
             if any(name in each["costs"] for each in values["proposed"])]  # fmt: skip
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["trial", "generation", "found_by", "state", "epochs", values["metric"], *costs, *names])
    for each in values["proposed"]:
        last = list(each["by_epoch"].values())[-1:] or [""]
        settings = [each["values"].get(name, "") for name in names]
        writer.writerow([each["trial"], each["generation"], each["found_by"], each["state"], each["epochs"], *last,
                         *(each["costs"].get(name, "") for name in costs), *settings])  # fmt: skip
    return buffer.getvalue()


__all__ = ["FIGURE_WORDS", "chosen_trials", "search_markdown", "search_sentences", "search_table", "settings_text",
           "write_search_files"]  # fmt: skip
