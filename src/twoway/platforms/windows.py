"""Windows: a PFX for the certificate store, PowerShell and .NET. By document.

Source: learn.microsoft.com, Import-PfxCertificate and X509CertificateLoader; which version reads which PFX: pages of
resellers (shop.trustico.com, b1tsblog.org), as Microsoft says it nowhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from string import Template

from cryptography.hazmat.primitives import hashes

from twoway.findings import Finding, Severity
from twoway.keystores.model import Format
from twoway.platforms.order import Order
from twoway.platforms.parts import address, client_handover, pkcs12_file, trust_client, trust_file
from twoway.platforms.platform import Accepts, ByDocument, Failure, File, Platform, Rendered, Setting, Use
from twoway.platforms.presented import Presented

_SOURCE = "learn.microsoft.com: Import-PfxCertificate, X509CertificateLoader"
_READ = date(2026, 11, 22)
# Schannel has no Ed25519. Source: learn.microsoft.com, TLS Elliptic Curves in Windows 10 and later
_KEYS = ("rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384", "ec-p521")

# Server 2016 and Windows 10 before 1709 read triple DES with SHA-1 alone; later ones AES with SHA-256 too.
_OLD = "2016"
_VERSION = Setting(
    "version", "Windows Server version, 2016 or 2019 for that and later", "2019", re.compile("2016|2019")
)

_INSTALL = """\
# Made by twoway. Puts the certificate into the store of the user who runs this.
$ErrorActionPreference = "Stop"
$password = Read-Host -AsSecureString "Password of client.pfx"
$file = "$PSScriptRoot\\client.pfx"
Import-PfxCertificate -FilePath $file -CertStoreLocation Cert:\\CurrentUser\\My -Password $password
"""

_INSTALL_ROOT = """\
# Windows asks whether this CA is to be trusted: compare the thumbprint with the one that the partner tells.
Import-Certificate -FilePath "$PSScriptRoot\\server-ca.pem" -CertStoreLocation Cert:\\CurrentUser\\Root
"""

_PROGRAM = Template("""\
// Made by twoway. The password of client.pfx is in the environment variable KEY_PASSWORD.
using System;
using System.IO;
using System.Net.Http;
using System.Security.Cryptography.X509Certificates;

var file = Path.Combine(AppContext.BaseDirectory, "client.pfx");
var password = Environment.GetEnvironmentVariable("KEY_PASSWORD");
// .NET 9 and later; before it: new X509Certificate2(file, password). Not from PEM: Schannel refuses such keys.
using var certificate = X509CertificateLoader.LoadPkcs12FromFile(file, password);
using var handler = new HttpClientHandler { ClientCertificateOptions = ClientCertificateOption.Manual };
handler.ClientCertificates.Add(certificate);
using var client = new HttpClient(handler);
Console.WriteLine(await client.GetStringAsync($url));
""")

_STEPS = Template("""
## What you do

1. Run `keep/install.ps1` in PowerShell as the user who calls, and enter the kit's password. The certificate goes to
   **Personal**, its issuers to **Intermediate Certification Authorities**: Windows sends those from there, and from
   no PFX. For a service put `LocalMachine` in place of `CurrentUser`, run it as administrator, and give the service's
   account the right to read the key (**certlm.msc > All Tasks > Manage Private Keys**).
2. By hand instead: double-click `keep/client.pfx`, choose **Current User**, enter the password, and leave the store to
   Windows. Never import a root CA under **Personal**.
3. .NET: `keep/Program.cs`.

## What the other side does

1. $trusting

## See that it works

1. `Invoke-WebRequest $url -CertificateThumbprint $thumbprint` has the partner's answer. Edge and Chrome ask which
   certificate to show.
2. Without `-CertificateThumbprint` the same is refused.
""")


def _client(order: Order) -> Rendered:
    url = order.peer or "https://YOUR-PARTNER.example"
    address(url, url)
    trust = (trust_file(order, "server-ca.pem", "whom to trust as the server"),) if order.trusted else ()
    profile = "compat" if order.settings["version"] == _OLD else "modern"
    return Rendered(
        keep=(
            pkcs12_file(order, "client.pfx", profile),
            *trust,
            File(
                "install.ps1",
                (_INSTALL + (_INSTALL_ROOT if trust else "")).encode(),
                "puts it into the store",
            ),
            File("Program.cs", _PROGRAM.substitute(url=json.dumps(url)).encode(), "a call by .NET"),
        ),
        send=client_handover(order),
        steps=_STEPS.substitute(
            url=url,
            trusting=trust_client(order),
            # The store's own name for a certificate; nothing relies on its strength.
            thumbprint=order.leaf.parsed.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303  as said above
        ),
    )


def read_by_version(file: Presented) -> Iterator[Finding]:
    """Old versions say that the password is incorrect."""
    if file.settings.get("version") == _OLD and file.profile == "modern":
        yield Finding(
            "pkcs12-encryption-unread",
            Severity.ERROR,
            f"{file.name} is encrypted with AES, which Windows Server 2016 cannot read",
            "it says that the password is incorrect",
            f"twoway convert {file.name} --to pkcs12 --profile compat",
            facts={"file": file.name, "profile": file.profile, "read": ["compat"]},
        )


PLATFORM = Platform(
    name="windows",
    title="Windows and .NET",
    versions="Server 2016 and later, Windows 10 and 11; .NET 6 and later",
    proof=ByDocument(_SOURCE, _READ),
    uses=(
        Use(
            name="client",
            title="a person or a program on Windows shows a certificate",
            accepts=Accepts(
                (Format.PKCS12,),
                _SOURCE,
                keys=_KEYS,
                profiles=("modern", "compat", "mixed", "legacy"),
                trust_formats=(Format.PEM, Format.DER),
            ),
            render=_client,
            settings=(_VERSION,),
            checks=(read_by_version,),
        ),
    ),
    failures=(
        Failure(
            "The password you entered is incorrect",
            "Server 2016 and older say so of a PFX that is encrypted with AES, too",
            "make the kit with --set version=2016",
        ),
        Failure(
            "The credentials supplied to the package were not recognized",
            "the key was loaded from PEM, or the account may not read it",
            "load client.pfx; give the account the right to the private key",
        ),
        Failure(
            "The remote certificate is invalid",
            "the server's root is not trusted",
            "run install.ps1 of a kit that was made with --trust",
        ),
    ),
)
