use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;

use super::is_shortage;

/// Bytes of a socket's receive buffer that are asked for: some 1,300 small answers. Few systems
/// give so much to a program without privilege; there the default of 270 must do.
const RECEIVE_BUFFER: usize = 1 << 20;
/// Datagrams read before others have a turn.
const BATCH: usize = 64;
/// Bytes of a datagram that are read. We announce 1,232, and take more from a server that does
/// not listen, as far as a frame usually goes.
const DATAGRAM: usize = 4096;

/// Why there is no socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoSocket {
    /// Descriptors are out; another may end.
    Shortage,
    /// There is no way to such an address.
    Unreachable(String),
}

/// A socket on a random port of the system's choice, connected to a server.
pub(crate) fn open(server: SocketAddr) -> Result<UdpSocket, NoSocket> {
    let open = || -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::for_address(server), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        // Beyond the system's limit if we may, else up to it; neither is needed.
        if rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err()
        {
            let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        }
        socket.connect(&server.into())?;
        UdpSocket::from_std(socket.into())
    };
    open().map_err(|error| {
        if is_shortage(&error) {
            NoSocket::Shortage
        } else {
            NoSocket::Unreachable(error.to_string())
        }
    })
}

/// How sending a datagram went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SendEnd {
    Sent,
    /// There is no room now.
    Later,
    /// Nobody listens there, or, with a reason, the network does not go there.
    Gone(Option<String>),
}

/// Sends at once or not at all.
pub(crate) fn send(socket: &UdpSocket, bytes: &[u8]) -> SendEnd {
    // Past tokio, which would first wait for an event to learn that a new socket is writable.
    match SockRef::from(socket).send(bytes) {
        Ok(_) => SendEnd::Sent,
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => SendEnd::Later,
            io::ErrorKind::ConnectionRefused => SendEnd::Gone(None),
            _ if is_shortage(&error) => SendEnd::Later,
            _ => SendEnd::Gone(Some(error.to_string())),
        },
    }
}

/// What came in.
#[derive(Debug)]
pub(crate) enum Arrival<'a> {
    Datagram(&'a [u8]),
    /// Nobody listens there, or, with a reason, the network does not go there.
    Gone(Option<String>),
}

/// Reads for ever; `each` is called for what comes in, and `rest` after a number of them.
pub(crate) async fn read(
    socket: &UdpSocket,
    mut each: impl FnMut(Arrival<'_>),
    mut rest: impl FnMut(),
) {
    let mut buffer = [0; DATAGRAM];
    loop {
        let ready = socket.readable().await;
        let mut strange = ready.is_err();
        let mut read = 0;
        while read < BATCH && !strange {
            match socket.try_recv(&mut buffer) {
                Ok(length) => each(Arrival::Datagram(&buffer[..length])),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => break,
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::ConnectionRefused => each(Arrival::Gone(None)),
                    io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                        each(Arrival::Gone(Some(error.to_string())));
                    }
                    _ => strange = true,
                },
            }
            read += 1;
        }
        rest();
        if strange {
            // An error that may stay must not make this a busy loop.
            tokio::time::sleep(Duration::from_millis(20)).await;
        } else {
            tokio::task::yield_now().await;
        }
    }
}
