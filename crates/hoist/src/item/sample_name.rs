use url::Url;

use super::{FileName, Position};

/// Digits of a position in a key: a million million lines are in order by name.
const DIGITS: usize = 12;

/// Bytes of an ending, at most.
const MAX_ENDING: usize = 10;

impl FileName {
    /// The name that a body has in a shard, `KEY.EXT`. `WebDataset` takes all up to the first dot of the
    /// last part as the key, and what has the same key next to each other as one sample: so the
    /// position is in each key, and no dot. What has no ending is not read at all, and `KEY.json` is
    /// the sidecar: so there is always an ending, and never that one.
    pub(crate) fn of_sample(
        given: Option<Self>,
        position: Position,
        url: &Url,
        content_type: Option<&str>,
    ) -> Self {
        let (key, of_name) = if let Some(given) = &given {
            let file = given.file();
            let ending = ending(file);
            let stem = &file[..file.len() - ending.as_ref().map_or(0, |e| e.len() + 1)];
            (format!("{}~{position}", stem.replace('.', "_")), ending)
        } else {
            let file = url.path().rsplit('/').next().unwrap_or_default();
            let says = |ending: &String| !PROGRAMS.contains(&ending.as_str());
            (format!("{:0DIGITS$}", position.0), ending(file).filter(says))
        };
        let ending = of_name.or_else(|| content_type.and_then(of_type).map(str::to_owned));
        let ending = match ending.as_deref() {
            None => "bin",
            Some("json") => "body.json",
            Some(other) => other,
        };
        let file = format!("{key}.{ending}");
        match given {
            Some(given) => given.with_file(&file),
            None => Self::of_file(file),
        }
    }
}

/// What is behind the last dot, if it looks like an ending; in lower case, as `WebDataset` reads it.
fn ending(file: &str) -> Option<String> {
    let (stem, ending) = file.rsplit_once('.')?;
    let plain = ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_one = plain
        && !stem.is_empty()
        && ending.len() <= MAX_ENDING
        && ending.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_one.then(|| ending.to_ascii_lowercase())
}

/// Endings of what makes bodies, which say nothing of the body.
const PROGRAMS: [&str; 6] = ["asp", "aspx", "cgi", "do", "jsp", "php"];

/// The usual ending of a Content-Type.
fn of_type(content_type: &str) -> Option<&'static str> {
    let media = content_type.split(';').next()?.trim().to_ascii_lowercase();
    let subtype = media.split_once('/')?.1;
    Some(match media.as_str() {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/avif" => "avif",
        "image/bmp" => "bmp",
        "image/tiff" => "tiff",
        "image/svg+xml" => "svg",
        "audio/mpeg" => "mp3",
        "audio/ogg" => "ogg",
        "audio/flac" => "flac",
        "audio/wav" | "audio/x-wav" => "wav",
        "video/mp4" => "mp4",
        "video/webm" => "webm",
        "text/html" | "application/xhtml+xml" => "html",
        "text/plain" => "txt",
        "text/css" => "css",
        "text/csv" => "csv",
        "text/javascript" | "application/javascript" => "js",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "application/gzip" => "gz",
        _ if subtype == "json" || subtype.ends_with("+json") => "json",
        _ if subtype == "xml" || subtype.ends_with("+xml") => "xml",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(given: Option<&str>, url: &str, content_type: Option<&str>) -> String {
        let given = given.map(FileName::from_text);
        let url = Url::parse(url).unwrap();
        FileName::of_sample(given, Position(17), &url, content_type).to_text()
    }

    #[test]
    fn a_key_has_the_position_and_the_name_an_ending() {
        for (url, content_type, expected) in [
            ("http://a/x.jpg", None, "000000000017.jpg"),
            ("http://a/x.JPEG?q=.png", Some("text/html"), "000000000017.jpeg"),
            ("http://a/x.php", Some("image/png"), "000000000017.png"),
            ("http://a/image?id=3", Some("Image/JPEG; q=1"), "000000000017.jpg"),
            ("http://a/", Some("text/html; charset=utf-8"), "000000000017.html"),
            ("http://a.example", None, "000000000017.bin"),
            ("http://a/v1.2", Some("nonsense"), "000000000017.bin"),
            ("http://a/.jpg", None, "000000000017.bin"),
            ("http://a/x.json", None, "000000000017.body.json"),
            ("http://a/x", Some("application/ld+json"), "000000000017.body.json"),
            ("http://a/x.tar.gz", None, "000000000017.gz"),
        ] {
            assert_eq!(name(None, url, content_type), expected, "{url}");
        }
    }

    #[test]
    fn a_name_that_is_given_is_kept_but_for_its_dots() {
        for (given, expected) in [
            ("cat.jpg", "cat~17.jpg"),
            ("a.b/c.d.tar.GZ", "a.b/c_d_tar~17.gz"),
            ("data.json", "data~17.body.json"),
            ("plain", "plain~17.png"),
            ("é", "é~17.png"),
            (".jpg", "_jpg~17.png"),
        ] {
            let named = name(Some(given), "http://a/x.gif", Some("image/png"));
            assert_eq!(named, expected);
        }
    }
}
