"""PostgreSQL: a server that knows its users by their certificates, and libpq that shows one.

Source: postgresql.org, "Secure TCP/IP Connections with SSL", "The pg_hba.conf File", "User Name Maps" and "SSL Support"
of 15, and experiments with Debian's 15.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Template

from cryptography.x509.oid import NameOID

from twoway.errors import UsageError
from twoway.findings import Finding, Severity
from twoway.platforms.order import Order
from twoway.platforms.parts import (
    address,
    chain_file,
    client_duties,
    client_handover,
    directory_setting,
    installing,
    key_file,
    pem_accepts,
    server_handover,
    trust_client,
    trust_file,
)
from twoway.platforms.platform import Failure, File, Platform, Proven, Rendered, Setting, Use
from twoway.platforms.presented import Presented
from twoway.platforms.verification import (
    TRUST_CHECKS,
    authorities,
    crl_missing,
    leaf_first,
    renewal,
    server_notes,
)
from twoway.x509.certificates import Certificate
from twoway.x509.purposes import Purpose

_SOURCE = (
    "postgresql.org: SSL, pg_hba.conf and user name maps (15), and experiments with Debian's postgresql-15"
)
_PORT = 5432

# What a name may be without quotes that differ from file to file.
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,62}"
_COMMON_NAME = r"[A-Za-z0-9][A-Za-z0-9 _.@-]{0,62}"
_PAIRS = re.compile(rf"({_COMMON_NAME}={_NAME}(,{_COMMON_NAME}={_NAME})*)?")

_SERVER_CONF = Template("""\
# Made by twoway: TLS, and whose client certificates count. For the folder conf.d.
ssl = on
ssl_min_protocol_version = 'TLSv1.2'
ssl_cert_file = '$directory/server.pem'
ssl_key_file = '$directory/server.key'
# Up to the root: PostgreSQL does not stop at an intermediate.
ssl_ca_file = '$directory/client-ca.pem'
$crl""")

_HBA = Template("""\
# Made by twoway: above the lines that are there, as the first one that fits decides.
# A certificate of client-ca.pem, whose common name is the user's$mapped; nobody comes in over the network otherwise.
hostssl   $database   $user   all   cert clientcert=verify-full$map
hostnossl $database   $user   all   reject
""")

_IDENT = Template("""\
# Made by twoway: which common name may be which user.
# map     common name   user
$lines
""")

_SERVER_STEPS = Template("""
## What you do

On Debian and Ubuntu with PostgreSQL 15; elsewhere the folders have other names.

1. Put the files where the configuration looks for them. The key must belong to `postgres` (or root) and be readable by
   nobody else (0600), or the server does not start; it is in clear, so that it starts without anybody there.

$installing

2. `sudo cp keep/twoway.conf /etc/postgresql/15/main/conf.d/`
3. Put the lines of `keep/pg_hba.conf` above those in `/etc/postgresql/15/main/pg_hba.conf`$ident.
4. `sudo systemctl reload postgresql`; then `SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL;` has no rows.
$renew
## What the other side does

$duties
3. Its certificate's common name is its user's, or stands in the map.

## See that it works

1. With a client's kit: `psql service=twoway` has a prompt, and there the query
   `SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid();` has its subject. Or all of it in one line:
   `psql "host=$host port=$port user=USER dbname=DB sslmode=verify-full sslrootcert=... sslcert=... sslkey=..."`.
2. Without `sslcert` and `sslkey` it says `connection requires a valid client certificate`.
""")

_SERVICE = Template("""\
# Made by twoway. PGSERVICEFILE names this file, PGSERVICE=twoway the entry.
[twoway]
host=$host
port=$port
dbname=$database
user=$user
sslmode=verify-full
sslrootcert=$trusted
sslcert=$directory/client.pem
sslkey=$directory/client.key
""")

_CLIENT_STEPS = Template("""
## What you do

1. Put the files where the program runs. The key must be readable by the program's user alone (0600, or 0640 where it
   belongs to root): libpq refuses any other. Here that user is `app`.

$installing

