"""What a user may call a thing, and what of that reaches a file."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from netwright.agent.metadata_guest import hostname
from netwright.model.host import FileKind, Traits
from netwright.model.intent import Guest
from netwright.model.plan import Serving
from netwright.render.dhcp import network_dhcp, port_dhcp
from netwright.render.names import domain, host_label
from netwright.testing.samples import NETWORK, sample_address, sample_network, sample_port, sample_subnet

V4 = sample_subnet("10.20.0.0/24")
V6 = sample_subnet("2001:db8::/64", Serving.DHCPV6_STATEFUL, number=2)
PORT = sample_port(sample_address(V4, "10.20.0.9"), sample_address(V6, "2001:db8::9"))
TEXT = st.one_of(
    st.text(), st.sampled_from(["ignore", "infinite", "1h", "a\nb", "a,b", '"', "#", "id:*", "é", ""])
)
NAME = re.compile(r"(?=.{1,254}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
RESERVATION = re.compile(r"fa:16:3e:00:00:01,(10\.20\.0\.9|\[2001:db8::9\]),([^,]+)")


@given(TEXT, TEXT)
def test_no_name_makes_a_second_line_or_word(name: str, suffix: str) -> None:
    """Whatever a port is called, its files have one line an address, with one well-formed name."""
    for key, text in port_dhcp(replace(PORT, dns_name=name, dns_domain=suffix)).items():
        lines = text.split("\n")
        assert lines.pop() == ""
        assert len(lines) == 2
        for line in lines:
            full = (
                (RESERVATION.fullmatch(line) or [""] * 3)[2]
                if key.kind is FileKind.DHCP
                else line.split(" ")[1]
            )
            assert NAME.fullmatch(full)


@given(TEXT)
def test_no_domain_makes_a_second_option(suffix: str) -> None:
    """A network's domain changes two lines and adds none."""
    traits = Traits("/run/netwright", bridge_conntrack=False)
    plain, hostile = (
        network_dhcp(replace(sample_network(V4), dns_domain=text), traits)[NETWORK].config.split("\n")
        for text in ("plain", suffix)
    )
    differing = [new for old, new in zip(plain, hostile, strict=True) if old != new]
    assert all(re.fullmatch(r"(domain=|local=/)[a-z0-9.-]+/?", line) for line in differing)


@given(TEXT, TEXT)
def test_a_guests_hostname_is_always_one_name(wanted: str, own: str) -> None:
    """What cloud-init is told to set is a host's name, whatever was asked for."""
    assert NAME.fullmatch(hostname(replace(PORT, dns_name=own, guest=Guest(hostname=wanted))))


def test_sound_names_stay_as_they_are() -> None:
    """Only what is unsafe is changed."""
    assert domain("eu.example.internal") == "eu.example.internal"
    assert host_label("Web-1", ip_address("10.20.0.9")) == "web-1"
    assert host_label("\n", ip_address("10.20.0.9")) == "host-10-20-0-9"
