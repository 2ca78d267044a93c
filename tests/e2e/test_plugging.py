"""The recipes of docs/plugging.md, run as they are written there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cni_runtime import SOURCE, Answer, Container, Runtime, nameless
from containerd_host import IMAGE, ContainerdHost
from kubelet import Kubelet
from podman_host import PodmanHost

from netwright.kernel.netns import delete, path_of
from netwright.kernel.nwfilter_libvirt import Libvirt
from netwright.model.ids import NamespaceName
from netwright.testing import lab as labs
from netwright.testing.guest_kernel import initramfs, kernel_image, newest_kernel
from netwright.testing.guest_line import GuestLine
from netwright.testing.guest_vm import KERNEL_CACHE, QUIET
from netwright.testing.lab import Lab
from netwright.testing.libvirt_guest import LibvirtGuest
from netwright.testing.libvirt_host import LibvirtHost
from netwright.testing.namespaces import eventually, ip, run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "plugging.md").read_text()
RECIPES = dict(re.findall(r"<!-- tested: (\S+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL))
GATEWAY = "10.20.0.1"


class Desk:
    """Where recipes are run: a lab's host, and a directory that is the current one."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab, self.directory = lab, directory
        program = directory / "programs" / "netwright"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m netwright "$@"\n')
        program.chmod(0o755)
        self.path = f"{program.parent}:{os.environ['PATH']}"

    @property
    def web(self) -> NamespaceName:
        """What the page calls `web`, under a name that no other test uses."""
        return self.lab.guest("web")

    def run(self, name: str, *words: str, **variables: str) -> None:
        """A recipe, to its end."""
        process = self.start(name, *words, **variables)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said

    def start(self, name: str, *words: str, **variables: str) -> subprocess.Popen[str]:
        script = re.sub(r"\bweb\b", self.web, RECIPES[name])
        there = ["nsenter", f"--net={path_of(self.lab.host)}", "sh", "-euc", script, "recipe", *words]
        environment = {**os.environ, **self.lab.environment, "PATH": self.path, "PYTHONPATH": str(SOURCE)}
        return subprocess.Popen(
            there,
            env={**environment, **variables},
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def port(self) -> Mapping[str, object]:
        answer = labs.ask(self.lab, f"/v2.0/ports?name={self.web}")
        assert isinstance(answer, Mapping)
        (found,) = answer["ports"]
        return found

    def address(self) -> str:
        fixed = self.port()["fixed_ips"]
        assert isinstance(fixed, list)
        return str(fixed[0]["ip_address"])


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """With the network that the page's examples assume, and another guest on it."""
    made = Lab(f"t{uuid.uuid4().hex[:8]}")
    with labs.running(made):
        labs.netwright(made, "network", "create", "blue", "--cidr", "10.20.0.0/24")
        labs.add_guest(made.guest("other"))
        labs.netwright(made, "port", "create", "other", "--network", "blue")
        labs.netwright(made, "port", "plug", "other", "--netns", made.guest("other"))
        yield made


@pytest.fixture
def desk(lab: Lab) -> Iterator[Desk]:
    """With a short path: sockets are made in it. The recipe's port is gone afterwards."""
    with TemporaryDirectory(prefix="nwt-desk-") as directory:
        made = Desk(lab, Path(directory))
        yield made
    labs.netwright(lab, "port", "delete", made.web, check=False)
    delete(made.web)


def works(desk: Desk, line: GuestLine) -> bool:
    """The guest has its lease, and its gateway answers."""
    line.wait_booted()
    return line.wait_lease() == desk.address() and line.run(f"ping -c 1 -W 3 {GATEWAY}").code == 0


def machine(directory: Path) -> list[str]:
    """The rest of a QEMU machine."""
    release = newest_kernel()
    (directory / "initramfs").write_bytes(initramfs(release))
    return [
        *(
            "-machine",
            "q35",
            "-accel",
            "tcg",
            "-cpu",
            "Nehalem",
            "-m",
            "128",
            "-nodefaults",
            "-no-user-config",
        ),
        *("-no-reboot", "-display", "none", "-kernel", str(kernel_image(release, KERNEL_CACHE))),
        *("-initrd", str(directory / "initramfs"), "-append", QUIET),
        *("-chardev", f"file,id=console,path={directory}/console", "-serial", "chardev:console"),
        *(
            "-chardev",
            f"socket,id=obey,path={directory}/obey.sock,server=on,wait=off",
            "-serial",
            "chardev:obey",
        ),
    ]


def test_qemu(desk: Desk) -> None:
    """The machine is its port's guest."""
    process = desk.start("qemu", *machine(desk.directory))
    line = GuestLine(
        desk.directory / "obey.sock", (desk.directory / "console",), lambda: process.poll() is None
    )
    try:
        assert works(desk, line)
        assert desk.port()["status"] == "ACTIVE"
    finally:
        line.close()
        process.kill()
        process.communicate()


@contextmanager
def domain(desk: Desk) -> Iterator[LibvirtGuest]:
    """A domain with the recipe's interface."""
    with TemporaryDirectory(prefix="nwt-virt-") as home, ExitStack() as stack:
        host = LibvirtHost(desk.lab.host, Path(home))
        stack.callback(host.stop)
        host.start()
        emulators = Libvirt(host.uri("qemu"))
        stack.callback(emulators.close)
        with emulators.connected() as connection:
            interface = (desk.directory / "interface.xml").read_text()
            with closing(LibvirtGuest(connection, interface, desk.directory)) as guest:
                yield guest


@pytest.mark.parametrize(("recipe", "attachment"), [("ethernet", "tap"), ("bridge", "vmm-tap")])
def test_libvirt(desk: Desk, recipe: str, attachment: str) -> None:
    """A domain with the element is its port's guest; its tap stays, or goes, as the page says."""
    desk.run(f"libvirt-{recipe}")
    with domain(desk) as guest:
        assert works(desk, guest.line)
        assert desk.port()["netwright:attachment"] == {"kind": attachment}
    left = "none" if recipe == "bridge" else "tap"
    assert eventually(lambda: desk.port()["netwright:attachment"] == {"kind": left})


def test_firecracker(desk: Desk) -> None:
    """Nobody opens the tap of the configuration by Firecracker's system calls, and is answered; another's MAC is not."""
    desk.run("firecracker")
    (interface,) = json.loads((desk.directory / "network.json").read_text())["network-interfaces"]
    assert interface["iface_id"] == "eth0"
    unprivileged = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set", "-all"]
    script = (ROOT / "tests" / "tap_vmm.py").read_text()

    def ask(mac: str) -> subprocess.CompletedProcess[str]:
        program = ["/usr/bin/python3", "-c", script, interface["host_dev_name"], mac, desk.address(), GATEWAY]
        argv = ["nsenter", f"--net={path_of(desk.lab.host)}", "setpriv", *unprivileged, "--no-new-privs"]
        return run(labs.HOST_NAMESPACE, [*argv, *program], check=False)

    answered = ask(interface["guest_mac"])
    assert answered.returncode == 0, answered.stderr
    assert answered.stdout.startswith("fe:")
    assert ask("fa:16:3e:00:00:99").returncode == 1


def test_a_namespace_by_hand(desk: Desk) -> None:
    """The last command of the recipe is answered."""
    desk.run("netns")


def test_a_process_with_a_namespace(desk: Desk) -> None:
    """A process' own namespace, without a name before and after, reaches its gateway and its neighbour."""
    with nameless() as process:
        desk.run("pid", pid=str(process.pid))
        there = ["nsenter", "-t", str(process.pid), "-n", "ping", "-c", "1", "-W", "3", GATEWAY]
        assert run(labs.HOST_NAMESPACE, there).returncode == 0
        assert not path_of(desk.web).exists()


def test_podman(desk: Desk) -> None:
    """A real container of Podman's has a port while it runs, and leaves none; it may ask for an address."""
    conflist = json.loads(RECIPES["podman.conflist"])
    conflist["plugins"][0]["socket"] = str(desk.lab.socket)
    host = PodmanHost(desk.lab, desk.directory / "podman")
    host.build(json.dumps(conflist))
    desk.path = f"{host.programs}:{desk.path}"
    try:
        desk.run("podman", "--rootfs", str(host.rootfs), "/bin/sleep", "1000")
        assert desk.port()["status"] == "ACTIVE"
        assert desk.address() in host.podman("exec", desk.web, "ip", "address").stdout
        host.podman("rm", "--force", "--time", "0", desk.web)
        runtime = Runtime(desk.lab, {})
        assert runtime.ports() == []
        asked = ["--ip", "10.20.0.99", "--mac-address", "fa:16:3e:99:00:01"]
        words = ["--detach", "--name", desk.web, "--network", "blue", *asked, "--rootfs", str(host.rootfs)]
        host.podman("run", *words, "/bin/sleep", "1000")
        assert (desk.address(), desk.port()["mac_address"]) == ("10.20.0.99", "fa:16:3e:99:00:01")
    finally:
        host.close()
    assert runtime.ports() == []


@contextmanager
def containerd(desk: Desk, recipe: str) -> Iterator[ContainerdHost]:
    """With that configuration."""
    conflist = json.loads(RECIPES[recipe])
    conflist["plugins"][0]["socket"] = str(desk.lab.socket)
    host = ContainerdHost(desk.lab, desk.directory / "containerd")
    with closing(host):
        host.start(json.dumps(conflist))
        desk.path = f"{host.programs}:{desk.path}"
        yield host


def neighbour(lab: Lab) -> NamespaceName:
    """The other guest, with its address."""
    answer = labs.ask(lab, "/v2.0/ports?name=other")
    assert isinstance(answer, Mapping)
    (port,) = answer["ports"]
    ip(lab.guest("other"), "address", "replace", f"{port['fixed_ips'][0]['ip_address']}/24", "dev", "eth0")
    return lab.guest("other")


def test_containerd(desk: Desk) -> None:
    """The recipe's container is answered; one that stays has its address, is reached, and its port goes when it ends."""
    runtime = Runtime(desk.lab, {})
    with containerd(desk, "podman.conflist") as host:
        desk.run("containerd", IMAGE)
        assert runtime.ports() == []
        argv = [str(host.programs / "ctr"), "run", "--rm", "--cni", IMAGE, desk.web]
        process = subprocess.Popen(argv)
        try:
            assert eventually(lambda: any(port["status"] == "ACTIVE" for port in runtime.ports()))
            address = the_address(runtime)
            shown = ["task", "exec", "--exec-id", "look", desk.web, "ip", "address"]
            assert eventually(lambda: f"{address}/24" in host.ctr(*shown, check=False).stdout)
            assert run(neighbour(desk.lab), ["ping", "-c", "1", "-W", "3", address]).returncode == 0
        finally:
            host.ctr("task", "kill", "--signal", "KILL", desk.web)
            process.wait(30)
    assert (runtime.ports(), runtime.pins()) == ([], [])


def test_pods_of_containerd(desk: Desk) -> None:
    """Asked as a kubelet asks, containerd gives a pod its port by the configuration for Kubernetes, and takes it away."""
    runtime = Runtime(desk.lab, {})
    with containerd(desk, "kubernetes.conflist") as host:
        kubelet = Kubelet(host.socket)
        pod = kubelet.run_pod("web-0", "uid-0", "shop")
        assert runtime.ports()[0]["name"] == "web-0"
        assert kubelet.address(pod) == the_address(runtime)
        inside = ["--namespace", "k8s.io", "task", "exec", "--exec-id", "look", pod]
        assert host.ctr(*inside, "ping", "-c", "1", "-W", "3", GATEWAY).returncode == 0
        assert host.ctr(*inside, "cat", "/proc/sys/net/core/somaxconn").stdout.strip() == "512"
        kubelet.stop_pod(pod)
        assert (runtime.ports(), runtime.pins()) == ([], [])


def the_address(runtime: Runtime) -> str:
    """Of the only container."""
    (port,) = runtime.ports()
    return str(port["fixed_ips"][0]["ip_address"])


def test_the_configuration_for_kubernetes(desk: Desk) -> None:
    """In the version that the page allows to be added, a pod gets its port, is checked after the other plugin, and leaves nothing."""
    conflist = json.loads(RECIPES["kubernetes.conflist"])
    assert conflist["cniVersion"] == "1.0.0"
    first, tuning = conflist["plugins"]
    pod = Container(desk.lab.guest("pod"), args="IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0")
    labs.add_guest(pod.namespace)
    runtime = Runtime(
        desk.lab, {**first, "name": conflist["name"], "cniVersion": "1.1.0", "socket": str(desk.lab.socket)}
    )
    try:
        result = runtime.add(pod)
        after = chained(
            desk.lab,
            pod,
            {
                **tuning,
                "name": "pods",
                "cniVersion": "1.0.0",
                "prevResult": {**result, "cniVersion": "1.0.0"},
            },
        )
        assert run(pod.namespace, ["sysctl", "-n", "net.core.somaxconn"]).stdout.strip() == "512"
        assert runtime.ports()[0]["name"] == "web-0"
        assert runtime.run("CHECK", pod, prevResult={**after, "cniVersion": "1.1.0"}) == Answer(0, None)
        assert runtime.run("DEL", pod, prevResult=after) == Answer(0, None)
        assert runtime.ports() == []
    finally:
        delete(pod.namespace)


def chained(lab: Lab, pod: Container, given: Mapping[str, object]) -> Mapping[str, object]:
    """The result of another's plugin after ours; Debian's speak 1.0.0."""
    argv = [
        "nsenter",
        f"--net={path_of(lab.host)}",
        "env",
        "CNI_COMMAND=ADD",
        *(f"{key}={value}" for key, value in pod.environment.items()),
    ]
    return json.loads(
        run(labs.HOST_NAMESPACE, [*argv, f"/usr/lib/cni/{given['type']}"], stdin=json.dumps(given)).stdout
    )


def test_every_recipe_is_run() -> None:
    """No block of the page is marked as tested and is not, and no shell or JSON block bears no mark."""
    source = Path(__file__).read_text()
    assert len(RECIPES) == len(re.findall(r"^```(?:sh|json)$", PAGE, re.MULTILINE)) == 10
    for name in RECIPES:
        assert f'"{name}"' in source or name in {"libvirt-ethernet", "libvirt-bridge"}