2. Tell libpq: `export PGSERVICEFILE=$directory/pg_service.conf PGSERVICE=twoway`. Whatever uses libpq takes it: psql,
   psycopg, PHP, Ruby. Or take over the five settings `ssl...` into your connection string.

## What the other side does

1. $trust
2. In its `pg_hba.conf`: `hostssl $database $user all cert clientcert=verify-full$map`.$mapping

## See that it works

`psql service=twoway -c "SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"` has `t` and the subject.
""")


def key_for_its_owner(file: Presented) -> Iterator[Finding]:
    """Neither the server nor libpq takes a key that others may read."""
    # A key and its chain in two files are looked at as one, under both names.
    name = file.name.partition(" with ")[0]
    if file.mode is not None and file.mode & 0o077 and file.keystore.identities:
        yield Finding(
            "database-key-readable",
            Severity.ERROR,
            f"{name} holds the private key, and others than its owner may read it (mode {file.mode:04o})",
            "PostgreSQL does not start with such a key, and libpq does not connect: has group or world access"
            " (0640 will do where the file belongs to root)",
            f"chmod 600 {name}",
            facts={"file": name, "mode": f"{file.mode:04o}"},
        )


def user_of_certificate(order: Order, user: str) -> Iterator[Finding]:
    """The common name is the user's, or the server has to map it."""
    name = _common_name(order.leaf)
    if name != user:
        yield Finding(
            "database-user-mapped",
            Severity.WARNING,
            f"the certificate's common name is {name or 'missing'}, and the database user {user}",
            "with the method cert PostgreSQL takes the common name for the user's, unless a map says otherwise",
            f"have the server map it in pg_ident.conf, as STEPS.md says, or say --set user={name or 'NAME'}",
            facts={"common_name": name, "user": user},
        )


def _server(order: Order) -> Rendered:
    here = address(order.peer, "https://localhost", _PORT)
    directory, pairs = order.settings["directory"], _pairs(order.settings["map"])
    words = {
        "host": here.host,
        "port": str(here.port),
        "directory": directory,
        "database": order.settings["database"],
        "user": order.settings["user"],
        "crl": _revocation(order, directory),
        "mapped": ", as pg_ident.conf maps it" if pairs else "",
        "map": " map=twoway" if pairs else "",
        "lines": "\n".join(f'twoway    "{name}"   {user}' for name, user in pairs),
    }
    installed = (chain_file(order, "server.pem"), key_file(order, "server.key"), *authorities(order))
    ident = (
        (File("pg_ident.conf", _IDENT.substitute(words).encode(), "the map, for pg_ident.conf"),)
        if pairs
        else ()
    )
    return Rendered(
        keep=(
            File("twoway.conf", _SERVER_CONF.substitute(words).encode(), "the settings, for conf.d"),
            File("pg_hba.conf", _HBA.substitute(words).encode(), "the lines for pg_hba.conf"),
            *ident,
            *installed,
        ),
        send=server_handover(order),
        steps=_SERVER_STEPS.substitute(
            words,
            installing=installing(directory, installed, "postgres"),
            ident=", and those of `keep/pg_ident.conf` into `pg_ident.conf`" if pairs else "",
            renew=renewal(order, "reload PostgreSQL"),
            duties=client_duties(order),
        ),
        notes=(*server_notes(order, here if order.peer else None), *crl_missing(order)),
    )


