from __future__ import annotations

import stat
import subprocess
import sys

from twoway.cli import init
from twoway.x509 import keys


def test_init_makes_a_realm_that_opens(cli, tmp_path):
    """The realm holds its first audit entries, and they verify."""
    made = cli("init", "--realm", tmp_path / "realm")
    assert (0, "") == (made.status, made.stdout)
    assert 0 == cli("audit", "verify", "--realm", tmp_path / "realm").status


def test_init_uses_the_users_data_folder(cli, tmp_path):
    """No option at all makes the user's own realm, and every command finds it there."""
    made = cli("init", "--json")
    assert str(tmp_path / "data" / "twoway") == made.json["directory"]
    assert 0 == cli("audit", "list").status


def test_realm_is_named_by_the_environment(cli, tmp_path, monkeypatch):
    """TWOWAY_REALM is for services and shells."""
    monkeypatch.setenv("TWOWAY_REALM", str(tmp_path / "named"))
    assert str(tmp_path / "named") == cli("init", "--json").json["directory"]


def test_unlock_key_is_readable_by_its_owner_only(cli, tmp_path):
    """The file that opens everything has mode 0600, in a folder of mode 0700."""
    cli("init", "--realm", tmp_path / "realm")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("realm/unlock.key", "realm")]
    assert [0o600, 0o700] == modes


def test_second_init_is_refused(cli, tmp_path):
    """A realm is never overwritten."""
    cli("init", "--realm", tmp_path / "realm")
    again = cli("init", "--realm", tmp_path / "realm", "--json")
    assert (1, "realm-exists") == (again.status, again.json["error"]["code"])


def test_realm_under_a_passphrase_has_no_key_file(cli, tmp_path):
    """The passphrase is asked for where it is needed, and a wrong one is refused."""
    (tmp_path / "right").write_text("correct horse\n")
    (tmp_path / "wrong").write_text("battery staple\n")
    place = ("--realm", tmp_path / "realm")
    assert 0 == cli("init", *place, "--passphrase-file", tmp_path / "right").status
    assert not (tmp_path / "realm" / "unlock.key").exists()
    assert 0 == cli("audit", "verify", *place, "--passphrase-file", tmp_path / "right").status
    wrong = cli("audit", "verify", *place, "--passphrase-file", tmp_path / "wrong", "--json")
    assert (1, "unlock-key-wrong") == (wrong.status, wrong.json["error"]["code"])
    assert 2 == cli("audit", "verify", *place).status


def test_realm_under_the_environment_has_no_key_file(cli, tmp_path, monkeypatch):
    """TWOWAY_UNLOCK_KEY opens it, and nothing else does."""
    place = ("--realm", tmp_path / "realm")
    monkeypatch.delenv("TWOWAY_UNLOCK_KEY", raising=False)
    refused = cli("init", *place, "--unlock", "environment")
    assert (2, True) == (refused.status, "openssl rand -base64 32" in refused.stderr)
    monkeypatch.setenv("TWOWAY_UNLOCK_KEY", "A" * 43 + "=")
    assert 0 == cli("init", *place, "--unlock", "environment").status
    assert not (tmp_path / "realm" / "unlock.key").exists()
    monkeypatch.delenv("TWOWAY_UNLOCK_KEY")
    assert 1 == cli("audit", "verify", *place).status


def test_passphrase_options_contradict_another_way(cli, tmp_path):
    """What was meant is not guessed."""
    (tmp_path / "passphrase").write_text("correct horse\n")
    result = cli("init", "--unlock", "file", "--passphrase-file", tmp_path / "passphrase")
    assert 2 == result.status


def test_missing_realm_is_named_with_the_way_to_make_one(cli, tmp_path):
    """The first mistake of every new user has its hint."""
    result = cli("audit", "list", "--realm", tmp_path / "nowhere")
    assert 1 == result.status
    assert str(tmp_path / "nowhere") in result.stderr
    assert "twoway: hint: make one with twoway init" in result.stderr


def test_algorithms_of_the_help_are_those_that_are_made():
    """The list is written out so that --help imports nothing; here it is held."""
    assert keys.ALGORITHMS == init.ALGORITHMS


def test_hint_for_a_realms_name_has_its_own_rule(cli, tmp_path):
    """It may hold what a client's may not."""
    result = cli("init", "--realm", tmp_path / "realm", "--name", "A" * 5000)
    assert (2, False) == (result.status, "a-z" in result.stderr)
    assert len(result.stderr) < 500


def test_disk_that_is_full_is_told_of_the_folder_that_was_named(tmp_path):
    """Where it is built is of no interest."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); "
        "from twoway.cli import run; sys.exit(run(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "init", "--realm", tmp_path / "realm"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (4, True) == (ended.returncode, f"{tmp_path}/realm cannot be read" in ended.stderr)
    assert ".init-" not in ended.stderr
