//! Opening the sockets of a server: the same port on every address, in both families.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, UdpSocket};

use rustix::net::sockopt;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections the system queues for us before we accept them.
const BACKLOG: i32 = 4096;
/// Tries to find one port free on all addresses, when the caller leaves it to us.
const PORT_TRIES: u32 = 64;
/// Receive buffer asked for: clients send thousands of queries at once.
const UDP_BUFFER: usize = 64 << 20;

pub(crate) fn tcp(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = closed(addr)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A port that is taken, and that nobody listens at: connections to it are refused.
pub(crate) fn closed(addr: SocketAddr) -> io::Result<Socket> {
    let socket = open(addr, Type::STREAM, Protocol::TCP)?;
    // So that a port can be taken again at once after a stop.
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

pub(crate) fn udp(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(addr, Type::DGRAM, Protocol::UDP)?;
    grow_receive_buffer(&socket);
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

fn open(addr: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), kind, Some(protocol))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// As large as the system lets us: `SO_RCVBUFFORCE` passes its limit for those who may, `SO_RCVBUF`
/// is cut to it silently.
fn grow_receive_buffer(socket: &Socket) {
    if sockopt::set_socket_recv_buffer_size_force(socket, UDP_BUFFER).is_err() {
        let _ = socket.set_recv_buffer_size(UDP_BUFFER);
    }
}

/// Opens every address with `open`, all on one port. With port 0 a free one is chosen. An address of
/// a family that this machine lacks is skipped, as long as one is left.
pub(crate) fn all<S>(
    addrs: &[SocketAddr],
    mut open: impl FnMut(SocketAddr) -> io::Result<(SocketAddr, S)>,
) -> io::Result<Vec<(SocketAddr, S)>> {
    let mut tries = 0;
    loop {
        tries += 1;
        match once(addrs, &mut open) {
            Err((error, true)) if error.kind() == ErrorKind::AddrInUse && tries < PORT_TRIES => {}
            Err((error, _)) => return Err(error),
            Ok(sockets) => return Ok(sockets),
        }
    }
}

/// The flag of the error says that another port may do better.
fn once<S>(
    addrs: &[SocketAddr],
    open: &mut impl FnMut(SocketAddr) -> io::Result<(SocketAddr, S)>,
) -> Result<Vec<(SocketAddr, S)>, (io::Error, bool)> {
    let mut chosen = None;
    let mut sockets = Vec::new();
    let mut skipped = None;
    for &addr in addrs {
        let mut addr = addr;
        let free = addr.port() == 0;
        if let (true, Some(port)) = (free, chosen) {
            addr.set_port(port);
        }
        match open(addr) {
            Ok((at, socket)) => {
                chosen.get_or_insert(at.port());
                sockets.push((at, socket));
            }
            Err(error) if lacks_family(&error) => skipped = Some(error),
            Err(error) => return Err((error, free)),
        }
    }
    if sockets.is_empty() {
        let none = || io::Error::new(ErrorKind::InvalidInput, "no address to listen on");
        return Err((skipped.unwrap_or_else(none), false));
    }
    Ok(sockets)
}

fn lacks_family(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no kind of its own in std.
    const EAFNOSUPPORT: i32 = 97;
    error.kind() == ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(EAFNOSUPPORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(addr: SocketAddr) -> io::Result<(SocketAddr, TcpListener)> {
        let listener = tcp(addr)?;
        Ok((listener.local_addr()?, listener))
    }

    #[test]
    fn one_port_on_all_addresses() {
        let addrs = ["127.0.0.1:0", "127.0.0.2:0"].map(|a| a.parse().unwrap());
        let sockets = all(&addrs, listen).unwrap();
        assert_eq!(sockets.len(), 2);
        assert_eq!(sockets[0].0.port(), sockets[1].0.port());
    }

    #[test]
    fn an_address_this_machine_lacks_is_skipped_but_not_all() {
        let addrs = ["192.0.2.1:0", "127.0.0.1:0"].map(|a| a.parse().unwrap());
        assert_eq!(all(&addrs, listen).unwrap().len(), 1);
        assert!(all(&addrs[..1], listen).is_err());
        assert!(all(&[], listen).is_err());
    }

    #[test]
    fn a_taken_port_is_an_error() {
        let (addr, _held) = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_eq!(all(&[addr], listen).unwrap_err().kind(), ErrorKind::AddrInUse);
    }
}
