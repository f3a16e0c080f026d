"""The editor page's requests, and their answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web

from kresnet.api.network import schema
from kresnet.errors import KresnetError, make_error
from kresnet.pages.editor import answers
from kresnet.pages.editor.document_file import FOLDERS, DocumentFile, load_network
from kresnet.pages.editor.experiments import (
    MEASURES,
    SECONDS,
    SERIES,
    ExperimentRunner,
    command_line,
    experiment_arguments,
    experiment_figures,
)
from kresnet.pages.editor.recipe_curves import describe_recipe, describe_strength, learning_rate_plots
from kresnet.pages.lessons import lessons
from kresnet.pages.rendering import render
from kresnet.pages.static_files import static_routes
from kresnet.spec import library
from kresnet.version import __version__

PRECISIONS = ("float32", "bfloat16", "float16")
#: Largest number that the page takes for a batch, or for training images.
_MOST = 10**9

Values = Mapping[str, Any]


class EditorSession:
    """The documents that a page edits, and what it may ask of them.

    Attributes:
        files: the documents by kind: a spec, a recipe and a study.
    """

    def __init__(self, files: Mapping[str, DocumentFile], runner: ExperimentRunner | None = None) -> None:
        self.files, self.runner = dict(files), runner or ExperimentRunner()

    @property
    def spec_file(self) -> DocumentFile:
        """The spec."""
        return self.files["spec"]

    def documents(self) -> dict[str, Any]:
        """Return what the page begins with: texts, names, and what stands on disk."""
        return {kind: self._document(file) for kind, file in self.files.items()}

    def _document(self, file: DocumentFile) -> dict[str, Any]:
        found = file.read()
        return {
            "text": found.text, "digest": found.digest, "name": file.path.name, "shipped": file.is_shipped,
            "folder": str(file.folder.resolve()),
        }  # fmt: skip

    def look(self, values: Values) -> dict[str, Any]:
        """Answer what a document means: `kind`, `text`; of a spec `view`, `batch`, `precision`."""
        file, text = self._file(values), _text(values, "text")
        batch, images = _number(values, "batch", 32), _number(values, "images", 50_000)
        precision, spec = _one_of(values, "precision", PRECISIONS), _text(values, "spec")
        try:
            match file.kind:
                case "spec":
                    found = answers.describe_spec(file, text, _text(values, "view"), batch, precision)
                case "recipe":
                    found = describe_recipe(file, text, load_network(self.spec_file, spec).loaded, images)
                case _:
                    found = answers.describe_study(file, text)
                    runs = {variant.name: variant.run for variant in found.pop("plan").variants}
                    plots = list(learning_rate_plots(runs))
                    found["figures"] = render("figures.html", sentences=[], plots=plots, tables=[])
            return {"problems": [], **found}
        except KresnetError as error:
            return {"problems": answers.problem_values(file, error)}

    def strength(self, values: Values) -> dict[str, Any]:
        """Answer how much the recipe changes images: `text`, and the text of the `spec`."""
        spec = load_network(self.spec_file, _text(values, "spec")).loaded
        return describe_strength(self.files["recipe"], _text(values, "text"), spec)

    def changes(self, values: Values) -> dict[str, Any]:
        """Answer how the network differs from the saved one, or from `against`."""
        return answers.describe_changes(self.spec_file, _text(values, "text"), _text(values, "against"))

    def compare(self, values: Values) -> dict[str, Any]:
        """Answer the network beside `against`."""
        return answers.describe_both(self.spec_file, _text(values, "text"), _text(values, "against"))

    def save(self, values: Values) -> dict[str, Any]:
        """Write a document, unless its file is another by now; `digest` `*` overwrites it."""
        file = self._file(values)
        saved = file.save(_text(values, "text"), _text(values, "digest"), name=values.get("name") or None)
        return {"digest": saved.digest, "name": file.path.name}

    def disk(self, values: Values) -> dict[str, Any]:
        """Answer what stands on disk now; its text only if it is not what `digest` says."""
        document = self._document(self._file(values))
        return document if document["digest"] != values.get("digest") else {"digest": document["digest"]}

    async def experiment(self, values: Values) -> dict[str, Any]:
        """Run an experiment: `measure`, `series`, `batch`, `recipe` and `seed`."""
        file = self.spec_file
        network = await asyncio.to_thread(load_network, file, _text(values, "text"))
        measure, recipe = _text(values, "measure"), _text(values, "recipe")
        if recipe:
            library.find_document(recipe, "recipes", file.folder)
        batch, seed = _number(values, "batch", 16), _number(values, "seed", 0, least=0)
        arguments = experiment_arguments(file, network, measure, _text(values, "series"), batch, recipe, seed)
        found = await self.runner.run(arguments, Path.cwd())
        return {"figures": experiment_figures(measure, found), "command": command_line(arguments), "values": found}

    def names(self) -> dict[str, Any]:
        """Return what documents may name: shipped ones, and files beside the spec."""
        beside = sorted(path.name for path in self.spec_file.folder.glob("*.y*ml") if path.is_file())[:500]
        return {kind: [*beside, *library.shipped_names(folder)] for kind, folder in FOLDERS.items()}

    def _file(self, values: Values) -> DocumentFile:
        return self.files[_one_of(values, "kind", tuple(self.files))]


def make_editor(session: EditorSession) -> web.Application:
    """Return the page as an application for `running_page`."""
    page = web.Application()

    async def index(request: web.Request) -> web.Response:
        html = await asyncio.to_thread(_page, session)
        return web.Response(text=html, content_type="text/html")

    reading_source = asyncio.Lock()  # `ast.parse`, by which a schema finds docstrings, fails in two threads at once

    async def schema_of(request: web.Request) -> web.Response:
        async with reading_source:
            return web.json_response(await asyncio.to_thread(_schema, request.match_info["kind"]))

    async def experiment(request: web.Request) -> web.Response:
        return web.json_response(await session.experiment(await _values(request)))

    async def stop(request: web.Request) -> web.Response:
        return web.json_response({"stopped": session.runner.stop()})

    async def clean_up(application: web.Application) -> None:
        session.runner.stop()

    page.add_routes([
        web.get("/", index),
        web.get("/schema/{kind:spec|recipe|study}", schema_of),
        *(web.post(f"/{name}", _threaded(function)) for name, function in {
            "look": session.look, "changes": session.changes, "compare": session.compare, "save": session.save,
            "disk": session.disk, "strength": session.strength,
        }.items()),
        web.post("/experiment", experiment),
        web.post("/stop", stop),
        *static_routes("codemirror.js", "codemirror.LICENSES.txt", "editor.js", "schema.js", "editor.css"),
    ])  # fmt: skip
    page.on_shutdown.append(clean_up)
    return page


@cache
def _schema(kind: str) -> dict[str, Any]:
    return schema(kind)


def _threaded(function: Callable[[Values], dict[str, Any]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(function, await _values(request)))

    return answer


async def _values(request: web.Request) -> Values:
    """Return the request's JSON, an object, which only a page of this origin can send: others' forms cannot."""
    if request.content_type != "application/json":
        raise make_error("bad_option", "A request's body is JSON.", found=request.content_type)
    try:
        values = json.loads(await request.read())
    except ValueError:
        raise make_error("bad_option", "The request's body is no JSON.") from None
    if not isinstance(values, dict):
        raise make_error("bad_option", "The request's body is no JSON object.")
    return values


def _page(session: EditorSession) -> str:
    taught = [{"title": each.title, "question": each.question, "spec": each.spec} for each in lessons()]
    start = {"documents": session.documents(), "names": session.names(), "seconds": SECONDS, "lessons": taught}
    return render(
        "editor.html",
        title=session.spec_file.path.name,
        start=start,
        series={name: each.title for name, each in SERIES.items()},
        measures=MEASURES,
        precisions=PRECISIONS,
        recipes=session.names()["recipe"],
        version=__version__,
    )


def _text(values: Values, name: str) -> str:
    value = values.get(name, "")
    if not isinstance(value, str):
        raise make_error("bad_option", f"`{name}` of a request is a text.", found=repr(value)[:60])
    return value


def _number(values: Values, name: str, default: int, least: int = 1) -> int:
    value = values.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _MOST:
        raise make_error("bad_option", f"`{name}` is a whole number from {least} on.", found=repr(value)[:60])
    return value


def _one_of(values: Values, name: str, allowed: tuple[str, ...]) -> str:
    value = values.get(name, allowed[0])
    if value not in allowed:
        raise make_error("bad_option", f"`{name}` is unknown.", expected=", ".join(allowed), found=repr(value)[:60])
    return str(value)


__all__ = ["EditorSession", "make_editor"]
