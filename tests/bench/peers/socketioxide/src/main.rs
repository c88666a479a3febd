//! A peer of the benchmarks: rooms in memory on socketioxide. See ../../README.md for the vocabulary.
//!
//! One thread does everything, as with the other peers; what waits for a connection is coalesced by
//! the library. Anything the library leaves to its user is left at its default, but for the queue of
//! a connection: at 128 packets a burst into one room would be dropped, and no peer may drop.

use axum::serve::ListenerExt;
use axum::Router;
use serde_json::Value;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::SocketIo;
use std::io::Write;

const QUEUED_PACKETS: usize = 4096;

fn room_of(data: &Value) -> Option<String> {
    data.get("room").and_then(Value::as_str).map(str::to_owned)
}

async fn on_connect(socket: SocketRef) {
    socket.on("join", async |socket: SocketRef, Data(data): Data<Value>, ack: AckSender| {
        if let Some(room) = room_of(&data) {
            socket.join(room);
        }
        ack.send(&serde_json::json!({})).ok();
    });
    socket.on("say", async |io: SocketIo, Data(data): Data<Value>| {
        if let Some(room) = room_of(&data) {
            io.within(room).emit("said", &data).await.ok();
        }
    });
}

fn port() -> u16 {
    let args: Vec<String> = std::env::args().collect();
    match args.as_slice() {
        [_, option, value] if option == "--port" => value.parse().expect("a port"),
        _ => panic!("usage: peer-socketioxide --port N"),
    }
}

async fn ended() {
    use tokio::signal::unix::{signal, SignalKind};
    let mut term = signal(SignalKind::terminate()).expect("SIGTERM");
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

async fn serve() {
    let (layer, io) = SocketIo::builder().max_buffer_size(QUEUED_PACKETS).build_layer();
    io.ns("/", on_connect);
    let app = Router::new().layer(layer);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port())).await.expect("bind");
    let listener = listener.tap_io(|stream| {
        stream.set_nodelay(true).ok();
    });
    println!("ready");
    std::io::stdout().flush().ok();
    tokio::select! {
        result = async { axum::serve(listener, app).await } => result.expect("serve"),
        _ = ended() => {}
    }
}

fn main() {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime")
        .block_on(serve());
}
