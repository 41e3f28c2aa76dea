"""Debian's nginx as a server with mutual TLS and HTTP/2 that is not ours."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts.credentials import Pem
from tests.parts.presence import require
from tests.parts.programs import Finished, run, serving

READY = r"start worker process \d"

INCLUDING = """\
daemon off;
error_log stderr info;
pid nginx.pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path temp;
  proxy_temp_path temp-proxy;
  include {included};
}}
"""

CONFIGURATION = """\
daemon off;
error_log stderr notice;
pid nginx.pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path temp;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {identity.certificate};
    ssl_certificate_key {identity.key};
    ssl_client_certificate {clients};
    ssl_verify_client on;
    location / {{ return 200 "$ssl_client_s_dn $request_method $request_uri $http_x_probe"; }}
  }}
}}
"""


@contextmanager
def nginx(directory: Path, identity: Pem, *, clients: Path) -> Iterator[int]:
    """Serve until the block ends; the body is the client's subject, the request line and ``X-Probe``.

    Args:
        clients: a PEM file with the CAs of its clients.

    Returns:
        The port on 127.0.0.1.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    argv = _command(directory, CONFIGURATION.format(port=port, identity=identity, clients=clients))
    with serving(argv, log=directory / "nginx.log", ready=READY):
        yield port


@contextmanager
def including(directory: Path, configuration: Path) -> Iterator[Path]:
    """Serve with server blocks from a file until the block ends, and return the error log."""
    log = directory / "nginx.log"
    with serving(_command(directory, INCLUDING.format(included=configuration)), log=log, ready=READY):
        yield log


def configtest(directory: Path, configuration: Path) -> Finished:
    """Return what ``nginx -t`` says of a file with server blocks."""
    return run([*_command(directory, INCLUDING.format(included=configuration)), "-t"])


def _command(directory: Path, configuration: str) -> list[str | Path]:
    require("nginx-light")
    file = directory / "nginx.conf"
    file.write_text(configuration)
    return ["/usr/sbin/nginx", "-p", directory, "-c", file, "-e", "stderr"]
