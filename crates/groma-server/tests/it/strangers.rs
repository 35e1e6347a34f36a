//! Sockets of whoever is not in, or says nothing: what they may take from those who work.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use groma_server::{ServeConfig, StoreOptions};

use crate::http::request;
use crate::served::Served;

/// Far more than anything here takes on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn served(config: ServeConfig) -> Served {
    let http = Some("127.0.0.1:0".parse().unwrap());
    Served::with(ServeConfig { http, ..config }, StoreOptions::default(), |_| ())
}

/// The first message of protocol 3.
fn startup(database: &str) -> Vec<u8> {
    let text = format!("user\0stranger\0database\0{database}\0\0");
    let length = (8 + text.len()) as u32;
    [&length.to_be_bytes()[..], &[0, 3, 0, 0], text.as_bytes()].concat()
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// All that comes until the end.
fn rest(socket: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).unwrap();
    String::from_utf8_lossy(&rest).into_owned()
}

fn metrics(served: &Served) -> String {
    request(served.http.unwrap(), "GET /metrics", &[], "").text().to_owned()
}

#[test]
fn whoever_was_refused_holds_nothing_even_if_it_stays() {
    let served = served(ServeConfig::default());
    let mut socket = connect(served.address);
    socket.write_all(&startup("nowhere")).unwrap();
    let told = rest(&mut socket);
    assert!(told.contains("FATAL") && told.contains("nowhere"), "{told}");
    assert!(!told.ends_with("Z\0\0\0\u{5}I"), "it is not ready for a query: {told:?}");
    let began = Instant::now();
    while !metrics(&served).contains("groma_connections{door=\"wire\"} 0\n") {
        assert!(began.elapsed() < PATIENCE, "its socket is still attended");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_message_that_says_it_is_too_long_is_not_waited_for() {
    let served = served(ServeConfig::default());
    let mut socket = connect(served.address);
    socket.write_all(&startup("live")).unwrap();
    let mut greeting = Vec::new();
    while !greeting.ends_with(b"Z\0\0\0\x05I") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        greeting.extend(byte);
    }
    socket.write_all(&[b'Q', 0x04, 0, 0, 1]).unwrap(); // 64 MiB and one byte
    let told = rest(&mut socket);
    assert!(told.contains("54000") && told.contains("67108864"), "{told}");
    assert!(metrics(&served).contains("groma_limits_hit_total{limit=\"request_bytes\"} 1"));
}

#[test]
fn a_crowd_before_the_http_door_does_not_shut_the_wire() {
    let served = served(ServeConfig { connections_max: 1, ..ServeConfig::default() });
    // As many as that door takes.
    let crowd: Vec<_> = (0..51).map(|_| connect(served.http.unwrap())).collect();
    served.run(async |served| {
        let client = served.client("live").await;
        assert_eq!(client.query("SELECT 1", &[]).await.unwrap().len(), 1);
    });
    drop(crowd);
}

#[test]
fn whoever_says_nothing_over_http_is_sent_away() {
    let idle_timeout = Some(Duration::from_secs(3));
    let served = served(ServeConfig { idle_timeout, ..ServeConfig::default() });
    let [mut silent, mut slow, mut kept] = [(); 3].map(|()| connect(served.http.unwrap()));
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ").unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    assert_eq!((rest(&mut silent), rest(&mut slow)), (String::new(), String::new()));
    let answer = rest(&mut kept);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(metrics(&served).contains("groma_limits_hit_total{limit=\"idle_timeout\"} 3"));
}

#[test]
fn a_long_answer_is_no_silence() {
    let patience = Duration::from_secs(2);
    let served = served(ServeConfig { idle_timeout: Some(patience), ..ServeConfig::default() });
    for doubled in 11.. {
        let began = Instant::now();
        let rows = 1 << doubled;
        let sql = format!(
            "SELECT count(*) FROM generate_series(1, {rows}) a, generate_series(1, {rows}) b \
             WHERE (a.value * b.value) % 7 = 0"
        );
        let answer = request(served.http.unwrap(), "POST /v1/sql", &[], &sql);
        assert_eq!(answer.status, 200, "{}", answer.text());
        if began.elapsed() > patience * 2 {
            break;
        }
    }
}
