package latch.client;

/** Who has logged in. */
public final class Login {
    private final Tokens tokens;
    private final boolean isNewUser;

    Login(Tokens tokens, boolean isNewUser) {
        this.tokens = tokens;
        this.isNewUser = isNewUser;
    }

    public long userId() {
        return tokens.userId();
    }

    public String sessionId() {
        return tokens.sessionId();
    }

    /** Whether this login has made the account. */
    public boolean isNewUser() {
        return isNewUser;
    }
}
