"""fake_network: what linux_net would have done is said, and not done."""

from __future__ import annotations

from typing import Final

import structlog

from netwright.nova.linux_host import LinuxHost, current

_LOG: Final = structlog.get_logger("netwright.nova")


def pretended(on: LinuxHost | None, call: str, **arguments: object) -> bool:
    """Whether the host's network is a fake, so that the call is over."""
    if not current(on).options.fake_network:
        return False
    _LOG.info("network_faked", call=call, **arguments)
    return True
