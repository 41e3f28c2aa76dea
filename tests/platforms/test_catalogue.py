"""What holds of every platform, whoever wrote it."""

from __future__ import annotations

import re

import pytest

from tests.parts import material as parts
from tests.parts.material import CLIENT, SERVER
from tests.platforms.material import AT, chain, entry, issuing, ours, rsa_key
from twoway.findings import Severity
from twoway.keystores.model import TrustedEntry
from twoway.platforms import kit as kits
from twoway.platforms.catalogue import PLATFORMS
from twoway.platforms.kit import Kit
from twoway.platforms.order import Order
from twoway.platforms.platform import ByDocument, Platform, Use
from twoway.x509.purposes import Purpose

PASSWORD = "only-in-the-order-1"
HOST = "api.example.com"
USES = [(platform, use) for platform in PLATFORMS for use in platform.uses]
each_use = pytest.mark.parametrize(
    ("platform", "use"), USES, ids=[f"{platform.name}-{use.name}" for platform, use in USES]
)


def kit(platform: Platform, use: Use) -> Kit:
    """A kit of sound material, with every setting as it is if nobody says anything."""
    purpose = SERVER if use.accepts.purpose is Purpose.SERVER else CLIENT
    usage = [SERVER, CLIENT] if use.name == "broker" else [purpose]
    holder = parts.issue("acme", by=issuing(), usage=usage, key=rsa_key(), days=(-1, 300), names=[HOST])
    other = parts.issue("Other Root", ca=True, days=(-1, 300))
    return kits.made(
        platform,
        use,
        Order(
            entry(holder, "acme"),
            (TrustedEntry("other", ours(other.leaf), AT),),
            AT,
            PASSWORD if use.accepts.password else "",
            f"https://{HOST}:8443",
            {setting.name: setting.default or "" for setting in use.settings},
        ),
    )


def texts(made: Kit) -> dict[str, str]:
    """The kit's files that are text."""
    found = {}
    for file in made.files:
        try:
            found[file.name] = file.content.decode()
        except UnicodeDecodeError:
            continue
    return found


@each_use
def test_kit_of_sound_material_has_no_errors(platform: Platform, use: Use) -> None:
    """Nobody is sent away who did everything right."""
    errors = [one for one in kit(platform, use).findings if one.severity is Severity.ERROR]
    assert [] == [one.title for one in errors]


@each_use
def test_what_is_sent_has_no_key_and_no_file_the_password(platform: Platform, use: Use) -> None:
    """The half for the other side is certificates; the password is with whoever made the kit."""
    made = kit(platform, use)
    sent = [file for file in made.files if file.name.startswith("send/")]
    assert [] == [file.name for file in sent if file.secret or b"PRIVATE" in file.content]
    assert [] == [name for name, text in texts(made).items() if PASSWORD in text]


@each_use
def test_keys_are_secret(platform: Platform, use: Use) -> None:
    """Their files get mode 0600."""
    made = kit(platform, use)
    clear = [file for file in made.files if re.search(rb"BEGIN [A-Z ]*PRIVATE KEY", file.content)]
    assert [] == [file.name for file in clear if not file.secret]


@each_use
def test_steps_say_what_each_side_does(platform: Platform, use: Use) -> None:
    """In the order in which it is done, and with every place of a template filled in."""
    steps = texts(kit(platform, use))["STEPS.md"]
    headings = [line for line in steps.splitlines() if line.startswith("## ")]
    wanted = ["## What you do", "## What the other side does", "## See that it works"]
    assert wanted == [line for line in headings if line in wanted]
    assert [] == re.findall(r"\$\{[a-z_]+\}", steps)


@each_use
def test_steps_name_only_files_of_the_kit(platform: Platform, use: Use) -> None:
    """A person finds what she is told to take."""
    made = kit(platform, use)
    names = {file.name for file in made.files}
    # The messages are those of all uses, and speak of the other side's kit too.
    steps = texts(made)["STEPS.md"].partition("## If it says something else")[0]
    assert set() == set(re.findall(r"\b(?:keep|send)/[\w.-]*\w", steps)) - names


@pytest.mark.parametrize("platform", PLATFORMS, ids=[platform.name for platform in PLATFORMS])
def test_platform_says_how_it_is_known(platform: Platform) -> None:
    """By a test that is there, or by a page and when it was read."""
    if isinstance(platform.proof, ByDocument):
        assert platform.proof.source
        assert platform.proof.read <= AT.date()
    else:
        assert re.search(r"tests/interop/platforms/\w+\.py", platform.proof.by)
    assert all(use.accepts.source for use in platform.uses)


def test_names_are_each_given_once() -> None:
    """And written as on the command line."""
    names = [platform.name for platform in PLATFORMS]
    assert sorted(set(names)) == sorted(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in names)


def test_chain_of_the_material_is_whole() -> None:
    """So that what is found is about the platforms."""
    assert 3 == len(chain(parts.issue("acme", by=issuing())))
