//! Whether robots.txt allows what is asked for (RFC 9309), where a plan wants that heeded. `rules` reads
//! and judges, and is pure; `cache` remembers, bounded; `asking` asks, with the permit of the attempt
//! that needs to know.

mod asking;
mod cache;
mod rules;

pub(super) use cache::Robots;
