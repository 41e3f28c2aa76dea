"""What every harness does: seeds in, coverage counted, nothing but our own errors let out.

libFuzzer bounds each input: ten seconds and 512 MB. The cost of deriving keys has its own bound, which tests hold;
here it is set so low that a damaged iteration count costs nothing, and the codec itself is what is fuzzed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["twoway.keystores", "twoway.x509"]):
    from twoway import keystores
    from twoway.errors import TwowayError
    from twoway.keystores import derivation

PASSWORD = "changeit"  # noqa: S105  # of seeds
MAX_ITERATIONS = 2_000
MAX_SCRYPT_WORK = 2**12
MAX_INPUT = 8192
LIMITS = ("-timeout=10", "-rss_limit_mb=512", f"-max_len={MAX_INPUT}", "-print_final_stats=1")


def one(data: bytes) -> None:
    """Read one input with the password and without; what comes out is asked what is odd about it."""
    for password in (PASSWORD, None):
        try:
            keystore = keystores.load(data, password)
        except TwowayError as error:
            error.finding()
            continue
        for finding in keystore.findings:
            finding.as_json()


def run(seeds: Iterable[bytes]) -> None:
    """Fuzz until libFuzzer's own options say that it is enough.

    Args:
        seeds: sound files of one format; the folder that the command line names is filled with them.
    """
    folders = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    for folder in folders[:1]:
        folder.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds):
            (folder / f"seed-{number}").write_bytes(seed)
    derivation.MAX_ITERATIONS = MAX_ITERATIONS
    derivation.MAX_SCRYPT_WORK = MAX_SCRYPT_WORK
    atheris.Setup([*sys.argv, *LIMITS], one)
    atheris.Fuzz()
