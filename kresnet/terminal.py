"""What the far end of a stream can show: its width, a line drawn over, colours, characters. One place knows.

Colours follow https://no-color.org, https://force-color.org and `CLICOLOR_FORCE`; Rich, which knows the first two, is
imported only where something is shown.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO
from unicodedata import category

if TYPE_CHECKING:
    from rich.console import Console

#: Columns of text that no terminal shows, and of a terminal that does not say how wide it is.
_NO_TERMINAL, _UNKNOWN = 120, 80

#: Clears the line that the cursor is in.
ERASE = "\r\x1b[K"

#: What stands for a character in a locale that lacks it: one for one, so that tables keep their columns.
_SUBSTITUTES = dict(zip("→×≈…·─━┄└┤▁▂▃▄▅▆▇█‖∂αβγδλσ", ">x~.*-=-++__..--=#|dabgdls", strict=True))


def set_up(*streams: object) -> None:
    """Make the process's streams able to write whatever they are given, and let `CLICOLOR_FORCE` mean `FORCE_COLOR`."""
    codecs.register_error("kresnet", _substituted)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="kresnet")  # names of files need not be text that can be encoded either
    if os.environ.get("CLICOLOR_FORCE", "0") != "0":
        os.environ.setdefault("FORCE_COLOR", "1")


def _substituted(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    written = (_SUBSTITUTES.get(each) or each.encode("ascii", "backslashreplace").decode() for each in missing)
    return "".join(written), error.end


def is_unicode(stream: TextIO) -> bool:
    """Whether any text can be written as it is."""
    return (stream.encoding or "").lower().replace("-", "") == "utf8"


def has_cursor(stream: TextIO) -> bool:
    """Whether a line can be drawn over: on a terminal that is not dumb, whatever is said of colours."""
    return stream.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def clear(stream: TextIO) -> None:
    """Make room where a line of progress may be drawn."""
    if has_cursor(stream):
        stream.write(ERASE)


def log(message: str) -> None:
    """Print a line of progress on stderr."""
    clear(sys.stderr)
    print(message, file=sys.stderr, flush=True)


def columns(stream: TextIO) -> int:
    """The width that `COLUMNS` states, or the terminal has now."""
    stated = os.environ.get("COLUMNS", "")
    if stated.isdecimal() and int(stated):
        return int(stated)
    if not stream.isatty():
        return _NO_TERMINAL
    try:
        return os.get_terminal_size(stream.fileno()).columns or _UNKNOWN
    except (OSError, ValueError):  # a stream that only seems to be a terminal
        return _UNKNOWN


def console(stream: TextIO) -> Console:
    """Rich's console on `stream`, which takes text for text: `[red]` or `:dog:` in a name mean nothing.

    Sentences that are no terminal's stay in one line; tables are as wide as `columns`.
    """
    from rich.console import Console

    return Console(
        file=stream,
        width=columns(stream),
        height=25,  # without one, Rich would look for a width of its own
        soft_wrap=not stream.isatty(),
        highlight=False,
        markup=False,
        emoji=False,
    )


def harmless(text: str) -> str:
    """Text whose control characters, newline aside, are spelled out: a name from a file must not steer a terminal."""
    return "".join(each if each == "\n" or category(each)[0] != "C" else ascii(each)[1:-1] for each in text)
