package latch.client;

import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import okhttp3.Call;

/**
 * Gets new tokens for old ones: one refresh at a time, whose outcome, a failure too, is everybody's who waits for it.
 *
 * <p>It runs on a thread of its own, so that a call that is cancelled leaves at once and stops it for nobody else.
 */
final class Refresher {
    private static final int TURNS = 3; // a refresh that was under way may have been of tokens before those that were refused
    private static final long LOOK = 50; // ms; OkHttp does not say when a call is cancelled, it has to be asked

    private final SavedTokens saved;
    private final LatchApi api;
    private final Pauses pauses;
    private final LatchClient.Clock clock;
    private final LatchClient.LogOutListener listener;
    private Refresh running; // guarded by this

    Refresher(SavedTokens saved, LatchApi api, Pauses pauses, LatchClient.Clock clock, LatchClient.LogOutListener listener) {
        this.saved = saved;
        this.api = api;
        this.pauses = pauses;
        this.clock = clock;
        this.listener = listener;
    }

    /** Tokens to send now, refreshed if they must be; null where nobody is logged in. */
    Tokens current(Call waiting) throws IOException {
        Tokens held = saved.load();
        if (held == null) return null;
        long left = held.expiresAt - clock.millis();
        if (left <= 0) return insteadOf(held.accessToken, waiting);
        if (left < held.margin()) ahead(held);
        return held;
    }

    /** Tokens other than those of this access token, null meaning any; null where nobody is logged in (any more). */
    Tokens insteadOf(String stale, Call waiting) throws IOException {
        for (int turn = 0; turn < TURNS; turn++) {
            Tokens tokens = joined(stale, waiting);
            if (tokens == null || !tokens.accessToken.equals(stale)) return tokens;
        }
        throw unavailable(null);
    }

    /** Begin while the old token is good: nobody waits, and if it comes to nothing the old one is still used. */
    private synchronized void ahead(Tokens held) throws IOException {
        if (running == null && pauses.left() == 0 && held.sameAs(saved.load())) begin(held);
    }

    private Tokens joined(String stale, Call waiting) throws IOException {
        Refresh refresh;
        synchronized (this) {
            if (running == null) {
                Tokens held = saved.load();
                if (held == null || !held.accessToken.equals(stale)) return held; // somebody has refreshed meanwhile
                begin(held);
            }
            refresh = running;
        }
        return refresh.outcome(waiting);
    }

    private void begin(Tokens held) {
        Refresh refresh = new Refresh(held);
        Thread thread = new Thread(refresh, "latch-refresh");
        thread.setDaemon(true);
        thread.start();
        running = refresh; // its end waits for this monitor
    }

    private LatchException.Unavailable unavailable(Throwable cause) {
        long seconds = (pauses.left() + 999) / 1000;
        return new LatchException.Unavailable("Latch cannot be reached just now", cause, 0, null, seconds);
    }

    private final class Refresh implements Runnable {
        private final CountDownLatch done = new CountDownLatch(1);
        private final Tokens held;
        private Tokens tokens;
        private Throwable failure = new IllegalStateException("a refresh broke off"); // until it has come to an end
        private IOException last;
        private LatchException end;

        Refresh(Tokens held) {
            this.held = held;
        }

        Tokens outcome(Call waiting) throws IOException {
            try {
                while (!done.await(LOOK, TimeUnit.MILLISECONDS)) {
                    if (waiting.isCanceled()) throw new IOException("Canceled");
                }
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("interrupted");
            }
            if (failure != null) throw unavailable(failure); // one for each: they are thrown in threads of their own
            return tokens;
        }

        @Override
        public void run() {
            try {
                tokens = refreshed();
                failure = null;
            } catch (IOException error) {
                failure = error;
            } finally {
                settle();
            }
        }

        private void settle() {
            synchronized (Refresher.this) {
                running = null;
            }
            try {
                if (end != null) listener.onLoggedOut(end); // before the calls fail that will ask why
            } finally {
                done.countDown();
            }
        }

        private Tokens refreshed() throws IOException {
            Closeable lock = saved.lock("refresh", pauses.attemptMillis);
            try {
                for (int failures = 0; failures < pauses.attempts; failures++) {
                    if (!pauses.await()) throw unavailable(null);
                    Tokens now = saved.load();
                    if (!held.sameAs(now)) return now;
                    if (attempt(failures)) return saved.load();
                }
            } finally {
                SavedTokens.unlock(lock);
            }
            throw unavailable(last);
        }

        /** Whether Latch has given new tokens, or ended the session. Either is kept if the old tokens are still the stored ones. */
        private boolean attempt(int failures) throws IOException {
            LatchApi.Answer answer;
            try {
                answer = api.refresh(held.refreshToken);
            } catch (IOException lost) {
                last = lost;
                pauses.postpone(failures, 0);
                return false;
            }
            Map<String, Object> data = answer.data();
            Tokens received = data == null ? null : Tokens.received(data, clock.millis());
            if (received == null && !answer.endsSession()) {
                last = answer.unavailable();
                pauses.postpone(failures, answer.retryAfter());
                return false;
            }
            pauses.forget();
            boolean changed = saved.replace(held, received);
            if (changed && received == null) end = answer.refusal();
            return true;
        }
    }
}
