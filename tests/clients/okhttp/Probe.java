import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import latch.client.CodeSent;
import latch.client.FileTokenStore;
import latch.client.LatchClient;
import latch.client.LatchException;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;

/** `Probe URL FOLDER`: an app with many threads, told line by line what to do; prints a line for each. */
public final class Probe {
    private static final String CHECK = "/app/v1_0/authorizations";
    private static final long BETWEEN = 2; // ms; a processor is shared with the server

    private final String url;
    private final LatchClient latch;
    private final OkHttpClient http;
    private final List<String> told = new CopyOnWriteArrayList<>();
    private final AtomicInteger unavailable = new AtomicInteger();
    private final AtomicInteger refused = new AtomicInteger(); // 401 that reached the app
    private final AtomicInteger otherwise = new AtomicInteger();
    private AtomicIntegerArray served = new AtomicIntegerArray(0);
    private volatile boolean storms;

    private Probe(String url, File folder) {
        this.url = url;
        latch = new LatchClient.Builder(url, new FileTokenStore(folder))
                .deviceName("手机")
                .onLoggedOut(end -> told.add(end.error() + ":" + end.reason()))
                .pauses(20, 200)
                .build();
        http = latch.install(new OkHttpClient());
    }

    public static void main(String[] arguments) throws Exception {
        Probe probe = new Probe(arguments[0], new File(arguments[1]));
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in));
        for (String order = orders.readLine(); order != null; order = orders.readLine()) {
            System.out.println(probe.done(order.split(" ")));
        }
        System.exit(0);
    }

    private String done(String[] order) throws Exception {
        try {
            switch (order[0]) {
                case "code": return sent(latch.sendCode(order[1]));
                case "login": return String.valueOf(latch.logIn(order[1], order[2]).userId());
                case "logout": return String.valueOf(latch.logOut());
                case "get": return String.valueOf(get());
                case "kept": return latch.tokens() == null ? "nobody" : latch.tokens().accessToken();
                case "storm": return storm(Integer.parseInt(order[1]));
                case "rest": return rest();
                default: return status();
            }
        } catch (LatchException failed) {
            return failed.getClass().getSimpleName() + " " + failed.error() + " " + failed.retryAfter();
        }
    }

    private static String sent(CodeSent sent) {
        return sent.mobile() + " " + sent.expiresIn() + " " + sent.resendAfter() + " " + sent.secondsLeft();
    }

    private int get() throws IOException {
        try (Response response = http.newCall(new Request.Builder().url(url + CHECK).build()).execute()) {
            response.body().bytes();
            return response.code();
        }
    }

    private String storm(int threads) {
        storms = true;
        served = new AtomicIntegerArray(threads);
        for (int i = 0; i < threads; i++) {
            int which = i;
            new Thread(() -> {
                while (storms) count(which);
            }).start();
        }
        return "begun";
    }

    private void count(int which) {
        try {
            int status = get();
            if (status == 200) {
                served.incrementAndGet(which);
            } else if (status == 401) {
                refused.incrementAndGet();
            } else {
                otherwise.incrementAndGet();
            }
            Thread.sleep(BETWEEN);
        } catch (LatchException.Unavailable later) {
            unavailable.incrementAndGet();
        } catch (IOException | InterruptedException failed) {
            otherwise.incrementAndGet();
        }
    }

    private String rest() throws InterruptedException {
        storms = false;
        Thread.sleep(300);
        return status();
    }

    /** What each thread was served, and what else came, as JSON. */
    private String status() {
        List<Integer> each = new ArrayList<>();
        for (int i = 0; i < served.length(); i++) each.add(served.get(i));
        return "{\"served\":" + each + ",\"refused\":" + refused + ",\"unavailable\":" + unavailable + ",\"otherwise\":" + otherwise
                + ",\"told\":\"" + String.join(",", told) + "\"}";
    }
}
