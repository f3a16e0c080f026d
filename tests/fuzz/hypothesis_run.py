"""Many documents drawn by Hypothesis: `python -m tests.fuzz.hypothesis_run spec --documents 20000 --seed 1`."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.documents import documents
from tests.fuzz.tally import Tally
from tests.fuzz.target import KINDS, MOST_SECONDS, Playground


def run(kind: str, count: int, number: int, failure: Path | None = None, most_seconds: float | None = None) -> Tally:
    """Try `count` documents of a kind; the first that is found is written to `failure` and ends the run."""
    tally = Tally(most_seconds)
    with tempfile.TemporaryDirectory() as folder:
        playground = Playground(Path(folder))

        @seed(number)
        @settings(
            max_examples=count, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=HealthCheck
        )
        @given(documents(kind))
        def attempt(data: bytes) -> None:
            try:
                tally.add(playground, KINDS[kind], data)
            except BaseException:
                if failure:
                    failure.write_bytes(data)
                raise

        attempt()
    return tally


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--failure", type=Path, default=Path("fuzz-failure"))
    given_ = parser.parse_args()
    tally = run(given_.kind, given_.documents, given_.seed, given_.failure, MOST_SECONDS)
    print(json.dumps({"kind": given_.kind, "engine": "hypothesis", "seed": given_.seed} | tally.as_dict()))
