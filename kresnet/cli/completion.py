"""What a shell offers for the values of arguments and options. A key is waited for: TensorFlow stays out."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import typer
from typer.models import ParameterInfo

from kresnet.errors import KresnetError
from kresnet.spec import library

#: Of some of typer's context and what is begun, all that a value may be; typer leaves out what does not begin so.
Offer = Callable[..., Iterable[str]]

#: Settings that a shell can list at once; of more, the next parts of their paths are offered.
MOST_SETTINGS = 30

#: Asked of `complete` where bash has cut a setting in two: the path before the `=` that the cursor stands behind.
_PATH = "_KRESNET_COMPLETE_PATH"


def shipped(folder: library.Folder) -> Offer:
    """Return a completer of the names of shipped documents; where none fits, shells go on to files."""
    return lambda: library.shipped_names(folder)


def words(*choices: str) -> Offer:
    """Return a completer of fixed words."""
    return lambda: choices


def _argument(context: typer.Context, place: int = 0) -> str:
    """An argument that is typed already, counted from 0; empty if it is not."""
    arguments = [each for each in context.command.params if each.param_type_name == "argument"]
    # Where the option at the cursor still lacks its value, the arguments have not been given their names.
    given = list(filter(None, (context.params.get(str(each.name)) for each in arguments))) or context.args
    return str(given[place]) if place < len(given) else ""


def class_names(context: typer.Context) -> Iterable[str]:
    """Return the classes of the run that the command line names."""
    try:
        names = json.loads((Path(_argument(context)) / "data.json").read_text(encoding="utf-8"))["class_names"]
    except (OSError, ValueError, LookupError, TypeError):
        return ()
    if os.environ["_KRESNET_COMPLETE"] == "complete_bash":  # other shells see to what must be quoted
        return (re.sub(r"([^\w@%+=,./-])", r"\\\1", name) for name in names)
    return names


def layouts() -> Iterable[str]:
    """Return the projects whose names weights may have."""
    from kresnet.weights.layouts import LAYOUTS

    return ("auto", *LAYOUTS)


def settings_of(place: int) -> Offer:
    """Return a completer of `PATH=VALUE` for a spec, named by `--spec` or by an argument, and for its recipe.

    A path comes with the value that it has, or with every one that it may have where these are a few words.
    """

    def offer(context: typer.Context, incomplete: str) -> Iterable[str]:
        cut = os.environ.get(_PATH)
        wanted = incomplete if cut is None else f"{cut}={incomplete}"
        try:
            spec = context.params.get("spec") or _argument(context, place)
            offers = dict(_settings(context, spec, wanted))
        except KresnetError:
            return ()
        path, equals, _ = wanted.partition("=")
        if equals:
            return offers.get(path, ()) if cut else (f"{path}={value}" for value in offers.get(path, ()))
        return _next(offers, path)

    return offer


def _settings(context: typer.Context, spec: str, wanted: str) -> Iterator[tuple[str, list[str]]]:
    """The paths that begin as `wanted` does, each with the values to offer."""
    from kresnet.runs.resolved_run import recipe_of
    from kresnet.spec.architecture import Spec
    from kresnet.spec.base import Document
    from kresnet.spec.loading import load_spec
    from kresnet.spec.locations import literal_choices
    from kresnet.spec.recipe import Recipe

    if not spec:
        return
    loaded = load_spec(spec)
    documents: dict[str, tuple[type[Document], Any]] = {"": (Spec, loaded.value.document())}
    if wanted[:7] == "recipe."[: len(wanted)] and (recipe := recipe_of(loaded, context.params.get("recipe"))):
        documents["recipe."] = (Recipe, recipe.value.document())
    for prefix, (model, document) in documents.items():
        for path, value in _leaves(document):
            if f"{prefix}{path}".startswith(wanted.partition("=")[0]):
                yield f"{prefix}{path}", literal_choices(model, path.split(".")) or [_written(value)]


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The plain values of a document with their dotted paths; a list of plain values is one."""
    if isinstance(node, dict) and node:
        children = list(node.items())
    elif isinstance(node, list) and any(isinstance(each, dict | list) for each in node):
        children = list(enumerate(node))
    else:
        yield path.removesuffix("."), node
        return
    for key, value in children:
        yield from _leaves(value, f"{path}{key}.")


