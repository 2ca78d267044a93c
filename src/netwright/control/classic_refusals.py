"""Refusals by nova's names; `code` is the HTTP status that they stand for."""

# ruff: noqa: N818 - they are called as nova calls them

from __future__ import annotations

from typing import ClassVar

from netwright.model.errors import ConflictError, InvalidError, NotFoundError
from netwright.model.intent import Address


class InvalidIntValue(InvalidError):
    """An argument that must be a whole number is none."""

    code: ClassVar = 400

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} must be an integer.", key)
        self.key = key


class InvalidCidr(InvalidError):
    """Not a prefix, or one that a network cannot have."""

    code: ClassVar = 400


class InvalidAddress(InvalidError):
    """Not an address."""

    code: ClassVar = 400


class AddressOutOfRange(InvalidError):
    """An address, or a part of a network, that is not within the network."""

    code: ClassVar = 400


class LabelTooLong(InvalidError):
    """A network's label has at most 255 characters."""

    code: ClassVar = 400


class NetworkNotCreated(InvalidError):
    """A required argument of create_networks is missing: `req`."""

    code: ClassVar = 400

    def __init__(self, req: str) -> None:
        super().__init__(f"{req} is required to create a network.", req)
        self.req = req


class FixedIpInvalid(InvalidError):
    """Not an address."""

    code: ClassVar = 400


class FixedIpAssociateFailed(InvalidError):
    """An interface cannot have one more."""

    code: ClassVar = 400


class CidrConflict(ConflictError):
    """Another network has some of these addresses."""

    code: ClassVar = 409


class DuplicateVlan(ConflictError):
    """Another network has that VLAN."""

    code: ClassVar = 409

    def __init__(self, vlan: int) -> None:
        super().__init__(f"Detected existing VLAN with id {vlan}.", "vlan")
        self.vlan = vlan


class NetworkInUse(ConflictError):
    """Interfaces have addresses of it."""

    code: ClassVar = 409

    def __init__(self, network_id: str) -> None:
        super().__init__(f"Network {network_id} is still in use.")


class NetworkHasProject(ConflictError):
    """A project's network must be disassociated before it is deleted."""

    code: ClassVar = 409

    def __init__(self, network_id: str, project_id: str) -> None:
        message = (
            f"Network {network_id} must be disassociated from project {project_id} before it is deleted."
        )
        super().__init__(message)


class NoMoreNetworks(ConflictError):
    """No network is free for the project."""

    code: ClassVar = 400

    def __init__(self) -> None:
        super().__init__("No more available networks.")


class NoMoreFixedIps(ConflictError):
    """All of the network's fixed IPs are in use, or kept until leases end."""

    code: ClassVar = 400

    def __init__(self, network_id: str) -> None:
        super().__init__(f"No fixed IP addresses available for network: {network_id}")


class FixedIpAlreadyInUse(ConflictError):
    """Another interface has it, or netwright itself."""

    code: ClassVar = 409

    def __init__(self, address: Address) -> None:
        super().__init__(f"Fixed IP address {address} is already in use.", "address")


class VirtualInterfaceCreateException(ConflictError):
    """The hypervisor supplied fewer MACs than interfaces are needed, or one that is taken."""

    code: ClassVar = 500


class VirtualInterfaceMacAddressException(ConflictError):
    """No free MAC was found in as many attempts as are allowed."""

    code: ClassVar = 500

    def __init__(self, attempts: int) -> None:
        super().__init__(f"Creation of virtual interface with unique mac address failed {attempts} times.")


class OverQuota(ConflictError):
    """The project has as many as it may."""

    code: ClassVar = 403

    def __init__(self, resource: str, limit: int) -> None:
        super().__init__(f"Quota exceeded for {resource}: the limit is {limit}.")
        self.resource, self.limit = resource, limit


class FixedIpLimitExceeded(OverQuota):
    """The project's fixed IPs."""


class NetworkLimitExceeded(OverQuota):
    """The project's networks."""


class NetworkNotFound(NotFoundError):
    """No classic network has that id, uuid or prefix."""

    code: ClassVar = 404

    def __init__(self, network: object) -> None:
        super().__init__("Network", str(network))


class NetworkNotFoundForProject(NetworkNotFound):
    """The project does not have that network; without one: has none."""

    def __init__(self, project: object, network: object = None) -> None:
        super().__init__(network)
        which = "no network" if network is None else f"no network {str(network)!r}"
        self.message = f"Project {str(project)!r} has {which}."
        self.args = (self.message,)


class FixedIpNotFound(NotFoundError):
    """None such."""

    code: ClassVar = 404

    def __init__(self, reference: object) -> None:
        super().__init__("Fixed IP", str(reference))


class FixedIpNotFoundForAddress(FixedIpNotFound):
    """No classic network has the address."""


class FixedIpNotFoundForNetwork(FixedIpNotFound):
    """The network does not have it, or does not give it out."""


class FixedIpNotFoundForSpecificInstance(FixedIpNotFound):
    """The instance does not have it."""

    code: ClassVar = 400
