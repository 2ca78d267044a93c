"""Plans and reports as JSON bytes, and back; nothing in between is trusted."""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

import msgspec
from cattrs import BaseValidationError, Converter
from cattrs.strategies import configure_tagged_union

from netwright.model.counters import CounterReport
from netwright.model.errors import NetwrightError
from netwright.model.intent import Address, Attachment, Match, Prefix, Remote
from netwright.model.leases import LeaseReport
from netwright.model.plan import HostPlan, Item, ItemKey, Noun, PlanDelta, PlanUpdate
from netwright.model.report import Report
from netwright.model.vpn_plans import VpnWay

WIRE_VERSION: Final = 1
ASK_COUNTERS: Final = b'{"ask":"counters"}'
"""A line of the watch that is no update: the agent is to tell its rules' counters now."""
_TAG: Final = "is"


class WireError(NetwrightError):
    """Bytes that are not what this version of the wire speaks."""


def encode_update(update: PlanUpdate) -> bytes:
    """One line of JSON, without its newline."""
    return _encode(update, PlanUpdate)


def decode_update(data: bytes) -> PlanUpdate:
    """The plan or delta in one line of JSON. Raises WireError."""
    body = _decode(data, PlanUpdate)
    if not isinstance(body, HostPlan | PlanDelta):
        message = "neither a plan nor a delta"
        raise WireError(message)
    return body


def encode_report(report: Report) -> bytes:
    """JSON bytes of a report."""
    return _encode(report, Report)


def decode_report(data: bytes) -> Report:
    """The report in JSON bytes. Raises WireError."""
    body = _decode(data, Report)
    if not isinstance(body, Report):
        message = "not a report"
        raise WireError(message)
    return body


def encode_counters(report: CounterReport) -> bytes:
    """JSON bytes of what an agent has counted."""
    return _encode(report, CounterReport)


def decode_counters(data: bytes) -> CounterReport:
    """What an agent has counted, from JSON bytes. Raises WireError."""
    body = _decode(data, CounterReport)
    if not isinstance(body, CounterReport):
        message = "not a report of counters"
        raise WireError(message)
    return body


def encode_leases(report: LeaseReport) -> bytes:
    """JSON bytes of what DHCP servers told an agent."""
    return _encode(report, LeaseReport)


def decode_leases(data: bytes) -> LeaseReport:
    """What DHCP servers told an agent, from JSON bytes. Raises WireError."""
    body = _decode(data, LeaseReport)
    if not isinstance(body, LeaseReport):
        message = "not a report of leases"
        raise WireError(message)
    return body


def _encode(value: object, shape: object) -> bytes:
    body = _CONVERTER.unstructure(value, unstructure_as=shape)
    return msgspec.json.encode({"version": WIRE_VERSION, "body": body})


def _decode(data: bytes, shape: object) -> object:
    try:
        envelope: object = msgspec.json.decode(data)
        if not isinstance(envelope, dict) or envelope.get("version") != WIRE_VERSION:
            message = f"this side speaks wire version {WIRE_VERSION}"
            raise WireError(message)
        body = envelope.get("body")
        return _CONVERTER.structure(body, shape)  # type: ignore[arg-type]  # takes unions, is typed for classes
    except (msgspec.MsgspecError, BaseValidationError, ValueError, TypeError, KeyError) as error:
        message = f"cannot read it: {error}"
        raise WireError(message) from error


def _converter() -> Converter:
    converter = Converter(prefer_attrib_converters=False, detailed_validation=False)
    for kind in (IPv4Address, IPv6Address, IPv4Network, IPv6Network):
        converter.register_unstructure_hook(kind, str)
        converter.register_structure_hook(kind, lambda text, shape: shape(text))
    converter.register_unstructure_hook(Address, str)
    converter.register_structure_hook(Address, lambda text, _: ip_address(text))
    converter.register_unstructure_hook(Address | None, lambda value: value and str(value))
    converter.register_structure_hook(
        Address | None, lambda text, _: None if text is None else ip_address(text)
    )
    converter.register_unstructure_hook(Prefix, str)
    converter.register_structure_hook(Prefix, lambda text, _: ip_network(text))
    converter.register_unstructure_hook(ItemKey, list)
    converter.register_structure_hook(ItemKey, lambda pair, _: ItemKey(Noun(pair[0]), str(pair[1])))
    for union in (Attachment, Match, Remote, VpnWay, Item):
        configure_tagged_union(union, converter, tag_name=_TAG)
    _plan_hooks(converter)
    configure_tagged_union(PlanUpdate, converter, tag_name=_TAG)
    return converter


def _plan_hooks(converter: Converter) -> None:
    """A plan's items travel as a list: their keys are in them."""

    def plan_out(plan: HostPlan) -> dict[str, object]:
        items = [converter.unstructure(item, unstructure_as=Item) for item in plan.items.values()]
        return {"host": plan.host, "generation": plan.generation, "items": items}

    def plan_in(body: dict[str, object], _: type[HostPlan]) -> HostPlan:
        listed = body["items"]
        if not isinstance(listed, list):
            message = "items is not a list"
            raise TypeError(message)
        items: list[Item] = [converter.structure(item, Item) for item in listed]  # type: ignore[arg-type]  # a union
        return HostPlan(
            host=converter.structure(body["host"], str),  # type: ignore[arg-type]  # a NewType of str
            generation=converter.structure(body["generation"], int),
            items={item.key: item for item in items},
        )

    converter.register_unstructure_hook(HostPlan, plan_out)
    converter.register_structure_hook(HostPlan, plan_in)


_CONVERTER: Final = _converter()
