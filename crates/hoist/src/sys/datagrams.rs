//! Many datagrams with one system call, on sockets that are connected and never block.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::rc::Rc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Datagrams that one call reads, and parcels that one call sends.
pub(crate) const MANY: usize = 32;

/// Datagrams of the same length that the kernel takes as one parcel, and takes apart as late as it can
/// (`UDP_SEGMENT`, udp(7)): sending then costs half. More are refused by older kernels.
pub(crate) const TOGETHER: usize = 64;

/// Bytes of a datagram that are read. Queries announce 1,232; more is taken from a server that does
/// not listen, as far as a frame usually goes.
const DATAGRAM: usize = 4096;

/// Room for what one call reads.
#[derive(Debug)]
pub(crate) struct Arrivals {
    bytes: Box<[u8]>,
    lengths: [usize; MANY],
    /// Of the first one, what the kernel has said of datagrams that found no room.
    dropped: Option<u32>,
}

/// Datagrams to be sent, with what whoever sends them knows them by. They stand in an order that puts
/// those of the same length together.
#[derive(Debug)]
pub(crate) struct Departures<T> {
    /// By their length in bytes.
    of_length: Vec<Rank<T>>,
    /// Lengths of which there are some.
    lengths: Vec<usize>,
    count: usize,
}

/// Datagrams of one length, one behind the other.
#[derive(Debug)]
struct Rank<T> {
    bytes: Vec<u8>,
    tags: Vec<T>,
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

impl<T: Copy> Departures<T> {
    pub(crate) fn new() -> Self {
        Self { of_length: Vec::new(), lengths: Vec::new(), count: 0 }
    }

    /// Adds a datagram, which must not be empty.
    pub(crate) fn push(&mut self, datagram: &[u8], tag: T) {
        debug_assert!(!datagram.is_empty());
        let length = datagram.len();
        if self.of_length.len() <= length {
            self.of_length.resize_with(length + 1, || Rank { bytes: Vec::new(), tags: Vec::new() });
        }
        let rank = &mut self.of_length[length];
        if rank.tags.is_empty() {
            self.lengths.push(length);
        }
        rank.bytes.extend_from_slice(datagram);
        rank.tags.push(tag);
        self.count += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn clear(&mut self) {
        for length in self.lengths.drain(..) {
            let rank = &mut self.of_length[length];
            rank.bytes.clear();
            rank.tags.clear();
        }
        self.count = 0;
    }

    /// The tags from a datagram on, in order.
    pub(crate) fn tags(&self, from: usize) -> impl Iterator<Item = T> {
        self.lengths.iter().flat_map(|length| &self.of_length[*length].tags).skip(from).copied()
    }

    /// How many of those from a datagram on make a parcel.
    pub(crate) fn together(&self, from: usize, most: usize) -> usize {
        self.parcels(from, most).next().map_or(0, |parcel| parcel.count())
    }

    fn parcels(&self, from: usize, most: usize) -> impl Iterator<Item = Parcel<'_>> {
        let mut skip = from;
        self.lengths.iter().flat_map(move |&length| {
            let rank = &self.of_length[length];
            let start = skip.min(rank.tags.len());
            skip -= start;
            let parcels = rank.bytes[start * length..].chunks(length * most);
            parcels.map(move |bytes| Parcel { bytes, length })
        })
    }
}

/// Datagrams that are handed over as one.
struct Parcel<'a> {
    bytes: &'a [u8],
    /// Of each of them.
    length: usize,
}

impl Parcel<'_> {
    fn count(&self) -> usize {
        self.bytes.len() / self.length
    }
}

