"""agno-top, htop for AI agents: the program and where it is."""

from agno_top._find import find_agno_top_bin

__all__ = ["find_agno_top_bin"]
