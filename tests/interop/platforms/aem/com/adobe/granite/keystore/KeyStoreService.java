package com.adobe.granite.keystore;

import java.security.KeyStore;
import org.apache.sling.api.resource.ResourceResolver;

/** What the rendered class uses of AEM's interface of this name. */
public interface KeyStoreService {
    KeyStore getKeyStore(ResourceResolver resolver, String userId);

    KeyStore getTrustStore(ResourceResolver resolver);
}
