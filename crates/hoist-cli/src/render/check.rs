//! Verdicts about a client: a table for people, objects for programs, and the count while it runs.

use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};

use hoist_rehearsal::Family;
use hoist_rehearsal::check::{Exit, Judged, Kind, Verdict};
use serde::Serialize;

use super::paint::Paint;
use super::{terminal, text, units};

/// The narrowest that a table is made for.
const NARROW: usize = 60;
/// The widest: then lines would be hard to follow.
const WIDE: usize = 100;
/// Before what a line says of a case.
const INDENT: &str = "               ";

/// `37 of 120`, where standard error can be drawn on.
#[derive(Debug)]
pub(crate) struct CheckProgress {
    done: usize,
    of: usize,
    draws: bool,
}

impl CheckProgress {
    /// Of so many cases.
    pub(crate) fn of(of: usize) -> Self {
        let progress = Self { done: 0, of, draws: terminal::draws() };
        progress.draw();
        progress
    }

    /// One more is done.
    pub(crate) fn another(&mut self) {
        self.done += 1;
        self.draw();
    }

    /// Takes it away.
    pub(crate) fn finish(self) {
        if self.draws {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    fn draw(&self) {
        if self.draws {
            // Where nobody can see it there is nobody to tell.
            let _ = write!(io::stderr(), "\r\x1b[K{} of {}", self.done, self.of);
        }
    }
}

/// A verdict as a JSON object. Fields are never renamed or retyped; new ones may appear.
#[derive(Debug, Serialize)]
pub(crate) struct CheckRow<'a> {
    family: &'a str,
    fault: &'a str,
    target: &'a str,
    right: &'a str,
    /// `right` or `wrong`.
    verdict: &'a str,
    /// `whole` or `failure`, or the way to be wrong.
    kind: &'a str,
    exit: Option<i32>,
    signal: Option<i32>,
    ms: u128,
    requests: usize,
    left_bytes: Option<u64>,
    said: &'a str,
    /// False where the client spoke HTTP/1.1 and the fault is one of HTTP/2.
    met: bool,
}

impl<'a> CheckRow<'a> {
    /// Of this verdict.
    pub(crate) fn of(judged: &'a Judged) -> Self {
        let (exit, signal) = match judged.exit {
            Exit::Code(code) => (Some(code), None),
            Exit::Signal(signal) => (None, Some(signal)),
            Exit::Hung => (None, None),
        };
        Self {
            family: judged.family.name(),
            fault: judged.fault,
            target: &judged.target,
            right: &judged.right,
            verdict: if judged.is_right() { "right" } else { "wrong" },
            kind: kind(judged),
            exit,
            signal,
            ms: judged.took.as_millis(),
            requests: judged.requests,
            left_bytes: judged.length,
            said: judged.last_line(),
            met: judged.met,
        }
    }
}

/// What is said of a client that does not get what nothing is wrong with.
pub(crate) fn check_plain(judged: &Judged) -> String {
    let mut lines = format!(
        "the client does not even get a plain URL right, so no fault was tried: {} ({})\n\
         {}, and {} was right; is its command line as it should be?{}",
        kind(judged),
        match judged.verdict {
            Verdict::Wrong(kind) => kind.means(),
            Verdict::Whole | Verdict::Failed => "",
        },
        doings(judged),
        judged.right,
        if judged.said.is_empty() { "" } else { " It said:" },
    );
    for line in judged.said.lines() {
        // Writing to a string does not fail, here and below.
        let _ = write!(lines, "\n  {}", text::shown(line));
    }
    lines
}

/// The table, line by line.
pub(crate) fn check_table(judged: &[Judged], all: bool) -> Vec<String> {
    let width = if terminal::stdout_is_terminal() { terminal::stdout_width() } else { WIDE };
    lines(judged, all, width.clamp(NARROW, WIDE), Paint::stdout())
}

fn lines(judged: &[Judged], all: bool, width: usize, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for family in Family::ALL {
        let shown = |judged: &&Judged| judged.family == family && (all || !judged.is_right());
        let mut shown = judged.iter().filter(shown).peekable();
        if shown.peek().is_none() {
            continue;
        }
        lines.push(family.name().to_owned());
        for judged in shown {
            case(judged, width, paint, &mut lines);
        }
        lines.push(String::new());
    }
    counts(judged, paint, &mut lines);
    lines
}

/// One case, in one line where it is right.
fn case(judged: &Judged, width: usize, paint: Paint, lines: &mut Vec<String>) {
    let right = judged.is_right();
    let word = if right && !judged.met { "not met" } else { kind(judged) };
    let word = format!("{word:<11}");
    let word = if right { paint.good(word).to_string() } else { paint.bad(word).to_string() };
    // Connections are asked for the same thing whatever befalls them.
    let target = text::shown(&judged.target).to_string();
    lines.push(format!("  {word}  {}", cut(&target, width - INDENT.len())));
    if right {
        return;
    }
    let room = width - INDENT.len();
    lines.push(format!("{INDENT}{}", cut(&doings(judged), room)));
    lines.push(format!("{INDENT}{}", cut(&format!("right: {}", judged.right), room)));
    if !judged.said.is_empty() && judged.exit != Exit::Code(0) {
        let said = format!("said: {}", text::shown(judged.last_line()));
        lines.push(format!("{INDENT}{}", cut(&said, room)));
    }
}

/// `exit code 0, 500 bytes saved`.
fn doings(judged: &Judged) -> String {
    let mut doings = match judged.exit {
        Exit::Code(code) => format!("exit code {code}"),
        Exit::Signal(signal) => format!("signal {signal}"),
        Exit::Hung => format!("killed after {:.1} s", judged.took.as_secs_f64()),
    };
    match judged.length {
        Some(bytes) => _ = write!(doings, ", {} saved", units::counted(bytes, "byte")),
        None => doings.push_str(", no file"),
    }
    if judged.requests > 1 {
        let _ = write!(doings, ", {} requests", judged.requests);
    }
    doings
}

/// A line for each family, the totals, and the ways to be wrong. A fault that was not met counts
/// neither way, unless the client was wrong without it.
fn counts(judged: &[Judged], paint: Paint, lines: &mut Vec<String>) {
    let of = |family: Option<Family>| {
        let mut count = (0_u64, 0_u64, 0_u64);
        for judged in judged.iter().filter(|judged| family.is_none_or(|of| of == judged.family)) {
            match (judged.is_right(), judged.met) {
                (false, _) => count.1 += 1,
                (true, true) => count.0 += 1,
                (true, false) => count.2 += 1,
            }
        }
        count
    };
    let row =
        |name: &str, right: &dyn Display, wrong: &str| format!("{name:<10}{right:>7}{wrong:>8}");
    lines.push(row("", &"right", "wrong"));
    for family in Family::ALL {
        let (right, wrong, unmet) = of(Some(family));
        if right + wrong + unmet == 0 {
            continue;
        }
        let wrong = if wrong == 0 { "-".to_owned() } else { wrong.to_string() };
        let mut line = row(family.name(), &right, &wrong);
        if unmet > 0 {
            let _ = write!(line, "   ({unmet} not met: HTTP/1.1 was spoken)");
        }
        lines.push(line);
    }
    let (right, wrong, unmet) = of(None);
    lines.push(String::new());
    let cases = units::counted(right + wrong + unmet, "case");
    let right = paint.good(format_args!("{right} right")).to_string();
    let unmet = if unmet == 0 { String::new() } else { format!(", {unmet} not met") };
    if wrong == 0 {
        lines.push(format!("{cases}: {right}, none wrong{unmet}"));
        return;
    }
    let wrong = paint.bad(format_args!("{wrong} wrong")).to_string();
    lines.push(format!("{cases}: {right}, {wrong}{unmet}"));
    for kind in Kind::ALL {
        let n = judged.iter().filter(|judged| judged.verdict == Verdict::Wrong(kind)).count();
        if n > 0 {
            lines.push(format!("{n:>5} {kind:<12}{}", kind.means()));
        }
    }
}

fn kind(judged: &Judged) -> &'static str {
    match judged.verdict {
        Verdict::Whole => "whole",
        Verdict::Failed => "failure",
        Verdict::Wrong(kind) => kind.name(),
    }
}

