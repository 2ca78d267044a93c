"""Cloud networking for people who run virtual machines, containers and microVMs on their own Linux hosts."""

from __future__ import annotations

from typing import Final

__version__: Final = "0.1.0"
