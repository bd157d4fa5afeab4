//! Calls of the commands to a server on this machine: one request, one answer, plain HTTP.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::Value;

/// More than any answer that the commands ask for.
const LONGEST_ANSWER: u64 = 16 << 20;

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// The JSON that `GET url/path` answers.
pub(crate) fn get_json(url: &str, path: &str, limit: Duration) -> io::Result<Value> {
    let body = successful(url, "GET", path, "", limit)?;
    serde_json::from_slice(&body).map_err(io::Error::other)
}

/// `POST url/path` with a JSON body.
pub(crate) fn post_json(url: &str, path: &str, body: &Value, limit: Duration) -> io::Result<()> {
    successful(url, "POST", path, &body.to_string(), limit).map(drop)
}

fn successful(url: &str, method: &str, path: &str, body: &str, limit: Duration) -> io::Result<Vec<u8>> {
    let answer = exchange(url, method, path, body, limit)?;
    if answer.status != 200 {
        return Err(io::Error::other(format!("{path} answered {}", answer.status)));
    }
    Ok(answer.body)
}

/// The answer to one request, whatever its status.
pub(crate) fn exchange(
    url: &str,
    method: &str,
    path: &str,
    body: &str,
    limit: Duration,
) -> io::Result<Answer> {
    let mut answer = Vec::new();
    send(url, method, path, body, limit)?.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(not_http)?;
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).into_owned();
    Ok(Answer { status: status(&head)?, body: answer.split_off(end + 4) })
}

/// The lines of an answer to `GET url/path` as they come. `limit` is for its beginning; what follows may
/// take any time.
pub(crate) fn lines(
    url: &str,
    path: &str,
    limit: Duration,
) -> io::Result<impl Iterator<Item = io::Result<String>> + use<>> {
    let stream = send(url, "GET", path, "", limit)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = status(&line)?;
    if status != 200 {
        return Err(io::Error::other(format!("{path} answered {status}")));
    }
    while !line.trim_end().is_empty() {
        line.clear();
        reader.read_line(&mut line)?;
    }
    stream.set_read_timeout(None)?;
    Ok(reader.lines())
}

fn send(url: &str, method: &str, path: &str, body: &str, limit: Duration) -> io::Result<TcpStream> {
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
    Ok(stream)
}

fn status(head: &str) -> io::Result<u16> {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(not_http)
}

fn not_http() -> io::Error {
    io::Error::other("the answer is not HTTP")
}
