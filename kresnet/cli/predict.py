"""The verb that asks a network, or a server: predict."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

import kresnet
from kresnet import terminal
from kresnet.cli.common import (
    BestOption,
    ClassNamesOption,
    JsonOption,
    TrainedSpecOption,
    log,
    log_error,
    print_json,
    stdout_console,
)
from kresnet.errors import MOST_PROBLEMS, KresnetError, Problem, make_error


def register(app: typer.Typer) -> None:
    app.command()(predict)


def predict(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[RUN|MODEL|NAME] IMAGES...",
            help="A network, unless --server; image files, folders, patterns, lists of paths (.txt), - for stdin.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write a row an image: .csv, .jsonl or .parquet."),
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="Ask this server: http://localhost:8501.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="NAME", help="Which of the server's models.")] = None,
    best: BestOption = False,
    spec: TrainedSpecOption = None,
    classes: ClassNamesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Classify images with a network on disk, an export of one, or with one that a server has."""
    if (server is None) != (model is None):
        message = "A server and the name of its model go together."
        raise make_error("bad_option", message, remedy="--server http://localhost:8501 --model NAME")
    if server and (best or spec or classes or output):
        message = "--best, --spec, --classes and -o are for a network on disk, not for a server's."
        raise make_error("bad_option", message, remedy="leave them out")
    if server and model:
        from kresnet.serving.client import predict as predict_by_server

        answers: Iterable[dict[str, Any]] = predict_by_server(server, model, paths)
        return _print_json_answers(answers) if as_json else _print_answers(answers)
    options: dict[str, Any] = {"best": best, "spec": spec, "classes": classes}
    if output is None:
        answers = kresnet.predict_files(paths[0], paths[1:], **options)
        return _print_json_answers(answers) if as_json else _print_answers(answers)
    summary = kresnet.predict_to_file(paths[0], paths[1:], output, **options)
    if as_json:
        print_json(summary.as_dict())
    log(f"{summary.images:,} images, {summary.images / summary.seconds:,.0f} a second: {summary.path}")
    if summary.unreadable:
        log(f"{summary.unreadable:,} could not be read; their rows say why.")
        raise typer.Exit(1)
    return None


def _print_answers(answers: Iterable[dict[str, Any]]) -> None:
    """Print a line for each answer as it comes, as nothing bounds their number.

    Raises:
        KresnetError: at the end, the problems of all files that could not be read.
    """
    problems: list[Problem] = []
    out = stdout_console()
    for answer in _readable_answers(answers, problems):
        out.print(_answer_text(answer))
    if problems:
        raise KresnetError(problems)


def _print_json_answers(answers: Iterable[dict[str, Any]]) -> None:
    """Print one JSON object piece by piece: `predictions`, and `problems` of files that could not be read, if any.

    Raises:
        KresnetError: where there are problems and no prediction.
    """
    problems: list[Problem] = []
    begun = False
    try:
        for answer in _readable_answers(answers, problems):
            text = json.dumps(answer, ensure_ascii=not terminal.is_unicode(sys.stdout))
            sys.stdout.write(f", {text}" if begun else f'{{"predictions": [{text}')
            begun = True
    except KresnetError as error:  # a list that could not be read to its end
        problems += error.problems
    if not begun:
        if problems:
            raise KresnetError(problems)
        return print_json({"predictions": []})
    failure = KresnetError(problems)
    told = json.dumps([problem.as_dict() for problem in failure.problems])
    sys.stdout.write(f'], "problems": {told}}}\n' if problems else "]}\n")
    if problems:
        log_error(failure)
        raise typer.Exit(failure.status)
    return None


def _readable_answers(answers: Iterable[dict[str, Any]], problems: list[Problem]) -> Iterator[dict[str, Any]]:
    """Yield the answers, and collect the problems of files that have none: as many as an error tells."""
    for answer in answers:
        if "error" not in answer:
            yield answer
        elif len(problems) <= MOST_PROBLEMS:
            problems.append(Problem(**answer["error"]))


def _answer_text(answer: dict[str, Any]) -> str:
    by_name = answer["probabilities"]
    if not isinstance(by_name, dict):  # a server tells the name of the likeliest class only
        by_name = {answer["label"]: answer["probability"]}
    ranked = sorted(by_name.items(), key=lambda item: -item[1])[:3]
    rest = ", ".join(f"{name} {probability:.3f}" for name, probability in ranked)
    return f"{answer['image']}: {rest}"
