"""What it costs to start: whole processes, and what of it the imports are.

python -m bench.startup
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.measure import users_environment, wall_seconds
from twoway.realm import clients
from twoway.realm.realm import Realm

ROUNDS = 20
CLIENTS = 100
COMMANDS = {("--version",): 0.08, ("client", "list"): 0.35}


def main() -> None:
    """Take the figures and print them."""
    with tempfile.TemporaryDirectory() as folder:
        with (
            Realm.create(Path(folder) / "realm", name="acme", at=datetime.now(UTC)) as realm,
            realm.changing("b") as change,
        ):
            for number in range(CLIENTS):
                clients.add(change, f"client-{number}")
        environment = {**users_environment(), "TWOWAY_REALM": str(Path(folder) / "realm")}
        bare = _median([sys.executable, "-c", "pass"], environment)
        print(f"a bare Python: {bare:.3f} s")
        for command, goal in COMMANDS.items():
            whole = [str(Path(sys.executable).with_name("twoway")), *command]
            wall = _median(whole, environment)
            imports = _imports(whole, environment)
            print(
                f"twoway {' '.join(command)}: {wall:.3f} s (goal {goal} s), of which imports {imports:.3f} s"
            )


def _median(command: list[str], environment: dict[str, str]) -> float:
    def run() -> None:
        subprocess.run(command, env=environment, capture_output=True, check=True)

    run()
    return statistics.median(wall_seconds(run) for _ in range(ROUNDS))


def _imports(command: list[str], environment: dict[str, str]) -> float:
    """Return the seconds that imports take, as Python itself counts them."""
    counted = [sys.executable, "-X", "importtime", *command]
    said = subprocess.run(counted, env=environment, capture_output=True, check=True).stderr.decode()
    own = [
        line.split("|")[0].rpartition(":")[2] for line in said.splitlines() if line.startswith("import time:")
    ]
    return sum(int(text) for text in own if text.strip().isdigit()) / 1e6


if __name__ == "__main__":
    main()
