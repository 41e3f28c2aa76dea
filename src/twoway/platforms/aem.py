"""Adobe Experience Manager: a user's keystore, the global trust store, and the class that calls with both.

Source: experienceleague.adobe.com, "Mutual TLS authentication from AEM", "Call internal APIs having private
certificate", "SSL By Default", "Replicating using mutual SSL" and "Encryption support for configuration properties";
Java's reading of keys by experiment (tests/interop/platforms/test_aem.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from string import Template

from twoway import keystores
from twoway.findings import Finding, Severity
from twoway.keystores import private_keys
from twoway.keystores.model import Format, Keystore
from twoway.platforms import java_stores, parts
from twoway.platforms.java_stores import literal
from twoway.platforms.order import Order
from twoway.platforms.platform import (
    Accepts,
    AliasRule,
    ByDocument,
    Failure,
    File,
    Platform,
    Rendered,
    Setting,
    Use,
)
from twoway.platforms.presented import Presented

_SOURCE = "experienceleague.adobe.com: Mutual Transport Layer Security (mTLS) authentication from AEM"

_ALIAS = AliasRule(
    re.compile(r"[a-z0-9][a-z0-9._-]*"),
    "lower-case letters, digits, dots, dashes and underscores",
    lower=True,
    why="AEM keeps it in a PKCS#12 of Java's, where it is in lower case, and code asks for it by name",
)

# DER is the key alone, its chain is in files beside it; PEM is what certificates may be in.
_CALLER = Accepts(
    formats=(Format.DER, Format.PKCS12, Format.JKS, Format.PEM),
    source=_SOURCE,
    keys=("rsa-2048", "rsa-3072", "rsa-4096"),
    profiles=("compat", "mixed"),
    alias=_ALIAS,
)

_CLASS = Template("""\
package $package;

import com.adobe.granite.keystore.KeyStoreNotInitialisedException;
import com.adobe.granite.keystore.KeyStoreService;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.cert.X509Certificate;
import java.util.Collections;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.apache.http.client.config.RequestConfig;
import org.apache.http.conn.ssl.SSLConnectionSocketFactory;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.impl.client.HttpClientBuilder;
import org.apache.http.ssl.SSLContextBuilder;
import org.apache.sling.api.resource.ResourceResolver;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Modified;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.AttributeType;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/**
 * Makes HTTP clients that show the certificate of an AEM user's keystore.
 *
 * <p>They trust what the global trust store of AEM holds and, beside it, the public CAs of the JVM, so that calls to
 * other hosts go on working. The host name of the server is checked.
 */
@Component(service = MutualTlsClient.class)
@Designate(ocd = MutualTlsClient.Configuration.class)
public class MutualTlsClient {

    @ObjectClassDefinition(name = "Mutual TLS client")
    public @interface Configuration {

        @AttributeDefinition(name = "User", description = "The user whose keystore has the key")
        String keystore_user() default $user;

        @AttributeDefinition(name = "Alias", description = "Of the key in that keystore, in lower case")
        String keystore_alias() default $alias;

        @AttributeDefinition(
                name = "Password",
                description = "Of that keystore: a secret, never written out",
                type = AttributeType.PASSWORD)
        String keystore_password();

        @AttributeDefinition(name = "Timeout", description = "To connect, and for each answer, in milliseconds")
        int timeout() default 10000;
    }

    @Reference
    private KeyStoreService keyStoreService;

    private volatile Configuration configuration;

    @Activate
    @Modified
    protected void activate(Configuration configuration) {
        this.configuration = configuration;
    }

    /**
     * Returns a client. Make one and keep it, as it keeps its connections, until the stores change; then close it.
     *
     * @param resolver of a user who may read the keystore: its owner, or a service user with that right
     */
    public CloseableHttpClient client(ResourceResolver resolver) throws GeneralSecurityException, IOException {
        Configuration wanted = configuration;
        String alias = wanted.keystore_alias();
        KeyStore own = keyStoreService.getKeyStore(resolver, wanted.keystore_user());
        if (own == null || !own.isKeyEntry(alias)) {
            throw new KeyStoreException("no key " + alias + " in the keystore of " + wanted.keystore_user());
        }
        SSLContext tls = SSLContextBuilder.create()
                .loadKeyMaterial(own, wanted.keystore_password().toCharArray(),
                        (aliases, socket) -> aliases.containsKey(alias) ? alias : null)
                .loadTrustMaterial(trusted(resolver), null)
                .build();
        RequestConfig timeouts = RequestConfig.custom()
                .setConnectTimeout(wanted.timeout())
                .setConnectionRequestTimeout(wanted.timeout())
                .setSocketTimeout(wanted.timeout())
                .build();
        return HttpClientBuilder.create()
                .setSSLSocketFactory(new SSLConnectionSocketFactory(
                        tls, SSLConnectionSocketFactory.getDefaultHostnameVerifier()))
                .setDefaultRequestConfig(timeouts)
                .build();
    }

