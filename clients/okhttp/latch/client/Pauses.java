package latch.client;

import java.io.InterruptedIOException;
import java.util.concurrent.ThreadLocalRandom;

/** How often something is tried, and how long to wait before the next try. */
final class Pauses {
    private static final int LONGEST_HOLD = 6; // pauses that a Retry-After can keep everybody away

    final int attempts;
    final long attemptMillis;
    private final long first;
    private final long longest;
    private long due = System.nanoTime(); // not the clock, which people set

    /** `first` and `longest` pause in milliseconds. */
    Pauses(int attempts, long attemptMillis, long first, long longest) {
        this.attempts = attempts;
        this.attemptMillis = attemptMillis;
        this.first = first;
        this.longest = longest;
    }

    /** The like, with nothing to wait for. */
    Pauses fresh() {
        return new Pauses(attempts, attemptMillis, first, longest);
    }

    /** After a failure, the first of them being 0: twice as long each time, not all at once, and as long as was asked for. */
    synchronized void postpone(int failure, long retryAfterSeconds) {
        long step = Math.min(longest, first << Math.min(failure, 10));
        long pause = step / 2 + ThreadLocalRandom.current().nextLong(step / 2 + 1);
        long asked = Math.min(retryAfterSeconds * 1000, longest * LONGEST_HOLD);
        due = System.nanoTime() + Math.max(pause, asked) * 1_000_000;
    }

    synchronized void forget() {
        due = System.nanoTime();
    }

    /** Milliseconds until the next try. */
    synchronized long left() {
        return Math.max(0, (due - System.nanoTime() + 999_999) / 1_000_000);
    }

    /** Wait until then. Returns false at once where that is longer than anybody should wait. */
    boolean await() throws InterruptedIOException {
        long left = left();
        if (left > longest) return false;
        try {
            Thread.sleep(left);
            return true;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException();
        }
    }
}
