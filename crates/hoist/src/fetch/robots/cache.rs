//! What is remembered of each origin's robots.txt, bounded in number, bytes and time.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::rules::Rules;
use crate::item::Origin;
use crate::outcome::Failure;
use crate::plan::defaults;

/// The robots.txt of the origins that were asked lately.
#[derive(Debug)]
pub(in crate::fetch) struct Robots(RefCell<Cache>);

/// What an origin's robots.txt came to.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// These are its rules; none where there is no robots.txt.
    Rules(Rc<Rules>),
    /// It can't be read, for this reason: nothing may be asked for. After this time it may be, where the
    /// server has said so.
    Closed(Rc<str>, Option<Duration>),
    /// It began to come, and broke off or stalled: so does whatever needs it.
    Broken(Failure),
}

#[derive(Debug)]
struct Cache {
    known: HashMap<Origin, Entry>,
    /// Oldest first.
    order: BTreeMap<u64, Origin>,
    next: u64,
    bytes: usize,
    most: (usize, usize),
}

#[derive(Debug)]
struct Entry {
    known: Known,
    until: Instant,
    number: u64,
    bytes: usize,
}

/// Memory that an origin takes beside its rules, about.
const ENTRY: usize = 256;

impl Robots {
    pub(in crate::fetch) fn new() -> Self {
        Self::bounded(defaults::ROBOTS_ORIGINS, defaults::ROBOTS_MEMORY)
    }

    fn bounded(origins: usize, bytes: usize) -> Self {
        Self(RefCell::new(Cache {
            known: HashMap::new(),
            order: BTreeMap::new(),
            next: 0,
            bytes: 0,
            most: (origins, bytes),
        }))
    }

    pub(super) fn get(&self, origin: &Origin, now: Instant) -> Option<Known> {
        let cache = self.0.borrow();
        let entry = cache.known.get(origin).filter(|entry| now < entry.until)?;
        Some(entry.known.clone())
    }

    pub(super) fn put(&self, origin: &Origin, known: Known, now: Instant, kept: Duration) {
        let mut cache = self.0.borrow_mut();
        cache.remove(origin);
        let bytes = ENTRY
            + match &known {
                Known::Rules(rules) => rules.weight(),
                Known::Closed(reason, _) => reason.len(),
                Known::Broken(failure) => failure.reason.len(),
            };
        cache.next += 1;
        let number = cache.next;
        cache.known.insert(origin.clone(), Entry { known, until: now + kept, number, bytes });
        cache.order.insert(number, origin.clone());
        cache.bytes += bytes;
        while cache.order.len() > cache.most.0 || cache.bytes > cache.most.1 {
            let Some((_, oldest)) = cache.order.pop_first() else { return };
            cache.remove(&oldest);
        }
    }
}

impl Cache {
    fn remove(&mut self, origin: &Origin) {
        if let Some(entry) = self.known.remove(origin) {
            self.order.remove(&entry.number);
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn origin(n: usize) -> Origin {
        Origin::of(&Url::parse(&format!("http://{n}.example/")).unwrap()).unwrap()
    }

    #[test]
    fn it_forgets_with_time_and_the_oldest_first() {
        let (robots, now) = (Robots::bounded(3, 10_000), Instant::now());
        let rules = |text: &str| Known::Rules(Rc::new(Rules::parse(text.as_bytes())));
        let hour = Duration::from_hours(1);
        for n in 0..5 {
            robots.put(&origin(n), rules(""), now, hour);
        }
        let there = |now| (0..5).map(|n| robots.get(&origin(n), now).is_some()).collect::<Vec<_>>();
        assert_eq!(there(now), [false, false, true, true, true]);
        assert_eq!(there(now + hour), [false; 5]);
        robots.put(&origin(2), rules(""), now, hour);
        robots.put(&origin(0), rules(""), now, hour);
        assert_eq!(there(now), [true, false, true, false, true], "asked again is young again");
        let long = format!("User-agent: *\nDisallow: /{}", "x".repeat(9_500));
        robots.put(&origin(1), rules(&long), now, hour);
        assert_eq!(there(now), [false, true, false, false, false], "bounded in bytes");
        robots.put(&origin(1), rules(&"x".repeat(99)), now, hour);
        assert_eq!(robots.0.borrow().order.len(), robots.0.borrow().known.len());
        assert!(robots.0.borrow().bytes < 1_000);
    }
}
