"""`kresnet explain` refuses what cannot be explained before it reads a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from kresnet.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (["run", "image.png", "-o", "taken"], "output_exists", 2),
        (["run", "image.png", "--channels", "0"], "bad_option", 2),
        (["run", "image.png", "--channels", "65"], "bad_option", 2),
        (["run", "image.png"], "run_missing", 2),
        (["run"], "run_missing", 2),
    ],
)
def test_mistakes_have_their_codes_and_leave_nothing_behind(
    arguments: list[str], code: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("")
    with pytest.raises(SystemExit) as ended:
        main(["explain", *arguments])
    assert ended.value.code == status
    assert f"[{code}]" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