def _written(value: Any) -> str:
    """A value as YAML, without a space that a shell would stumble over; nothing for text that has some."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return "" if any(each.isspace() for each in text) else text


def _next(offers: dict[str, list[str]], begun: str) -> list[str]:
    """Whole settings if they are few, else the parts that may come next, at least two, so that no space is added."""
    while len(offers) > MOST_SETTINGS:
        parts = list(dict.fromkeys(_part(path, begun) for path in offers))
        if len(parts) > 1:
            return [part if part.endswith(".") else f"{part}={offers[part][0]}" for part in parts]
        begun = parts[0]
    return [f"{path}={value}" for path, values in offers.items() for value in values]


def _part(path: str, begun: str) -> str:
    """`path` up to the first point behind what is begun."""
    end = path.find(".", len(begun))
    return path if end < 0 else path[: end + 1]


#: What is offered, by the option, or else by how an argument or an option's value is called in the help.
OFFERS: dict[str, Offer] = {
    # SPEC, RECIPE and what else ships is called as its kind of document is
    **{kind.upper(): shipped(folder) for folder, kind in library.DOCUMENT_KINDS.items()},
    **dict.fromkeys(("A", "B", "SPEC|RUN", "SPEC2|RUN2"), shipped("specs")),
    "--set": settings_of(0),
    "--set-a": settings_of(0),
    "--set-b": settings_of(1),
    "--class": class_names,
    "--layout": layouts,
    "--weights": words("float32", "bfloat16", "float16"),
    "--backend": words("auto", "tensorflow_model_server", "docker", "embedded"),
}


def typed_words() -> list[str]:
    """Return the words behind `kresnet` that a shell asks completions for; none if it asks for none."""
    if not os.environ.get("_KRESNET_COMPLETE", "").startswith("complete_"):
        return []
    return (os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()[1:]


def prepare(app: typer.Typer) -> None:
    """If a shell asks for completions, give the verbs' parameters their completers; `auto|yes|no` in a help is one."""
    if not (asked := os.environ.get("_KRESNET_COMPLETE", "")):
        return
    if asked == "complete_bash":
        _join_words()
    for group in app.registered_groups:
        if group.typer_instance:
            prepare(group.typer_instance)
    for command in app.registered_commands:
        assert command.callback
        hints = get_type_hints(command.callback, include_extras=True)
        for info in (each for hint in hints.values() for each in getattr(hint, "__metadata__", ())):
            if isinstance(info, ParameterInfo):
                info.autocompletion = _offer(info)
        command.callback.__annotations__ = hints  # else each reading of the annotations evaluates them anew


def _offer(info: ParameterInfo) -> Offer | None:
    option, called = str(info.default), str(info.metavar)  # an annotation holds an option's first name as its default
    if known := OFFERS.get(option) or OFFERS.get(called):
        return known
    return words(*called.split("|")) if "|" in called and called.islower() else None


def _join_words() -> None:
    """Undo what bash does to `--set block.kind=ba`, whose value it takes for three words."""
    cursor, typed = int(os.environ["COMP_CWORD"]), os.environ["COMP_WORDS"].split("\n")
    before, value = typed[:cursor], "".join(typed[cursor : cursor + 1])
    if value == "=":
        before, value = [*before, "="], ""
    if len(before) > 2 and before[-1] == "=" and before[-3].startswith("--set"):
        os.environ[_PATH] = before[-2]
        os.environ["COMP_WORDS"] = "\n".join([*before[:-2], value])
        os.environ["COMP_CWORD"] = str(len(before) - 2)
