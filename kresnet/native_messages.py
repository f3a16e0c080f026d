"""What C and C++ libraries write on stderr, kept off the user's terminal: kresnet says it in a sentence of its own.

TensorFlow's log, libjpeg's and libpng's remarks go to file descriptor 2, past Python. The command line puts a filter
behind that descriptor, a process that outlives a crash: what a crash leaves is no noise, and is passed on. Python's own
stderr goes round the filter. This file is also the filter's program, so it imports nothing of kresnet.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator

#: Lines that tell users nothing that kresnet does not. Fatal ones of TensorFlow (F) are not among them.
_NOISE = re.compile(
    rb"""
      \d{4}-\d\d-\d\d\ \d\d:\d\d:\d\d\.\d+:\ [IWE]\ .*        # TensorFlow's log
    | [IWE]\d{4}\ \d\d:\d\d:\d\S*\ +\d+\ \S+:\d+\]\ .*        # the same, by Abseil
    | \t\ \[\[\{\{(?:function_)?node\ .*\]\]                   # the node that a message is about, on a line of its own
    | WARNING:\ All\ log\ messages\ before\ absl::InitializeLog.*
    | To\ enable\ the\ following\ instructions:\ .*
    | Corrupt\ JPEG\ data:\ .*                                # libjpeg's warnings (jerror.h)
    | (?:Invalid|Unsupported|Bogus)\ (?:JPEG|SOS|marker|Huffman|sampling|component|progressive)\ .*
    | Premature\ end\ of\ JPEG\ file.*
    | Inconsistent\ progression\ sequence\ .*
    | Warning:\ unknown\ JFIF\ revision\ number\ .*
    | Unknown\ Adobe\ color\ transform\ code\ .*
    | Application\ transferred\ too\ many\ scanlines.*
    | libpng\ (?:warning|error):\ .*
    """,
    re.VERBOSE,
)
#: A user who sets it wants to see TensorFlow's log.
_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"

_filter: subprocess.Popen[bytes] | None = None
_wanted = False


def is_noise(line: bytes) -> bool:
    """Return whether a line is one of a library's that users need not see."""
    return _NOISE.fullmatch(line.strip(b"\r\n")) is not None


def keep_apart() -> None:
    """Give Python's stderr a descriptor of its own, and have `start_filter` filter what else is written on stderr.

    Nothing happens where stderr is not the process's own, or the user has set `TF_CPP_MIN_LOG_LEVEL`.
    """
    global _wanted
    stream = sys.stderr
    try:
        own = isinstance(stream, io.TextIOWrapper) and stream.fileno() == 2
    except (OSError, ValueError):
        own = False
    if own and _LOG_LEVEL not in os.environ:
        stream.flush()
        sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding=stream.encoding, errors=stream.errors)
        _wanted = True


def start_filter() -> None:
    """Filter what the process's libraries write on stderr from now on, if `keep_apart` was called; once a process."""
    global _filter
    if not _wanted or _filter is not None:
        return
    reading, writing = os.pipe()
    try:
        command = [sys.executable, "-I", "-S", __file__]
        _filter = subprocess.Popen(command, stdin=reading, stdout=subprocess.DEVNULL, start_new_session=True)
        os.dup2(writing, 2)
    except OSError:  # no more processes: rather noise than none of this verb
        return
    finally:
        os.close(reading)
        os.close(writing)


def _lines(descriptor: int) -> Iterator[bytes]:
    """Yield what can be read, line by line, as soon as a line is complete."""
    rest = b""
    while data := os.read(descriptor, 65536):
        *complete, rest = (rest + data).split(b"\n")
        for line in complete:
            yield line + b"\n"
    if rest:
        yield rest


def main() -> None:
    """Copy stdin to stderr, but for noise, until its end."""
    for line in _lines(0):
        if not is_noise(line):
            os.write(2, line)


if __name__ == "__main__":
    main()
