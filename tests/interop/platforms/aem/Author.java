import com.adobe.granite.keystore.KeyStoreNotInitialisedException;
import com.adobe.granite.keystore.KeyStoreService;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.http.client.methods.CloseableHttpResponse;
import org.apache.http.client.methods.HttpGet;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.util.EntityUtils;
import org.apache.sling.api.resource.ResourceResolver;

/**
 * AEM's part of it: what is uploaded becomes a user's keystore and the global trust store, and the rendered class is
 * configured and called.
 *
 * java Author CLASS CONFIGURATION URL (der KEY CERTIFICATE... | pkcs12 FILE | empty) [trust FILE...]
 */
public final class Author {
    private static final char[] PASSWORD = System.getenv("KEYSTORE_PASSWORD").toCharArray();
    private static final CertificateFactory X509 = x509();

    public static void main(String[] arguments) throws Exception {
        Map<String, String> configuration = configuration(arguments[1]);
        List<String> words = new ArrayList<>(List.of(arguments).subList(3, arguments.length));
        List<String> trusted = new ArrayList<>();
        if (words.contains("trust")) {
            int at = words.indexOf("trust");
            trusted.addAll(words.subList(at + 1, words.size()));
            words = words.subList(0, at);
        }
        KeyStore own = uploaded(words, configuration.get("keystore.alias"));
        KeyStore global = trusted.isEmpty() ? null : truststore(trusted);
        Object component = component(arguments[0], configuration, service(configuration, own, global));
        Method client = component.getClass().getMethod("client", ResourceResolver.class);
        try (CloseableHttpClient http = (CloseableHttpClient) client.invoke(component, (Object) null);
                CloseableHttpResponse response = http.execute(new HttpGet(arguments[2]))) {
            System.out.println(EntityUtils.toString(response.getEntity()));
        }
    }

    private static KeyStore uploaded(List<String> words, String alias) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, PASSWORD);
        if (words.get(0).equals("der")) {
            byte[] der = Files.readAllBytes(Path.of(words.get(1)));
            List<Certificate> chain = new ArrayList<>();
            for (String file : words.subList(2, words.size())) {
                chain.add(certificate(file));
            }
            String algorithm = chain.get(0).getPublicKey().getAlgorithm();
            PrivateKey key = KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(der));
            store.setKeyEntry(alias, key, PASSWORD, chain.toArray(new Certificate[0]));
        } else if (words.get(0).equals("pkcs12")) {
            KeyStore file = KeyStore.getInstance("PKCS12");
            try (InputStream in = Files.newInputStream(Path.of(words.get(1)))) {
                file.load(in, PASSWORD);
            }
            store.setKeyEntry(alias, file.getKey(alias, PASSWORD), PASSWORD, file.getCertificateChain(alias));
        }
        return store;
    }

    private static KeyStore truststore(List<String> files) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, PASSWORD);
        for (String file : files) {
            store.setCertificateEntry("certalias___" + store.size(), certificate(file));
        }
        return store;
    }

    /** One certificate of a file: the first, if it holds several. */
    private static Certificate certificate(String file) throws Exception {
        return X509.generateCertificate(new ByteArrayInputStream(Files.readAllBytes(Path.of(file))));
    }

    private static CertificateFactory x509() {
        try {
            return CertificateFactory.getInstance("X.509");
        } catch (Exception impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static KeyStoreService service(Map<String, String> configuration, KeyStore own, KeyStore global) {
        return new KeyStoreService() {
            @Override
            public KeyStore getKeyStore(ResourceResolver resolver, String user) {
                return user.equals(configuration.get("keystore.user")) ? own : null;
            }

            @Override
            public KeyStore getTrustStore(ResourceResolver resolver) {
                if (global == null) {
                    throw new KeyStoreNotInitialisedException("no trust store");
                }
                return global;
            }
        };
    }

    /** OSGi's part of it: the reference set, the configuration given by the names of its methods. */
    private static Object component(String name, Map<String, String> configuration, KeyStoreService service)
            throws Exception {
        Class<?> type = Class.forName(name);
        Object component = type.getDeclaredConstructor().newInstance();
        Field reference = type.getDeclaredField("keyStoreService");
        reference.setAccessible(true);
        reference.set(component, service);
        Class<?> wanted = Class.forName(name + "$Configuration");
        Object values = Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {wanted}, (proxy, method, none) -> {
            String value = configuration.get(method.getName().replace('_', '.'));
            return method.getReturnType() == int.class ? (Object) Integer.valueOf(value) : value;
        });
        Method activate = type.getDeclaredMethod("activate", wanted);
        activate.setAccessible(true);
        activate.invoke(component, values);
        return component;
    }

    /** The rendered configuration, its secret put in: simple JSON, a value a line. */
    private static Map<String, String> configuration(String file) throws Exception {
        Map<String, String> values = new HashMap<>();
        for (String line : Files.readAllLines(Path.of(file))) {
            String[] parts = line.trim().split("\": ?", 2);
            if (parts.length == 2) {
                String value = parts[1].replaceAll("^\"|\"?,?$", "");
                boolean secret = value.startsWith("$[secret:") || value.equals("{PROTECTED}");
                values.put(parts[0].substring(1).replace(":Integer", ""), secret ? new String(PASSWORD) : value);
            }
        }
        return values;
    }
}
