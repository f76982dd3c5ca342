package latch.client;

/** A code is on its way. */
public final class CodeSent {
    private final String mobile;
    private final long expiresIn;
    private final long resendAfter;
    private final long resendAt;
    private final LatchClient.Clock clock;

    CodeSent(String mobile, long expiresIn, long resendAfter, LatchClient.Clock clock) {
        this.mobile = mobile;
        this.expiresIn = expiresIn;
        this.resendAfter = resendAfter;
        this.resendAt = clock.millis() + resendAfter * 1000;
        this.clock = clock;
    }

    /** The number as Latch has understood it. */
    public String mobile() {
        return mobile;
    }

    /** Seconds that the code is good for. */
    public long expiresIn() {
        return expiresIn;
    }

    /** Seconds from the answer until another code may be asked for. */
    public long resendAfter() {
        return resendAfter;
    }

    /** The seconds of it that are left: what a countdown shows, and the button is off until 0. */
    public long secondsLeft() {
        long left = (resendAt - clock.millis() + 999) / 1000;
        return Math.max(0, Math.min(left, resendAfter)); // also where somebody sets the clock
    }
}
