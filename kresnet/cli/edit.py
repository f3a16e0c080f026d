"""The verb that opens the editor page: edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kresnet.cli.common import JsonOption, log, print_json, stdout_console
from kresnet.errors import KresnetError, make_error

if TYPE_CHECKING:
    from kresnet.pages.editor.document_file import DocumentFile


def register(app: typer.Typer) -> None:
    app.command()(edit)


def edit(
    spec: Annotated[
        str | None, typer.Argument(metavar="SPEC", help="A spec's path, old or new, or the name of a shipped one.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", metavar="RECIPE", help="The recipe of the second tab; else the spec's.")
    ] = None,
    study: Annotated[str | None, typer.Option("--study", metavar="STUDY", help="The study of the third tab.")] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the page's address alone.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Print what the page would say, once.")] = False,
    against: Annotated[
        str | None, typer.Option("--against", metavar="SPEC2", help="With --check: how SPEC differs from it.")
    ] = None,
    batch: Annotated[int, typer.Option("--batch", metavar="N", min=1, help="With --check: images of a step.")] = 32,
    as_json: JsonOption = False,
) -> None:
    """Edit a spec in the browser, and see the network change: drawn, in tables, beside what is saved or another."""
    only_check = {"--against": against is not None, "--json": as_json}
    if not check and (given := [option for option, on in only_check.items() if on]):
        raise make_error("bad_option", f"{given[0]} has no effect without --check.", remedy="add --check")
    from kresnet.runtime import require_extra

    require_extra("pages", "The editor page")
    from kresnet.pages.editor.document_file import DocumentFile

    file = DocumentFile("spec", spec)
    if check:
        return _print_check(file, against, batch, as_json)
    from kresnet.pages.editor.application import EditorSession, make_editor
    from kresnet.pages.local_server import serve_page

    files = {"spec": file, "recipe": _recipe_file(file, recipe), "study": DocumentFile("study", study)}
    page = make_editor(EditorSession(files))
    return serve_page(page, port=port, open_browser=not no_browser, started=_log_address)


def _log_address(address: str) -> None:
    log(f"The page is at {address}")
    log("Whoever knows this address can change the files that the page edits; Ctrl+C ends it.")


def _recipe_file(file: DocumentFile, named: str | None) -> DocumentFile:
    """Return the recipe to show: the one that is named, the spec's own, or a new one."""
    from kresnet.pages.editor.document_file import DocumentFile

    if named is not None:
        return DocumentFile("recipe", named)
    try:
        own = file.load(file.read().text).value.recipe
        return DocumentFile("recipe", str(own), file.folder) if own else DocumentFile("recipe", None)
    except KresnetError:  # the page tells what is wrong with the spec, or the recipe that it names
        return DocumentFile("recipe", None)


def _print_check(file: DocumentFile, against: str | None, batch: int, as_json: bool) -> None:
    """Print the network's parts, its memory, and how it differs from another; problems are raised."""
    from kresnet.api.network import diff, load
    from kresnet.pages.editor.document_file import load_network
    from kresnet.pages.editor.layer_table import HEAD, WORDS, layer_rows
    from kresnet.plan.memory_estimate import estimate_memory
    from kresnet.plan.render import plan_line

    network = load_network(file, file.read().text)
    plan = network.plan()
    memory, rows = estimate_memory(plan, batch), layer_rows(plan, batch)
    difference = diff(load(against), network) if against is not None else None
    if as_json:
        parts = [dict(zip(HEAD, (cell.strip() for cell in row), strict=True)) for row in rows]
        values = {"plan": plan.as_dict(records=False), "parts": parts, "memory": memory.as_dict()}
        return print_json(values | ({"difference": difference.as_dict()} if difference else {}))
    from kresnet.cli.table_layout import fitting_table
    from kresnet.cli.tables import difference_parts

    table = fitting_table(*HEAD, right=HEAD[WORDS:], wraps=HEAD[1:2])
    for row in rows:
        table.add_row(*row)
    out = stdout_console()
    out.print(plan_line(plan), style="bold")
    out.print(table)
    out.print(f"batch of {batch}: {memory}")
    if difference is not None:
        for part in difference_parts(difference) if not difference.identical else ["The two are the same network."]:
            out.print(part)
    return None


__all__ = ["register"]
