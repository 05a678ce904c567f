//! The tar format, as far as shards need it: ustar headers (POSIX.1-2017, pax, "ustar Interchange
//! Format"), with a pax extended header before those that ustar can't say. Nothing in them depends on
//! when or by whom they are written.

/// Everything in a tar is in blocks of so many bytes.
pub(super) const BLOCK: u64 = 512;

/// What a tar ends with: two blocks of zeros.
pub(super) const END: [u8; 1024] = [0; 1024];

/// Bytes that the name in a header can have.
const NAME: usize = 100;
/// The first size that eleven octal digits can't say: 8 GiB.
const TOO_LARGE: u64 = 1 << 33;

/// Appends what goes before the bytes of a file.
pub(super) fn head(out: &mut Vec<u8>, name: &str, bytes: u64) {
    let mut extended = Vec::new();
    if name.len() > NAME || !name.is_ascii() {
        record(&mut extended, "path", name);
    }
    if bytes >= TOO_LARGE {
        record(&mut extended, "size", &bytes.to_string());
    }
    if !extended.is_empty() {
        header(out, "PaxHeader", extended.len() as u64, b'x');
        out.extend_from_slice(&extended);
        pad(out, extended.len() as u64);
    }
    // The extended header is the one that counts.
    header(out, name, if bytes < TOO_LARGE { bytes } else { 0 }, b'0');
}

/// Appends what is missing to a whole block, behind so many bytes.
pub(super) fn pad(out: &mut Vec<u8>, bytes: u64) {
    out.extend_from_slice(&END[..padding(bytes)]);
}

/// The length of so many bytes in whole blocks.
pub(super) fn padded(bytes: u64) -> u64 {
    bytes.saturating_add(padding(bytes) as u64)
}

