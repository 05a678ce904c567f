//! Users and passwords by host, in the form that ftp(1), curl and wget read: `machine`, `login`,
//! `password`, `default`, `macdef`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use hoist::plan::{Credentials, CredentialsPlan};

use super::header_file::{MAX_FILE, bad_line, text};
use super::network::Environment;
use super::said::Refused;

/// The file that NETRC names, or the one in the home folder.
pub(super) fn usual(variables: Environment<'_>) -> Result<PathBuf, Refused> {
    let given = |name| variables(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(named) = given("NETRC") {
        return Ok(named);
    }
    let home = given("HOME").ok_or_else(|| {
        let message = "--netrc: there is no HOME to look in; name the file with --netrc-file";
        Refused::Usage("get", message.to_owned())
    })?;
    Ok(home.join(".netrc"))
}

/// Reads the whole file.
pub(super) fn read(path: &Path) -> Result<CredentialsPlan, Refused> {
    parse(&text(path, MAX_FILE)?).map_err(|(line, why)| bad_line(path, line, &why))
}

/// The error is the line's number and what is wrong there.
fn parse(text: &str) -> Result<CredentialsPlan, (usize, String)> {
    let mut words = Words { rest: text, line: 1 };
    let mut plan = CredentialsPlan::default();
    let mut open: Option<Machine> = None;
    loop {
        let word = words.keyword()?;
        let line = words.line;
        match word.as_deref() {
            Some("login" | "password" | "account") if open.is_none() => {
                let why = format!("{:?} before any machine", word.unwrap_or_default());
                return Err((line, why));
            }
            Some("login") => {
                let login = words.value("login")?;
                open.get_or_insert_default().login.get_or_insert(login);
            }
            Some("password") => {
                let password = words.value("password")?;
                open.get_or_insert_default().password.get_or_insert(password);
            }
            Some("account") => drop(words.value("account")?),
            Some("macdef") => words.skip_macro(),
            ends => {
                if let Some(machine) = open.take() {
                    machine.put(&mut plan)?;
                }
                match ends {
                    None => return Ok(plan),
                    Some("default") => open = Some(Machine { line, ..Machine::default() }),
                    Some("machine") => {
                        let host = Some(words.value("machine")?.to_ascii_lowercase());
                        open = Some(Machine { host, line, ..Machine::default() });
                    }
                    // It may be a part of a password with a blank in it.
                    Some(_) => {
                        let why = "a word that is none of machine, default, login, password, account \
                                   and macdef; a value with blanks stands in \"quotes\"";
                        return Err((line, why.to_owned()));
                    }
                }
            }
        }
    }
}

/// An entry as it is read.
#[derive(Debug, Default)]
struct Machine {
    /// None: the default.
    host: Option<String>,
    login: Option<String>,
    password: Option<String>,
    line: usize,
}

impl Machine {
    /// The first entry for a host counts. One without login and password says nothing.
    fn put(self, plan: &mut CredentialsPlan) -> Result<(), (usize, String)> {
        let Self { host, login, password, line } = self;
        if login.is_none() && password.is_none() {
            return Ok(());
        }
        let credentials = Credentials::new(login.unwrap_or_default(), password.unwrap_or_default())
            .map_err(|bad| (line, bad.to_string()))?;
        match host {
            None => {
                plan.default.get_or_insert(credentials);
            }
            Some(host) => put_new(&mut plan.hosts, host, credentials),
        }
        Ok(())
    }
}

fn put_new(hosts: &mut HashMap<String, Credentials>, host: String, credentials: Credentials) {
    if let Entry::Vacant(free) = hosts.entry(host) {
        free.insert(credentials);
    }
}

/// The words of a file, with blanks and line ends between them.
struct Words<'a> {
    rest: &'a str,
    line: usize,
}

