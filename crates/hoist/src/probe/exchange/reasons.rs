use std::time::Instant;

use super::pending::{About, Pending};
use super::server::Server;
use crate::outcome::{Failure, FailureKind};

/// No server told anything about the name in all the tries it is given.
pub(super) fn tries_out(now: Instant, pending: &Pending, servers: &[Server]) -> Failure {
    Failure::new(FailureKind::DnsFailed, figures(now, pending, servers))
}

/// The deadline of the item came first.
pub(super) fn deadline(now: Instant, pending: &Pending, servers: &[Server]) -> Failure {
    Failure::new(FailureKind::Deadline, figures(now, pending, servers))
}

/// The reply that made us give up.
pub(super) fn useless(pending: &Pending, servers: &[Server]) -> Failure {
    let reason = complaint(pending, servers).unwrap_or_else(|| "no usable answer".to_owned());
    Failure::new(FailureKind::DnsFailed, reason)
}

/// Nobody listens.
pub(super) fn refused(pending: &Pending, servers: &[Server]) -> Failure {
    let last = pending.server.and_then(|at| servers.get(at)).or(servers.first());
    let reason = match last.map(|server| (server.address, &server.trouble)) {
        Some((address, Some(trouble))) => format!("{address} can't be asked: {trouble}"),
        Some((address, None)) => format!("{address} refuses: no DNS server there"),
        None => "there is no DNS server".to_owned(),
    };
    let reason = match servers.len() {
        0 | 1 => reason,
        n => format!("{reason} ({n} servers were tried)"),
    };
    Failure::new(FailureKind::DnsFailed, reason)
}

/// Too many aliases.
pub(super) fn aliases(pending: &Pending) -> Failure {
    let reason = format!(
        "after {} aliases, asked one by one, {} is yet another",
        pending.aliases, pending.name
    );
    Failure::new(FailureKind::DnsFailed, reason)
}

fn complaint(pending: &Pending, servers: &[Server]) -> Option<String> {
    let complaint = pending.complaint?;
    let server = servers.get(complaint.server)?.address;
    let times = match pending.useless {
        0 | 1 => String::new(),
        n => format!(", the last of {n} such replies"),
    };
    Some(match complaint.about {
        About::Reply(problem) => format!("{server} {problem}{times}"),
        About::Tcp => {
            format!("{server} has to be asked over TCP, and gives no answer there{times}")
        }
        About::Place => format!("{server} has to be asked over TCP, and has enough to do there"),
    })
}

fn figures(now: Instant, pending: &Pending, servers: &[Server]) -> String {
    let seconds = now.saturating_duration_since(pending.asked_at).as_secs_f64();
    if let Some(complaint) = complaint(pending, servers) {
        return format!("{complaint}; {} queries in {seconds:.1} s", pending.queries);
    }
    let Some(last) = pending.server.and_then(|at| servers.get(at)) else {
        return format!("no query could be sent in {seconds:.1} s");
    };
    let others = match servers.len() {
        1 => String::new(),
        2 => " and another".to_owned(),
        n => format!(" and {} others", n - 1),
    };
    let queries = match pending.queries {
        1 => "1 query".to_owned(),
        n => format!("{n} queries"),
    };
    format!("no answer from {}{others} to {queries} in {seconds:.1} s", last.address)
}
