"""Java: a PKCS#12 keystore and truststore, by options of the command line or in code.

Source of what it accepts: OpenJDK 17 by experiment; older Javas by their release notes (see ``java_stores``).
"""

from __future__ import annotations

from string import Template

from twoway.platforms import java_stores, parts, verification
from twoway.platforms.java_stores import literal
from twoway.platforms.order import Order
from twoway.platforms.platform import Accepts, File, Platform, Proven, Rendered, Use
from twoway.x509.purposes import Purpose

_SOURCE = "OpenJDK 17 by experiment; release notes of 8u301 and 11.0.12 (JDK-8153005)"

_CLIENT = Accepts(
    formats=java_stores.FORMATS,
    source=_SOURCE,
    profiles=java_stores.READ_BY_JAVA,
    alias=java_stores.ALIAS,
)
_SERVER = Accepts(
    formats=java_stores.FORMATS,
    source=_SOURCE,
    purpose=Purpose.SERVER,
    profiles=java_stores.READ_BY_JAVA,
    alias=java_stores.ALIAS,
)

_TRUST_OPTIONS = """\
-Djavax.net.ssl.trustStore=truststore.p12
-Djavax.net.ssl.trustStoreType=PKCS12
"""

_OPTIONS = Template("""\
-Djavax.net.ssl.keyStore=$keystore
-Djavax.net.ssl.keyStoreType=PKCS12
""")

_CONTEXT = Template("""\
    /** The key of $keystore, and $trust as those to trust. */
    static SSLContext context(char[] password) throws Exception {
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store("$keystore", password), password);
        SSLContext tls = SSLContext.getInstance("TLS");
        $init
        return tls;
    }

    private static KeyStore store(String file, char[] password) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(Paths.get(file))) {
            store.load(in, password);
        }
        return store;
    }

    /** The password of the kit's files: from the environment, never from the code. */
    private static char[] password() {
        String password = System.getenv("STORE_PASSWORD");
        if (password == null) {
            throw new IllegalStateException("STORE_PASSWORD is not set");
        }
        return password.toCharArray();
    }
""")

_INIT_OWN_TRUST = """\
TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store("truststore.p12", password));
        tls.init(keys.getKeyManagers(), trust.getTrustManagers(), null);"""
_INIT_PUBLIC_TRUST = "tls.init(keys.getKeyManagers(), null, null);"

_CALL = Template("""\
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.KeyStore;
import java.time.Duration;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Calls a URL with this kit's certificate. Run it in this folder: java MutualTlsClient.java URL */
public final class MutualTlsClient {
    public static void main(String[] arguments) throws Exception {
        URI url = URI.create(arguments.length > 0 ? arguments[0] : $url);
        HttpClient client = HttpClient.newBuilder().sslContext(context(password())).build();
        HttpRequest request = HttpRequest.newBuilder(url).timeout(Duration.ofSeconds(30)).build();
        HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(response.statusCode() + " " + response.body());
    }

$context}
""")

_OLD_CALL = Template("""\
import java.io.InputStream;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.KeyStore;
import java.util.Scanner;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Calls a URL with this kit's certificate. In this folder: javac MutualTlsClient.java, java MutualTlsClient URL */
public final class MutualTlsClient {
    public static void main(String[] arguments) throws Exception {
        URL url = new URL(arguments.length > 0 ? arguments[0] : $url);
        HttpsURLConnection connection = (HttpsURLConnection) url.openConnection();
        connection.setSSLSocketFactory(context(password()).getSocketFactory());
        connection.setConnectTimeout(10_000);
        connection.setReadTimeout(30_000);
        int status = connection.getResponseCode();
        InputStream body = status < 400 ? connection.getInputStream() : connection.getErrorStream();
        System.out.println(status + " " + (body == null ? "" : text(body)));
    }

    private static String text(InputStream body) {
        try (Scanner scanner = new Scanner(body, "UTF-8").useDelimiter("\\\\A")) {
            return scanner.hasNext() ? scanner.next() : "";
        }
    }

$context}
""")

_SERVE = Template("""\
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsExchange;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;

/** Answers those whose certificate it trusts. Run it in this folder: java MutualTlsServer.java PORT */
public final class MutualTlsServer {
    public static void main(String[] arguments) throws Exception {
        int port = arguments.length > 0 ? Integer.parseInt(arguments[0]) : $port;
        HttpsServer server = HttpsServer.create(new InetSocketAddress(port), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(context(password())) {
            @Override
            public void configure(HttpsParameters connection) {
                SSLParameters parameters = getSSLContext().getDefaultSSLParameters();
                parameters.setNeedClientAuth(true);
                connection.setSSLParameters(parameters);
            }
        });
        server.createContext("/", exchange -> {
            String client = ((HttpsExchange) exchange).getSSLSession().getPeerPrincipal().getName();
            byte[] body = ("hello " + client + "\\n").getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        System.out.println("listening on " + server.getAddress().getPort());
    }

$context}
""")

_BEGIN = """\
1. Copy `keep/` to where the program runs, and keep it readable for the program's user alone (mode 0600).
2. Put the kit's password into the environment of the program, from wherever your secrets live:
   `read -rs STORE_PASSWORD; export STORE_PASSWORD` for a try by hand."""