impl Words<'_> {
    /// The next word where one of the fixed words is to stand; # begins a comment there.
    fn keyword(&mut self) -> Result<Option<String>, (usize, String)> {
        loop {
            self.skip_blanks();
            if !self.rest.starts_with('#') {
                return self.word();
            }
            self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
        }
    }

    fn value(&mut self, of: &str) -> Result<String, (usize, String)> {
        let line = self.line;
        self.skip_blanks();
        self.word()?.ok_or_else(|| (line, format!("nothing behind {of:?}")))
    }

    fn skip_blanks(&mut self) {
        let word = self.rest.trim_start();
        let blanks = &self.rest[..self.rest.len() - word.len()];
        self.line += blanks.matches('\n').count();
        self.rest = word;
    }

    /// In quotes, a backslash takes the next character as it is, or n, r, t for what they are in C.
    fn word(&mut self) -> Result<Option<String>, (usize, String)> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let Some(quoted) = self.rest.strip_prefix('"') else {
            let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
            let (word, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Ok(Some(word.to_owned()));
        };
        let open = || (self.line, "a quote that is not closed".to_owned());
        let mut word = String::new();
        let mut chars = quoted.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &quoted[at + 1..];
                    return Ok(Some(word));
                }
                '\n' => break,
                '\\' => word.push(match chars.next().ok_or_else(open)?.1 {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    other => other,
                }),
                c => word.push(c),
            }
        }
        Err(open())
    }

    /// A macro goes up to the next empty line.
    fn skip_macro(&mut self) {
        loop {
            let Some(end) = self.rest.find('\n') else {
                self.rest = "";
                return;
            };
            self.rest = &self.rest[end + 1..];
            self.line += 1;
            let next = self.rest.split('\n').next().unwrap_or_default();
            if next.trim().is_empty() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(user: &str, password: &str) -> Credentials {
        Credentials::new(user, password).unwrap()
    }

    #[test]
    fn entries_are_read_as_curl_reads_them() {
        let plan = parse(
            "# mine\n\
             machine A.example login me password pw\n\
             machine a.example login second password x\n\
             machine b.example\n\tlogin \"with blank\"   # behind a value\n\tpassword \"q\\\"\\\\z\"\n\
             machine c.example login only\n\
             machine d.example password #hash\n\
             machine e.example\n\
             machine f.example account x login f password f\n\
             macdef init\ncd /pub\nmachine evil.example login x password y\n\n\
             machine g.example login g password g macdef m\nx\n\
             \n\
             default login anonymous password me@example",
        );
        let plan = plan.unwrap();
        let mut hosts: Vec<_> = plan.hosts.into_iter().collect();
        hosts.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [
            ("a.example", credentials("me", "pw")),
            ("c.example", credentials("only", "")),
            ("d.example", credentials("", "#hash")),
            ("f.example", credentials("f", "f")),
            ("g.example", credentials("g", "g")),
        ];
        let b = hosts.remove(1);
        let expected = expected.map(|(host, credentials)| (host.to_owned(), credentials));
        assert_eq!(hosts, expected);
        assert_eq!(b, ("b.example".to_owned(), credentials("with blank", "q\"\\z")));
        assert_eq!(plan.default, Some(credentials("anonymous", "me@example")));
        assert_eq!(plan.own, None);
        assert!(parse("").unwrap().hosts.is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line_and_without_passwords() {
        for (text, line, word) in [
            ("machine a login b password secret word\n", 1, "quotes"),
            ("\n\nmachine a\nlogin b\npassword \"secret\n", 5, "not closed"),
            ("login b password secret", 1, "before any machine"),
            ("machine a login b password", 1, "nothing behind"),
            ("machine", 1, "nothing behind"),
            ("macdef x\na\n\n\nmachine a login b:c password secret\n", 5, "colon"),
            ("machine a login b password \"sec\\nret\"", 1, "control"),
        ] {
            let (told, why) = parse(text).unwrap_err();
            assert_eq!(told, line, "{text}");
            assert!(why.contains(word) && !why.contains("secret"), "{why}");
        }
    }
}
