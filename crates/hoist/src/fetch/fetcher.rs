use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::SystemTime;

use tokio_util::task::TaskTracker;

use super::acceptance::Acceptance;
use super::authorization::Authorizations;
use super::bandwidth::Ceiling;
use super::coding::Codings;
use super::connect::Connector;
use super::cookies::Jar;
use super::leases::Leases;
use super::pool::Pool;
use super::request::Fields;
use super::robots::Robots;
use super::route::Routes;
use super::tidings::Tidings;
use super::tls::Tls;
use crate::error::Error;
use crate::item::HashAlgorithm;
use crate::plan::{
    CeilingsPlan, GetPlan, GivingUp, HttpVersions, NamingPlan, Patience, SinkPlan, defaults,
};
use crate::probe::Resolver;
use crate::report::Report;
use crate::sink::Handover;
use crate::sys;

/// What all attempts of a run share.
#[derive(Debug)]
pub(super) struct Fetcher {
    pub(super) connector: Connector,
    pub(super) pool: Rc<RefCell<Pool>>,
    pub(super) fields: Fields,
    pub(super) authorizations: Authorizations,
    pub(super) cookies: Option<RefCell<Jar>>,
    pub(super) patience: Patience,
    pub(super) giving_up: GivingUp,
    pub(super) max_redirects: u32,
    pub(super) acceptance: Acceptance,
    /// Where content codings are undone.
    pub(super) codings: Option<Codings>,
    /// Of every body.
    pub(super) hash: Option<HashAlgorithm>,
    pub(super) naming: NamingPlan,
    pub(super) handover: Handover,
    /// Bytes of bodies that are kept until they are whole.
    pub(super) gathered: Cell<u64>,
    /// What has been handed over can't be taken back: no other try then.
    pub(super) streams_out: bool,
    /// Bodies are samples of shards.
    pub(super) samples: bool,
    /// Bodies that break off are gone on with.
    pub(super) continues: bool,
    /// Ranges of one body at once, at most.
    pub(super) split: usize,
    /// Bytes of a piece of such a body, at least.
    pub(super) piece: u64,
    pub(super) leases: Leases,
    /// What robots may not ask for is not.
    pub(super) robots: Option<Robots>,
    pub(super) tidings: Tidings,
    pub(super) ceilings: CeilingsPlan,
    pub(super) report: Report,
}

/// Descriptors kept for all that is no connection: files being written, DNS, the user's own.
const RESERVED: usize = 64;

impl Fetcher {
    pub(super) fn start(
        mut plan: GetPlan,
        handover: Handover,
        leases: Leases,
        tidings: Tidings,
        seed: u64,
        report: Report,
    ) -> Result<Self, Error> {
        let tasks = TaskTracker::new();
        let in_flight = plan.limits.in_flight.get();
        let seed = plan.seed.map(|_| seed);
        let resolver = Resolver::start(&plan.dns, Some(&plan.names), in_flight, seed, &tasks)?;
        let routes = Routes::new(plan.proxies, plan.address.connect_to.clone());
        let mut budget = connection_budget();
        if routes.are_shared() {
            // A proxy is a neighbour too: idle connections to it count among those in flight.
            budget = budget.min(in_flight);
        }
        let max_idle = defaults::IDLE_CONNECTIONS.max(in_flight);
        let pool = Rc::new(RefCell::new(Pool::new(budget, max_idle, defaults::IDLE_TIMEOUT)));
        // Bodies that wait for memory to be decoded in would hold up, on a shared connection, those that
        // are being decoded.
        let versions = match plan.http {
            HttpVersions::Negotiated if plan.decode.is_some() => HttpVersions::Http1,
            versions => versions,
        };
        let connector = Connector {
            resolver,
            tls: Tls::new(plan.tls, versions, defaults::TLS_SESSIONS.max(in_flight)),
            versions,
            address: plan.address,
            routes,
            pool: Rc::clone(&pool),
            tasks,
            ceiling: plan.ceilings.bandwidth.map(|rate| Rc::new(Ceiling::new(rate))),
        };
        let codings = plan.decode.map(|decode| Codings::new(&decode, &mut plan.request));
        // What is decoded, or named late, has no part that another try could go on with.
        let continues = plan.large.keeps()
            && matches!(plan.sink, SinkPlan::Directory { .. })
            && codings.is_none()
            && !plan.naming.from_header;
        Ok(Self {
            connector,
            pool,
            fields: Fields::new(&plan.request, continues),
            authorizations: Authorizations::new(&plan.credentials),
            cookies: plan.cookies.map(|plan| RefCell::new(Jar::new(plan, SystemTime::now()))),
            patience: plan.patience,
            giving_up: plan.giving_up,
            max_redirects: plan.request.max_redirects,
            acceptance: Acceptance::new(&plan.request),
            codings,
            hash: plan.hash,
            naming: plan.naming,
            handover,
            gathered: Cell::new(0),
            streams_out: matches!(plan.sink, SinkPlan::Writer(_)),
            samples: matches!(plan.sink, SinkPlan::Tar { .. }),
            continues,
            split: if continues { plan.large.split.get() } else { 1 },
            piece: plan.large.piece.get(),
            leases,
            robots: plan.manners.polite.then(Robots::new),
            tidings,
            ceilings: plan.ceilings,
            report,
        })
    }
}

/// How many connections may be open: a body that is large enough to be streamed has a file beside
/// its connection. The soft limit of descriptors is raised for it.
pub(crate) fn connection_budget() -> usize {
    (sys::raise_limit().saturating_sub(RESERVED) / 2).max(1)
}
