//! Servers whose speed depends on their load: the models of `hoist rehearse --load`, written the same.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use super::line::Line;

/// How a server's speed depends on its load, written as for `hoist rehearse --load`:
/// `knee?at=32&takes=20ms`.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    model: Model,
    /// What serving takes, at best.
    takes: Duration,
}

#[derive(Debug, Clone, PartialEq)]
enum Model {
    /// The same, whatever the load.
    Latency,
    /// So many bytes a second over all connections.
    Bandwidth(u64),
    /// So many are served at once; the others queue.
    Knee(usize),
    /// Beyond so many in flight, this status, perhaps with Retry-After.
    Cliff { at: u64, status: u16, again: Option<Duration> },
    /// Beyond so many in flight, all take longer by the square of the excess.
    Collapse(u64),
    /// Who asks for more than so many a second is slowed, or refused, for a while.
    Greedy { rate: u64, lasts: Duration, penalty: Penalty },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Penalty {
    Slow(Duration),
    Refuse(u16),
}

/// The longest that a server takes over an answer.
const LONGEST: Duration = Duration::from_mins(10);
/// The most at once, and the most a second.
const MOST: u64 = 100_000;

/// A load that is wrong, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadLoad(String);

/// What a server says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The answer begins after this time.
    Served(Duration),
    /// This status at once, and when to come again.
    Refused(u16, Option<Duration>),
}

/// What a server remembers of its load.
#[derive(Debug)]
pub(super) enum Loaded {
    Nothing,
    Knee(BinaryHeap<Reverse<Instant>>),
    Greedy(Box<Greedy>),
}

#[derive(Debug, Default)]
pub(super) struct Greedy {
    /// When the bucket of a second's requests is full again: a second from then it is empty.
    full_at: Option<Instant>,
    until: Option<Instant>,
    /// When the last answer within the penalty begins.
    last: Option<Instant>,
}

impl Load {
    pub(super) fn line(&self) -> Option<Line> {
        match self.model {
            Model::Bandwidth(rate) => Some(Line::new(rate)),
            _ => None,
        }
    }

    pub(super) fn begin(&self) -> Loaded {
        match self.model {
            Model::Knee(_) => Loaded::Knee(BinaryHeap::new()),
            Model::Greedy { .. } => Loaded::Greedy(Box::default()),
            _ => Loaded::Nothing,
        }
    }

