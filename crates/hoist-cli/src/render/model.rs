//! A model as its file has it.

use std::fmt::{Display, Write};
use std::time::Duration;

use hoist::simulate::{Dead, Distribution, Mishap, Mishaps, Model, Order, Server, Spread};

/// The TOML of a model; `from` is where it was learned.
pub(crate) fn model_text(model: &Model, from: &str) -> String {
    let mut text = String::new();
    // Writing to a string does not fail, here and below.
    let from: String = from.chars().filter(|c| !c.is_control()).collect();
    let _ = writeln!(text, "# Learned from {from} by 'hoist simulate --write-model'.");
    let _ = writeln!(text, "items = {}\norigins = {}\n\n[population]", model.items, model.origins);
    let _ = match &model.population.spread {
        Spread::Uniform => writeln!(text, "spread = \"uniform\""),
        Spread::Zipf(exponent) => writeln!(text, "spread = \"zipf\"\nexponent = {exponent:?}"),
        Spread::Parts(parts) => {
            let parts = parts.iter().map(|(share, weight)| format!("[{share:?}, {weight:?}]"));
            writeln!(text, "spread = \"parts\"\nparts = {}", list(parts))
        }
    };
    let _ = match model.population.order {
        Order::Shuffled => writeln!(text, "order = \"shuffled\""),
        Order::Sorted => writeln!(text, "order = \"sorted\""),
        Order::SlowFirst(items, latency) => writeln!(
            text,
            "order = \"slow-first\"\nslow_items = {items}\nslow_latency = \"{}\"",
            latency.shown()
        ),
    };
    let _ = writeln!(text, "\n[client]\ncpu = \"{}\"", model.client.cpu.shown());
    if let Some(bandwidth) = model.client.bandwidth {
        let _ = writeln!(text, "bandwidth = {bandwidth}");
    }
    text.push_str("\n[origin]\n");
    server(&mut text, &model.others);
    for (share, group) in &model.groups {
        let _ = writeln!(text, "\n[[group]]\nshare = {share:?}");
        if *group == (Server { dead: group.dead, ..model.others.clone() }) {
            dead(&mut text, group);
        } else {
            server(&mut text, group);
        }
    }
    text
}

fn server(text: &mut String, server: &Server) {
    let _ = writeln!(text, "latency = {}", distribution(&server.latency));
    let _ = writeln!(text, "jitter = {}", distribution(&server.jitter));
    let _ = writeln!(text, "connect = {}", distribution(&server.connect));
    let _ = writeln!(text, "size = {}", distribution(&server.size));
    if let Some(rate) = &server.connection {
        let _ = writeln!(text, "connection = {}", distribution(rate));
    }
    if let Some(rate) = &server.bandwidth {
        let _ = writeln!(text, "bandwidth = {}", distribution(rate));
    }
    if let Some(load) = &server.load {
        let _ = writeln!(text, "load = \"{load}\"");
    }
    dead(text, server);
    mishaps(text, "errors", &server.errors);
    mishaps(text, "hiccups", &server.hiccups);
}

fn dead(text: &mut String, server: &Server) {
    let word = match server.dead {
        None => return,
        Some(Dead::Silent) => "silent",
        Some(Dead::Refused) => "refused",
    };
    let _ = writeln!(text, "dead = \"{word}\"");
}

fn mishaps(text: &mut String, name: &str, mishaps: &Mishaps) {
    let mut pairs: Vec<_> = mishaps
        .shares
        .iter()
        .map(|(mishap, share)| match mishap {
            Mishap::Status(status) => format!("{status} = {share:?}"),
            Mishap::Reset => format!("reset = {share:?}"),
            Mishap::Timeout => format!("timeout = {share:?}"),
            Mishap::Deferred => format!("deferred = {share:?}"),
        })
        .collect();
    pairs.extend(mishaps.retry_after.map(|after| format!("retry_after = \"{}\"", after.shown())));
    if !pairs.is_empty() {
        let _ = writeln!(text, "{name} = {{ {} }}", pairs.join(", "));
    }
}

/// Times and sizes as they are written.
trait Shown {
    fn shown(&self) -> String;
}

impl Shown for Duration {
    fn shown(&self) -> String {
        let nanos = self.as_nanos();
        format!("{}.{:03}us", nanos / 1_000, nanos % 1_000)
    }
}

impl Shown for u64 {
    fn shown(&self) -> String {
        format!("{self}B")
    }
}

fn distribution<T: Shown>(of: &Distribution<T>) -> String {
    match of {
        Distribution::Fixed(value) => format!("\"{}\"", value.shown()),
        Distribution::Uniform(least, most) => {
            format!("{{ least = \"{}\", most = \"{}\" }}", least.shown(), most.shown())
        }
        Distribution::Lognormal { median, sigma } => {
            format!("{{ median = \"{}\", sigma = {sigma:?} }}", median.shown())
        }
        Distribution::Pareto { least, shape } => {
            format!("{{ least = \"{}\", shape = {shape:?} }}", least.shown())
        }
        Distribution::Parts(parts) => {
            let parts =
                parts.iter().map(|(value, share)| format!("[\"{}\", {share:?}]", value.shown()));
            format!("{{ parts = {} }}", list(parts))
        }
    }
}

fn list(items: impl Iterator<Item: Display>) -> String {
    let items: Vec<_> = items.map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}
