use std::borrow::Cow;

use url::Url;

use super::template::{Filled, NameParts, url_hash};
use super::{FileName, LateName, NameTemplate, Position, Target};
use crate::plan::NamingPlan;

impl FileName {
    /// The name of an item's file, where the item gives none; or what becomes it once the body is
    /// whole. `of_server` is what the server calls the file.
    pub(crate) fn of_target(
        target: &Target,
        position: Position,
        template: Option<&NameTemplate>,
        plan: &NamingPlan,
        of_server: Option<&str>,
    ) -> (Self, Option<Box<LateName>>) {
        let Some(template) = template else {
            return (Self::after(&target.url, target.shown(), plan, of_server), None);
        };
        match fill(template, position, target, of_server) {
            Filled::Whole(name) => (name, None),
            // Until then it has one that needs no body.
            Filled::Late(late) => (Self::from_text(&position.to_string()), Some(Box::new(late))),
        }
    }

    /// The name that a URL gives.
    fn after(url: &Url, shown: &str, plan: &NamingPlan, of_server: Option<&str>) -> Self {
        if *plan == NamingPlan::default() {
            return Self::from_url(url);
        }
        let mut raw = if plan.basename_only {
            // curl leaves it encoded.
            vec![Cow::Borrowed(last_part(url).unwrap_or("index.html"))]
        } else {
            Self::raw_parts(url)
        };
        if let (Some(name), Some(last)) = (of_server, raw.last_mut()) {
            *last = Cow::Borrowed(name);
        }
        if plan.fan_out > 0 {
            let digits = url_hash(shown, 2 * plan.fan_out);
            let last = raw.len() - 1;
            let folders = digits
                .as_bytes()
                .chunks(2)
                .map(|two| Cow::Owned(String::from_utf8_lossy(two).into()));
            raw.splice(last..last, folders);
        }
        Self::from_raw(raw.iter().map(Cow::as_ref))
    }
}

fn last_part(url: &Url) -> Option<&str> {
    url.path().rsplit('/').next().filter(|part| !part.is_empty())
}

fn fill(
    template: &NameTemplate,
    position: Position,
    target: &Target,
    of_server: Option<&str>,
) -> Filled {
    let url = &target.url;
    // A slash that was encoded makes no folder.
    let part = |raw: &str| super::file_name::decode(raw).replace('/', "%2F");
    let file = match (of_server, last_part(url)) {
        (Some(name), _) => name.replace('/', "%2F"),
        (None, Some(last)) => part(last),
        (None, None) => "index.html".to_owned(),
    };
    let (basename, ext) = match file.rfind('.') {
        Some(at) if at > 0 => file.split_at(at),
        _ => (file.as_str(), ""),
    };
    let mut folders: Vec<String> = url.path().split('/').map(part).collect();
    folders.pop();
    folders.retain(|folder| !folder.is_empty());
    folders.push(file.clone());
    template.fill(NameParts {
        index: position.0,
        host: url.host_str().unwrap_or_default(),
        path: &folders.join("/"),
        basename,
        ext,
        url: target.shown(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(url: &str, template: Option<&str>, plan: &NamingPlan, server: Option<&str>) -> String {
        let target = Target::parse(url).unwrap();
        let template = template.map(|template| template.parse().unwrap());
        let (name, late) =
            FileName::of_target(&target, Position(3), template.as_ref(), plan, server);
        assert!(late.is_none());
        name.to_text()
    }

    #[test]
    fn templates_are_filled_from_the_url() {
        let plan = NamingPlan::default();
        for (url, template, expected) in [
            (
                "http://a.example/x/flag.tar.gz?x=1",
                "{host}/{index}-{basename}{ext}",
                "a.example/3-flag.tar.gz",
            ),
            ("http://a.example/x%2Fy/b%20c/", "{path}", "x%2Fy/b c/index.html"),
            ("http://a.example/x/%2e%2E%2F%2e%2e%2Fe", "{path}", "x/..%2F..%2Fe"),
            ("http://a.example", "{host}/{path}", "a.example/index.html"),
            ("http://u:secret@a.example/x", "{url_hash:8}", &url_hash("http://a.example/x", 8)),
        ] {
            assert_eq!(name(url, Some(template), &plan, None), expected, "{url}");
        }
        let plan = NamingPlan { from_header: true, ..plan };
        let url = "http://a.example/x/get.php?id=7";
        let named = |template| name(url, template, &plan, Some("a cat.jpg"));
        assert_eq!(named(Some("{index}-{basename}{ext}")), "3-a cat.jpg");
        assert_eq!(named(Some("{path}")), "x/a cat.jpg");
        assert_eq!(named(None), "a.example/x/a cat.jpg");
        assert_eq!(name(url, None, &plan, None), "a.example/x/get.php@id=7");
    }

    #[test]
    fn remote_names_are_those_of_curl() {
        let plan = NamingPlan { basename_only: true, ..NamingPlan::default() };
        for (url, expected) in [
            ("http://a.example/x/y.gif?q=1", "y.gif"),
            ("http://a.example/x/a%20b.gif", "a%20b.gif"),
            ("http://a.example/.hoist", "%2Ehoist"),
            ("http://a.example/x/", "index.html"),
            ("http://a.example", "index.html"),
        ] {
            assert_eq!(name(url, None, &plan, None), expected, "{url}");
        }
        assert_eq!(name("http://a.example/x?id=7", None, &plan, Some("r.pdf")), "r.pdf");
    }

    #[test]
    fn fanned_out_files_are_in_folders_by_hash() {
        let url = "http://a.example/x/y.gif";
        let digits = url_hash(url, 4);
        let (one, two) = digits.split_at(2);
        let plan = NamingPlan { fan_out: 1, ..NamingPlan::default() };
        assert_eq!(name(url, None, &plan, None), format!("a.example/x/{one}/y.gif"));
        let plan = NamingPlan { basename_only: true, fan_out: 2, ..plan };
        assert_eq!(name(url, None, &plan, None), format!("{one}/{two}/y.gif"));
    }
}
