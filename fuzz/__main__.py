"""Run each codec's harness for a while and state how many inputs it took: ``python -m fuzz SECONDS [CODEC...]``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

CODECS = ("pem", "der", "pkcs12", "jks", "jceks", "bouncycastle")
# Inputs that broke something; they stay for whoever mends it.
FOUND = Path(__file__).parent / "found"
STATISTIC = re.compile(r"stat::(\w+):\s+(\d+)")


def main() -> int:
    """Fuzz the codecs one after the other; 1 if one of them broke."""
    seconds, *chosen = sys.argv[1:]
    FOUND.mkdir(exist_ok=True)
    broken = [codec for codec in chosen or CODECS if not sound(codec, int(seconds))]
    for codec in broken:
        print(f"{codec} broke: python -m fuzz.{codec} {FOUND}/FILE")
    return 1 if broken else 0


def sound(codec: str, seconds: int) -> bool:
    """Fuzz one codec and print its figures; False if it broke."""
    with TemporaryDirectory() as corpus:
        command = [
            *(sys.executable, "-m", f"fuzz.{codec}", corpus),
            *(f"-max_total_time={seconds}", f"-artifact_prefix={FOUND}/{codec}-"),
        ]
        ran = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    figures = dict(STATISTIC.findall(ran.stderr))
    executions, memory = (figures.get(name, "?") for name in ("number_of_executed_units", "peak_rss_mb"))
    print(f"{codec:13} {executions:>10} executions in {seconds} s, at most {memory} MB", flush=True)
    if ran.returncode:
        print(ran.stderr[-4000:])
    return ran.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
