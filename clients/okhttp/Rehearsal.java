import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import latch.client.LatchClient;
import latch.client.LatchException;
import latch.client.MemoryTokenStore;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;

/**
 * The driver that `latch rehearse` starts: runs of this client behind a network that misbehaves by script. It does what an app does,
 * and judges nothing; the rehearsal does, from the wire.
 */
public final class Rehearsal {
    private static final int AT_A_TIME = 8;
    private static final int LOGINS = 50; // tries, each of which may meet a network that is away
    private static final OkHttpClient HTTP = new OkHttpClient.Builder().readTimeout(600, TimeUnit.MILLISECONDS).build();
    private static final OkHttpClient TO_THE_REHEARSAL = new OkHttpClient();

    private Rehearsal() {}

    public static void main(String[] arguments) throws Exception {
        String rehearsal = System.getenv("LATCH_REHEARSAL");
        ExecutorService apps = Executors.newFixedThreadPool(AT_A_TIME);
        List<Future<Void>> ends = new ArrayList<>();
        for (int i = 0; i < AT_A_TIME; i++) {
            ends.add(apps.submit(() -> {
                for (String run = next(rehearsal); run != null; run = next(rehearsal)) new App(run).live();
                return null;
            }));
        }
        try {
            for (Future<Void> end : ends) end.get();
        } catch (ExecutionException broken) { // the rehearsal is gone, say: the other threads are not waited for
            broken.printStackTrace();
            System.exit(1);
        }
        System.exit(0); // OkHttp's threads linger
    }

    /** The next run as JSON; null where there is none left. */
    private static String next(String rehearsal) throws IOException {
        try (Response response = post(rehearsal + "/next")) {
            if (response.code() == 204) return null;
            if (response.code() != 200) throw new IOException("the rehearsal answers " + response.code());
            return response.body().string();
        }
    }

    private static Response post(String url) throws IOException {
        Request request = new Request.Builder().url(url).post(RequestBody.create(null, new byte[0])).build();
        return TO_THE_REHEARSAL.newCall(request).execute();
    }

    /** One run: an app of its own, freshly installed. */
    private static final class App {
        private final String run;
        private final String url;
        private final LatchClient latch;
        private final OkHttpClient http;
        private volatile double clock; // seconds that it is off
        private volatile boolean isLoggedOut = true;

        App(String run) {
            this.run = run;
            url = text("url");
            clock = number("clock", 0);
            latch = new LatchClient.Builder(url, new MemoryTokenStore())
                    .attempts(4, 500)
                    .pauses(10, 50)
                    .clock(() -> System.currentTimeMillis() + (long) (clock * 1000))
                    .onLoggedOut(end -> isLoggedOut = true)
                    .build();
            http = latch.install(HTTP);
        }

        void live() throws Exception {
            int rounds = (int) number("rounds", 1);
            int atOnce = (int) number("at_once", 1);
            ExecutorService requests = Executors.newFixedThreadPool(atOnce);
            for (int round = 0; round < rounds; round++) {
                if (round == rounds / 2) clock = number("clock_later", clock);
                if (isLoggedOut) logIn();
                Callable<Void> request = () -> {
                    work();
                    return null;
                };
                requests.invokeAll(java.util.Collections.nCopies(atOnce, request));
                Thread.sleep((long) (number("pause", 0) * 1000));
            }
            requests.shutdown();
            post(url + "/done").close();
        }

        private void work() throws IOException {
            try (Response response = http.newCall(new Request.Builder().url(url + "/work").build()).execute()) {
                response.body().bytes();
            } // what fails is gone over: invokeAll keeps it in a future that nobody asks
        }

        private void logIn() throws Exception {
            for (int tried = 0; isLoggedOut && tried < LOGINS; tried++) {
                try {
                    latch.logIn(text("mobile"), text("code"));
                    isLoggedOut = false;
                } catch (LatchException later) {
                    Thread.sleep(Math.max(20, Math.min(1000, later.retryAfter() * 1000)));
                }
            }
        }

        private String text(String name) {
            Matcher field = Pattern.compile("\"" + name + "\"\\s*:\\s*\"([^\"]*)\"").matcher(run);
            if (!field.find()) throw new IllegalArgumentException("no " + name + " in " + run);
            return field.group(1);
        }

        private double number(String name, double missing) {
            Matcher field = Pattern.compile("\"" + name + "\"\\s*:\\s*(-?[0-9.eE+-]+)").matcher(run);
            return field.find() ? Double.parseDouble(field.group(1)) : missing;
        }
    }
}
