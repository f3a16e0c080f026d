"""The processor is told by its name and its units, on Linux and on systems that describe it otherwise."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from kresnet.processor import cpu_bfloat16_units, cpu_name, cpu_units

ZEN_3, ZEN_4 = "fpu avx avx2 sse", "fpu avx512f avx avx2 avx512_bf16"


@pytest.fixture
def described(monkeypatch):
    def describe(flags: str) -> None:
        entry = f"model name\t: AMD EPYC\nflags\t\t: {flags}\nbugs\t\t: avx_none\n"
        text = "\n".join(f"processor\t: {number}\n{entry}" for number in (0, 1))
        monkeypatch.setattr(Path, "read_text", lambda *_, **__: text)

    return describe


def test_processors_of_one_name_differ_by_their_units(described):
    described(ZEN_3)
    assert (cpu_name(), cpu_units(), cpu_bfloat16_units()) == ("AMD EPYC", ["avx", "avx2"], [])
    described(ZEN_4)
    assert (cpu_name(), cpu_bfloat16_units()) == ("AMD EPYC", ["avx512_bf16"])
    assert cpu_units() == ["avx", "avx2", "avx512_bf16", "avx512f"]


def test_a_system_that_describes_none_says_its_architecture(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert (cpu_name(), cpu_units(), cpu_bfloat16_units()) == (platform.machine(), [], [])
