"""Verbs that check gradients, exports and this machine: check bn, gradients, activations, export, device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import kresnet
from kresnet.cli.common import JsonOption, OutputOption, SetOption, end_with_error, log, print_json, stdout_console

if TYPE_CHECKING:
    from rich.table import Table

    from kresnet.api.checks import GradientReport
    from kresnet.diagnostics.check_conditions import CheckConditions
    from kresnet.probes.activation_profile import ActivationProfile
    from kresnet.probes.gradient_flow import GradientFlow
    from kresnet.spec.overrides import Override

check = typer.Typer(help="Check gradients, exports, and this machine.")

SpecOrRunArgument = Annotated[
    str, typer.Argument(metavar="SPEC|RUN", help="Path or shipped name of a spec, or the directory of a run.")
]
RecipeOption = Annotated[
    str | None,
    typer.Option("--recipe", metavar="RECIPE", help="Where the images come from; else the spec's, else embedded ones."),
]
AgainstOption = Annotated[
    list[str] | None,
    typer.Option("--against", metavar="SPEC2|RUN2", help="Another network, and another; --set leaves it as it is."),
]
VaryOption = Annotated[
    str | None,
    typer.Option("--vary", metavar="PATH=[A,B,...]", help="Measure the network once for each value of a setting."),
]
BatchOption = Annotated[int, typer.Option("--batch", metavar="N", min=1, help="Images, over all devices together.")]


def register(app: typer.Typer) -> None:
    app.add_typer(check, name="check")


@check.command("bn")
def check_bn(
    network: SpecOrRunArgument,
    batch: BatchOption = 16,
    recipe: RecipeOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare both passes of every batch norm, on real images, with the formula and its derivation in float64."""
    report = kresnet.check_batch_norm(network, recipe=recipe, overrides=overrides or (), batch=batch)
    if as_json:
        print_json(report.as_dict())
    else:
        from kresnet.cli.check_tables import conditions_text, norms_table

        out = stdout_console()
        out.print(conditions_text(report.network, report.conditions))
        out.print(norms_table(report.norms))
    if not report.passed:
        end_with_error(report.error(), as_json)
    log(f"All {len(report.norms)} batch norms compute the outputs of the formula and the gradients of its derivation.")


@check.command("gradients")
def check_gradients(
    network: SpecOrRunArgument,
    against: AgainstOption = None,
    vary: VaryOption = None,
    output: OutputOption = None,
    batch: BatchOption = 16,
    recipe: RecipeOption = None,
    overrides: SetOption = None,
    no_jacobians: Annotated[
        bool, typer.Option("--no-jacobians", help="Leave the Jacobians out, which take most of the time.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure how the gradient fares on its way through the blocks, on real images."""
    from kresnet.files import refuse_existing

    if output:
        refuse_existing(output)
    reports: list[GradientReport] = []
    for reference, settings in _networks(network, overrides, vary, against):
        report = kresnet.check_gradients(
            reference, recipe=recipe, overrides=settings, batch=batch, jacobians=not no_jacobians
        )
        reports.append(report)
        if not as_json:
            from kresnet.cli.check_tables import gradient_flow_table

            _show(report.flow, report.conditions, gradient_flow_table(report.flow))
    if output:
        reports[0].save(output, *reports[1:])
        log(f"Written to {output}: gradients.json, gradients.png, gradients.svg")
    if as_json:
        print_json({"networks": [report.as_dict() for report in reports]})


@check.command("activations")
def check_activations(
    network: SpecOrRunArgument,
    against: AgainstOption = None,
    vary: VaryOption = None,
    batch: BatchOption = 16,
    recipe: RecipeOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure mean and deviation of every block's output, on real images, as a training step has them."""
    found = []
    for reference, settings in _networks(network, overrides, vary, against):
        report = kresnet.check_activations(reference, recipe=recipe, overrides=settings, batch=batch)
        found.append(report.as_dict())
        if not as_json:
            from kresnet.cli.check_tables import activations_table

            _show(report.profile, report.conditions, activations_table(report.profile))
    if as_json:
        print_json({"networks": found})


def _show(measured: GradientFlow | ActivationProfile, conditions: CheckConditions, table: Table) -> None:
    """Print what was measured of a network by its blocks: on what, the table, and the verdict."""
    from kresnet.cli.check_tables import conditions_text

    out = stdout_console()
    out.print(conditions_text(measured.network, conditions))
    out.print(table)
    out.print(measured.sentence(), style="bold")


def _networks(
    network: str, overrides: list[str] | None, vary: str | None, against: list[str] | None
) -> list[tuple[str, list[str]]]:
    """Return what is measured: the network, once for each value that is varied, and the others; with its settings."""
    settings = overrides or []
    own = [(network, [*settings, str(each)]) for each in _varied(vary)] if vary else [(network, settings)]
    of_recipe = [text for text in settings if text.startswith("recipe.")]
    return own + [(reference, of_recipe) for reference in against or []]


def _varied(text: str) -> list[Override]:
    """Return the overrides that `PATH=[VALUE, VALUE...]` stands for."""
    from kresnet.errors import make_error
    from kresnet.spec.overrides import parse_override

    whole = parse_override(text)
    if not isinstance(whole.value, list) or not whole.value:
        message = "--vary takes a setting and a list of values."
        raise make_error("bad_option", message, found=text, remedy="--vary 'block.shortcut=[none, projection]'")
    return [replace(whole, value=value) for value in whole.value]


@check.command("export")
def check_export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="MODELS_DIR/NAME/VERSION")],
    as_json: JsonOption = False,
) -> None:
    """Prove again that an exported version serves; exit 1 if it does not."""
    report = kresnet.check_export(directory)
    if as_json:
        print_json(report.as_dict())
    else:
        stdout_console().print("\n".join(report.lines()))
    if not report.passed:
        end_with_error(report.make_error(), as_json)


@check.command("device")
def check_device(
    quick: Annotated[bool, typer.Option("--quick", help="The short form, of some minutes.")] = False,
    parts: Annotated[
        list[str] | None, typer.Option("--part", metavar="NAME", help="Run this part only; may be given several times.")
    ] = None,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that this machine trains as kresnet promises; exit 1 if a part fails."""
    report = kresnet.check_device(
        quick=quick, parts=parts or (), output=output, on_entry=lambda entry: log(entry.line())
    )
    if as_json:
        print_json(report.as_dict())
    else:
        from kresnet.cli.device_tables import device_table

        out = stdout_console()
        out.print(device_table(report))
        out.print(report.summary())
    if output:
        log(f"Written to {output}: device-check.md, device-check.json")
    if not report.passed:
        end_with_error(report.error(), as_json)
