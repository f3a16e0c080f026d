"""One hostile document or file on its whole way: read, checked, planned, shown; what it came to, how long, how large.

Memory is the growth of the process's largest resident set, reset before each document (`/proc/self/clear_refs`, Linux;
zero elsewhere); time is that of the processor, and judged by `make fuzz` alone: a busy machine makes even that longer.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rich.console import Console

from kresnet.cli import describe
from kresnet.cli.tables import print_plan
from kresnet.errors import CODES, KresnetError
from kresnet.plan import Plan, lower, plan_loaded
from kresnet.plan.diagram import draw_plan
from kresnet.spec.document import dump
from kresnet.spec.loading import load_recipe, load_spec, load_study
from kresnet.weights.files.weight_file import open_weights
from kresnet.weights.matching import match_weights
from kresnet.weights.mismatch import require_match
from tests.fuzz.executed_code import watched
from tests.weights.small_weight_files import SMALL

MOST_SECONDS, MOST_BYTES = 1.0, 200_000_000
#: A document that takes this long has hung, and is interrupted.
_HANGS_SECONDS = 20

#: In bytes; Linux starts no command with a longer one.
_LONGEST_ARGUMENT = 131_000

CORPUS = Path(__file__).parent / "corpus"
#: Files of weights that PyTorch wrote.
FILES = Path(__file__).parents[1] / "weights" / "torch_files"


class Finding(AssertionError):
    """A document that is neither accepted nor refused as it should be."""


@dataclass(frozen=True)
class Outcome:
    """What became of a document: `codes` is empty when it was accepted."""

    codes: tuple[str, ...]
    seconds: float
    peak_bytes: int


class Playground:
    """A folder in which documents are read: what they may extend lies there, and what they may not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "base.yaml").write_text("extends: resnet18\nhead: {classes: 7}\n")
        (folder / "cycle.yaml").write_text("extends: ./document.yaml\n")
        (folder / "recipe.yaml").write_text("extends: quickstart\nepochs: 3\n")
        (folder / "folder.yaml").mkdir()
        (folder / "link.yaml").symlink_to("/etc/hostname")
        os.mkfifo(folder / "pipe.yaml")

    def try_spec(self, data: bytes) -> Outcome:
        """`kresnet plan FILE`; what is accepted must give the same network again from its resolved document."""
        path = self._write(data)

        def run() -> tuple[str, ...]:
            if codes := _plan(path):
                return codes
            loaded = load_spec(str(path))
            plan = lower(loaded.value)
            print_plan(plan, Console(file=io.StringIO()))
            draw_plan(plan)
            again = self.folder / "resolved.yaml"
            again.write_text(dump(loaded.value.document()))
            if lower(load_spec(str(again)).value) != plan:
                raise Finding("the resolved document gives another plan")
            return ()

        return _measured(run)

    def try_recipe(self, data: bytes) -> Outcome:
        """What `kresnet fit --recipe FILE` does before it needs TensorFlow."""
        path = self._write(data)

        def run() -> tuple[str, ...]:
            try:
                recipe = load_recipe(str(path)).value
            except KresnetError as error:
                return _codes_of(error)
            again = self.folder / "resolved.yaml"
            again.write_text(dump(recipe.document()))
            if load_recipe(str(again)).value != recipe:
                raise Finding("the resolved recipe says something else")
            return ()

        return _measured(run)

    def try_study(self, data: bytes) -> Outcome:
        """What `kresnet study FILE` does before it plans the networks."""
        path = self._write(data)

        def run() -> tuple[str, ...]:
            try:
                study = load_study(str(path)).value
            except KresnetError as error:
                return _codes_of(error)
            again = self.folder / "resolved.yaml"
            again.write_text(dump(study.document()))
            if load_study(str(again)).value.design() != study.design():
                raise Finding("the resolved study says something else")
            return ()

        return _measured(run)

    def try_set(self, data: bytes) -> Outcome:
        """`kresnet plan SPEC --set TEXT`; arguments of a command hold no NUL."""
        text = os.fsdecode(data.replace(b"\0", b""))[:_LONGEST_ARGUMENT]
        return _measured(lambda: _plan("cifar_resnet20", [text]))

    def try_torch(self, data: bytes) -> Outcome:
        """What `kresnet convert FILE` does with a file of torch.save before it needs TensorFlow; nothing may be run."""
        from tests.fuzz.torch_documents import archive_of

        path = self.folder / "document.pth"
        path.write_bytes(archive_of(data) if data.startswith(b"\x80\x02") else data)
        plan = self._small_plan

        def run() -> tuple[str, ...]:
            codes: tuple[str, ...] = ()
            with watched() as events:
                try:
                    with open_weights(path) as source:
                        "".join(source.notes).encode()
                        for tensor in source.tensors.values():
                            tensor.read()
                        for _ in require_match(match_weights(plan, source), plan).arrays():
                            pass
                except KresnetError as error:
                    codes = _codes_of(error)
            if events:
                raise Finding(f"the file brought about {events}")
            return codes

        return _measured(run)

    @cached_property
    def _small_plan(self) -> Plan:
        """The network that PyTorch's files are of; what is imported with the first file is imported here."""
        path = self.folder / "small.yaml"
        path.write_text(SMALL)
        for codec in (
            "cp437",
            "raw_unicode_escape",
            "unicode_escape",
            "latin-1",
            "ascii",
        ):  # of zipfile and pickletools
            b"a".decode(codec)
        with open_weights(FILES / "views.pth") as source:
            for tensor in source.tensors.values():
                tensor.read()
        return plan_loaded(load_spec(str(path)))

    def _write(self, data: bytes) -> Path:
        path = self.folder / ("document.json" if data.lstrip()[:1] == b"{" else "document.yaml")
        path.write_bytes(data)
        return path


