"""The filters that every port shares: what a guest may put on its wire, and what none may forbid it.

They are the ones that nova-network had libvirt keep, by the same names but for the prefix. What a guest
owns comes in as variables: GUESTMAC, and MAC4/IP4/MASK4, MAC6/IP6/MASK6 as lists of equal length.
"""

from __future__ import annotations

from typing import Final

from netwright.render.nwfilter import ANY_STATE, Fields, Filters, NwReference, NwRule, nwfilter

DISCOVERY: Final = {"out": (131, 132, 133, 135, 136, 143), "in": (130, 134, 135, 136)}
"""ICMPv6 types that a guest may always send, and always get."""
_NOBODY: Final = "0.0.0.0"  # noqa: S104 - an address that is matched, not bound
_MULTICAST6: Final = "33:33:00:00:00:00"


def base_filters() -> Filters:
    """Everything that does not depend on the plan."""
    return (
        _no_mac_spoofing()
        | _ipv4()
        | _arp()
        | _ipv6()
        | _no_nd_reflection()
        | _no_other_traffic()
        | _allow_dhcp_server()
        | _allow_discovery()
        | _bases()
    )


def _bases() -> Filters:
    honest = [
        NwReference(name)
        for name in (
            "no-mac-spoofing",
            "no-ip-spoofing",
            "no-arp-spoofing",
            "no-ipv6-spoofing",
            "no-nd-reflection",
            "no-other-traffic",
            "allow-discovery",
        )
    ]
    server = NwReference("allow-dhcp-server")
    return (
        nwfilter("base", references=[*honest, server])
        | nwfilter("nodhcp", references=honest)
        | nwfilter("vpn", references=[server])
    )


def _no_mac_spoofing() -> Filters:
    rules = [
        NwRule("return", "out", -800, "mac", {"srcmacaddr": "$GUESTMAC"}),
        NwRule("drop", "out", -700, "mac", {}),
    ]
    return nwfilter("no-mac-spoofing", rules, chain="mac", priority=-800)


def _ipv4() -> Filters:
    own: Fields = {"srcmacaddr": "$MAC4[@1]", "srcipaddr": "$IP4[@1]", "srcipmask": "$MASK4[@1]"}
    server: Fields = {"protocol": "udp", "srcportstart": 67, "dstportstart": 68}
    client: Fields = {"srcipaddr": _NOBODY, "dstipaddr": "255.255.255.255", "protocol": "udp"}
    ports: Fields = {"srcportstart": 68, "dstportstart": 67}
    rules = [
        NwRule("drop", "out", 100, "ip", server),
        NwRule("return", "out", 300, "ip", client | ports),
        NwRule("drop", "out", 900, "mac", {}),
    ]
    return nwfilter(
        "own-ipv4", [NwRule("return", "out", 200, "ip", own)], chain="ipv4-own", priority=-710
    ) | nwfilter("no-ip-spoofing", rules, chain="ipv4-own", priority=-710)


def _arp() -> Filters:
    kind: Fields = {"hwtype": 1, "protocoltype": "0x800"}
    own: Fields = {"arpsrcmacaddr": "$MAC4[@1]", "arpsrcipaddr": "$IP4[@1]", "arpsrcipmask": "$MASK4[@1]"}
    # RFC 5227 probes: nobody's address, our own hardware's.
    probe: Fields = {"opcode": 1, "arpsrcmacaddr": "$GUESTMAC", "arpsrcipaddr": _NOBODY, "arpsrcipmask": 32}
    rules = [
        NwRule("return", "out", 300, "arp", kind | probe),
        NwRule("drop", "out", 900, "mac", {}),
    ]
    return nwfilter(
        "own-arp", [NwRule("return", "out", 200, "arp", kind | own)], chain="arp-own", priority=-520
    ) | nwfilter("no-arp-spoofing", rules, chain="arp-own", priority=-520)


def _ipv6() -> Filters:
    own: Fields = {"srcmacaddr": "$MAC6[@1]", "srcipaddr": "$IP6[@1]", "srcipmask": "$MASK6[@1]"}
    server: Fields = {"protocol": "udp", "srcportstart": 547, "dstportstart": 546}
    nobody: Fields = {"srcipaddr": "::", "srcipmask": 128, "protocol": "icmpv6"}
    rules = [
        NwRule("drop", "out", 100, "ipv6", server),
        # Multicast queries, router advertisements, redirects, renumbering: for routers only.
        NwRule("drop", "out", 100, "ipv6", {"protocol": "icmpv6", "type": 130}),
        NwRule("drop", "out", 100, "ipv6", {"protocol": "icmpv6", "type": 134}),
        NwRule("drop", "out", 100, "ipv6", {"protocol": "icmpv6", "type": 137, "typeend": 138}),
        # From nobody's address: multicast reports, router solicitations, duplicate address detection.
        NwRule("return", "out", 300, "ipv6", nobody | {"type": 131, "typeend": 133}),
        NwRule("return", "out", 300, "ipv6", nobody | {"type": 135}),
        NwRule("return", "out", 300, "ipv6", nobody | {"type": 143}),
        NwRule("drop", "out", 900, "mac", {}),
    ]
    return nwfilter(
        "own-ipv6", [NwRule("return", "out", 200, "ipv6", own)], chain="ipv6-own", priority=-610
    ) | nwfilter("no-ipv6-spoofing", rules, chain="ipv6-own", priority=-610)


def _no_nd_reflection() -> Filters:
    """A guest does not hear its own multicast come back, and take its address for a duplicate."""
    reflected = {"srcmacaddr": "$GUESTMAC", "dstmacaddr": _MULTICAST6, "dstmacmask": "ff:ff:00:00:00:00"}
    rules = [NwRule("drop", "in", 100, "mac", reflected)]
    return nwfilter("no-nd-reflection", rules, chain="ipv6-own", priority=-610)


def _no_other_traffic() -> Filters:
    rules = [
        NwRule("accept", "inout", 600, "mac", {"protocolid": known}) for known in ("arp", "ipv4", "ipv6")
    ]
    return nwfilter("no-other-traffic", [*rules, NwRule("drop", "inout", 1000, "mac", {})])


def _allow_dhcp_server() -> Filters:
    """DHCP and DHCPv6 for the guest as a client, whatever its groups say."""
    rules = []
    for protocol, client, server in (("udp", 68, 67), ("udp-ipv6", 546, 547)):
        for direction, source, target in (("out", client, server), ("in", server, client)):
            ports: Fields = {"state": ANY_STATE, "srcportstart": source, "dstportstart": target}
            rules.append(NwRule("accept", direction, 200, protocol, ports))
    return nwfilter("allow-dhcp-server", rules)


def _allow_discovery() -> Filters:
    """What IPv6 does not work without; conntrack does not track it (RFC 4861, RFC 3810)."""
    rules = []
    for direction, types in DISCOVERY.items():
        rules += [NwRule("accept", direction, 200, "icmpv6", {"type": kind}, tracked=False) for kind in types]
    return nwfilter("allow-discovery", rules)
