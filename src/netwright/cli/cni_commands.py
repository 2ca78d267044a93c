"""The operations of CNI specification 1.1.0: each asks the server for what the agent then does.

An ADD leaves either a port that is up, with its addresses in the container, or nothing. What is killed in its
middle is taken away by the DEL that must follow, or by GC, or by the first ADD after a boot: all of them find
what is there by what the server knows, not by what an earlier call remembered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from netwright.cli import cni_port, cni_request, cni_result
from netwright.cli.client import Client
from netwright.cli.cni_request import Attached, CniError, Code, Conf
from netwright.cli.find import find_id
from netwright.cli.nouns import NETWORK, Item
from netwright.cli.plug import host_for, until_up
from netwright.cli.status import hosts_of
from netwright.kernel import guest_end, netns, pins, rtnetlink
from netwright.kernel.turns import turn
from netwright.model.errors import KernelRefusedError, NetwrightError
from netwright.model.ids import LinkName, Mac, NamespaceName, PortId, port_link_name

Environ = Mapping[str, str]
_ANSWER_WITHIN: Final = 30.0
_GONE_WITHIN: Final = 5.0
"""Seconds that an agent has to take a deleted port's link away, before DEL does."""
_PAUSE: Final = 0.01
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


def add(given: Item, environ: Environ) -> Item:
    """Makes the port, waits until it is up and gives the container its addresses."""
    conf, attached = cni_request.conf(given), cni_request.attached(environ)
    path = cni_request.namespace(environ)
    wishes = cni_request.wishes(conf, environ)
    with _turn(conf, attached), _client(conf) as client:
        namespace = _named(path, cni_port.pin_of(conf, attached))
        _refuse_taken(client, conf, attached, namespace)
        with _undone_by(lambda: _undo(client, conf, attached)):
            _forget(client, conf, attached)  # what a killed ADD has left
            host = _host(client, conf)
            port = cni_port.make(client, conf, attached, wishes, (host, namespace))
            scene = cni_port.scene(client, until_up(client, port, host, conf.wait))
            cni_port.check_lengths(scene, wishes)
            guest_end.configure(namespace, attached.link, cni_result.guest_end(scene))
            outside = _outside(port)
        with suppress(NetwrightError, OSError):
            _sweep_after_boot(client, conf, host)
    return cni_result.success(conf, attached, environ["CNI_NETNS"], scene, outside)


def delete(given: Item, environ: Environ) -> None:
    """Takes the ports away, waits until their links are gone, and lets go of the namespace."""
    conf, attached = cni_request.leaving(given), cni_request.attached(environ)
    with _turn(conf, attached), _client(conf) as client:
        _undo(client, conf, attached)


def check(given: Item, environ: Environ) -> None:
    """Raises CniError where the container's end, or the port, is not what ADD made."""
    conf = cni_request.conf(given, "0.4.0")
    attached, path = cni_request.attached(environ), cni_request.namespace(environ)
    if conf.previous is None:
        raise CniError(Code.CONFIG, "invalid network configuration", "CHECK needs prevResult")
    mac, addresses = cni_result.expected(conf.previous, attached.link, str(path))
    with _client(conf) as client:
        ports = cni_port.of_container(client, conf, attached)
        if len(ports) != 1:
            raise CniError(Code.BROKEN, "the port is gone", f"{attached.link} of {attached.container}")
        port = until_up(client, ports[0], str(ports[0].get("binding:host_id")), conf.wait)
        routes = cni_result.guest_end(cni_port.scene(client, port)).routes
    namespace = pins.existing(path, cni_port.pin_of(conf, attached))
    end = guest_end.observe(namespace, attached.link) if namespace else None
    if end is None:
        raise CniError(Code.BROKEN, "the interface is gone", f"{attached.link} in {path}")
    missing = [str(one) for one in sorted(addresses - set(end.addresses), key=str)]
    missing += [
        f"{one.destination} via {one.via}"
        for one in cni_result.expected_routes(conf.previous, routes)
        if one.destination not in {route.destination for route in end.routes}
    ]
    if mac and end.mac != mac:
        missing.append(f"MAC {mac}: it has {end.mac}")
    if not end.up:
        missing.append("the interface is down")
    if missing:
        raise CniError(Code.BROKEN, "the interface is not as it was made", "; ".join(missing))


def collect(given: Item, environ: Environ) -> None:
    """GC: removes every port and pin of the configuration whose attachment the runtime does not know."""
    del environ
    conf = cni_request.conf(given, "1.1.0")
    if conf.valid is None:
        raise CniError(Code.CONFIG, "invalid network configuration", "GC needs cni.dev/valid-attachments")
    failed: list[str] = []
    with _client(conf) as client:
        host = _host(client, conf)
        for port, attached in tuple(cni_port.of_configuration(client, conf, host)):
            if (attached.container, attached.link) not in conf.valid:
                try:
                    cni_port.forget(client, port)
                except NetwrightError as error:
                    failed.append(f"{port['id']}: {error}")
    kept = {cni_port.pin_of(conf, Attached(one, LinkName(link))) for one, link in conf.valid}
    for pin in pins.every(f"{cni_port.scope_of(conf)}-"):
        if pin not in kept:
            netns.delete(pin)
    if failed:
        raise CniError(Code.REFUSED, "some ports could not be removed", "; ".join(failed))


