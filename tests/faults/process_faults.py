"""Processes that end before their run does: killed, asked to stop, their directory taken away."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path

from tests.faults.fault_table import Row
from tests.faults.small_runs import RunFolder, newest_step, require, require_readable, saving
from tests.faults.variations import PREPARED, Variation, prepare_arguments

#: Kills a run takes before it is left to come to its end.
CHAIN = 10


def kills(all_runs: RunFolder, count: int, rng: random.Random) -> Row:
    """SIGKILL at random moments: anywhere in a process's life, anywhere after its first save, and inside a save."""
    done = {"anywhere": 0, "while training": 0, "inside a save": 0}
    runs = read = 0
    while sum(done.values()) < count:
        run = all_runs.folder / f"killed{runs}"
        runs += 1
        for _ in range(CHAIN):
            if sum(done.values()) == count or (run / "result.json").is_file():
                break
            kind = rng.choice(list(done))
            process, before = all_runs.start_or_resume(run), newest_step(run)
            if kind == "anywhere":
                time.sleep(rng.uniform(0, all_runs.seconds))
            else:
                process.wait(lambda run=run, before=before: newest_step(run) > before)
                time.sleep(rng.uniform(0, all_runs.seconds / 10))
            if kind == "inside a save":
                process.wait(lambda run=run: saving(run))
                time.sleep(rng.uniform(0, 0.02))
            inside = saving(run)
            if process.send(signal.SIGKILL) == -signal.SIGKILL:
                done["inside a save" if inside else kind] += 1
            read += require_readable(run)
        all_runs.finish(run)
    where = ", ".join(f"{number} {kind}" for kind, number in done.items())
    return Row(
        "SIGKILL",
        f"{count} kills of {runs} runs ({where}); each resumed",
        f"nothing: weights, best weights and history of all {runs} are those of the uninterrupted run, bit for bit; "
        f"{read} checkpoints looked at after the kills, all readable",
    )


def prepared_kills(folder: Path, epochs: int, count: int, rng: random.Random) -> list[Row]:
    """SIGKILL while data are prepared, and while a run trains on them."""
    all_runs = RunFolder(folder, epochs, PREPARED)
    whole, shards, killed = contents(folder / "shards"), folder / "killed", 0
    while killed < count:
        process = all_runs.prepare(shards)
        wanted = rng.randrange(6)
        process.wait(lambda wanted=wanted: len(list(shards.glob("*.array_record"))) >= wanted)
        time.sleep(rng.uniform(0, 0.2))
        killed += process.send(signal.SIGKILL) == -signal.SIGKILL
        if (shards / "prepared.json").is_file():
            shutil.rmtree(shards)
    all_runs.run(*prepare_arguments(shards), log="killed")
    require(contents(shards) == whole, f"{shards} differs")
    runs = kills(all_runs, count, rng)
    fault = "SIGKILL while data are prepared"
    return [
        Row(
            fault,
            f"{count} kills; each gone on with",
            "nothing: every file is that of a preparation left alone, to the byte",
        ),
        Row(f"SIGKILL, {PREPARED.name}", runs.tried, runs.lost),
    ]


def kills_of(folder: Path, variation: Variation, epochs: int, count: int, rng: random.Random) -> Row:
    """SIGKILL of runs by another recipe."""
    found = kills(RunFolder(folder, epochs, variation), count, rng)
    return Row(f"SIGKILL, {variation.name}", found.tried, found.lost)


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def signals(all_runs: RunFolder, number: signal.Signals, count: int, rng: random.Random) -> Row:
    """A signal that asks to stop, at random moments of training."""
    for each in range(count):
        run = all_runs.folder / f"{number.name}{each}"
        process = all_runs.start(run)
        process.wait(lambda run=run: newest_step(run) > 0)
        time.sleep(rng.uniform(0, all_runs.seconds / 4))
        status = process.send(number)
        require(status in (0, 75), process.output())
        if status == 75:
            step = newest_step(run)
            require(f"Stopped after step {step} of" in process.output(), process.output())
        require_readable(run)
        all_runs.finish(run)
    return Row(number.name, f"{count} at random moments, each resumed", "nothing, not even a step; exit status 75")


def taken_away(all_runs: RunFolder, count: int, rng: random.Random) -> Row:
    """The run's directory is deleted or moved while it is trained."""
    for each in range(count):
        run = all_runs.folder / f"gone{each}"
        process = all_runs.start(run)
        process.wait(lambda run=run: newest_step(run) > 0)
        time.sleep(rng.uniform(0, all_runs.seconds / 10))
        if each % 2:
            run.rename(run.with_name(f"moved{each}"))
        else:
            shutil.rmtree(run, ignore_errors=True)
            shutil.rmtree(run, ignore_errors=True)  # what was being written meanwhile
        process.wait()
        if process.status != 0:
            require(process.status == 2 and "[run_missing]" in process.output(), process.output())
            require(not (run / "checkpoints").exists(), f"{run} was made anew")
        if each % 2:
            run.with_name(f"moved{each}").rename(run)
            require_readable(run)
            all_runs.finish(run)
    return Row(
        "run directory deleted, or moved, while running",
        f"{count} times",
        "what was deleted; a moved run continues from where it is. The process ends with `run_missing` and makes "
        "nothing anew",
    )
