"""Documents bred by atheris, which keeps what reaches new lines.

`python -m tests.fuzz.coverage_run spec OUT -runs=20000`: OUT takes the tally, further arguments are libFuzzer's; what
it finds it writes as `crash-*` (see `-artifact_prefix`).
"""

from __future__ import annotations

import atexit
import json
import random
import resource
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["kresnet", "ruamel.yaml"]):
    from tests.fuzz import documents
    from tests.fuzz.tally import Tally
    from tests.fuzz.target import KINDS, Playground

_TALLY_EVERY = 200

#: libFuzzer's own limit goes by the largest resident set, in which a process inherits that of the one that started it.
_MOST_ADDRESS_SPACE = 2 << 30


def mutated(data: bytes, most: int, number: int) -> bytes:
    """A change of the bytes by libFuzzer, or a token or a piece of a shipped document put in somewhere."""
    if number % 3:
        return atheris.Mutate(data, most)
    dice = random.Random(number)
    piece = dice.choice(documents.TOKENS)
    if dice.random() < 0.3:
        other = dice.choice(documents.seeds(kind))
        start = dice.randrange(len(other) + 1)
        piece = other[start : start + dice.randrange(1, 80)]
    at = dice.randrange(len(data) + 1)
    return (data[:at] + piece + data[at + dice.choice([0, 0, 1, len(piece)]) :])[:most]


if __name__ == "__main__":
    kind, out, *libfuzzer = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        playground, tally = Playground(Path(folder)), Tally()
        start = Path(folder, "seeds")
        start.mkdir()
        for index, seed in enumerate(documents.seeds(kind)):
            (start / f"{index:03}").write_bytes(seed)

        def note() -> None:
            Path(out).write_text(json.dumps({"kind": kind, "engine": "atheris"} | tally.as_dict()) + "\n")

        def attempt(data: bytes) -> None:
            tally.add(playground, KINDS[kind], data)
            if tally.documents % _TALLY_EVERY == 0:  # libFuzzer leaves without a goodbye
                note()

        atexit.register(note)
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_ADDRESS_SPACE, _MOST_ADDRESS_SPACE))
        options = ["-max_len=4096", "-timeout=30", "-rss_limit_mb=0", *libfuzzer, str(start)]
        atheris.Setup([sys.argv[0], *options], attempt, custom_mutator=mutated)
        atheris.Fuzz()