    /** What AEM trusts and what the JVM trusts, in one store: JSSE looks at one trust manager only. */
    private KeyStore trusted(ResourceResolver resolver) throws GeneralSecurityException, IOException {
        KeyStore all = KeyStore.getInstance(KeyStore.getDefaultType());
        all.load(null, null);
        KeyStore global = globalTrustStore(resolver);
        if (global != null) {
            for (String alias : Collections.list(global.aliases())) {
                if (global.isCertificateEntry(alias)) {
                    all.setCertificateEntry("aem-" + alias, global.getCertificate(alias));
                }
            }
        }
        TrustManagerFactory jvm = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        jvm.init((KeyStore) null);
        int number = 0;
        for (TrustManager manager : jvm.getTrustManagers()) {
            if (manager instanceof X509TrustManager) {
                for (X509Certificate root : ((X509TrustManager) manager).getAcceptedIssuers()) {
                    all.setCertificateEntry("jvm-" + number++, root);
                }
            }
        }
        return all;
    }

    private KeyStore globalTrustStore(ResourceResolver resolver) {
        try {
            return keyStoreService.getTrustStore(resolver);
        } catch (KeyStoreNotInitialisedException none) {
            return null;
        }
    }
}
""")

_UPLOAD_DER = Template("""\
4. Under **Add Private Key from DER file**:
   1. **Alias**: `$alias`.
   2. **Select Private Key File**: `keep/aem-key.der`.
   3. **Select Certificate Chain Files**: $chain, in this order: the certificate first, then who signed it.
   4. **Submit**. Then delete `aem-key.der` everywhere else: it is the key in clear.""")

_UPLOAD_PKCS12 = Template("""\
4. Under **Add Private Key from Key Store file**:
   1. **New Alias**: `$alias`.
   2. **Select Key Store File**: `keep/aem.p12`; **Key Store File Password**: the kit's password.
   3. **Private Key Alias**: `$alias`; **Private Key Password**: the kit's password again.
   4. **Submit**.""")

_TRUST_STEP = Template("""\
6. Open **Tools > Security > Trust Store**. If there is none, press **Create TrustStore** and set a password for it.
   Under **Add Certificate from CER file**, upload each of $files, one at a time, **Map Certificate to User** left
   empty, and **Submit**. AEM names each one itself (`certalias___` and a number).""")

_PUBLIC_STEP = """\
6. The trust store of AEM stays as it is: nothing was given that the provider's server would have to be trusted by, so
   that its CA has to be a public one."""

_KEEP_IN_CLOUD = """\
8. Set the secret in **Cloud Manager**: **Environments**, the environment, **Configuration**, **Add**: name
   `MUTUAL_TLS_KEYSTORE_PASSWORD`, the kit's password as value, type **Secret**, service **Author** (and **Publish**,
   where publish calls too). `$[secret:MUTUAL_TLS_KEYSTORE_PASSWORD]` in the configuration file stands for it."""

_KEEP_IN_65 = """\
8. Open `/system/console/crypto` on that instance, enter the kit's password, press **Protect**, and write the text in
   braces that comes out into the configuration file, in place of `{PROTECTED}`. Each instance has a key of its own
   unless you gave them the same one, so do it on each."""

_STEPS = Template("""
## What to exchange

| who | gives | what for |
| --- | --- | --- |
| you | $given | the provider trusts it: only those who have a certificate of it get in |
| the API provider | the CA certificate of its server, unless that is a public one | AEM's trust store |
| the API provider | the URL, whose host is a name of its certificate | the host name check stays on |

## What you do

1. Log in to **AEM Author** as an administrator, and open **Tools > Security > Users**. Create the user `$user`, or
   choose it, and open its properties.
