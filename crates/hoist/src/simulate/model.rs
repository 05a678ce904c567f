use std::num::NonZeroU32;
use std::time::Duration;

use super::{Distribution, Load, Population};
use crate::plan::defaults;

/// What a simulated run meets: the list, the origins, and what an attempt costs here.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Items of the list.
    pub items: u64,
    /// Origins that they are spread over.
    pub origins: NonZeroU32,
    /// How they are spread.
    pub population: Population,
    /// What origins are like that are in none of the groups.
    pub others: Server,
    /// Origins that are different, with their share of all. An origin is in a group by chance.
    pub groups: Vec<(f64, Server)>,
    /// What the client itself can do.
    pub client: Client,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            items: 100_000,
            origins: NonZeroU32::new(1_000).unwrap_or(NonZeroU32::MIN),
            population: Population {
                spread: super::Spread::Uniform,
                order: super::Order::Shuffled,
            },
            others: Server::default(),
            groups: Vec::new(),
            client: Client::default(),
        }
    }
}

/// What an origin is like.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// From a request to its answer, there and back; drawn once for each origin.
    pub latency: Distribution<Duration>,
    /// The same, anew for each request: it comes on top.
    pub jitter: Distribution<Duration>,
    /// To make a connection, where no idle one is left; drawn for each.
    pub connect: Distribution<Duration>,
    /// The bytes of a body; drawn for each item.
    pub size: Distribution<u64>,
    /// Bytes a second of one connection; drawn once for each origin. None: no bound.
    pub connection: Option<Distribution<u64>>,
    /// Bytes a second of all connections of an origin together; drawn once for each.
    pub bandwidth: Option<Distribution<u64>>,
    /// How its speed depends on its load. What it takes comes on top of the latency.
    pub load: Option<Load>,
    /// What befalls items, however often they are tried.
    pub errors: Mishaps,
    /// What befalls single tries.
    pub hiccups: Mishaps,
    /// It never answers.
    pub dead: Option<Dead>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            latency: Distribution::Fixed(Duration::from_millis(100)),
            jitter: Distribution::Fixed(Duration::ZERO),
            connect: Distribution::Fixed(Duration::ZERO),
            size: Distribution::Fixed(2_000),
            connection: None,
            bandwidth: None,
            load: None,
            errors: Mishaps::default(),
            hiccups: Mishaps::default(),
            dead: None,
        }
    }
}

/// What goes wrong, with the share of items, or tries, that it befalls.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mishaps {
    /// Each with its share; together at most 1.
    pub shares: Vec<(Mishap, f64)>,
    /// The Retry-After that comes with 429 and 503.
    pub retry_after: Option<Duration>,
}

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// The answer has this status.
    Status(u16),
    /// The connection is broken off before the answer.
    Reset,
    /// No answer begins.
    Timeout,
    /// 429, with a Retry-After beyond every deadline.
    Deferred,
}

/// How an origin does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dead {
    /// Connections are not made: nothing comes back.
    Silent,
    /// Connections are refused.
    Refused,
}

/// What the client can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// What one attempt occupies the client with: nothing else is done in this time.
    pub cpu: Duration,
    /// Bytes a second of its line. None: no bound.
    pub bandwidth: Option<u64>,
}

impl Default for Client {
    fn default() -> Self {
        Self { cpu: defaults::SIMULATED_CPU, bandwidth: None }
    }
}
