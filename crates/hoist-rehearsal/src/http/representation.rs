//! What an answer's body is cut from: a flag, a file, or bytes made on the spot.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::hash::body_bytes;

/// Body length where none is asked for.
pub(crate) const USUAL: u64 = 1000;

/// A body, and what it is called.
#[derive(Clone, Debug)]
pub(crate) struct Representation {
    pub(crate) kind: &'static str,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// So many of [`body_bytes`].
    Made(u64),
    Kept(Cow<'static, [u8]>),
    File(Arc<File>, u64),
}

impl Default for Representation {
    fn default() -> Self {
        Self::made(USUAL)
    }
}

impl Representation {
    /// The first `of` bytes of the endless body, see [`body_bytes`].
    pub(crate) fn made(of: u64) -> Self {
        Self { kind: "application/octet-stream", source: Source::Made(of) }
    }

    pub(crate) fn kept(kind: &'static str, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        Self { kind, source: Source::Kept(bytes.into()) }
    }

    pub(crate) fn file(kind: &'static str, file: File, length: u64) -> Self {
        Self { kind, source: Source::File(Arc::new(file), length) }
    }

    pub(crate) fn length(&self) -> u64 {
        match &self.source {
            Source::Made(of) => *of,
            Source::Kept(bytes) => bytes.len() as u64,
            Source::File(_, length) => *length,
        }
    }

    /// Appends the bytes `from..to`. Beyond the content's end they are those of the endless body, so
    /// that an answer can be longer than it should. A file that has become shorter is an error: it must
    /// not end in a body that looks whole.
    pub(crate) async fn read(&self, from: u64, to: u64, out: &mut Vec<u8>) -> io::Result<()> {
        let inside = to.min(self.length()).max(from);
        let start = out.len();
        match &self.source {
            Source::Made(_) => made(from, inside, out),
            Source::Kept(bytes) => {
                let at = |n| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
                out.extend_from_slice(&bytes[at(from)..at(inside)]);
            }
            Source::File(file, _) => {
                let (file, mut piece) = (Arc::clone(file), vec![0; length(from, inside)]);
                let piece = blocking(move || file.read_exact_at(&mut piece, from).map(|()| piece));
                out.extend_from_slice(&piece.await?);
            }
        }
        debug_assert_eq!(out.len() - start, length(from, inside));
        made(inside, to, out);
        Ok(())
    }
}

fn length(from: u64, to: u64) -> usize {
    usize::try_from(to.saturating_sub(from)).unwrap_or_default()
}

fn made(from: u64, to: u64, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + length(from, to), 0);
    body_bytes(from, &mut out[start..]);
}

/// Runs what waits for a disk or a long computation off the serving thread.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The server is stopping.
            Err(_) => Err(io::ErrorKind::Interrupted.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn any_part_of_any_content_and_beyond() {
        let mut endless = vec![0; 300];
        body_bytes(0, &mut endless);
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, &endless[..200]).unwrap();
        for content in [
            Representation::made(200),
            Representation::kept("x", endless[..200].to_vec()),
            Representation::file("x", file, 200),
        ] {
            assert_eq!(content.length(), 200);
            for (from, to) in
                [(0, 200), (0, 0), (7, 9), (199, 201), (0, 300), (200, 300), (250, 260)]
            {
                let mut out = b"kept".to_vec();
                content.read(from as u64, to as u64, &mut out).await.unwrap();
                assert_eq!(out, [b"kept", &endless[from..to]].concat(), "{from}..{to}");
            }
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_file_that_shrank_is_an_error() {
        let content = Representation::file("x", tempfile::tempfile().unwrap(), 10);
        assert!(content.read(0, 10, &mut Vec::new()).await.is_err());
    }
}
