package latch.client;

import java.io.Closeable;
import java.io.IOException;
import java.util.UUID;

/** The tokens in their store. Who changes them says which ones they hold for stored: others than those stay as they are. */
final class SavedTokens {
    private static final String TOKENS = "latch_tokens";
    private static final String DEVICE = "latch_device_id";
    private static final long PATIENCE = 2_000; // ms; it is held for a read and a write

    private final TokenStore store;

    SavedTokens(TokenStore store) {
        this.store = store;
    }

    /** The tokens; null where nobody is logged in. Anew each time: another process may have changed them. */
    Tokens load() throws IOException {
        return Tokens.stored(read(TOKENS));
    }

    void save(Tokens tokens) throws IOException {
        change(null, tokens);
    }

    /** Put `next` (null: nothing) in place of `held`. Returns false where something else was stored meanwhile, and is kept. */
    boolean replace(Tokens held, Tokens next) throws IOException {
        return change(held, next);
    }

    /** Remove the tokens. Returns those that were there, or null. */
    Tokens remove() throws IOException {
        synchronized (store) {
            Closeable lock = lock("write", PATIENCE);
            try {
                Tokens held = load();
                write(TOKENS, null);
                return held;
            } finally {
                unlock(lock);
            }
        }
    }

    /** The id of this device, made at the first call. It outlives every session. */
    String deviceId() throws IOException {
        synchronized (store) {
            String known = read(DEVICE);
            if (known != null) return known;
            Closeable lock = lock("write", PATIENCE);
            try {
                known = read(DEVICE);
                if (known == null) write(DEVICE, known = UUID.randomUUID().toString());
                return known;
            } finally {
                unlock(lock);
            }
        }
    }

    private boolean change(Tokens held, Tokens next) throws IOException {
        synchronized (store) {
            Closeable lock = lock("write", PATIENCE);
            try {
                if (held != null && !held.sameAs(load())) return false;
                write(TOKENS, next == null ? null : next.toStored());
                return true;
            } finally {
                unlock(lock);
            }
        }
    }

    Closeable lock(String name, long millis) throws IOException {
        try {
            return store.lock(name, millis);
        } catch (RuntimeException error) {
            throw new IOException("the token store failed", error);
        }
    }

    static void unlock(Closeable lock) throws IOException {
        if (lock != null) lock.close();
    }

    private String read(String name) throws IOException {
        try {
            return store.read(name);
        } catch (RuntimeException error) { // a keystore's, say; OkHttp passes on nothing but IOException
            throw new IOException("the token store failed", error);
        }
    }

    private void write(String name, String text) throws IOException {
        try {
            store.write(name, text);
        } catch (RuntimeException error) {
            throw new IOException("the token store failed", error);
        }
    }
}