fn padding(bytes: u64) -> usize {
    usize::try_from(bytes.wrapping_neg() % BLOCK).unwrap_or_default()
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn record(out: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

fn header(out: &mut Vec<u8>, name: &str, bytes: u64, kind: u8) {
    let mut block = [0; 512];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    let mut end = name.len().min(NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    put(0, &name.as_bytes()[..end]);
    put(100, b"0000644\0");
    // Owner and group.
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, &octal(bytes));
    // The time of the file.
    put(136, &octal(0));
    // The checksum is made with blanks in its own place.
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    let sum = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..154].copy_from_slice(&octal(sum)[5..11]);
    block[154] = 0;
    out.extend_from_slice(&block);
}

/// Eleven digits and a NUL.
fn octal(mut n: u64) -> [u8; 12] {
    let mut digits = *b"00000000000\0";
    for digit in digits[..11].iter_mut().rev() {
        *digit += n.to_le_bytes()[0] & 7;
        n >>= 3;
    }
    digits
}

/// Reads a tar that is whole as the tests need it: of each file the name and the bytes.
#[cfg(test)]
pub(crate) fn members(tar: &[u8]) -> Vec<(String, Vec<u8>)> {
    assert!(tar.len().is_multiple_of(512) && tar.ends_with(&END), "it does not end as a tar does");
    members_before_end(&tar[..tar.len() - END.len()])
}

/// The same of a tar that has no end yet. It takes little for granted of what [`head`] writes.
#[cfg(test)]
pub(crate) fn members_before_end(tar: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let (mut path, mut rest) = (None, tar);
    while let Some((block, behind)) = rest.split_at_checked(512) {
        let text = |from: usize, to: usize| {
            let field = block[from..to].split(|byte| *byte == 0).next().unwrap();
            std::str::from_utf8(field).unwrap().trim()
        };
        let octal = |from, to| usize::from_str_radix(text(from, to), 8).unwrap();
        let sum: usize = (0..512)
            .map(|at| usize::from(if (148..156).contains(&at) { b' ' } else { block[at] }))
            .sum();
        assert_eq!((octal(148, 156), text(257, 263)), (sum, "ustar"));
        let bytes = octal(124, 136);
        let (body, next) = behind.split_at(usize::try_from(padded(bytes as u64)).unwrap());
        assert!(body[bytes..].iter().all(|byte| *byte == 0));
        rest = next;
        if block[156] == b'x' {
            let record = std::str::from_utf8(&body[..bytes]).unwrap();
            let (length, value) = record.split_once(" path=").unwrap();
            assert_eq!(length.parse(), Ok(bytes));
            path = Some(value.strip_suffix('\n').unwrap().to_owned());
        } else {
            let name = path.take().unwrap_or_else(|| text(0, 100).to_owned());
            found.push((name, body[..bytes].to_vec()));
        }
    }
    assert!(rest.is_empty(), "a tar has whole blocks");
    found
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    fn tar(files: &[(&str, usize)]) -> Vec<u8> {
        let mut tar = Vec::new();
        for (name, bytes) in files {
            head(&mut tar, name, *bytes as u64);
            tar.resize(tar.len() + bytes, b'x');
            pad(&mut tar, *bytes as u64);
        }
        tar.extend_from_slice(&END);
        tar
    }

    /// GNU tar's own view of it.
    fn listed(tar: &[u8], options: &[&str]) -> String {
        let mut child = Command::new("tar")
            .args(options)
            .args(["--quoting-style=literal", "-f", "-"])
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may stop reading once it has seen enough.
        let _ = child.stdin.take().unwrap().write_all(tar);
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn every_name_and_size_is_read_by_gnu_tar() {
        let names: Vec<String> = [1, 8, 99, 100, 101, 155, 156, 255, 256, 985, 990, 1_100]
            .iter()
            .map(|length| "d/".repeat(length / 2) + &"n".repeat(length % 2) + "x.bin")
            .chain(["é.bin".to_owned(), "ä/".repeat(60) + "ö.jpg", "a b\"'\\.bin".to_owned()])
            .collect();
        for bytes in [0, 1, 511, 512, 513, 1_023, 1_024, 1_025] {
            let files: Vec<_> = names.iter().map(|name| (name.as_str(), bytes)).collect();
            let tar = tar(&files);
            assert_eq!(tar.len() % 512, 0);
            assert_eq!(listed(&tar, &["-t"]).lines().collect::<Vec<_>>(), names);
            let sizes = listed(&tar, &["-tv", "--full-time"]);
            let sizes: Vec<usize> = sizes
                .lines()
                .map(|line| line.split_whitespace().nth(2).unwrap().parse().unwrap())
                .collect();
            assert_eq!(sizes, vec![bytes; names.len()]);
            let read = members(&tar);
            assert!(read.iter().all(|(_, body)| *body == vec![b'x'; bytes]));
            assert!(read.iter().map(|(name, _)| name).eq(&names));
        }
    }

    #[test]
    fn a_size_beyond_8_gib_is_in_an_extended_header() {
        for (bytes, length) in [(TOO_LARGE - 1, 512), (TOO_LARGE, 1_536), (16 << 30, 1_536)] {
            let mut out = Vec::new();
            head(&mut out, "x.bin", bytes);
            assert_eq!(out.len(), length);
            // Of what is missing, it says that it is missing.
            let listed = Command::new("sh")
                .args(["-c", "tar -tvf - 2>/dev/null"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn();
            let mut child = listed.unwrap();
            let _ = child.stdin.take().unwrap().write_all(&out);
            let listed = child.wait_with_output().unwrap().stdout;
            let listed = String::from_utf8(listed).unwrap();
            assert!(listed.contains(&format!(" {bytes} 1970-")), "{listed}");
        }
    }

    #[test]
    fn a_record_counts_its_own_length() {
        for length in 0..1_200 {
            let mut out = Vec::new();
            record(&mut out, "path", &"x".repeat(length));
            let text = std::str::from_utf8(&out).unwrap();
            assert_eq!(text.split_once(' ').unwrap().0.parse(), Ok(out.len()));
        }
    }

    #[test]
    fn whole_blocks_need_no_padding() {
        assert_eq!([0, 1, 511, 512, 513].map(padded), [0, 512, 512, 512, 1_024]);
    }
}
