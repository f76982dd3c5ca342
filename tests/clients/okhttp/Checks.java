import static java.util.concurrent.TimeUnit.SECONDS;

import java.io.Closeable;
import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import latch.client.CodeSent;
import latch.client.FileTokenStore;
import latch.client.LatchClient;
import latch.client.LatchException;
import latch.client.Login;
import latch.client.MemoryTokenStore;
import latch.client.TokenStore;
import okhttp3.Call;
import okhttp3.Callback;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;

/**
 * Facts about the client, each against a server that answers by script. Prints a line for each: its name, and `ok` or what was wrong.
 * tests/clients/test_okhttp.py makes a test of each.
 */
public final class Checks {
    private static final String LOGIN = "POST /authorizations";
    private static final String REFRESH = "PUT /authorizations";
    private static final String WORK = "GET /work";
    private static final int MANY = 16;
    private static final int AT_A_TIME = 4;
    private static final List<String> JUNK = Arrays.asList(
            "", "null", "[]", "42", "{", "{}", "<html>", "{\"data\":{}}", "{\"data\":null}", "{\"data\":[]}", "{\"message\":\"ok\"}",
            "{\"data\":{\"token\":\"a\"}}", body("1", "\"b\"", "3600"), body("\"a\"", "\"\"", "3600"), body("\"a\"", "\"b\"", "0"),
            body("\"a\"", "\"b\"", "-1"), body("\"a\"", "\"b\"", "\"3600\""), body("\"a\"", "\"b\"", "1e3"),
            body("\"a b\"", "\"b\"", "3600"), body("\"a\\n\"", "\"b\"", "3600"), body("\"\\u00e9\"", "\"b\"", "3600"),
            body("\"a\"", "\"b\"", "3600") + "x", body("\"a\"", "\"b\"", "03600"), body("\"a\"", "\"b\"", "3600").replace("}", ""),
            body("\"a\"", "\"b\"", "3600").replace('"', '\''), body("\"a\"", "\"b\\x\"", "3600"), body("\"a\t\"", "\"b\"", "3600"),
            String.join("", Collections.nCopies(5000, "[")), String.join("", Collections.nCopies(5000, "{\"a\":")),
            "{\"data\":{\"token\":\"a\",\"refresh_token\":\"b\",\"expires_in\":3600,\"session_id\":7,\"user_id\":42}}");

    private Checks() {}

    private static String body(String access, String refresh, String expiresIn) {
        return "{\"data\":{\"token\":" + access + ",\"refresh_token\":" + refresh + ",\"expires_in\":" + expiresIn
                + ",\"session_id\":\"s\",\"user_id\":42}}";
    }

    public static void main(String[] arguments) throws Exception {
        ExecutorService some = Executors.newFixedThreadPool(AT_A_TIME); // they wait more than they work
        List<Future<String>> ends = new ArrayList<>();
        for (Method check : Checks.class.getDeclaredMethods()) {
            if (Modifier.isPrivate(check.getModifiers()) || check.getParameterCount() != 1) continue;
            if (check.getParameterTypes()[0] == World.class) ends.add(some.submit(() -> check.getName() + " " + run(check)));
        }
        for (Future<String> end : ends) System.out.println(end.get());
        System.exit(0);
    }

    private static String run(Method check) throws Exception {
        try (World world = new World()) {
            check.invoke(null, world);
            return "ok";
        } catch (InvocationTargetException wrong) {
            StringWriter trace = new StringWriter();
            wrong.getCause().printStackTrace(new PrintWriter(trace));
            return trace.toString().replace("\n", "\\n");
        }
    }

    /** A Latch with one session of token a1, a backend at /work that takes the newest token alone, and an app that has logged in. */
    private static final class World implements Closeable {
        final Server server;
        final TokenStore store = new MemoryTokenStore();
        final BlockingQueue<LatchException> told = new LinkedBlockingQueue<>();
        volatile long clock = 1_700_000_000_000L;
        volatile int generation = 1;
        volatile Server.Script refresh = request -> renewed();
        volatile Server.Script work = request -> judged(request);
        volatile Server.Script login = request -> Server.Answer.tokens("a1", "r1", 3600);

