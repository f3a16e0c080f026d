"""Write `figures.json`: what the plan says of every shipped spec. Run it after a change that means to alter a figure.

python -m tests.golden.regenerate
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from kresnet.plan import Plan, plan_loaded
from kresnet.spec import library
from kresnet.spec.loading import load_spec

FIGURES = Path(__file__).parent / "figures.json"


@cache
def plan_of(name: str, *overrides: str) -> Plan:
    """The plan of a shipped spec, made once: many tests look at each."""
    return plan_loaded(load_spec(name, overrides))


def figures(name: str) -> dict[str, Any]:
    """Size, cost, depth and shapes of a shipped spec."""
    plan = plan_of(name)
    return {
        "input_shape": list(plan.input_shape),
        "outputs": {output: list(plan.by_name[record].shape) for output, record in plan.outputs.items()},
        "trainable": plan.trainable,
        "non_trainable": plan.non_trainable,
        "total": plan.trainable + plan.non_trainable,
        "macs": plan.macs,
        "weighted_layers": plan.weighted_layers,
        "records": len(plan.records),
    }


def main() -> None:
    lines = (f"  {json.dumps(name)}: {json.dumps(figures(name))}" for name in library.shipped_names())
    FIGURES.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{FIGURES}: {len(library.shipped_names())} specs")


if __name__ == "__main__":
    main()
