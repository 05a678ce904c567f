//! The flags as content.

use super::representation::{Representation, blocking};
use crate::flags;

/// What stands at a path; none when nothing does.
pub(crate) async fn find(path: &str) -> std::io::Result<Option<Representation>> {
    if matches!(path, "/" | "/flags" | "/flags/") {
        let text = "A hoist rehearsal. Flags are at /flags/CC/CC.gif\n";
        return Ok(Some(Representation::kept("text/plain; charset=utf-8", text.as_bytes())));
    }
    let Some((flag, file)) = flag_and_file(path) else { return Ok(None) };
    Ok(match file {
        "metadata.json" => {
            let json = format!("{{\"cc\": \"{}\", \"country\": \"{}\"}}\n", flag.cc, flag.country);
            Some(Representation::kept("application/json", json.into_bytes()))
        }
        _ if file.strip_suffix(".gif") == Some(flag.cc) => {
            Some(Representation::kept("image/gif", drawn(flag).await?))
        }
        _ => None,
    })
}

fn flag_and_file(path: &str) -> Option<(&'static flags::Flag, &str)> {
    let (cc, file) = path.strip_prefix("/flags/")?.split_once('/')?;
    let lower = cc.bytes().all(|b| b.is_ascii_lowercase());
    Some((lower.then(|| flags::flag(cc)).flatten()?, file))
}

/// A flag not drawn yet is drawn on another thread, so that no other answer waits for it.
async fn drawn(flag: &'static flags::Flag) -> std::io::Result<&'static [u8]> {
    match flag.drawn() {
        Some(gif) => Ok(gif),
        None => blocking(|| Ok(flag.gif())).await,
    }
}
