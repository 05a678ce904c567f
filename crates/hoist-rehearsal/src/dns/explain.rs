//! What a query would meet, told without sending it.

use super::DnsRehearsal;
use super::decide::{Fate, decide_name};
use super::message::{A, AAAA, kind_text};
use super::name::Name;
use super::rule::Asked;
use crate::truth::Proto;

impl DnsRehearsal {
    /// What the first `attempts` attempts at A and AAAA of a name would meet over UDP, a line each, and
    /// what is true of it. None for what is no name.
    pub fn explain(&self, text: &str, attempts: u32) -> Option<Vec<String>> {
        let name = Name::parse(text)?;
        let truth = self.truth(text);
        let exists = if truth.exists { "exists" } else { "does not exist" };
        let addresses = truth.a.len() + truth.aaaa.len();
        let told = if truth.told { "" } else { "; the server never tells" };
        let mut lines = vec![format!("{name} {exists}, with {addresses} addresses{told}")];
        for kind in [A, AAAA] {
            for attempt in 1..=attempts {
                let asked = Asked { name: &name, kind, proto: Proto::Udp, attempt, number: None };
                self.attempt(asked, &mut lines);
            }
        }
        Some(lines)
    }

    fn attempt(&self, asked: Asked<'_>, lines: &mut Vec<String>) {
        let (kind, attempt) = (kind_text(asked.kind), asked.attempt);
        for (index, rule) in self.rules.iter().enumerate() {
            let number = index + 1;
            if !rule.meets(self.seed, number, asked) {
                continue;
            }
            let chain = &rule.chain;
            let Some(numbers) = rule.number() else {
                lines.push(format!("{kind}, attempt {attempt}: rule {number}, {chain}"));
                return;
            };
            lines.push(format!(
                "{kind}, attempt {attempt}, as query number {numbers}: rule {number}, {chain}"
            ));
        }
        let drawn = decide_name(self.seed, asked.name, asked.kind, attempt, &self.plan());
        let fate = match drawn.fate {
            Fate::Answer => "the answer its name asks for",
            Fate::ServFail => "SERVFAIL",
            Fate::Lost => "lost",
        };
        let after = match drawn.delay {
            delay if delay.is_zero() => String::new(),
            delay => format!(", after {:.3} s", delay.as_secs_f64()),
        };
        lines.push(format!("{kind}, attempt {attempt}: no rule; {fate}{after}"));
    }
}