        World() throws IOException {
            server = new Server(this::answer);
        }

        private Server.Answer answer(Server.Received request) throws Exception {
            if (request.is(REFRESH)) return refresh.answer(request);
            if (request.is(LOGIN)) return login.answer(request);
            if (request.is("DELETE /authorizations")) return Server.Answer.json(204, "");
            return work.answer(request);
        }

        synchronized Server.Answer renewed() {
            generation++;
            return Server.Answer.tokens("a" + generation, "r" + generation, 3600);
        }

        Server.Answer judged(Server.Received request) {
            boolean isLive = ("a" + generation).equals(request.token());
            return isLive ? Server.Answer.json(200, "{}") : Server.Answer.error(401, "invalid_token");
        }

        LatchClient.Builder builder() {
            return new LatchClient.Builder(server.url(), store)
                    .clock(() -> clock)
                    .onLoggedOut(told::add)
                    .attempts(3, 2_000)
                    .pauses(5, 20);
        }

        LatchClient loggedIn(LatchClient.Builder builder) throws IOException {
            LatchClient latch = builder.build();
            latch.logIn("13800138000", "123456");
            return latch;
        }

        /** An app that has logged in, with an access token that is dead. */
        OkHttpClient withDeadToken(LatchClient.Builder builder) throws IOException {
            OkHttpClient http = loggedIn(builder).install(new OkHttpClient());
            generation = 2;
            return http;
        }

        Request request() {
            return new Request.Builder().url(server.url() + "/work").build();
        }

        int get(OkHttpClient http) throws IOException {
            return status(http.newCall(request()));
        }

        String kept() throws IOException {
            return store.read("latch_tokens");
        }

        @Override
        public void close() throws IOException {
            server.close();
        }
    }

    private static int status(Call call) throws IOException {
        try (Response response = call.execute()) {
            response.body().bytes();
            return response.code();
        }
    }

    private static void same(Object expected, Object found) {
        if (!Objects.equals(expected, found)) throw new AssertionError("expected " + expected + ", found " + found);
    }

    private static void holds(boolean fact, String what) {
        if (!fact) throw new AssertionError(what);
    }

    private static LatchException.Unavailable unavailable(OkHttpClient http, World world) throws IOException {
        try {
            throw new AssertionError("answered " + world.get(http));
        } catch (LatchException.Unavailable expected) {
            return expected;
        }
    }

    private static List<Future<Integer>> atOnce(int count, OkHttpClient http, World world) {
        ExecutorService threads = Executors.newFixedThreadPool(count);
        List<Future<Integer>> ends = new ArrayList<>();
        for (int i = 0; i < count; i++) ends.add(threads.submit(() -> world.get(http)));
        threads.shutdown();
        return ends;
    }

    private static void eventually(String what, Callable<Boolean> fact) throws Exception {
        long deadline = System.nanoTime() + SECONDS.toNanos(20);
        while (!fact.call()) {
            holds(System.nanoTime() < deadline, "never: " + what);
            Thread.sleep(5);
        }
    }

    static void requestsThatMeetShareOneRefresh(World world) throws Exception {
        OkHttpClient http = world.withDeadToken(world.builder());
        world.refresh = request -> world.renewed().after(200);
        for (Future<Integer> end : atOnce(MANY, http, world)) same(200, end.get(20, SECONDS));
        same(1, world.server.count(REFRESH));
        same("r1", world.server.received(REFRESH).get(0).token());
    }

    static void aFailedRefreshFailsAllWhoWaitAtOnce(World world) throws Exception {
        OkHttpClient http = world.withDeadToken(world.builder().attempts(1, 1_000));
        world.work = request -> Server.Answer.error(401, "invalid_token").after(300); // so that all meet
        world.refresh = request -> Server.Answer.none().after(3_000);
        long begun = System.nanoTime();
        for (Future<Integer> end : atOnce(MANY, http, world)) {
            try {
                throw new AssertionError("answered " + end.get(20, SECONDS));
            } catch (java.util.concurrent.ExecutionException failed) {
                same(LatchException.Unavailable.class, failed.getCause().getClass());
            }
        }
        long millis = (System.nanoTime() - begun) / 1_000_000;
        holds(millis < 6_000, "not one time-out but many: " + millis + " ms");
        same(1, world.server.count(REFRESH));
    }

