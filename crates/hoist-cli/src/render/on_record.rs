//! Outcomes on record, as tables, lists and figures.

use std::borrow::Cow;
use std::fmt::Write;
use std::io;

use hoist::report::Summary;
use hoist::{AnyOutcome, LedgerKind};
use serde::Serialize;
use serde_json::{Value, json};

use super::output::Output;
use super::{summary, text, units};

/// The columns of a get: fields of its JSON objects.
const GET: &[&str] = &[
    "index",
    "url",
    "final_url",
    "outcome",
    "kind",
    "reason",
    "status",
    "bytes",
    "path",
    "content_type",
    "attempts",
    "ms",
    "retry_at",
    "crc32c",
    "member",
    "hash",
    "timing.queue",
    "timing.dns",
    "timing.connect",
    "timing.tls",
    "timing.first_byte",
    "timing.body",
];

/// The columns of a probe.
const PROBE: &[&str] = &[
    "index",
    "name",
    "verdict",
    "kind",
    "reason",
    "addresses",
    "ttl",
    "rcode",
    "server",
    "attempts",
    "ms",
    "records",
    "wildcard",
];

/// Bytes of most rows.
const ROW: usize = 512;

/// Outcomes as rows of CSV, with the line ends of RFC 4180, which are CR LF.
#[derive(Debug)]
pub(crate) struct Rows {
    columns: &'static [&'static str],
    /// The one that is being made.
    row: Vec<u8>,
}

impl Rows {
    /// With the columns of such a ledger.
    pub(crate) fn of(kind: LedgerKind) -> Self {
        let columns = match kind {
            LedgerKind::Get => GET,
            LedgerKind::Probe => PROBE,
        };
        Self { columns, row: Vec::new() }
    }

    /// Writes the names of the columns.
    pub(crate) fn heading(&mut self, out: &mut Output) -> io::Result<()> {
        self.heading_bytes()?;
        self.write(out)
    }

    /// The names of the columns, as a line with its end.
    pub(crate) fn heading_bytes(&mut self) -> io::Result<&[u8]> {
        self.make(self.columns.iter().copied().map(Cow::Borrowed))?;
        Ok(&self.row)
    }

    /// Writes an outcome.
    pub(crate) fn row(&mut self, outcome: &impl Serialize, out: &mut Output) -> io::Result<()> {
        self.row_bytes(outcome)?;
        self.write(out)
    }

    /// An outcome, as a line with its end.
    pub(crate) fn row_bytes(&mut self, outcome: &impl Serialize) -> io::Result<&[u8]> {
        let object = serde_json::to_value(outcome)?;
        self.make(self.columns.iter().map(|column| match *column {
            "records" => records(&object["records"]),
            column => field(cell(&object, column)),
        }))?;
        Ok(&self.row)
    }

    fn make<'a>(&mut self, fields: impl Iterator<Item = Cow<'a, str>>) -> io::Result<()> {
        self.row.clear();
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .buffer_capacity(ROW)
            .from_writer(&mut self.row);
        for field in fields {
            writer.write_field(&*field)?;
        }
        writer.write_record(None::<&[u8]>)?;
        writer.flush()
    }

    fn write(&self, out: &mut Output) -> io::Result<()> {
        // The output adds the line feed itself.
        let row = self.row.strip_suffix(b"\n").unwrap_or(&self.row);
        out.line(String::from_utf8_lossy(row))
    }
}

/// Records with semicolons between. One within a record is written `\059`, which is the same in the
/// presentation form of master files (RFC 1035 §5.1): so each is what stands between two of them.
fn records(value: &Value) -> Cow<'_, str> {
    let all: Vec<_> = value.as_array().into_iter().flatten().map(field).collect();
    Cow::Owned(all.iter().map(|record| without_semicolon(record)).collect::<Vec<_>>().join(";"))
}

fn without_semicolon(record: &str) -> String {
    let mut text = String::with_capacity(record.len());
    let mut chars = record.chars();
    while let Some(c) = chars.next() {
        match c {
            ';' => text.push_str("\\059"),
            '\\' => match chars.next() {
                Some(';') => text.push_str("\\059"),
                next => text.extend(['\\'].into_iter().chain(next)),
            },
            c => text.push(c),
        }
    }
    text
}

/// What a column holds: a field, or behind a dot a field of a field.
fn cell<'a>(object: &'a Value, column: &str) -> &'a Value {
    column.split('.').fold(object, |value, name| &value[name])
}

/// A field of a JSON object, as text: what is not there is empty, what is several has blanks
/// between.
fn field(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        Value::Array(several) => {
            Cow::Owned(several.iter().map(field).collect::<Vec<_>>().join(" "))
        }
        other => Cow::Owned(other.to_string()),
    }
}

