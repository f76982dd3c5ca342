package latch.client;

import java.io.IOException;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import okhttp3.HttpUrl;
import okhttp3.OkHttpClient;

/**
 * Logs a person in with a code, keeps them logged in, and out. One for the whole app. Its calls block; none belongs on the main thread.
 *
 * <p>Nothing but Latch's own word ends a session: no 401 of another service, no time-out, no answer that is junk.
 */
public final class LatchClient {
    private static final long LONGEST_FAREWELL = 5_000; // ms

    /** Milliseconds since the epoch, by the device. */
    public interface Clock {
        long millis();
    }

    /** Told once when Latch has ended a session, on a thread of its own, after the tokens are gone. Not of the app's own log-out. */
    public interface LogOutListener {
        /** `end.reason()` is why (`revoked` say), or null; `end.getMessage()` a sentence to show. */
        void onLoggedOut(LatchException end);
    }

    private final SavedTokens saved;
    private final LatchApi api;
    private final LatchApi farewells;
    private final Refresher refresher;
    private final Pauses pauses;
    private final Set<String> origins;
    private final Clock clock;
    private final String deviceName;
    private LoginAttempt lost; // a login whose answer has not come; guarded by this

    private LatchClient(Builder from) {
        saved = new SavedTokens(from.store);
        api = new LatchApi(from.url, from.http, from.attemptMillis, from.language);
        long farewell = Math.min(LONGEST_FAREWELL, from.attemptMillis);
        farewells = new LatchApi(from.url, from.http, farewell, from.language);
        pauses = new Pauses(from.attempts, from.attemptMillis, from.firstPause, from.longestPause);
        refresher = new Refresher(saved, api, pauses, from.clock, from.listener);
        origins = Collections.unmodifiableSet(new HashSet<String>(from.origins));
        clock = from.clock;
        deviceName = from.deviceName;
    }

    /** The client with tokens on its requests to Latch and to the origins that were named, and as it was for all others. */
    public OkHttpClient install(OkHttpClient http) {
        TokenInterceptor tokens = new TokenInterceptor(refresher, origins, http.authenticator());
        return http.newBuilder().addInterceptor(tokens).authenticator(tokens).build();
    }

    /** Have a code sent. Where that is too often, the LatchException has `retryAfter()` for the countdown. */
    public CodeSent sendCode(String mobile) throws IOException {
        return sendCode(mobile, null);
    }

    /** The same with a captcha's solution, after `captcha_required`. */
    public CodeSent sendCode(String mobile, String captchaToken) throws IOException {
        Map<String, String> fields = new LinkedHashMap<String, String>();
        fields.put("mobile", mobile);
        if (captchaToken != null) fields.put("captcha_token", captchaToken);
        LatchApi.Answer answer;
        try {
            answer = api.sendCode(fields, device());
        } catch (IOException error) { // not repeated: it may have been sent
            throw unavailable(error);
        }
        Map<String, Object> data = answer.data();
        if (data == null) throw answer.isRefusal() ? answer.refusal() : answer.unavailable();
        long resendAfter = Math.max(0, Json.whole(data, "resend_after"));
        String understood = Json.text(data, "mobile");
        return new CodeSent(understood == null ? mobile : understood, Json.whole(data, "expires_in"), resendAfter, clock);
    }

    /** Log in. An answer that is lost is asked for again, here and where the app repeats the call: that is one login, not two. */
    public Login logIn(String mobile, String code) throws IOException {
        LoginAttempt attempt = attempt(mobile, code);
        Pauses between = pauses.fresh();
        LatchException.Unavailable failure = unavailable(null);
        for (int failures = 0; failures < between.attempts && attempt.isRepeatable() && between.await(); failures++) {
            long retryAfter = 0;
            try {
                LatchApi.Answer answer = api.logIn(attempt.fields(), device(), attempt.id);
                Map<String, Object> data = answer.data();
                Tokens tokens = data == null ? null : Tokens.received(data, clock.millis());
                if (tokens != null) return loggedIn(tokens, data);
                if (answer.isRefusal()) throw answer.refusal();
                failure = answer.unavailable();
                retryAfter = answer.retryAfter();
            } catch (LatchException refusal) {
                throw refusal;
            } catch (IOException error) {
                failure = unavailable(error);
            }
            between.postpone(failures, retryAfter);
        }
        throw failure;
    }

