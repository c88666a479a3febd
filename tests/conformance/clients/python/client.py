"""python-socketio against the echo server: client.py URL polling|websocket|upgrade.

Prints "ok STEP" for each step; ends with status 1 and a traceback at the first that fails.
"""

import sys
import threading

import socketio

WAIT = 5


class Recorder:
    """The last arguments of each event, and a way to wait for them."""

    def __init__(self, client, namespace="/"):
        self.arrived = {}
        self.condition = threading.Condition()
        client.on("*", self.record, namespace=namespace)

    def record(self, event, *args):
        with self.condition:
            self.arrived.setdefault(event, []).append(list(args))
            self.condition.notify_all()

    def next(self, event):
        with self.condition:
            if not self.condition.wait_for(lambda: self.arrived.get(event), WAIT):
                raise TimeoutError(f"no {event}")
            return self.arrived[event].pop(0)


def expect(step, got, wanted):
    if got != wanted:
        raise AssertionError(f"{step}: {got!r} instead of {wanted!r}")
    print("ok", step, flush=True)


def main(url, way):
    transports = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}[way]
    client = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.1)
    events = Recorder(client)
    custom = Recorder(client, "/custom")
    client.on("question", lambda arg: ("yes", arg))
    connected = threading.Semaphore(0)
    client.on("connect", lambda: connected.release())

    client.connect(url, transports=transports, auth={"token": "t\u20ac"}, namespaces=["/", "/custom"], wait_timeout=WAIT)
    expect("auth", events.next("auth"), [{"token": "t\u20ac"}])
    expect("auth of a namespace", custom.next("auth"), [{"token": "t\u20ac"}])
    expect("transport", client.transport(), transports[-1])
    assert connected.acquire(timeout=WAIT)

    for step, args in {
        "text": ["plain"],
        "unicode": ["\u20ac \U0001F600 \0 \x1e"],
        "structure": [1, -2.5, True, None, {"a": [{"b": []}]}],
        "binary": [{"a": b"\1\2\3"}, "x", b"\0\xff"],
    }.items():
        client.emit("message", tuple(args))
        expect(step, events.next("message-back"), args)

    expect("ack by the server", client.call("message-with-ack", ("a", 1), timeout=WAIT), ("a", 1))
    expect("binary ack by the server", client.call("message-with-ack", b"\7", timeout=WAIT), b"\7")
    client.emit("ask", "why")
    expect("ack by the client", events.next("answer"), ["yes", "why"])

    # This client handles each event in a thread of its own, and takes at most 16 packets in one
    # answer to a poll, so this is neither about order nor about more than a few.
    for i in range(10):
        client.emit("message", i)
    expect("burst", sorted(events.next("message-back") for i in range(10)), [[i] for i in range(10)])

    other = socketio.Client()
    try:
        other.connect(url, transports=transports, namespaces=["/no"], wait_timeout=WAIT)
        raise AssertionError("/no let it in")
    except socketio.exceptions.ConnectionError:
        print("ok refused namespace", flush=True)

    # Over polling this client takes the server's close packet for the end, and does not reconnect.
    if way != "polling":
        client.emit("close")
        assert connected.acquire(timeout=WAIT)
        events.next("auth")
        client.emit("message", "back")
        expect("reconnected", events.next("message-back"), ["back"])

    gone = threading.Event()
    client.on("disconnect", lambda *reason: gone.set())
    client.emit("leave")
    expect("disconnected by the server", gone.wait(WAIT), True)
    client.disconnect()


main(sys.argv[1], sys.argv[2])
