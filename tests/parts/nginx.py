"""Debian's nginx as a server with mutual TLS and HTTP/2 that is not ours."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts.credentials import Pem
from tests.parts.presence import require
from tests.parts.programs import serving

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
    require("nginx-light")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    file = directory / "nginx.conf"
    file.write_text(CONFIGURATION.format(port=port, identity=identity, clients=clients))
    argv: list[str | Path] = ["/usr/sbin/nginx", "-p", directory, "-c", file, "-e", "stderr"]
    with serving(argv, log=directory / "nginx.log", ready="start worker process \\d"):
        yield port