    private Login loggedIn(Tokens tokens, Map<String, Object> data) throws IOException {
        saved.save(tokens);
        pauses.forget();
        forget();
        return new Login(tokens, Boolean.TRUE.equals(data.get("is_new_user")));
    }

    /**
     * Log out: the tokens go first, and a refresh under way brings none back. Returns whether Latch has heard of it; where it has
     * not, the session lives out its time there. Throws only where the store cannot forget the tokens.
     */
    public boolean logOut() throws IOException {
        Tokens held = saved.remove();
        for (int attempt = 0; held != null && attempt < 2; attempt++) {
            try {
                if (farewells.logOut(held.refreshToken).status < 300) return true;
            } catch (IOException error) {
                continue; // once more, and then it is as it is
            }
        }
        return held == null;
    }

    /** The tokens that are kept; null where nobody is logged in. They may have expired. */
    public Tokens tokens() throws IOException {
        return saved.load();
    }

    /** An opaque id of this installation, made once, and sent with each login. */
    public String deviceId() throws IOException {
        return saved.deviceId();
    }

    private LatchApi.Device device() throws IOException {
        return new LatchApi.Device(saved.deviceId(), deviceName);
    }

    private static LatchException.Unavailable unavailable(IOException cause) {
        return new LatchException.Unavailable("Latch cannot be reached just now", cause, 0, null, 0);
    }

    private synchronized LoginAttempt attempt(String mobile, String code) {
        if (lost == null || !lost.isOf(mobile, code) || !lost.isRepeatable()) lost = new LoginAttempt(mobile, code);
        return lost;
    }

    private synchronized void forget() {
        lost = null;
    }

    /** How a client is made: an address and a store are enough. */
    public static final class Builder {
        private static final long LONGEST_ATTEMPT = 10_000; // ms; Latch's refresh rule needs less than 30 s

        private final HttpUrl url;
        private final TokenStore store;
        private final Set<String> origins = new HashSet<String>();
        private OkHttpClient http;
        private Clock clock = new Clock() {
            @Override
            public long millis() {
                return System.currentTimeMillis();
            }
        };
        private LogOutListener listener = new LogOutListener() {
            @Override
            public void onLoggedOut(LatchException end) {
                // The calls of an app that does not listen are answered 401 from now on.
            }
        };
        private String deviceName;
        private String language;
        private int attempts = 3;
        private long attemptMillis = LONGEST_ATTEMPT;
        private long firstPause = 500;
        private long longestPause = 5_000;

        /** `url` without `/app/v1_0`. */
        public Builder(String url, TokenStore store) {
            this.url = HttpUrl.get(url);
            this.store = store;
            sendTokensTo(url);
        }

        /** The services that get the access token, by a URL of each, whose scheme, host and port count. Nobody else gets it. */
        public Builder sendTokensTo(String... urls) {
            for (String named : urls) origins.add(TokenInterceptor.originOf(HttpUrl.get(named)));
            return this;
        }

        /** The app's own client, for its TLS, DNS, proxies and interceptors. */
        public Builder http(OkHttpClient http) {
            this.http = http;
            return this;
        }

        public Builder onLoggedOut(LogOutListener listener) {
            this.listener = listener;
            return this;
        }

        /** What people read in the list of their devices: `Build.MODEL` say. */
        public Builder deviceName(String name) {
            this.deviceName = name;
            return this;
        }

        /** The language of the sentences and the SMS, `zh-CN` say; the device's where it is not set. */
        public Builder language(String tag) {
            this.language = tag;
            return this;
        }

        public Builder clock(Clock clock) {
            this.clock = clock;
            return this;
        }

        /** How often a refresh or a login is tried before it is given up for now, and the milliseconds of each; 3 and 10,000. */
        public Builder attempts(int attempts, long millis) {
            if (attempts < 1 || millis < 1 || millis > LONGEST_ATTEMPT) {
                throw new IllegalArgumentException("one attempt or more, of at most " + LONGEST_ATTEMPT + " ms");
            }
            this.attempts = attempts;
            this.attemptMillis = millis;
            return this;
        }

        /** Milliseconds between two attempts, at first and at most; 500 and 5,000. A longer `Retry-After` ends the attempts. */
        public Builder pauses(long first, long longest) {
            if (first < 1 || longest < first) throw new IllegalArgumentException("1 ms or more, growing");
            this.firstPause = first;
            this.longestPause = longest;
            return this;
        }

        public LatchClient build() {
            if (http == null) http = new OkHttpClient();
            return new LatchClient(this);
        }
    }
}