/// As much of a text as there is room for.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(3)).collect();
    kept + "..."
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn judged(family: Family, target: &str, verdict: Verdict, exit: Exit) -> Judged {
        Judged {
            family,
            fault: "short",
            target: target.to_owned(),
            right: "failure".to_owned(),
            verdict,
            exit,
            took: Duration::from_millis(20_004),
            requests: 2,
            length: Some(500),
            said: "a\x1b[2J".to_owned(),
            met: true,
        }
    }

    fn three() -> Vec<Judged> {
        let long = "/fault/length-value?is=99999999999999999999999&of=1000";
        vec![
            judged(Family::Connect, "refuse", Verdict::Failed, Exit::Code(7)),
            judged(Family::Body, long, Verdict::Wrong(Kind::Truncated), Exit::Code(0)),
            judged(Family::Pace, "/fault/silent", Verdict::Wrong(Kind::Hang), Exit::Hung),
        ]
    }

    #[test]
    fn what_is_wrong_is_told_in_detail_and_all_is_counted() {
        let expected = "\
body
  truncated    /fault/length-value?is=9999999999999999999...
               exit code 0, 500 bytes saved, 2 requests
               right: failure

pace
  hang         /fault/silent
               killed after 20.0 s, 500 bytes saved, 2 re...
               right: failure
               said: a\\u{1b}[2J

            right   wrong
connect         1       -
body            0       1
pace            0       1

3 cases: 1 right, 2 wrong
    1 hang        it did not end within its limit
    1 truncated   a part was passed off as the whole";
        assert_eq!(lines(&three(), false, 60, Paint::plain()).join("\n"), expected);
    }

    #[test]
    fn all_are_shown_on_request_and_nothing_is_too_wide() {
        let lines = lines(&three(), true, 60, Paint::plain());
        assert_eq!(lines[..2], ["connect", "  failure      refuse"]);
        assert!(lines.iter().all(|line| line.len() <= 60), "{lines:#?}");
        let kinds =
            Kind::ALL.map(|kind| judged(Family::Pool, "/", Verdict::Wrong(kind), Exit::Hung));
        let all = super::lines(&kinds, false, 60, Paint::plain());
        assert!(all.iter().all(|line| line.len() <= 80), "{all:#?}");
    }

    #[test]
    fn what_was_not_met_counts_neither_way() {
        let case = |verdict, met| {
            let case = judged(Family::Http2, "/fault/h2-rst", verdict, Exit::Code(0));
            Judged { met, ..case }
        };
        let wrong = case(Verdict::Wrong(Kind::NoFile), false);
        let all = [case(Verdict::Whole, false), case(Verdict::Whole, true), wrong];
        let shown = super::lines(&all, true, 60, Paint::plain()).join("\n");
        assert!(shown.starts_with("http2\n  not met      /fault/h2-rst\n  whole"), "{shown}");
        assert!(shown.contains("http2           1       1   (1 not met: HTTP/1.1 was spoken)\n"));
        assert!(shown.contains("3 cases: 1 right, 1 wrong, 1 not met\n"), "{shown}");
    }

    #[test]
    fn an_object_has_the_promised_fields() {
        let three = three();
        assert_eq!(
            serde_json::to_value(CheckRow::of(&three[1])).unwrap(),
            serde_json::json!({
                "family": "body", "fault": "short",
                "target": "/fault/length-value?is=99999999999999999999999&of=1000",
                "right": "failure", "verdict": "wrong", "kind": "truncated", "exit": 0,
                "signal": null, "ms": 20004, "requests": 2, "left_bytes": 500, "said": "a\u{1b}[2J",
                "met": true,
            })
        );
    }
}
