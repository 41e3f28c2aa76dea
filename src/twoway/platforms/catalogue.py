"""The platforms that are known, by name. Pure."""

from __future__ import annotations

from twoway.errors import UsageError
from twoway.platforms import (
    aem,
    apache,
    browser,
    curl,
    envoy,
    firefox,
    haproxy,
    java,
    jetty,
    mulesoft,
    nginx,
    nodejs,
    postman,
    python,
    salesforce,
    tomcat,
)
from twoway.platforms.platform import Platform, Use

PLATFORMS: tuple[Platform, ...] = (
    aem.PLATFORM,
    apache.PLATFORM,
    browser.PLATFORM,
    curl.PLATFORM,
    envoy.PLATFORM,
    firefox.PLATFORM,
    haproxy.PLATFORM,
    java.PLATFORM,
    jetty.PLATFORM,
    mulesoft.PLATFORM,
    nginx.PLATFORM,
    nodejs.PLATFORM,
    postman.PLATFORM,
    python.PLATFORM,
    salesforce.PLATFORM,
    tomcat.PLATFORM,
)

_BY_NAME = {platform.name: platform for platform in PLATFORMS}


def find(name: str) -> Platform:
    """Return the platform of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in _BY_NAME:
        raise UsageError(f"there is no platform {name!r}", f"choose one of {', '.join(_BY_NAME)}")
    return _BY_NAME[name]


def use_of(platform: Platform, name: str | None) -> Use:
    """Return a platform's use of this name, or its first one if no name is given.

    Raises:
        UsageError: it has none of this name.
    """
    if name is None:
        return platform.uses[0]
    for use in platform.uses:
        if use.name == name:
            return use
    choices = ", ".join(use.name for use in platform.uses)
    raise UsageError(f"{platform.title} has no use {name!r}", f"choose one of {choices} with --use")
