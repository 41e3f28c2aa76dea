"""The platforms that are known, by name. Pure."""

from __future__ import annotations

from twoway.errors import UsageError
from twoway.platforms import (
    aem,
    apache,
    aws_api_gateway,
    azure_api_management,
    browser,
    curl,
    envoy,
    firefox,
    haproxy,
    java,
    jetty,
    kafka,
    kubernetes,
    macos,
    mulesoft,
    nginx,
    nodejs,
    postgresql,
    postman,
    python,
    salesforce,
    tomcat,
    windows,
)
from twoway.platforms.platform import Platform, Use
from twoway.x509.purposes import Purpose

PLATFORMS: tuple[Platform, ...] = (
    aem.PLATFORM,
    apache.PLATFORM,
    aws_api_gateway.PLATFORM,
    azure_api_management.PLATFORM,
    browser.PLATFORM,
    curl.PLATFORM,
    envoy.PLATFORM,
    firefox.PLATFORM,
    haproxy.PLATFORM,
    java.PLATFORM,
    jetty.PLATFORM,
    kafka.PLATFORM,
    kubernetes.PLATFORM,
    macos.PLATFORM,
    mulesoft.PLATFORM,
    nginx.PLATFORM,
    nodejs.PLATFORM,
    postgresql.PLATFORM,
    postman.PLATFORM,
    python.PLATFORM,
    salesforce.PLATFORM,
    tomcat.PLATFORM,
    windows.PLATFORM,
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


def use_as(platform: Platform, name: str | None, purpose: Purpose) -> Use:
    """Return a platform's use of this name, or its first one on this side of TLS if no name is given.

    Raises:
        UsageError: it has none, or the one that was named is on the other side.
    """
    side = "calls others" if purpose is Purpose.CLIENT else "asks its clients for certificates"
    fitting = [use for use in platform.uses if use.accepts.purpose is purpose]
    chosen = use_of(platform, name) if name is not None else next(iter(fitting), None)
    if chosen is None or chosen not in fitting:
        words = (
            f"{platform.title} has no use {name!r} that {side}" if name else f"{platform.title} never {side}"
        )
        advice = (
            f"choose one of {', '.join(use.name for use in fitting)} with --use"
            if fitting
            else "choose another platform"
        )
        raise UsageError(words, advice)
    return chosen
