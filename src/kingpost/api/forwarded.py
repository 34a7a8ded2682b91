"""Whose request it is when proxies stand in between: X-Forwarded-For, believed only as far as the proxies are ours."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from kingpost.errors import DeclarationError

Networks: TypeAlias = tuple[IPv4Network | IPv6Network, ...]
HOPS_MAX = 32


def networks(trusted_proxies: tuple[str, ...]) -> Networks:
    """The networks that the setting names: addresses or CIDR blocks.

    Raises:
        DeclarationError: one is neither.
    """
    try:
        return tuple(ip_network(one, strict=False) for one in trusted_proxies)
    except ValueError as error:
        raise DeclarationError(f"trusted_proxies: {error}", hint="as in 10.0.0.0/8 or 192.0.2.1") from error


def client_address(peer: str, forwarded_for: bytes, trusted: Networks) -> str:
    """The nearest address that is not a proxy of ours.

    Each proxy adds at the end whom it heard from, so the header is read from there, and only as long as who
    says so is trusted: what stands further in front, anybody could have written.

    Args:
        peer: who is at the other end of the connection.
        forwarded_for: the header, lines joined by commas.
        trusted: the proxies' networks.
    """
    address = peer
    # One more than is looked at, whose text is all that lies in front.
    hops = forwarded_for.decode("latin-1").rsplit(",", HOPS_MAX)[-HOPS_MAX:]
    for hop in reversed(hops):
        if not _is_trusted(address, trusted):
            break
        said = hop.strip()
        if not _is_address(said):
            break
        address = said
    return address


@lru_cache(maxsize=1_024)
def _is_trusted(address: str, trusted: Networks) -> bool:
    if not _is_address(address):
        return False
    parsed = ip_address(address)
    return any(parsed.version == network.version and parsed in network for network in trusted)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
