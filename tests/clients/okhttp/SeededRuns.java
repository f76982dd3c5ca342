import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import latch.client.LatchClient;
import latch.client.LatchException;
import latch.client.MemoryTokenStore;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;

/**
 * `SeededRuns FIRST COUNT`: runs of the client against a Latch that refreshes by the contract's rule (section 3) behind a network that
 * fails by seed. Prints what went on in all of them, and a line for each run in which the client broke a rule of its own.
 */
public final class SeededRuns {
    private static final int AT_A_TIME = 12;
    private static final int ROUNDS = 5;
    private static final int AT_ONCE = 4;
    private static final int ATTEMPTS = 4;
    private static final long ATTEMPT = 250; // ms
    private static final String BEGUN = "X-Begun";
    private static final OkHttpClient HTTP = new OkHttpClient.Builder()
            .readTimeout(ATTEMPT, TimeUnit.MILLISECONDS)
            .addInterceptor(chain -> chain.proceed(chain.request().newBuilder().header(BEGUN, "" + System.nanoTime()).build()))
            .build();
    private static final AtomicInteger REFRESHES = new AtomicInteger();
    private static final AtomicInteger FAULTS = new AtomicInteger();
    private static final AtomicInteger ENDS = new AtomicInteger();
    private static final AtomicInteger SERVED = new AtomicInteger();

    private SeededRuns() {}

    public static void main(String[] arguments) throws Exception {
        int first = Integer.parseInt(arguments[0]);
        ExecutorService pool = Executors.newFixedThreadPool(AT_A_TIME);
        List<Future<List<String>>> runs = new ArrayList<>();
        for (int seed = first; seed < first + Integer.parseInt(arguments[1]); seed++) {
            int ofRun = seed;
            runs.add(pool.submit(() -> new Run(ofRun).live()));
        }
        for (int i = 0; i < runs.size(); i++) {
            for (String broken : runs.get(i).get()) System.out.println("seed " + (first + i) + ": " + broken);
        }
        System.out.println("runs " + runs.size() + " served " + SERVED + " refreshes " + REFRESHES + " faults " + FAULTS + " ends " + ENDS);
        System.exit(0);
    }

    /** One login, and what came of it: the contract's rule of a refresh. Guarded by its Latch. */
    private static final class Session {
        private final Set<String> live = new HashSet<>(); // access tokens
        private final Set<String> older = new HashSet<>(); // successors that wait for longer than the window
        private String current;
        private String pending; // the successor that is served again within the window; null: none
        private String previous;
        private String end; // the reason; null while it lives

        private void ended(String reason) {
            end = reason;
            live.clear();
        }

        private void take(String token) {
            if (older.contains(token)) {
                previous = current;
                current = token;
                older.clear();
                pending = null;
            } else if (!token.equals(current) && !token.equals(pending) && !token.equals(previous)) {
                ended("reused");
            }
        }

        private void age() {
            if (pending != null) older.add(pending);
            pending = null;
        }
    }

    /** A Latch with one person, and its rules: a refresh is its session's alone, and a login that is repeated is the same one. */
    private static final class Latch {
        private final Map<String, Session> logins = new HashMap<>(); // by the request's id
        private final Map<String, Session> owners = new HashMap<>(); // of refresh tokens
        private final Set<String> issued = new HashSet<>(); // both kinds
        private int made;
        private Session newest;

        synchronized Server.Answer opened(String request) {
            Session session = logins.get(request);
            if (session == null || session.end != null) {
                session = newest = new Session();
                logins.put(request, session);
                session.current = made(session);
            }
            return given(session, session.current);
        }

        synchronized Server.Answer refreshed(String token) {
            Session session = owners.get(token);
            if (session.end == null) session.take(token);
            if (session.end != null) return Server.Answer.ended(session.end);
            if (token.equals(session.previous)) return given(session, session.current);
            if (session.pending == null) session.pending = made(session);
            return given(session, session.pending);
        }

