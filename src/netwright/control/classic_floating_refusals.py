"""Refusals about floating IPs by nova's names; `code` is the HTTP status that they stand for."""

# ruff: noqa: N818 - they are called as nova calls them

from __future__ import annotations

from typing import ClassVar

from netwright.control.classic_refusals import OverQuota
from netwright.model.errors import ConflictError, InvalidError, NotFoundError
from netwright.model.intent import Address


class InvalidInput(InvalidError):
    """A range of floating IPs that there cannot be."""

    code: ClassVar = 400


class FloatingIpNotFound(NotFoundError):
    """None such."""

    code: ClassVar = 404

    def __init__(self, reference: object) -> None:
        super().__init__("Floating IP", str(reference))


class FloatingIpNotFoundForAddress(FloatingIpNotFound):
    """No pool has the address."""


class FloatingIpPoolNotFound(NotFoundError):
    """No pool is called so."""

    code: ClassVar = 404

    def __init__(self, pool: str) -> None:
        super().__init__("Floating IP pool", pool)


class NoFloatingIpInterface(ConflictError):
    """The host has no such interface."""

    code: ClassVar = 404

    def __init__(self, interface: str) -> None:
        super().__init__(f"Interface {interface} not found.", "interface")
        self.interface = interface


class NoMoreFloatingIps(ConflictError):
    """All of the pool's are somebody's."""

    code: ClassVar = 404

    def __init__(self, pool: str) -> None:
        super().__init__(f"Zero floating IPs available in pool {pool!r}.", "pool")


class FloatingIpExists(ConflictError):
    """A pool has it already."""

    code: ClassVar = 409

    def __init__(self, address: object) -> None:
        super().__init__(f"Floating IP {address} already exists.", "ip_range")


class FloatingIpInUse(ConflictError):
    """It is a project's, so its pool cannot lose it."""

    code: ClassVar = 409

    def __init__(self, found: str) -> None:
        super().__init__(f"Floating IPs of projects cannot be deleted: {found}.", "ip_range")


class FloatingIpAssociated(ConflictError):
    """It must be taken from its instance first."""

    code: ClassVar = 409

    def __init__(self, address: Address) -> None:
        super().__init__(f"Floating IP {address} is associated.", "address")


class FloatingIpNotAssociated(ConflictError):
    """It is no instance's."""

    code: ClassVar = 409

    def __init__(self, address: Address) -> None:
        super().__init__(f"Floating IP {address} is not associated.", "address")


class FloatingIpAssociateFailed(ConflictError):
    """It cannot stand for that fixed IP now."""

    code: ClassVar = 409


class CannotDisassociateAutoAssignedFloatingIP(ConflictError):
    """It came with its instance, and goes with it."""

    code: ClassVar = 403

    def __init__(self, address: Address) -> None:
        super().__init__(f"Cannot disassociate auto assigned floating IP {address}.", "address")


class Forbidden(ConflictError):
    """It is another project's."""

    code: ClassVar = 403


class FloatingIpLimitExceeded(OverQuota):
    """The project's floating IPs."""
