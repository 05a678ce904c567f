use std::path::Path;

/// Bytes that are free on the file system of a folder; `None` where it does not say.
pub(crate) fn free_space(folder: &Path) -> Option<u64> {
    let told = rustix::fs::statvfs(folder).ok()?;
    told.f_bavail.checked_mul(told.f_frsize)
}
