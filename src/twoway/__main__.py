"""``python -m twoway`` is ``twoway``."""

from __future__ import annotations

from twoway.cli import main

if __name__ == "__main__":
    main()