_OPTIONS_STEP = """\
4. For a program that you cannot change, options do the same. Write the password into a file of its own, once:
   `(umask 077; printf -- '-Djavax.net.ssl.%sStorePassword=%s\\n' key "$$STORE_PASSWORD" trust "$$STORE_PASSWORD" >
   password.options)`
   and start the program in that folder with `java @java.options @password.options -jar YOUR.jar`.
   Options on the command line itself can be read by every user of the machine."""

_OPTIONS_OLD_STEP = """\
4. For a program that you cannot change, the options in `keep/java.options` do the same, with
   `-Djavax.net.ssl.keyStorePassword` and `-Djavax.net.ssl.trustStorePassword` beside them. Java 8 reads no option
   files, and what is on the command line can be read by every user of the machine."""

_CLIENT_STEPS = Template("""
## What you do

$password
3. `cd keep`, then `$run $url` calls the other side. `context` in `MutualTlsClient.java` is what your program needs.
$options

## What the other side does

1. $trust
2. Where its server names CAs in the certificate request, it has to name one that this chain leads to: to a server that
   names only others Java sends nothing.

## See that it works

1. The call prints `200`. With another file in place of `client.p12`, or none, it is refused.
2. If it does not: `-Djavax.net.debug=ssl:handshake` before the file's name shows the handshake. `No X.509 cert
   selected` means that the server named other CAs; an alert means that it did not like what it got.
""")

_SERVER_STEPS = Template("""
## What you do

$password
3. `cd keep`, then `java MutualTlsServer.java` listens on port $port. `context` and `configure` in it are what your
   program needs: `setNeedClientAuth(true)` refuses those without a certificate, the truststore says which ones count.

## What the other side does

1. Each client trusts `send/server-ca.pem`.
2. Each client shows a certificate that `keep/truststore.p12` leads to, and sends its intermediates along.

## See that it works

1. `curl --cacert send/server-ca.pem --cert CLIENT.pem --key CLIENT.key $server` is answered with the client's name.
2. Without `--cert` and `--key` it is refused: Java says `bad_certificate` to who sends none, `certificate_unknown` to
   who is not trusted.
""")


def _client(order: Order) -> Rendered:
    old = order.settings["java"] == "8"
    call = _OLD_CALL if old else _CALL
    url = order.peer or "https://YOUR-PARTNER.example"
    parts.address(url, "")
    source = call.substitute(
        url=literal(url, "the URL"), context=_context(order, "client.p12", needs_trust=False)
    )
    options = _OPTIONS.substitute(keystore="client.p12") + (_TRUST_OPTIONS if order.trusted else "")
    run = "java MutualTlsClient.java" if not old else "javac MutualTlsClient.java && java MutualTlsClient"
    return Rendered(
        keep=(
            java_stores.keystore(order, "client.p12"),
            *java_stores.truststore(order, "truststore.p12"),
            File("MutualTlsClient.java", source.encode(), "a call to try, and the code to take over"),
            File("java.options", options.encode(), "the same for programs that cannot be changed"),
        ),
        send=parts.client_handover(order),
        steps=_CLIENT_STEPS.substitute(
            password=_BEGIN,
            options=Template(_OPTIONS_OLD_STEP if old else _OPTIONS_STEP).substitute(),
            run=run,
            url=url,
            trust=parts.trust_client(order),
        ),
    )


def _server(order: Order) -> Rendered:
    here = parts.address(order.peer, "https://localhost:8443")
    source = _SERVE.substitute(port=here.port, context=_context(order, "server.p12", needs_trust=True))
    return Rendered(
        keep=(
            java_stores.keystore(order, "server.p12"),
            *java_stores.truststore(order, "truststore.p12"),
            File("MutualTlsServer.java", source.encode(), "a server to try, and the code to take over"),
        ),
        send=parts.server_handover(order),
        steps=_SERVER_STEPS.substitute(password=_BEGIN, port=here.port, server=f"https://{here.authority}/"),
        notes=verification.server_notes(order, here if order.peer else None),
    )


def _context(order: Order, keystore: str, *, needs_trust: bool) -> str:
    """Return the code that both sides share; a server has its own truststore in any case, or does not start."""
    own = needs_trust or bool(order.trusted)
    return _CONTEXT.substitute(
        keystore=keystore,
        trust="those of truststore.p12" if own else "the public CAs of this Java",
        init=_INIT_OWN_TRUST if own else _INIT_PUBLIC_TRUST,
    )


PLATFORM = Platform(
    name="java",
    title="Java",
    versions="17 and later; 8 and 11 with --set java",
    proof=Proven("OpenJDK 17 in tests/interop/platforms/test_java.py; 8 and 11 by document"),
    uses=(
        Use(
            name="client",
            title="a Java program calls an API",
            accepts=_CLIENT,
            render=_client,
            settings=(java_stores.JAVA,),
            checks=java_stores.IDENTITY_CHECKS,
            trust_checks=java_stores.TRUST_CHECKS,
        ),
        Use(
            name="server",
            title="a Java program asks its clients for certificates",
            accepts=_SERVER,
            render=_server,
            settings=(java_stores.JAVA,),
            checks=java_stores.IDENTITY_CHECKS,
            trust_checks=(*java_stores.TRUST_CHECKS, verification.public_anchors),
        ),
    ),
    failures=java_stores.FAILURES,
)
