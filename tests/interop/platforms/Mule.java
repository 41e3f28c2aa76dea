import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsExchange;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Collections;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/**
 * A listener or a requester of a Mule configuration: what the attributes say, as Mule's TlsConfiguration reads them,
 * and nothing else. Secure properties come from the environment: ${secure::a.b} is A_B.
 *
 * java Mule.java listener|requester mutual-tls.xml
 */
public final class Mule {
    private static final String TLS = "http://www.mulesoft.org/schema/mule/tls";
    private static final String HTTP = "http://www.mulesoft.org/schema/mule/http";
    private static final Pattern SECURE = Pattern.compile("\\$\\{secure::([a-z.]+)\\}");

    public static void main(String[] arguments) throws Exception {
        Path file = Path.of(arguments[1]);
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        Document configuration = factory.newDocumentBuilder().parse(file.toFile());
        boolean listens = arguments[0].equals("listener");
        Element link = only(configuration, HTTP, listens ? "listener-connection" : "request-connection");
        Element context = only(configuration, TLS, "context");
        require(context.getAttribute("name").equals(link.getAttribute("tlsContext")), "tlsContext names no context");
        require(link.getAttribute("protocol").equals("HTTPS"), "not HTTPS");
        int port = Integer.parseInt(link.getAttribute("port"));
        SSLContext tls = tls(context, file.toAbsolutePath().getParent());
        if (listens) {
            listen(tls, port, child(context, "trust-store") != null);
        } else {
            request(tls, "https://" + link.getAttribute("host") + ":" + port + "/");
        }
    }

    private static SSLContext tls(Element context, Path resources) throws Exception {
        KeyManager[] keys = null;
        TrustManager[] trusted = null;
        // The order of the schema: a trust-store after the key-store is refused when Mule starts.
        boolean keyed = false;
        for (Node node = context.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (!(node instanceof Element)) {
                continue;
            }
            Element element = (Element) node;
            if (element.getLocalName().equals("trust-store")) {
                require(!keyed, "trust-store has to stand before key-store");
                TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
                trust.init(store(element, resources));
                trusted = trust.getTrustManagers();
            } else {
                require(element.getLocalName().equals("key-store"), "unknown element");
                keyed = true;
                keys = keys(element, resources);
            }
        }
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(keys, trusted, null);
        return tls;
    }

    private static KeyManager[] keys(Element element, Path resources) throws Exception {
        require(element.hasAttribute("keyPassword"), "The Key password cannot be null");
        KeyStore store = store(element, resources);
        String alias = element.getAttribute("alias");
        boolean found = false;
        for (String name : Collections.list(store.aliases())) {
            if (name.equals(alias)) {
                require(store.isKeyEntry(name), "Keystore entry for alias '" + alias + "' is not a key.");
                found = true;
            } else {
                store.deleteEntry(name);
            }
        }
        require(found, "Key with alias \"" + alias + "\" was not found");
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, value(element, "keyPassword").toCharArray());
        return keys.getKeyManagers();
    }

    private static KeyStore store(Element element, Path resources) throws Exception {
        require(element.hasAttribute("type"), "no type: it would be the default of this Java");
        KeyStore store = KeyStore.getInstance(element.getAttribute("type"));
        try (InputStream in = Files.newInputStream(resources.resolve(element.getAttribute("path")))) {
            store.load(in, value(element, "password").toCharArray());
        }
        return store;
    }

    private static String value(Element element, String attribute) {
        Matcher secure = SECURE.matcher(element.getAttribute(attribute));
        require(secure.matches(), attribute + " is no secure property");
        return System.getenv(secure.group(1).replace('.', '_').toUpperCase());
    }

    private static void listen(SSLContext tls, int port, boolean asks) throws Exception {
        // A test listens on loopback, whatever the host of the configuration.
        InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
        HttpsServer server = HttpsServer.create(address, 0);
        server.setHttpsConfigurator(new HttpsConfigurator(tls) {
            @Override
            public void configure(HttpsParameters connection) {
                SSLParameters parameters = tls.getDefaultSSLParameters();
                parameters.setNeedClientAuth(asks);
                connection.setSSLParameters(parameters);
            }
        });
        server.createContext("/", exchange -> {
            String client = ((HttpsExchange) exchange).getSSLSession().getPeerPrincipal().getName();
            byte[] body = ("hello " + client).getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        System.out.println("listening on " + server.getAddress().getPort());
    }

    private static void request(SSLContext tls, String url) throws Exception {
        HttpClient client = HttpClient.newBuilder().sslContext(tls).build();
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).build();
        System.out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
    }

    private static Element only(Document configuration, String namespace, String name) {
        require(configuration.getElementsByTagNameNS(namespace, name).getLength() == 1, "not one " + name);
        return (Element) configuration.getElementsByTagNameNS(namespace, name).item(0);
    }

    private static Element child(Element parent, String name) {
        return (Element) parent.getElementsByTagNameNS(TLS, name).item(0);
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }
}
