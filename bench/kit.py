"""A keystore for Salesforce out of four PEM files, as one command, beside openssl and keytool.

python -m bench.kit
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from bench.measure import paired, users_environment, wall_seconds
from tests.parts import material

ROUNDS = 15
PASSWORD = "mybundle123"  # noqa: S105  # of a store that is measured and thrown away


def main() -> None:
    """Take the figure and print it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        handed_over(place)
        figure = paired(
            lambda: wall_seconds(lambda: as_one_command(place)),
            lambda: wall_seconds(lambda: by_keytool(place)),
            ROUNDS,
        )
    ours, theirs = sorted(figure.ours), sorted(figure.peers)
    print(
        f"twoway kit: {ours[len(ours) // 2]:.3f} s, openssl and four keytool runs {theirs[len(theirs) // 2]:.3f} s: "
        f"{1 / figure.ratio:.1f} times faster (goal 3)"
    )


def handed_over(place: Path) -> None:
    """Write what a partner sends: a key, its certificate, the CA that issued it, and that one's root."""
    root = material.root("Partner Root")
    issuing = material.issue("Partner Issuing", by=root, ca=True)
    key = rsa.generate_private_key(65537, 2048)
    leaf = material.issue("acme", by=issuing, usage=[material.CLIENT], key=key, days=(-1, 300))
    leaf.pem(place, "client")
    for name, one in (("cert", leaf), ("SYSCA", issuing), ("ROOTCA", root)):
        (place / f"{name}.pem").write_bytes(one.leaf.public_bytes(Encoding.PEM))
    (place / "password").write_text(PASSWORD + "\n")


def as_one_command(place: Path) -> None:
    """Make the kit, and look at nothing."""
    command = [str(Path(sys.executable).with_name("twoway")), "kit", "salesforce", "--key", "client.key"]
    command += [
        "--certificate",
        "cert.pem",
        "--chain",
        "SYSCA.pem",
        "--chain",
        "ROOTCA.pem",
        "--alias",
        "mybundle",
    ]
    _run(place, *command, "--out-password-file", "password", "-o", "kit", "--force")


def by_keytool(place: Path) -> None:
    """Do what the how-to documents say: a PKCS#12, the JKS of it, its alias, and both CAs."""
    store = ("-storepass", PASSWORD, "-keystore", "bundle.jks", "-noprompt")
    (place / "bundle.jks").unlink(missing_ok=True)
    _run(
        place,
        *("openssl", "pkcs12", "-export", "-in", "cert.pem", "-inkey", "client.key", "-out", "bundle.p12"),
        *("-passout", f"pass:{PASSWORD}"),
    )
    _run(
        place,
        *("keytool", "-importkeystore", "-srckeystore", "bundle.p12", "-srcstoretype", "PKCS12", "-noprompt"),
        *("-srcstorepass", PASSWORD, "-destkeystore", "bundle.jks", "-deststoretype", "JKS"),
        *("-deststorepass", PASSWORD),
    )
    _run(place, "keytool", *store, "-changealias", "-alias", "1", "-destalias", "mybundle")
    _run(place, "keytool", *store, "-import", "-alias", "ejbca", "-file", "SYSCA.pem")
    _run(place, "keytool", *store, "-import", "-alias", "digicert", "-file", "ROOTCA.pem")


def _run(place: Path, *command: str) -> None:
    subprocess.run(command, cwd=place, env=users_environment(), check=True, capture_output=True)


if __name__ == "__main__":
    main()
