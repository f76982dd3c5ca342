package latch.client;

import java.io.IOException;
import java.io.UnsupportedEncodingException;
import java.net.URLEncoder;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import okhttp3.Authenticator;
import okhttp3.Call;
import okhttp3.ConnectionPool;
import okhttp3.Dispatcher;
import okhttp3.HttpUrl;
import okhttp3.Interceptor;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;

/** Latch's routes, each one request and one answer. What they mean is for others to say. */
final class LatchApi {
    private static final MediaType JSON = MediaType.parse("application/json");
    private static final long LONGEST = 64 * 1024; // bytes of an answer that are read
    private static final long SHORTEST_LIFE = 1; // second of a connection that nobody uses again
    // What ends a session, in the answer to a refresh and nowhere else.
    private static final Set<String> ENDS = new HashSet<String>(
            Arrays.asList("invalid_refresh_token", "session_ended", "invalid_token", "user_disabled"));

    private final HttpUrl base;
    private final OkHttpClient http;
    private final String language; // null: the device's, which may change

    LatchApi(HttpUrl url, OkHttpClient http, long attemptMillis, String language) {
        this.base = url.newBuilder().addPathSegments("app/v1_0").build();
        this.http = ownOf(http, attemptMillis);
        this.language = language;
    }

    /**
     * The app's client as far as TLS, DNS and proxies go, and nothing that could hold a refresh up: its own dispatcher, which nobody
     * else fills or cancels; new connections, since those from before a change of network are dead without saying so; a limit for
     * the whole call; and no answer but Latch's (a captive portal redirects).
     */
    private static OkHttpClient ownOf(OkHttpClient http, long attemptMillis) {
        OkHttpClient.Builder builder = http.newBuilder()
                .dispatcher(new Dispatcher())
                .connectionPool(new ConnectionPool(0, SHORTEST_LIFE, TimeUnit.SECONDS))
                .authenticator(Authenticator.NONE)
                .cache(null)
                .followRedirects(false)
                .followSslRedirects(false)
                .callTimeout(attemptMillis, TimeUnit.MILLISECONDS);
        for (Interceptor interceptor : http.interceptors()) {
            if (interceptor instanceof TokenInterceptor) builder.interceptors().remove(interceptor);
        }
        return builder.build();
    }

    Answer sendCode(Map<String, ?> fields, Device device) throws IOException {
        return answerTo(device.marks(request("sms/codes", null).post(body(fields))));
    }

    /** The same id makes it the same login, for 30 s: an answer that was lost is had by asking again. */
    Answer logIn(Map<String, ?> fields, Device device, String requestId) throws IOException {
        Request.Builder request = request("authorizations", null).post(body(fields)).header("X-Request-ID", requestId);
        return answerTo(device.marks(request));
    }

    Answer refresh(String refreshToken) throws IOException {
        return answerTo(request("authorizations", refreshToken).put(RequestBody.create(null, new byte[0])));
    }

    Answer logOut(String token) throws IOException {
        return answerTo(request("authorizations", token).delete());
    }

    private Request.Builder request(String path, String token) {
        Request.Builder request = new Request.Builder()
                .url(base.newBuilder().addPathSegments(path).build())
                .header("Accept", "application/json")
                .header("Accept-Language", language == null ? Locale.getDefault().toLanguageTag() : language);
        return token == null ? request : request.header("Authorization", "Bearer " + token);
    }

    private static RequestBody body(Map<String, ?> fields) {
        return RequestBody.create(JSON, Json.write(fields));
    }

    private Answer answerTo(Request.Builder request) throws IOException {
        Call call = http.newCall(request.build());
        try (Response response = call.execute()) {
            return new Answer(response.code(), response.header("Retry-After"), response.peekBody(LONGEST).string());
        }
    }

    /** How the device is told apart: its id, and a name for people or null. */
    static final class Device {
        private final String id;
        private final String name;

        Device(String id, String name) {
            this.id = id;
            this.name = name;
        }

        private Request.Builder marks(Request.Builder request) {
            request.header("X-Device-Id", id);
            return name == null ? request : request.header("X-Device-Name", percentEncoded(name));
        }

        /** UTF-8, since OkHttp refuses a header that is not ASCII. */
        private static String percentEncoded(String text) {
            try {
                return URLEncoder.encode(text, "UTF-8").replace("+", "%20");
            } catch (UnsupportedEncodingException never) {
                throw new AssertionError(never);
            }
        }
    }

    /** What came back, whoever sent it. */
    static final class Answer {
        final int status;
        private final String retryAfterHeader;
        private final Map<String, Object> body; // null: no JSON object, so not of Latch

        private Answer(int status, String retryAfter, String text) {
            this.status = status;
            this.retryAfterHeader = retryAfter;
            this.body = Json.object(text);
        }

        /** The `data` of a success; null for everything else, junk in a 200 too. */
        Map<String, Object> data() {
            return status == 200 && body != null ? Json.fields(body.get("data")) : null;
        }

        /** Latch's own code of a failure; null where it is not Latch's. */
        String error() {
            return status >= 400 && body != null ? Json.text(body, "error") : null;
        }

        /** Whether Latch has judged the request itself, so that repeating it changes nothing. */
        boolean isRefusal() {
            return error() != null && status < 500 && status != 408;
        }

        /** As the answer to a refresh: whether the session is over. */
        boolean endsSession() {
            return (status == 401 || status == 403) && ENDS.contains(error());
        }

        /** Seconds; 0 where nothing is said, or a date. */
        long retryAfter() {
            long said = body == null ? -1 : Json.whole(body, "retry_after");
            if (said >= 0) return said;
            return retryAfterHeader != null && retryAfterHeader.matches("[0-9]{1,9}") ? Long.parseLong(retryAfterHeader) : 0;
        }

        LatchException refusal() {
            return new LatchException(sentence(), null, status, error(), Json.text(body, "reason"), retryAfter());
        }

        LatchException.Unavailable unavailable() {
            return new LatchException.Unavailable(sentence(), null, status, error(), retryAfter());
        }

        private String sentence() {
            String said = error() == null ? null : Json.text(body, "message");
            return said == null ? "Latch cannot be reached just now" : said;
        }
    }
}
