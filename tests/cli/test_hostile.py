"""Every command with arguments that nobody should give it: words and a status come back, never a failure of ours."""

from __future__ import annotations

import click
import pytest

from twoway.cli import root

# Not run to their end here: they stay up by design.
STAYING = {"serve", "quickstart"}
WORDS = [
    "",
    " ",
    "nobody",
    "../../etc/passwd",
    "\x1b[2J",
    "\u202eevil",
    "x" * 5000,
    "a\nb",
    "-1",
    "99999999999999999999",
    "%s{0}",
]


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The words that lead to each command."""
    context = click.Context(group)
    found: list[tuple[str, ...]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            found += leaves(command, (*path, name))
        elif name not in STAYING:
            found.append((*path, name))
    return found


def filled(command: tuple[str, ...], word: str, name: str) -> list[str]:
    """The name for the first argument, the word for all others and for options."""
    current: click.Command = root
    for part in command:
        assert isinstance(current, click.Group)
        found = current.get_command(click.Context(current), part)
        assert found is not None
        current = found
    wanted = [one for one in current.params if isinstance(one, click.Argument)]
    free = [one for one in current.params if isinstance(one, click.Option) and not one.is_flag]
    options = [f"{one.opts[0]}={word}" for one in free if one.required or "realm" not in one.opts[0]]
    return [*options[:4], "--", *[name, word, word][: len(wanted)]]


@pytest.mark.parametrize("command", leaves(root), ids=" ".join)
def test_strange_words_end_in_words(cli, realm, command, tmp_path, monkeypatch):
    """No traceback, no bug report, no escape sequence, and a status that says whose fault it is."""
    monkeypatch.chdir(tmp_path)
    cli("client", "add", "globex")
    for word in WORDS:
        for arguments in (
            filled(command, word, word),
            filled(command, word, "globex"),
            ["--", "globex", word],
        ):
            result = cli(*command, *arguments)
            assert result.status in {0, 1, 2, 3}, (arguments, result.stderr)
            assert set() == set("\x1b\u202e") & set(result.stdout + result.stderr)


@pytest.mark.parametrize("command", leaves(root), ids=" ".join)
def test_help_is_for_every_command(cli, command):
    """Each has a usage line and needs no realm."""
    result = cli(*command, "--help")
    assert 0 == result.status
    assert result.stdout.startswith(f"Usage: twoway {' '.join(command)}")


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_damaged_database_is_said_to_be_damaged(cli, realm, content):
    """Not a failure of twoway, and nothing is made of it."""
    for left in realm.glob("realm.db-*"):
        left.unlink()
    (realm / "realm.db").write_bytes(content)
    result = cli("client", "list", "--json")
    assert "realm-damaged" == result.json["error"]["code"]


@pytest.mark.parametrize("content", [b"", b"not base64!", b"AAAA"])
def test_damaged_unlock_key_is_said_to_be_damaged(cli, realm, content):
    """Reading what is no secret goes on."""
    (realm / "unlock.key").write_bytes(content)
    assert "unlock-key-malformed" == cli("client", "add", "globex", "--json").json["error"]["code"]
    assert 0 == cli("client", "list").status


def test_exposed_unlock_key_is_refused(cli, realm):
    """A key that others can read is not used in silence."""
    (realm / "unlock.key").chmod(0o644)
    result = cli("client", "add", "globex", "--json")
    assert (1, "unlock-key-exposed") == (result.status, result.json["error"]["code"])
