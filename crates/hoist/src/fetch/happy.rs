//! Connecting to one of several addresses: "happy eyeballs" (RFC 8305).

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::outcome::{Failure, FailureKind};
use crate::polls::{Task, timed};

/// How long an address has for itself before the next one is tried too (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);
/// Addresses tried, at most.
const MAX_ADDRESSES: usize = 16;

/// The order in which to try: families in turn, IPv6 first (RFC 8305 §4).
pub(super) fn interleave(addresses: Vec<IpAddr>, port: u16) -> Vec<SocketAddr> {
    let (v6, v4): (Vec<IpAddr>, Vec<IpAddr>) = addresses.into_iter().partition(IpAddr::is_ipv6);
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    let mut order = Vec::new();
    loop {
        let pair = [v6.next(), v4.next()];
        if pair == [None, None] || order.len() >= MAX_ADDRESSES {
            return order;
        }
        order.extend(pair.into_iter().flatten().map(|ip| SocketAddr::new(ip, port)));
    }
}

/// Runs `connect` for the addresses, each with a head start, and gives the first success; the
/// others are dropped. Otherwise the failure that tells most.
pub(super) async fn first<T, F>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, Failure>
where
    T: 'static,
    F: Future<Output = Result<T, Failure>> + 'static,
{
    let mut addresses = addresses.into_iter();
    let mut tries = JoinSet::new();
    let mut failure: Option<Failure> = None;
    if addresses.len() == 1
        && let Some(only) = addresses.next()
    {
        return connect(only).await;
    }
    loop {
        match addresses.next() {
            Some(address) => {
                tries.spawn_local(timed(Task::Connect, connect(address)));
            }
            None if tries.is_empty() => {
                return Err(failure.unwrap_or_else(|| {
                    Failure::new(FailureKind::NoSuchHost, "the host has no address")
                }));
            }
            None => {}
        }
        let more = addresses.len() > 0;
        tokio::select! {
            Some(done) = tries.join_next() => match done {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(new)) => failure = Some(more_telling(failure, new)),
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => {}
            },
            () = tokio::time::sleep(HEAD_START), if more => {}
        }
    }
}

/// A host with no route over one family and a refusal over the other refuses.
fn more_telling(old: Option<Failure>, new: Failure) -> Failure {
    let rank = |failure: &Failure| match failure.kind {
        FailureKind::ConnectRefused => 0,
        FailureKind::Reset => 1,
        FailureKind::ConnectTimeout => 2,
        _ => 3,
    };
    match old {
        Some(old) if rank(&old) <= rank(&new) => old,
        _ => new,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use tokio::task::LocalSet;
    use tokio::time::{Instant, sleep};

    use super::*;

    fn addresses(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let order = interleave(addresses(&["1.1.1.1", "1.1.1.2", "1.1.1.3", "::1"]), 80);
        let order: Vec<String> = order.iter().map(ToString::to_string).collect();
        assert_eq!(order, ["[::1]:80", "1.1.1.1:80", "1.1.1.2:80", "1.1.1.3:80"]);
    }

    async fn race(
        delays: &'static [(u64, Result<(), FailureKind>)],
    ) -> (Vec<u128>, Result<usize, FailureKind>) {
        let begun = Rc::new(RefCell::new(Vec::new()));
        let start = Instant::now();
        let addresses = (0..).zip(delays).map(|(n, _)| SocketAddr::from(([127, 0, 0, 1], n)));
        let connect = |address: SocketAddr| {
            let begun = Rc::clone(&begun);
            async move {
                let n = usize::from(address.port());
                begun.borrow_mut().push(start.elapsed().as_millis());
                let (delay, result) = delays[n];
                sleep(Duration::from_millis(delay)).await;
                result.map(|()| n).map_err(|kind| Failure::new(kind, "x"))
            }
        };
        let result = first(addresses.collect(), connect).await.map_err(|failure| failure.kind);
        (begun.take(), result)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_costs_its_head_start() {
        LocalSet::new()
            .run_until(async {
                let (begun, result) = race(&[(60_000, Ok(())), (20, Ok(())), (1, Ok(()))]).await;
                assert_eq!((begun, result), (vec![0, 250], Ok(1)));
            })
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_starts_the_next_at_once_and_the_telling_one_is_kept() {
        use FailureKind::{ConnectFailed, ConnectRefused};
        LocalSet::new()
            .run_until(async {
                let (begun, result) =
                    race(&[(10, Err(ConnectRefused)), (10, Err(ConnectFailed))]).await;
                assert_eq!((begun, result), (vec![0, 10], Err(ConnectRefused)));
            })
            .await;
    }
}
