"""`netwright floating-ip forward`: ports of a floating IP that are ports of guests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import click

from netwright.cli import fields, parse
from netwright.cli.command import Call, Run, command, reference_argument
from netwright.cli.fields import Field
from netwright.cli.nouns import FLOATING_IP, PORT, PORT_FORWARDING, Noun
from netwright.cli.output import print_item
from netwright.cli.verbs import group, print_list
from netwright.model.errors import InvalidError
from netwright.model.intent import FORWARDED

_CREATE_HELP: Final = """Forward a port of a floating IP, or a range of them, to a guest's port.

The floating IP must not stand for a port itself. A range becomes one of the same length, or one port.

\b
Examples:
  netwright floating-ip forward create 192.0.2.60 --external-port 8080 --port web1 --internal-port 80
  netwright floating-ip forward create 192.0.2.60 --protocol udp --port game \\
      --external-port 7000:7100 --internal-port 7000:7100
"""


def _range(text: str) -> str:
    first, last = parse.port_range(text)
    return f"{first}:{last}"


def _options(*, new: bool) -> tuple[Field, ...]:
    protocol = fields.choice("--protocol", "protocol", "What is forwarded; TCP by default.", FORWARDED)
    usual: Field = Field((), lambda call: {} if call.text("protocol") else {"protocol": "tcp"})
    return (
        protocol,
        *((usual,) if new else ()),
        fields.value(
            "--external-port",
            "external_port_range",
            "Port of the floating IP, or range.",
            _range,
            metavar="PORT[:PORT]",
            required=new,
        ),
        fields.reference(
            "--port", "internal_port_id", PORT, "Port that it leads to, by name or id.", required=new
        ),
        fields.value(
            "--internal-port",
            "internal_port_range",
            "Port there, or range.",
            _range,
            metavar="PORT[:PORT]",
            required=new,
        ),
        fields.value(
            "--internal-address",
            "internal_ip_address",
            "Which of the port's addresses.",
            parse.address,
            metavar="ADDRESS",
        ),
        fields.DESCRIPTION,
    )


_NEW: Final = _options(new=True)
_CHANGE: Final = _options(new=False)


def _of(call: Call) -> Noun:
    """The forwardings of the floating IP that the command names."""
    floating = call.id_of(FLOATING_IP, call.required("floating_ip"))
    return replace(PORT_FORWARDING, under=f"{FLOATING_IP.plural}/{floating}/")


def _create(call: Call) -> None:
    noun = _of(call)
    print_item(call.client.create(noun, fields.body(call, _NEW)), noun, call.style)


def _list(call: Call) -> None:
    noun = _of(call)
    print_list(call, noun, call.client.list(noun))


def _show(call: Call) -> None:
    noun = _of(call)
    print_item(call.client.show(noun, call.required("forwarding")), noun, call.style)


def _set(call: Call) -> None:
    noun, changes = _of(call), fields.body(call, _CHANGE)
    if not changes:
        raise InvalidError("nothing to change: give at least one option")
    print_item(call.client.update(noun, call.required("forwarding"), changes), noun, call.style)


def _delete(call: Call) -> None:
    call.client.delete(_of(call), call.required("forwarding"))


def _command(
    name: str, run: Run, text: str, options: Sequence[Field] = (), *, one: bool = True
) -> click.Command:
    which = [click.Argument(["forwarding"], metavar="ID")] if one else []
    floating = reference_argument(FLOATING_IP, "floating_ip")
    return command(name, [floating, *which, *fields.params(options)], run, text)


forward: Final = group(
    "forward",
    "Port forwardings: ports of a floating IP that are guests'.",
    {
        "create": _command("create", _create, _CREATE_HELP, _NEW, one=False),
        "list": _command("list", _list, "List a floating IP's port forwardings.", one=False),
        "show": _command("show", _show, "Show a port forwarding."),
        "set": _command("set", _set, "Change a port forwarding.", _CHANGE),
        "delete": _command("delete", _delete, "Delete a port forwarding."),
    },
)