    static void junkInA200KeepsTheTokens(World world) throws Exception {
        OkHttpClient http = world.withDeadToken(world.builder().attempts(1, 2_000).pauses(1, 1));
        String kept = world.kept();
        for (String junk : JUNK) {
            world.refresh = request -> Server.Answer.json(200, junk);
            unavailable(http, world);
            same(kept, world.kept());
        }
        same(JUNK.size(), world.server.count(REFRESH));
        world.refresh = request -> world.renewed();
        same(200, world.get(http));
    }

    static void whatIsNotLatchsOwnWordKeepsTheTokens(World world) throws Exception {
        OkHttpClient http = world.withDeadToken(world.builder().attempts(1, 2_000).pauses(1, 1));
        String kept = world.kept();
        List<Server.Answer> answers = new ArrayList<>();
        for (int status : new int[] {400, 401, 403, 404, 408, 413, 418, 429, 431, 500, 502, 503, 504, 511}) {
            answers.add(Server.Answer.html(status));
            if (status != 401 && status != 403) answers.add(Server.Answer.error(status, "session_ended"));
        }
        for (int status : new int[] {401, 403}) {
            answers.add(Server.Answer.error(status, "forbidden"));
            answers.add(Server.Answer.error(status, "captcha_required"));
            answers.add(Server.Answer.json(status, "{\"error\":{\"code\":\"session_ended\"}}"));
            answers.add(Server.Answer.json(status, "[{\"error\":\"session_ended\"}]"));
            answers.add(Server.Answer.error(status, "session_ended").half());
        }
        answers.add(Server.Answer.html(302, "Location: " + world.server.url() + "/portal"));
        answers.add(Server.Answer.none());
        answers.add(Server.Answer.tokens("a9", "r9", 3600).half());
        for (Server.Answer answer : answers) {
            world.refresh = request -> answer;
            unavailable(http, world);
            same(kept, world.kept());
        }
        same(0, world.told.size());
        same(0, world.server.count("GET /portal"));
    }

    static void eachWordThatEndsASessionIsToldOnce(World world) throws Exception {
        for (int status : new int[] {401, 403}) {
            for (String error : new String[] {"invalid_refresh_token", "session_ended", "invalid_token", "user_disabled"}) {
                world.generation = 1;
                OkHttpClient http = world.withDeadToken(world.builder());
                world.refresh = request -> Server.Answer.error(status, error).after(50);
                for (Future<Integer> end : atOnce(MANY, http, world)) same(401, end.get(20, SECONDS));
                same(null, world.kept());
                same(1, world.told.size());
                same(error, world.told.take().error());
            }
        }
    }

    static void theReasonOfAnEndIsTold(World world) throws Exception {
        OkHttpClient http = world.withDeadToken(world.builder());
        world.refresh = request -> Server.Answer.ended("revoked");
        same(401, world.get(http));
        LatchException end = world.told.take();
        same("revoked", end.reason());
        same("a sentence", end.getMessage());
        same(401, world.get(http));
        same(1, world.server.count(REFRESH));
        same(null, world.server.received(WORK).get(1).token());
    }

    static void anAnswerThatIsLostIsAskedForAgainWithTheSameToken(World world) throws Exception {
        OkHttpClient http = world.withDeadToken(world.builder());
        world.refresh = request -> world.server.count(REFRESH) < 3 ? Server.Answer.none() : world.renewed();
        same(200, world.get(http));
        same(3, world.server.count(REFRESH));
        for (Server.Received request : world.server.received(REFRESH)) same("r1", request.token());
    }

    static void anAnswerThatIsLateIsAskedForAgain(World world) throws Exception {
        OkHttpClient http = world.withDeadToken(world.builder().attempts(3, 300));
        world.refresh = request -> world.server.count(REFRESH) == 1
                ? Server.Answer.tokens("late", "late", 3600).after(700) : world.renewed();
        same(200, world.get(http));
        Thread.sleep(600);
        holds(world.kept().contains("\"a3\""), "the late answer was stored: " + world.kept());
    }

