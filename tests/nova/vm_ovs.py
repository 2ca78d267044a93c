"""Open vSwitch with its datapath in the kernel: test_ovs_kernel.py runs this file in a virtual machine."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack

from nova.net_hosts import NetHost, flat_network
from nova.ovs_switch import guest_on, reaches, switch_on

from netwright.nova.linux_net import initialize_gateway_device, plug, unplug


def test_the_kernels_datapath_carries_vlans_and_gateways(place: NetHost) -> None:
    """Tag 20 reaches tag 20 and the gateway of the network with VLAN 20, and not tag 10; nothing is left."""
    subprocess.run(["modprobe", "openvswitch"], check=True)
    network = flat_network(vlan=20, dhcp_server="10.0.0.254", gateway="10.0.0.254")
    with switch_on(place, "system") as switch, ExitStack() as stack:
        gateway = plug(network, "fa:16:3e:00:00:01", on=switch.on)
        initialize_gateway_device(gateway, network, on=switch.on)
        assert "openvswitch" in switch.place.link(gateway)
        one, _, other = (
            stack.enter_context(guest_on(switch, number, tag)) for number, tag in ((1, 20), (2, 20), (3, 10))
        )
        assert reaches(one, "10.0.0.2")
        assert reaches(one, "10.0.0.254")
        assert not reaches(other, "10.0.0.2")
        assert not reaches(other, "10.0.0.254")
        plug(network, "fa:16:3e:00:00:01", False, on=switch.on)
        assert reaches(one, "10.0.0.2")
        assert not reaches(one, "10.0.0.254")
        unplug(network, on=switch.on)
        assert not switch.place.link(gateway)
        assert switch.flows() == []
