"""Tags, answers kept for retries, and RBAC policies; what was shared or external has its policy."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "tags",
        sa.Column("resource_id", sa.String(length=36), nullable=False),
        sa.Column("tag", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("resource_id", "tag", name=op.f("pk_tags")),
    )
    policies = op.create_table(
        "rbac_policies",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("object_type", sa.String(length=32), nullable=False),
        sa.Column("object_id", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("target_project", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rbac_policies")),
        sa.UniqueConstraint(
            "object_type",
            "object_id",
            "action",
            "target_project",
            name=op.f("uq_rbac_policies_object_type_object_id_action_target_project"),
        ),
    )
    op.create_index(op.f("ix_rbac_policies_project_id"), "rbac_policies", ["project_id"])
    op.create_index(op.f("ix_rbac_policies_object_id"), "rbac_policies", ["object_id"])
    op.create_index("ix_rbac_policies_target", "rbac_policies", ["object_type", "target_project", "action"])
    op.create_table(
        "answers",
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("asked", sa.String(length=64), nullable=False),
        sa.Column("made", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "key", name=op.f("pk_answers")),
    )
    op.create_index(op.f("ix_answers_at"), "answers", ["at"])
    _share_what_was_shared(policies)


def _share_what_was_shared(policies: sa.Table) -> None:
    networks = sa.table("networks", *(sa.column(name) for name in ("id", "project_id", "shared", "external")))
    connection = op.get_bind()
    for column, action in (("shared", "access_as_shared"), ("external", "access_as_external")):
        there = sa.select(networks.c.id, networks.c.project_id)
        for network, project in connection.execute(there.where(networks.c[column].is_(sa.true()))).all():
            connection.execute(
                policies.insert().values(
                    id=str(uuid.uuid4()),
                    project_id=project,
                    object_type="network",
                    object_id=network,
                    action=action,
                    target_project="*",
                    created_at=sa.func.current_timestamp(),
                    updated_at=sa.func.current_timestamp(),
                    revision=0,
                )
            )
