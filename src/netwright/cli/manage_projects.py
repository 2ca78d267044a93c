"""`netwright-manage vpn` and `project`: what belongs to projects, by nova-manage's options."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address
from typing import Final

import click

from netwright.cli.manage_command import Asked, command, option
from netwright.cli.nouns import Column, Item, Noun
from netwright.cli.output import print_items, print_lines
from netwright.control import classic_projects, quotas
from netwright.model.errors import InvalidError

QUOTA: Final = Noun(
    "quota",
    "quota",
    (
        Column("RESOURCE", "resource"),
        Column("LIMIT", "limit"),
        Column("USED", "used"),
        Column("DEFAULT", "is_default"),
    ),
)
_DIGITS: Final = re.compile("[0-9]{1,9}")
_NO_LIMIT: Final = frozenset({"unlimited", "-1"})


def vpn_change(asked: Asked) -> None:
    project = asked.required("project")
    try:
        address = IPv4Address(asked.required("ip"))
    except AddressValueError as error:
        raise InvalidError(str(error), "ip") from error
    changed = classic_projects.change_vpn(asked.world, project, address, _number(asked, "port"))
    networks = "1 network" if len(changed) == 1 else f"{len(changed)} networks"
    print_lines(f"changed the VPN of {networks} of project {project}")


def quota(asked: Asked) -> None:
    project, key, value = asked.required("project"), asked.text("key"), asked.text("value")
    if (key is None) != (value is None):
        raise InvalidError("--key and --value go together", "key")
    if key is not None and value is not None:
        quotas.set_limit(asked.world, project, key, _limit(value))
    print_items(_quotas(asked, project), QUOTA, asked.style)


def scrub(asked: Asked) -> None:
    project = asked.required("project")
    gone = classic_projects.scrub(asked.world, project)
    print_lines(
        f"project {project} has no more: {len(gone.networks)} networks, {len(gone.groups)} security groups"
    )


def _quotas(asked: Asked, project: str) -> list[Item]:
    own = quotas.limits(asked.world, project)
    defaults = {
        quotas.FIXED_IPS: asked.options.quota_fixed_ips,
        quotas.FLOATING_IPS: asked.options.quota_floating_ips,
        quotas.NETWORKS: asked.options.quota_networks
        if asked.options.enable_network_quota
        else quotas.UNLIMITED,
    }
    with asked.world.look() as connection:
        return [
            {
                "id": name,
                "resource": name,
                "limit": own.get(name, defaults[name]),
                "used": quotas.used(connection, project, name),
                "is_default": name not in own,
            }
            for name in quotas.RESOURCES
        ]


def _limit(value: str) -> int | None:
    if value == "default":
        return None
    if value in _NO_LIMIT:
        return quotas.UNLIMITED
    if not _DIGITS.fullmatch(value):
        raise InvalidError(f"--value: {value!r} is neither a number, 'unlimited' nor 'default'", "value")
    return int(value)


def _number(asked: Asked, name: str) -> int:
    text = asked.required(name)
    if not _DIGITS.fullmatch(text):
        raise InvalidError(f"--{name}: {text[:40]!r} is not a number", name)
    return int(text)


_PROJECT: Final = "The project's id."

vpn: Final = click.Group(
    "vpn",
    help="Projects' VPNs.",
    commands={
        "change": command(
            "change",
            [
                option("project", _PROJECT),
                option("ip", "Where it is reached from outside.", metavar="ADDRESS"),
                option("port", "And at which UDP port.", metavar="NUMBER"),
            ],
            vpn_change,
            "Change address and port of the VPN of all of a project's networks.",
        )
    },
)

project: Final = click.Group(
    "project",
    help="Projects' quotas and belongings.",
    commands={
        "quota": command(
            "quota",
            [
                option("project", _PROJECT),
                option("key", f"Which limit to change: {', '.join(quotas.RESOURCES)}."),
                option("value", "A number, 'unlimited' or 'default'."),
            ],
            quota,
            "List a project's quotas, after changing one.",
        ),
        "scrub": command(
            "scrub",
            [option("project", _PROJECT)],
            scrub,
            "Free a project's networks for others and delete its security groups.",
        ),
    },
)
