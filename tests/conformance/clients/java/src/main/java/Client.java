import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.json.JSONArray;
import org.json.JSONObject;

/** socket.io-client for Java against the echo server: Client URL polling|websocket|upgrade. */
public class Client {
    private static final int WAIT = 10;

    private static void expect(String step, boolean holds, Object got) {
        if (!holds) {
            System.err.println(step + ": got " + got);
            System.exit(1);
        }
        System.out.println("ok " + step);
    }

    private static BlockingQueue<Object[]> queue(Socket socket, String event) {
        BlockingQueue<Object[]> queue = new LinkedBlockingQueue<>();
        socket.on(event, args -> queue.add(args));
        return queue;
    }

    private static Object[] next(String what, BlockingQueue<Object[]> queue) throws InterruptedException {
        Object[] args = queue.poll(WAIT, TimeUnit.SECONDS);
        if (args == null) {
            System.err.println("no " + what + " in time");
            System.exit(1);
        }
        return args;
    }

    private static IO.Options options(String way) {
        IO.Options options = new IO.Options();
        options.transports = switch (way) {
            case "polling" -> new String[] {"polling"};
            case "websocket" -> new String[] {"websocket"};
            default -> new String[] {"polling", "websocket"};
        };
        options.forceNew = true;
        options.reconnectionDelay = 50;
        options.reconnectionDelayMax = 100;
        options.auth = Map.of("token", "t\u20ac");
        return options;
    }

    public static void main(String[] args) throws Exception {
        String url = args[0];
        String way = args[1];
        Socket socket = IO.socket(url, options(way));
        BlockingQueue<Object[]> connect = queue(socket, Socket.EVENT_CONNECT);
        BlockingQueue<Object[]> disconnect = queue(socket, Socket.EVENT_DISCONNECT);
        BlockingQueue<Object[]> auth = queue(socket, "auth");
        BlockingQueue<Object[]> back = queue(socket, "message-back");
        BlockingQueue<Object[]> answer = queue(socket, "answer");
        socket.on("question", question -> ((Ack) question[1]).call("yes", question[0]));

        socket.connect();
        next("connect", connect);
        Object[] got = next("auth", auth);
        expect("auth", ((JSONObject) got[0]).getString("token").equals("t\u20ac"), got[0]);
        if (way.equals("upgrade"))
            Thread.sleep(500);

        socket.emit("message", "plain");
        got = next("echo", back);
        expect("text", got[0].equals("plain"), got[0]);
        socket.emit("message", "\u20ac \uD83D\uDE00 \u0001");
        got = next("echo", back);
        expect("unicode", got[0].equals("\u20ac \uD83D\uDE00 \u0001"), got[0]);
        socket.emit("message", 1, true, new JSONObject("{\"a\":[{\"b\":[]}]}"));
        got = next("echo", back);
        expect("structure", got[0].equals(1) && got[1].equals(true)
                && ((JSONObject) got[2]).toString().equals("{\"a\":[{\"b\":[]}]}"), Arrays.toString(got));
        byte[] bytes = {0, 1, (byte) 255};
        socket.emit("message", bytes, "x");
        got = next("echo", back);
        expect("binary", Arrays.equals((byte[]) got[0], bytes) && got[1].equals("x"), Arrays.toString(got));

        BlockingQueue<Object[]> acked = new LinkedBlockingQueue<>();
        socket.emit("message-with-ack", new Object[] {"a", 1}, reply -> acked.add(reply));
        got = next("ack", acked);
        expect("ack by the server", got[0].equals("a") && got[1].equals(1), Arrays.toString(got));
        socket.emit("message-with-ack", new Object[] {bytes}, reply -> acked.add(reply));
        got = next("ack", acked);
        expect("binary ack by the server", Arrays.equals((byte[]) got[0], bytes), Arrays.toString(got));
        socket.emit("ask", "why");
        got = next("answer", answer);
        expect("ack by the client", got[0].equals("yes") && got[1].equals("why"), Arrays.toString(got));

        for (int i = 0; i < 200; i++)
            socket.emit("message", i);
        for (int i = 0; i < 200; i++)
            if (!next("echo", back)[0].equals(i))
                expect("order", false, i);
        expect("order", true, null);

        Socket custom = socket.io().socket("/custom", options(way));
        BlockingQueue<Object[]> customAuth = queue(custom, "auth");
        custom.connect();
        next("auth of a namespace", customAuth);
        expect("namespace", !custom.id().equals(socket.id()), custom.id());
        custom.disconnect();

        Socket no = IO.socket(url + "/no", options(way));
        BlockingQueue<Object[]> error = queue(no, Socket.EVENT_CONNECT_ERROR);
        no.connect();
        got = next("connect_error", error);
        expect("refused namespace", got[0].toString().contains("Auth failed"), got[0]);
        no.disconnect();

        // This client waits for the other side to end the TCP connection after a close frame; until
        // then only the heartbeat tells it.
        socket.emit("close");
        next("disconnect", disconnect);
        next("connect", connect);
        socket.emit("message", "back");
        got = next("echo", back);
        expect("reconnected", got[0].equals("back"), got[0]);
        socket.emit("leave");
        got = next("disconnect", disconnect);
        expect("disconnected by the server", got[0].equals("io server disconnect"), got[0]);
        socket.disconnect();
        System.exit(0);
    }
}
