"""The table of files shows what each loses against the float network."""

from __future__ import annotations

from benchmarks.edge import FILES, table


def test_the_table_says_what_is_lost() -> None:
    names = list(FILES)
    file = {"accuracy": 0.915, "agreement": 0.99, "bytes": 2048, "milliseconds": [1.0, 2.0, 3.0], "images": 100}
    random = {name: file | {"accuracy": None} for name in names[:1]}
    found = {
        "machine": {"processor": "a processor", "cores": 2}, "commit": "abc", "measured": "2026-01-02",
        "subjects": {"small": {names[0]: file | {"accuracy": 0.92}, names[5]: file}, "random": random},
    }  # fmt: skip
    lines = table(found)
    assert f"| small | {names[5]} | 91.50% | 0.50 | 99.00% | 2 | 2.00 (1.00 to 3.00) |" in lines
    assert f"| random | {names[0]} |  |  | 99.00% | 2 | 2.00 (1.00 to 3.00) |" in lines
