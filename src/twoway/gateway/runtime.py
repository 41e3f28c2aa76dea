"""Where a running gateway lives: its sockets, its process files and its locks. Shell.

Whoever can open the control socket can take the servers' private keys from it, and whoever can bind it becomes
the control plane. So the folder is ours alone, and it is not used when it is anybody else's.

Which folder it is, and which processes run, is written down in the realm's directory: sessions of one user may have
runtime folders of their own, and a gateway that another session left has to be found all the same.
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

# Says which process serves the realm, and is locked by it. In the realm's directory, and in the folder of the sockets:
# a copy of a realm would take the same folder.
_LOCK = "serve.lock"
# In the realm's directory: says where the sockets are.
_FOLDER = "runtime.folder"

# Bytes of the path of a Unix socket: 108 on Linux, 104 on macOS, with the zero at its end.
_SOCKET_PATH = 103
# What an authorizer adds to the name of its socket while it is not ready: a dot and its process number.
_OF_A_PROCESS = 11


@dataclass(frozen=True)
class Runtime:
    """The folder of one realm's running gateway.

    Args:
        folder: of the sockets and logs; mode 0700, owned by us, short enough for the paths of Unix sockets.
        directory: the realm's.
    """

    folder: Path
    directory: Path

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
        return self.directory / "gateway.json"

    @property
    def authorizer_process(self) -> Path:
        """The file that says which process is the authorizer."""
        return self.directory / "authorizer.json"

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

        Without its sockets a gateway could not be taken over.
        Source: systemd's tmp.conf: ten days in /tmp.
        """
        for path in (self.folder.parent, self.folder, *self.folder.glob("*")):
            with suppress(FileNotFoundError):  # a file comes and goes
                os.utime(path, follow_symlinks=False)


def runtime(realm_id: str, directory: Path) -> Runtime:
    """Return where the realm's gateway lives: where it did before, or else in a folder that is made.

    Args:
        realm_id: the realm's identifier.
        directory: the realm's.

    Raises:
        RuntimeFolderUnsafe: someone else owns the folder, or may enter it.
        RuntimeFolderUnusable: it cannot be made, or its name is too long for sockets.
    """
    name = realm_id[:16]
    before = _before(directory / _FOLDER, name)
    if before:
        return Runtime(before, directory)
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    place = Runtime(base / f"twoway-{os.getuid()}" / name, directory)
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
    beside = directory / f"{_FOLDER}.new"
    beside.write_bytes(os.fsencode(place.folder))
    beside.rename(directory / _FOLDER)
    return place


def _before(written: Path, name: str) -> Path | None:
    """Return the folder that was written down, if it is still there and ours."""
    try:
        folder = Path(os.fsdecode(written.read_bytes()))
        for step in (folder.parent, folder):
            _require_ours(step)
    except (OSError, ValueError, RuntimeFolderUnsafe):
        return None
    return folder if folder.name == name and folder.is_absolute() else None


def _require_ours(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise RuntimeFolderUnsafe(str(folder))


def lock(directory: Path) -> IO[bytes]:
    """Return the open file that makes this process the only control plane of the realm.

    Args:
        directory: the realm's, or the folder of its sockets.

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
