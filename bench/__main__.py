"""All figures, one after another: ``make bench``."""

from __future__ import annotations

from bench import gateway, keystores, kit, revocation, startup


def main() -> None:
    """Take them and print them."""
    for part in (startup, keystores, kit, revocation, gateway):
        assert part.__doc__
        print(f"\n{part.__doc__.splitlines()[0]}\n", flush=True)
        part.main()


if __name__ == "__main__":
    main()