    static void latchIsAskedAgainWhenItSaid(World world) throws Exception {
        OkHttpClient http = world.withDeadToken(world.builder().pauses(5, 5_000));
        world.refresh = request -> world.server.count(REFRESH) > 1 ? world.renewed()
                : Server.Answer.error(503, "service_unavailable", "Retry-After: 1");
        same(200, world.get(http));
        List<Server.Received> asked = world.server.received(REFRESH);
        holds(asked.get(1).at - asked.get(0).at >= 1_000_000_000L, "asked again too early");
    }

    static void nobodyWaitsForALongRetryAfterAndNobodyAsksBefore(World world) throws Exception {
        OkHttpClient http = world.withDeadToken(world.builder().pauses(50, 100));
        world.refresh = request -> Server.Answer.error(429, "too_many_requests", "Retry-After: 3600");
        long begun = System.nanoTime();
        for (int i = 0; i < 3; i++) holds(unavailable(http, world).retryAfter() == 1, "not told when to come again");
        holds(System.nanoTime() - begun < 500_000_000L, "waited");
        same(1, world.server.count(REFRESH));
        world.refresh = request -> world.renewed();
        Thread.sleep(600); // six of the longest pauses: no Retry-After keeps anybody away for longer
        same(200, world.get(http));
    }

    static void aSecond401IsTheCallers(World world) throws Exception {
        OkHttpClient http = world.withDeadToken(world.builder());
        world.work = request -> Server.Answer.error(401, "invalid_token");
        same(401, world.get(http));
        same(2, world.server.count(WORK));
        same(1, world.server.count(REFRESH));
        holds(world.kept() != null, "tokens are gone");
    }

    static void aTokenThatSomebodyElseHasRefreshedIsUsed(World world) throws Exception {
        OkHttpClient first = world.withDeadToken(world.builder());
        OkHttpClient second = world.builder().build().install(new OkHttpClient());
        CountDownLatch refreshed = new CountDownLatch(1);
        CountDownLatch sent = new CountDownLatch(1);
        world.work = request -> {
            if (request.path.equals("/work") && world.server.count(WORK) == 1) {
                sent.countDown();
                refreshed.await();
            }
            return world.judged(request);
        };
        Future<Integer> late = atOnce(1, second, world).get(0);
        sent.await();
        same(200, world.get(first));
        refreshed.countDown();
        same(200, late.get(20, SECONDS));
        same(1, world.server.count(REFRESH));
    }

    static void anotherServicesTroubleTouchesNoToken(World world) throws Exception {
        OkHttpClient http = world.loggedIn(world.builder()).install(new OkHttpClient());
        String kept = world.kept();
        for (int status : new int[] {400, 403, 404, 429, 500, 502, 503, 504}) {
            world.work = request -> Server.Answer.error(status, "session_ended");
            same(status, world.get(http));
        }
        same(kept, world.kept());
        same(0, world.server.count(REFRESH));
        same(0, world.told.size());
    }

    static void tokensGoToTheNamedOriginsAlone(World world) throws Exception {
        OkHttpClient http = world.loggedIn(world.builder()).install(new OkHttpClient());
        try (Server other = new Server(request -> Server.Answer.error(401, "invalid_token"))) {
            same(401, status(http.newCall(new Request.Builder().url(other.url() + "/work").build())));
            String sameServer = world.server.url().replace("127.0.0.1", "localhost"); // another origin all the same
            world.work = request -> request.header("Host").startsWith("localhost") ? Server.Answer.error(401, "invalid_token")
                    : Server.Answer.html(302, "Location: " + (request.path.equals("/away") ? other.url() : sameServer) + "/landed");
            same(401, status(http.newCall(new Request.Builder().url(world.server.url() + "/away").build())));
            same(401, status(http.newCall(new Request.Builder().url(world.server.url() + "/here").build())));
            same(2, other.received.size());
            same(1, world.server.count("GET /landed"));
            for (Server.Received request : other.received) same(null, request.token());
            same(null, world.server.received("GET /landed").get(0).token());
            same("a1", world.server.received("GET /here").get(0).token());
            same(0, world.server.count(REFRESH));
        }
    }

