//! Many datagrams with one system call, on sockets that are connected and never block.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::rc::Rc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Datagrams of one call.
pub(crate) const MANY: usize = 32;

/// Bytes of a datagram that are read. Queries announce 1,232; more is taken from a server that does
/// not listen, as far as a frame usually goes.
const DATAGRAM: usize = 4096;

/// Room for what one call reads.
#[derive(Debug)]
pub(crate) struct Arrivals {
    bytes: Box<[u8]>,
    lengths: [usize; MANY],
    /// Of the last one, what the kernel has said of datagrams that found no room.
    dropped: Option<u32>,
}

/// Datagrams that one call sends, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Arrivals {
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0; MANY * DATAGRAM].into_boxed_slice(),
            lengths: [0; MANY],
            dropped: None,
        }
    }

    /// A datagram of the last `receive`, by its number.
    pub(crate) fn datagram(&self, at: usize) -> &[u8] {
        &self.bytes[at * DATAGRAM..][..self.lengths[at]]
    }

    /// How many datagrams the socket has dropped since it was opened, as far as `receive` was told.
    pub(crate) fn dropped(&self) -> Option<u32> {
        self.dropped
    }
}

impl Departures {
    pub(crate) fn push(&mut self, datagram: &[u8]) {
        self.bytes.extend_from_slice(datagram);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn datagram(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[at]]
    }
}

