//! The line that tqdm draws, to the letter.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::units;

const TEMPLATE: &str = "{percent:>3}%|{wide_bar}| {pos}/{len} [{spent}<{left}, {pace}]";

/// A full block, and its eighths.
const BLOCKS: &str = "█▉▊▋▌▍▎▏ ";

/// The bar on standard error.
#[derive(Debug)]
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Over so many items.
    pub(super) fn new(total: u64) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(30);
        Self(ProgressBar::with_draw_target(Some(total), target).with_style(style()))
    }

    /// Draws it, unless it was drawn a moment ago.
    pub(super) fn draw(&self, done: u64) {
        self.0.set_position(done);
        self.0.tick();
    }

    /// Writes whole lines above it.
    pub(super) fn above(&self, lines: &str) {
        if !lines.is_empty() {
            self.0.suspend(|| {
                let _ = io::stderr().write_all(lines.as_bytes());
            });
        }
    }

    /// Draws it a last time; it stays.
    pub(super) fn finish(&self, done: u64) {
        self.0.set_position(done);
        self.0.abandon();
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template(TEMPLATE)
        .expect("the template is well formed")
        .progress_chars(BLOCKS)
        .with_key("spent", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = out.write_str(&units::clock(state.elapsed()));
        })
        .with_key("left", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = out.write_str(&left(state.pos(), state.len().unwrap_or(0), state.elapsed()));
        })
        .with_key("pace", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = out.write_str(&pace(state.pos(), state.elapsed()));
        })
}

/// The time it still takes at the pace so far.
fn left(done: u64, total: u64, elapsed: Duration) -> String {
    let pace = units::rate(done, elapsed);
    if pace == 0.0 {
        return "?".to_owned();
    }
    #[expect(clippy::cast_precision_loss, reason = "shown in seconds")]
    let seconds = total.saturating_sub(done) as f64 / pace;
    Duration::try_from_secs_f64(seconds).map_or_else(|_| "?".to_owned(), units::clock)
}

/// The true rate: all that was done by all the time it took. Under one a second it is turned over.
fn pace(done: u64, elapsed: Duration) -> String {
    let pace = units::rate(done, elapsed);
    if pace == 0.0 {
        "?it/s".to_owned()
    } else if pace < 1.0 {
        format!("{:5.2}s/it", 1.0 / pace)
    } else {
        format!("{pace:5.2}it/s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_tqdm_writes_them() {
        let s = Duration::from_secs;
        assert_eq!(pace(0, s(1)), "?it/s");
        assert_eq!(pace(100, Duration::from_millis(3281)), "30.48it/s");
        assert_eq!(pace(9, s(2)), " 4.50it/s");
        assert_eq!(pace(1, s(2)), " 2.00s/it");
        assert_eq!(left(0, 100, s(3)), "?");
        assert_eq!(left(25, 100, s(30)), "01:30");
        assert_eq!(left(100, 100, s(30)), "00:00");
    }
}
