//! Every kind of connection on the one port, and clients that mean harm.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use crate::support::{Answer, Home, Server};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Asks over HTTP/2 and returns the body; reading it at all proves the protocol.
fn get_with_http2(stream: &mut (impl Read + Write), path: &str) -> String {
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const END_STREAM: u8 = 1;
    const END_STREAM_AND_HEADERS: u8 = 5;
    let mut request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    request.extend(frame(SETTINGS, 0, 0, &[]));
    // HPACK: `:method GET` and `:scheme http` from the static table, then two literals.
    let mut headers = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    headers.extend(path.as_bytes());
    headers.extend([0x01, 9]);
    headers.extend(b"localhost");
    request.extend(frame(HEADERS, END_STREAM_AND_HEADERS, 1, &headers));
    stream.write_all(&request).unwrap();
    let mut body = Vec::new();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).unwrap();
        if head[3] == 0 {
            body.extend(payload);
            if head[4] & END_STREAM != 0 {
                return String::from_utf8(body).unwrap();
            }
        }
    }
}

fn connect_tls(
    server: &Server,
    name: &'static str,
    protocols: &[&str],
) -> StreamOwned<ClientConnection, TcpStream> {
    let pem = server.get("/_cloudtwin/ca.pem").body;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), server.connect())
}

#[test]
fn requests_may_follow_each_other_without_waiting() {
    let home = Home::new();
    let server = home.server(&[]);
    let mut stream = server.connect();
    let one = "GET /_localstack/init/ready HTTP/1.1\r\nhost: x\r\n\r\n";
    let last = "GET /_localstack/init/ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all((one.repeat(9) + last).as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 10);
    assert_eq!(answers.matches(r#"{"completed":true,"scripts":[]}"#).count(), 10);
}

#[test]
fn http2_is_spoken_without_tls_and_with_it() {
    let home = Home::new();
    let server = home.server(&[]);
    let expected = server.get("/_localstack/init").body;
    assert_eq!(get_with_http2(&mut server.connect(), "/_localstack/init"), expected);
    let mut tls = connect_tls(&server, "localhost", &["h2", "http/1.1"]);
    assert_eq!(get_with_http2(&mut tls, "/_localstack/init"), expected);
    assert_eq!(tls.conn.alpn_protocol(), Some(&b"h2"[..]));
}

#[test]
fn whoever_trusts_the_authority_reaches_every_name() {
    let home = Home::new();
    let server = home.server(&[]);
    for name in [
        "localhost",
        "127.0.0.1",
        "bucket.s3.localhost.localstack.cloud",
        "a1b2c3.execute-api.localhost.localstack.cloud",
        "dynamodb.eu-central-1.amazonaws.com",
    ] {
        let mut tls = connect_tls(&server, name, &[]);
        tls.write_all(b"GET /_localstack/health HTTP/1.0\r\nhost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        tls.read_to_string(&mut answer).unwrap();
        assert_eq!(Answer::parse(&answer).status, 200, "{name}");
    }
    let pem = server.get("/_cloudtwin/ca.pem").body;
    assert_eq!(std::fs::read_to_string(home.data_dir().join("tls/ca.pem")).unwrap(), pem);
    drop(server);
    assert_eq!(home.server(&[]).get("/_cloudtwin/ca.pem").body, pem, "after a restart");
}

#[test]
fn the_protocol_may_arrive_byte_by_byte() {
    let home = Home::new();
    let server = home.server(&[]);
    for byte in b"PR" {
        // What is read later does not depend on how the writes are cut.
        let mut stream = server.connect();
        stream.set_nodelay(true).unwrap();
        stream.write_all(&[*byte]).unwrap();
        drop(stream);
    }
    let mut stream = server.connect();
    stream.set_nodelay(true).unwrap();
    for byte in b"POST /_localstack/state/reset HTTP/1.0\r\ncontent-length: 0\r\n\r\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(Answer::parse(&answer).status, 200);
}

#[test]
fn slow_clients_do_not_keep_others_waiting() {
    let home = Home::new();
    let server = home.server(&[]);
    let mut slow: Vec<TcpStream> = (0..200).map(|_| server.connect()).collect();
    for (index, stream) in slow.iter_mut().enumerate() {
        let start: &[u8] = match index % 4 {
            0 => b"",
            1 => b"P",
            2 => b"\x16\x03",
            _ => b"GET / HTTP/1.1\r\nx-slow: ",
        };
        stream.write_all(start).unwrap();
    }
    assert_eq!(server.get("/_localstack/health").status, 200);
    // And they do not keep the server from ending.
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn nonsense_and_excess_end_the_connection_only() {
    let home = Home::new();
    let server = home.server(&[]);
    let long = format!("GET / HTTP/1.1\r\nx-long: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(1000));
    for nonsense in [
        b"\0\0\0\0".as_slice(),
        b"HELO example.org\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"\x16\x03\x01\xff\xff\xff",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense nonsense",
        long.as_bytes(),
        many.as_bytes(),
    ] {
        let mut stream = server.connect();
        // The server may hang up before it has read everything.
        let _ = stream.write_all(nonsense);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains(" 200 "), "{answer}");
    }
    assert_eq!(server.get("/_localstack/health").status, 200);
}

#[test]
fn a_request_that_is_under_way_is_answered_before_the_end() {
    let home = Home::new();
    let mut server = home.server(&[]);
    let mut stream = server.connect();
    let head =
        "POST /_cloudtwin/clock HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 21\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    server.signal("-INT");
    server.wait_for_log("stopping");
    stream.write_all(br#"{"advance_seconds":1}"#).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(Answer::parse(&answer).json()["offset_seconds"], 1);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_refused_upload_that_was_only_announced_ends_its_connection() {
    let home = Home::new();
    let server = home.server(&[]);
    let mut stream = server.connect();
    let head = "PUT /no-such-bucket/key HTTP/1.1\r\nhost: s3.localhost.localstack.cloud\r\n\
                expect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    // Nobody asks for the body, and what the client sends next could be that or another request.
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let answer = Answer::parse(&answer);
    assert!(answer.status >= 400, "{}", answer.status);
    assert_eq!(answer.header("connection"), Some("close"));
}

#[test]
fn an_idle_connection_does_not_keep_the_server_from_ending() {
    let home = Home::new();
    let mut server = home.server(&[]);
    let mut used = server.connect();
    used.write_all(b"GET /_localstack/init/ready HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut start = [0; 15];
    used.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    server.signal("-TERM");
    server.wait_for_log("stopped");
    assert!(!server.log().join("\n").contains("cut off"));
}

#[test]
fn it_listens_on_several_addresses_and_on_the_old_ports() {
    let home = Home::new();
    // Something else has one of the old ports; that is no reason to give up.
    let taken = TcpStream::connect("127.0.0.1:4595").is_err();
    let blocker = if taken { std::net::TcpListener::bind("127.0.0.1:4595").ok() } else { None };
    let mut server = home.starting(&["--legacy-ports"], &[]);
    server.wait_until_ready();
    let log = server.log().join("\n");
    if blocker.is_some() {
        assert!(log.contains("old port 127.0.0.1:4595 (cloudsearch) is left out"), "{log}");
    }
    if !log.contains("old port 127.0.0.1:4572") {
        assert!(log.contains("127.0.0.1:4572"), "{log}");
        let mut stream = TcpStream::connect("127.0.0.1:4572").unwrap();
        stream.write_all(b"GET /_localstack/init/ready HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(Answer::parse(&answer).status, 200);
    }
}
