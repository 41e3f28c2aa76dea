"""Salesforce's external client app of the JWT bearer flow: the certificate to upload, and each value of the form. Pure.

The key signs a token, and takes part in no handshake: what its certificate is for does not matter.

Source: developer.salesforce.com, Salesforce DX Developer Guide, "Create an External Client App in Your Org" and
"Authorize an Org Using the JWT Flow"; help.salesforce.com, remoteaccess_oauth_jwt_flow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from string import Template

from twoway.findings import Finding, Severity
from twoway.keystores.model import Format
from twoway.platforms.order import Order
from twoway.platforms.parts import key_file
from twoway.platforms.platform import RSA, Accepts, File, Rendered, Root, Setting, Use
from twoway.platforms.presented import Presented

_SOURCE = "developer.salesforce.com: Salesforce DX Developer Guide, Create an External Client App in Your Org"

# What Salesforce CLI listens on if its project says nothing else.
PORT = "1717"
# Octets that the form is said to take; not found in any document, and so no more than a warning.
_UPLOAD_MOST = 4096
_TEXT = re.compile(r"[^\x00-\x1f\x7f|`<>]{1,200}")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}")
_URL = re.compile(r"https://[A-Za-z0-9.-]{1,200}(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
_NUMBER = re.compile(r"[1-9][0-9]{0,4}")

SETTINGS = (
    Setting("app-name", "name of an external client app", "twoway", _TEXT),
    Setting("contact-email", "contact e-mail address", None, _EMAIL),
    Setting("oauth-port", "free local port, where Salesforce CLI waits for the callback", PORT, _NUMBER),
    Setting(
        "profiles", "profiles or permission sets whose users may use the app", "System Administrator", _TEXT
    ),
    Setting("refresh-days", "number of days that a refresh token lives", "365", _NUMBER),
    Setting("session-minutes", "session timeout in minutes", "15", _NUMBER),
    Setting("audience", "URL of a login host", "https://login.salesforce.com", _URL),
    Setting("username", "username of the org's user whom the tokens are for", None, _EMAIL),
    Setting("client-id", "consumer key of the app", None, re.compile(r"[A-Za-z0-9._]{1,300}")),
    Setting("instance-url", "URL of the org", None, _URL),
)

_STEPS = Template("""
## What you do

1. Keep `keep/server.key` where the program that signs reads it, for its user alone (mode 0600). It is in clear, as
   Salesforce CLI takes no other, and it goes nowhere: Salesforce gets the certificate only.
2. In **Setup**, type **App Manager** into Quick Find, open it and press **New External Client App**. Fill in:

   | field | value |
   | --- | --- |
   | External Client App Name | $name |
   | Contact Email | $email |
   | API (Enable OAuth Settings) > Enable OAuth | on |
   | Callback URL | `http://localhost:$port/OauthRedirect` |
   | OAuth Scopes | Manage user data via APIs (api) |
   | | Manage user data via Web browsers (web) |
   | | Perform requests at any time (refresh_token, offline_access) |
   | Flow Enablement > Enable JWT Bearer Flow | on, and with **Upload Files** the certificate: `send/server.crt` |
   | Flow Enablement > Enable Client Credentials Flow | off: this flow does not need it |

3. Press **Create**, then **Edit**, and open the tab **Policies**:

   | field | value |
   | --- | --- |
   | Plugin Policies > Permitted Users | Admin approved users are pre-authorized (then **OK**) |
   | App Policies > Select Profiles, Select Permission Sets | $profiles: one that $username has |
   | App Authorization > Refresh Token Policy | Expire refresh token after a specific time |
   | Refresh Token Validity Period, Unit | $days, Day(s) |
   | Session Timeout in Minutes | $minutes |

4. Press **Save**. In **Settings > OAuth Settings > Consumer Key and Secret**, copy the consumer key: it is the
   client id.
$project
## What the other side does

Whoever administers the org does the above with `send/server.crt`. The program that signs the tokens gets these five
values; `keep/fields.json` has them:

| field | value |
| --- | --- |
| JWT Authentication Audience URL | `$audience` |
| JWT Authentication Client Key Path | the path of `server.key` |
| Username | $username |
| Client ID (Consumer Key) | $client |
| Instance URL | $instance |

## See that it works

1. This says `Successfully authorized`; a change of the app takes up to ten minutes to be known everywhere:

   ```
   sf org login jwt --client-id $client_word --jwt-key-file keep/server.key \\
       --username $username_word --instance-url $audience
   ```

