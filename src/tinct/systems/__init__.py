"""The networks, one file a system, and the registry of them. Building one needs torch."""

from __future__ import annotations

from tinct.systems.registry import SYSTEMS, find_system
from tinct.systems.system import Discriminator, System

__all__ = ["SYSTEMS", "Discriminator", "System", "find_system"]
