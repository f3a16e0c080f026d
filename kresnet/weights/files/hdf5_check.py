"""Reads an HDF5 file in a process of its own first: the HDF5 library may crash on a damaged one, or never come back.

Some damage leads its reader in circles, in C and with Python's lock held, so that nothing within the process ends it.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path

from kresnet.python_processes import child_environment, python_command

#: Seconds that a file may take to be read, however small it is, and bytes a second beyond that.
_LEAST_SECONDS, _BYTES_A_SECOND = 30.0, 5e6


def require_readable_hdf5(file: Path | io.BytesIO) -> None:
    """Make sure that reading a file with h5py comes to an end; ordinary errors are left to who reads it.

    Args:
        file: the file, or its content.

    Raises:
        ValueError: if the process that reads it crashes, or does not come back in time.
    """
    size = file.stat().st_size if isinstance(file, Path) else file.getbuffer().nbytes
    arguments, content = ([str(file.absolute())], None) if isinstance(file, Path) else ([], file.getvalue())
    try:
        ended = subprocess.run(
            python_command(__name__, *arguments),
            input=content,
            stdin=subprocess.DEVNULL if content is None else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
            timeout=_LEAST_SECONDS + size / _BYTES_A_SECOND,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError("it is damaged: reading it as HDF5 does not come to an end") from None
    if ended.returncode < 0:
        raise ValueError("it is damaged: the HDF5 library crashes on it")


def main() -> None:
    """Read all of the file that the arguments name, or that comes on stdin, as far as it can be read."""
    import h5py

    content = Path(sys.argv[1]) if sys.argv[1:] else io.BytesIO(sys.stdin.buffer.read())
    size = content.stat().st_size if isinstance(content, Path) else content.getbuffer().nbytes

    def read(_: str, item: h5py.Group | h5py.Dataset) -> None:
        with contextlib.suppress(Exception):
            dict(item.attrs)
        with contextlib.suppress(Exception):
            own = isinstance(item, h5py.Dataset) and not item.external and not item.is_virtual
            if own and item.nbytes <= size:  # what claims to be larger is not read as weights either
                item[()]

    with contextlib.suppress(Exception), h5py.File(content, "r") as root:
        read("/", root)
        root.visititems(read)


if __name__ == "__main__":
    main()