2. The certificate ends at $end: upload the next one before.
""")

_PROJECT = Template("""\
5. Port 1717 is taken, so Salesforce CLI has to be told: put `keep/sfdx-project.json` into the folder of your project,
   or `"oauthLocalPort": "$port"` into the one that is there.
""")


def _app(order: Order) -> Rendered:
    given = order.settings
    port, audience = given["oauth-port"], given["audience"]
    other_port = port != PORT
    return Rendered(
        keep=(
            key_file(order, "server.key"),
            File("server.crt", order.leaf.pem, "its certificate"),
            File("fields.json", _fields(order), "what the program that signs wants to know"),
            *(
                (File("sfdx-project.json", _project(port), "the port, for Salesforce CLI"),)
                if other_port
                else ()
            ),
        ),
        send=(File("server.crt", order.leaf.pem, "the certificate to upload"),),
        steps=_STEPS.substitute(
            name=f"`{given['app-name']}`",
            email=_or(given["contact-email"], "an address that somebody reads: Salesforce writes to it"),
            port=port,
            profiles=given["profiles"],
            days=given["refresh-days"],
            minutes=given["session-minutes"],
            audience=audience,
            username=_or(given["username"], "the user whom the tokens are for"),
            client=_or(given["client-id"], "the consumer key of step 4"),
            instance=_or(given["instance-url"], "`https://YOUR-COMPANY.my.salesforce.com`"),
            client_word=given["client-id"] or "CONSUMER_KEY",
            username_word=given["username"] or "USERNAME",
            end=f"{order.leaf.not_after:%Y-%m-%d}",
            project=_PROJECT.substitute(port=port) if other_port else "",
        ),
        notes=(*_uploaded(order), *_audience(audience)),
    )


def _or(value: str, otherwise: str) -> str:
    return f"`{value}`" if value else otherwise


def _fields(order: Order) -> bytes:
    given = order.settings
    fields = {
        "audience": given["audience"],
        "key": "server.key",
        "username": given["username"] or "YOUR-USERNAME",
        "client_id": given["client-id"] or "YOUR-CONSUMER-KEY",
        "instance_url": given["instance-url"] or "https://YOUR-COMPANY.my.salesforce.com",
    }
    return (json.dumps(fields, indent=2) + "\n").encode()


def _project(port: str) -> bytes:
    """Return a project of Salesforce CLI; its port is a text there, as in the vendor's guide."""
    project = {"packageDirectories": [{"path": "force-app", "default": True}], "oauthLocalPort": port}
    return (json.dumps(project, indent=2) + "\n").encode()


def _uploaded(order: Order) -> Iterator[Finding]:
    octets = len(order.leaf.pem)
    if octets > _UPLOAD_MOST:
        yield Finding(
            "app-certificate-large",
            Severity.WARNING,
            f"the certificate to upload has {octets} bytes, and the form is said to take {_UPLOAD_MOST}",
            "it has many names or extensions; the limit stands in no document that we found",
            "if the form refuses it, take a self-signed one: twoway certificate self-sign --algorithm rsa-2048",
            facts={"octets": octets, "most": _UPLOAD_MOST},
        )


def _audience(audience: str) -> Iterator[Finding]:
    if audience.endswith(".my.salesforce.com"):
        yield Finding(
            "audience-my-domain",
            Severity.WARNING,
            f"the audience {audience} is an org's own host, and Salesforce answers: audience is invalid",
            "the token is for the login host, not for the org that it opens",
            "set audience to https://login.salesforce.com, or https://test.salesforce.com for a sandbox",
            facts={"audience": audience},
        )


def one_certificate(file: Presented) -> Iterator[Finding]:
    """The form takes one certificate, and trusts it as it is: issuers are of no use there."""
    for entry in file.identities:
        if not entry.certificates[0].self_issued and len(entry.certificates) > 1:
            yield Finding(
                "app-issuers-unread",
                Severity.INFO,
                f"the issuers of {entry.alias!r} are not uploaded",
                "Salesforce compares signatures with the one certificate of the app, and looks at no chain",
                "nothing",
                facts={"file": file.name, "alias": entry.alias},
            )


USE = Use(
    name="app",
    title="a program signs in to Salesforce with a JWT (external client app)",
    accepts=Accepts(
        (Format.PEM,), _SOURCE, keys=RSA, root=Root.EITHER, password=None, octets=None, signs_only=True
    ),
    render=_app,
    settings=SETTINGS,
    checks=(one_certificate,),
)
