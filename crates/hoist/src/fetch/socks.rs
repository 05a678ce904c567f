//! A way through a SOCKS 5 proxy (RFC 1928), with user and password where it wants them (RFC 1929).

use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use url::Host;

use super::route::{Place, Unconnected};
use crate::item;
use crate::outcome::{Failure, FailureKind, classify};
use crate::plan::Credentials;

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;

/// Asks the proxy at the other end of `io` for a connection to `address`, or, where there is none, to
/// the name of `destination`. What is said through `io` afterwards is said to that. All messages have a
/// length that is known, so not a byte too many is read. Reasons do not name the proxy.
pub(super) async fn open<T>(
    io: &mut T,
    destination: &Place,
    address: Option<IpAddr>,
    credentials: Option<&Credentials>,
) -> Result<(), Unconnected>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let methods: &[u8] = match credentials {
        None => &[VERSION, 1, NO_AUTHENTICATION],
        Some(_) => &[VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
    };
    write(io, methods).await?;
    let [version, method] = read(io).await?;
    if version != VERSION {
        return Err(hopeless("it does not speak SOCKS 5"));
    }
    match (method, credentials) {
        (NO_AUTHENTICATION, _) => {}
        (USER_AND_PASSWORD, Some(credentials)) => introduce(io, credentials).await?,
        (_, Some(_)) => return Err(hopeless("it takes no user and password")),
        (_, None) => {
            return Err(hopeless("it wants a user and password, as socks5://USER:PASS@HOST:PORT"));
        }
    }
    write(io, &request(destination, address)?).await?;
    let [version, reply, _, kind] = read(io).await?;
    if version != VERSION {
        return Err(hopeless("its reply is not SOCKS 5"));
    }
    if reply != 0 {
        return Err(refusal(reply, destination));
    }
    // The address that it connects from, of use to nobody here.
    match kind {
        1 => drop(read::<_, 6>(io).await?),
        3 => {
            let [length] = read(io).await?;
            let mut rest = [0; 255 + 2];
            let rest = &mut rest[..usize::from(length) + 2];
            io.read_exact(rest).await.map_err(|error| classify::proxy(&error))?;
        }
        4 => drop(read::<_, 18>(io).await?),
        _ => return Err(hopeless("its reply is not SOCKS 5")),
    }
    Ok(())
}

/// RFC 1929.
async fn introduce<T>(io: &mut T, credentials: &Credentials) -> Result<(), Unconnected>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut message = vec![1];
    for text in [credentials.user(), credentials.password()] {
        let length = u8::try_from(text.len());
        message.push(length.map_err(|_| hopeless("the user or password is too long for SOCKS"))?);
        message.extend_from_slice(text.as_bytes());
    }
    write(io, &message).await?;
    match read(io).await? {
        [_, 0] => Ok(()),
        _ => Err(hopeless("it does not take this user and password")),
    }
}

/// CONNECT (RFC 1928 §4).
fn request(destination: &Place, address: Option<IpAddr>) -> Result<Vec<u8>, Unconnected> {
    let host = match address {
        Some(IpAddr::V4(v4)) => Host::Ipv4(v4),
        Some(IpAddr::V6(v6)) => Host::Ipv6(v6),
        None => item::host(&destination.host),
    };
    let mut message = vec![VERSION, 1, 0];
    match host {
        Host::Ipv4(v4) => {
            message.push(1);
            message.extend_from_slice(&v4.octets());
        }
        Host::Domain(name) => {
            message.push(3);
            let length = u8::try_from(name.len());
            message.push(length.map_err(|_| hopeless("the host's name is too long for SOCKS"))?);
            message.extend_from_slice(name.as_bytes());
        }
        Host::Ipv6(v6) => {
            message.push(4);
            message.extend_from_slice(&v6.octets());
        }
    }
    message.extend_from_slice(&destination.port.to_be_bytes());
    Ok(message)
}

/// RFC 1928 §6.
fn refusal(reply: u8, destination: &Place) -> Unconnected {
    let (kind, lasts, what) = match reply {
        2 => (FailureKind::ConnectFailed, true, "its rules do not allow a connection to"),
        3 => (FailureKind::ConnectFailed, false, "it reaches no network of"),
        4 => (FailureKind::ConnectFailed, false, "it does not reach"),
        5 => (FailureKind::ConnectRefused, false, "it was refused the connection by"),
        6 => (FailureKind::ConnectTimeout, false, "it got no answer in time from"),
        7 | 8 => (FailureKind::ConnectFailed, true, "it can make no such connection as to"),
        _ => (FailureKind::ConnectFailed, false, "it could not connect to"),
    };
    let failure = Failure::new(kind, format!("{what} {destination} (reply {reply})"));
    Unconnected { failure, hopeless: lasts }
}

