"""Where a running gateway lives: its sockets, its process file and its lock. Shell.

Whoever can open the control socket can take the servers' private keys from it, and whoever can bind it becomes
the control plane. So the folder is ours alone, and it is not used when it is anybody else's.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from twoway.errors import AlreadyServed, RuntimeFolderUnsafe, RuntimeFolderUnusable
from twoway.gateway import processes
from twoway.gateway.processes import Process

# In the realm's directory: says which process serves the realm, and is locked by it.
_LOCK = "serve.lock"

# Bytes of the path of a Unix socket: 108 on Linux, 104 on macOS, with the zero at its end.
_SOCKET_PATH = 103
# What an authorizer adds to the name of its socket while it is not ready: a dot and its process number.
_OF_A_PROCESS = 11


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
    def questions(self) -> Path:
        """The socket on which Envoy limits the rate of what it asks itself."""
        return self.folder / "questions.sock"

    @property
    def admin(self) -> Path:
        """The socket of Envoy's own administration page."""
        return self.folder / "admin.sock"

    @property
    def process(self) -> Path:
        """The file that says which process is Envoy."""
        return self.folder / "envoy.json"

    @property
    def authorizer_process(self) -> Path:
        """The file that says which process is the authorizer."""
        return self.folder / "authorizer.json"

    @property
    def log(self) -> Path:
        """Envoy's own log."""
        return self.folder / "envoy.log"

    @property
    def log_before(self) -> Path:
        """The log of the Envoy before this one."""
        return self.folder / "envoy.log.before"

    def in_use(self) -> None:
        """Say so to what clears temporary folders of everything that nobody touched for days.

        Without its process file a gateway would not be found again, and not be taken over.
        Source: systemd's tmp.conf: ten days in /tmp.
        """
        for path in (self.folder.parent, self.folder, *self.folder.glob("*")):
            with suppress(FileNotFoundError):  # a file comes and goes
                os.utime(path, follow_symlinks=False)


def runtime(realm_id: str) -> Runtime:
    """Return the realm's runtime folder, made if need be.

    Args:
        realm_id: the realm's identifier.

    Raises:
        RuntimeFolderUnsafe: someone else owns the folder, or may enter it.
        RuntimeFolderUnusable: it cannot be made, or its name is too long for sockets.
    """
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    place = Runtime(base / f"twoway-{os.getuid()}" / realm_id[:16])
    if len(os.fsencode(place.authorizer)) + _OF_A_PROCESS > _SOCKET_PATH:
        raise RuntimeFolderUnusable(str(place.folder), "its name is too long for the sockets in it")
    for step in (place.folder.parent, place.folder):
        try:
            step.mkdir(mode=0o700, exist_ok=True)
        except FileExistsError:
            raise RuntimeFolderUnsafe(str(step)) from None
        except OSError as error:
            raise RuntimeFolderUnusable(str(step), error.strerror or str(error)) from error
        _require_ours(step)
    return place


def _require_ours(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise RuntimeFolderUnsafe(str(folder))


def lock(directory: Path) -> IO[bytes]:
    """Return the open file that makes this process the only control plane of the realm.

    It lies with the realm: sessions of one user may have runtime folders of their own.

    Args:
        directory: the realm's.

    Raises:
        AlreadyServed: another process holds it.
    """
    file = os.fdopen(os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise AlreadyServed(str(directory)) from None
    process = processes.running(os.getpid())
    if process:
        file.truncate()
        file.write(processes.text(process).encode())
        file.flush()
    return file


def control_plane(directory: Path) -> Process | None:
    """Return the process that serves a realm on this machine, or None where none does.

    Args:
        directory: the realm's.
    """
    return processes.recorded(directory / _LOCK)
