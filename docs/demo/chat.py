# TOKEN=... python3 chat.py ROOM [URL]: says each line of standard input, prints what is said. Needs PyPI's python-socketio[client].
import os, sys, socketio
room, url = (sys.argv[1:] + ["http://localhost:3000"])[:2]
client = socketio.Client()
show = lambda m: m["room"] == room and print(f'{m["sender"] or "*"}: {m["text"]}', flush=True)
client.on("updateChatHistory", lambda rooms: [show(m) for m in rooms.get(room, [])])
client.on("newMessage", show)
client.connect(url, auth={"token": os.environ["TOKEN"]})
client.emit("joinChannel", {"name": room})
for line in sys.stdin:
    client.emit("sendMessage", {"room": room, "text": line.rstrip("\n")})
client.wait()