    static void aNamedServiceGetsTheToken(World world) throws Exception {
        try (Server other = new Server(request -> world.judged(request))) {
            OkHttpClient http = world.withDeadToken(world.builder().sendTokensTo(other.url() + "/v2/"));
            same(200, status(http.newCall(new Request.Builder().url(other.url() + "/orders").build())));
            same("a3", other.received.get(1).token());
        }
    }

    static void theAppsOwnAuthorizationIsLeftAlone(World world) throws Exception {
        OkHttpClient app = new OkHttpClient.Builder()
                .authenticator((route, response) -> response.priorResponse() != null ? null
                        : response.request().newBuilder().header("Authorization", "Bearer second").build())
                .build();
        OkHttpClient http = world.loggedIn(world.builder()).install(app);
        same(401, status(http.newCall(world.request().newBuilder().header("Authorization", "Bearer own").build())));
        same("own", world.server.received(WORK).get(0).token());
        same("second", world.server.received(WORK).get(1).token());
        same(0, world.server.count(REFRESH));
    }

    static void whoIsNotLoggedInSendsNoToken(World world) throws Exception {
        OkHttpClient http = world.builder().build().install(new OkHttpClient());
        same(401, world.get(http));
        same(1, world.server.received.size());
        same(null, world.server.received.get(0).token());
    }

    static void aCallThatIsCancelledLeavesAndStopsNothing(World world) throws Exception {
        OkHttpClient http = world.withDeadToken(world.builder());
        world.refresh = request -> world.renewed().after(1_500);
        Future<Integer> other = atOnce(1, http, world).get(0);
        eventually("a refresh", () -> world.server.count(REFRESH) == 1);
        Call call = http.newCall(world.request());
        Server.daemon(() -> {
            try {
                Thread.sleep(200);
            } catch (InterruptedException never) {
                throw new IllegalStateException(never);
            }
            call.cancel();
        });
        long begun = System.nanoTime();
        try {
            throw new AssertionError("answered " + status(call));
        } catch (IOException expected) {
            holds(System.nanoTime() - begun < 1_000_000_000L, "waited for the refresh all the same");
        }
        same(200, other.get(20, SECONDS));
        same(1, world.server.count(REFRESH));
    }

    static void aDispatcherThatIsFullOrEmptiedHoldsUpNoRefresh(World world) throws Exception {
        OkHttpClient http = world.withDeadToken(world.builder());
        http.dispatcher().setMaxRequests(2);
        http.dispatcher().setMaxRequestsPerHost(2);
        CountDownLatch answered = new CountDownLatch(MANY);
        world.refresh = request -> world.renewed().after(300);
        for (int i = 0; i < MANY; i++) http.newCall(world.request()).enqueue(countingDown(answered));
        holds(answered.await(20, SECONDS), "deadlock");
        same(1, world.server.count(REFRESH));
        world.generation = 9;
        http.newCall(world.request()).enqueue(countingDown(answered));
        eventually("a refresh", () -> world.server.count(REFRESH) == 2);
        http.dispatcher().cancelAll();
        eventually("new tokens", () -> world.kept().contains("\"a10\""));
        same(2, world.server.count(REFRESH));
    }

    private static Callback countingDown(CountDownLatch answered) {
        return new Callback() {
            @Override
            public void onFailure(Call call, IOException error) {}

            @Override
            public void onResponse(Call call, Response response) {
                if (response.code() == 200) answered.countDown();
                response.close();
            }
        };
    }

    /** A request that waits for a refresh, which is under way and answered when the latch opens. */
    private static Future<Integer> duringARefresh(
            LatchClient latch, World world, CountDownLatch opened, Callable<Server.Answer> answer) throws Exception {
        world.generation = 2;
        world.refresh = request -> {
            opened.await();
            return answer.call();
        };
        Future<Integer> waiting = atOnce(1, latch.install(new OkHttpClient()), world).get(0);
        eventually("a refresh", () -> world.server.count(REFRESH) == 1);
        return waiting;
    }

