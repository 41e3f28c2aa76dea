"""Headless Chromium with a home, a profile and an NSS database of its own.

Which certificate a browser sends is asked in a dialog, that headless Chromium would wait for for ever. The policy
AutoSelectCertificateForUrls answers it, but lives in /etc for the whole machine; what the policy writes, a content
setting of the profile, works as well when it stands in the profile's Preferences from the start.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.parts.answers import NoAnswer
from tests.parts.credentials import P12
from tests.parts.presence import require
from tests.parts.programs import check, run

# No sandbox for root, and nothing that looks for hosts of its maker.
FLAGS = (
    *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
)


@dataclass(frozen=True)
class Page:
    """What the browser shows."""

    dom: str
    screenshot: Path


@dataclass(frozen=True)
class Chromium:
    """A browser with a home directory; each ``open`` is a start of its own."""

    home: Path

    def open(self, url: str) -> Page:
        """Open a page.

        Raises:
            NoAnswer: with Chromium's own name of the error, such as ``ERR_BAD_SSL_CLIENT_AUTH_CERT``.
        """
        screenshot = self.home / "page.png"
        own = (f"--user-data-dir={self.home / 'profile'}", *(["--no-sandbox"] if os.geteuid() == 0 else []))
        argv = ["chromium", *FLAGS, *own, "--dump-dom", f"--screenshot={screenshot}", url]
        # The NSS database is looked for in HOME, all else is left in there as well.
        places = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
        environment = dict.fromkeys(places, str(self.home))
        finished = run(argv, env=environment, cwd=self.home, timeout=30)
        said = finished.stderr.decode(errors="replace")
        if failure := re.search(r"Page load failed: net::(\w+)", said):
            raise NoAnswer(failure.group(1))
        assert finished.stdout, said
        return Page(finished.stdout.decode(), screenshot)


def chromium(
    home: Path,
    *,
    roots: Iterable[Path] = (),
    servers: Iterable[Path] = (),
    identity: P12 | None = None,
) -> Chromium:
    """Set up a browser in a new directory.

    Args:
        roots: PEM files of the root CAs that it trusts for servers.
        servers: PEM files of single servers' own certificates that it trusts, self-signed ones.
        identity: imported into its NSS database; without it the browser has no client certificate.
    """
    require("chromium", "libnss3-tools")
    database = home / ".pki/nssdb"
    database.mkdir(parents=True)
    where = ["-d", f"sql:{database}"]
    check(["certutil", "-N", *where, "--empty-password"])
    for number, root in enumerate(roots):
        check(["certutil", "-A", *where, "-t", "C,,", "-n", f"root-{number}", "-i", root])
    for number, server in enumerate(servers):
        check(["certutil", "-A", *where, "-t", "P,,", "-n", f"server-{number}", "-i", server])
    if identity:
        password = home / "password"
        password.write_text(identity.password)
        check(["pk12util", *where, "-i", identity.path, "-w", password, "-K", ""])
    always: dict[str, Any] = {"https://*,*": {"setting": {"filters": [{}]}}}
    settings = {"profile": {"content_settings": {"exceptions": {"auto_select_certificate": always}}}}
    (home / "profile/Default").mkdir(parents=True)
    (home / "profile/Default/Preferences").write_text(json.dumps(settings))
    return Chromium(home)
