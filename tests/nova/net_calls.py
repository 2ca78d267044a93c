"""`python -m nova.net_calls DIRECTORY CALL JSON`: one call of linux_net's in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from nova.net_hosts import NetHost

from netwright.nova import linux_net
from netwright.nova.linux_host import linux_host
from netwright.nova.options import NetworkOptions

ROOT = Path(__file__).resolve().parents[2]


def call_apart(
    host: NetHost, call: str, *words: object, wrapper: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    """Starts it in this thread's namespace. `wrapper`: a program, and its arguments, that runs it."""
    argv = [
        *wrapper,
        sys.executable,
        "-m",
        "nova.net_calls",
        str(host.on.options.state_path),
        call,
        json.dumps(words),
    ]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"}
    return subprocess.Popen(
        argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def main() -> None:
    directory, call, words = sys.argv[1:]
    host = linux_host(NetworkOptions(state_path=Path(directory)))
    driver = linux_net.LinuxBridgeInterfaceDriver()
    function = getattr(linux_net, call, None) or getattr(driver, call)
    function(*json.loads(words), on=host)


if __name__ == "__main__":
    main()
