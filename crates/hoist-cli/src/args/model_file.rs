//! From a file (TOML) to the model of a simulated run. What is wrong is told with its line; nothing
//! unknown is let pass.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use hoist::simulate::{
    Client, Dead, Distribution, Load, Mishap, Mishaps, Model, Order, Population, Quantity, Server,
    Spread,
};
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::values;

/// The longest model that is read, in bytes.
const LONGEST: u64 = 1 << 20;
/// The most groups, and the most parts of what was measured: each draw goes through them.
const MANY: usize = 1_000;

/// A model, and the seed that its file names.
pub(super) struct ModelFile {
    pub(super) model: Model,
    pub(super) seed: Option<u64>,
}

/// What is wrong with a model.
#[derive(Debug)]
pub(super) struct BadModel {
    line: Option<usize>,
    why: String,
}

impl fmt::Display for BadModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    items: Option<Spanned<u64>>,
    origins: Option<Spanned<u32>>,
    seed: Option<u64>,
    population: Option<Spanned<WrittenPopulation>>,
    client: Option<WrittenClient>,
    #[serde(default)]
    origin: WrittenServer,
    #[serde(default)]
    group: Vec<Spanned<WrittenServer>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPopulation {
    spread: Option<Spanned<String>>,
    exponent: Option<Spanned<f64>>,
    parts: Option<Spanned<Vec<(f64, f64)>>>,
    order: Option<Spanned<String>>,
    slow_items: Option<Spanned<u64>>,
    slow_latency: Option<Spanned<Word>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenClient {
    cpu: Option<Spanned<Word>>,
    bandwidth: Option<Spanned<Word>>,
}

/// An origin, or a group of them.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct WrittenServer {
    share: Option<Spanned<f64>>,
    latency: Option<Spanned<WrittenDistribution>>,
    jitter: Option<Spanned<WrittenDistribution>>,
    connect: Option<Spanned<WrittenDistribution>>,
    size: Option<Spanned<WrittenDistribution>>,
    connection: Option<Spanned<WrittenDistribution>>,
    bandwidth: Option<Spanned<WrittenDistribution>>,
    load: Option<Spanned<String>>,
    dead: Option<Spanned<String>>,
    errors: Option<BTreeMap<Spanned<String>, Spanned<Word>>>,
    hiccups: Option<BTreeMap<Spanned<String>, Spanned<Word>>>,
}

