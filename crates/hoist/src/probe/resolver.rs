use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio_util::task::TaskTracker;

use super::chance::Chance;
use super::exchange::{Exchange, Policy, WindowPolicy};
use super::hosts::Hosts;
use super::inquiries::{Shared, Source, Who};
use super::search::Search;
use super::servers::read_bounded;
use super::system::SystemPool;
use super::verdict::Lookup;
use super::{driver, servers, system};
use crate::error::Error;
use crate::item::{DomainName, WireName};
use crate::outcome::{Failure, FailureKind};
use crate::plan::{DnsPlan, NamesPlan, Question, RecordType, Via, defaults};
use crate::polls::{Task, timed};
use crate::sys::datagrams::Arrivals;

/// Looks names up. Cheap to clone; lives on the I/O thread. When the last clone is dropped, so is
/// all that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    pub(super) guard: Rc<Guard>,
}

impl Resolver {
    /// Reads what the plan names: blocking, so before the loop starts. Sockets and threads come
    /// with the first question. Must be called inside a `LocalSet`.
    ///
    /// `names` are for `addresses`, and none is for a probe. Without a seed, ids can't be guessed.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a hosts or resolv.conf file that is there but can't be read.
    pub(crate) fn start(
        plan: &DnsPlan,
        names: Option<&NamesPlan>,
        in_flight: usize,
        seed: Option<u64>,
        tasks: &TaskTracker,
    ) -> Result<Self, Error> {
        let mut search = Search::default();
        let mut timeout = plan.timeout.min(defaults::FOREVER);
        let source = match &plan.via {
            Via::System => {
                let threads = in_flight.clamp(1, defaults::SYSTEM_THREADS_MAX);
                let (pool, results) = SystemPool::new(threads);
                (Source::System(pool), Some(results))
            }
            Via::Dns { resolv_conf, servers: outright } => {
                let text = resolv_conf.as_deref().map(read_bounded).transpose()?;
                let servers = servers::chosen(outright, text.as_deref().unwrap_or_default());
                if let (Some(names), Some(text)) = (names, text) {
                    search = Search::read(&text, names);
                }
                let hosts = plan.hosts.as_deref().map(Hosts::read).transpose()?;
                let options = &search.options;
                timeout = options.timeout.unwrap_or(timeout);
                let rounds = options.attempts.map(|rounds| {
                    rounds.saturating_mul(u32::try_from(servers.len()).unwrap_or(u32::MAX))
                });
                let policy = Policy {
                    timeout,
                    timeout_max: defaults::DNS_TIMEOUT_MAX.max(timeout),
                    retries: rounds.map_or(plan.retries, |queries| queries - 1),
                    spread: !outright.is_empty() || options.rotate,
                    quick: names.is_none(),
                    window: window(plan, names.is_none().then_some(in_flight), timeout),
                    rate: plan.windows.rate,
                };
                let exchange = Exchange::new(policy, &servers, Chance::new(seed));
                let hosts = hosts.unwrap_or_default();
                let arrivals = Arrivals::new();
                (Source::Dns { exchange: Box::new(exchange), arrivals, hosts }, None)
            }
        };
        let (source, results) = source;
        let shared = Rc::new(Shared::new(source));
        match results {
            None => {
                let driver = driver::drive(Rc::clone(&shared), tasks.clone());
                tasks.spawn_local(timed(Task::Lookups, driver))
            }
            Some(results) => {
                let driver = system::drive(Rc::clone(&shared), results);
                tasks.spawn_local(timed(Task::Lookups, driver))
            }
        };
        Ok(Self { guard: Rc::new(Guard { shared, search, timeout }) })
    }

    /// Asks; the answer comes out of `answered`, with the token, by the deadline at the latest.
    pub(crate) fn ask(
        &self,
        token: usize,
        name: &DomainName,
        question: Question,
        eager: bool,
        deadline: Instant,
    ) {
        let shared = &self.guard.shared;
        let mut state = shared.state.borrow_mut();
        let who = Who::Probe(token);
        match (name, question) {
            (DomainName::Name(name), _) => {
                state.begin(Instant::now(), who, name, question, eager, deadline);
            }
            (DomainName::Literal(address), Question::Records(RecordType::Ptr)) => {
                let name = WireName::reverse(*address);
                state.begin(Instant::now(), who, &name, question, eager, deadline);
            }
            (DomainName::Literal(address), _) => {
                state.answered.push_back((token, of_literal(*address, question)));
            }
        }
        let has_answer = !state.answered.is_empty();
        drop(state);
        if has_answer {
            shared.wake_asker();
        }
        shared.wake_driver();
    }

    /// Whether a name that `ask` is given now will be asked about within a moment: until then its
    /// deadline runs in vain.
    pub(crate) fn has_room(&self) -> bool {
        match &self.guard.shared.state.borrow().source {
            Source::Dns { exchange, .. } => exchange.has_room(),
            Source::System(_) => true,
        }
    }

    /// The next finished lookup of those that `ask` began; waits where there is none. Dropping
    /// the future loses nothing. One task at a time may wait.
    #[cfg_attr(not(test), expect(dead_code, reason = "the run polls; tests await"))]
    pub(crate) async fn answered(&self) -> (usize, Lookup) {
        poll_fn(|cx| self.poll_answered(cx)).await
    }

    /// As `answered`.
    pub(crate) fn poll_answered(&self, cx: &mut Context<'_>) -> Poll<(usize, Lookup)> {
        let shared = &self.guard.shared;
        if let Some(answer) = shared.state.borrow_mut().answered.pop_front() {
            return Poll::Ready(answer);
        }
        let mut waker = shared.waker.borrow_mut();
        match &mut *waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

/// What is known of an address in the place of a name.
fn of_literal(address: IpAddr, question: Question) -> Lookup {
    let fits = match question {
        Question::Address | Question::Both => true,
        Question::A => address.is_ipv4(),
        Question::Aaaa => address.is_ipv6(),
        Question::Records(_) => {
            let reason =
                "this is an address, which has PTR records alone; ask for these, or give a name";
            return Lookup::unknown(Failure::new(FailureKind::BadName, reason));
        }
    };
    if fits { Lookup::found(vec![address]) } else { Lookup::not_found() }
}

/// The windows of a probe of so many names at once. Hosts to be fetched are too few to need care.
fn window(plan: &DnsPlan, probed: Option<usize>, timeout: Duration) -> WindowPolicy {
    let start = defaults::DNS_WINDOW.get();
    if let Some(window) = plan.windows.window {
        let window = window.get();
        return WindowPolicy { start: window, max: window, fixed: true, timeout };
    }
    let max =
        probed.unwrap_or(defaults::PROBE_IN_FLIGHT.get()).max(defaults::DNS_WINDOW_LEAST.get());
    WindowPolicy { start: start.min(max), max, fixed: false, timeout }
}

/// Ends the driver with the last `Resolver`.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) shared: Rc<Shared>,
    /// How hosts are completed.
    pub(super) search: Search,
    /// For the answer to the first query.
    pub(super) timeout: Duration,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.closed.set(true);
        self.shared.wake.notify_one();
    }
}
