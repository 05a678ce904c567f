use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::item::Position;
use crate::sys::Fs;

/// Gives finished files their names below a root. Who comes later gives way: a name that an
/// outcome has told is never taken away.
#[derive(Debug, Clone)]
pub(super) struct Placer {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) root: PathBuf,
}

/// What stands in the way of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blocked {
    /// The last part of the name is taken by a file.
    ByFile,
    /// The last part of the name is taken by a folder.
    ByFolder,
    /// This part of the name, meant as a folder, is a file.
    Parent(usize),
}

/// Names tried before giving up: far more than the folders and files of one name can block.
pub(super) const TRIES: usize = 256;

impl Placer {
    pub(super) fn path(&self, name: &str) -> PathBuf {
        let mut path = PathBuf::with_capacity(self.root.as_os_str().len() + 1 + name.len());
        path.push(&self.root);
        path.push(name);
        path
    }

    /// Renames a temporary file to its name, and makes the folders on the way; or says what is in
    /// the way.
    pub(super) fn place(
        &self,
        temp: &Path,
        name: &str,
        rename: impl Fn(&Path, &Path) -> io::Result<()>,
    ) -> io::Result<Option<Blocked>> {
        let path = self.path(name);
        let mut made_parents = false;
        loop {
            let error = match rename(temp, &path) {
                Ok(()) => return Ok(None),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::AlreadyExists | ErrorKind::IsADirectory => {
                    let is_dir = self.fs.is_dir(&path);
                    return Ok(Some(if is_dir { Blocked::ByFolder } else { Blocked::ByFile }));
                }
                // A file stands where a folder is needed, or the folder is missing.
                ErrorKind::NotADirectory | ErrorKind::NotFound if !made_parents => {
                    made_parents = true;
                    if let Some(part) = self.make_parents(name)? {
                        return Ok(Some(Blocked::Parent(part)));
                    }
                }
                _ => return Err(error),
            }
        }
    }

    /// Makes the folders of a name. Returns the part that is a file, where one is.
    fn make_parents(&self, name: &str) -> io::Result<Option<usize>> {
        let mut folder = self.root.clone();
        let parts: Vec<&str> = name.split('/').collect();
        for (at, part) in parts[..parts.len() - 1].iter().enumerate() {
            folder.push(part);
            match self.fs.make_dir(&folder) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    if !self.fs.is_dir(&folder) {
                        return Ok(Some(at));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// The name to try next: `name~` for what is both file and folder, `name~POSITION`, then
/// `name~POSITION~2` ... for what is taken.
pub(super) fn next_name(name: &str, position: Position, blocked: Blocked) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    let last = parts.len() - 1;
    let changed = match blocked {
        Blocked::Parent(part) => (part, format!("{}~", parts[part])),
        Blocked::ByFolder => (last, format!("{}~", parts[last])),
        Blocked::ByFile => (last, next_copy(parts[last], position)),
    };
    parts[changed.0] = &changed.1;
    parts.join("/")
}

fn next_copy(name: &str, position: Position) -> String {
    let mark = format!("~{position}");
    if name.ends_with(&mark) {
        return format!("{name}~2");
    }
    let numbered = name.rsplit_once('~').filter(|(before, _)| before.ends_with(&mark));
    match numbered.and_then(|(before, n)| Some((before, n.parse::<u32>().ok()?))) {
        Some((before, n)) => format!("{before}~{}", n + 1),
        None => format!("{name}{mark}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_later_gets_the_next_name() {
        let next = |name, blocked| next_name(name, Position(7), blocked);
        assert_eq!(next("a/b", Blocked::ByFile), "a/b~7");
        assert_eq!(next("a/b~7", Blocked::ByFile), "a/b~7~2");
        assert_eq!(next("a/b~7~2", Blocked::ByFile), "a/b~7~3");
        assert_eq!(next("a/b~8~2", Blocked::ByFile), "a/b~8~2~7");
        assert_eq!(next("a/b", Blocked::ByFolder), "a/b~");
        assert_eq!(next("a/b/c", Blocked::Parent(1)), "a/b~/c");
    }
}
