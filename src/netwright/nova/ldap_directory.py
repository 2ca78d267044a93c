"""An LDAP directory by OpenLDAP's own binding: a bind for each piece of work, entries as text."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from netwright.model.errors import KernelRefusedError
from netwright.nova.options import NetworkOptions

DRIVER: Final = "ldapdns"
Connection = Any  # python-ldap has no types
Attributes = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class LdapEntry:
    dn: str
    values: Mapping[str, list[str]]
    """Attributes by their names in lower case."""

    def all(self, attribute: str) -> list[str]:
        return self.values.get(attribute.lower(), [])


class Directory:
    """Raises ImportError where python-ldap is not installed (extra `ldap`)."""

    def __init__(self, options: NetworkOptions) -> None:
        self._options = options
        self._ldap = importlib.import_module("ldap")
        self._escapes = (importlib.import_module("ldap.dn"), importlib.import_module("ldap.filter"))

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Bound as the options' user. Raises KernelRefusedError where the server refuses, or is not there."""
        try:
            connection = self._ldap.initialize(self._options.ldap_dns_url)
            try:
                self._prepare(connection)
                yield Session(self._ldap, connection)
            finally:
                connection.unbind_s()
        except self._ldap.LDAPError as error:
            raise KernelRefusedError(DRIVER, _said(error)) from error

    def rdn(self, value: str) -> str:
        """`dc=` and the value, with nothing in it that would end it."""
        return f"dc={self._escapes[0].escape_dn_chars(value)}"

    def equal(self, attribute: str, value: str) -> str:
        """A filter with nothing in the value that would end it."""
        return f"({attribute}={self._escapes[1].escape_filter_chars(value)})"

    def _prepare(self, connection: Connection) -> None:
        connection.protocol_version = 3
        connection.set_option(self._ldap.OPT_REFERRALS, 0)
        connection.set_option(self._ldap.OPT_NETWORK_TIMEOUT, float(self._options.ldap_dns_timeout))
        connection.timeout = self._options.ldap_dns_timeout
        connection.simple_bind_s(self._options.ldap_dns_user, self._options.ldap_dns_password)


class Session:
    """One bound connection."""

    def __init__(self, ldap: ModuleType, connection: Connection) -> None:
        self._ldap, self._connection = ldap, connection

    def add(self, dn: str, attributes: Attributes) -> bool:
        """False where there is one."""
        try:
            self._connection.add_s(dn, [(name, _octets(values)) for name, values in attributes.items()])
        except self._ldap.ALREADY_EXISTS:
            return False
        return True

    def add_value(self, dn: str, attribute: str, value: str) -> None:
        self._connection.modify_s(dn, [(self._ldap.MOD_ADD, attribute, _octets([value]))])

    def remove_value(self, dn: str, attribute: str, value: str) -> None:
        self._connection.modify_s(dn, [(self._ldap.MOD_DELETE, attribute, _octets([value]))])

    def set_value(self, dn: str, attribute: str, value: str) -> None:
        self._connection.modify_s(dn, [(self._ldap.MOD_REPLACE, attribute, _octets([value]))])

    def rename(self, dn: str, rdn: str) -> str:
        """Its new DN; the old RDN's value goes."""
        self._connection.rename_s(dn, rdn, delold=1)
        return f"{rdn},{_parent(self._ldap, dn)}"

    def delete(self, dn: str) -> None:
        self._connection.delete_s(dn)

    def below(self, dn: str, condition: str) -> list[LdapEntry]:
        """Those right below the entry, or none where there is no such entry."""
        return self._all(dn, self._ldap.SCOPE_ONELEVEL, condition)

    def within(self, dn: str, condition: str) -> list[LdapEntry]:
        """Those anywhere below the entry."""
        return self._all(dn, self._ldap.SCOPE_SUBTREE, condition)

    def delete_below(self, dn: str) -> None:
        """In as many pieces as the server's limit on the size of an answer asks for."""
        whole = False
        while not whole:
            found, whole = self._some(dn, self._ldap.SCOPE_ONELEVEL, "(objectClass=*)")
            for entry in found:
                self.delete(entry.dn)
            whole = whole or not found

    def _all(self, dn: str, scope: int, condition: str) -> list[LdapEntry]:
        found, whole = self._some(dn, scope, condition)
        if not whole:
            raise KernelRefusedError(DRIVER, f"the server's size limit ends the list below {dn}")
        return found

    def _some(self, dn: str, scope: int, condition: str) -> tuple[list[LdapEntry], bool]:
        """What the server gives, and whether that is all."""
        message = self._connection.search_ext(dn, scope, condition)
        found: list[LdapEntry] = []
        try:
            while True:
                kind, data = self._connection.result(message, all=0)
                found += [_entry(one, values) for one, values in data if one]
                if kind == self._ldap.RES_SEARCH_RESULT:
                    return found, True
        except self._ldap.SIZELIMIT_EXCEEDED:
            return found, False
        except self._ldap.NO_SUCH_OBJECT:
            return [], True


def _entry(dn: str, values: Mapping[str, Sequence[bytes]]) -> LdapEntry:
    texts = {name.lower(): [one.decode(errors="replace") for one in many] for name, many in values.items()}
    return LdapEntry(dn, texts)


def _octets(values: Sequence[str]) -> list[bytes]:
    return [value.encode() for value in values]


def _parent(ldap: ModuleType, dn: str) -> str:
    parts: list[object] = ldap.dn.str2dn(dn)
    return str(ldap.dn.dn2str(parts[1:]))


def _said(error: Exception) -> str:
    """python-ldap's errors hold a mapping with `desc`, and `info` where the server said more."""
    told: object = error.args[0] if error.args else None
    if not isinstance(told, Mapping):
        return str(error)
    return ": ".join(str(told[part]) for part in ("desc", "info") if told.get(part))
