//! A scenario: which fault meets whom.

mod file;
mod request;
mod when;

pub use file::ScenarioError;
pub(crate) use request::{Asked, ConnectionRule, RequestRule};
pub(crate) use when::{Numbers, Pattern, draw};

use crate::dns::{DnsZone, QueryRule};
use crate::http::{Chain, ConnectionFault, Load};
use crate::spec::Wrong;
use crate::tls::Certificate;

/// What a scenario file says, read and checked. The first rule that fits a connection or a request
/// decides; without one, all is as it would be without a scenario.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    seed: Option<u64>,
    tls: Option<Certificate>,
    http2: bool,
    /// What every connection meets, whatever the rules say.
    pub(crate) everyone: Option<ConnectionFault>,
    pub(crate) connections: Vec<ConnectionRule>,
    pub(crate) requests: Vec<RequestRule>,
    /// What each server's load does to its answers.
    pub(crate) load: Option<Load>,
    queries: Vec<QueryRule>,
    zones: Vec<DnsZone>,
}

impl Scenario {
    /// The seed that the file asks for.
    pub fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// The certificate that the file asks for; https is served with it.
    pub fn tls(&self) -> Option<Certificate> {
        self.tls
    }

    /// Whether the file asks for HTTP/2.
    pub fn http2(&self) -> bool {
        self.http2
    }

    /// The rules for DNS.
    pub fn queries(&self) -> &[QueryRule] {
        &self.queries
    }

    /// The zones that the file gives.
    pub fn zones(&self) -> &[DnsZone] {
        &self.zones
    }

    /// The same, with every connection meeting this fault (`name?key=value`).
    ///
    /// # Errors
    /// That there is no such fault, or that it is written wrong.
    pub fn meeting(mut self, fault: &str) -> Result<Self, Wrong> {
        let fault = ConnectionFault::parse(fault)?;
        self.everyone = Some(fault);
        Ok(self)
    }

    /// The same, with each server under this load model (`name?key=value`).
    ///
    /// # Errors
    /// That there is no such model, or that it is written wrong.
    pub fn loaded(mut self, model: &str) -> Result<Self, Wrong> {
        self.load = Some(Load::parse(model)?);
        Ok(self)
    }

    /// Every connection meets this fault.
    pub(crate) fn of_connections(fault: ConnectionFault) -> Self {
        Self { everyone: Some(fault), ..Self::default() }
    }

    /// The number of the rule for a request, from 1, and what it asks for.
    pub(crate) fn chain_for(&self, seed: u64, asked: Asked<'_>) -> Option<(usize, &Chain)> {
        let numbered = self.requests.iter().enumerate().map(|(at, rule)| (at + 1, rule));
        let mut fitting = numbered.filter(|(number, rule)| rule.meets(seed, *number, asked));
        fitting.next().map(|(number, rule)| (number, &rule.chain))
    }

    /// The fault of a connection, and the number of its rule, from 1; none for what all connections
    /// meet without a rule.
    pub(crate) fn fault_for(
        &self,
        seed: u64,
        connection: u64,
    ) -> Option<(Option<usize>, &ConnectionFault)> {
        if let Some(fault) = &self.everyone {
            return Some((None, fault));
        }
        let numbered = self.connections.iter().enumerate().map(|(at, rule)| (at + 1, rule));
        let mut fitting = numbered.filter(|(number, rule)| rule.meets(seed, *number, connection));
        fitting.next().map(|(number, rule)| (Some(number), &rule.fault))
    }

    /// The fault of a server that nobody can connect to: one for all of its connections.
    pub(crate) fn shut(&self) -> Option<&ConnectionFault> {
        let first = self.connections.first().filter(|rule| rule.is_for_all());
        let fault = self.everyone.as_ref().or(first.map(|rule| &rule.fault))?;
        Some(fault).filter(|fault| fault.is_of_server())
    }
}