/// A time or a size: `"80ms"`, `"64K"`, or a bare number.
struct Word(String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Word;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a text such as \"80ms\" or \"64K\"")
            }
            fn visit_i64<E>(self, n: i64) -> Result<Word, E> {
                Ok(Word(n.to_string()))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Word, E> {
                Ok(Word(n.to_string()))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Word, E> {
                Ok(Word(n.to_string()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Word, E> {
                Ok(Word(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// One value, or a table that says how they are distributed.
enum WrittenDistribution {
    Fixed(Word),
    Table(Box<Table>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    least: Option<Word>,
    most: Option<Word>,
    median: Option<Word>,
    sigma: Option<f64>,
    shape: Option<f64>,
    parts: Option<Vec<(Word, f64)>>,
}

impl<'de> Deserialize<'de> for WrittenDistribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = WrittenDistribution;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value such as \"80ms\", or a table such as { median = \"80ms\", sigma = 0.8 }")
            }
            fn visit_i64<E>(self, n: i64) -> Result<Self::Value, E> {
                Ok(WrittenDistribution::Fixed(Word(n.to_string())))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Self::Value, E> {
                Ok(WrittenDistribution::Fixed(Word(n.to_string())))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Self::Value, E> {
                Ok(WrittenDistribution::Fixed(Word(n.to_string())))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(WrittenDistribution::Fixed(Word(text.to_owned())))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let table = Table::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(WrittenDistribution::Table(Box::new(table)))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl ModelFile {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, BadModel> {
        let wrong = |why: String| BadModel { line: None, why };
        let length = path.metadata().map_err(|error| wrong(error.to_string()))?;
        if !length.is_file() || length.len() > LONGEST {
            return Err(wrong(format!("it is no plain file of at most {LONGEST} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, BadModel> {
        let reader = Reader(text);
        let file: Written = toml::from_str(text).map_err(|error| reader.toml(&error))?;
        if let Some(share) = &file.origin.share {
            return Err(
                reader.wrong(share.span(), "a share is for a [[group]]; [origin] has the rest")
            );
        }
        let known = Model::default();
        let (others, _) = reader.server(file.origin, &known.others)?;
        let mut groups = Vec::new();
        let mut all = 0.0;
        for group in file.group {
            let span = group.span();
            let (server, share) = reader.server(group.into_inner(), &others)?;
            let Some(share) = share else {
                return Err(
                    reader.wrong(span, "a group needs its share of the origins: share = 0.05")
                );
            };
            all += share;
            if all > 1.0 + 1e-9 {
                return Err(reader.wrong(span, "the shares of the groups come to more than 1"));
            }
            if groups.len() == MANY {
                return Err(reader.wrong(span, format!("at most {MANY} groups")));
            }
            groups.push((share, server));
        }
        let items = file.items.as_ref().map_or(known.items, |items| *items.get_ref());
        let origins = match &file.origins {
            None => known.origins,
            Some(n) => NonZeroU32::new(*n.get_ref())
                .ok_or_else(|| reader.wrong(n.span(), "there is at least one origin"))?,
        };
        let population = match file.population {
            None => known.population,
            Some(population) => reader.population(population)?,
        };
        let client = file.client.map_or(Ok(known.client), |client| reader.client(client))?;
        let model = Model { items, origins, population, others, groups, client };
        Ok(Self { model, seed: file.seed })
    }
}

/// A message of the parser, without the names of types.
fn plain(message: &str) -> String {
    for (name, words) in [
        ("u64", "a whole number, 0 or more"),
        ("u32", "a whole number from 0 to 4294967295"),
        ("f64", "a number"),
    ] {
        if let Some(before) = message.strip_suffix(name).filter(|rest| rest.ends_with("expected "))
        {
            return format!("{before}{words}");
        }
    }
    message.to_owned()
}

struct Reader<'a>(&'a str);

type Read<T> = Result<T, BadModel>;

/// What is read from words: times and sizes.
trait Readable: Quantity {
    fn read(word: &str) -> Result<Self, String>;
}

impl Readable for Duration {
    fn read(word: &str) -> Result<Self, String> {
        values::duration(word)
    }
}

impl Readable for u64 {
    fn read(word: &str) -> Result<Self, String> {
        values::bytes(word)
    }
}

impl Reader<'_> {
    fn wrong(&self, span: Range<usize>, why: impl fmt::Display) -> BadModel {
        let line = self.0.get(..span.start).unwrap_or_default().matches('\n').count() + 1;
        BadModel { line: Some(line), why: why.to_string() }
    }

    fn toml(&self, error: &toml::de::Error) -> BadModel {
        match error.span() {
            Some(span) => self.wrong(span, plain(error.message())),
            None => BadModel { line: None, why: plain(error.message()) },
        }
    }

    fn word<T: Readable>(&self, word: &Spanned<Word>) -> Read<T> {
        let Word(text) = word.get_ref();
        T::read(text).map_err(|why| self.wrong(word.span(), format!("{text}: {why}")))
    }

    fn share(&self, share: &Spanned<f64>) -> Read<f64> {
        let right = (0.0..=1.0).contains(share.get_ref());
        let wrong =
            || self.wrong(share.span(), format!("a share is 0.0 to 1.0, not {}", share.get_ref()));
        right.then_some(*share.get_ref()).ok_or_else(wrong)
    }

    /// An origin, what is not said as in another; and its share.
    fn server(&self, of: WrittenServer, known: &Server) -> Read<(Server, Option<f64>)> {
        let mut server = known.clone();
        self.distribution(of.latency, &mut server.latency)?;
        self.distribution(of.jitter, &mut server.jitter)?;
        self.distribution(of.connect, &mut server.connect)?;
        self.distribution(of.size, &mut server.size)?;
        self.rate(of.connection, &mut server.connection)?;
        self.rate(of.bandwidth, &mut server.bandwidth)?;
        if let Some(load) = of.load {
            let load =
                load.get_ref().parse::<Load>().map_err(|why| self.wrong(load.span(), why))?;
            server.load = Some(load);
        }
        if let Some(dead) = of.dead {
            server.dead = Some(match dead.get_ref().as_str() {
                "silent" => Dead::Silent,
                "refused" => Dead::Refused,
                word => {
                    let why = format!("dead is \"silent\" or \"refused\", not \"{word}\"");
                    return Err(self.wrong(dead.span(), why));
                }
            });
        }
        if let Some(errors) = of.errors {
            server.errors = self.mishaps(errors)?;
        }
        if let Some(hiccups) = of.hiccups {
            server.hiccups = self.mishaps(hiccups)?;
        }
        let share = of.share.map(|share| self.share(&share)).transpose()?;
        Ok((server, share))
    }

    fn mishaps(&self, written: BTreeMap<Spanned<String>, Spanned<Word>>) -> Read<Mishaps> {
        let mut mishaps = Mishaps::default();
        let mut all = 0.0;
        for (key, value) in written {
            let mishap = match key.get_ref().as_str() {
                "retry_after" => {
                    mishaps.retry_after = Some(self.word(&value)?);
                    continue;
                }
                "reset" => Mishap::Reset,
                "timeout" => Mishap::Timeout,
                "deferred" => Mishap::Deferred,
                status => {
                    let status = status.parse().ok().filter(|code| (300..=599).contains(code));
                    Mishap::Status(status.ok_or_else(|| {
                        let why = format!(
                            "{} is no mishap: write a status from 300 to 599, reset, timeout or \
                             deferred; retry_after goes with 429 and 503",
                            key.get_ref()
                        );
                        self.wrong(key.span(), why)
                    })?)
                }
            };
            let Word(text) = value.get_ref();
            let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
            let share = share.ok_or_else(|| {
                self.wrong(value.span(), format!("a share is 0.0 to 1.0, not {text}"))
            })?;
            all += share;
            if all > 1.0 + 1e-9 {
                return Err(self.wrong(value.span(), "these shares come to more than 1"));
            }
            mishaps.shares.push((mishap, share));
        }
        Ok(mishaps)
    }

    fn rate(
        &self,
        written: Option<Spanned<WrittenDistribution>>,
        into: &mut Option<Distribution<u64>>,
    ) -> Read<()> {
        if written.is_some() {
            let mut rate = Distribution::Fixed(0);
            self.distribution(written, &mut rate)?;
            *into = Some(rate);
        }
        Ok(())
    }

    fn distribution<T: Readable>(
        &self,
        written: Option<Spanned<WrittenDistribution>>,
        into: &mut Distribution<T>,
    ) -> Read<()> {
        let Some(written) = written else { return Ok(()) };
        let span = written.span();
        let value = |Word(text): &Word| {
            T::read(text).map_err(|why| self.wrong(span.clone(), format!("{text}: {why}")))
        };
        *into = match written.into_inner() {
            WrittenDistribution::Fixed(word) => Distribution::Fixed(value(&word)?),
            WrittenDistribution::Table(table) => match *table {
                Table {
                    least: Some(least),
                    most: Some(most),
                    median: None,
                    sigma: None,
                    shape: None,
                    parts: None,
                } => {
                    let (least, most) = (value(&least)?, value(&most)?);
                    if least.to_number() > most.to_number() {
                        return Err(self.wrong(span, "least is more than most"));
                    }
                    Distribution::Uniform(least, most)
                }
                Table {
                    median: Some(median),
                    sigma: Some(sigma),
                    least: None,
                    most: None,
                    shape: None,
                    parts: None,
                } if (0.0..=20.0).contains(&sigma) => {
                    Distribution::Lognormal { median: value(&median)?, sigma }
                }
                Table {
                    least: Some(least),
                    shape: Some(shape),
                    most: None,
                    median: None,
                    sigma: None,
                    parts: None,
                } if shape > 0.0 => Distribution::Pareto { least: value(&least)?, shape },
                Table {
                    parts: Some(parts),
                    least: None,
                    most: None,
                    median: None,
                    sigma: None,
                    shape: None,
                } if (1..=MANY).contains(&parts.len())
                    && parts.iter().all(|(_, share)| *share >= 0.0)
                    && parts.iter().any(|(_, share)| *share > 0.0) =>
                {
                    let part = |(word, share): &(Word, f64)| Ok((value(word)?, *share));
                    Distribution::Parts(parts.iter().map(part).collect::<Read<_>>()?)
                }
                _ => {
                    return Err(self.wrong(
                        span,
                        "write { least, most } (uniform), { median, sigma } (lognormal, sigma 0 to 20), \
                         { least, shape } (pareto, shape above 0), or { parts = [[value, share], ...] }",
                    ));
                }
            },
        };
        Ok(())
    }

    fn population(&self, written: Spanned<WrittenPopulation>) -> Read<Population> {
        let span = written.span();
        let of = written.into_inner();
        let spread = of.spread.as_ref().map_or("uniform", |spread| spread.get_ref().as_str());
        let at =
            |spread: &Option<Spanned<String>>| spread.as_ref().map_or(span.clone(), Spanned::span);
        let spread = match (spread, of.exponent, of.parts) {
            ("uniform", None, None) => Spread::Uniform,
            ("zipf", exponent, None) => {
                let n = exponent.as_ref().map_or(1.0, |exponent| *exponent.get_ref());
                if !(0.0..=10.0).contains(&n) {
                    let span = exponent.map_or(span, |exponent| exponent.span());
                    return Err(self.wrong(span, format!("an exponent is 0.0 to 10.0, not {n}")));
                }
                Spread::Zipf(n)
            }
            ("parts", None, Some(parts)) => {
                let right = |(share, weight): &(f64, f64)| *share > 0.0 && *weight > 0.0;
                if !(1..=MANY).contains(&parts.get_ref().len())
                    || !parts.get_ref().iter().all(right)
                {
                    let why = "parts are [share of the origins, weight of each], both above 0";
                    return Err(self.wrong(parts.span(), why));
                }
                Spread::Parts(parts.into_inner())
            }
            _ => {
                let why = "write spread = \"uniform\", \"zipf\" (with exponent) or \"parts\" (with \
                           parts = [[share, weight], ...])";
                return Err(self.wrong(at(&of.spread), why));
            }
        };
        let order = of.order.as_ref().map_or("shuffled", |order| order.get_ref().as_str());
        let order = match (order, of.slow_items, of.slow_latency) {
            ("shuffled", None, None) => Order::Shuffled,
            ("sorted", None, None) => Order::Sorted,
            ("slow-first", Some(items), Some(latency)) => {
                Order::SlowFirst(*items.get_ref(), self.word(&latency)?)
            }
            _ => {
                let why = "write order = \"shuffled\", \"sorted\" or \"slow-first\" (with slow_items and \
                           slow_latency)";
                return Err(self.wrong(at(&of.order), why));
            }
        };
        Ok(Population { spread, order })
    }

    fn client(&self, written: WrittenClient) -> Read<Client> {
        let mut client = Client::default();
        if let Some(cpu) = written.cpu {
            client.cpu = self.word(&cpu)?;
        }
        if let Some(bandwidth) = written.bandwidth {
            let rate: u64 = self.word(&bandwidth)?;
            if rate == 0 {
                return Err(self.wrong(bandwidth.span(), "a line has more than 0 bytes a second"));
            }
            client.bandwidth = Some(rate);
        }
        Ok(client)
    }
}
