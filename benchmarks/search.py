"""`python -m benchmarks.search OUT [--seeds 0,1,2] [--jobs 2] [--ways search,random]`: searches, and going without.

For each seed, which is that of the proposals and of the training: the shipped search `fashion_2m`; random search of the
same space with about as many trained epochs, `fashion_2m_random`; and what needs no search: the shipped networks within
the limits, as they are or after `kresnet scale` by each rule, trained by the same recipe to its end, of which the best
by validation is taken; the search with a limit of the export's latency as well, `fashion_2m_fast`.

All of them go on where they were stopped. `OUT/comparison.json` holds the numbers; with `--docs` they are merged into
docs/searches/fashion_2m.json, seed by seed, and the table between the marks of docs/search.md is written from that.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kresnet
from benchmarks.machine import machine
from kresnet.spec.document import dump

ROOT = Path(__file__).resolve().parents[1]
LIMITS: dict[str, Any] = {"macs": 2_000_000, "parameters": 50_000}
#: Of every baseline, so that it takes the images that ship with kresnet.
IMAGES: dict[str, Any] = {"input.shape": [28, 28, 1], "input.pixels": {"mean": [0.2860], "std": [0.3530]},
                          "head.classes": 10, "recipe": None}  # fmt: skip
#: Families that are scaled to the limits where they do not fit as they are.
SCALED = ("quickstart", "cifar_resnet20", "cifar_plain20", "resnet18_cifar", "cifar_preact164")
RULES = ("width", "depth", "compound")
#: The ways to a network: what each is called in the table, and its shipped search.
WAYS: dict[str, tuple[str, str | None]] = {
    "baselines": ("shipped, scaled", None),
    "search": ("search (TPE, halving)", "fashion_2m"),
    "random": ("random search", "fashion_2m_random"),
    "fast": ("search, at most 1 ms", "fashion_2m_fast"),
}
_BEGIN, _END = "<!-- benchmarks.search begins -->", "<!-- benchmarks.search ends -->"


def fitting_networks(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name and a file of each network that needs no search: shipped ones that fit, and scaled ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in kresnet.specs().column("name"):
        try:
            network = kresnet.load(name, IMAGES)
            plan = network.plan()
        except kresnet.KresnetError:
            continue  # it takes no such images
        if plan.macs <= LIMITS["macs"] and plan.trainable + plan.non_trainable <= LIMITS["parameters"]:
            yield name, _written(folder / f"{name}.yaml", network)
        elif name in SCALED:
            for rule in RULES:
                try:
                    scaled = kresnet.scale(network, by=rule, width_multiple=4, **LIMITS).network
                except kresnet.KresnetError:
                    continue  # nothing that this rule makes is within the limits
                yield f"{name} by {rule}", _written(folder / f"{name}_{rule}.yaml", scaled)


def _written(path: Path, network: Any) -> Path:
    path.write_text(dump(network.document()), encoding="utf-8")
    return path


def train_baselines(out: Path, seed: int, jobs: int, overrides: list[str]) -> dict[str, Any]:
    """Train every network that needs no search as a study, and return the best by validation."""
    folder = out / f"seed-{seed}"
    networks = list(fitting_networks(folder))
    study = {
        "name": "baselines",
        "question": "Which is best of what needs no search?",
        "recipe": "search_fashion",
        "variants": [{"name": path.stem, "spec": path.name} for _, path in networks],
        "seeds": [seed],
    }
    (folder / "baselines.yaml").write_text(dump(study), encoding="utf-8")
    found = kresnet.run_study(folder / "baselines.yaml", output=folder / "baselines", jobs=jobs, overrides=overrides)
    trained = [each for each in found.values["variants"] if each["finished"]]
    best = min(trained, key=lambda each: each["validation_error"]["mean"])
    epochs = sum(len(run["epochs"]) for run in found.values["runs"])
    return {
        "network": best["name"],
        "candidates": [name for name, _ in networks],
        "validation": 1 - best["validation_error"]["mean"],
        "test": 1 - best["test_error"]["mean"],
        "macs": best["macs"],
        "parameters": best["parameters"],
        "epochs": epochs,
        "minutes": sum(call["seconds"] for call in found.values["calls"]) / 60,
    }


def search(name: str, out: Path, seed: int, jobs: int, overrides: list[str]) -> dict[str, Any]:
    """Run a shipped search, and return its best by validation."""
    own = [*overrides, f"recipe.seed={seed}"]
    found = kresnet.run_search(name, output=out / f"seed-{seed}" / Path(name).stem, seed=seed, jobs=jobs, overrides=own)
    values = found.values
    if values["best"] is None:
        return {}
    best = values["proposed"][values["best"]]
    return {
        "network": best["values"],
        "validation": best["value"],
        "test": best["test"]["accuracy"],
        **{cost: best["costs"][cost] for cost in ("macs", "parameters", "latency_ms") if cost in best["costs"]},
        "epochs": values["epochs_trained"],
        "trials": len(values["proposed"]),
        "minutes": sum(call["seconds"] for call in values["calls"]) / 60,
        "candidates_per_second": values["candidates_judged"]["candidates_per_second"],
        "rejection_rate": values["candidates_judged"]["rejection_rate"],
    }


def comparison_table(results: dict[str, dict[str, Any]]) -> str:
    """Return the results as a table in Markdown: mean ± standard deviation over the seeds."""
    lines = ["| | validation accuracy, % | test accuracy, % | MACs | epochs trained | minutes |",
             "|---|---:|---:|---:|---:|---:|"]  # fmt: skip
    for way, by_seed in results.items():
        if not (found := list(by_seed.values())):
            continue  # nothing met the limits
        cells = [_spread([100 * each[name] for each in found], ".2f") for name in ("validation", "test")]
        cells += [_spread([each["macs"] / 1e6 for each in found], ".2f") + " M"]
        cells += [_spread([each[name] for each in found], ".0f" if name == "epochs" else ".1f")
                  for name in ("epochs", "minutes")]  # fmt: skip
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(values: list[float], form: str) -> str:
    mean = f"{statistics.mean(values):{form}}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):{form}}"


def merge_numbers(kept: dict[str, dict[str, Any]], results: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return numbers by way and seed, those of `results` in the place of what was kept of the same seeds."""
    ways = [*kept, *(way for way in results if way not in kept)]
    return {way: dict(sorted((kept.get(way, {}) | results.get(way, {})).items())) for way in ways}


