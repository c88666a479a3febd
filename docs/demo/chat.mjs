// TOKEN=... node chat.mjs ROOM [URL]: says each line of standard input, prints what is said. Needs npm's socket.io-client.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";
const [room, url = "http://localhost:3000"] = process.argv.slice(2);
const socket = io(url, { auth: { token: process.env.TOKEN, recovery: true } });
const print = (m) => m.room === room && console.log(`${m.sender ?? "*"}: ${m.text}`);
socket.on("updateChatHistory", (rooms) => (rooms[room] ?? []).forEach(print));
socket.on("newMessage", print);
socket.emit("joinChannel", { name: room });
createInterface({ input: process.stdin }).on("line", (text) => socket.emit("sendMessage", { room, text }));
