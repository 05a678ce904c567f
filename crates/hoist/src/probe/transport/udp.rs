use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Ready;

use super::is_shortage;
use crate::sys::datagrams::{self, Arrivals, Departures};

/// Bytes of a socket's receive buffer that are asked for: some 1,300 small answers. Few systems
/// give so much to a program without privilege; there the default of 270 must do.
const RECEIVE_BUFFER: usize = 1 << 20;
/// Calls before others have a turn.
const CALLS: usize = 4;
/// After an error that may stay, which must not make a busy loop.
const ERROR_PAUSE: Duration = Duration::from_millis(20);

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
        datagrams::count_drops(&socket);
        socket.connect(&server.into())?;
        Ok(socket.into())
    };
    open().map_err(|error| {
        if is_shortage(&error) {
            NoSocket::Shortage
        } else {
            NoSocket::Unreachable(error.to_string())
        }
    })
}

/// How sending went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SendEnd {
    /// So many.
    Sent(usize),
    /// There is no room now.
    Later,
    /// The way there takes no parcels; each is to be sent by itself.
    OneByOne,
    /// Nobody listens there, or, with a reason, the network does not go there.
    Gone(Option<String>),
}

/// Sends datagrams from number `from` on, at once or not at all; up to `most` of the same length as
/// one parcel.
pub(crate) fn send<T: Copy>(
    socket: &UdpSocket,
    out: &Departures<T>,
    from: usize,
    most: usize,
) -> SendEnd {
    match datagrams::send(socket, out, from, most) {
        Ok(sent) => SendEnd::Sent(sent),
        Err(error) if most > 1 && refuses_parcels(&error) => SendEnd::OneByOne,
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => SendEnd::Later,
            io::ErrorKind::ConnectionRefused => SendEnd::Gone(None),
            _ if is_shortage(&error) => SendEnd::Later,
            _ => SendEnd::Gone(Some(error.to_string())),
        },
    }
}

/// Whether it is the parcel that the kernel or the interface does not take (udp(7)).
fn refuses_parcels(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::IO | Errno::INVAL | Errno::MSGSIZE | Errno::OPNOTSUPP | Errno::NOPROTOOPT)
    )
}

/// What came in.
#[derive(Debug)]
pub(crate) enum Arrival<'a> {
    Datagram(&'a [u8]),
    /// Nobody listens there, or, with a reason, the network does not go there.
    Gone(Option<String>),
    /// So many datagrams have found no room since the socket was opened.
    Dropped(u32),
}

/// What was left when reading stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    Nothing,
    /// Perhaps more.
    More,
    /// An error that may stay.
    Strange,
}

/// Reads what has come; `each` is called for it.
pub(crate) fn receive(
    socket: &UdpSocket,
    arrivals: &mut Arrivals,
    mut each: impl FnMut(Arrival<'_>),
) -> Rest {
    for _ in 0..CALLS {
        match datagrams::receive(socket, arrivals) {
            Ok(count) => {
                (0..count).for_each(|at| each(Arrival::Datagram(arrivals.datagram(at))));
                if let Some(dropped) = arrivals.dropped() {
                    each(Arrival::Dropped(dropped));
                }
                if count < datagrams::MANY {
                    return Rest::Nothing;
                }
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => return Rest::Nothing,
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::ConnectionRefused => each(Arrival::Gone(None)),
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                    each(Arrival::Gone(Some(error.to_string())));
                }
                _ => return Rest::Strange,
            },
        }
    }
    Rest::More
}

/// Calls `read` whenever something has come, for ever.
pub(crate) async fn watch(socket: Rc<UdpSocket>, mut read: impl FnMut(&UdpSocket) -> Rest) {
    // Where it can't be watched it is looked at now and then.
    let watched = datagrams::watched(Rc::clone(&socket));
    loop {
        let ready = match &watched {
            Ok(watched) => watched.readable().await,
            Err(_) => Err(io::ErrorKind::Other.into()),
        };
        let rest = read(&socket);
        match (rest, ready) {
            (Rest::Nothing, Ok(mut ready)) => ready.clear_ready_matching(Ready::READABLE),
            (Rest::More, Ok(_)) => tokio::task::yield_now().await,
            _ => tokio::time::sleep(ERROR_PAUSE).await,
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn where_no_parcel_is_taken_each_goes_alone() {
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket = open(other.local_addr().unwrap()).unwrap();
        let mut out = Departures::new();
        (0..1000).for_each(|n| out.push(b"abc", n));
        // More than any kernel takes as one.
        assert_eq!(send(&socket, &out, 0, 1000), SendEnd::OneByOne);
        let SendEnd::Sent(sent) = send(&socket, &out, 0, 1) else { panic!("one by one") };
        assert!(sent > 0);
        assert_eq!(other.recv(&mut [0; 9]).unwrap(), 3);
    }
}
