//! The flags as content.

use super::exchange::{Answered, Exchange};
use crate::flags;

enum Found {
    Gif(&'static flags::Flag),
    Metadata(&'static flags::Flag),
    Index,
    Nothing,
}

pub(crate) async fn answer(ex: &mut Exchange<'_>) -> Answered {
    let found = find(ex.request.path);
    let gif = match found {
        Found::Gif(flag) => Some(draw(flag).await),
        _ => None,
    };
    ex.wait(ex.delay).await?;
    match found {
        Found::Gif(_) => {
            let gif = gif.unwrap_or_default();
            ex.head(200).header("Content-Type", "image/gif").length(gif.len() as u64).end_head();
            ex.body(gif).await?;
            ex.flush().await
        }
        Found::Metadata(flag) => {
            let json = format!("{{\"cc\": \"{}\", \"country\": \"{}\"}}\n", flag.cc, flag.country);
            let length = json.len() as u64;
            ex.head(200).header("Content-Type", "application/json").length(length).end_head();
            ex.body(json.as_bytes()).await?;
            ex.flush().await
        }
        Found::Index => ex.text(200, "A hoist rehearsal. Flags are at /flags/CC/CC.gif").await,
        Found::Nothing => ex.text(404, "no such flag").await,
    }
}

fn find(path: &str) -> Found {
    if matches!(path, "/" | "/flags" | "/flags/") {
        return Found::Index;
    }
    let rest = path.strip_prefix("/flags/").and_then(|rest| rest.split_once('/'));
    let Some((cc, file)) = rest else { return Found::Nothing };
    let lower = |cc: &str| cc.bytes().all(|b| b.is_ascii_lowercase());
    let Some(flag) = lower(cc).then(|| flags::flag(cc)).flatten() else { return Found::Nothing };
    match file {
        "metadata.json" => Found::Metadata(flag),
        _ if file.strip_suffix(".gif") == Some(cc) => Found::Gif(flag),
        _ => Found::Nothing,
    }
}

/// A flag not drawn yet is drawn on another thread, so that no other answer waits for it.
async fn draw(flag: &'static flags::Flag) -> &'static [u8] {
    if let Some(gif) = flag.drawn() {
        return gif;
    }
    match tokio::task::spawn_blocking(|| flag.gif()).await {
        Ok(gif) => gif,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The server is stopping.
            Err(_) => &[],
        },
    }
}