fn hopeless(reason: &str) -> Unconnected {
    Unconnected { failure: Failure::new(FailureKind::ConnectFailed, reason), hopeless: true }
}

async fn write<T: AsyncWrite + Unpin>(io: &mut T, message: &[u8]) -> Result<(), Failure> {
    io.write_all(message).await.map_err(|error| classify::proxy(&error))?;
    io.flush().await.map_err(|error| classify::proxy(&error))
}

async fn read<T: AsyncRead + Unpin, const N: usize>(io: &mut T) -> Result<[u8; N], Failure> {
    let mut message = [0; N];
    io.read_exact(&mut message).await.map_err(|error| classify::proxy(&error))?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    /// Plays a proxy that says `answers` each after one message, and tells what it was told.
    async fn opened(
        host: &str,
        credentials: Option<&Credentials>,
        answers: &[&[u8]],
    ) -> (Vec<Vec<u8>>, Result<(), (FailureKind, bool)>) {
        let (mut ours, mut theirs) = duplex(4096);
        let destination = Place { host: host.into(), port: 0x0102 };
        let proxy = async {
            let mut told = Vec::new();
            for answer in answers {
                let mut message = vec![0; 1000];
                let n = theirs.read(&mut message).await.unwrap();
                told.push(message[..n].to_owned());
                theirs.write_all(answer).await.unwrap();
            }
            // What the server behind it says.
            let _ = theirs.write_all(b"hello").await;
            drop(theirs);
            told
        };
        let asked = async {
            let opened = open(&mut ours, &destination, None, credentials).await;
            if opened.is_ok() {
                let mut rest = Vec::new();
                ours.read_to_end(&mut rest).await.unwrap();
                assert_eq!(rest, b"hello", "nothing of the server's was read");
            }
            opened.map_err(|error| (error.failure.kind, error.hopeless))
        };
        tokio::join!(proxy, asked)
    }

    const OPEN: &[u8] = &[5, 0, 0, 1, 1, 2, 3, 4, 5, 6];

    #[tokio::test]
    async fn a_name_and_an_address_are_asked_for() {
        for (host, asked) in [
            ("a.example", [b"\x05\x01\x00\x03\x09a.example\x01\x02".as_slice()]),
            ("127.0.0.1", [b"\x05\x01\x00\x01\x7f\x00\x00\x01\x01\x02"]),
            ("[::1]", [b"\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x01\x02"]),
        ] {
            let (told, result) = opened(host, None, &[&[5, 0], OPEN]).await;
            assert_eq!((told[0].as_slice(), result), (b"\x05\x01\x00".as_slice(), Ok(())));
            assert_eq!(told[1..], asked);
        }
        let secrets = Credentials::new("me", "secret").unwrap();
        let named: &[u8] = &[5, 0, 0, 3, 2, b'h', b'i', 0, 80];
        let (told, result) = opened("a", Some(&secrets), &[&[5, 2], &[1, 0], named]).await;
        assert_eq!((told[1].as_slice(), result), (b"\x01\x02me\x06secret".as_slice(), Ok(())));
        let (told, result) = opened("a", Some(&secrets), &[&[5, 0], OPEN]).await;
        assert_eq!(result, Ok(()));
        assert!(!told.concat().windows(6).any(|window| window == b"secret"), "nobody asked");
    }

    #[tokio::test]
    async fn refusals_say_whether_to_ask_again() {
        use FailureKind::{ConnectFailed, ConnectRefused, ConnectTimeout};
        for (reply, expected) in [
            (1, (ConnectFailed, false)),
            (2, (ConnectFailed, true)),
            (3, (ConnectFailed, false)),
            (4, (ConnectFailed, false)),
            (5, (ConnectRefused, false)),
            (6, (ConnectTimeout, false)),
            (7, (ConnectFailed, true)),
            (8, (ConnectFailed, true)),
            (200, (ConnectFailed, false)),
        ] {
            let (_, result) =
                opened("a", None, &[&[5, 0], &[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]]).await;
            assert_eq!(result, Err(expected), "{reply}");
        }
        let secrets = Credentials::new("me", "secret").unwrap();
        for (credentials, answers) in [
            (None, &[&b"HTTP/1.1 400 Bad"[..]][..]),
            (None, &[&[5, 0xff]]),
            (None, &[&[5, 2]]),
            (Some(&secrets), &[&[5, 0xff]]),
            (Some(&secrets), &[&[5, 2], &[1, 1]]),
            (None, &[&[5, 0], &[4, 0, 0, 1]]),
            (None, &[&[5, 0], &[5, 0, 0, 9]]),
        ] {
            let (_, result) = opened("a", credentials, answers).await;
            assert_eq!(result, Err((ConnectFailed, true)), "{answers:?}");
        }
    }
}
