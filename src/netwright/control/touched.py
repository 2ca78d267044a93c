"""From the log of changes to the plan's items that they may concern; more than need be, never fewer."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import sqlalchemy as sa

from netwright.model.ids import GroupId, HostName, NetworkId, PortId, QosPolicyId
from netwright.model.plan import ItemKey, Noun
from netwright.store import port_forwardings, presence, qos, vpns
from netwright.store.changes import Change, Touched


def item_keys(connection: sa.Connection, host: HostName, changed: Collection[Change]) -> frozenset[ItemKey]:
    """The keys of all items of the host's plan that may differ since these changes.

    What was related to a thing before it changed is in the log itself (the writers in control see to
    that); what is related to it now is looked up here.
    """
    keys = frozenset(_keys(connection, host, changed))
    networks = frozenset(NetworkId(key.id) for key in keys if key.noun is Noun.NETWORK)
    return keys.union(_filed(Noun.VPN, vpns.ids(connection, networks))) if networks else keys


def _keys(connection: sa.Connection, host: HostName, changed: Collection[Change]) -> Iterator[ItemKey]:
    networks = frozenset(NetworkId(one.id) for one in changed if one.noun is Touched.NETWORK)
    bare = frozenset(NetworkId(one.id) for one in changed if one.noun is Touched.NETWORK_ITEM)
    ports = frozenset(PortId(one.id) for one in changed if one.noun is Touched.PORT)
    groups = frozenset(GroupId(one.id) for one in changed if one.noun is Touched.GROUP)
    left = frozenset(GroupId(one.id) for one in changed if one.noun is Touched.GROUP_USE)
    given = frozenset(NetworkId(one.id) for one in changed if one.noun is Touched.GATEWAY)
    renamed = frozenset(GroupId(one.id) for one in changed if one.noun is Touched.GROUP_NAME)
    for noun in (Noun.FLOATING_IP, Noun.FORWARDS):
        yield from (ItemKey(noun, one.id) for one in changed if one.noun is Touched.FLOATING_IP)
    yield from (ItemKey(Noun.VPN, one.id) for one in changed if one.noun is Touched.VPN)
    yield from (ItemKey(Noun.ADDRESS_GROUP, one.id) for one in changed if one.noun is Touched.ADDRESS_GROUP)
    if policies := frozenset(QosPolicyId(one.id) for one in changed if one.noun is Touched.QOS_POLICY):
        yield from _filed(Noun.PORT_QOS, qos.ports_of(connection, host, policies))
        yield from _filed(Noun.FLOATING_IP, qos.floating_ips_of(connection, policies))
    if given:
        yield from _filed(Noun.SERVED, presence.plugged_on(connection, given))
    if networks or given:
        yield from _about_networks(connection, host, networks | given)
    if renamed:
        yield from _filed(Noun.PORT, presence.ports_of_groups(connection, host, renamed))
        yield from _filed(Noun.SERVED, presence.ports_of_groups(connection, host, renamed, served=True))
    if ports:
        yield from _about_ports(connection, ports)
        if given or presence.any_served(connection):
            yield from _filed(Noun.SERVED, ports | presence.siblings(connection, ports))
        left |= presence.groups_of_ports(connection, host, ports)
    turned = left - presence.kept_groups(connection, host, left, ports) if left else left
    yield from _about_groups(connection, host, groups, turned)
    yield from _filed(Noun.GROUP, left)
    yield from _filed(Noun.NETWORK, bare)


def _about_groups(
    connection: sa.Connection, host: HostName, changed: frozenset[GroupId], turned: frozenset[GroupId]
) -> Iterator[ItemKey]:
    """`turned`: groups that a plan may have begun or ceased to need."""
    affected = changed | turned
    if affected:
        near = affected | presence.remote_groups(connection, affected)
        yield from _filed(Noun.GROUP, near)
        yield from _filed(Noun.ADDRESS_GROUP, presence.address_groups_named(connection, affected))
        yield from _filed(Noun.MEMBER, presence.members_elsewhere(connection, host, near))


def _about_networks(
    connection: sa.Connection, host: HostName, networks: frozenset[NetworkId]
) -> Iterator[ItemKey]:
    yield from _filed(Noun.NETWORK, networks)
    near = presence.ports_about(connection, host, networks)
    yield from _filed(Noun.PORT, near)
    yield from _filed(Noun.PORT_QOS, near)
    yield from _filed(Noun.SERVED, presence.ports_about(connection, host, networks, served=True))
    yield from _filed(Noun.FLOATING_IP, presence.floating_ips_about(connection, networks))
    yield from _filed(Noun.FORWARDS, port_forwardings.about_networks(connection, networks))


def _about_ports(connection: sa.Connection, ports: frozenset[PortId]) -> Iterator[ItemKey]:
    yield from _filed(Noun.PORT, ports | presence.siblings(connection, ports))
    yield from _filed(Noun.MEMBER, ports)
    yield from _filed(Noun.PORT_QOS, ports)
    yield from _filed(Noun.NETWORK, presence.networks_of_ports(connection, ports))
    yield from _filed(Noun.FLOATING_IP, presence.floating_ips_of_ports(connection, ports))
    yield from _filed(Noun.FORWARDS, port_forwardings.of_ports(connection, ports))


def _filed(noun: Noun, ids: Collection[str]) -> Iterator[ItemKey]:
    return (ItemKey(noun, one) for one in ids)
