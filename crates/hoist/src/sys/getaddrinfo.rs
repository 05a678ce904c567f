use std::ffi::{CStr, CString};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

use crate::plan::Family;

/// Why getaddrinfo(3) gave no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absent {
    /// It says that there is none: the name does not exist, or has no address of the family.
    No,
    /// It could not tell; with the code's name and text.
    Unknown(String),
}

// glibc's values (netdb.h); `libc` has not all of them for every system.
const EAI_NODATA: libc::c_int = -5;
const EAI_ADDRFAMILY: libc::c_int = -9;

/// Asks the system for the addresses of a name, with all that is set up there. Blocks for as long
/// as the system likes.
pub(crate) fn getaddrinfo(name: &str, family: Family) -> Result<Vec<IpAddr>, Absent> {
    let name = CString::new(name)
        .map_err(|_| Absent::Unknown("a name can't hold a zero byte".to_owned()))?;
    let hints = libc::addrinfo {
        ai_flags: 0,
        ai_family: match family {
            Family::Any => libc::AF_UNSPEC,
            Family::V4 => libc::AF_INET,
            Family::V6 => libc::AF_INET6,
        },
        // One type of socket, for else each address comes three times.
        ai_socktype: libc::SOCK_STREAM,
        ai_protocol: 0,
        ai_addrlen: 0,
        ai_addr: ptr::null_mut(),
        ai_canonname: ptr::null_mut(),
        ai_next: ptr::null_mut(),
    };
    let mut list = ptr::null_mut();
    #[expect(unsafe_code, reason = "getaddrinfo(3) has no safe wrapper that keeps its codes")]
    // SAFETY: the name ends in a zero byte; hints and list live through the call; no service is
    // asked for, which a null pointer says.
    let code =
        unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &raw const hints, &raw mut list) };
    let errno = io::Error::last_os_error();
    match code {
        0 => {
            let list = List(list);
            let addresses = list.addresses();
            if addresses.is_empty() { Err(Absent::No) } else { Ok(addresses) }
        }
        libc::EAI_NONAME | EAI_NODATA | EAI_ADDRFAMILY => Err(Absent::No),
        libc::EAI_SYSTEM => Err(Absent::Unknown(format!("EAI_SYSTEM: {errno}"))),
        other => Err(Absent::Unknown(format!("{}: {}", name_of(other), text_of(other)))),
    }
}

/// What getaddrinfo allocated.
struct List(*mut libc::addrinfo);

impl List {
    fn addresses(&self) -> Vec<IpAddr> {
        let mut addresses = Vec::new();
        let mut next = self.0;
        while !next.is_null() {
            #[expect(unsafe_code, reason = "the list of getaddrinfo(3) is made of pointers")]
            // SAFETY: the pointer is from getaddrinfo's list, which is freed only when `self` is
            // dropped, and not null.
            let info = unsafe { &*next };
            addresses.extend(address(info));
            next = info.ai_next;
        }
        addresses
    }
}

impl Drop for List {
    fn drop(&mut self) {
        if !self.0.is_null() {
            #[expect(unsafe_code, reason = "the list of getaddrinfo(3) is freed by hand")]
            // SAFETY: it came from getaddrinfo, and nothing borrowed from it lives longer.
            unsafe {
                libc::freeaddrinfo(self.0);
            }
        }
    }
}

fn address(info: &libc::addrinfo) -> Option<IpAddr> {
    if info.ai_addr.is_null() {
        return None;
    }
    let length = usize::try_from(info.ai_addrlen).ok()?;
    match info.ai_family {
        libc::AF_INET if length >= size_of::<libc::sockaddr_in>() => {
            #[expect(unsafe_code, reason = "the socket address is a C union by family")]
            // SAFETY: family and length say that it is a sockaddr_in; read without regard to
            // its alignment.
            let address = unsafe { info.ai_addr.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 if length >= size_of::<libc::sockaddr_in6>() => {
            #[expect(unsafe_code, reason = "the socket address is a C union by family")]
            // SAFETY: as above, a sockaddr_in6.
            let address = unsafe { info.ai_addr.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

fn name_of(code: libc::c_int) -> String {
    match code {
        libc::EAI_AGAIN => "EAI_AGAIN".to_owned(),
        libc::EAI_FAIL => "EAI_FAIL".to_owned(),
        libc::EAI_MEMORY => "EAI_MEMORY".to_owned(),
        libc::EAI_FAMILY => "EAI_FAMILY".to_owned(),
        libc::EAI_BADFLAGS => "EAI_BADFLAGS".to_owned(),
        libc::EAI_OVERFLOW => "EAI_OVERFLOW".to_owned(),
        other => format!("EAI {other}"),
    }
}

fn text_of(code: libc::c_int) -> String {
    #[expect(unsafe_code, reason = "the texts of getaddrinfo(3) are C strings")]
    // SAFETY: gai_strerror takes any code, and returns null or a static string.
    let text = unsafe {
        let text = libc::gai_strerror(code);
        if text.is_null() { c"" } else { CStr::from_ptr(text) }
    };
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_the_list() {
        assert_eq!(getaddrinfo("192.0.2.7", Family::Any), Ok(vec![[192, 0, 2, 7].into()]));
        let v6: IpAddr = "2001:db8::7".parse().unwrap();
        assert_eq!(getaddrinfo("2001:db8::7", Family::V6), Ok(vec![v6]));
    }

    #[test]
    fn what_is_not_there_is_told_from_what_is_not_known() {
        // A literal of the other family: EAI_ADDRFAMILY.
        assert_eq!(getaddrinfo("192.0.2.7", Family::V6), Err(Absent::No));
        assert!(matches!(getaddrinfo("a\0b", Family::Any), Err(Absent::Unknown(_))));
        assert!(name_of(libc::EAI_AGAIN) == "EAI_AGAIN" && !text_of(libc::EAI_AGAIN).is_empty());
    }
}