/// The item alone, as a line that a list can have. A URL in which there is a line end, as only a
/// line in JSON can have it, is written as one.
pub(crate) fn item_line(outcome: &AnyOutcome) -> Cow<'_, str> {
    let item = outcome.item();
    match outcome {
        AnyOutcome::Get(_) if item.contains(char::is_control) => {
            Cow::Owned(json!({ "url": item }).to_string())
        }
        _ => Cow::Borrowed(item),
    }
}

/// What is on record, in figures, as lines for people.
pub(crate) fn stats(kind: LedgerKind, all: &Summary) -> String {
    let counts = &all.counts;
    let (ok, failed, failures, noun) = match kind {
        LedgerKind::Get => ("ok", "failed", "failures", "URL"),
        LedgerKind::Probe => ("found", "unknown", "unknown", "name"),
    };
    let mut lines = format!("{} {ok}, {} not found", counts.ok, counts.not_found);
    // Writing to a string does not fail, here and below.
    let _ = write!(lines, ", {} {failed}", counts.failed);
    if counts.deferred > 0 {
        let _ = write!(lines, ", {} deferred", counts.deferred);
    }
    let seconds = all.elapsed.as_secs_f64();
    let items = units::counted(counts.done(), noun);
    let _ = write!(lines, " of {items} in {seconds:.2} s, all runs together");
    // All that is on record was done before.
    let (received, retries) = all.earlier.map_or((0, 0), |e| (e.received, e.retries));
    if kind == LedgerKind::Get {
        let _ = write!(lines, "\n{} received in last tries", units::bytes(received));
    }
    if retries > 0 {
        let noun = if retries == 1 { "retry" } else { "retries" };
        let before = if kind == LedgerKind::Get { ", " } else { "\n" };
        let _ = write!(lines, "{before}{retries} {noun}");
    }
    if !all.kinds.is_empty() {
        let _ = write!(lines, "\n{failures}: {}", summary::kinds(all));
    }
    if !all.worst_origins.is_empty() {
        let one = |(origin, n): &(String, u64)| format!("{} {n}", text::shown(origin));
        let worst: Vec<_> = all.worst_origins.iter().map(one).collect();
        let _ = write!(lines, "\nmost failures: {}", worst.join(", "));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hoist::outcome::{Failure, Phase};
    use hoist::{FailureKind, GetOutcome, GetVerdict, Position};

    use super::*;

    fn outcome(url: &str, reason: &str) -> AnyOutcome {
        AnyOutcome::Get(GetOutcome {
            position: Position(7),
            url: url.to_owned(),
            final_url: None,
            verdict: GetVerdict::Failed,
            failure: Some(Failure::new(FailureKind::Status, reason)),
            status: Some(503),
            bytes: 0,
            path: None,
            content_type: None,
            unframed: true,
            attempts: 1,
            elapsed: Duration::from_micros(12_500),
            retry_at: None,
            crc32c: Some(0xAB),
            member: None,
            hash: Some(format!("md5:{}", "ab".repeat(16)).parse().unwrap()),
            timing: [(Phase::Queue, 1_500), (Phase::Body, 0)]
                .map(|(phase, time)| (phase, Duration::from_micros(time)))
                .into_iter()
                .collect(),
        })
    }

    #[test]
    fn a_row_holds_whatever_a_field_holds() {
        let mut rows = Rows::of(LedgerKind::Get);
        let reason = "a \"b\", c\r\nd\re\nf\0\x1b\tg";
        let object = serde_json::to_value(outcome("=http://a/,b", reason)).unwrap();
        rows.make(GET.iter().map(|column| field(cell(&object, column)))).unwrap();
        let quoted = reason.replace('"', "\"\"");
        let hash = format!("md5:{}", "ab".repeat(16));
        let expected = format!(
            "7,\"=http://a/,b\",,failed,status,\"{quoted}\",503,0,,,1,12.5,,000000ab,,{hash},1.5,,,,,0.0\r\n"
        );
        assert_eq!(String::from_utf8(rows.row.clone()).unwrap(), expected);
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).from_reader(rows.row.as_slice());
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!((row.len(), &row[5]), (GET.len(), reason));
    }

    #[test]
    fn an_item_is_one_line_of_a_list() {
        assert_eq!(item_line(&outcome("http://a/", "")), "http://a/");
        assert_eq!(item_line(&outcome("http://a/\nb", "")), r#"{"url":"http://a/\nb"}"#);
    }

    #[test]
    fn records_stand_between_semicolons() {
        let all = json!([r#""v=a; b\"\\""#, r"a\;b\\.", "10 a."]);
        assert_eq!(records(&all), r#""v=a\059 b\"\\";a\059b\\.;10 a."#);
        assert_eq!((&*records(&json!([])), &*records(&Value::Null)), ("", ""));
    }

    #[test]
    fn several_values_have_blanks_between() {
        let fields = [json!(["192.0.2.1", "::1"]), json!([]), json!(null), json!(1.5), json!(true)];
        assert_eq!(
            fields.each_ref().map(|value| field(value)),
            ["192.0.2.1 ::1", "", "", "1.5", "true"]
        );
    }
}
