"""What instances' hostnames become: DNS labels, in ports, lease files and DHCP servers' files."""

from __future__ import annotations

import pytest
from asking import ports
from nova.managers import ADMIN, ALICE, boot, flat_dhcp, instance, uuid, world_of


@pytest.mark.parametrize(
    ("hostname", "kept", "shown"),
    [
        ("1vm", "1vm", "host-1vm"),
        ("VM.Example.Org", "vm-example-org", "vm-example-org"),
        ("x" * 70, "x" * 63, "x" * 63),
        ("evil\nfoo *", "evil-foo", "evil-foo"),
        ("\u65e5\u672c", "", ""),
    ],
)
def test_any_hostname_boots_and_becomes_a_label(hostname: str, kept: str, shown: str) -> None:
    """Whatever an instance is called, it gets its addresses, the second as the first, and no file gets more than a name."""
    with flat_dhcp() as manager:
        (net,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", bridge="br100")
        known = {**instance(1), "hostname": hostname}
        boot(manager, 1, instance=known)
        manager.allocate_fixed_ip(ALICE, uuid(1), net, instance=known)
        vif = manager.get_vifs_by_instance(ADMIN, uuid(1))[0]
        assert ports.get(world_of(manager), vif.uuid).value.dns_name == shown
        for address in ("10.0.0.2", "10.0.0.3"):
            manager.lease_fixed_ip(ADMIN, address)
        words = [line.split(" ")[2:] for line in manager.get_dhcp_leases(ADMIN, net).split("\n")]
        assert words == [["10.0.0.2", kept or "*", "*"], ["10.0.0.3", kept or "*", "*"]]
