package latch.client;

import java.io.IOException;

/** What Latch refused. An IOException, because nothing else comes through OkHttp. Its message is a sentence for the person. */
public class LatchException extends IOException {
    private static final long serialVersionUID = 1;
    private final int status;
    private final String error;
    private final String reason;
    private final long retryAfter;

    LatchException(String message, Throwable cause, int status, String error, String reason, long retryAfter) {
        super(message, cause);
        this.status = status;
        this.error = error;
        this.reason = reason;
        this.retryAfter = retryAfter;
    }

    /** The status; 0 where no answer came. */
    public final int status() {
        return status;
    }

    /** Latch's code, `invalid_code` say; null where Latch has not spoken. */
    public final String error() {
        return error;
    }

    /** Why the session was ended, of `session_ended`: `revoked` say; else null. */
    public final String reason() {
        return reason;
    }

    /** Seconds until another try makes sense; 0 where nobody has said so. */
    public final long retryAfter() {
        return retryAfter;
    }

    /** Latch could not be reached, or not answer: nobody is logged out, and the same may succeed later. */
    public static final class Unavailable extends LatchException {
        private static final long serialVersionUID = 1;

        Unavailable(String message, Throwable cause, int status, String error, long retryAfter) {
            super(message, cause, status, error, null, retryAfter);
        }
    }
}
