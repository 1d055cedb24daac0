"""Findings: what a check says about a deployment."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """The verdict about one thing. `advice` says what to do about it, if anything."""

    subject: str
    verdict: Literal["ok", "warning", "error"]
    message: str
    advice: str = ""
