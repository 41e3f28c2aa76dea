"""Two-way (mutual) TLS, made to work."""

from __future__ import annotations

__version__ = "0.1.0"
