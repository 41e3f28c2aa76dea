package com.adobe.granite.keystore;

/** As AEM has it: unchecked. */
public class KeyStoreNotInitialisedException extends RuntimeException {
    public KeyStoreNotInitialisedException(String message) {
        super(message);
    }
}
