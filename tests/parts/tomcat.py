"""Debian's Tomcat 10 as a backend, in the foreground, with one servlet that answers with all that it was sent."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts.java import QUICK_START, classes
from tests.parts.presence import require
from tests.parts.programs import serving

HOME = Path("/usr/share/tomcat10")

SERVER_XML = """\
<Server port="-1">
  <Service name="Catalina">
    <Connector address="127.0.0.1" port="0"/>
    <Engine name="Catalina" defaultHost="localhost">
      <Host name="localhost" appBase="none" deployOnStartup="false" autoDeploy="false">
        <Context path="" docBase="{webapp}"/>
      </Host>
    </Engine>
  </Service>
</Server>
"""

WEB_XML = """\
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0" metadata-complete="true">
  <absolute-ordering/>
  <servlet><servlet-name>headers</servlet-name><servlet-class>Headers</servlet-class></servlet>
  <servlet-mapping><servlet-name>headers</servlet-name><url-pattern>/*</url-pattern></servlet-mapping>
</web-app>
"""


@dataclass(frozen=True)
class Tomcat:
    """A running Tomcat; every path of its ``url`` answers."""

    url: str

    def count(self) -> int:
        """Return how many requests have reached the servlet; asking does not count."""
        with urllib.request.urlopen(f"{self.url}/__count", timeout=5) as answer:  # noqa: S310  # our own URL
            return int(answer.read())


@contextmanager
def tomcat(base: Path) -> Iterator[Tomcat]:
    """Serve HTTP on a free port of 127.0.0.1 until the block ends.

    Args:
        base: a directory that becomes its CATALINA_BASE.
    """
    require("tomcat10-common", "default-jdk-headless")
    webapp = base / "webapp"
    shutil.copytree(classes("Headers.java"), webapp / "WEB-INF/classes")
    (webapp / "WEB-INF/web.xml").write_text(WEB_XML)
    for name in ("conf", "logs", "temp", "work"):
        (base / name).mkdir()
    (base / "conf/server.xml").write_text(SERVER_XML.format(webapp=webapp))
    environment = {
        "CATALINA_HOME": str(HOME),
        "CATALINA_BASE": str(base),
        "CATALINA_TMPDIR": str(base / "temp"),
        "CATALINA_OPTS": " ".join(QUICK_START),
    }
    # The port is the system's choice, and part of the connector's name once it serves.
    ready = r'Starting ProtocolHandler \["http-nio-127\.0\.0\.1-auto-\d+-(\d+)"\]'
    argv = [str(HOME / "bin/catalina.sh"), "run"]
    with serving(argv, log=base / "logs/console.log", ready=ready, env=environment) as match:
        yield Tomcat(f"http://127.0.0.1:{match[1]}")
