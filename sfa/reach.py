"""Tell whether an address is everybody's, or of this machine and its neighbours; pure.

What a user names is fetched from the Internet only: a private, loopback or link-local address, however it is spelled
or wrapped, could be a service that trusts whoever stands on this machine (server-side request forgery).
"""

from __future__ import annotations

import ipaddress

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is everybody's, and no wrapping of one that is not."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64 or ip.sixtofour or ip.teredo or ip.is_site_local:
            return False
        if ip.ipv4_mapped:
            return public(ip.ipv4_mapped)
    return ip.is_global and not ip.is_multicast
