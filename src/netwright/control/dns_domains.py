"""What a user can do with DNS domains."""

from __future__ import annotations

from netwright.control import text
from netwright.control.world import World
from netwright.model.dns_domains import DnsDomain, PrivateDomain, PublicDomain
from netwright.model.dns_names import domain_name
from netwright.model.errors import NotFoundError
from netwright.store import dns_domains as store
from netwright.store.records import Record
from netwright.store.rows import Where


def create_private(world: World, domain: str, availability_zone: str | None = None) -> bool:
    """A domain of instances: of one zone, or of all. False where it was there: it is theirs now.

    Raises InvalidError.
    """
    zone = text.line(availability_zone, "availability_zone") if availability_zone else None
    return _save(world, PrivateDomain(domain_name(domain), zone))


def create_public(world: World, domain: str, project: str | None = None) -> bool:
    """A domain of floating IPs: one project's, or everybody's. False where it was there: it is theirs now.

    Raises InvalidError.
    """
    return _save(world, PublicDomain(domain_name(domain), text.project(project) if project else None))


def delete(world: World, domain: str) -> None:
    """Raises InvalidError, NotFoundError."""
    name = domain_name(domain)
    with world.work() as work:
        if not store.delete(work.connection, name):
            raise NotFoundError("DNS domain", name)


def get(world: World, domain: str) -> Record[DnsDomain]:
    """Raises InvalidError, NotFoundError."""
    with world.look() as connection:
        return store.get(connection, domain_name(domain))


def find(world: World, where: Where) -> list[Record[DnsDomain]]:
    """Those whose columns match, by name."""
    with world.look() as connection:
        return store.find(connection, where)


def _save(world: World, domain: DnsDomain) -> bool:
    with world.work() as work:
        return store.save(work.connection, domain, work.now)