KINDS: dict[str, Callable[[Playground, bytes], Outcome]] = {
    "spec": Playground.try_spec,
    "recipe": Playground.try_recipe,
    "study": Playground.try_study,
    "set": Playground.try_set,
    "torch": Playground.try_torch,
}


def require_harmless(outcome: Outcome, most_seconds: float | None = None) -> None:
    """Raise `Finding` for a document that took too much memory, or more seconds than are stated."""
    if most_seconds is not None and outcome.seconds > most_seconds:
        raise Finding(f"it took {outcome.seconds:.2f} s")
    if outcome.peak_bytes > MOST_BYTES:
        raise Finding(f"it took {outcome.peak_bytes / 1e6:.0f} MB")


def _measured(run: Callable[[], tuple[str, ...]]) -> Outcome:
    gc.collect(0)
    before, began = _reset_peak(), time.process_time()
    with _interrupted_if_hanging(), _uncollected():
        codes = run()
    return Outcome(codes, time.process_time() - began, max(0, _peak() - before))


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """A block without garbage collection: Hypothesis keeps a million objects in the end, a second to walk through."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _plan(reference: object, overrides: list[str] | None = None) -> tuple[str, ...]:
    """`kresnet plan REFERENCE --json`, from where its options have been read; the codes with which it refuses.

    Whatever is no `KresnetError` comes through. Reading the options themselves would take most of the time.
    """
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")  # as `main` has them
    with contextlib.redirect_stdout(out):
        try:
            describe.plan(str(reference), overrides, as_json=True)
        except KresnetError as error:
            return _codes_of(error)
    out.flush()
    json.loads(out.buffer.getvalue())  # type: ignore[attr-defined]
    return ()


def _codes_of(error: KresnetError) -> tuple[str, ...]:
    json.dumps([problem.as_dict() for problem in error.problems])
    str(error).encode("utf-8", "backslashreplace")
    codes = tuple(problem.code for problem in error.problems)
    if not codes or any(CODES[code] != 2 for code in codes):
        raise Finding(f"a document is refused with {codes or 'no problem'}")
    return codes


@contextlib.contextmanager
def _interrupted_if_hanging() -> Iterator[None]:
    def interrupt(*_: object) -> None:
        raise Finding(f"it took more than {_HANGS_SECONDS} s")

    old = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, _HANGS_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def _reset_peak() -> int:
    """Start the largest resident set anew; its size in bytes."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:  # noqa: PTH123 - no Path, for speed
        file.write("5")
    return _peak()


def _peak() -> int:
    try:
        with open("/proc/self/status") as file:  # noqa: PTH123
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return 0
