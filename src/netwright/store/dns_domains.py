"""DNS domains as rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from netwright.model.dns_domains import DnsDomain, PrivateDomain, PublicDomain
from netwright.model.errors import NotFoundError
from netwright.model.ids import ProjectId
from netwright.store import rows
from netwright.store.records import Record
from netwright.store.tables import dns_domains


def save(connection: sa.Connection, domain: DnsDomain, now: datetime) -> bool:
    """Whether it is new; one that is there is the new one's from then on."""
    values = _values(domain)
    statement = dns_domains.update().where(dns_domains.c.domain == domain.name)
    revised = statement.values(revision=dns_domains.c.revision + 1)
    if connection.execute(revised, {**values, "updated_at": now}).rowcount:
        return False
    rows.insert(connection, dns_domains, {**values, "domain": domain.name}, now)
    return True


def delete(connection: sa.Connection, name: str) -> bool:
    """Whether it was there."""
    return connection.execute(dns_domains.delete().where(dns_domains.c.domain == name)).rowcount > 0


def get(connection: sa.Connection, name: str) -> Record[DnsDomain]:
    """Raises NotFoundError."""
    for record in find(connection, {"domain": (name,)}):
        return record
    raise NotFoundError("DNS domain", name)


def find(connection: sa.Connection, where: rows.Where) -> list[Record[DnsDomain]]:
    """Those that match, by name."""
    statement = sa.select(dns_domains).where(*rows.conditions(dns_domains, where))
    found = connection.execute(statement.order_by(dns_domains.c.domain))
    return [Record(_domain(row), rows.stamps(row)) for row in found]


def _values(domain: DnsDomain) -> Mapping[str, object]:
    match domain:
        case PrivateDomain(_, zone):
            return {"scope": "private", "availability_zone": zone, "project_id": None}
        case PublicDomain(_, project):
            return {"scope": "public", "availability_zone": None, "project_id": project}


def _domain(row: rows.Row) -> DnsDomain:
    if row.scope == "private":
        return PrivateDomain(row.domain, row.availability_zone)
    return PublicDomain(row.domain, None if row.project_id is None else ProjectId(row.project_id))