def _revocation(order: Order, directory: str) -> str:
    if not order.crls:
        return ""
    return f"# Of every CA, root and intermediates.\nssl_crl_file = '{directory}/client-ca.crl'\n"


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return common names and users.

    Raises:
        UsageError: a common name is given two users, which no certificate can choose between.
    """
    pairs = [(name, user) for name, _, user in (pair.partition("=") for pair in text.split(",") if pair)]
    if len({name for name, _ in pairs}) < len(pairs):
        raise UsageError(f"--set map={text}: a common name stands there twice", "give each one user")
    return pairs


def _client(order: Order) -> Rendered:
    there = address(order.peer, "https://YOUR-DATABASE.example", _PORT)
    directory = order.settings["directory"]
    name = _common_name(order.leaf)
    user = order.settings["user"] or name
    if not re.fullmatch(_NAME, user):
        raise UsageError(f"{user!r} cannot be taken for the database user's name", "say --set user=NAME")
    about = "what the server is verified with"
    trust = (trust_file(order, "server-ca.pem", about),) if order.trusted else ()
    words = {
        "host": there.host,
        "port": str(there.port),
        "database": order.settings["database"] or user,
        "user": user,
        "directory": directory,
        "trusted": f"{directory}/server-ca.pem" if trust else "/etc/ssl/certs/ca-certificates.crt",
        "map": "" if name == user else " map=twoway",
        "mapping": "" if name == user else f'\n   In its `pg_ident.conf`: `twoway "{name}" {user}`.',
    }
    keep = (
        File("pg_service.conf", _SERVICE.substitute(words).encode(), "the connection, for libpq"),
        chain_file(order, "client.pem"),
        key_file(order, "client.key"),
        *trust,
    )
    return Rendered(
        keep=keep,
        send=client_handover(order),
        steps=_CLIENT_STEPS.substitute(
            words, installing=installing(directory, keep, "app"), trust=trust_client(order)
        ),
        notes=tuple(user_of_certificate(order, user)),
    )


def _common_name(leaf: Certificate) -> str:
    """Return the first common name, which is the one that PostgreSQL reads."""
    names = leaf.subject_name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


_DATABASE = Setting("database", "the database's name", "all", re.compile(_NAME))
_MAP = Setting("map", "which common name is which user, as CN=USER,CN=USER; else each is its own", "", _PAIRS)

PLATFORM = Platform(
    name="postgresql",
    title="PostgreSQL",
    versions="12 and later",
    proof=Proven("Debian's postgresql-15 in tests/interop/platforms/test_postgresql.py"),
    uses=(
        Use(
            name="server",
            title="PostgreSQL knows its users by their certificates",
            accepts=pem_accepts(_SOURCE, Purpose.SERVER),
            render=_server,
            settings=(
                directory_setting("/etc/postgresql/twoway"),
                _DATABASE,
                Setting("user", "the user's name in pg_hba.conf", "all", re.compile(_NAME)),
                _MAP,
            ),
            checks=(leaf_first, key_for_its_owner),
            trust_checks=TRUST_CHECKS,
        ),
        Use(
            name="client",
            title="libpq calls a server, and shows a certificate",
            accepts=pem_accepts(_SOURCE, Purpose.CLIENT),
            render=_client,
            settings=(
                directory_setting("/etc/app/twoway"),
                Setting("database", "the database's name (default: the user's)", "", re.compile(_NAME)),
                Setting("user", "the database user (default: the common name)", "", re.compile(_NAME)),
            ),
            checks=(leaf_first, key_for_its_owner),
            trust_checks=TRUST_CHECKS[:1],
        ),
    ),
    failures=(
        Failure(
            "connection requires a valid client certificate",
            "libpq sent none: sslcert and sslkey are not set, or name no files",
            "export PGSERVICE=twoway and PGSERVICEFILE, or set both",
        ),
        Failure(
            "certificate authentication failed for user",
            "the certificate's common name is not the user's, and no map says that it may be",
            'add a line to pg_ident.conf: twoway "COMMON NAME" USER, and map=twoway to pg_hba.conf',
        ),
        Failure(
            "has group or world access",
            "the key's file may be read by others",
            "chmod 600 client.key, as the user who connects",
        ),
        Failure(
            "tlsv1 alert unknown ca",
            "ssl_ca_file does not have the client's root, or the client sends its leaf without the intermediate",
            "add the root there; put leaf and intermediates into the file that sslcert names",
        ),
        Failure(
            "certificate verify failed",
            "the server's CA is not in the file that sslrootcert names",
            "take send/server-ca.pem of the server's kit",
        ),
        Failure(
            "does not match host name",
            "the server's certificate is for another name than host says",
            "connect by a name that the certificate has",
        ),
        Failure(
            "key values mismatch",
            "the key is not that of the first certificate in the file",
            "twoway convert client.pem --to pem puts the leaf first; or it is another certificate's key",
        ),
    ),
)
