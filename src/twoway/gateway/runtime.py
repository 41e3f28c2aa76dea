"""Where a running gateway lives: its sockets, its process file and its lock. Shell.

Whoever can open the control socket can take the servers' private keys from it, and whoever can bind it becomes
the control plane. So the folder is ours alone, and it is not used when it is anybody else's.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from twoway.errors import AlreadyServed, RuntimeFolderUnsafe


@dataclass(frozen=True)
class Runtime:
    """The folder of one realm's running gateway.

    Args:
        folder: mode 0700, owned by us, short enough for the paths of Unix sockets.
    """

    folder: Path

    @property
    def control(self) -> Path:
        """The socket on which Envoy hears what to do."""
        return self.folder / "control.sock"

    @property
    def authorizer(self) -> Path:
        """The socket on which Envoy asks, and tells what it refused."""
        return self.folder / "authorizer.sock"

    @property
    def admin(self) -> Path:
        """The socket of Envoy's own administration page."""
        return self.folder / "admin.sock"

    @property
    def process(self) -> Path:
        """The file that says which process is Envoy."""
        return self.folder / "envoy.json"

    @property
    def log(self) -> Path:
        """Envoy's own log."""
        return self.folder / "envoy.log"


def runtime(realm_id: str) -> Runtime:
    """Return the realm's runtime folder, made if need be.

    Args:
        realm_id: the realm's identifier.

    Raises:
        RuntimeFolderUnsafe: someone else owns the folder, or may enter it.
    """
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    folder = base / f"twoway-{os.getuid()}"
    for step in (folder, folder / realm_id[:16]):
        step.mkdir(mode=0o700, exist_ok=True)
        _require_ours(step)
    return Runtime(folder / realm_id[:16])


def _require_ours(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise RuntimeFolderUnsafe(str(folder))


def lock(place: Runtime) -> IO[bytes]:
    """Return the open file that makes this process the only control plane of the realm here.

    Raises:
        AlreadyServed: another process holds it.
    """
    file = (place.folder / "serve.lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise AlreadyServed(str(place.folder)) from None
    return file
