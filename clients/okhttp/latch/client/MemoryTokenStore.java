package latch.client;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Forgets everything when the process ends. For tests, and for programs that log in at each start. */
public final class MemoryTokenStore implements TokenStore {
    private final Map<String, String> texts = new ConcurrentHashMap<String, String>();

    @Override
    public String read(String name) {
        return texts.get(name);
    }

    @Override
    public void write(String name, String text) {
        if (text == null) {
            texts.remove(name);
        } else {
            texts.put(name, text);
        }
    }
}
