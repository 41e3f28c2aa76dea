"""What somebody said with ``--set`` about one use of a platform. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from twoway.errors import UsageError
from twoway.platforms.platform import Use


def chosen(use: Use, given: Iterable[str]) -> dict[str, str]:
    """Return every setting of the use, as given or else its default.

    Args:
        use: whose settings they are.
        given: each as ``NAME=VALUE``.

    Raises:
        UsageError: there is no such setting, or its value cannot be.
    """
    known = {setting.name: setting for setting in use.settings}
    values = {setting.name: setting.default or "" for setting in use.settings}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            choices = ", ".join(known) or "none"
            raise UsageError(f"--set {text}: {use.title} has these settings: {choices}", "write NAME=VALUE")
        if not known[name].pattern.fullmatch(value):
            raise UsageError(f"--set {name}: {value!r} is no {known[name].about}", "see twoway platform show")
        values[name] = value
    return values
