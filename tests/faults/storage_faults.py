"""Disks that fill up or refuse, files that are damaged, a clock that is set back."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from kresnet.runs.checkpoints import CheckpointStore
from tests.faults.fault_table import Row
from tests.faults.small_runs import ForkedProcess, RunFolder, newest_step, require, require_readable

_DISK_BYTES = 4 * 1024**2


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A file system of a few megabytes; None where this process may not mount one."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", folder], check=False)
    try:
        yield folder if mounted.returncode == 0 else None
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "-l", folder], check=True)


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """The disk has not a byte left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        filler.unlink()


def full_disk(all_runs: RunFolder, count: int, rng: random.Random) -> list[Row]:
    """The disk fills up at a random moment: in a checkpoint, in the log, in the model at the end."""
    with small_disk(all_runs.folder / "disk") as disk:
        if disk is None:
            return [Row("disk full", "not tried: mounting a small disk needs the right to", "")]
        for each in range(count):
            run = disk / f"full{each}"
            arguments = ["fit", str(all_runs.spec), "--recipe", str(all_runs.recipe), "-o", str(run)]
            process = ForkedProcess(arguments, all_runs.folder / f"full{each}.log")
            process.wait(lambda run=run: newest_step(run) > 0)
            time.sleep(rng.uniform(0, all_runs.seconds / 8))
            with filled(disk):
                process.wait()
            require(process.status in (0, 1), process.output())
            require(process.status == 0 or "[disk_full]" in process.output(), process.output())
            require("Traceback" not in process.output(), process.output())
            require_readable(run)
            all_runs.finish(run)
            shutil.rmtree(run)
        with filled(disk):
            process = ForkedProcess(
                ["export", str(all_runs.whole), "-o", str(disk / "models")], all_runs.folder / "export.log"
            )
            process.wait()
        require(process.status == 1 and "[disk_full]" in process.output(), process.output())
        require(not list(disk.rglob("saved_model.pb")), "half an export was published")
    return [
        Row(
            "disk full while training",
            f"{count} times at a random moment of training (a {_DISK_BYTES // 1024**2} MB tmpfs, filled)",
            "steps since the last checkpoint, trained again; the process ends with `disk_full`, and continues bit for "
            "bit once there is room",
        ),
        Row("disk full in an export", "once", "nothing: `disk_full`, and nothing published"),
    ]


def small_files(all_runs: RunFolder) -> Row:
    """A limit on the size of files, below a checkpoint's and then below the model's."""

    def limited(size: int) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    state = next((all_runs.whole / "checkpoints").glob("step-*/state.npz")).stat().st_size
    model = (all_runs.whole / "model.keras").stat().st_size
    for size in (state // 2, (state + model) // 2):
        run = all_runs.folder / f"limited{size}"
        process = all_runs.start(run, prepare=lambda size=size: limited(size))
        process.wait()
        require(process.status == 1 and "[disk_full]" in process.output(), process.output())
        require(not list(run.rglob(".*.tmp*")), "something half written was left")
        require_readable(run)
        all_runs.finish(run)
    return Row(
        "file-size limit below a checkpoint's size, below the model's",
        "once each",
        "nothing that had been saved: `disk_full`, and the run continues bit for bit without the limit",
    )


def read_only(all_runs: RunFolder) -> Row:
    """The run lies on a disk that cannot be written."""
    run = stopped(all_runs, "readonly")
    with small_disk(all_runs.folder / "readonly_disk") as disk:
        if disk is None:
            return Row("read-only directory", "not tried: mounting needs the right to", "")
        shutil.copytree(run, disk / "run")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        process = all_runs.start_or_resume(disk / "run")
        process.wait()
        require(process.status == 2 and "[not_writable]" in process.output(), process.output())
        process = all_runs.start(disk / "new")
        process.wait()
        require(process.status == 2 and "[not_writable]" in process.output(), process.output())
        require_readable(disk / "run")
    return Row("read-only directory", "a resume and a new run", "nothing: `not_writable`")


def damage(all_runs: RunFolder, flips: int, rng: random.Random) -> Row:
    """The newest checkpoint's files truncated, or a bit of them flipped."""
    run = stopped(all_runs, "damaged")
    store = CheckpointStore(run / "checkpoints", 3)
    newest, before = store.steps()[-1], store.steps()[-2]
    folder = store.directory / f"step-{newest:08d}"
    whole = {name: (folder / name).read_bytes() for name in ("state.npz", "manifest.json")}
    harmless = 0
    for name, data in whole.items():
        truncated = [data[: len(data) * part // 20] for part in range(20)]
        flipped = [flip(data, rng) for _ in range(flips)]
        for text in (*truncated, *flipped):
            (folder / name).write_bytes(text)
            found, damaged = store.latest()
            require(found is not None, "no checkpoint was found")
            if found.step == newest:  # white space between the manifest's words
                require(name == "manifest.json" and text in flipped, f"damage of {name} went unnoticed")
                harmless += 1
            else:
                require(found.step == before and folder.name in str(damaged[0]), str(damaged))
        (folder / name).write_bytes(data)
    for each, (name, text) in enumerate(
        [
            ("state.npz", whole["state.npz"][:1000]),
            ("state.npz", flip(whole["state.npz"], rng)),
            ("manifest.json", b""),
        ]
    ):
        copy = all_runs.folder / f"damaged{each}"
        shutil.copytree(run, copy)
        (copy / "checkpoints" / folder.name / name).write_bytes(text)
        all_runs.finish(copy)
        require(f"damaged-{folder.name}" in (all_runs.folder / f"damaged{each}.log").read_text(), "not named")
    return Row(
        "newest checkpoint truncated, or a bit flipped",
        f"each of its two files at every 1/20 of its length and with {flips} flips; 3 of them resumed",
        f"steps since the checkpoint before it, trained again, bit for bit; each is named, and moved aside "
        f"({harmless} flips fell on white space of the manifest and changed nothing)",
    )


def clock(all_runs: RunFolder) -> Row:
    """The clock goes back while training, and the checkpoints' dates say the reverse of their order."""
    real, began = time.time, time.time()

    def set_back() -> None:
        def wrong() -> float:
            return real() - 86_400 * int(real() - began)  # another day back every second

        time.time = wrong

    run = all_runs.folder / "clock"
    process = all_runs.start(run, prepare=set_back)
    process.wait(lambda: newest_step(run) >= all_runs.steps // 2)
    process.send(signal.SIGKILL)
    for age, path in enumerate(sorted((run / "checkpoints").glob("step-*"))):
        os.utime(path, (real() - 1000 * age,) * 2)
    all_runs.finish(run)
    return Row("clock set back", "a day every second while training; then dates of checkpoints reversed", "nothing")


def stopped(all_runs: RunFolder, name: str) -> Path:
    """A run that was killed half-way, with three checkpoints."""
    run = all_runs.folder / name
    process = all_runs.start(run)
    process.wait(lambda: newest_step(run) >= all_runs.steps // 2)
    process.send(signal.SIGKILL)
    require(require_readable(run) >= 3, "too few checkpoints")
    return run


def flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)
