use std::fmt::Write;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use hoist::ProbeVerdict;
use hoist::plan::{Question, RecordType};

/// What is asked of names, and which answers are told.
#[derive(Debug, Args)]
pub(super) struct AnswersArgs {
    /// What makes a name found: A, AAAA, A,AAAA, or one of NS, SOA, MX, TXT, CNAME, PTR (of addresses,
    /// too) [default: an address of any kind]
    #[arg(short = 't', long = "type", value_name = "T[,T]", value_delimiter = ',')]
    types: Vec<TypeArg>,
    /// Print only names of these verdicts
    #[arg(long, value_enum, value_name = "VERDICT[,..]", value_delimiter = ',')]
    #[arg(hide_possible_values = true)]
    #[arg(help = "Print only names that are found, not_found or unknown; repeatable")]
    only: Vec<VerdictArg>,
}

/// A record type, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeArg {
    A,
    Aaaa,
    Records(RecordType),
}

/// Types that are asked for alone.
const ALONE: [(&str, RecordType); 6] = [
    ("NS", RecordType::Ns),
    ("SOA", RecordType::Soa),
    ("MX", RecordType::Mx),
    ("TXT", RecordType::Txt),
    ("CNAME", RecordType::Cname),
    ("PTR", RecordType::Ptr),
];

impl FromStr for TypeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.to_ascii_uppercase();
        match upper.as_str() {
            "A" => return Ok(Self::A),
            "AAAA" => return Ok(Self::Aaaa),
            _ => {}
        }
        let alone = ALONE.iter().find(|(name, _)| *name == upper);
        alone
            .map(|(_, rtype)| Self::Records(*rtype))
            .ok_or_else(|| "A, AAAA, NS, SOA, MX, TXT, CNAME and PTR can be asked for".to_owned())
    }
}

/// A verdict, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum VerdictArg {
    Found,
    NotFound,
    Unknown,
}

impl AnswersArgs {
    /// What is asked. The error says what can be asked together.
    pub(super) fn question(&self) -> Result<Question, String> {
        let alone = self.types.iter().find_map(|rtype| match rtype {
            TypeArg::Records(rtype) => Some(*rtype),
            TypeArg::A | TypeArg::Aaaa => None,
        });
        if let Some(rtype) = alone {
            if self.types.iter().any(|other| *other != TypeArg::Records(rtype)) {
                return Err(
                    "-t: A and AAAA can be asked for together; NS, SOA, MX, TXT, CNAME and PTR \
                            one at a time: run once for each"
                        .to_owned(),
                );
            }
            return Ok(Question::Records(rtype));
        }
        let has = |rtype| self.types.contains(&rtype);
        Ok(match (has(TypeArg::A), has(TypeArg::Aaaa)) {
            (false, false) => Question::Address,
            (true, false) => Question::A,
            (false, true) => Question::Aaaa,
            (true, true) => Question::Both,
        })
    }

    /// Which outcomes are told.
    pub(super) fn only(&self) -> Only {
        let has = |verdict| self.only.is_empty() || self.only.contains(&verdict);
        Only {
            found: has(VerdictArg::Found),
            not_found: has(VerdictArg::NotFound),
            unknown: has(VerdictArg::Unknown),
        }
    }
}

/// The verdicts that are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Only {
    found: bool,
    not_found: bool,
    unknown: bool,
}

impl Only {
    /// Whether one of these is told.
    pub(crate) fn tells(self, verdict: ProbeVerdict) -> bool {
        match verdict {
            ProbeVerdict::Found => self.found,
            ProbeVerdict::NotFound => self.not_found,
            ProbeVerdict::Unknown => self.unknown,
        }
    }

    /// As part of what the lines of a file are called: nothing where all are told.
    pub(crate) fn form(self) -> String {
        let all = [ProbeVerdict::Found, ProbeVerdict::NotFound, ProbeVerdict::Unknown];
        let mut form = String::new();
        if all.iter().all(|verdict| self.tells(*verdict)) {
            return form;
        }
        for verdict in all.into_iter().filter(|verdict| self.tells(*verdict)) {
            let before = if form.is_empty() { ", only " } else { "," };
            // Writing to a string does not fail.
            let _ = write!(form, "{before}{}", verdict.name());
        }
        form
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(types: &str, only: &[VerdictArg]) -> AnswersArgs {
        let types = types.split_terminator(',').map(|text| text.parse().unwrap()).collect();
        AnswersArgs { types, only: only.to_vec() }
    }

    #[test]
    fn types_that_are_asked_together_are_addresses() {
        for (types, expected) in [
            ("", Question::Address),
            ("a", Question::A),
            ("AAAA", Question::Aaaa),
            ("aaaa,A", Question::Both),
            ("mx", Question::Records(RecordType::Mx)),
            ("PTR,ptr", Question::Records(RecordType::Ptr)),
        ] {
            assert_eq!(args(types, &[]).question(), Ok(expected), "{types}");
        }
        for types in ["MX,TXT", "A,NS", "SOA,AAAA"] {
            assert!(args(types, &[]).question().unwrap_err().contains("one at a time"), "{types}");
        }
        assert!("SRV".parse::<TypeArg>().unwrap_err().contains("CNAME and PTR"));
    }

    #[test]
    fn a_file_says_what_is_left_out() {
        use VerdictArg::{Found, NotFound, Unknown};
        for (only, form) in [
            (&[][..], ""),
            (&[Unknown, NotFound, Found], ""),
            (&[Found, Found], ", only found"),
            (&[Unknown, NotFound], ", only not_found,unknown"),
        ] {
            assert_eq!(args("", only).only().form(), form);
        }
        assert!(!args("", &[Found]).only().tells(ProbeVerdict::Unknown));
    }
}