def status(given: Item, environ: Environ) -> None:
    """Raises CniError where an ADD could not be done now."""
    del environ
    conf = cni_request.conf(given, "1.1.0")
    try:
        with _client(conf) as client:
            find_id(client, NETWORK, conf.network)
            host = _host(client, conf)
            known = [one for one in hosts_of(client.status()) if one.name == host]
    except NetwrightError as error:
        raise CniError(Code.UNAVAILABLE, "netwright is not available", str(error)) from error
    if not any(one.seen_within(time.time()) for one in known):
        said = f"the agent of {host} is silent: what changes on its networks does not come to it"
        raise CniError(Code.LIMITED, "netwright is not available", said)


@contextmanager
def _client(conf: Conf) -> Iterator[Client]:
    with closing(Client(str(conf.socket), _ANSWER_WITHIN)) as client:
        yield client


def _host(client: Client, conf: Conf) -> str:
    return conf.host or host_for(client, {})


@contextmanager
def _turn(conf: Conf, attached: Attached) -> Iterator[None]:
    """One operation at a time for an attachment: a runtime may ask again before it has heard."""
    # Abstract sockets' names have at most 107 bytes.
    with turn(f"cni-{cni_port.tail_of(attached)}", conf.wait + _ANSWER_WITHIN):
        yield


@contextmanager
def _undone_by(undo: Callable[[], object]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        # Where the server is gone its DEL, which must come, finds the port.
        with suppress(NetwrightError):
            undo()
        raise


def _named(path: Path, pin: NamespaceName) -> NamespaceName:
    try:
        return pins.name(path, pin)
    except KernelRefusedError as error:
        raise CniError(Code.ENVIRONMENT, "missing or invalid variable", f"CNI_NETNS: {error.said}") from error


def _refuse_taken(client: Client, conf: Conf, attached: Attached, namespace: NamespaceName) -> None:
    """An interface of that name must not be there, but for what an ADD has left that was killed."""
    found = guest_end.observe(namespace, attached.link)
    if found is None:
        return
    ports = cni_port.of_container(client, conf, attached)
    if any(cni_port.is_half_made(port, found) for port in ports):
        return
    if not ports:
        netns.delete(cni_port.pin_of(conf, attached))
    raise CniError(Code.EXISTS, "the interface exists", f"{attached.link}: DEL comes before a second ADD")


def _undo(client: Client, conf: Conf, attached: Attached) -> None:
    """Nothing of the attachment is left: no port, no link, and, even without a server, no name."""
    try:
        _forget(client, conf, attached)
    finally:
        for pin in _pins(conf, attached):
            netns.delete(pin)


def _forget(client: Client, conf: Conf, attached: Attached) -> None:
    """Removes the attachment's ports, and their links where the agent does not."""
    ports = cni_port.of_container(client, conf, attached)
    for port in ports:
        cni_port.forget(client, port)
    until = time.monotonic() + _GONE_WITHIN
    with closing(rtnetlink.open_reader()) as reader:
        while any(rtnetlink.link(reader, name=_link(port)) for port in ports) and time.monotonic() < until:
            time.sleep(_PAUSE)
    for port in ports:
        # A namespace that is gone has taken its link along.
        with suppress(KernelRefusedError):
            guest_end.remove(cni_port.namespace_of(port), attached.link, Mac(str(port["mac_address"])))


def _pins(conf: Conf, attached: Attached) -> list[NamespaceName]:
    """Of a DEL without a configuration: whichever it was."""
    if conf.name:
        return [cni_port.pin_of(conf, attached)]
    return [pin for pin in pins.every("") if pin.endswith(f"-{cni_port.tail_of(attached)}")]


def _outside(port: Item) -> tuple[LinkName, Mac]:
    with closing(rtnetlink.open_reader()) as reader:
        state = rtnetlink.link(reader, name=_link(port))
    if state is None:
        raise CniError(Code.LATER, "the host's end of the link has gone again", _link(port))
    return state.name, state.mac


def _sweep_after_boot(client: Client, conf: Conf, host: str) -> None:
    """Once a boot: removes ports whose namespaces went with the last one, for runtimes that know no GC.

    The agent has just found a namespace that this process named, so that both see the same ones.
    """
    mark, boot = conf.socket.parent / "cni" / cni_port.scope_of(conf), _BOOT.read_text()
    if mark.exists() and mark.read_text() == boot:
        return
    for port, _ in tuple(cni_port.of_configuration(client, conf, host)):
        if not netns.is_namespace(netns.path_of(cni_port.namespace_of(port))):
            cni_port.forget(client, port)
    mark.parent.mkdir(exist_ok=True)
    mark.write_text(boot)


def _link(port: Item) -> LinkName:
    return port_link_name(PortId(str(port["id"])))
