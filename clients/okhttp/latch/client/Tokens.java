package latch.client;

import java.util.LinkedHashMap;
import java.util.Map;

/** What a session consists of at the client. Tokens are opaque: nothing can be read from them. */
public final class Tokens {
    final String accessToken;
    final String refreshToken;
    final long expiresAt; // ms by the client's own clock: when the answer came, and expires_in
    final long lifetime; // ms
    private final String sessionId;
    private final long userId;

    private Tokens(String access, String refresh, long expiresAt, long lifetime, String sessionId, long userId) {
        this.accessToken = access;
        this.refreshToken = refresh;
        this.expiresAt = expiresAt;
        this.lifetime = lifetime;
        this.sessionId = sessionId;
        this.userId = userId;
    }

    /** For what does not go through OkHttp, a WebView say. Read it again for each use. */
    public String accessToken() {
        return accessToken;
    }

    public String sessionId() {
        return sessionId;
    }

    public long userId() {
        return userId;
    }

    @Override
    public String toString() {
        return "Tokens of session " + sessionId; // and no secret, wherever it is printed
    }

    /** What is left of the access token's life when it is time for another one: a tenth, and a minute at most. */
    long margin() {
        return Math.min(60_000, lifetime / 10);
    }

    /** Whether these are the tokens that would be refreshed now: nobody has refreshed, logged out or logged in since. */
    boolean sameAs(Tokens other) {
        return other != null && refreshToken.equals(other.refreshToken) && accessToken.equals(other.accessToken);
    }

    /** The tokens in an answer's `data`; null where it holds none. */
    static Tokens received(Map<String, Object> data, long now) {
        long seconds = Json.whole(data, "expires_in");
        long lifetime = Math.min(seconds, Integer.MAX_VALUE) * 1000;
        return seconds > 0 ? of(data, now + lifetime, lifetime) : null;
    }

    /** The tokens that {@link #toStored()} wrote; null where it is something else. */
    static Tokens stored(String text) {
        Map<String, Object> fields = text == null ? null : Json.object(text);
        if (fields == null) return null;
        long expiresAt = Json.whole(fields, "expires_at");
        long lifetime = Json.whole(fields, "lifetime");
        return expiresAt < 0 || lifetime < 0 ? null : of(fields, expiresAt, lifetime);
    }

    String toStored() {
        Map<String, Object> fields = new LinkedHashMap<String, Object>();
        fields.put("token", accessToken);
        fields.put("refresh_token", refreshToken);
        fields.put("expires_at", expiresAt);
        fields.put("lifetime", lifetime);
        fields.put("session_id", sessionId);
        fields.put("user_id", userId);
        return Json.write(fields);
    }

    private static Tokens of(Map<String, Object> fields, long expiresAt, long lifetime) {
        String access = Json.text(fields, "token");
        String refresh = Json.text(fields, "refresh_token");
        String sessionId = Json.text(fields, "session_id");
        long userId = Json.whole(fields, "user_id");
        if (!isToken(access) || !isToken(refresh) || sessionId == null || userId < 0) return null;
        return new Tokens(access, refresh, expiresAt, lifetime, sessionId, userId);
    }

    /** Whether it can stand in a header. */
    private static boolean isToken(String text) {
        if (text == null || text.isEmpty()) return false;
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) <= ' ' || text.charAt(i) > '~') return false;
        }
        return true;
    }
}
