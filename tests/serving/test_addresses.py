"""Hosts as sockets, in URLs and in messages, over IPv4 and IPv6."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from typing import Any

import pytest

from kresnet.errors import KresnetError
from kresnet.serving import addresses
from kresnet.serving.addresses import format_address, format_url, normalize_host, open_sockets

BOTH = [(socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1")]


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")


def resolve_to(monkeypatch: pytest.MonkeyPatch, found: list[tuple[int, str]]) -> None:
    """Let every name have these addresses, as localhost has where /etc/hosts says so."""
    rows = [(family, socket.SOCK_STREAM, 6, "", (host, 0)) for family, host in found]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)


def listened(host: str, port: int = 0) -> list[tuple[Any, ...]]:
    with ExitStack() as opened:
        return [opened.enter_context(one).getsockname()[:2] for one in open_sockets(host, port, "--rest-port")]


@pytest.mark.parametrize(
    ("host", "address", "url"),
    [
        ("127.0.0.1", "127.0.0.1:81", "http://127.0.0.1:81"),
        ("::1", "[::1]:81", "http://[::1]:81"),
        ("[::1]", "[::1]:81", "http://[::1]:81"),
        ("fe80::1%eth0", "[fe80::1%eth0]:81", "http://[fe80::1%25eth0]:81"),
        ("0.0.0.0", "0.0.0.0:81", "http://127.0.0.1:81"),
        ("::", "[::]:81", "http://[::1]:81"),
        ("localhost", "localhost:81", "http://localhost:81"),
    ],
)
def test_ipv6_stands_in_brackets(host: str, address: str, url: str) -> None:
    assert format_address(host, 81) == address
    assert format_url(host, 81) == url
    assert normalize_host(f"[{normalize_host(host)}]") == normalize_host(host)


def test_ipv4_is_listened_on_alone() -> None:
    ((host, port),) = listened("127.0.0.1")
    assert host == "127.0.0.1"
    assert port


@needs_ipv6
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_ipv6_is_listened_on_with_brackets_and_without(host: str) -> None:
    assert listened(host)[0][0] == "::1"


@needs_ipv6
def test_a_name_of_two_addresses_is_listened_on_at_both_on_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, [*BOTH, BOTH[0]])
    found = listened("localhost")
    assert [host for host, _ in found] == ["::1", "127.0.0.1"]
    assert len({port for _, port in found}) == 1


def test_an_address_that_the_machine_lacks_is_passed_over_where_another_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve_to(monkeypatch, [(socket.AF_INET, "192.0.2.1"), (socket.AF_INET, "127.0.0.1")])
    assert [host for host, _ in listened("localhost")] == ["127.0.0.1"]


@needs_ipv6
def test_every_interface_of_ipv6_is_every_interface_of_ipv4_too() -> None:
    (server,) = open_sockets("::", 0, "--rest-port")
    with server:
        socket.create_connection(("127.0.0.1", server.getsockname()[1])).close()


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_a_port_that_is_taken_is_told_with_its_option(host: str) -> None:
    (taken,) = open_sockets(host, 0, "--rest-port")
    with taken, pytest.raises(KresnetError) as caught:
        open_sockets(host, port := taken.getsockname()[1], "--grpc-port")
    (problem,) = caught.value.problems
    assert problem.message == f"Another program listens on {format_address(host, port)}."
    assert problem.remedy == "another --grpc-port; 0 takes a free one"


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("192.0.2.1", "This machine has no address 192.0.2.1"),
        ("2001:db8::1", "This machine has no address 2001:db8::1"),
        ("no-such-host.invalid", "'no-such-host.invalid' is the name of no address"),
        ("127.0.0.1:80", "'127.0.0.1:80' is the name of no address"),
        ("a" * 70, "is the name of no address"),
        ("", "'' is no address to listen on"),
        ("[]", "'[]' is no address to listen on"),
    ],
)
def test_a_host_that_is_no_address_here_is_told_with_hosts_that_are(host: str, message: str) -> None:
    with pytest.raises(KresnetError) as caught:
        open_sockets(host, 0, "--rest-port")
    (problem,) = caught.value.problems
    assert message in problem.message
    assert "--host 127.0.0.1" in problem.remedy


def test_a_port_for_the_superuser_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(addresses.socket, "create_server", refuse)
    with pytest.raises(KresnetError, match=r"may not listen on 127\.0\.0\.1:80") as caught:
        open_sockets("127.0.0.1", 80, "--rest-port")
    assert caught.value.problems[0].remedy.startswith("--rest-port of 1024 or above")