2. Open the tab **Keystore**, and press **Create KeyStore**.
3. In **Set KeyStore Access Password** enter the kit's password, twice, and press **Save**.
$upload
5. The key is listed with its alias, and its certificate has the subject `$subject`.
$trust
7. Copy `keep/MutualTlsClient.java` into your `core` bundle, under the folders of `$package`, and
   `keep/$pid.cfg.json` into `$config`.
$secret
9. Call the API in your component:

   ```java
   @Reference
   private MutualTlsClient mutualTls;

   try (CloseableHttpClient http = mutualTls.client(resourceResolver);
           CloseableHttpResponse response = http.execute(new HttpGet($url))) {
       return EntityUtils.toString(response.getEntity());
   }
   ```

   The resolver is that of a user who may read the keystore of `$user`: that user itself, or a service user with that
   right.
10. Where publish instances call too, they need the user's keystore and the trust store as well: $replicate

## What the other side does

1. $trust_client
2. Where its server names CAs in the certificate request, it has to name one that this chain leads to: to a server that
   names only others AEM sends nothing.

## See that it works

1. The call is answered. With another alias in the configuration, `client` says that there is no such key.
2. A client without the certificate is refused: `javax.net.ssl.SSLHandshakeException: Received fatal alert:
   certificate_required`, or, as HttpClient mostly finds the connection closed first, `Broken pipe` or `Connection
   reset`.
""")

_REPLICATE = {
    "cloud": "in **Tools > Security > Trust Store** press **Replicate**, and activate the user with its keystore.",
    "6.5": "replicate `/etc/truststore` from author, so that the aliases agree, and activate the user, or do steps 1"
    " to 6 there.",
}
_CONFIG_FOLDER = {
    "cloud": "`ui.config/.../osgiconfig/config.author`",
    "6.5": "`ui.config/.../osgiconfig/config.author` (or enter its values at `/system/console/configMgr`)",
}
_STANDS_FOR_IT = {"cloud": "$[secret:MUTUAL_TLS_KEYSTORE_PASSWORD]", "6.5": "{PROTECTED}"}


def _caller(order: Order) -> Rendered:
    settings = order.settings
    package, version = settings["package"], settings["aem"]
    pid = f"{package}.MutualTlsClient"
    url = order.peer or "https://API-PROVIDER.example/"
    parts.address(url, "")
    identity, upload = _identity(order)
    trust = tuple(
        File(f"trust-{number}.cer", entry.certificate.der, f"trust: {entry.certificate.subject}", trust=True)
        for number, entry in enumerate(order.trusted, 1)
    )
    java = _CLASS.substitute(
        package=package,
        user=literal(settings["user"], "the user"),
        alias=literal(order.alias, "the alias"),
    )
    return Rendered(
        keep=(
            *identity,
            *trust,
            File("MutualTlsClient.java", java.encode(), "the class that calls"),
            File(f"{pid}.cfg.json", _configuration(order), "its OSGi configuration"),
        ),
        send=parts.client_handover(order),
        steps=_STEPS.substitute(
            given="`send/client-ca.pem`" if order.issuers else "`send/client-certificate.pem`",
            user=settings["user"],
            upload=upload,
            subject=order.leaf.subject,
            trust=_TRUST_STEP.substitute(files=_listed(trust)) if trust else _PUBLIC_STEP,
            package=package,
            pid=pid,
            config=_CONFIG_FOLDER[version],
            secret=_KEEP_IN_CLOUD if version == "cloud" else _KEEP_IN_65,
            url=literal(url, "the URL"),
            replicate=_REPLICATE[version],
            trust_client=parts.trust_client(order),
        ),
    )


def _identity(order: Order) -> tuple[tuple[File, ...], str]:
    """Return the files of the key and its chain, and the step that uploads them."""
    if order.settings["upload"] == "pkcs12":
        store = keystores.dump(
            Keystore((order.identity,), Format.PKCS12), Format.PKCS12, order.password, "compat"
        )
        file = File(
            "aem.p12", store, "the key with its chain, for Add Private Key from Key Store file", secret=True
        )
        return (file,), _UPLOAD_PKCS12.substitute(alias=order.alias)
    key = File(
        "aem-key.der", order.identity.key_der, "the private key, in clear, until it is uploaded", secret=True
    )
    # One certificate a file: whoever reads a file with several may take the first alone.
    chain = tuple(
        File(f"certificate-{number}.pem", certificate.pem, certificate.subject)
        for number, certificate in enumerate(order.identity.certificates, 1)
    )
    return (key, *chain), _UPLOAD_DER.substitute(alias=order.alias, chain=_listed(chain))


def _configuration(order: Order) -> bytes:
    values = {
        "keystore.user": order.settings["user"],
        "keystore.alias": order.alias,
        "keystore.password": _STANDS_FOR_IT[order.settings["aem"]],
        "timeout:Integer": 10_000,
    }
    return (json.dumps(values, indent=2) + "\n").encode()


def _listed(files: tuple[File, ...]) -> str:
    return ", ".join(f"`keep/{file.name}`" for file in files)


# How a key is written that AEM does not take, and what Java says to it.
_REFUSED_KEYS = {
    private_keys.PKCS1: ("PKCS#1", "algid parse error, not a sequence"),
    private_keys.SEC1: ("SEC1", "algid parse error, not a sequence"),
    private_keys.ENCRYPTED_PKCS8: ("encrypted", "DerValue.getBigIntegerInternal, not expected 48"),
}


def plain_der_key(file: Presented) -> Iterator[Finding]:
    """A key by itself is PKCS#8 in DER and not encrypted: that is what the form for DER files takes."""
    if not file.keystore.identities or file.keystore.format not in {Format.DER, Format.PEM}:
        return
    kind = private_keys.kind_of(file.content) if file.keystore.format is Format.DER else None
    written, java = _REFUSED_KEYS.get(kind or "", ("", ""))
    if file.keystore.format is Format.PEM:
        written, java = "PEM", "invalid key format"
    if written:
        yield Finding(
            "aem-key-not-plain-der",
            Severity.ERROR,
            f"the key in {file.name} is {written}, and AEM takes PKCS#8 in DER that is not encrypted",
            f"AEM says: The provided file is not a valid key, DER format expected. Java beneath it: {java}",
            "make the files with twoway kit aem",
            facts={"file": file.name, "written": written},
        )


