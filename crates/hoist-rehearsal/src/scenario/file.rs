//! From a scenario file (TOML) to rules. What is wrong is told with its line; nothing unknown is let
//! pass.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::{ConnectionRule, Numbers, Pattern, RequestRule, Scenario};
use crate::dns::{DnsZone, QueryRule, QueryRuleParts, kind_of};
use crate::http::{Chain, ConnectionFault, Load};
use crate::spec::Wrong;
use crate::truth::Proto;

/// The longest scenario and the longest zone file that are read.
const LONGEST: u64 = 64 << 20;
/// The most rules of a kind: each request is held against them one by one.
const RULES: usize = 1000;

/// What is wrong with a scenario.
#[derive(Debug)]
pub struct ScenarioError {
    line: Option<usize>,
    why: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl std::error::Error for ScenarioError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    seed: Option<u64>,
    tls: Option<Spanned<String>>,
    #[serde(default)]
    http2: bool,
    load: Option<Spanned<String>>,
    #[serde(default)]
    connection: Vec<Spanned<Connection>>,
    #[serde(default)]
    request: Vec<Spanned<Request>>,
    #[serde(default)]
    query: Vec<Spanned<Query>>,
    #[serde(default)]
    zone: Vec<Spanned<Zone>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Connection {
    number: Option<Spanned<NumberOrRange>>,
    probability: Option<Spanned<f64>>,
    fault: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: Option<Spanned<String>>,
    host: Option<String>,
    path: Option<Spanned<String>>,
    attempt: Option<Spanned<NumberOrRange>>,
    number: Option<Spanned<NumberOrRange>>,
    probability: Option<Spanned<f64>>,
    fault: Option<Spanned<String>>,
    chain: Option<Spanned<Vec<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<Spanned<String>>,
    over: Option<Spanned<String>>,
    attempt: Option<Spanned<NumberOrRange>>,
    number: Option<Spanned<NumberOrRange>>,
    probability: Option<Spanned<f64>>,
    fault: Option<Spanned<String>>,
    chain: Option<Spanned<Vec<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Zone {
    name: Spanned<String>,
    file: Option<Spanned<PathBuf>>,
    exist: Option<Spanned<f64>>,
}

/// `3`, or `"1..3"`.
struct NumberOrRange(String);

impl<'de> Deserialize<'de> for NumberOrRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = NumberOrRange;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number such as 3, or a range such as \"1..3\" or \"2..\"")
            }
            fn visit_i64<E>(self, n: i64) -> Result<Self::Value, E> {
                Ok(NumberOrRange(n.to_string()))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Self::Value, E> {
                Ok(NumberOrRange(n.to_string()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(NumberOrRange(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Scenario {
    /// Reads a scenario. Zone files that it names are looked for beside `folder`.
    ///
    /// # Errors
    /// What is wrong, with its line.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, ScenarioError> {
        let reader = Reader { text, folder };
        let file: Written = toml::from_str(text).map_err(|error| reader.toml(&error))?;
        for (kind, rules) in [
            ("connection", file.connection.len()),
            ("request", file.request.len()),
            ("query", file.query.len()),
            ("zone", file.zone.len()),
        ] {
            if rules > RULES {
                let why = format!("at most {RULES} [[{kind}]], not {rules}");
                return Err(ScenarioError { line: None, why });
            }
        }
        let tls = file.tls.map(|tls| reader.at(&tls, |word| word.parse())).transpose()?;
        let load = file.load.map(|load| reader.at(&load, |load| Load::parse(load))).transpose()?;
        let numbered = file.connection.into_iter().enumerate();
        let connections = numbered.map(|(at, rule)| reader.connection(rule, at == 0));
        let connections: Vec<_> = connections.collect::<Result<_, _>>()?;
        Ok(Self {
            seed: file.seed,
            tls,
            http2: file.http2,
            everyone: None,
            load,
            connections,
            requests: file
                .request
                .into_iter()
                .map(|rule| reader.request(rule))
                .collect::<Result<_, _>>()?,
            queries: file
                .query
                .into_iter()
                .map(|rule| reader.query(rule))
                .collect::<Result<_, _>>()?,
            zones: file.zone.into_iter().map(|zone| reader.zone(zone)).collect::<Result<_, _>>()?,
        })
    }

    /// Reads a scenario from a file. Zone files that it names are looked for beside it.
    ///
    /// # Errors
    /// That the file can't be read, or what is wrong in it, with its line.
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let text = read(path).map_err(|why| ScenarioError { line: None, why })?;
        Self::parse(&text, path.parent().unwrap_or(Path::new("")))
    }
}

/// The text of a plain file; a pipe or a device could go on for ever.
fn read(path: &Path) -> Result<String, String> {
    let read = || -> io::Result<Option<String>> {
        if !path.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no plain file"));
        }
        let mut text = String::new();
        let length = File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
        Ok((length as u64 <= LONGEST).then_some(text))
    };
    let text = read().map_err(|error| error.to_string())?;
    text.ok_or_else(|| format!("longer than {} MiB", LONGEST >> 20))
}

struct Reader<'a> {
    text: &'a str,
    folder: &'a Path,
}

type Read<T> = Result<T, ScenarioError>;

impl Reader<'_> {
    fn line(&self, span: Range<usize>) -> usize {
        self.text.get(..span.start).unwrap_or_default().matches('\n').count() + 1
    }

    fn toml(&self, error: &toml::de::Error) -> ScenarioError {
        ScenarioError {
            line: error.span().map(|span| self.line(span)),
            why: error.message().to_owned(),
        }
    }

    fn wrong(&self, span: Range<usize>, why: impl fmt::Display) -> ScenarioError {
        ScenarioError { line: Some(self.line(span)), why: why.to_string() }
    }

    /// Makes something of a value; what is wrong is so at its line.
    fn at<T, U>(&self, value: &Spanned<T>, make: impl FnOnce(&T) -> Result<U, Wrong>) -> Read<U> {
        make(value.get_ref()).map_err(|why| self.wrong(value.span(), why))
    }

    fn numbers(&self, numbers: Option<Spanned<NumberOrRange>>) -> Read<Option<Numbers>> {
        numbers.map(|n| self.at(&n, |n| Numbers::parse(&n.0))).transpose()
    }

    fn probability(&self, probability: Option<Spanned<f64>>) -> Read<f64> {
        probability.map_or(Ok(1.0), |p| self.at(&p, |p| share(*p)))
    }

    /// The one of `fault` and `chain` that is there, as a chain.
    fn chain<T>(
        &self,
        rule: Range<usize>,
        (fault, chain): (Option<Spanned<String>>, Option<Spanned<Vec<String>>>),
        parse: impl FnOnce(&[String]) -> Result<T, Wrong>,
    ) -> Read<T> {
        let one = match (fault, chain) {
            (Some(fault), None) => {
                let span = fault.span();
                Spanned::new(span, vec![fault.into_inner()])
            }
            (None, Some(chain)) => chain,
            (None, None) => return Err(self.wrong(rule, "this rule needs a fault, or a chain")),
            (Some(_), Some(chain)) => {
                return Err(self.wrong(chain.span(), "a fault or a chain, not both"));
            }
        };
        self.at(&one, |faults| parse(faults))
    }

    fn connection(&self, rule: Spanned<Connection>, first: bool) -> Read<ConnectionRule> {
        let rule = rule.into_inner();
        let fault = self.at(&rule.fault, |fault| ConnectionFault::parse(fault))?;
        if fault.is_of_server() && (!first || rule.number.is_some() || rule.probability.is_some()) {
            let name = fault.name();
            let why = format!(
                "{name} is for all connections: the first rule, without number and probability"
            );
            return Err(self.wrong(rule.fault.span(), why));
        }
        Ok(ConnectionRule {
            number: self.numbers(rule.number)?,
            probability: self.probability(rule.probability)?,
            fault,
        })
    }

    fn request(&self, rule: Spanned<Request>) -> Read<RequestRule> {
        let span = rule.span();
        let rule = rule.into_inner();
        let method = rule.method.map(|method| {
            self.at(&method, |method| match method.to_ascii_uppercase().as_str() {
                method @ ("GET" | "HEAD") => Ok(method.to_owned()),
                _ => Err(Wrong(format!("the methods served are GET and HEAD, not {method}"))),
            })
        });
        let path = rule.path.map(|path| {
            self.at(&path, |path| match path.as_bytes().first() {
                Some(b'/' | b'*') => Ok(Pattern::new(path.clone())),
                _ => Err(Wrong(format!("a path begins with / or *, not as {path} does"))),
            })
        });
        Ok(RequestRule {
            method: method.transpose()?,
            path: path.transpose()?,
            host: rule.host.map(|host| Pattern::new(host.to_ascii_lowercase())),
            attempt: self.numbers(rule.attempt)?,
            number: self.numbers(rule.number)?,
            probability: self.probability(rule.probability)?,
            chain: self.chain(span, (rule.fault, rule.chain), Chain::parse)?,
        })
    }

    fn query(&self, rule: Spanned<Query>) -> Read<QueryRule> {
        let span = rule.span();
        let rule = rule.into_inner();
        let kind = rule.kind.map(|kind| {
            self.at(&kind, |kind| {
                let unknown = || Wrong(format!("{kind} is no record type such as A or TYPE65"));
                kind_of(kind).ok_or_else(unknown)
            })
        });
        let proto = rule.over.map(|over| {
            self.at(&over, |over| match over.as_str() {
                "udp" => Ok(Proto::Udp),
                "tcp" => Ok(Proto::Tcp),
                _ => Err(Wrong(format!("over is udp or tcp, not {over}"))),
            })
        });
        let parts = QueryRuleParts {
            name: rule.name.map(|name| Pattern::new(name.to_ascii_lowercase())),
            kind: kind.transpose()?,
            proto: proto.transpose()?,
            attempt: self.numbers(rule.attempt)?,
            number: self.numbers(rule.number)?,
            probability: self.probability(rule.probability)?,
        };
        self.chain(span, (rule.fault, rule.chain), |faults| QueryRule::new(parts, faults))
    }

    fn zone(&self, zone: Spanned<Zone>) -> Read<DnsZone> {
        let Zone { name, file, exist } = zone.into_inner();
        let no_name = || self.wrong(name.span(), format!("{} is no domain name", name.get_ref()));
        match (file, exist) {
            (Some(file), None) => {
                let path = self.folder.join(file.get_ref());
                let wrong = |why| self.wrong(file.span(), format!("{}: {why}", path.display()));
                let text = read(&path).map_err(wrong)?;
                DnsZone::from_file(name.get_ref(), &text).map_err(|error| wrong(error.to_string()))
            }
            (Some(_), Some(exist)) => {
                Err(self.wrong(exist.span(), "names exist by rate or by file, not both"))
            }
            (None, exist) => {
                let rate = exist.map_or(Ok(0.5), |rate| self.at(&rate, |rate| share(*rate)))?;
                DnsZone::generated(name.get_ref(), rate).ok_or_else(no_name)
            }
        }
    }
}

fn share(p: f64) -> Result<f64, Wrong> {
    let right = (0.0..=1.0).contains(&p);
    right.then_some(p).ok_or_else(|| Wrong(format!("a share is 0.0 to 1.0, not {p}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Scenario, String> {
        Scenario::parse(text, Path::new("")).map_err(|error| error.to_string())
    }

    #[test]
    fn all_of_it() {
        let scenario = parse(
            r#"
            seed = 7
            tls = "expired"
            load = "cliff?at=8"
            [[connection]]
            number = "1..3"
            probability = 0.5
            fault = "accept-reset"
            [[request]]
            method = "get"
            host = "LocalHost:*"
            path = "/flags/*"
            attempt = 1
            number = "100.."
            probability = 0.25
            chain = ["delay?for=0.5s..5s", "send?bytes=3000", "reset"]
            [[request]]
            fault = "status?code=418"
            [[query]]
            name = "*.dev"
            type = "AAAA"
            over = "udp"
            attempt = "1..2"
            fault = "drop"
            [[zone]]
            name = "dev"
            exist = 0.25
            "#,
        );
        let scenario = scenario.unwrap();
        assert_eq!(scenario.seed, Some(7));
        assert_eq!(scenario.load.unwrap().to_string(), "cliff?at=8");
        assert_eq!(scenario.connections.len(), 1);
        assert_eq!((scenario.queries.len(), scenario.zones.len()), (1, 1));
        assert_eq!(
            scenario.requests[0].to_string(),
            "method GET, host localhost:*, path /flags/*, attempt 1, request number 100.., \
             probability 0.25: delay?for=0.5s..5s, then send?bytes=3000, then reset"
        );
        assert_eq!(scenario.requests[1].to_string(), "every request: status?code=418");
        assert!(parse("").unwrap().requests.is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, why) in [
            (
                "[[request]]\npath = \"/\"\nfault = \"rset\"",
                "line 3: no fault is called rset; hoist rehearse --list shows them",
            ),
            ("\n[[request]]\npath = \"/\"\n", "line 2: this rule needs a fault, or a chain"),
            (
                "[[request]]\nfault = \"reset\"\nchain = [\"reset\"]",
                "line 3: a fault or a chain, not both",
            ),
            (
                "[[request]]\nfault = \"reset\"\npath = \"a\"",
                "line 3: a path begins with / or *, not as a does",
            ),
            (
                "[[request]]\nfault = \"reset\"\nmethod = \"POST\"",
                "line 3: the methods served are GET and HEAD, not POST",
            ),
            (
                "[[request]]\nfault = \"reset\"\nattempt = 0",
                "line 3: 0 is no number from 1, and no range such as 1..3 or 2..",
            ),
            (
                "[[request]]\nfault = \"reset\"\nprobability = 1.5",
                "line 3: a share is 0.0 to 1.0, not 1.5",
            ),
            ("[[request]]\nfault = \"reset?aftr=1\"", "line 2: there is no parameter aftr here"),
            (
                "[[connection]]\nfault = \"refuse\"\nnumber = 1",
                "line 2: refuse is for all connections: the first rule, without number and probability",
            ),
            (
                "[[connection]]\nfault = \"reset\"",
                "line 2: no connection fault is called reset; hoist rehearse --list shows them",
            ),
            (
                "seed = 1\nload = \"cliff?at=x\"",
                "line 2: cliff: at is a number from 1 to 100000, not x",
            ),
            (
                "[[request]]\nfault = \"knee?at=3\"",
                "line 2: knee is a model of a server's load: --load or, in a scenario, load gives it",
            ),
            ("tls = \"old\"", "line 1: a certificate is one of"),
            ("[[zone]]\nname = \"a..b\"", "line 2: a..b is no domain name"),
            ("[[zone]]\nname = \"a\"\nfile = \"/nonexistent/zone\"", "line 3: /nonexistent/zone: "),
            ("[[query]]\nfault = \"drop\"\ntype = \"?\"", "line 3: ? is no record type"),
            ("[[query]]\nfault = \"drop\"\nover = \"tls\"", "line 3: over is udp or tcp, not tls"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(why), "{text}\n{error}");
        }
        for (text, line) in [
            ("[[request]]\nerrand = \"reset\"", "line 2: unknown field `errand`"),
            ("[[requests]]\nfault = \"reset\"", "line 1: unknown field `requests`"),
            ("seed = 1\nseed = 2", "line 2: "),
            ("[[request]]\nfault = 3", "line 2: "),
            ("[[request]]\nfault = \"reset\"\nattempt = 1.5", "line 3: "),
            ("a = [", "line 1: "),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(line), "{text}\n{error}");
        }
    }
}
