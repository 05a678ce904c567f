//! How long the polls of tasks on the I/O thread take, in a get that saves and keeps a ledger, and in a probe.
//!
//! `cargo bench -p hoist --features bench --bench polls` prints a table for each and ends with 1 where fewer
//! than 99.9 % of the polls take less than a millisecond. Servers are in a process of their own. `ITEMS=N`
//! (100,000) names a longer or shorter list, `TMPDIR` where the files go.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and fails loudly")]
#![expect(clippy::cast_precision_loss, reason = "shares need no 53 bits")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use hoist::plan::{DnsPlan, Existing, LedgerPlan, SinkPlan, Via};
use hoist::polls::{BOUNDS, Polls, Times, take};
use hoist::{GetPlan, Outcomes, ProbePlan, Source};
use hoist_rehearsal::{DnsRehearsal, DnsZone, HttpRehearsal};

const BAR: f64 = 0.999;
const SHORT: Duration = Duration::from_millis(1);

fn main() -> ExitCode {
    if std::env::var_os("HOIST_BENCH_SERVE").is_some() {
        serve();
        return ExitCode::SUCCESS;
    }
    let items = std::env::var("ITEMS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let (mut server, http, dns) = start_server();
    let held = [get(http, items), probe(dns, items)];
    drop(server.stdin.take());
    server.wait().unwrap();
    if held == [true; 2] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Says where it serves, and ends with its standard input.
fn serve() {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let http = HttpRehearsal::local().spawn(&[any]).unwrap();
    let zone = DnsZone::generated("test", 0.5).unwrap();
    let dns = DnsRehearsal::new(vec![zone]).spawn(&[any]).unwrap();
    println!("{} {}", http.addr(), dns.addr());
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn start_server() -> (Child, SocketAddr, SocketAddr) {
    let this = std::env::current_exe().unwrap();
    let mut command = Command::new(this);
    command.env("HOIST_BENCH_SERVE", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (http, dns) = line.trim().split_once(' ').unwrap();
    (server, http.parse().unwrap(), dns.parse().unwrap())
}

fn get(server: SocketAddr, items: usize) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_owned();
    let mut plan = GetPlan {
        sink: SinkPlan::Directory { root, template: None, existing: Existing::Keep },
        ledger: Some(LedgerPlan::default()),
        ..GetPlan::default()
    };
    let at_once = NonZeroUsize::new(64).unwrap();
    plan.limits.in_flight = at_once;
    plan.limits.per_origin = at_once.into();
    let urls = (0..items).map(move |n| format!("http://{server}/flags/va/va.gif?i={n}"));
    measure("get", plan.run(Source::items(urls)), items)
}

fn probe(server: SocketAddr, items: usize) -> bool {
    let via = Via::Dns { resolv_conf: None, servers: vec![server] };
    let plan = ProbePlan {
        dns: DnsPlan { via, hosts: None, ..ProbePlan::default().dns },
        ..ProbePlan::default()
    };
    let names = (0..items).map(|n| format!("n{n}.test"));
    measure("probe", plan.run(Source::items(names)), items)
}

/// Runs to the end, and tells of its polls.
fn measure<O: 'static>(what: &str, mut outcomes: Outcomes<O>, items: usize) -> bool {
    take();
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let told = runtime.block_on(async {
        let mut told = 0;
        while let Some(outcome) = outcomes.next().await {
            outcome.unwrap();
            told += 1;
        }
        told
    });
    assert_eq!(told, items);
    let took = began.elapsed().as_secs_f64();
    println!("{what}: {items} items in {took:.1} s\n");
    let polls = take();
    table(&polls);
    let all = |times: fn(&Polls) -> &Times| {
        let count: u64 = polls.iter().map(|polls| times(polls).count()).sum();
        let below: u64 = polls.iter().map(|polls| times(polls).below(SHORT)).sum();
        below as f64 / count as f64
    };
    let (wall, cpu) = (all(|polls| &polls.wall), all(|polls| &polls.cpu));
    let holds = wall >= BAR && cpu >= BAR;
    println!(
        "\n{}: {what}: {:.4} % of the polls take less than a millisecond by the clock, {:.4} % of the \
         thread's CPU time (bar 99.9 %)\n",
        if holds { "holds" } else { "FAILS" },
        100.0 * wall,
        100.0 * cpu,
    );
    holds
}

fn table(polls: &[Polls]) {
    let bounds = BOUNDS.map(|bound| format!("< {bound:?} | ")).concat();
    println!("| task | of | polls | {bounds}more | longest ms |");
    println!("|{}", " --- |".repeat(BOUNDS.len() + 5));
    for Polls { task, wall, cpu } in polls {
        for (of, times) in [("wall", wall), ("CPU", cpu)] {
            if times.count() > 0 {
                let counts = times.counts.map(|count| format!("{count} | ")).concat();
                let longest = times.longest.as_secs_f64() * 1e3;
                println!("| {task} | {of} | {} | {counts}{longest:.2} |", times.count());
            }
        }
    }
}
