"""nova-network's old rows into the store, through control: what is there already stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import sqlalchemy as sa

from netwright.control import classic_networks, classic_vifs, groups, ports, rules, text
from netwright.control.address_ranges import Run
from netwright.control.classic_networks import ClassicRecord
from netwright.control.classic_vifs import Instance
from netwright.control.groups import GroupRequest
from netwright.control.refusals import NamedConflictError
from netwright.control.world import Work, World
from netwright.model.errors import InvalidError, NotFoundError, RequestError
from netwright.model.ids import GroupId, Mac
from netwright.model.intent import Address, Direction, Port
from netwright.nova import import_addresses, import_rows
from netwright.nova.given import text_of
from netwright.nova.import_addresses import Ranges
from netwright.nova.import_read import OldDatabase, OldRow
from netwright.nova.options import NetworkOptions
from netwright.render.names import label
from netwright.store import groups as group_rows
from netwright.store import ports as port_rows


class State(StrEnum):
    """What becomes of a row."""

    MADE = "make"
    THERE = "there"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the old database, by its table and id."""

    table: str
    id: str
    what: str
    state: State
    why: str = ""


def bring(world: World, old: OldDatabase, options: NetworkOptions, *, apply: bool) -> list[Step]:
    """All that can be brought, in one transaction, row by row; without `apply` it is tried and undone.

    Rows that cannot be are among the steps, with the reason; the others do not wait for them.
    """
    with world.work() as work:
        trial = work.connection.begin_nested()
        bringing = _Import(work, old, options)
        bringing.all()
        if apply:
            trial.commit()
        else:
            trial.rollback()
            work.log.clear()
        return bringing.steps


