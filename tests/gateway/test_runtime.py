"""The folder of the control sockets, and who may be the control plane."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from twoway.errors import AlreadyServed, RuntimeFolderUnsafe, RuntimeFolderUnusable
from twoway.gateway.runtime import control_plane, lock, runtime

REALM = "0123456789abcdef0123"


def test_folder_is_ours_alone(session: Path) -> None:
    """It has the mode 0700, and so has the one above it."""
    folder = runtime(REALM, session).folder
    assert [0o700, 0o700] == [step.stat().st_mode & 0o777 for step in (folder, folder.parent)]


def test_folder_is_used_again(session: Path) -> None:
    """The next control plane finds what the last one left."""
    assert runtime(REALM, session) == runtime(REALM, session)


def test_realm_keeps_its_folder_in_another_session(session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a gateway that a login session left would not be found by a job of the night."""
    folder = runtime(REALM, session).folder
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert folder == runtime(REALM, session).folder


def test_folder_that_is_gone_is_chosen_anew(session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was started again has no runtime folders."""
    folder = runtime(REALM, session).folder
    folder.rmdir()
    assert folder == runtime(REALM, session).folder
    assert folder.is_dir()


@pytest.mark.parametrize("written", [b"", b"relative", b"/", b"/etc", b"\0", b"/tmp/twoway-0/other"])
def test_folder_that_is_written_down_wrongly_is_chosen_anew(session: Path, written: bytes) -> None:
    """Nothing but a folder of ours of this realm's name is taken."""
    folder = runtime(REALM, session).folder
    (session / "runtime.folder").write_bytes(written)
    assert folder == runtime(REALM, session).folder


def test_folder_in_use_looks_like_it(session: Path) -> None:
    """What clears temporary folders goes by when a file was touched last."""
    place = runtime(REALM, session)
    place.log.write_text("")
    kept = (place.log, place.folder, place.folder.parent)
    for path in kept:
        os.utime(path, (0, 0))
    place.in_use()
    assert all(path.stat().st_mtime > 0 for path in kept)


def test_folder_is_made_ours_alone_whatever_the_mask(session: Path) -> None:
    """A process that lets others into its files lets nobody in here."""
    before = os.umask(0)
    try:
        folder = runtime(REALM, session).folder
    finally:
        os.umask(before)
    assert 0o700 == folder.stat().st_mode & 0o777


@pytest.mark.parametrize("level", ["folder", "parent"])
def test_folder_that_others_may_enter_is_refused(session: Path, level: str) -> None:
    """Whoever opens the control socket takes the servers' keys."""
    folder = runtime(REALM, session).folder
    (folder if level == "folder" else folder.parent).chmod(0o710)
    with pytest.raises(RuntimeFolderUnsafe):
        runtime(REALM, session)


def test_folder_of_another_user_is_refused(session: Path) -> None:
    """In a folder for all, such as /tmp, somebody may have made it before us."""
    if os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(runtime(REALM, session).folder.parent, 65534, 65534)
    with pytest.raises(RuntimeFolderUnsafe):
        runtime(REALM, session)


def test_link_in_place_of_the_folder_is_refused(session: Path) -> None:
    """Where it leads to may be changed by whoever made it."""
    folder = runtime(REALM, session).folder
    folder.rename(session / "elsewhere")
    folder.symlink_to(session / "elsewhere")
    with pytest.raises(RuntimeFolderUnsafe):
        runtime(REALM, session)


def test_file_in_place_of_the_folder_is_refused(session: Path) -> None:
    """It is told in words."""
    (session / f"twoway-{os.getuid()}").write_text("")
    with pytest.raises(RuntimeFolderUnsafe):
        runtime(REALM, session)


def test_folder_that_is_not_there_is_told(session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that has ended leaves such a variable behind."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session / "gone"))
    with pytest.raises(RuntimeFolderUnusable, match="No such file"):
        runtime(REALM, session)


def test_folder_whose_name_is_too_long_is_told(session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of a Unix socket has little room."""
    deep = session / ("d" * 80)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    with pytest.raises(RuntimeFolderUnusable, match="too long"):
        runtime(REALM, session)


def test_realm_has_one_control_plane(tmp_path: Path) -> None:
    """The second is refused while the first holds the lock, and not afterwards."""
    with lock(tmp_path), pytest.raises(AlreadyServed):
        lock(tmp_path)
    lock(tmp_path).close()


def test_control_plane_is_found(tmp_path: Path) -> None:
    """Whoever looks at a realm learns which process serves it; nothing is locked by looking."""
    assert control_plane(tmp_path) is None
    for _ in range(2):
        with lock(tmp_path):
            found = control_plane(tmp_path)
            assert (os.getpid(), found) == (found and found.pid, control_plane(tmp_path))
