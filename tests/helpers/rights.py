"""The rights that docs/security.md documents, and Redis accounts with some of them."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote as percent_encoded

from pydantic import SecretStr

from tests.helpers.deployment import PASSWORD, TestDeployment

USER = "audience"
_DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"


def document() -> str:
    """Return the document."""
    return _DOCUMENT.read_text(encoding="utf-8")


def documented_acl() -> list[str]:
    """Return the rules of the documented ACL line, without the password."""
    (line,) = re.findall(r"^ *ACL SETUSER audience reset on >PASSWORD (.*)$", document(), re.MULTILINE)
    return str(line).split()


async def set_rules(owner: Any, rules: list[str]) -> None:
    """Give the Redis account exactly these rules."""
    await owner.execute_command("ACL", "SETUSER", USER, "reset", "on", f">{PASSWORD}", *rules)


def use_account(deployment: TestDeployment) -> None:
    """Make a deployment connect to Redis with the account."""
    url = f"redis://{USER}:{percent_encoded(PASSWORD, safe='')}@127.0.0.1:{deployment.servers.redis_port}/0"
    object.__setattr__(deployment, "settings", deployment.settings.model_copy(update={"redis_url": SecretStr(url)}))
