"""MAC addresses that netwright makes: fa:16:3e and three random octets, as OpenStack's are."""

from __future__ import annotations

from netwright.control.refusals import NamedConflictError
from netwright.control.world import Work
from netwright.model.ids import Mac, NetworkId
from netwright.store import ports

_TRIES = 16


def free(work: Work, network: NetworkId) -> Mac:
    """One that no port of the network has. Raises ConflictError."""
    for _ in range(_TRIES):
        octets = work.world.rng.randbytes(3)
        mac = Mac("fa:16:3e:" + octets.hex(":"))
        if not ports.is_mac_used(work.connection, network, mac):
            return mac
    message = f"Unable to generate unique mac on network {network}."
    raise NamedConflictError("MacAddressGenerationFailure", message)


def refuse_used(work: Work, network: NetworkId, mac: Mac) -> None:
    """Raises ConflictError where a port of the network has it."""
    if ports.is_mac_used(work.connection, network, mac):
        message = f"Unable to complete operation: mac_address {mac} is in use on network {network}."
        raise NamedConflictError("MacAddressInUse", message, "mac_address")
