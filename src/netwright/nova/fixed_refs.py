"""Fixed IPs as nova's callers hand them over, models or dicts, parsed into values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from typing import Final

from netwright.model.errors import InvalidError
from netwright.nova.address_source import FixedAddress
from netwright.nova.given import mac_of, parsed, part, text_of

_WHERE: Final = "fixed_ip"


def parse_fixed_ips(given: Iterable[object]) -> Iterator[FixedAddress]:
    """FixedAddress as it is; else nova.objects.FixedIP with its virtual_interface and instance.

    Those without an interface are passed over. Raises InvalidError.
    """
    for fixed in given:
        if isinstance(fixed, FixedAddress):
            yield fixed
        elif part(fixed, "virtual_interface") is not None:
            yield _parsed(fixed)


def _parsed(fixed: object) -> FixedAddress:
    address = parsed(fixed, "address", IPv4Address, _WHERE)
    if address is None:
        raise InvalidError("there is none", f"{_WHERE}.address")
    vif, instance = part(fixed, "virtual_interface"), part(fixed, "instance")
    return FixedAddress(
        address=address,
        mac=mac_of(text_of(vif, "address", f"{_WHERE}.virtual_interface"), f"{_WHERE}.virtual_interface"),
        hostname=text_of(instance, "hostname", f"{_WHERE}.instance"),
        instance_uuid=text_of(fixed, "instance_uuid", _WHERE),
        instance_host=text_of(instance, "host", f"{_WHERE}.instance"),
        vif_id=text_of(fixed, "virtual_interface_id", _WHERE),
        allocated=bool(part(fixed, "allocated")),
        leased=bool(part(fixed, "leased")),
        default_route=bool(part(fixed, "default_route")),
    )
