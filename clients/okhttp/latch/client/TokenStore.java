package latch.client;

import java.io.Closeable;
import java.io.IOException;

/**
 * Where two short texts are kept, by name: the tokens, and the id of this device. Called from any thread.
 *
 * <p>A {@link RuntimeException} of a store counts as an {@link IOException}: the call fails, nothing else does.
 */
public interface TokenStore {
    /** The text of that name; null where none is kept. */
    String read(String name) throws IOException;

    /** Keep a text under that name; null removes it. Returns when it is kept: `commit()`, not `apply()`. */
    void write(String name, String text) throws IOException;

    /**
     * One process at a time, where several share the store. Waits at most `millis`, and returns null where the lock is not to be
     * had: work goes on without it, which costs a request more, and never a session. Threads need none.
     */
    default Closeable lock(String name, long millis) throws IOException {
        return null;
    }
}
