"""Which paths are refused because a backend may read them as another service's. Pure.

Envoy has already decoded what may be decoded, merged slashes and removed dot segments. What is left are the
spellings that servers behind it disagree on: Tomcat strips ``;x`` from a segment, Windows strips dots and
spaces at the end of one, a second decoding turns ``%252e`` into a dot, IIS reads ``%u0061`` as a letter and finds a
best fit for a full-width one, and some compare without case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# Any of these anywhere in a path can make it another path to somebody.
_AMBIGUOUS = (
    ";",  # path parameters, stripped by servlet containers
    r"\\",  # a slash to Windows
    "%25",  # a second decoding
    "%[01][0-9a-f]",  # control characters
    "%7f",
    "%c[01]|%e0%[89]|%f0%8",  # overlong UTF-8
    "%2[ef]",  # an encoded dot or slash that survived
    "%5c",
    "%3b",
    "%3f|%23",  # an encoded ? or #: the path ends there, to whoever decodes before it looks
    "%(?:[^0-9a-f]|.[^0-9a-f]|.?$)",  # no encoding at all, or IIS's own
    r":(?:\$|%24)",  # a stream of a file, to Windows
    "%c4%b[01]|%c5%bf|%e2%84%aa",  # letters outside ASCII whose other case is in it
    "%ef%bc|%ef%bd%[89]",  # full-width forms
    r"(?:\.|%20|%(?:c2%)?a0|\s)+(?:/|$)",  # dots and spaces at the end of a segment
    "[^\\x21-\\x7e]",
)


def ambiguous(paths: Sequence[str]) -> str | None:
    """Return the regular expression (RE2, for the whole path) of what one host must refuse.

    Args:
        paths: the paths of the services of one host.

    Returns:
        None where every path has the same rights: one service that owns ``/``.
    """
    if list(paths) == ["/"]:
        return None
    return "(?i).*(?:" + "|".join(_AMBIGUOUS) + ").*"


def miscased(path: str) -> str | None:
    """Return the regular expression (RE2) of a path in any letter case, or None where case cannot matter.

    The service's own spelling is matched before this one.
    """
    if path.lower() == path.upper():
        return None
    return f"(?i){re.escape(path)}(?:/.*)?"
