from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

import pytest

from twoway.cli.files import delivery, read_file, write_file
from twoway.errors import UsageError


def deliver(directory, files, *, force=False):
    """Write files, the secret one being ``key``."""
    with delivery(directory, files, force=force) as prepared:
        for name, data in files.items():
            prepared.put(name, data, secret=name == "key")
        prepared.publish()


def test_new_folder_appears_with_all_its_files(tmp_path):
    """Folders above it are made too."""
    deliver(tmp_path / "a" / "kit", {"key": b"1", "pem": b"2"})
    assert {"key": b"1", "pem": b"2"} == {
        file.name: file.read_bytes() for file in (tmp_path / "a" / "kit").iterdir()
    }


def test_files_join_a_folder_that_is_there(tmp_path):
    """What else is in it stays as it is."""
    (tmp_path / "other").write_bytes(b"0")
    deliver(tmp_path, {"key": b"1"})
    assert {"other", "key"} == {file.name for file in tmp_path.iterdir()}


def test_secret_files_are_for_their_owner_only(tmp_path):
    """Mode 0600 for keys, whatever the umask; certificates may be read."""
    deliver(tmp_path / "kit", {"key": b"1", "pem": b"2"})
    modes = [stat.S_IMODE((tmp_path / "kit" / name).stat().st_mode) for name in ("key", "pem")]
    assert [0o600, 0o644] == modes


def test_nothing_is_overwritten_unasked(tmp_path):
    """The refusal names the file, and comes before anything is written."""
    (tmp_path / "pem").write_bytes(b"old")
    with pytest.raises(UsageError, match=str(tmp_path / "pem")):
        deliver(tmp_path, {"key": b"1", "pem": b"2"})
    assert {"pem": b"old"} == {file.name: file.read_bytes() for file in tmp_path.iterdir()}


def test_link_to_nowhere_is_something(tmp_path):
    """A dangling link is not written through."""
    (tmp_path / "pem").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError):
        deliver(tmp_path, {"pem": b"2"})


def test_force_replaces_a_link_not_its_target(tmp_path):
    """What the link points to keeps its content."""
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "pem").symlink_to(tmp_path / "target")
    deliver(tmp_path, {"pem": b"new"}, force=True)
    assert (b"old", b"new") == ((tmp_path / "target").read_bytes(), (tmp_path / "pem").read_bytes())


def test_failure_half_way_leaves_nothing(tmp_path):
    """Neither files nor the folder that they were made in."""
    with suppress(ZeroDivisionError), delivery(tmp_path / "kit", ["key"], force=False) as prepared:
        prepared.put("key", b"1", secret=True)
        raise ZeroDivisionError
    assert [] == list(tmp_path.iterdir())


def test_one_file_is_written_whole(tmp_path):
    """The same care for a single file."""
    write_file(tmp_path / "crl.pem", b"1", force=False)
    with pytest.raises(UsageError):
        write_file(tmp_path / "crl.pem", b"2", force=False)
    assert b"1" == (tmp_path / "crl.pem").read_bytes()


def test_input_of_any_size_is_not_read(tmp_path):
    """A disk image named by mistake is refused, not loaded."""
    with (tmp_path / "big").open("wb") as file:
        file.truncate(11 * 1024 * 1024)
    with pytest.raises(UsageError, match="more than"):
        read_file(tmp_path / "big")


def test_place_that_cannot_be_made_is_named_as_the_user_did():
    """Not by the name of what we would make beside it."""
    with pytest.raises(OSError, match="Errno") as caught, delivery(Path("/proc/kit"), ["a"], force=False):
        pass
    assert "/proc/kit" == caught.value.filename
