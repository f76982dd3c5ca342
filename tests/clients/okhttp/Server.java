import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/** A server that answers by script, bytes and all, each request on a connection of its own. */
final class Server implements Closeable {
    interface Script {
        Answer answer(Received request) throws Exception;
    }

    static final class Received {
        final String method;
        final String path;
        final Map<String, String> headers = new HashMap<>();
        final long at = System.nanoTime();
        String body = "";

        Received(String line) {
            String[] words = line.split(" ");
            method = words[0];
            path = words[1];
        }

        String header(String name) {
            return headers.get(name.toLowerCase(Locale.ROOT));
        }

        /** The Bearer token, or null. */
        String token() {
            String sent = header("Authorization");
            return sent == null ? null : sent.substring("Bearer ".length());
        }

        boolean is(String what) {
            return what.equals(method + " " + path.replace("/app/v1_0", ""));
        }
    }

    static final class Answer {
        final String bytes;
        private final long delay;

        private Answer(String bytes, long delay) {
            this.bytes = bytes;
            this.delay = delay;
        }

        static Answer of(int status, String type, String body, String... headers) {
            StringBuilder head = new StringBuilder("HTTP/1.1 " + status + " Said\r\nConnection: close\r\n");
            head.append("Content-Type: ").append(type).append("\r\n");
            for (String header : headers) head.append(header).append("\r\n");
            if (status != 204) head.append("Content-Length: ").append(body.getBytes(StandardCharsets.UTF_8).length).append("\r\n");
            return new Answer(head + "\r\n" + body, 0);
        }

        static Answer json(int status, String body, String... headers) {
            return of(status, "application/json", body, headers);
        }

        static Answer html(int status, String... headers) {
            return of(status, "text/html", "<!doctype html><title>no</title>{\"error\": \"session_ended\"}", headers);
        }

        static Answer error(int status, String error, String... headers) {
            return json(status, "{\"message\":\"a sentence\",\"error\":\"" + error + "\",\"request_id\":\"1\"}", headers);
        }

        static Answer ended(String reason) {
            return json(403, "{\"message\":\"a sentence\",\"error\":\"session_ended\",\"reason\":\"" + reason + "\"}");
        }

        static Answer tokens(String access, String refresh, int expiresIn) {
            return json(200, "{\"message\":\"ok\",\"data\":{\"token\":\"" + access + "\",\"refresh_token\":\"" + refresh
                    + "\",\"token_type\":\"Bearer\",\"expires_in\":" + expiresIn
                    + ",\"user_id\":42,\"session_id\":\"0011\",\"is_new_user\":true}}");
        }

        /** Nothing: the connection breaks. */
        static Answer none() {
            return new Answer("", 0);
        }

        Answer half() {
            return new Answer(bytes.substring(0, bytes.length() - 7), delay);
        }

        Answer after(long millis) {
            return new Answer(bytes, millis);
        }
    }

    private final ServerSocket listener = new ServerSocket(0, 200, InetAddress.getByName("127.0.0.1"));
    final List<Received> received = Collections.synchronizedList(new ArrayList<>());
    final AtomicInteger busy = new AtomicInteger(); // requests that are being answered
    volatile Script script;

    Server(Script script) throws IOException {
        this.script = script;
        daemon(this::accept);
    }

    String url() {
        return "http://127.0.0.1:" + listener.getLocalPort();
    }

    List<Received> received(String what) {
        List<Received> found = new ArrayList<>();
        synchronized (received) {
            for (Received request : received) if (request.is(what)) found.add(request);
        }
        return found;
    }

    int count(String what) {
        return received(what).size();
    }

    @Override
    public void close() throws IOException {
        listener.close();
    }

    static Thread daemon(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private void accept() {
        try {
            while (true) {
                Socket socket = listener.accept();
                busy.incrementAndGet();
                daemon(() -> serve(socket));
            }
        } catch (IOException closed) {
            return;
        }
    }

    private void serve(Socket socket) {
        try (Socket open = socket) {
            Received request = read(new BufferedInputStream(open.getInputStream()));
            received.add(request);
            Answer answer = script.answer(request);
            Thread.sleep(answer.delay);
            open.getOutputStream().write(answer.bytes.getBytes(StandardCharsets.UTF_8));
            open.getOutputStream().flush();
        } catch (IOException gone) {
            return; // a client that hung up
        } catch (Exception error) {
            throw new IllegalStateException(error);
        } finally {
            busy.decrementAndGet();
        }
    }

    private static Received read(InputStream in) throws IOException {
        Received request = new Received(line(in));
        for (String line = line(in); !line.isEmpty(); line = line(in)) {
            int colon = line.indexOf(':');
            request.headers.put(line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).trim());
        }
        byte[] body = new byte[Integer.parseInt(request.headers.getOrDefault("content-length", "0"))];
        for (int at = 0, count; at < body.length; at += count) {
            count = in.read(body, at, body.length - at);
            if (count < 0) throw new EOFException();
        }
        request.body = new String(body, StandardCharsets.UTF_8);
        return request;
    }

    private static String line(InputStream in) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0) throw new EOFException();
            if (c != '\r') line.write(c);
        }
        return line.toString("UTF-8");
    }
}
