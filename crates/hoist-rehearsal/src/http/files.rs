//! A folder as content. Files are opened and read off the serving thread.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::representation::{Representation, blocking};
use crate::percent::decode;

/// The file at a path; none when there is none inside the folder.
pub(crate) async fn find(path: &str, dir: &Path) -> io::Result<Option<Representation>> {
    let Some(path) = inside(path) else { return Ok(None) };
    let kind = content_type(&path);
    let dir = dir.to_owned();
    let opened = blocking(move || Ok(open(&dir, &path))).await?;
    Ok(opened.map(|(file, length)| Representation::file(kind, file, length)))
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