def write_docs(results: dict[str, dict[str, Any]]) -> None:
    """Merge the numbers into those beside docs/search.md, and write the table between its marks."""
    numbers = ROOT / "docs/searches/fashion_2m.json"
    results = merge_numbers(json.loads(numbers.read_text(encoding="utf-8")), results)
    numbers.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    page = ROOT / "docs/search.md"
    before, rest = page.read_text(encoding="utf-8").split(_BEGIN)
    after = rest.split(_END)[1]
    seeds = sorted({seed for by_seed in results.values() for seed in by_seed})
    several = f"Mean ± sample standard deviation over the seeds {', '.join(seeds)}"
    machines = sorted({each["machine"] for by_seed in results.values() for each in by_seed.values()})
    about = f"{several if len(seeds) > 1 else f'Seed {seeds[0]} alone'}; {'; '.join(machines)}."
    text = f"{comparison_table(results)}\n\n{about}"
    page.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}", encoding="utf-8")


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--ways", default=",".join(WAYS), help="which of them, separated by commas")
    parser.add_argument("--docs", action="store_true")
    options = parser.parse_args()
    ways = [WAYS[way] for way in options.ways.split(",")]
    results: dict[str, dict[str, Any]] = {called: {} for called, _ in ways}
    about = machine()
    where = {"machine": f"{about['processor']}, {about['cores']} cores"}
    for seed in map(int, options.seeds.split(",")):
        given = (options.out, seed, options.jobs, options.overrides)
        for called, name in ways:
            if found := search(name, *given) if name else train_baselines(*given):
                results[called][str(seed)] = found | where
        (options.out / "comparison.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        print(comparison_table(results), flush=True)
    if options.docs:
        write_docs(results)


if __name__ == "__main__":
    main()
