"""A lease is renewed while somebody knows that it should be, and not a moment longer."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from tests.parts import raw
from tests.parts.served import served
from tests.parts.upstream import upstream
from twoway.realm.database import FILE

LEASE_SECONDS = 3


def test_lease_ends_where_the_database_is_away_and_comes_back_with_it(tmp_path: Path) -> None:
    """A control plane that cannot read what was taken away must not vouch for what it read long ago."""
    with upstream() as api, served(tmp_path, "--lease", f"{LEASE_SECONDS}s") as gateway:
        gateway.service("orders", api.url)
        gateway.client("globex", "orders")
        _, files = gateway.issue("globex")
        gateway.settled()
        away = tmp_path / "away.db"
        with raw.connect(gateway.port, identity=files) as connection:
            assert connection.request("/").status == 200
            shutil.move(gateway.realm.directory / FILE, away)
            assert connection.request("/").status == 200
            time.sleep(LEASE_SECONDS + 1)
            assert connection.request("/").status == 503
            shutil.move(away, gateway.realm.directory / FILE)
            end = time.monotonic() + 10
            while connection.request("/").status != 200 and time.monotonic() < end:
                time.sleep(0.1)
            assert connection.request("/").status == 200