    /// Takes in a request that arrives while so many are served, this one included.
    pub(super) fn meet(&self, loaded: &mut Loaded, now: Instant, in_flight: u64) -> Fate {
        match (&self.model, loaded) {
            (Model::Knee(at), Loaded::Knee(free)) => {
                let begins = if free.len() < *at {
                    now
                } else {
                    free.pop().map_or(now, |Reverse(free)| free.max(now))
                };
                let ends = begins + self.takes;
                free.push(Reverse(ends));
                Fate::Served(ends - now)
            }
            (Model::Cliff { at, status, again }, _) if in_flight > *at => {
                Fate::Refused(*status, *again)
            }
            (Model::Collapse(at), _) => {
                let (at, n) = (u128::from(*at), u128::from(in_flight.max(*at)));
                let nanos = self.takes.as_nanos().saturating_mul(n * n) / (at * at);
                let wait = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
                Fate::Served(wait.min(LONGEST))
            }
            (Model::Greedy { rate, lasts, penalty }, Loaded::Greedy(client)) => {
                self.weigh(client, now, (*rate, *lasts, *penalty))
            }
            _ => Fate::Served(self.takes),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    fn weigh(
        &self,
        client: &mut Greedy,
        now: Instant,
        (rate, lasts, penalty): (u64, Duration, Penalty),
    ) -> Fate {
        let mut until = client.until.filter(|until| now < *until);
        if until.is_none() {
            let each = Duration::from_secs(1).div_f64(rate as f64);
            let full_at = client.full_at.map_or(now, |at| at.max(now)) + each;
            if full_at <= now + Duration::from_secs(1) {
                client.full_at = Some(full_at);
                return Fate::Served(self.takes);
            }
            until = Some(now + lasts);
            *client = Greedy { full_at: None, until, last: Some(now + self.takes) };
        }
        match penalty {
            Penalty::Slow(by) => {
                let last = client.last.map_or(now, |last| last.max(now)) + by;
                client.last = Some(last);
                Fate::Served((last - now).min(LONGEST))
            }
            Penalty::Refuse(status) => Fate::Refused(status, until.map(|until| until - now)),
        }
    }
}

impl FromStr for Load {
    type Err = BadLoad;

    fn from_str(text: &str) -> Result<Self, BadLoad> {
        let (name, query) = text.split_once('?').unwrap_or((text, ""));
        let mut given = Given::of(name, query);
        let takes = given.time("takes", Duration::from_millis(20))?;
        let model = match name {
            "latency" => Model::Latency,
            "bandwidth" => Model::Bandwidth(given.bytes("rate", 1 << 20)?),
            "knee" => Model::Knee(usize::try_from(given.count("at", 32)?).unwrap_or(usize::MAX)),
            "cliff" => Model::Cliff {
                at: given.count("at", 32)?,
                status: given.status("code", 429)?,
                again: given.seconds("retry-after")?,
            },
            "collapse" => Model::Collapse(given.count("at", 32)?),
            "greedy" => {
                let slow = given.time("slow", Duration::from_millis(100))?;
                let refuse = given.status("code", 429)?;
                let penalty = match given.take("then").as_deref() {
                    None | Some("slow") => Penalty::Slow(slow),
                    Some("refuse") => Penalty::Refuse(refuse),
                    Some(word) => {
                        return Err(given.wrong(&format!("then is slow or refuse, not {word}")));
                    }
                };
                let lasts = given.time("for", Duration::from_secs(30))?;
                Model::Greedy { rate: given.count("rate", 50)?, lasts, penalty }
            }
            _ => {
                return Err(BadLoad(format!(
                    "no load model is called {name}; there are latency, bandwidth, knee, cliff, \
                     collapse, greedy, as in knee?at=32&takes=20ms"
                )));
            }
        };
        given.done()?;
        Ok(Self { model, takes })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: &Duration| time.as_secs_f64() * 1e3;
        match &self.model {
            Model::Latency => f.write_str("latency?")?,
            Model::Bandwidth(rate) => write!(f, "bandwidth?rate={rate}&")?,
            Model::Knee(at) => write!(f, "knee?at={at}&")?,
            Model::Cliff { at, status, again } => {
                write!(f, "cliff?at={at}&code={status}&")?;
                if let Some(again) = again {
                    write!(f, "retry-after={}&", again.as_secs())?;
                }
            }
            Model::Collapse(at) => write!(f, "collapse?at={at}&")?,
            Model::Greedy { rate, lasts, penalty } => {
                write!(f, "greedy?rate={rate}&for={}ms&", ms(lasts))?;
                match penalty {
                    Penalty::Slow(by) => write!(f, "then=slow&slow={}ms&", ms(by))?,
                    Penalty::Refuse(status) => write!(f, "then=refuse&code={status}&")?,
                }
            }
        }
        write!(f, "takes={}ms", ms(&self.takes))
    }
}

/// Parameters as written; each is asked for once, and what is left at the end is unknown.
struct Given<'a> {
    name: &'a str,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Given<'a> {
    fn of(name: &'a str, query: &'a str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        Self { name, pairs }
    }

    fn wrong(&self, why: &str) -> BadLoad {
        BadLoad(format!("{}: {why}", self.name))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.pairs.iter().position(|(key, _)| *key == name)?;
        Some(self.pairs.remove(at).1.to_owned())
    }

    fn count(&mut self, name: &str, or: u64) -> Result<u64, BadLoad> {
        let Some(text) = self.take(name) else { return Ok(or) };
        let number = text.parse().ok().filter(|n| (1..=MOST).contains(n));
        number
            .ok_or_else(|| self.wrong(&format!("{name} is a number from 1 to {MOST}, not {text}")))
    }

    fn status(&mut self, name: &str, or: u16) -> Result<u16, BadLoad> {
        let Some(text) = self.take(name) else { return Ok(or) };
        let code = text.parse().ok().filter(|code| (400..=599).contains(code));
        code.ok_or_else(|| self.wrong(&format!("{name} is a status from 400 to 599, not {text}")))
    }

    fn seconds(&mut self, name: &str) -> Result<Option<Duration>, BadLoad> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let seconds = text.parse().ok().filter(|n| *n <= 1 << 32).map(Duration::from_secs);
        seconds
            .map(Some)
            .ok_or_else(|| self.wrong(&format!("{name} is a whole number of seconds, not {text}")))
    }

    fn time(&mut self, name: &str, or: Duration) -> Result<Duration, BadLoad> {
        let Some(text) = self.take(name) else { return Ok(or) };
        let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at(unit);
        let seconds = match unit {
            "ms" => 1e-3,
            "" | "s" => 1.0,
            "m" => 60.0,
            _ => f64::NAN,
        };
        let time = number.parse::<f64>().ok().map(|n| n * seconds);
        let time = time.and_then(|time| Duration::try_from_secs_f64(time).ok());
        time.filter(|time| *time <= LONGEST).ok_or_else(|| {
            self.wrong(&format!("{name} is a time up to 10m, such as 2s or 500ms, not {text}"))
        })
    }

    fn bytes(&mut self, name: &str, or: u64) -> Result<u64, BadLoad> {
        let Some(text) = self.take(name) else { return Ok(or) };
        let units = [("K", 10), ("M", 20), ("G", 30), ("", 0)];
        let parts = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
        let bytes = parts.and_then(|(n, shift)| n.parse::<u64>().ok()?.checked_mul(1 << shift));
        bytes.filter(|n| (1..=1 << 40).contains(n)).ok_or_else(|| {
            self.wrong(&format!(
                "{name} is a number of bytes from 1, such as 1000, 64K or 10M, not {text}"
            ))
        })
    }

    fn done(&self) -> Result<(), BadLoad> {
        match self.pairs.first() {
            Some((key, _)) => Err(self.wrong(&format!("there is no parameter {key} here"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// The fates of requests that come at these milliseconds with so many in flight.
    fn fates(load: &str, arrivals: &[(u64, u64)]) -> Vec<Fate> {
        let load: Load = load.parse().unwrap();
        let (mut loaded, start) = (load.begin(), Instant::now());
        arrivals.iter().map(|(at, n)| load.meet(&mut loaded, start + ms(*at), *n)).collect()
    }

    fn waits(load: &str, arrivals: &[(u64, u64)]) -> Vec<u128> {
        let wait = |fate| match fate {
            Fate::Served(wait) => wait.as_millis(),
            Fate::Refused(..) => panic!("refused"),
        };
        fates(load, arrivals).into_iter().map(wait).collect()
    }

    #[test]
    fn they_are_those_of_the_rehearsal() {
        assert_eq!(waits("latency?takes=50ms", &[(0, 1), (0, 999)]), [50, 50]);
        let knee = waits("knee?at=2&takes=10ms", &[(0, 1), (0, 2), (0, 3), (15, 4), (1000, 1)]);
        assert_eq!(knee, [10, 10, 20, 10, 10]);
        let collapse = waits("collapse?at=10", &[(0, 1), (0, 10), (0, 20), (0, 100)]);
        assert_eq!(collapse, [20, 20, 80, 2000]);
        let cliff = fates("cliff?at=3&retry-after=2&code=503", &[(0, 3), (0, 4)]);
        assert_eq!(cliff, [Fate::Served(ms(20)), Fate::Refused(503, Some(ms(2000)))]);
        let mut arrivals = vec![(0, 1); 12];
        arrivals.extend([(29_990, 1), (29_990, 1), (30_000, 1)]);
        let greedy = waits("greedy?rate=10&takes=5ms&slow=1s", &arrivals);
        assert_eq!(greedy[..10], [5; 10]);
        assert_eq!(greedy[10..], [1005, 2005, 1000, 2000, 5]);
        let refused = fates("greedy?rate=1&then=refuse", &[(0, 1), (10, 1), (10_010, 1)]);
        assert_eq!(refused[1], Fate::Refused(429, Some(ms(30_000))));
        assert_eq!(refused[2], Fate::Refused(429, Some(ms(20_000))));
    }

    #[test]
    fn they_are_written_as_they_are_read() {
        for text in [
            "latency",
            "bandwidth?rate=500K",
            "knee?at=3&takes=0.5s",
            "cliff?code=503&retry-after=1",
            "collapse?takes=5ms",
            "greedy?then=refuse&code=503",
            "greedy?slow=1s&for=5m",
        ] {
            let load: Load = text.parse().unwrap();
            assert_eq!(load.to_string().parse(), Ok(load), "{text}");
        }
        for (text, why) in [
            ("kne", "no load model is called kne"),
            ("knee?at=0", "knee: at is a number from 1 to 100000, not 0"),
            ("knee?takes=20x", "knee: takes is a time up to 10m, such as 2s or 500ms, not 20x"),
            ("cliff?above=3", "cliff: there is no parameter above here"),
            ("cliff?code=200", "cliff: code is a status from 400 to 599, not 200"),
            ("bandwidth?rate=x", "bandwidth: rate is a number of bytes from 1"),
            ("greedy?then=ban", "greedy: then is slow or refuse, not ban"),
        ] {
            let error = text.parse::<Load>().unwrap_err().to_string();
            assert!(error.starts_with(why), "{error}");
        }
    }
}
