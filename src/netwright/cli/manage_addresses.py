"""`netwright-manage fixed` and `floating`: addresses by nova-manage's options."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

import click

from netwright.cli.manage_command import Asked, command, option
from netwright.cli.nouns import Column, Item, Noun
from netwright.cli.output import print_items, print_lines
from netwright.control import (
    classic_fixed_ips,
    classic_floating_ips,
    classic_floating_pools,
    classic_networks,
)
from netwright.control.classic_floating_ips import FloatingRecord
from netwright.control.classic_networks import ClassicRecord
from netwright.control.classic_refusals import FixedIpInvalid
from netwright.model.classic import ClassicFixedIp, Life
from netwright.model.ids import NetworkId
from netwright.nova import floating_ip_calls
from netwright.store import classic_fixed_ips as fixed_rows
from netwright.store.rows import Where

FIXED: Final = Noun(
    "fixed IP",
    "fixed_ip",
    (
        Column("NETWORK", "network"),
        Column("ADDRESS", "address"),
        Column("STATE", "state"),
        Column("HOSTNAME", "hostname"),
        Column("HOST", "host"),
    ),
)
FLOATING: Final = Noun(
    "floating IP",
    "floating_ip",
    (
        Column("PROJECT", "project_id"),
        Column("ADDRESS", "address"),
        Column("INSTANCE", "instance_uuid"),
        Column("POOL", "pool"),
        Column("INTERFACE", "interface"),
    ),
)


def fixed_list(asked: Asked) -> None:
    host = asked.text("host")
    where: Where = {} if host is None else {"host": (host,)}
    with asked.world.look() as connection:
        networks = {record.id: record for record in classic_networks.find_in(connection, {})}
        found = fixed_rows.find(connection, where)
    items = [
        _fixed(one, networks) for one in sorted(found, key=lambda one: (one.address.version, one.address))
    ]
    print_items(items, FIXED, asked.style)


def reserve(asked: Asked) -> None:
    address = _address(asked)
    classic_fixed_ips.reserve(asked.world, address)
    print_lines(f"reserved {address}")


def unreserve(asked: Asked) -> None:
    address = _address(asked)
    classic_fixed_ips.unreserve(asked.world, address)
    print_lines(f"unreserved {address}")


def floating_create(asked: Asked) -> None:
    wanted = floating_ip_calls.range_of(asked.required("ip_range"))
    pool = asked.text("pool") or asked.options.default_floating_pool
    interface = asked.text("interface") or asked.options.public_interface
    count = classic_floating_pools.add(asked.world, wanted, pool, interface)
    print_lines(f"created {count} floating IPs in pool {pool}, interface {interface}")


def floating_delete(asked: Asked) -> None:
    count = classic_floating_pools.remove(asked.world, floating_ip_calls.range_of(asked.required("ip_range")))
    print_lines(f"deleted {count} floating IPs")


def floating_list(asked: Asked) -> None:
    host = asked.text("host")
    every = classic_floating_ips.every(asked.world)
    found = [record for record in every if host in {None, record.host}]
    print_items([_floating(one) for one in sorted(found, key=lambda one: one.address)], FLOATING, asked.style)


def _address(asked: Asked) -> IPv4Address | IPv6Address:
    try:
        return ip_address(asked.required("address"))
    except ValueError as error:
        raise FixedIpInvalid(str(error), "address") from error


def _fixed(fixed: ClassicFixedIp, networks: dict[NetworkId, ClassicRecord]) -> Item:
    subnet = networks[fixed.network_id].subnet_of(fixed.address)
    return {
        "id": str(fixed.address),
        "network": None if subnet is None else str(subnet.cidr),
        "address": str(fixed.address),
        "state": "leased" if fixed.leased and fixed.life is Life.ALLOCATED else fixed.life.value,
        "hostname": fixed.hostname or None,
        "host": fixed.host,
        "instance_uuid": fixed.instance_uuid,
        "mac": fixed.mac,
    }


def _floating(record: FloatingRecord) -> Item:
    return {
        "id": int(record.address),
        "project_id": record.project_id,
        "address": str(record.address),
        "instance_uuid": record.instance_uuid,
        "pool": record.pool,
        "interface": record.interface,
        "fixed_address": None if record.fixed_address is None else str(record.fixed_address),
        "host": record.host,
        "auto_assigned": record.auto_assigned,
    }


_HOST: Final = "Only those of instances on this host."
_RANGE: Final = "An address, or a prefix of four addresses or more: its hosts."

fixed: Final = click.Group(
    "fixed",
    help="Fixed IPs: addresses of instances on networks.",
    commands={
        "list": command("list", [option("host", _HOST)], fixed_list, "List the fixed IPs that are not free."),
        "reserve": command(
            "reserve",
            [option("address", "A free fixed IP.", metavar="ADDRESS")],
            reserve,
            "Keep a fixed IP from instances.",
        ),
        "unreserve": command(
            "unreserve",
            [option("address", "A reserved fixed IP.", metavar="ADDRESS")],
            unreserve,
            "Give a fixed IP out again.",
        ),
    },
)

floating: Final = click.Group(
    "floating",
    help="Floating IPs: public addresses, in pools.",
    commands={
        "create": command(
            "create",
            [
                option("ip_range", _RANGE, metavar="RANGE"),
                option("pool", "The pool's name; by default nova."),
                option("interface", "The link that they are on; by default eth0.", metavar="NAME"),
            ],
            floating_create,
            """Add floating IPs to a pool.

\b
Example:
  netwright-manage floating create --ip_range 203.0.113.0/26 --pool public --interface eth0
""",
        ),
        "delete": command(
            "delete",
            [option("ip_range", _RANGE, metavar="RANGE")],
            floating_delete,
            "Take floating IPs that no project has from their pools.",
        ),
        "list": command("list", [option("host", _HOST)], floating_list, "List all pools' floating IPs."),
    },
)
