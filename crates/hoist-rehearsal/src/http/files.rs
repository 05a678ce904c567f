//! A folder as content. Files are opened and read off the serving thread.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::exchange::{Answered, Exchange};
use super::request::decode;

/// Read and written at once.
const PIECE: usize = 256 << 10;

pub(crate) async fn answer(ex: &mut Exchange<'_>, dir: &Path) -> Answered {
    let path = inside(ex.request.path);
    ex.wait(ex.delay).await?;
    let opened = match &path {
        Some(path) => {
            let (dir, path) = (dir.to_owned(), path.clone());
            blocking(move || Ok(open(&dir, &path))).await?
        }
        None => None,
    };
    let Some((mut file, length)) = opened else { return ex.text(404, "no such file").await };
    let kind = content_type(path.as_deref().unwrap_or(Path::new("")));
    ex.head(200).header("Content-Type", kind).length(length).end_head();
    let (mut left, mut piece) = (length, Vec::new());
    while left > 0 && !ex.request.is_head() {
        let want = left.min(PIECE as u64);
        (file, piece) = blocking(move || {
            piece.clear();
            // A file that shrinks meanwhile must not end in a body that looks whole.
            match (&mut file).take(want).read_to_end(&mut piece)? {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                _ => Ok((file, piece)),
            }
        })
        .await?;
        left -= piece.len() as u64;
        ex.body(&piece).await?;
    }
    ex.flush().await
}

/// The relative path a URL path means, if every part of it is a plain name.
fn inside(path: &str) -> Option<PathBuf> {
    let mut relative = PathBuf::new();
    let path = path.strip_prefix('/')?;
    let path = if path.is_empty() { "index.html" } else { path };
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let part = decode(part).ok()?;
        let part = match (part.as_ref(), parts.peek()) {
            // A folder's own page.
            ("", None) => "index.html",
            ("" | "." | "..", _) => return None,
            (name, _) if name.contains(['/', '\0', '\\']) => return None,
            (name, _) => name,
        };
        relative.push(part);
    }
    Some(relative)
}

/// Opens a plain file that is reached without any symbolic link.
fn open(dir: &Path, relative: &Path) -> Option<(File, u64)> {
    let path = dir.join(relative);
    // `dir` is canonical: a path that is not has a link in it.
    if path.canonicalize().ok()? != path || !path.symlink_metadata().ok()?.is_file() {
        return None;
    }
    let file = File::open(path).ok()?;
    let meta = file.metadata().ok()?;
    meta.is_file().then_some((file, meta.len()))
}

fn content_type(path: &Path) -> &'static str {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    match ending.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "txt" | "md" => "text/plain; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "xml" => "application/xml",
        "gif" => "image/gif",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "svg" => "image/svg+xml",
        "pdf" => "application/pdf",
        "gz" => "application/gzip",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(io::ErrorKind::Interrupted.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_lead_inside() {
        assert_eq!(inside("/a/b%20c"), Some("a/b c".into()));
        assert_eq!(inside("/"), Some("index.html".into()));
        assert_eq!(inside("/a/"), Some("a/index.html".into()));
        for bad in ["", "/..", "/a/../b", "/%2e%2e/a", "/a//b", "/a%2fb", "/a%00", "/./a", "//a"] {
            assert_eq!(inside(bad), None, "{bad}");
        }
    }
}
