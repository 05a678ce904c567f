//! Which of Python's short keywords are taken as domains under .dev? All are asked at once; each
//! answer is printed as it comes, and the whole takes as long as the slowest.
//!
//! `cargo run --example blogdom [DNS-SERVER:PORT]`

#![expect(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;

use hoist::plan::Via;
use hoist::{ProbePlan, ProbeVerdict, Source};

const KEYWORDS: [&str; 18] = [
    "and", "as", "def", "del", "elif", "else", "for", "from", "if", "in", "is", "none", "not",
    "or", "pass", "true", "try", "with",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut plan = ProbePlan::default();
    if let Some(server) = std::env::args().nth(1) {
        plan.dns.via = Via::Dns { resolv_conf: None, servers: vec![server.parse()?] };
    }
    let names = KEYWORDS.map(|keyword| format!("{keyword}.dev"));
    let mut outcomes = plan.run(Source::items(names));
    while let Some(outcome) = outcomes.next().await {
        let outcome = outcome?;
        let mark = match outcome.verdict {
            ProbeVerdict::Found => '+',
            ProbeVerdict::NotFound => ' ',
            ProbeVerdict::Unknown => '?',
        };
        println!("{mark} {}", outcome.name);
    }
    Ok(())
}
