"""The VPN forwards of nova's networks that agents serve: VPNs as users' own are, so that agents make them."""

from __future__ import annotations

from dataclasses import replace

from netwright.control import vpns
from netwright.control.vpns import VpnRequest
from netwright.control.world import Work
from netwright.model.classic import ClassicNetwork
from netwright.model.ids import ProjectId
from netwright.model.intent import UdpForward, Vpn
from netwright.store import vpns as store
from netwright.store.changes import Touched


def add(work: Work, classic: ClassicNetwork, name: str) -> None:
    """The way from the network's public port to its VPN's address; none where it has no such port.

    One port leads to one place: where it leads to another network of the project, that stays.

    Raises ConflictError where a VPN of another project has the port, InvalidError.
    """
    if classic.vpn_private_address is None or classic.vpn_public_port is None:
        return
    mine = {"project_id": (classic.project_id,), "public_port": (classic.vpn_public_port,)}
    if classic.project_id is not None and store.find(work.connection, mine):
        return
    vpns.create_in(
        work,
        VpnRequest(
            network_id=classic.network_id,
            name=name,
            public_address=classic.vpn_public_address,
            public_port=classic.vpn_public_port,
            private_address=classic.vpn_private_address,
        ),
    )


def move(work: Work, classic: ClassicNetwork) -> None:
    """The forward, if agents serve the network, is at the public address and port that it has now.

    Raises ConflictError where another VPN has the port, InvalidError.
    """
    if classic.vpn_public_port is None:
        return
    to = VpnRequest(public_address=classic.vpn_public_address, public_port=classic.vpn_public_port)
    for vpn in _of(work, classic):
        vpns.update_in(work, vpn, to)


def remove(work: Work, classic: ClassicNetwork) -> None:
    """There is no forward of the network's."""
    for vpn in _of(work, classic):
        vpns.delete_in(work, vpn)


def give_to(work: Work, classic: ClassicNetwork, project: ProjectId) -> None:
    """The forward is the project's."""
    for vpn in _of(work, classic):
        store.save(work.connection, replace(vpn, project_id=project), work.now)
        work.touch(Touched.VPN, vpn.id)


def _of(work: Work, classic: ClassicNetwork) -> list[Vpn]:
    """A user's own to another guest of the network is not among them."""
    if classic.vpn_private_address is None:
        return []
    found = store.find(work.connection, {"network_id": (classic.network_id,), "kind": (store.FORWARD,)})
    way = classic.vpn_private_address
    return [
        record.value
        for record in found
        if isinstance(record.value.way, UdpForward) and record.value.way.private_address == way
    ]
