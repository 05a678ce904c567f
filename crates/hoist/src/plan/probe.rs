use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{DnsPlan, LedgerPlan, Limits, Wildcards, defaults};
use crate::outcome::ProbeOutcome;

/// The validated settings of a probe.
#[derive(Debug, Clone)]
pub struct ProbePlan {
    /// How much at once.
    pub limits: Limits,
    /// What makes a name "found". With [`Via::System`](super::Via::System) addresses alone can be
    /// asked for; a run that wants others can't begin.
    pub question: Question,
    /// How names are looked up.
    pub dns: DnsPlan,
    /// What becomes of names that a wildcard answers for.
    pub wildcards: Wildcards,
    /// For all queries about one name together.
    pub deadline: Duration,
    /// A file that outcomes are written to, with a ledger beside it. None: they are told alone.
    pub output: Option<LinesPlan>,
    /// Seeds ids, ports and jitter. None: from the system's randomness.
    pub seed: Option<u64>,
}

impl Default for ProbePlan {
    fn default() -> Self {
        Self {
            limits: Limits::probe(),
            question: Question::Address,
            dns: DnsPlan { retries: defaults::PROBE_RETRIES, ..DnsPlan::default() },
            wildcards: Wildcards::default(),
            deadline: defaults::PROBE_DEADLINE,
            output: None,
            seed: None,
        }
    }
}

/// A file with a line for each outcome, and a ledger in `FILE.hoist` beside it: a run that is
/// started again goes on behind the last line that is on record.
#[derive(Clone)]
pub struct LinesPlan {
    /// The file. One that is there, and of which there is no ledger, is replaced only by a fresh
    /// start.
    pub path: PathBuf,
    /// What the form of the lines is called: a file has one form.
    pub form: String,
    /// What the file begins with.
    pub heading: Vec<u8>,
    /// Appends the line of an outcome, with its end; nothing for one that is to be on record alone.
    pub line: RenderLine,
    /// How the ledger is kept.
    pub ledger: LedgerPlan,
}

/// Appends the line of an outcome.
pub type RenderLine = Arc<dyn Fn(&ProbeOutcome, &mut Vec<u8>) + Send + Sync>;

impl fmt::Debug for LinesPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinesPlan")
            .field("path", &self.path)
            .field("form", &self.form)
            .field("ledger", &self.ledger)
            .finish_non_exhaustive()
    }
}

/// What is asked of a name.
///
/// For addresses, [`ProbeVerdict::NotFound`](crate::ProbeVerdict::NotFound) means that the name does not
/// exist (NXDOMAIN) or has none of that type (no data, RFC 2308 §2); see the types for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Question {
    /// Has it an address? A first; NXDOMAIN decides; no data asks AAAA.
    #[default]
    Address,
    /// Has it an IPv4 address (A)?
    A,
    /// Has it an IPv6 address (AAAA)?
    Aaaa,
    /// A and AAAA, both asked in any case.
    Both,
    /// Which records of a type has it? Found: at least one, where its aliases lead (RFC 1034 §3.6.2);
    /// a CNAME is looked for at the name itself. Not found: the name, or the one that it is an alias
    /// of, does not exist (NXDOMAIN), or has none of that type (no data). Unknown: anything else.
    ///
    /// The hosts file is not looked at. An address in the place of a name can't be asked
    /// (`bad_name`), but for [`RecordType::Ptr`], which turns it into its name.
    Records(RecordType),
}

/// A type of records, in RFC 1035 §3.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordType {
    /// Name servers of a zone.
    Ns,
    /// The start of a zone.
    Soa,
    /// Whom mail goes to.
    Mx,
    /// Texts.
    Txt,
    /// What the name is an alias of.
    Cname,
    /// The name of an address: an IPv4 one is asked for under `in-addr.arpa` (RFC 1035 §3.5), an IPv6
    /// one under `ip6.arpa` (RFC 3596 §2.5); any other name as it stands.
    Ptr,
}

impl Question {
    /// As it is written on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Address => "an address of any type",
            Self::A => "type A",
            Self::Aaaa => "type AAAA",
            Self::Both => "types A and AAAA",
            Self::Records(RecordType::Ns) => "type NS",
            Self::Records(RecordType::Soa) => "type SOA",
            Self::Records(RecordType::Mx) => "type MX",
            Self::Records(RecordType::Txt) => "type TXT",
            Self::Records(RecordType::Cname) => "type CNAME",
            Self::Records(RecordType::Ptr) => "type PTR",
        }
    }
}