@dataclass(slots=True)
class _Import:
    """What is known of rows by their old ids, as far as they were brought."""

    work: Work
    old: OldDatabase
    options: NetworkOptions
    steps: list[Step] = field(default_factory=list)
    groups: dict[str, GroupId] = field(default_factory=dict)
    networks: dict[str, ClassicRecord] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    members: dict[str, list[GroupId]] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    fixed: dict[str, Address] = field(default_factory=dict)
    runs: Mapping[str, list[Run]] = field(default_factory=dict)
    ranges: Ranges = field(default_factory=Ranges)

    def all(self) -> None:
        """In the order in which one needs the other."""
        self._each("security_groups", "name", self._group)
        self._each("security_group_rules", "cidr", self._rule)
        self.runs = self._runs()
        self._each("networks", "label", self._network)
        for row in self.old.rows("instances"):
            self._instance(row)
        for row in self.old.rows("security_group_instance_association"):
            self._member(row)
        self._each("virtual_interfaces", "address", self._vif)
        for row in filter(import_addresses.is_used, self.old.rows("fixed_ips")):
            self._attempt("fixed_ips", row, "address", self._fixed)
        self.ranges = import_addresses.add_ranges(self.work, self.old.rows("floating_ips"), self.options)
        self._each("floating_ips", "address", self._floating_ip)

    def _each(self, table: str, name: str, act: Callable[[OldRow], bool]) -> None:
        for row in self.old.rows(table):
            self._attempt(table, row, name, act)

    def _attempt(self, table: str, row: OldRow, name: str, act: Callable[[OldRow], bool]) -> None:
        """`act`: whether it made something. What it refuses leaves nothing behind."""
        identity, what = str(row.get("id")), str(row.get(name) or "")[:60]
        try:
            with self.work.connection.begin_nested():
                state = State.MADE if act(row) else State.THERE
        except RequestError as error:
            self.steps.append(Step(table, identity, what, State.REFUSED, error.message))
        except sa.exc.IntegrityError:
            why = "something else in the store is the same as it"
            self.steps.append(Step(table, identity, what, State.REFUSED, why))
        else:
            self.steps.append(Step(table, identity, what, state))

    def _group(self, row: OldRow) -> bool:
        project = text.project(text_of(row, "project_id", "group"))
        name = text.line(text_of(row, "name", "group"), "name")
        connection = self.work.connection
        known = group_rows.find(connection, {"project_id": (project,), "name": (name,)})
        if known:
            self.groups[str(row["id"])] = known[0].value.id
            return False
        if name == groups.DEFAULT:
            made = groups.default_of(self.work, project)
            self._close(made)
        else:
            described = text_of(row, "description", "group")
            made = groups.create_in(self.work, GroupRequest(project, name, described))
        self.groups[str(row["id"])] = made
        return True

    def _close(self, group: GroupId) -> None:
        """nova's default group let nothing in, not even from its own members, but what its rules said."""
        for record in group_rows.get(self.work.connection, group).rules:
            if record.value.direction is Direction.INGRESS:
                group_rows.delete_rule(self.work.connection, record.value.id)

    def _rule(self, row: OldRow) -> bool:
        group = self._known_group(row, "parent_group_id")
        remote = None if row.get("group_id") is None else self._known_group(row, "group_id")
        made = False
        for request in import_rows.rule_requests(row, group, remote):
            try:
                rules.create_in(self.work, request)
            except NamedConflictError as error:
                if error.kind != "SecurityGroupRuleExists":
                    raise
            else:
                made = True
        return made

    def _known_group(self, row: OldRow, name: str) -> GroupId:
        found = self.groups.get(str(row.get(name)))
        if found is None:
            raise NotFoundError("security_groups row", str(row.get(name)))
        return found

    def _runs(self) -> dict[str, list[Run]]:
        """The addresses of each network that are not reserved."""
        found: dict[str, list[Run]] = {}
        for row in self.old.rows("fixed_ips"):
            try:
                address = import_rows.address(row)
            except InvalidError as error:
                self.steps.append(Step("fixed_ips", str(row["id"]), "", State.REFUSED, error.message))
                continue
            if not import_rows.is_set(row, "reserved") and address.version == 4:
                runs = found.setdefault(str(row["network_id"]), [])
                if runs and runs[-1][1] + 1 == int(address):
                    runs[-1] = (runs[-1][0], int(address))
                else:
                    runs.append((int(address), int(address)))
        return found

    def _network(self, row: OldRow) -> bool:
        wanted = import_rows.network_id(row)
        known = classic_networks.find_in(self.work.connection, {"network_id": (wanted,)})
        if known:
            self.networks[str(row["id"])] = known[0]
            return False
        given = import_rows.given_out(row, self.runs.get(str(row["id"]), []))
        made = classic_networks.create_in(self.work, import_rows.network_request(row, given))
        record = classic_networks.get_in(self.work.connection, made)
        for address in given.kept:
            import_addresses.keep_from_others(self.work, record, address)
        self.networks[str(row["id"])] = record
        return True

    def _instance(self, row: OldRow) -> None:
        """Instances are nova's own: only their interfaces and addresses are brought."""
        host = text_of(row, "host", "instance")
        display_name = text_of(row, "display_name", "instance")
        try:
            found = Instance(
                uuid=import_rows.uuid_of(row),
                project_id=text.project(text_of(row, "project_id", "instance")),
                host=text.host_name(host, "host") if host else None,
                hostname=label(text_of(row, "hostname", "instance")),
                display_name=text.line(display_name, "display_name") if display_name.isprintable() else "",
                availability_zone=text.line(
                    text_of(row, "availability_zone", "instance") or "nova", "availability_zone"
                ),
            )
        except RequestError as error:
            self.steps.append(Step("instances", str(row.get("id")), "", State.REFUSED, error.message))
        else:
            self.instances[found.uuid] = found

    def _member(self, row: OldRow) -> None:
        group = self.groups.get(str(row.get("security_group_id")))
        if group is not None:
            self.members.setdefault(str(row.get("instance_uuid")).lower(), []).append(group)

    def _instance_of(self, row: OldRow) -> Instance:
        uuid = import_rows.uuid_of(row, "instance_uuid")
        if uuid not in self.instances:
            raise NotFoundError("instances row", uuid)
        return self.instances[uuid]

    def _network_of(self, row: OldRow) -> ClassicRecord:
        found = self.networks.get(str(row.get("network_id")))
        if found is None:
            raise NotFoundError("networks row", str(row.get("network_id")))
        return found

    def _vif(self, row: OldRow) -> bool:
        wanted = import_rows.port_id(row)
        for known in port_rows.find(self.work.connection, {"id": (wanted,)}):
            self.ports[str(row["id"])] = known.value
            return False
        record, instance = self._network_of(row), self._instance_of(row)
        mac = Mac(text.mac(text_of(row, "address", "vif")))
        if port_rows.is_mac_used_anywhere(self.work.connection, mac):
            raise InvalidError(f"MAC address {mac} is in use", "address")
        groups_of = tuple(dict.fromkeys(self.members.get(instance.uuid, ())))
        request = replace(classic_vifs.request_of(instance, record.id, mac), security_groups=groups_of)
        self.ports[str(row["id"])] = ports.create_in(self.work, request, wanted).value
        return True

    def _fixed(self, row: OldRow) -> bool:
        record, address = self._network_of(row), import_rows.address(row)
        vif = row.get("virtual_interface_id")
        port = None
        if import_rows.is_set(row, "allocated"):
            port = self.ports.get(str(vif))
            if port is None:
                raise NotFoundError("virtual_interfaces row", str(vif))
        instance = None if not row.get("instance_uuid") else self._instance_of(row)
        made = import_addresses.bring_fixed(self.work, record, row, port, instance)
        self.fixed[str(row["id"])] = address
        return made

    def _floating_ip(self, row: OldRow) -> bool:
        fixed, place = None, import_addresses.place_of(row, self.options)
        if row.get("fixed_ip_id") is not None:
            fixed = self.fixed.get(str(row["fixed_ip_id"]))
            if fixed is None:
                raise NotFoundError("fixed_ips row", str(row["fixed_ip_id"]))
        return import_addresses.bring_floating(self.work, row, fixed, place, self.ranges)