        /** The window passes. A request that is under way then has taken too long by the contract, so there must be none. */
        synchronized void age() {
            newest.age();
        }

        synchronized Set<String> issued() {
            return new HashSet<>(issued);
        }

        private String made(Session session) {
            String refresh = "r" + ++made;
            owners.put(refresh, session);
            issued.add(refresh);
            return refresh;
        }

        private Server.Answer given(Session session, String refresh) {
            String access = "a" + ++made;
            session.live.add(access);
            issued.add(access);
            return Server.Answer.tokens(access, refresh, 3600);
        }

        synchronized void ended(String reason) {
            newest.ended(reason);
        }

        synchronized void kill() {
            newest.live.clear();
        }

        synchronized boolean knows(String token) {
            return newest.live.contains(token);
        }

        synchronized String end() {
            return newest.end;
        }
    }

    private static final class Run {
        private final Random random;
        private final Server server;
        private final Latch latch = new Latch();
        private final List<String> broken = java.util.Collections.synchronizedList(new ArrayList<>());
        private final AtomicInteger refused = new AtomicInteger(); // 401 of the backend
        private final AtomicInteger refreshes = new AtomicInteger();
        private final AtomicInteger repeated = new AtomicInteger(); // 408, after which OkHttp itself asks once more
        private volatile Set<String> dead = new HashSet<>(); // tokens of sessions whose end was told
        private volatile long toldAt;
        private volatile boolean isHealed;
        private volatile boolean isLoggedOut;
        private volatile long clock;
        private final LatchClient client;
        private final OkHttpClient http;

        Run(int seed) throws IOException {
            random = new Random(seed);
            server = new Server(this::answer);
            client = new LatchClient.Builder(server.url(), new MemoryTokenStore())
                    .http(HTTP)
                    .attempts(ATTEMPTS, ATTEMPT)
                    .pauses(2, 20)
                    .clock(() -> System.currentTimeMillis() + clock)
                    .onLoggedOut(this::told)
                    .build();
            http = client.install(HTTP);
        }

        private synchronized int draw(int below) {
            return random.nextInt(below);
        }

        private void told(LatchException end) {
            if (isLoggedOut) broken.add("told twice of one end");
            if (latch.end() == null) broken.add("lost a session that lives: " + end.error() + " " + end.reason());
            if ("reused".equals(latch.end())) broken.add("used a refresh token that was replaced long ago");
            ENDS.incrementAndGet();
            toldAt = System.nanoTime();
            dead = latch.issued();
            isLoggedOut = true;
        }

        List<String> live() throws Exception {
            ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE);
            logIn();
            int jumps = 0;
            for (int round = 0; round < ROUNDS; round++) {
                if (isLoggedOut) logIn();
                if (draw(3) == 0) latch.kill();
                if (draw(10) == 0) latch.ended("revoked");
                if (draw(8) == 0) {
                    clock = (draw(5) - 2) * 3_600_000L;
                    jumps++;
                }
                threads.invokeAll(java.util.Collections.nCopies(AT_ONCE, (Callable<Void>) this::work));
                while (server.busy.get() > 0) Thread.sleep(1);
                if (draw(2) == 0) latch.age();
            }
            threads.shutdown();
            isHealed = true;
            int last = last();
            if (isLoggedOut ? last != 401 : last != 200) broken.add("ended with " + last);
            // Each has a cause: a 401, or a clock that says so, whichever of the requests at the time meets it.
            int explained = ATTEMPTS * (refused.get() + jumps * AT_ONCE * ROUNDS) + repeated.get();
            if (refreshes.get() > explained) broken.add(refreshes + " refreshes where " + explained + " can be explained");
            server.close();
            REFRESHES.addAndGet(refreshes.get());
            return broken;
        }

        private Void work() throws IOException {
            status();
            return null;
        }

        private int status() throws IOException {
            try (Response response = http.newCall(new Request.Builder().url(server.url() + "/work").build()).execute()) {
                response.body().bytes();
                return response.code();
            }
        }

