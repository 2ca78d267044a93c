"""A namespace as a guest: ISC's DHCP client sets its address, routes and name server, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_CONF: Final = """\
option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;
request subnet-mask, routers, domain-name, domain-name-servers, interface-mtu,
    rfc3442-classless-static-routes;
timeout 20;
initial-interval 1;
initial-delay 0;
"""
_HOOK: Final = r"""#!/bin/sh
# dhclient's hook: sets what it was told inside the namespace "guest".
routes() { # prefix length, as many octets as that needs, four octets of the gateway, and again
    while [ $# -gt 4 ]; do
        length=$1 octets=$((($1 + 7) / 8)) net=; shift
        for at in 1 2 3 4; do
            if [ $at -le $octets ]; then net=$net.$1; shift; else net=$net.0; fi
        done
        ip route replace "${net#.}/$length" via "$1.$2.$3.$4" dev "$interface"; shift 4
    done
}
case "$reason" in BOUND|REBOOT|RENEW|REBIND) ;; *) exit 0;; esac
[ -z "$new_interface_mtu" ] || ip link set "$interface" mtu "$new_interface_mtu"
ip address replace "$new_ip_address/$new_subnet_mask" dev "$interface"
for router in $new_routers; do ip route replace default via "$router" dev "$interface"; done
routes $new_rfc3442_classless_static_routes
{
    [ -z "$new_domain_name" ] || echo "search $new_domain_name"
    for server in $new_domain_name_servers; do echo "nameserver $server"; done
} >"/etc/netns/$guest/resolv.conf"
exit 0
"""
_COMMAND: Final = r"""#!/bin/sh
# dhcp NAMESPACE: gets eth0 of that namespace an address by DHCP. Writes in the lab's places only.
set -eu
here=$(dirname "$0") guest=$1
mkdir -p "/etc/netns/$guest"; touch "/etc/netns/$guest/resolv.conf"
exec nsenter --net="/run/netns/$guest" dhclient -4 -1 -q -e guest="$guest" -cf "$here/dhclient.conf" \
    -sf "$here/dhclient-hook" -lf "$here/$guest.leases" -pf "$here/$guest.pid" eth0
"""


def write_dhcp_command(directory: Path) -> Path:
    """Puts a script there that is called with a namespace's name; it ends once there is a lease.

    The client goes on in the background, to renew the lease, until the namespace is removed.
    """
    (directory / "dhclient.conf").write_text(_CONF)
    for name, text in (("dhclient-hook", _HOOK), ("dhcp", _COMMAND)):
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    return directory / "dhcp"
