"""The part of the machine that each of several simultaneous runs gets: its own cores, and one GPU if there are any."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from kresnet.cores import usable_cores
from kresnet.errors import make_error


@dataclass(frozen=True)
class RunResources:
    """The cores and the GPU that one run may use; an empty set of cores, or None for the GPU, sets no restriction."""

    cores: frozenset[int] = frozenset()
    gpu: str | None = None

    def environment(self) -> dict[str, str]:
        """Return the environment variables that restrict a process to these resources."""
        return {"CUDA_VISIBLE_DEVICES": self.gpu} if self.gpu is not None else {}


def split_resources(jobs: int) -> list[RunResources]:
    """Divide the machine among `jobs` runs; a single run is not restricted.

    TensorFlow makes as many threads as the process has cores, and runs of one thread each waste less on a CPU than one
    run of several. Several runs to a GPU take turns.

    Raises:
        KresnetError: `bad_option` for more runs than cores.
    """
    if jobs == 1:
        return [RunResources()]
    usable = usable_cores()
    if jobs > len(usable):
        raise make_error(
            "bad_option",
            f"--jobs {jobs} is more than the {len(usable)} cores there are.",
            expected=f"--jobs 1 to {len(usable)}",
        )
    devices = visible_gpus()
    return [
        RunResources(frozenset(usable[at::jobs]), devices[at % len(devices)] if devices else None) for at in range(jobs)
    ]


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() and not name.strip().startswith("-")]
    devices = [path for path in Path("/dev").glob("nvidia*") if re.fullmatch(r"nvidia\d+", path.name)]
    return [str(number) for number in range(len(devices))]
