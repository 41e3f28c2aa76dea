import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.KeyStore;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSession;
import javax.net.ssl.TrustManagerFactory;

/**
 * Requests with Java's HttpClient and PKCS#12 stores. What to do is read from the environment, passwords among it;
 * for each request one line of JSON is printed: the answer, or {"error": the chain of exceptions}.
 */
public final class Client {
    private static final Map<String, String> ASK = System.getenv();
    private static final Set<Long> SESSIONS = new HashSet<>();

    public static void main(String[] none) throws Exception {
        SSLContext tls = tls();
        boolean keepAlive = Boolean.parseBoolean(ASK.get("KEEP_ALIVE"));
        HttpClient kept = client(tls);
        boolean resumed = false;
        for (int n = 0; n < Integer.parseInt(ASK.get("REQUESTS")); n++) {
            try {
                // A client of its own has a connection of its own, and shares the context's sessions.
                HttpResponse<String> response = (keepAlive ? kept : client(tls)).send(request(), BodyHandlers.ofString());
                SSLSession session = response.sslSession().orElseThrow();
                // A resumed session keeps the moment of its first handshake, in TLS 1.2 and in 1.3.
                boolean known = !SESSIONS.add(session.getCreationTime());
                resumed = keepAlive ? resumed : known;
                System.out.println(answer(response, session, resumed));
            } catch (Exception problem) {
                System.out.println("{\"error\": " + quoted(chain(problem)) + "}");
                return;
            }
        }
    }

    private static SSLContext tls() throws Exception {
        KeyManager[] keys = null;
        if (ASK.containsKey("KEYSTORE")) {
            char[] password = ASK.get("KEYSTORE_PASSWORD").toCharArray();
            KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            factory.init(store(ASK.get("KEYSTORE"), password), password);
            keys = factory.getKeyManagers();
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store(ASK.get("TRUSTSTORE"), ASK.get("TRUSTSTORE_PASSWORD").toCharArray()));
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys, trust.getTrustManagers(), null);
        return context;
    }

    private static KeyStore store(String path, char[] password) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (FileInputStream file = new FileInputStream(path)) {
            store.load(file, password);
        }
        return store;
    }

    private static HttpClient client(SSLContext tls) {
        HttpClient.Builder builder = HttpClient.newBuilder().sslContext(tls);
        if (ASK.containsKey("VERSION")) {
            builder.sslParameters(new SSLParameters(null, new String[] {ASK.get("VERSION")}));
        }
        return builder.build();
    }

    private static HttpRequest request() {
        return HttpRequest.newBuilder(URI.create(ASK.get("URL")))
                .version(HttpClient.Version.valueOf(ASK.get("PROTOCOL")))
                .timeout(Duration.ofSeconds(10))
                .build();
    }

    private static String answer(HttpResponse<String> response, SSLSession session, boolean resumed) {
        Stream<String> pairs = response.headers().map().entrySet().stream()
                .flatMap(entry -> entry.getValue().stream()
                        .map(value -> "[" + quoted(entry.getKey()) + ", " + quoted(value) + "]"));
        return "{\"status\": " + response.statusCode()
                + ", \"protocol\": " + (response.version() == HttpClient.Version.HTTP_2 ? "\"HTTP/2\"" : "\"HTTP/1.1\"")
                + ", \"tls\": " + quoted(session.getProtocol())
                + ", \"headers\": [" + pairs.collect(Collectors.joining(", ")) + "]"
                + ", \"resumed\": " + resumed
                + ", \"body\": " + quoted(response.body()) + "}";
    }

    private static String chain(Throwable problem) {
        return Stream.iterate(problem, one -> one != null, Throwable::getCause)
                .map(Throwable::toString)
                .collect(Collectors.joining("; caused by "));
    }

    private static String quoted(String text) {
        return text.chars()
                .mapToObj(c -> c < ' ' || c == '"' || c == '\\' || c > '~' ? String.format("\\u%04x", c) : "" + (char) c)
                .collect(Collectors.joining("", "\"", "\""));
    }
}
