import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Collections;
import java.util.HexFormat;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.DESKeySpec;
import javax.crypto.spec.DESedeKeySpec;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;

/** What Java sees in a keystore, and keystores as Java writes them. Texts come and go as hex of UTF-16. */
public class Stores {
    public static void main(String[] given) throws Exception {
        switch (given[0]) {
            case "list" -> list(given);
            case "make" -> make(given);
            case "lower" -> System.out.println(hex(text(given[1]).toLowerCase(java.util.Locale.ENGLISH)));
            default -> throw new IllegalArgumentException(given[0]);
        }
    }

    /** list TYPE FILE PASSWORD [ALIAS PASSWORD]... */
    static void list(String[] given) throws Exception {
        KeyStore store = KeyStore.getInstance(given[1]);
        try (FileInputStream in = new FileInputStream(given[2])) {
            store.load(in, given[3].equals("-") ? null : text(given[3]).toCharArray());
        }
        for (String alias : Collections.list(store.aliases())) {
            StringBuilder line = new StringBuilder(hex(alias));
            line.append(' ').append(store.getCreationDate(alias).getTime());
            if (store.isKeyEntry(alias)) {
                String password = given[3];
                for (int at = 4; at < given.length; at += 2) {
                    password = text(given[at]).equals(alias) ? given[at + 1] : password;
                }
                Key key = store.getKey(alias, text(password).toCharArray());
                line.append(key instanceof PrivateKey ? " identity " : " secret ");
                line.append(key.getAlgorithm()).append(' ').append(HexFormat.of().formatHex(key.getEncoded()));
                Certificate[] chain = store.getCertificateChain(alias);
                for (Certificate one : chain == null ? new Certificate[0] : chain) {
                    line.append(' ').append(digest(one));
                }
            } else {
                line.append(" trusted - - ").append(digest(store.getCertificate(alias)));
            }
            System.out.println(line);
        }
    }

    /** make TYPE FILE PASSWORD KEY CHAIN ALIAS KEYPASSWORD ALIAS: a key, a certificate, and in JCEKS secret keys. */
    static void make(String[] given) throws Exception {
        char[] password = text(given[3]).toCharArray();
        KeyStore store = KeyStore.getInstance(given[1]);
        store.load(null, null);
        byte[] pkcs8 = Files.readAllBytes(Path.of(given[4]));
        PrivateKey key = KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
        Certificate[] chain;
        try (FileInputStream in = new FileInputStream(given[5])) {
            chain = CertificateFactory.getInstance("X.509").generateCertificates(in).toArray(new Certificate[0]);
        }
        store.setKeyEntry(text(given[6]), key, text(given[7]).toCharArray(), chain);
        store.setCertificateEntry(text(given[8]), chain[chain.length - 1]);
        if (given[1].equals("JCEKS")) {
            byte[] raw = HexFormat.of().parseHex("0123456789abcdef23456789abcdef01456789abcdef0123");
            store.setKeyEntry("specification", new SecretKeySpec(raw, "HmacSHA256"), password, null);
            Key des = SecretKeyFactory.getInstance("DES").generateSecret(new DESKeySpec(raw));
            store.setKeyEntry("des", des, password, null);
            Key triple = SecretKeyFactory.getInstance("DESede").generateSecret(new DESedeKeySpec(raw));
            store.setKeyEntry("desede", triple, password, null);
            PBEKeySpec typed = new PBEKeySpec("typed".toCharArray());
            Key pbe = SecretKeyFactory.getInstance("PBEWithMD5AndDES").generateSecret(typed);
            store.setKeyEntry("pbe", pbe, password, null);
            PBEKeySpec derived = new PBEKeySpec("typed".toCharArray(), raw, 10, 128);
            Key pbkdf2 = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256").generateSecret(derived);
            store.setKeyEntry("pbkdf2", pbkdf2, password, null);
            store.setKeyEntry("public", chain[0].getPublicKey(), password, null);
        }
        try (FileOutputStream out = new FileOutputStream(given[2])) {
            store.store(out, password);
        }
    }

    static String digest(Certificate one) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(one.getEncoded()));
    }

    static String text(String hex) {
        StringBuilder text = new StringBuilder();
        for (int at = 0; at < hex.length(); at += 4) {
            text.append((char) Integer.parseInt(hex.substring(at, at + 4), 16));
        }
        return text.toString();
    }

    static String hex(String text) {
        StringBuilder hex = new StringBuilder();
        for (char one : text.toCharArray()) {
            hex.append(String.format("%04x", (int) one));
        }
        return hex.toString();
    }
}
