"""Experiments of a second: checks of initial networks in a process of their own, by the command line that is shown."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kresnet.api.network import Network
from kresnet.errors import make_error, shell_word
from kresnet.pages.editor.document_file import DocumentFile
from kresnet.pages.editor.equivalent_command import unsaved_overrides
from kresnet.pages.rendering import render
from kresnet.python_processes import child_environment, python_command
from kresnet.report.plots import COLORS, DASHES, SYMBOLS, Plot, PlotTable, blank_figure, escape_name, number_text

#: Seconds after which an experiment is stopped.
SECONDS = 300
#: Multiply-accumulates of all networks of an experiment over the batch, beyond which it would be no matter of seconds.
MOST_MACS = 100 * 10**9


@dataclass(frozen=True, slots=True)
class Series:
    """What is compared: the network as it is, with each of several values of a setting, or shipped networks.

    Attributes:
        title: what the page calls it.
        vary: a setting and its values, as `--vary` takes them; empty for none.
        networks: names of shipped networks to measure in the place of the document's.
    """

    title: str
    vary: str = ""
    networks: tuple[str, ...] = ()


SERIES = {
    "this": Series("This network"),
    "shortcut": Series("With and without its shortcuts", "block.shortcut=[none, projection]"),
    "shortcuts": Series("Shortcuts A, B and C", "block.shortcut=[identity_pad, projection, projection_all]"),
    "norm": Series("Batch norm on and off", "norm=[{kind: batch}, {kind: none}]"),
    "activation": Series("Sigmoid against ReLU", "activation=[sigmoid, relu]"),
    "order": Series(
        "The orders of He et al. 2016",
        "block.order=[post_activation, norm_after_add, relu_before_add, relu_only_preactivation, full_preactivation]",
    ),
    "initializer": Series(
        "Initialisers", "convolution.initializer=[he_normal, he_normal_fan_out, glorot_normal, lecun_normal]"
    ),
    "depth": Series(
        "Plain 20, 56, 110 against residual",
        networks=tuple(f"cifar_{kind}{depth}" for depth in (20, 56, 110) for kind in ("plain", "resnet")),
    ),
}
MEASURES = {"gradients": "Gradient norms, and the two paths", "activations": "Activations by depth"}


def experiment_arguments(
    file: DocumentFile, network: Network, measure: str, series: str, batch: int, recipe: str, seed: int = 0
) -> list[str]:
    """Return the arguments of `kresnet` that make an experiment.

    Args:
        file: the document.
        network: what it means with the text of the page.
        measure: one of `MEASURES`.
        series: one of `SERIES`.
        batch: number of images.
        recipe: where the images come from; empty for embedded ones.
        seed: draws the images and the initial weights; 0 leaves it to the recipe.

    Raises:
        KresnetError: `bad_option` for what does not exist, or what the saved document cannot be made to say by
            `--set`; `too_large` for what would take minutes.
    """
    if measure not in MEASURES or series not in SERIES:
        message = f"There is no experiment {measure}, {series}."
        raise make_error("bad_option", message, expected=", ".join((*MEASURES, *SERIES)))
    chosen = SERIES[series]
    first, *others = chosen.networks or (file.reference,)
    words = ["check", measure, first, "--batch", str(batch)]
    if not chosen.networks:
        overrides = unsaved_overrides(file, network.loaded)
        if overrides is None:
            message = "The document on disk says something else, which no --set can say."
            raise make_error("bad_option", message, remedy="save it first")
        words += [part for text in overrides for part in ("--set", text)]
    words += [part for name in others for part in ("--against", name)]
    words += ["--vary", chosen.vary] if chosen.vary else []
    words += ["--recipe", recipe] if recipe else []
    words += ["--set", f"recipe.seed={seed}"] if seed else []
    words += ["--no-jacobians"] if measure == "gradients" else []
    _require_small(network, chosen, batch)
    return words


def _require_small(network: Network, series: Series, batch: int) -> None:
    from kresnet.api.network import load

    plans = [load(name).plan() for name in series.networks] or [network.plan()]
    macs = batch * sum(plan.macs for plan in plans) * (series.vary.count(",") + 1)
    if macs > MOST_MACS:
        fits = max(2, batch * MOST_MACS // macs)
        message = f"These networks are {macs / 1e9:.0f} G MACs forward: more than a matter of seconds."
        expected = f"at most {MOST_MACS / 1e9:.0f} G MACs"
        raise make_error(
            "too_large", message, expected=expected, remedy=f"a batch of {fits}, or the command in a shell"
        )


def command_line(arguments: Sequence[str]) -> str:
    """Return the command as a shell takes it."""
    return " ".join(["kresnet", *map(shell_word, arguments)])


class ExperimentRunner:
    """Runs one experiment at a time, and stops it when asked, or when it takes too long."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._seconds, self._stopped = seconds, False

    async def run(self, arguments: Sequence[str], folder: Path) -> dict[str, Any]:
        """Return what the command prints as JSON.

        Raises:
            KresnetError: `interrupted` if it was stopped or took too long; `bad_option` while another runs.
        """
        if self._process is not None:
            raise make_error("bad_option", "Another experiment is running.", remedy="stop it first")
        self._stopped = False
        self._process = await asyncio.create_subprocess_exec(
            *python_command("kresnet", *arguments, "--json"), cwd=folder, env=child_environment(),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(self._seconds):
                out, err = await self._process.communicate()
        except TimeoutError:
            message = f"The experiment was stopped after {self._seconds:g} s."
            raise make_error("interrupted", message, remedy="a smaller batch, or the command in a shell") from None
        finally:
            await self._end()
        if self._stopped:
            raise make_error("interrupted", "The experiment was stopped.")
        return _read_answer(out, err)

    def stop(self) -> bool:
        """Stop the experiment that runs; return whether there was one."""
        if self._process is None:
            return False
        self._stopped = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        return True

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _read_answer(out: bytes, err: bytes) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(out)
    except ValueError:
        last = (err.decode(errors="replace").strip().splitlines() or ["nothing"])[-1]
        raise make_error("internal", f"The command printed no JSON; its last line was: {last}") from None
    if "problems" in values:
        first = values["problems"][0]
        details = {key: first[key] for key in ("path", "expected", "found", "nearest", "remedy") if key in first}
        raise make_error(first["code"], first["message"], **details)
    return values


def experiment_figures(measure: str, values: Mapping[str, Any]) -> str:
    """Return the piece of the page that shows what an experiment found."""
    networks = values["networks"]
    plots = list(_gradient_plots(networks) if measure == "gradients" else _activation_plots(networks))
    first = networks[0]
    conditions = f"{first['batch']} inputs, {first['precision']}; {'; '.join(first['provenance'])}"
    verdicts = [f"{each['network']}: {_verdict(measure, each)}" for each in networks]
    return render("figures.html", sentences=[conditions, *verdicts], plots=plots, tables=[])


def _verdict(measure: str, network: Mapping[str, Any]) -> str:
    what = "the gradient" if measure == "gradients" else "the deviation of activations"
    word = network["verdict"].replace("_", " ")
    law = f"; ‖δ‖ ≈ {network['constant']:.2g}·{network['rate']:.3f}^L" if network.get("rate") else ""
    return f"{what} {'is ' if word == 'not a number' else ''}{word} over {len(network['blocks'])} blocks{law}."


def _gradient_plots(networks: Sequence[Mapping[str, Any]]) -> Iterator[Plot]:
    yield _by_block("delta", "‖δ‖ along the blocks", networks, {"delta": "‖δ‖"}, log=True)
    if any(block["identity"] is not None for network in networks for block in network["blocks"]):
        fields = {"identity": "over the shortcut", "residual": "through the branch"}
        yield _by_block("paths", "The two paths of each block", networks, fields, log=True)
    yield _by_block("weights", "Gradient of each block's weights", networks, {"weights": "‖∂L/∂W‖"}, log=True)


def _activation_plots(networks: Sequence[Mapping[str, Any]]) -> Iterator[Plot]:
    yield _by_block("deviation", "Deviation of activations by depth", networks, {"deviation": "deviation"}, log=True)
    yield _by_block("mean", "Mean of the activations by depth", networks, {"mean": "mean"}, log=False)


def _by_block(
    id: str, title: str, networks: Sequence[Mapping[str, Any]], fields: Mapping[str, str], *, log: bool
) -> Plot:
    figure = blank_figure("block, from the input", height=340)
    head, rows = ["block"], list[list[str]]()
    deepest = max(networks, key=lambda network: len(network["blocks"]))["blocks"]
    rows = [[block["name"]] if len({len(each["blocks"]) for each in networks}) == 1 else [str(number)]
            for number, block in enumerate(deepest, 1)]  # fmt: skip
    ends = []
    for number, network in enumerate(networks):
        for line, (field, words) in enumerate(fields.items()):
            values = [block[field] for block in network["blocks"]]
            label = network["network"] + (f", {words}" if len(fields) > 1 else "")
            shown = [value if value is not None and (value > 0 or not log) else None for value in values]
            figure.add_scatter(
                x=list(range(1, len(values) + 1)), y=shown, name=escape_name(label, 48),
                mode="lines+markers" if len(values) <= 40 else "lines",
                line={"color": COLORS[number % len(COLORS)], "dash": DASHES[line]},
                marker={"symbol": SYMBOLS[number % len(SYMBOLS)], "size": 6},
            )  # fmt: skip
            head.append(label)
            for at, row in enumerate(rows):
                row.append(number_text(values[at] if at < len(values) else None, ".4g"))
            if values[0] is not None:
                ends.append(f"{label}: {number_text(values[0], '.3g')} to {number_text(values[-1], '.3g')}")
    figure.update_yaxes(type="log" if log else "linear", exponentformat="power")
    figure.update_layout(legend={"orientation": "h", "y": -0.25, "yanchor": "top", "x": 0})
    summary = "From the first block to the last: " + "; ".join(ends) + "."
    return Plot(id, title, summary, figure, PlotTable(title, tuple(head), tuple(map(tuple, rows))))


__all__ = [
    "MEASURES",
    "SECONDS",
    "SERIES",
    "ExperimentRunner",
    "command_line",
    "experiment_arguments",
    "experiment_figures",
]