    static void aLogOutDuringARefreshWins(World world) throws Exception {
        LatchClient latch = world.loggedIn(world.builder());
        CountDownLatch loggedOut = new CountDownLatch(1);
        Future<Integer> waiting = duringARefresh(latch, world, loggedOut, world::renewed);
        same(true, latch.logOut());
        loggedOut.countDown();
        same(401, waiting.get(20, SECONDS));
        same(null, world.kept());
        same(0, world.told.size());
        same("r1", world.server.received("DELETE /authorizations").get(0).token());
    }

    static void theEndOfOldTokensEndsNoNewSession(World world) throws Exception {
        LatchClient latch = world.loggedIn(world.builder());
        CountDownLatch loggedIn = new CountDownLatch(1);
        Future<Integer> waiting = duringARefresh(latch, world, loggedIn, () -> Server.Answer.ended("replaced"));
        world.login = request -> Server.Answer.tokens("a2", "r2", 3600);
        latch.logIn("13800138000", "654321");
        loggedIn.countDown();
        same(200, waiting.get(20, SECONDS));
        same(0, world.told.size());
        same("a2", latch.tokens().accessToken());
    }

    static void aLogOutWithoutLatchForgetsTheTokens(World world) throws Exception {
        LatchClient latch = world.loggedIn(world.builder().attempts(1, 300));
        world.server.script = request -> Server.Answer.none().after(2_000);
        long begun = System.nanoTime();
        same(false, latch.logOut());
        holds(System.nanoTime() - begun < 2_000_000_000L, "waited");
        same(null, world.kept());
        same(true, latch.logOut());
    }

    static void aTokenIsRefreshedAheadAndNobodyWaits(World world) throws Exception {
        OkHttpClient http = world.loggedIn(world.builder()).install(new OkHttpClient());
        world.work = request -> Server.Answer.json(200, "{}");
        world.clock += 3_530_000; // 70 s are left
        same(200, world.get(http));
        world.clock += 20_000;
        world.refresh = request -> world.renewed().after(500);
        for (int i = 0; i < 5; i++) same(200, world.get(http));
        for (Server.Received request : world.server.received(WORK)) same("a1", request.token());
        eventually("new tokens", () -> world.kept().contains("\"a2\""));
        same(200, world.get(http));
        same("a2", world.server.received(WORK).get(6).token());
        same(1, world.server.count(REFRESH));
    }

    static void aTokenThatHasNotExpiredIsUsedWhileLatchIsAway(World world) throws Exception {
        OkHttpClient http = world.loggedIn(world.builder()).install(new OkHttpClient());
        world.refresh = request -> Server.Answer.error(503, "service_unavailable");
        world.clock += 3_590_000;
        for (int i = 0; i < 5; i++) same(200, world.get(http));
        eventually("a refresh", () -> world.server.count(REFRESH) > 0);
        holds(world.kept().contains("\"a1\""), "the token is gone");
    }

    static void aTokenThatHasExpiredIsNotSent(World world) throws Exception {
        OkHttpClient http = world.loggedIn(world.builder()).install(new OkHttpClient());
        world.clock += 3_600_000;
        same(200, world.get(http));
        same("a2", world.server.received(WORK).get(0).token());
        world.clock += 3_600_000;
        world.refresh = request -> Server.Answer.none();
        unavailable(http, world);
        same(1, world.server.count(WORK));
        holds(world.kept().contains("\"a2\""), "the token is gone");
    }

    static void aClockThatIsSetBackCostsNothing(World world) throws Exception {
        OkHttpClient http = world.loggedIn(world.builder()).install(new OkHttpClient());
        world.clock -= 365L * 24 * 3_600_000;
        same(200, world.get(http));
        world.generation = 2;
        same(200, world.get(http));
        same(1, world.server.count(REFRESH));
    }

    static void aLoginWhoseAnswerIsLostIsTheSameLogin(World world) throws Exception {
        world.login = request -> world.server.count(LOGIN) < 3 ? Server.Answer.none() : Server.Answer.tokens("a1", "r1", 3600);
        Login login = world.builder().build().logIn("13800138000", "123456");
        same(42L, login.userId());
        same("0011", login.sessionId());
        same(true, login.isNewUser());
        List<Server.Received> sent = world.server.received(LOGIN);
        same(3, sent.size());
        same(1, new HashSet<>(Arrays.asList(id(sent, 0), id(sent, 1), id(sent, 2))).size());
        holds(id(sent, 0).matches("[A-Za-z0-9._-]{16,64}"), "an id that Latch would not take: " + id(sent, 0));
    }

