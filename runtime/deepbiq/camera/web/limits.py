"""How much a client may ask for: requests per minute and address."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

_MOST_CLIENTS = 4096
"""Addresses that are remembered; the one that asked least recently is forgotten first."""
_IPV6_PREFIX = 64
"""What one customer gets of IPv6 (RFC 6177): addresses within it are one client."""


class RateLimit:
    """A token bucket per client address.

    Args:
        per_minute: Requests that refill in a minute, and that a bucket holds.
        clock: Seconds, monotonic.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> int:
        """Takes one request out of a client's bucket.

        Returns:
            0 where it may go on, otherwise the whole seconds after which it may.
        """
        wait_s = self.wait_s(address)
        if wait_s == 0:
            client, left = _client_of(address), self._left(address)
            self._buckets[client] = (left - 1, self._clock())
            self._buckets.move_to_end(client)
            if len(self._buckets) > _MOST_CLIENTS:
                self._buckets.popitem(last=False)
        return wait_s

    def wait_s(self, address: str) -> int:
        """Returns what `take` would, and takes nothing."""
        return max(0, math.ceil((1 - self._left(address)) / self._per_second))

    def _left(self, address: str) -> float:
        bucket = self._buckets.get(_client_of(address))
        if bucket is None:
            return self._capacity
        left, since = bucket
        return min(self._capacity, left + (self._clock() - since) * self._per_second)


def _client_of(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))
    return address