def one_certificate_a_file(file: Presented) -> Iterator[Finding]:
    """A file for the trust store holds one certificate: AEM takes one an upload."""
    if len(file.keystore.trusted) > 1:
        yield Finding(
            "aem-certificates-several",
            Severity.WARNING,
            f"{file.name} holds {len(file.keystore.trusted)} certificates, and AEM takes one at a time",
            "the form for CER files reads one certificate",
            "make the files with twoway kit aem: one for each --trust",
            facts={"file": file.name, "certificates": len(file.keystore.trusted)},
        )


PLATFORM = Platform(
    name="aem",
    title="Adobe Experience Manager",
    versions="6.5 and Cloud Service",
    proof=ByDocument(_SOURCE, date(2026, 11, 21)),
    uses=(
        Use(
            name="client",
            title="AEM calls an API",
            accepts=_CALLER,
            render=_caller,
            settings=(
                Setting("aem", "the version: cloud or 6.5", "cloud", re.compile(r"cloud|6\.5")),
                Setting(
                    "upload", "what the key is uploaded as: der or pkcs12", "der", re.compile("der|pkcs12")
                ),
                Setting(
                    "user",
                    "the AEM user whose keystore has the key",
                    "mutual-tls-user",
                    re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,100}"),
                ),
                Setting(
                    "package",
                    "the Java package of the class",
                    "com.example.core.mutualtls",
                    re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,20}"),
                ),
            ),
            checks=(plain_der_key,),
            trust_checks=(one_certificate_a_file,),
        ),
    ),
    failures=(
        Failure(
            "The provided file is not a valid key, DER format expected",
            "the key file is PEM, PKCS#1 or encrypted",
            "upload keep/aem-key.der",
        ),
        Failure(
            "KeyStoreNotInitialisedException",
            "the user has no keystore yet",
            "press Create KeyStore in the user's properties",
        ),
        Failure(
            "no key ... in the keystore of",
            "the alias or the user in the configuration is another, or the resolver's user may not read it",
            "compare keystore.alias and keystore.user with the user's Keystore tab",
        ),
        Failure(
            "doesn't match any of the subject alternative names",
            "the API's certificate is for another name than the one that is called",
            "call it by a name of its certificate; leave the check on",
        ),
        *java_stores.FAILURES,
    ),
)
