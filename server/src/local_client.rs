//! Calls of the commands to a server on this machine: one request, one answer, plain HTTP.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::Value;

/// More than any answer that the commands ask for.
const LONGEST_ANSWER: u64 = 16 << 20;

/// The JSON that `GET url/path` answers.
pub(crate) fn get_json(url: &str, path: &str, limit: Duration) -> io::Result<Value> {
    let body = exchange(url, "GET", path, "", limit)?;
    serde_json::from_slice(&body).map_err(io::Error::other)
}

/// `POST url/path` with a JSON body.
pub(crate) fn post_json(url: &str, path: &str, body: &Value, limit: Duration) -> io::Result<()> {
    exchange(url, "POST", path, &body.to_string(), limit).map(drop)
}

fn exchange(url: &str, method: &str, path: &str, body: &str, limit: Duration) -> io::Result<Vec<u8>> {
    let authority = url.strip_prefix("http://").unwrap_or(url);
    let address = authority.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    // HTTP/1.0: the answer is neither chunked nor followed by another one.
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nhost: {authority}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    let not_http = || io::Error::other("the answer is not HTTP");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(not_http)?;
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).into_owned();
    let status = head.split(' ').nth(1).ok_or_else(not_http)?;
    if status != "200" {
        return Err(io::Error::other(format!("{path} answered {status}")));
    }
    Ok(answer.split_off(end + 4))
}
