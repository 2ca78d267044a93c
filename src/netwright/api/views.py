"""Parts that the views of many nouns have in common."""

from __future__ import annotations

from netwright.api.fields import Fields
from netwright.control.documents import moment
from netwright.control.given import UNSET, Left
from netwright.control.nouns import View
from netwright.model.ids import QosPolicyId
from netwright.store.records import Stamps


def stamped(stamps: Stamps) -> View:
    return {
        "created_at": moment(stamps.created_at),
        "updated_at": moment(stamps.updated_at),
        "revision_number": stamps.revision,
    }


def owned(project: str | None) -> View:
    return {"project_id": project, "tenant_id": project}


def asked_policy(body: Fields) -> QosPolicyId | Left | None:
    """The QoS policy that the body names."""
    policy = body.text_or_null("qos_policy_id")
    return policy if policy is None or policy is UNSET else QosPolicyId(policy)


def asked_project(body: Fields) -> str | Left:
    return body.optional("project_id") or UNSET
