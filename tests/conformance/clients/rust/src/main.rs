//! rust_socketio against the echo server: rust-client URL polling|websocket|upgrade.
//! This client has no acknowledgements asked by the server, and one binary argument at most.

use rust_socketio::{ClientBuilder, Payload, RawClient, TransportType};
use serde_json::{json, Value};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(5);

fn transport(way: &str) -> TransportType {
    match way {
        "polling" => TransportType::Polling,
        "websocket" => TransportType::Websocket,
        _ => TransportType::WebsocketUpgrade,
    }
}

fn forward(to: Sender<Payload>) -> impl FnMut(Payload, RawClient) + Send + 'static {
    move |payload, _| {
        let _ = to.send(payload);
    }
}

fn text(step: &str, from: &Receiver<Payload>, wanted: Vec<Value>) {
    match from.recv_timeout(WAIT) {
        Ok(Payload::Text(values)) if values == wanted => println!("ok {step}"),
        other => fail(step, &format!("{other:?} instead of {wanted:?}")),
    }
}

fn fail(step: &str, what: &str) -> ! {
    eprintln!("{step}: {what}");
    std::process::exit(1);
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (url, way) = (&args[1], &args[2]);
    let (auth_to, auth) = channel();
    let (back_to, back) = channel();
    let client = ClientBuilder::new(url.as_str())
        .transport_type(transport(way))
        .auth(json!({"token": "t\u{20ac}"}))
        .reconnect_delay(50, 100)
        .on("auth", forward(auth_to))
        .on("message-back", forward(back_to))
        .connect()
        .unwrap_or_else(|error| fail("connect", &error.to_string()));
    text("auth", &auth, vec![json!({"token": "t\u{20ac}"})]);

    for (step, value) in [
        ("text", json!("plain")),
        ("unicode", json!("\u{20ac} \u{1F600} \u{0}")),
        ("structure", json!({"a": [{"b": []}], "c": null, "d": -2.5})),
    ] {
        client.emit("message", value.clone()).unwrap();
        text(step, &back, vec![value]);
    }
    client.emit("message", vec![0u8, 1, 255]).unwrap();
    match back.recv_timeout(WAIT) {
        Ok(Payload::Binary(data)) if data[..] == [0, 1, 255] => println!("ok binary"),
        other => fail("binary", &format!("{other:?}")),
    }

    let (ack_to, ack) = channel();
    client
        .emit_with_ack("message-with-ack", json!(["a", 1]), WAIT, forward(ack_to))
        .unwrap();
    match ack.recv_timeout(WAIT) {
        Ok(Payload::Text(values)) => println!("ok ack by the server: {values:?}"),
        other => fail("ack", &format!("{other:?}")),
    }

    for i in 0..200 {
        client.emit("message", json!(i)).unwrap();
    }
    for i in 0..200 {
        match back.recv_timeout(WAIT) {
            Ok(Payload::Text(values)) if values == vec![json!(i)] => {}
            other => fail("order", &format!("{other:?} instead of {i}")),
        }
    }
    println!("ok order");

    let (custom_to, custom_auth) = channel();
    let custom = ClientBuilder::new(url.as_str())
        .transport_type(transport(way))
        .namespace("/custom")
        .on("auth", forward(custom_to))
        .connect()
        .unwrap();
    text("namespace", &custom_auth, vec![json!({})]);
    custom.disconnect().unwrap();

    // Over polling this client takes the server's close packet for the end, and does not reconnect.
    if way != "polling" {
        client.emit("close", json!(null)).unwrap();
        text("reconnected", &auth, vec![json!({"token": "t\u{20ac}"})]);
        client.emit("message", json!("back")).unwrap();
        text("echo after reconnection", &back, vec![json!("back")]);
    }
    client.disconnect().unwrap();
    println!("ok disconnect");
}
