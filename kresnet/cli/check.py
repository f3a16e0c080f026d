"""Verbs that hold kresnet to account: check bn, check gradients, check export."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kresnet.cli.common import JsonOption, OutputOption, SetOption, console, log, print_json
from kresnet.errors import KresnetError, fail

if TYPE_CHECKING:
    from kresnet.analysis.flow import Flow

check = typer.Typer(help="Check gradients, and exports.")

SubjectArgument = Annotated[
    str, typer.Argument(metavar="SPEC|RUN", help="Path or shipped name of a spec, or the directory of a run.")
]
RecipeOption = Annotated[
    str | None,
    typer.Option("--recipe", metavar="RECIPE", help="Where the images come from; else the spec's, else embedded ones."),
]
BatchOption = Annotated[int, typer.Option("--batch", metavar="N", min=1, help="Images, over all devices together.")]


def register(app: typer.Typer) -> None:
    app.add_typer(check, name="check")


@check.command("bn")
def check_bn(
    subject: SubjectArgument,
    batch: BatchOption = 16,
    recipe: RecipeOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the backward pass of every batch norm, on real images, with its derivation in float64."""
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    from kresnet.analysis.agreement import require_agreement
    from kresnet.analysis.checks import check_batch_norms, conditions
    from kresnet.analysis.subject import open_subject

    examined = open_subject(subject, recipe=recipe, overrides=overrides or (), batch=batch)
    checks, under = check_batch_norms(examined), conditions(examined)
    if as_json:
        passed = not any(each.failures for each in checks)
        print_json(
            {"network": examined.label, **asdict(under), "passed": passed, "norms": [each.as_dict() for each in checks]}
        )
    else:
        from kresnet.cli.check_tables import conditions_text, norms_table

        out = console()
        out.print(conditions_text(examined.label, under))
        out.print(norms_table(checks))
    try:
        require_agreement(checks)
    except KresnetError as error:
        _fail(error, as_json)
    log(f"All {len(checks)} batch norms compute the gradients of the derivation.")


@check.command("gradients")
def check_gradients(
    subject: SubjectArgument,
    against: Annotated[
        str | None, typer.Option("--against", metavar="SPEC2|RUN2", help="A second network; --set leaves it as it is.")
    ] = None,
    output: OutputOption = None,
    batch: BatchOption = 16,
    recipe: RecipeOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how the gradient fares on its way through the blocks, on real images."""
    from kresnet.files import refuse_existing, staged_directory, write_json
    from kresnet.runtime import import_tensorflow

    if batch < 2:
        raise fail("bad_option", "A gradient is measured on a batch.", expected="--batch 2 or more", found=str(batch))
    if output:
        refuse_existing(output)
    import_tensorflow()
    from kresnet.analysis.checks import check_gradients as measure
    from kresnet.analysis.checks import conditions
    from kresnet.analysis.subject import open_subject

    networks: list[tuple[str, list[str]]] = [(subject, overrides or [])]
    if against:
        networks.append((against, [text for text in overrides or [] if text.startswith("recipe.")]))
    flows: list[Flow] = []
    reports: list[dict[str, Any]] = []
    for reference, settings in networks:
        examined = open_subject(reference, recipe=recipe, overrides=settings, batch=batch)
        under = conditions(examined)
        flows.append(measure(examined))
        reports.append(asdict(under) | flows[-1].as_dict())
        if not as_json:
            from kresnet.cli.check_tables import blocks_table, conditions_text

            out = console()
            out.print(conditions_text(examined.label, under))
            out.print(blocks_table(flows[-1]))
            out.print(flows[-1].sentence(), style="bold")
    if output:
        from kresnet.analysis.figures import draw_flows

        with staged_directory(output) as staged:
            write_json(staged / "gradients.json", {"networks": reports})
            draw_flows(flows, staged)
        log(f"Written to {output}: gradients.json, gradients.png, gradients.svg")
    if as_json:
        print_json({"networks": reports})


@check.command("export")
def check_export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="MODELS_DIR/NAME/VERSION")],
    as_json: JsonOption = False,
) -> None:
    """Prove again that an exported version serves; exit 1 if it does not."""
    from kresnet.export.proof import check_export as prove

    report = prove(directory)
    if as_json:
        print_json(report.as_dict())
    else:
        console().print("\n".join(report.lines()))
    if not report.passed:
        _fail(report.error(), as_json)


def _fail(error: KresnetError, as_json: bool) -> None:
    """End with the error's status; under --json stdout holds its one object already."""
    if not as_json:
        raise error
    log(str(error))
    raise typer.Exit(error.status)
