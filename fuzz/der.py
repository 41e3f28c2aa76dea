"""Fuzz the codec of DER."""

from __future__ import annotations

from fuzz import harness

if __name__ == "__main__":
    from fuzz import seeds

    harness.run(seeds.der())
