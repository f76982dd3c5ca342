import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import latch.client.CodeSent;
import latch.client.FileTokenStore;
import latch.client.LatchClient;
import latch.client.LatchException;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;

/** Logs in at a terminal, stays logged in from start to start, and asks who it is; `out` as an argument logs out. */
public final class Example {
    private Example() {}

    public static void main(String[] arguments) throws IOException {
        try {
            run(arguments);
        } catch (LatchException refused) {
            System.out.println(refused.getMessage());
        }
    }

    private static void run(String[] arguments) throws IOException {
        String url = System.getenv().getOrDefault("LATCH_URL", "http://127.0.0.1:8000");
        File folder = new File(System.getProperty("user.home"), ".latch-example");
        LatchClient latch = new LatchClient.Builder(url, new FileTokenStore(folder))
                .deviceName("Java at a terminal")
                .onLoggedOut(end -> System.out.println("Logged out: " + end.getMessage() + " (" + end.reason() + ")"))
                .build();
        if (arguments.length > 0 && arguments[0].equals("out")) {
            System.out.println(latch.logOut() ? "Logged out." : "Logged out here; Latch has not heard of it.");
            return;
        }
        if (latch.tokens() == null) logIn(latch, new BufferedReader(new InputStreamReader(System.in)));
        OkHttpClient http = latch.install(new OkHttpClient());
        try (Response response = http.newCall(new Request.Builder().url(url + "/app/v1_0/user").build()).execute()) {
            System.out.println(response.code() + " " + response.body().string());
        }
    }

    private static void logIn(LatchClient latch, BufferedReader typed) throws IOException {
        System.out.println("Number? (11 digits of mainland China)");
        String mobile = typed.readLine();
        try {
            CodeSent sent = latch.sendCode(mobile);
            System.out.println("Code? (another one can be sent in " + sent.secondsLeft() + " s)");
        } catch (LatchException refused) {
            System.out.println(refused.getMessage() + " Code, if one came before?");
        }
        System.out.println("Hello, user " + latch.logIn(mobile, typed.readLine()).userId() + ".");
    }
}
