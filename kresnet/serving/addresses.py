"""Where a server listens: hosts by name or number, IPv4 and IPv6, as sockets, in URLs, and in messages."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack

from kresnet.errors import KresnetError, make_error

#: The host that only this machine reaches.
LOOPBACK = "127.0.0.1"
#: Hosts that stand for every interface of the machine.
EVERY_INTERFACE = ("0.0.0.0", "::")
#: What the system answers where it has no such address, among several of a name.
_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)
_BACKLOG = 512


def normalize_host(host: str) -> str:
    """Return a host without the brackets that IPv6 has in URLs: `[::1]` is `::1`."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def format_address(host: str, port: int) -> str:
    """Return `HOST:PORT`, with brackets around IPv6: `[::1]:8501`."""
    host = normalize_host(host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def format_url(host: str, port: int) -> str:
    """Return the URL of a server that listens on `host`; for every interface, by the loopback of its kind."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(normalize_host(host), host)
    return f"http://{format_address(reached, port).replace('%', '%25')}"


def open_sockets(host: str, port: int, option: str) -> list[socket.socket]:
    """Return listening sockets, one for each address of a host, all on one port.

    Args:
        host: name, or number with or without brackets; `::` is every interface, over IPv4 too where the system can.
        port: port to listen on; 0 takes one that is free.
        option: the option that gave the port, for messages.

    Raises:
        KresnetError: `environment`, where nothing can listen there; it says what is wrong, and with which option.
    """
    sockets: list[socket.socket] = []
    refused: list[KresnetError] = []
    with ExitStack() as opened:
        for family, numeric in _resolve(host):
            try:
                sockets.append(opened.enter_context(_open_socket(family, numeric, port)))
            except OSError as error:
                refused.append(_listening_error(numeric, port, error, option))
                if error.errno not in _NO_SUCH_ADDRESS:
                    raise refused[-1] from None
                continue
            port = sockets[-1].getsockname()[1]
        if not sockets:
            raise refused[0]
        opened.pop_all()
    return sockets


def _open_socket(family: int, host: str, port: int) -> socket.socket:
    every = host == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=every)


def _resolve(host: str) -> list[tuple[int, str]]:
    """Return the addresses of a host as families and numbers, each once."""
    name = normalize_host(host)
    try:
        found = socket.getaddrinfo(name or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE) if name else []
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _host_error(f"{host!r} is the name of no address: {reason}.") from None
    if not found:
        raise _host_error(f"{host!r} is no address to listen on.")
    return list(dict.fromkeys((int(family), str(address[0])) for family, *_, address in found))


def _host_error(message: str) -> KresnetError:
    remedy = (
        "for this machine alone: --host 127.0.0.1, or --host ::1; for every interface: --host 0.0.0.0, or --host ::"
    )
    return make_error("environment", message, remedy=remedy)


def _listening_error(host: str, port: int, error: OSError, option: str) -> KresnetError:
    where = format_address(host, port)
    if error.errno in _NO_SUCH_ADDRESS:
        return _host_error(f"This machine has no address {host}: {error.strerror}.")
    if error.errno == errno.EADDRINUSE:
        return make_error(
            "environment", f"Another program listens on {where}.", remedy=f"another {option}; 0 takes a free one"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        message = f"This user may not listen on {where}."
        return make_error("environment", message, remedy=f"{option} of 1024 or above; 0 takes a free one")
    return make_error("environment", f"Nothing can listen on {where}: {error.strerror or error}.")
