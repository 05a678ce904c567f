//! What a request would meet, told without sending it.

use super::decide::decide;
use super::faults::{Chain, named_by};
use super::{HttpRehearsal, reason};
use crate::scenario::Asked;

impl HttpRehearsal {
    /// What the first `attempts` attempts at a target (path and query) would meet, a line each; before
    /// them, what may meet the connection. For conditions that only time can tell, such as the number of
    /// a request, it says what would be if they held.
    pub fn explain(&self, method: &str, host: &str, target: &str, attempts: u32) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(fault) = &self.scenario.everyone {
            lines.push(format!("connection: {}, every one", fault.name()));
        }
        for (number, rule) in self.scenario.connections.iter().enumerate() {
            lines.push(format!("connection: rule {}, {rule}", number + 1));
        }
        if let Some(load) = &self.scenario.load {
            lines.push(format!("load: {load}, {}", load.about.does));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        match named_by(path, query) {
            Some(Ok(fault)) => {
                let about = fault.about;
                lines.push(format!("by its URL: {}, {}", about.name, about.does));
                lines.push(format!("a right client: {}", about.verdict));
            }
            Some(Err(wrong)) => lines.push(format!("400 Bad Request: {wrong}")),
            None => {
                for attempt in 1..=attempts {
                    let asked = Asked { method, host, target, attempt, number: None };
                    lines.extend(self.attempt(asked));
                }
            }
        }
        lines
    }

    fn attempt(&self, asked: Asked<'_>) -> Vec<String> {
        let mut lines = Vec::new();
        let at = asked.attempt;
        for (index, rule) in self.scenario.requests.iter().enumerate() {
            let number = index + 1;
            if !rule.meets(self.seed, number, asked) {
                continue;
            }
            let does = self.told(&rule.chain, asked);
            let Some(numbers) = rule.number else {
                lines.push(format!("attempt {at}: rule {number}, {does}"));
                return lines;
            };
            lines.push(format!("attempt {at}, as request number {numbers}: rule {number}, {does}"));
        }
        let decision = decide(self.seed, asked.method, asked.target, at, &self.plan());
        let what = match decision.status {
            Some(status) => format!("{status} {}", reason(status)),
            None => "whatever stands there".into(),
        };
        let after = match decision.delay {
            delay if delay.is_zero() => String::new(),
            delay => format!(", after {:.3} s", delay.as_secs_f64()),
        };
        lines.push(format!("attempt {at}: no rule; {what}{after}"));
        lines
    }

    /// A chain in words, with the waits that are drawn for this attempt.
    fn told(&self, chain: &Chain, asked: Asked<'_>) -> String {
        let waits = chain.waits(self.seed, asked.method, asked.target, asked.attempt);
        let total: f64 = waits.iter().map(std::time::Duration::as_secs_f64).sum();
        if waits.is_empty() { chain.to_string() } else { format!("{chain} (waits {total:.3} s)") }
    }
}
