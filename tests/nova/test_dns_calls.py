"""nova's DNS calls by a manager's name; a real dnsmasq answers."""

from __future__ import annotations

import pytest
from nova.dns_daemons import directory, dnsmasq
from nova.managers import ADMIN, ALICE, BOB, boot, uuid
from worlds import world

from netwright.model.errors import InvalidError, NotFoundError
from netwright.nova.manager import FlatDHCPManager
from netwright.nova.options import NetworkOptions


class Elsewhere:
    """Names that a caller keeps."""

    def add_instance(self, instance: object, address: str) -> None: ...

    def remove_instance(self, instance: object, address: str) -> None: ...


def test_a_manager_answers_the_dns_calls() -> None:
    """Domains and entries come, move and go by keyword as the remote calls sent them, and dnsmasq answers what they say."""
    with world() as here, directory() as path:
        options = NetworkOptions(
            instance_dns_manager="dnsmasq", floating_ip_dns_manager="dnsmasq", dnsmasq_dns_directory=path
        )
        manager = FlatDHCPManager(here, options=options)
        with dnsmasq(f"--hostsdir={path}") as server:
            manager.create_private_dns_domain(ADMIN, domain="guests.org", av_zone="north")
            manager.create_public_dns_domain(ADMIN, domain="alice.org", project="alice")
            assert [one["domain"] for one in manager.get_dns_domains(ADMIN)] == ["alice.org", "guests.org"]
            entry = {"address": "203.0.113.5", "name": "web", "domain": "alice.org"}
            with pytest.raises(NotFoundError):
                manager.add_dns_entry(BOB, dns_type="A", **entry)
            manager.add_dns_entry(ALICE, dns_type="A", **entry)
            assert server.comes_to({("web.alice.org", "A"): {"203.0.113.5"}})
            manager.modify_dns_entry(ALICE, **{**entry, "address": "203.0.113.6"})
            assert server.comes_to({("web.alice.org", "A"): {"203.0.113.6"}})
            assert manager.get_dns_entries_by_name(ALICE, name="web", domain="alice.org") == ["203.0.113.6"]
            by_address = manager.get_dns_entries_by_address(ALICE, address="203.0.113.6", domain="alice.org")
            assert by_address == ["web"]
            manager.delete_dns_entry(ALICE, name="web", domain="alice.org")
            assert server.comes_to({("web.alice.org", "A"): set()})
            manager.delete_dns_domain(ADMIN, domain="alice.org")
            assert [one["domain"] for one in manager.get_dns_domains(ADMIN)] == ["guests.org"]


def test_names_that_the_caller_keeps_are_the_callers() -> None:
    """A manager that was given its own keeper of names refuses DNS calls, and allocates all the same."""
    with world() as here:
        manager = FlatDHCPManager(here, options=NetworkOptions(flat_network_bridge="br1"), dns=Elsewhere())
        manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
        with pytest.raises(InvalidError, match="kept by its caller"):
            manager.get_dns_domains(ADMIN)
        boot(manager, 1)
        assert len(manager.get_vifs_by_instance(ADMIN, uuid(1))) == 1