/// Tells the socket to say how many datagrams it has dropped, where the system can (`SO_RXQ_OVFL`,
/// socket(7)). That it can't is no failure.
pub(crate) fn count_drops(socket: &impl AsFd) {
    #[cfg(target_os = "linux")]
    {
        const INT: libc::socklen_t = 4;
        let on: libc::c_int = 1;
        #[expect(unsafe_code, reason = "no crate in the tree has this option")]
        // SAFETY: the descriptor is open for as long as it is borrowed, and the option is an int.
        let _ = unsafe {
            libc::setsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RXQ_OVFL,
                (&raw const on).cast(),
                INT,
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
/// As `epoll_ctl(2)`.
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
    /// `MANY`, as the system has it.
    const CALL: libc::c_uint = 32;
    const _: () = assert!(CALL as usize == MANY);

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
        let mut control = Control([0; CONTROL]);
        let mut heads: [libc::mmsghdr; MANY] = std::array::from_fn(|at| {
            let mut head = blank();
            head.msg_hdr.msg_iov = &raw mut pieces[at];
            head.msg_hdr.msg_iovlen = 1;
            head
        });
        // That of the first says it for all that were there.
        heads[0].msg_hdr.msg_control = (&raw mut control).cast();
        heads[0].msg_hdr.msg_controllen = CONTROL;
        #[expect(unsafe_code, reason = "no crate in the tree has recvmmsg(2)")]
        // SAFETY: each head points to a piece of `into` of its own, the first also to the control
        // buffer, all of which live through the call; the lengths are theirs.
        let read = unsafe {
            libc::recvmmsg(
                socket.as_fd().as_raw_fd(),
                heads.as_mut_ptr(),
                CALL,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        let read = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
        for (length, head) in into.lengths.iter_mut().zip(&heads[..read]) {
            *length = (head.msg_len as usize).min(DATAGRAM);
        }
        into.dropped = heads[..read].first().and_then(|head| drops(&head.msg_hdr));
        Ok(read)
    }

    /// Sends the datagrams from number `from` on, up to `most` of the same length as one; how many
    /// went, at least one.
    ///
    /// # Errors
    ///
    /// As sendmmsg(2), when the first parcel could not be sent.
    pub(crate) fn send<T: Copy>(
        socket: &impl AsFd,
        out: &Departures<T>,
        from: usize,
        most: usize,
    ) -> io::Result<usize> {
        let mut pieces = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; MANY];
        let mut controls = [Control([0; CONTROL]); MANY];
        let mut heads = [blank(); MANY];
        let mut counts = [0; MANY];
        let mut parcels: libc::c_uint = 0;
        for (at, parcel) in out.parcels(from, most).take(MANY).enumerate() {
            let bytes = parcel.bytes;
            // It is only read from.
            pieces[at] =
                libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
            counts[at] = parcel.count();
            let head = &mut heads[at].msg_hdr;
            head.msg_iov = &raw mut pieces[at];
            head.msg_iovlen = 1;
            if counts[at] > 1 {
                head.msg_control = (&raw mut controls[at]).cast();
                head.msg_controllen = CONTROL;
                // No datagram is longer than 65,535 bytes.
                segment(head, u16::try_from(parcel.length).unwrap_or(u16::MAX));
            }
            parcels += 1;
        }
        #[expect(
            unsafe_code,
            reason = "no crate in the tree has sendmmsg(2) without an allocation"
        )]
        // SAFETY: the first heads, as many as there are parcels, point to pieces that point into
        // `out`, and to control buffers; all of these live through the call.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_fd().as_raw_fd(),
                heads.as_mut_ptr(),
                parcels,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
        let sent = usize::try_from(sent).map_err(|_| io::Error::last_os_error())?;
        Ok(counts[..sent].iter().sum())
    }

    /// Says where to take a parcel apart. The head has a control buffer.
    fn segment(head: &mut libc::msghdr, length: u16) {
        #[expect(unsafe_code, reason = "control messages are written with the system's macros")]
        // SAFETY: the buffer has room for a message with eight bytes, and this one has two.
        unsafe {
            let message = libc::CMSG_FIRSTHDR(head);
            (*message).cmsg_level = libc::SOL_UDP;
            (*message).cmsg_type = libc::UDP_SEGMENT;
            (*message).cmsg_len = libc::CMSG_LEN(2) as _;
            libc::CMSG_DATA(message).cast::<u16>().write_unaligned(length);
        }
        head.msg_controllen = CONTROL;
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
    pub(crate) fn send<T: Copy>(
        socket: &impl AsFd,
        out: &Departures<T>,
        from: usize,
        _: usize,
    ) -> io::Result<usize> {
        let mut sent = 0;
        for parcel in out.parcels(from, 1) {
            match rustix::net::send(socket, parcel.bytes, SendFlags::DONTWAIT) {
                Ok(_) => sent += 1,
                Err(error) if sent == 0 => return Err(error.into()),
                Err(_) => break,
            }
        }
        Ok(sent)
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

    fn all_sent(out: &Departures<usize>, most: usize) -> Vec<Vec<u8>> {
        let (one, other) = pair();
        let mut sent = 0;
        while sent < out.len() {
            sent += send(&one, out, sent, most).unwrap();
        }
        assert_eq!(sent, out.len());
        let mut arrivals = Arrivals::new();
        let mut got = Vec::new();
        while let Ok(count) = receive(&other, &mut arrivals) {
            got.extend((0..count).map(|at| arrivals.datagram(at).to_vec()));
        }
        let nothing = receive(&other, &mut arrivals).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        got
    }

    #[test]
    fn datagrams_go_alone_or_together_and_come_whole() {
        let mut out = Departures::new();
        let texts: Vec<_> =
            (0..MANY * 5).map(|n| format!("{n:0width$}", width = 3 + n % 2)).collect();
        for (tag, text) in texts.iter().enumerate() {
            out.push(text.as_bytes(), tag);
        }
        let expected: Vec<_> = out.tags(0).map(|tag| texts[tag].clone().into_bytes()).collect();
        assert_eq!(expected.len(), texts.len());
        for most in [1, 7, TOGETHER] {
            assert_eq!(all_sent(&out, most), expected, "{most} together");
        }
        assert_eq!(out.together(0, TOGETHER), TOGETHER);
        assert_eq!(out.together(79, TOGETHER), 1);
        assert!(out.tags(150).eq((0..MANY * 5).filter(|n| n % 2 == 1).skip(70)));
        out.clear();
        assert!(out.len() == 0 && out.tags(0).next().is_none());
        out.push(b"again", 0);
        assert_eq!(all_sent(&out, TOGETHER), [b"again"]);
    }

    #[test]
    fn nobody_at_the_other_end_is_told() {
        let (one, other) = pair();
        drop(other);
        let mut out = Departures::new();
        out.push(b"anyone?", ());
        assert_eq!(send(&one, &out, 0, 1).unwrap(), 1);
        let told = (0..100).find_map(|_| send(&one, &out, 0, 1).err()).unwrap();
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
