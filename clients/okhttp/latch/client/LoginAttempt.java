package latch.client;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;

/** A login, and the id by which Latch knows it again where it is repeated. */
final class LoginAttempt {
    private static final long REPEATABLE = 28_000_000_000L; // ns; Latch knows it for 30 s, and a request takes a while to get there

    final String id = UUID.randomUUID().toString();
    private final String mobile;
    private final String code;
    private final long begun = System.nanoTime();

    LoginAttempt(String mobile, String code) {
        this.mobile = mobile;
        this.code = code;
    }

    boolean isOf(String mobile, String code) {
        return this.mobile.equals(mobile) && this.code.equals(code);
    }

    boolean isRepeatable() {
        return System.nanoTime() - begun < REPEATABLE;
    }

    Map<String, String> fields() {
        Map<String, String> fields = new LinkedHashMap<String, String>();
        fields.put("mobile", mobile);
        fields.put("code", code);
        return fields;
    }
}
