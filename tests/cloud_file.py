"""The file clouds.yaml that clients read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml
from identity_fixtures import PASSWORD, Town

PAGE = Path(__file__).parents[1] / "docs" / "identity.md"


def clouds_file(here: Town, directory: Path) -> Mapping[str, str]:
    """Writes docs/identity.md's into the directory, for an admin of this server in the project `tour`; what it says of who asks."""
    assert here.server.address is not None
    host, port = here.server.address
    (written,) = re.findall(r"^```yaml\n(clouds:.*?)```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    found = yaml.safe_load(written)
    user = here.user(here.project("tour"), "admin")
    own = {"username": user["name"], "password": PASSWORD, "project_name": "tour"}
    auth = found["clouds"]["netwright"]["auth"]
    auth |= {"auth_url": f"http://{host}:{port}/v3", **own}
    (directory / "clouds.yaml").write_text(yaml.safe_dump(found))
    return auth