    private static String id(List<Server.Received> sent, int which) {
        return sent.get(which).header("X-Request-ID");
    }

    static void aLoginThatTheAppRepeatsIsTheSameLogin(World world) throws Exception {
        LatchClient latch = world.builder().attempts(1, 2_000).build();
        world.login = request -> Server.Answer.error(503, "service_unavailable");
        try {
            throw new AssertionError("logged in: " + latch.logIn("13800138000", "123456").userId());
        } catch (LatchException.Unavailable expected) {
            same("service_unavailable", expected.error());
        }
        world.login = request -> Server.Answer.tokens("a1", "r1", 3600);
        latch.logIn("13800138000", "123456");
        latch.logIn("13800138000", "123456");
        latch.logIn("13800138000", "654321");
        List<Server.Received> sent = world.server.received(LOGIN);
        same(id(sent, 0), id(sent, 1));
        same(3, new HashSet<>(Arrays.asList(id(sent, 1), id(sent, 2), id(sent, 3))).size());
    }

    static void aWrongCodeIsSaidAtOnce(World world) throws Exception {
        world.login = request -> Server.Answer.error(400, "invalid_code");
        try {
            throw new AssertionError("logged in: " + world.builder().build().logIn("13800138000", "123456").userId());
        } catch (LatchException.Unavailable wrong) {
            throw wrong;
        } catch (LatchException refused) {
            same("invalid_code", refused.error());
            same(400, refused.status());
        }
        same(1, world.server.count(LOGIN));
    }

    static void aCodeComesWithACountdown(World world) throws Exception {
        LatchClient latch = world.builder().build();
        world.work = request -> Server.Answer.json(200,
                "{\"data\":{\"mobile\":\"13800138000\",\"expires_in\":300,\"resend_after\":60}}");
        CodeSent sent = latch.sendCode("138 0013 8000", "solved");
        same("{\"mobile\":\"138 0013 8000\",\"captcha_token\":\"solved\"}", world.server.received.get(0).body);
        same("13800138000", sent.mobile());
        same(300L, sent.expiresIn());
        same(60L, sent.secondsLeft());
        world.clock += 1;
        same(60L, sent.secondsLeft());
        world.clock += 58_999;
        same(1L, sent.secondsLeft());
        world.clock += 1_000;
        same(0L, sent.secondsLeft());
        world.clock -= 1_000_000;
        same(60L, sent.secondsLeft());
    }

    static void aCodeTooSoonSaysWhenAndIsNotAskedForAgain(World world) throws Exception {
        LatchClient latch = world.builder().build();
        for (boolean isLost : new boolean[] {true, false}) {
            world.work = request -> isLost ? Server.Answer.none()
                    : Server.Answer.json(429, "{\"message\":\"wait\",\"error\":\"too_many_requests\",\"retry_after\":37}");
            try {
                throw new AssertionError("sent to " + latch.sendCode("13800138000").mobile());
            } catch (LatchException failed) {
                same(isLost ? 0L : 37L, failed.retryAfter());
                same(isLost, failed instanceof LatchException.Unavailable);
            }
        }
        same(2, world.server.received.size());
    }

    static void aDeviceHasOneIdAndANameOfAnyAlphabet(World world) throws Exception {
        LatchClient latch = world.builder().deviceName("Zoë's 手机 100% 👩‍🔧").language("zh-CN").build();
        latch.logIn("13800138000", "123456");
        latch.logOut();
        latch.logIn("13800138000", "654321");
        List<Server.Received> sent = world.server.received(LOGIN);
        same(latch.deviceId(), sent.get(0).header("X-Device-Id"));
        same(latch.deviceId(), sent.get(1).header("X-Device-Id"));
        String name = sent.get(0).header("X-Device-Name");
        same("Zoë's 手机 100% 👩‍🔧", java.net.URLDecoder.decode(name.replace("+", "%2B"), "UTF-8"));
        holds(name.matches("[!-~]+"), "not ASCII: " + name);
        same("zh-CN", sent.get(0).header("Accept-Language"));
        holds(latch.deviceId().length() >= 16, latch.deviceId());
    }

