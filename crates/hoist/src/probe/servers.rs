use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::Path;

use crate::error::Error;

/// The port of DNS (RFC 1035 §4.2).
const PORT: u16 = 53;
/// Bytes of a resolv.conf or hosts file that are read.
const FILE_MAX: u64 = 16 << 20;

/// Those named outright, then those of a resolv.conf(5), each once. Where neither names one, or the
/// file is missing: 127.0.0.1, as the C library does.
pub(super) fn chosen(named: &[SocketAddr], resolv_conf: &str) -> Vec<SocketAddr> {
    let mut servers = Vec::new();
    for server in named.iter().copied().chain(parse(resolv_conf, interface_index)) {
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    if servers.is_empty() {
        servers.push((Ipv4Addr::LOCALHOST, PORT).into());
    }
    servers
}

/// Takes the `nameserver` lines. What `search` and `options` say is in `search.rs`.
fn parse(text: &str, index_of: impl Fn(&str) -> Option<u32>) -> Vec<SocketAddr> {
    text.lines()
        .filter(|line| !line.starts_with(['#', ';']))
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next() == Some("nameserver")).then(|| words.next())?
        })
        .filter_map(|word| match word.split_once('%') {
            None => Some(SocketAddr::new(word.parse::<IpAddr>().ok()?, PORT)),
            Some((address, scope)) => {
                let address = address.parse::<Ipv6Addr>().ok()?;
                let scope = scope.parse().ok().or_else(|| index_of(scope))?;
                Some(SocketAddrV6::new(address, PORT, 0, scope).into())
            }
        })
        .collect()
}

/// The number of a network interface (RFC 4007 §11.2).
fn interface_index(name: &str) -> Option<u32> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    rustix::net::netdevice::name_to_index(&socket, name).ok()
}

/// The text of a file that may be missing. What is not UTF-8 in it is in comments, or in a line
/// that will be skipped.
pub(super) fn read_bounded(path: &Path) -> Result<String, Error> {
    let failed = |source| Error::Config { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_MAX {
        let text = format!("it is larger than {} MiB", FILE_MAX >> 20);
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, text)));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_and_all_else_is_skipped() {
        let text = "# a comment\n; another\nsearch example\nnameserver 192.0.2.1\n\
                    nameserver\t2001:db8::1  # trailing\nnameserver fe80::1%eth9\n\
                    nameserver fe80::2%7\nnameserver fe80::3%gone\nnameserver ns.example\n\
                    nameserver\n#nameserver 192.0.2.9\noptions timeout:1 attempts:9\r\n\
                    nameserver 192.0.2.2\r\n";
        let index_of = |name: &str| (name == "eth9").then_some(4);
        let shown: Vec<String> = parse(text, index_of).iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "192.0.2.1:53",
                "[2001:db8::1]:53",
                "[fe80::1%4]:53",
                "[fe80::2%7]:53",
                "192.0.2.2:53"
            ]
        );
    }

    #[test]
    fn without_a_file_the_machine_itself_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("resolv.conf");
        let itself: SocketAddr = "127.0.0.1:53".parse().unwrap();
        assert_eq!(chosen(&[], &read_bounded(&file).unwrap()), [itself]);
        assert_eq!(chosen(&[], "search example\n"), [itself]);
        assert!(matches!(read_bounded(dir.path()), Err(Error::Config { .. })));
    }

    #[test]
    fn those_named_outright_come_first_and_none_comes_twice() {
        let file = "nameserver 192.0.2.1\nnameserver 192.0.2.2\n";
        let named = ["192.0.2.2:53", "192.0.2.3:5300"].map(|text| text.parse().unwrap());
        let shown: Vec<String> = chosen(&named, file).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["192.0.2.2:53", "192.0.2.3:5300", "192.0.2.1:53"]);
    }
}
