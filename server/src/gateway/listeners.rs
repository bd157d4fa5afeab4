//! The sockets: bound first, so that a port that is taken is known before anything runs; opened
//! when there is something to serve.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};

use super::{Gateway, connection, legacy_ports};
use crate::addresses::HostPort;
use crate::cloud::{Admin, Pipeline};
use crate::failure::{Failure, Kind};

/// Connections that are served at the same time; further ones wait in the kernel's queue.
const MOST_CONNECTIONS: u32 = 8192;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;

/// Files that are needed for other things than connections.
const OTHER_FILES: u64 = 256;

/// An address that belongs to this server, where nobody is listened to yet.
#[derive(Debug)]
pub(crate) struct Bound {
    socket: TcpSocket,
    pub(crate) address: SocketAddr,
}

/// Takes all addresses, and the old ports on the same hosts when they are wanted.
///
/// The first address is the one that hooks and other commands use.
pub(crate) fn bind(addresses: &[HostPort], with_legacy_ports: bool) -> Result<Vec<Bound>, Failure> {
    let mut bound: Vec<Bound> = Vec::new();
    for address in addresses {
        let candidates = resolve(address)?;
        let several = candidates.len() > 1;
        let before = bound.len();
        let mut last = None;
        for candidate in candidates {
            match bind_one(candidate) {
                Ok(socket) => bound.push(socket),
                // `localhost` may stand for ::1 on a machine without IPv6.
                Err(error) if several && error.kind() == ErrorKind::AddrNotAvailable => last = Some(error),
                Err(error) => return Err(explain(address, &error)),
            }
        }
        if let (true, Some(error)) = (bound.len() == before, last) {
            return Err(explain(address, &error));
        }
    }
    if with_legacy_ports {
        let taken: Vec<SocketAddr> = bound.iter().map(|bound| bound.address).collect();
        let mut hosts: Vec<IpAddr> = taken.iter().map(SocketAddr::ip).collect();
        hosts.dedup();
        for host in hosts {
            for port in legacy_ports::RANGE {
                let address = SocketAddr::new(host, port);
                if taken.contains(&address) {
                    continue;
                }
                match bind_one(address) {
                    Ok(socket) => bound.push(socket),
                    Err(error) => {
                        let service = legacy_ports::service(port).unwrap_or("no service");
                        tracing::warn!("old port {address} ({service}) is left out: {error}");
                    }
                }
            }
        }
    }
    Ok(bound)
}

fn resolve(address: &HostPort) -> Result<Vec<SocketAddr>, Failure> {
    let resolved = (address.host.as_str(), address.port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    match resolved {
        Ok(candidates) if !candidates.is_empty() => {
            let mut unique: Vec<SocketAddr> = Vec::new();
            for candidate in candidates {
                if !unique.contains(&candidate) {
                    unique.push(candidate);
                }
            }
            // With port 0 every address would get a port of its own.
            if address.port == 0 {
                unique.truncate(1);
            }
            Ok(unique)
        }
        _ => {
            let message = format!(
                "cannot listen on {address}: `{}` is not a name or address of this machine; use an IP address",
                address.host
            );
            Err(Failure::new(Kind::Address, message))
        }
    }
}

fn bind_one(address: SocketAddr) -> std::io::Result<Bound> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that has just ended must not keep its successor waiting.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let address = socket.local_addr()?;
    Ok(Bound { socket, address })
}

fn explain(address: &HostPort, error: &std::io::Error) -> Failure {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => format!(
            "the port is in use; stop what uses it (`cloudtwin stop`, `lsof -i :{}`) or choose another one with --port",
            address.port
        ),
        ErrorKind::AddrNotAvailable => {
            "this machine does not have that address; choose another one with --host".to_owned()
        }
        ErrorKind::PermissionDenied => {
            "ports below 1024 need root; choose another one with --port".to_owned()
        }
        _ => error.to_string(),
    };
    Failure::new(Kind::Address, format!("cannot listen on {address}: {advice}"))
}

/// The URL at which this machine reaches a server that listens on `address`.
pub(crate) fn local_url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// The open sockets and the connections on them.
#[derive(Debug)]
pub(crate) struct Listeners {
    permits: Arc<Semaphore>,
    most: u32,
    stop: watch::Sender<bool>,
}

impl Listeners {
    /// Opens the sockets and serves what comes in.
    pub(crate) fn open<C: Pipeline + Admin>(
        bound: Vec<Bound>,
        gateway: &Arc<Gateway<C>>,
    ) -> Result<Self, Failure> {
        let most = connections_allowed();
        let permits = Arc::new(Semaphore::new(most as usize));
        let (stop, stopped) = watch::channel(false);
        for Bound { socket, address } in bound {
            let listener = socket.listen(BACKLOG).map_err(|error| {
                explain(&HostPort { host: address.ip().to_string(), port: address.port() }, &error)
            })?;
            tokio::spawn(accept(listener, Arc::clone(gateway), Arc::clone(&permits), stopped.clone()));
        }
        Ok(Self { permits, most, stop })
    }

    /// Stops listening and waits until every request that is under way is answered, for `limit`
    /// at most. False when some were not.
    pub(crate) async fn close(self, limit: Duration) -> bool {
        self.stop.send_replace(true);
        // Every connection gives back its permit.
        tokio::time::timeout(limit, self.permits.acquire_many(self.most)).await.is_ok()
    }
}

/// Raises the limit on open files as far as it goes, and stays below it.
fn connections_allowed() -> u32 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let files = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    // No limit at all is none.
    let files = files.unwrap_or(u64::MAX);
    let allowed = files.saturating_sub(OTHER_FILES).clamp(64, u64::from(MOST_CONNECTIONS));
    u32::try_from(allowed).unwrap_or(MOST_CONNECTIONS)
}

async fn accept<C: Pipeline + Admin>(
    listener: TcpListener,
    gateway: Arc<Gateway<C>>,
    permits: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let accepted = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accepted => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Small answers must not wait for the client's delayed acknowledgement.
                let _ = stream.set_nodelay(true);
                let gateway = Arc::clone(&gateway);
                let stop = stop.clone();
                tokio::spawn(async move {
                    let _permit = permit;
                    connection::serve(stream, peer, gateway, stop).await;
                });
            }
            // The client has gone before it was served.
            Err(error)
                if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                // Out of file descriptors or memory: it passes when a connection ends.
                tracing::warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> HostPort {
        HostPort::parse(text, "127.0.0.1", 0).unwrap()
    }

    #[tokio::test]
    async fn a_port_in_use_is_a_failure_that_says_what_to_do() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let failure = bind(&[host(&format!("127.0.0.1:{port}"))], false).unwrap_err();
        assert_eq!(failure.kind(), Kind::Address);
        assert_eq!(
            failure.to_string(),
            format!(
                "cannot listen on 127.0.0.1:{port}: the port is in use; stop what uses it (`cloudtwin stop`, \
                 `lsof -i :{port}`) or choose another one with --port"
            )
        );
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_refused() {
        let failure = bind(&[host("192.0.2.1:4566")], false).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "cannot listen on 192.0.2.1:4566: this machine does not have that address; choose another one with --host"
        );
    }

    #[test]
    fn a_wildcard_address_is_reached_through_loopback() {
        assert_eq!(local_url("0.0.0.0:4566".parse().unwrap()), "http://127.0.0.1:4566");
        assert_eq!(local_url("[::]:4566".parse().unwrap()), "http://[::1]:4566");
        assert_eq!(local_url("10.0.0.1:80".parse().unwrap()), "http://10.0.0.1:80");
    }
}
