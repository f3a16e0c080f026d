"""What shells are offered, asked as their own scripts ask."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kresnet.cli.all_verbs import app
from kresnet.spec import library
from kresnet.spec.architecture import Spec
from kresnet.spec.blocks import Block
from kresnet.spec.locations import literal_choices
from tests.command import KRESNET
from tests.screen import Screen

#: Answers the questions on stdin, one a line, each in a process of its own; TensorFlow may not be imported for them.
ANSWERS = """
import json, os, sys
from kresnet.cli.main import main
for line in sys.stdin:
    here, there = os.pipe()
    if not os.fork():
        folder, environment = json.loads(line)
        os.dup2(there, 1)
        os.dup2(1, 2)
        os.chdir(folder)
        os.environ.update(environment)
        try:
            main([])
        except SystemExit as ended:
            if ended.code:
                print("exit status", ended.code)
        if {"tensorflow", "keras"} & sys.modules.keys():
            print("TensorFlow!")
        sys.stdout.flush()
        os._exit(0)
    os.close(there)
    with open(here) as answer:
        print(json.dumps(answer.read()), flush=True)
    os.wait()
"""


@cache
def answering() -> subprocess.Popen[str]:
    """A process that has imported the command line, and answers until this one ends."""
    pipe = subprocess.PIPE
    # Of what it takes for a file at its start Python asks the position, when another pipe stands there already.
    return subprocess.Popen(
        [sys.executable, "-c", ANSWERS], stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
    )


def asked(shell: str, *words: str, cwd: Path | None = None) -> str:
    """The answer to a key pressed behind `words`, the last of which is begun, and whatever else is printed."""
    given = {
        "bash": {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": " ".join(words)},
    }[shell]
    process = answering()
    print(json.dumps((str(cwd or Path.cwd()), given | {"_KRESNET_COMPLETE": f"complete_{shell}"})),
          file=process.stdin, flush=True)  # fmt: skip
    return json.loads(process.stdout.readline())


def offered(line: str, cwd: Path | None = None) -> list[str]:
    """What bash is offered; `_` at the end of the line stands for nothing typed yet."""
    words = line.split()
    return asked("bash", *words[:-1], "" if words[-1] == "_" else words[-1], cwd=cwd).split()


def test_bash_is_offered_verbs_options_and_names() -> None:
    assert offered("kresnet ex") == ["export", "explain"]
    assert offered("kresnet check _") == ["bn", "gradients", "activations", "export", "device"]
    assert offered("kresnet fit --re") == ["--recipe", "--resume"]
    assert offered("kresnet plan cifar_p") == [name for name in library.shipped_names() if name.startswith("cifar_p")]
    assert offered("kresnet fit quickstart --recipe _") == list(library.shipped_names("recipes"))
    assert offered("kresnet export run --fold _") == ["auto", "yes", "no"]
    assert offered("kresnet convert a --layout t") == ["torchvision", "timm", "transformers"]


def test_zsh_is_offered_the_same() -> None:
    answer = asked("zsh", "kresnet", "diff", "resnet18", "plain")
    assert answer.startswith("_arguments '*: :((")
    assert [line.strip("\"()'") for line in answer[len("_arguments '*: :((") :].split("\n") if line] == [
        "plain18",
        "plain34",
    ]
    assert "Classify images" in asked("zsh", "kresnet", "pred")


def test_where_nothing_is_known_shells_go_on_to_files() -> None:
    assert offered("kresnet plan ./spe") == []
    assert asked("zsh", "kresnet", "evaluate", "ru").strip() == "_files"


def test_settings_come_with_their_values_or_choices() -> None:
    assert offered("kresnet plan quickstart --set block.shortcut") == [
        *(f"block.shortcut={kind}" for kind in ("none", "identity", "identity_pad", "projection", "projection_all")),
        "block.shortcut_kernel=null",
    ]
    assert offered("kresnet plan resnet50 --set input.shape") == ["input.shape=[224,224,3]"]
    assert offered("kresnet plan resnet50 --set stages.2.b") == ["stages.2.blocks=6"]
    assert offered("kresnet check bn resnet50 --set stages.2.w") == ["stages.2.width=256"]
    assert offered("kresnet diff resnet18 resnet34 --set-b stages.1.b") == ["stages.1.blocks=4"]
    assert offered("kresnet fit quickstart --recipe cifar_fast --set recipe.epo") == ["recipe.epochs=14"]
    assert offered("kresnet plan no_such_spec --set s") == []


def test_of_many_settings_the_next_parts_are_offered() -> None:
    first = offered("kresnet fit quickstart --set _")
    assert {"stem.", "block.", "recipe.", "activation=relu"} <= set(first)
    assert len(first) < 30
    every = offered("kresnet plan cifar_resnet20 --set stages.")
    assert {"stages.0.blocks=3", "stages.2.width=64"} <= set(every)


def test_a_setting_that_bash_has_cut_in_three_is_one() -> None:
    """Bash ends a word at `=`, and wants what stands behind it alone."""
    assert offered("kresnet plan quickstart --set block.kind = b") == ["basic", "bottleneck"]
    assert offered("kresnet plan quickstart --set block.kind =") == [kind for kind, _ in Block.kinds.items()]
    assert offered("kresnet plan quickstart --json --set block.zero_init_last = t") == ["true"]
    assert '"block.kind=bottleneck"' in asked("zsh", "kresnet", "plan", "quickstart", "--set", "block.kind=bo")


def test_a_runs_classes_are_offered(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "data.json").write_text(json.dumps({"class_names": ["bag", "boot", "coat", "it's art"]}))
    assert offered("kresnet explain run a.png --class b", cwd=tmp_path) == ["bag", "boot"]
    assert asked("bash", "kresnet", "explain", "run", "--class", "i", cwd=tmp_path) == "it\\'s\\ art\n"
    assert "\"it''s art\"" in asked("zsh", "kresnet", "explain", "run", "--class", "i", cwd=tmp_path)
    assert offered("kresnet explain nowhere a.png --class b", cwd=tmp_path) == []


def test_words_that_a_field_may_be() -> None:
    assert literal_choices(Spec, ["stem", "kind"]) == ["conv", "deep", "patch", "none"]
    assert literal_choices(Spec, ["stages", "0", "block", "order"])[0] == "post_activation"
    assert literal_choices(Spec, ["input", "any_size"]) == ["true", "false"]
    assert literal_choices(Spec, ["output_stride"]) == ["4", "8", "16", "32"]
    assert literal_choices(Spec, ["stages", "0", "width"]) == literal_choices(Spec, ["no", "such"]) == []


def test_every_offer_belongs_to_something_that_is_asked() -> None:
    """An option that is renamed would else lose its offer unseen."""
    from kresnet.cli.completion import OFFERS

    called: set[Any] = set()

    def walk(command: Any) -> None:
        for each in getattr(command, "commands", {}).values():
            walk(each)
        for parameter in command.params:
            called.update([*parameter.opts, parameter.metavar])

    import typer

    walk(typer.main.get_command(app))
    assert called >= OFFERS.keys()


@pytest.fixture
def bash(tmp_path: Path) -> Any:
    """An interactive bash with the completion that kresnet shows for it."""
    script = subprocess.run(
        KRESNET, env=os.environ | {"_KRESNET_COMPLETE": "source_bash"}, capture_output=True, text=True, check=True
    ).stdout
    (tmp_path / "kresnet").write_text(f'#!/bin/sh\nexec {" ".join(KRESNET)} "$@"\n')
    (tmp_path / "kresnet").chmod(0o755)
    (tmp_path / "rc").write_text(f"PS1='$ '\nbind 'set enable-bracketed-paste off'\n{script}\n")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with Screen(["bash", "--noprofile", "--rcfile", str(tmp_path / "rc"), "-i"], environment, cwd=tmp_path) as screen:
        screen.wait_for("$")
        yield screen


@pytest.mark.skipif(not Path("/bin/bash").exists(), reason="there is no bash here")
def test_bash_itself_completes_what_is_typed(bash: Any) -> None:
    bash.type("kresnet pl\tquicks\t--set block.sho\t")
    bash.wait_for("$ kresnet plan quickstart --set block.shortcut")
    bash.type("=projection_\t")
    bash.wait_for("$ kresnet plan quickstart --set block.shortcut=projection_all")