        /** The status once the network is well again, however long that takes on a busy machine. */
        private int last() throws Exception {
            for (int tries = 0; tries < 200; tries++) {
                if (isLoggedOut) logIn();
                try {
                    return status();
                } catch (IOException busy) {
                    Thread.sleep(50);
                }
            }
            return 0;
        }

        private void logIn() throws Exception {
            for (int tries = 0; tries < 40; tries++) {
                try {
                    client.logIn("13800138000", "123456");
                    isLoggedOut = false;
                    return;
                } catch (LatchException.Unavailable later) {
                    Thread.sleep(20);
                }
            }
            broken.add("never logged in");
        }

        private Server.Answer answer(Server.Received request) throws InterruptedException {
            if (request.is("PUT /authorizations")) {
                refreshes.incrementAndGet();
                note(request);
                return faulty(() -> latch.refreshed(request.token()));
            }
            if (request.is("POST /authorizations")) return faulty(() -> latch.opened(request.header("X-Request-ID")));
            return worked(request);
        }

        private Server.Answer worked(Server.Received request) {
            note(request);
            boolean isLive = latch.knows(request.token());
            if (!isLive || draw(25) == 0 && !isHealed) {
                refused.incrementAndGet();
                return draw(2) == 0 ? Server.Answer.html(401) : Server.Answer.error(401, "invalid_token");
            }
            if (isHealed) return Server.Answer.json(200, "{}");
            switch (draw(20)) {
                case 0: return Server.Answer.html(403);
                case 1: return Server.Answer.error(403, "session_ended");
                case 2: return Server.Answer.error(503, "service_unavailable", "Retry-After: 1");
                case 3: return Server.Answer.html(429);
                case 4: return Server.Answer.none().after(ATTEMPT + 100);
                case 5: return Server.Answer.none();
                default:
                    SERVED.incrementAndGet();
                    return Server.Answer.json(200, "{}").after(draw(10));
            }
        }

        private void note(Server.Received request) {
            boolean isLater = Long.parseLong(request.header(BEGUN)) - toldAt > 0;
            if (isLater && dead.contains(request.token())) broken.add("used a token of a session whose end it was told");
        }

        private interface Work {
            Server.Answer answer();
        }

        /** What becomes of a request to Latch and its answer on the way. */
        private Server.Answer faulty(Work latch) throws InterruptedException {
            int fault = draw(32);
            if (isHealed || fault > 17) return latch.answer().after(isHealed ? 0 : draw(30));
            FAULTS.incrementAndGet();
            switch (fault) {
                case 0: return Server.Answer.none();
                case 1: return Server.Answer.none().after(ATTEMPT + 100);
                case 2: return Server.Answer.html(200);
                case 3: return Server.Answer.json(200, "{\"message\":\"ok\",\"data\":{}}");
                case 4: return Server.Answer.html(401);
                case 5: return Server.Answer.html(403);
                case 6: return Server.Answer.html(302, "Location: " + server.url() + "/portal");
                case 7: return Server.Answer.error(503, "service_unavailable", "Retry-After: 1");
                case 8: return Server.Answer.html(502);
                case 9: return Server.Answer.html(429, "Retry-After: 0");
                case 10:
                    repeated.incrementAndGet();
                    return Server.Answer.html(408);
                case 11: return lost(latch, Server.Answer.none());
                case 12: return lost(latch, Server.Answer.html(504));
                case 13: return latch.answer().half();
                case 14: return latch.answer().after(ATTEMPT + 50 + draw(100));
                case 15: // twice, as a proxy does that repeats what it thinks was lost
                    latch.answer();
                    return latch.answer();
                case 16: // what the client has given up arrives all the same, after what it has begun since
                    Thread.sleep(ATTEMPT + 50 + draw(100));
                    return latch.answer();
                default: return latch.answer().after(draw((int) ATTEMPT));
            }
        }

        private static Server.Answer lost(Work latch, Server.Answer instead) {
            latch.answer();
            return instead;
        }
    }
}
