package latch.client;

import java.io.IOException;
import java.util.Set;
import okhttp3.Authenticator;
import okhttp3.Call;
import okhttp3.HttpUrl;
import okhttp3.Interceptor;
import okhttp3.Request;
import okhttp3.Response;
import okhttp3.Route;

/**
 * Puts the access token on the requests of an app, and gets another one where it is refused, once.
 *
 * <p>An application interceptor: it sees a call once, before redirects, and OkHttp takes `Authorization` off where a redirect leads to
 * another origin. The authenticator sees those too, and gives a token to none but the origins that the app has named.
 */
final class TokenInterceptor implements Interceptor, Authenticator {
    private static final String AUTHORIZATION = "Authorization";
    private static final String BEARER = "Bearer ";
    private static final int UNAUTHORIZED = 401;

    private final Refresher refresher;
    private final Set<String> origins;
    private final Authenticator others;

    /** `others` is asked about requests that are none of ours. */
    TokenInterceptor(Refresher refresher, Set<String> origins, Authenticator others) {
        this.refresher = refresher;
        this.origins = origins;
        this.others = others;
    }

    static String originOf(HttpUrl url) {
        return url.scheme() + "://" + url.host() + ":" + url.port();
    }

    /** A request that brings its own `Authorization` is left as it is. */
    @Override
    public Response intercept(Chain chain) throws IOException {
        Request request = chain.request();
        if (!isNamed(request) || request.header(AUTHORIZATION) != null) return chain.proceed(request);
        Tokens tokens = refresher.current(chain.call());
        Request ours = request.newBuilder().tag(Carried.class, new Carried(chain.call())).build();
        return chain.proceed(tokens == null ? ours : with(tokens, ours));
    }

    @Override
    public Request authenticate(Route route, Response response) throws IOException {
        Request sent = response.request();
        Carried carried = sent.tag(Carried.class);
        if (carried == null) return others.authenticate(route, response);
        if (!isNamed(sent) || isSecond(response)) return null;
        try {
            Tokens tokens = refresher.insteadOf(tokenOf(sent), carried.call);
            return tokens == null ? null : with(tokens, sent);
        } catch (IOException error) {
            response.close(); // nobody else does, and OkHttp 3 would keep its connection for ever
            throw error;
        }
    }

    /** A new token has been tried and refused: that is for the caller to hear. */
    private static boolean isSecond(Response response) {
        for (Response prior = response.priorResponse(); prior != null; prior = prior.priorResponse()) {
            if (prior.code() == UNAUTHORIZED) return true;
        }
        return false;
    }

    private boolean isNamed(Request request) {
        return origins.contains(originOf(request.url()));
    }

    private static Request with(Tokens tokens, Request request) {
        return request.newBuilder().header(AUTHORIZATION, BEARER + tokens.accessToken).build();
    }

    private static String tokenOf(Request request) {
        String header = request.header(AUTHORIZATION);
        return header == null ? null : header.substring(BEARER.length());
    }

    /** Marks a request as ours, and hands its call to the authenticator, whom OkHttp does not tell. */
    private static final class Carried {
        private final Call call;

        private Carried(Call call) {
            this.call = call;
        }
    }
}