/// Tells the socket to say how many datagrams it has dropped, where the system can (`SO_RXQ_OVFL`,
/// socket(7)). That it can't is no failure.
pub(crate) fn count_drops(socket: &impl AsFd) {
    #[cfg(target_os = "linux")]
    {
        let on: libc::c_int = 1;
        #[expect(unsafe_code, reason = "no crate in the tree has this option")]
        // SAFETY: the descriptor is open for as long as it is borrowed, and the option is an int.
        let _ = unsafe {
            libc::setsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RXQ_OVFL,
                (&raw const on).cast(),
                size_of_val(&on) as libc::socklen_t,
            )
        };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// A socket that lives on when it is watched no longer.
#[derive(Debug)]
pub(crate) struct Watched(Rc<UdpSocket>);

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Has the runtime say when there is something to read.
///
/// # Errors
///
/// As epoll_ctl(2).
pub(crate) fn watched(socket: Rc<UdpSocket>) -> io::Result<AsyncFd<Watched>> {
    #[expect(unsafe_code, reason = "the runtime can't see that the descriptor stays open")]
    // SAFETY: the socket is owned, shared, and never replaced: its descriptor stays open and the same
    // for as long as this lives.
    let watched = unsafe { AsyncFd::register_with_interest(Watched(socket), Interest::READABLE) };
    Ok(watched?)
}

#[cfg(target_os = "linux")]
mod many {
    use std::mem::MaybeUninit;
    use std::ptr;

    use super::{Arrivals, AsFd, AsRawFd, DATAGRAM, Departures, MANY, io};

    /// Bytes of a control message with the number of dropped datagrams: its head and the number, each
    /// on a boundary of eight.
    const CONTROL: usize = 24;

    #[repr(C, align(8))]
    #[derive(Clone, Copy)]
    struct Control([u8; CONTROL]);

    /// Reads what has come, at most [`MANY`]; how many. Never waits.
    ///
    /// # Errors
    ///
    /// As recvmmsg(2). `WouldBlock` when nothing has come.
    pub(crate) fn receive(socket: &impl AsFd, into: &mut Arrivals) -> io::Result<usize> {
        let mut pieces: [libc::iovec; MANY] = std::array::from_fn(|at| libc::iovec {
            iov_base: (&raw mut into.bytes[at * DATAGRAM]).cast(),
            iov_len: DATAGRAM,
        });
        let mut controls = [Control([0; CONTROL]); MANY];
        let mut heads: [libc::mmsghdr; MANY] = std::array::from_fn(|at| {
            let mut head = blank();
            head.msg_hdr.msg_iov = &raw mut pieces[at];
            head.msg_hdr.msg_iovlen = 1;
            head.msg_hdr.msg_control = (&raw mut controls[at]).cast();
            head.msg_hdr.msg_controllen = CONTROL;
            head
        });
        #[expect(unsafe_code, reason = "no crate in the tree has recvmmsg(2)")]
        // SAFETY: each head points to a piece of `into` of its own and to a control buffer, all of
        // which live through the call; the lengths are theirs.
        let read = unsafe {
            libc::recvmmsg(
                socket.as_fd().as_raw_fd(),
                heads.as_mut_ptr(),
                MANY as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        let read = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
        for (length, head) in into.lengths.iter_mut().zip(&heads[..read]) {
            *length = (head.msg_len as usize).min(DATAGRAM);
        }
        into.dropped = heads[..read].last().and_then(|head| drops(&head.msg_hdr));
        Ok(read)
    }

    /// Sends the datagrams from number `from` on; how many went, at least one.
    ///
    /// # Errors
    ///
    /// As sendmmsg(2), when the first of them could not be sent.
    pub(crate) fn send(socket: &impl AsFd, out: &Departures, from: usize) -> io::Result<usize> {
        let count = (out.len() - from).min(MANY);
        let mut pieces: [libc::iovec; MANY] = std::array::from_fn(|at| {
            let bytes = if at < count { out.datagram(from + at) } else { &[] };
            // It is only read from.
            libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
        });
        let mut heads: [libc::mmsghdr; MANY] = std::array::from_fn(|at| {
            let mut head = blank();
            head.msg_hdr.msg_iov = &raw mut pieces[at];
            head.msg_hdr.msg_iovlen = 1;
            head
        });
        #[expect(
            unsafe_code,
            reason = "no crate in the tree has sendmmsg(2) without an allocation"
        )]
        // SAFETY: the first `count` heads point to pieces that point into `out`, all of which live
        // through the call.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_fd().as_raw_fd(),
                heads.as_mut_ptr(),
                count as libc::c_uint,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    fn blank() -> libc::mmsghdr {
        #[expect(unsafe_code, reason = "the struct has private padding on some systems")]
        // SAFETY: all of its fields are numbers and pointers, for which zero is a value.
        unsafe {
            MaybeUninit::zeroed().assume_init()
        }
    }

    #[expect(unsafe_code, reason = "control messages are read with the system's macros")]
    fn drops(head: &libc::msghdr) -> Option<u32> {
        // SAFETY: the kernel has filled the buffer up to `msg_controllen`; the macro gives a message
        // that lies inside of it, or none.
        let message = unsafe { libc::CMSG_FIRSTHDR(head).as_ref() }?;
        let is_ours =
            message.cmsg_level == libc::SOL_SOCKET && message.cmsg_type == libc::SO_RXQ_OVFL;
        // SAFETY: a message of this type holds an u32.
        is_ours.then(|| unsafe { libc::CMSG_DATA(message).cast::<u32>().read_unaligned() })
    }
}

#[cfg(not(target_os = "linux"))]
mod many {
    use rustix::net::{RecvFlags, SendFlags};

    use super::{Arrivals, AsFd, DATAGRAM, Departures, MANY, io};

    /// Reads what has come, at most [`MANY`]; how many. Never waits.
    ///
    /// # Errors
    ///
    /// As recv(2). `WouldBlock` when nothing has come.
    pub(crate) fn receive(socket: &impl AsFd, into: &mut Arrivals) -> io::Result<usize> {
        for at in 0..MANY {
            let room = &mut into.bytes[at * DATAGRAM..][..DATAGRAM];
            match rustix::net::recv(socket, room, RecvFlags::DONTWAIT) {
                Ok((length, _)) => into.lengths[at] = length,
                Err(error) if at == 0 => return Err(error.into()),
                Err(_) => return Ok(at),
            }
        }
        Ok(MANY)
    }

    /// Sends the datagrams from number `from` on; how many went, at least one.
    ///
    /// # Errors
    ///
    /// As send(2), when the first of them could not be sent.
    pub(crate) fn send(socket: &impl AsFd, out: &Departures, from: usize) -> io::Result<usize> {
        for at in from..out.len() {
            match rustix::net::send(socket, out.datagram(at), SendFlags::DONTWAIT) {
                Ok(_) => {}
                Err(error) if at == from => return Err(error.into()),
                Err(_) => return Ok(at - from),
            }
        }
        Ok(out.len() - from)
    }
}

pub(crate) use many::{receive, send};

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (UdpSocket, UdpSocket) {
        let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let (one, other) = (bind(), bind());
        one.connect(other.local_addr().unwrap()).unwrap();
        other.connect(one.local_addr().unwrap()).unwrap();
        other.set_nonblocking(true).unwrap();
        (one, other)
    }

    #[test]
    fn datagrams_go_and_come_in_their_order() {
        let (one, other) = pair();
        let mut out = Departures::default();
        let texts: Vec<_> = (0..MANY + 9).map(|n| "x".repeat(n)).collect();
        texts.iter().for_each(|text| out.push(text.as_bytes()));
        let mut sent = 0;
        while sent < out.len() {
            sent += send(&one, &out, sent).unwrap();
        }
        let mut arrivals = Arrivals::new();
        let mut got = Vec::new();
        while let Ok(count) = receive(&other, &mut arrivals) {
            got.extend((0..count).map(|at| arrivals.datagram(at).to_vec()));
        }
        assert!(got.iter().map(Vec::as_slice).eq(texts.iter().map(String::as_bytes)));
        let nothing = receive(&other, &mut arrivals).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn nobody_at_the_other_end_is_told() {
        let (one, other) = pair();
        drop(other);
        let mut out = Departures::default();
        out.push(b"anyone?");
        assert_eq!(send(&one, &out, 0).unwrap(), 1);
        let told = (0..100).find_map(|_| send(&one, &out, 0).err()).unwrap();
        assert_eq!(told.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_finds_no_room_is_counted() {
        let (one, other) = pair();
        socket2::SockRef::from(&other).set_recv_buffer_size(4096).unwrap();
        count_drops(&other);
        for _ in 0..200 {
            one.send(&[0; 512]).unwrap();
        }
        let mut arrivals = Arrivals::new();
        let mut got = 0;
        while let Ok(count) = receive(&other, &mut arrivals) {
            got += count;
        }
        // The kernel tells it with the next that does find room.
        one.send(b"one more").unwrap();
        assert_eq!(receive(&other, &mut arrivals).unwrap(), 1);
        assert_eq!(arrivals.dropped(), Some(u32::try_from(200 - got).unwrap()));
        assert!(got < 200);
    }
}
