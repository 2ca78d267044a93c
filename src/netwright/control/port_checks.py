"""What a port may be, and where it may be plugged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from netwright.control import text
from netwright.control.dhcp_ports import OWNER
from netwright.control.refusals import NamedConflictError, invalid
from netwright.control.world import Work
from netwright.model.ids import HostName, Mac
from netwright.model.intent import AddressPair, Attachment, Guest, InNamespace, Port, Prefix, Unplugged
from netwright.store import hosts, rows
from netwright.store.tables import ports

MOST_PAIRS: Final = 10
_MOST_ENTRIES: Final = 128
_LONGEST_KEY: Final = 16384


@dataclass(frozen=True, slots=True)
class PairRequest:
    """An allowed address pair; without a MAC it is for the port's own."""

    prefix: Prefix
    mac: str | None = None


def owner(given: str) -> str:
    """Any line of text but the owner that marks netwright's own DHCP ports."""
    if given == OWNER:
        raise invalid("device_owner", f"{OWNER} is for the ports that netwright makes itself.")
    return text.line(given, "device_owner")


def host(name: str | None) -> HostName | None:
    return None if not name else text.host_name(name, "binding:host_id")


def pairs(wanted: Sequence[PairRequest], own: Mac) -> tuple[AddressPair, ...]:
    """Raises InvalidError for too many of them, or the same one twice."""
    found = tuple(
        AddressPair(pair.prefix, own if pair.mac is None else text.mac(pair.mac, "allowed_address_pairs"))
        for pair in wanted
    )
    if len(found) > MOST_PAIRS:
        raise invalid("allowed_address_pairs", f"at most {MOST_PAIRS}.")
    if len(set(found)) != len(found):
        raise invalid("allowed_address_pairs", "one is there twice.")
    return found


def guest(given: Guest) -> Guest:
    """Raises InvalidError for texts that the metadata service cannot tell."""
    field = "netwright:guest"
    text.dns_domain(given.hostname, field)
    text.base64_text(given.user_data, field)
    if len(given.public_keys) > _MOST_ENTRIES or len(given.meta) > _MOST_ENTRIES:
        raise invalid(field, f"at most {_MOST_ENTRIES} public_keys and as many meta.")
    for name, key in given.public_keys:
        text.line(name, field)
        text.line(key, field, _LONGEST_KEY)
    for name, value in given.meta:
        text.line(name, field)
        text.prose(value, field)
    return given


def refuse_unguarded(port: Port) -> None:
    """Raises ConflictError where a port has what only port security can give it."""
    if port.port_security_enabled:
        return
    for kind, field, listed in (
        ("PortSecurityPortHasSecurityGroup", "security_groups", port.security_groups),
        ("AddressPairAndPortSecurityRequired", "allowed_address_pairs", port.allowed_address_pairs),
    ):
        if listed:
            message = f"port_security_enabled: cannot be false while the port has {field}."
            raise NamedConflictError(kind, message, "port_security_enabled")


def placed(work: Work, old: Port, new: Port) -> Port:
    """The port bound to a host where it is to be plugged. Raises InvalidError, ConflictError."""
    if isinstance(new.attachment, Unplugged):
        return new
    if new.host is None:
        new = replace(new, host=_only_host(work))
    if (new.attachment, new.host) != (old.attachment, old.host):
        _check_attachment(work, new, new.attachment)
    return new


def _only_host(work: Work) -> HostName:
    known = hosts.every(work.connection)
    return known[0].name if len(known) == 1 else work.world.host


def _check_attachment(work: Work, port: Port, attachment: Attachment) -> None:
    if not isinstance(attachment, InNamespace):
        return
    text.namespace_name(attachment.namespace, "netwright:attachment")
    text.link_name(attachment.link, "netwright:attachment")
    taken = {"host": (port.host,), "namespace": (attachment.namespace,), "link": (attachment.link,)}
    statement = sa.select(ports.c.id).where(*rows.conditions(ports, taken), ports.c.id != port.id)
    if other := work.connection.execute(statement).scalar():
        where = f"link {attachment.link} in namespace {attachment.namespace} of host {port.host}"
        message = f"netwright:attachment: {where} is port {other}'s."
        raise NamedConflictError("AttachmentInUse", message, "netwright:attachment")