    static void aStoreThatFailsFailsTheCallAlone(World world) throws Exception {
        TokenStore broken = new TokenStore() {
            @Override
            public String read(String name) {
                throw new IllegalStateException("the keystore is locked");
            }

            @Override
            public void write(String name, String text) {
                throw new IllegalStateException("the keystore is locked");
            }
        };
        LatchClient latch = new LatchClient.Builder(world.server.url(), broken).onLoggedOut(world.told::add).build();
        try {
            throw new AssertionError("answered " + world.get(latch.install(new OkHttpClient())));
        } catch (IOException expected) {
            same("the token store failed", expected.getMessage());
        }
        same(0, world.told.size());
    }

    static void aFileStoreKeepsTokensForItsOwnerAlone(World world) throws Exception {
        File folder = new File(Files.createTempDirectory("latch-").toFile(), "tokens");
        new LatchClient.Builder(world.server.url(), new FileTokenStore(folder)).build().logIn("13800138000", "123456");
        LatchClient again = new LatchClient.Builder(world.server.url(), new FileTokenStore(folder)).build();
        same("a1", again.tokens().accessToken());
        same(200, world.get(again.install(new OkHttpClient())));
        same("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.toPath())));
        File file = new File(folder, "latch_tokens");
        same("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file.toPath())));
        String device = again.deviceId();
        same(true, again.logOut());
        same(null, again.tokens());
        same(device, new LatchClient.Builder(world.server.url(), new FileTokenStore(folder)).build().deviceId());
    }

    static void aFileThatIsDamagedIsNobody(World world) throws Exception {
        File folder = Files.createTempDirectory("latch-").toFile();
        FileTokenStore store = new FileTokenStore(folder);
        store.write("latch_tokens", "{\"token\":\"a\",\"refresh");
        LatchClient latch = new LatchClient.Builder(world.server.url(), store).build();
        same(null, latch.tokens());
        latch.logIn("13800138000", "123456");
        same("a1", latch.tokens().accessToken());
    }

    static void aLockIsWaitedForAndThenDoneWithout(World world) throws Exception {
        File folder = Files.createTempDirectory("latch-").toFile();
        Closeable held = new FileTokenStore(folder).lock("refresh", 1_000);
        same(null, new FileTokenStore(folder).lock("refresh", 60));
        FileTokenStore store = new FileTokenStore(folder);
        OkHttpClient http = new LatchClient.Builder(world.server.url(), store).attempts(3, 500).build().install(new OkHttpClient());
        new LatchClient.Builder(world.server.url(), store).build().logIn("13800138000", "123456");
        world.generation = 2;
        same(200, world.get(http));
        held.close();
        holds(new FileTokenStore(folder).lock("refresh", 60) != null, "the lock is still held");
    }

    static void aListenerThatFailsLeavesNobodyWaiting(World world) throws Exception {
        CountDownLatch uncaught = new CountDownLatch(1);
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        Thread.setDefaultUncaughtExceptionHandler((thread, error) -> uncaught.countDown());
        OkHttpClient http = world.withDeadToken(world.builder().onLoggedOut(end -> {
            throw new IllegalStateException("a fault of the app's");
        }));
        world.refresh = request -> Server.Answer.ended("revoked");
        same(401, world.get(http));
        holds(uncaught.await(20, SECONDS), "the fault was swallowed");
        Thread.setDefaultUncaughtExceptionHandler(before);
    }

    static void limitsThatTheRefreshRuleForbidsAreRefused(World world) {
        int refused = 0;
        for (int[] limits : new int[][] {{0, 1_000}, {3, 0}, {3, 10_001}}) {
            try {
                world.builder().attempts(limits[0], limits[1]);
            } catch (IllegalArgumentException expected) {
                refused++;
            }
        }
        same(3, refused);
    }
}
