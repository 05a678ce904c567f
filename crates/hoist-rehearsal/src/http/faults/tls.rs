//! TLS: its certificates, and its end.

use std::str::FromStr;

use std::time::Duration;

use super::act::Act;
use super::head::{Framing, framed};
use super::{Case, Door, Entry, Right};
use crate::catalogue::About;
use crate::http::exchange::{Answered, Exchange};
use crate::spec::Wrong;
use crate::tls::Certificate;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tls {
    NoCloseNotify { of: Option<u64>, framing: Framing },
    BadRecord { of: Option<u64> },
}

const GOOD: Door = Door::Tls(Certificate::Good);

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "no-close-notify",
            does: "a body without length (or framed), then TCP closed in order without TLS's close_notify",
            example: "no-close-notify?of=1000&framed=no",
            verdict: "failure under TLS: it may be cut (RFC 8446, section 6.1; RFC 9112, section 9.8); \
                  framed, or without TLS, whole",
            counts: false,
        },
        make: |p| {
            let of = p.number("of")?;
            let framed = [
                ("no", Framing::Unframed),
                ("yes", Framing::Length),
                ("chunked", Framing::Chunked),
            ];
            Ok(Act::Tls(Tls::NoCloseNotify { of, framing: p.one_of("framed", &framed)? }))
        },
        cases: &[
            Case::new("/fault/no-close-notify", &[Right::Fail]).behind(GOOD),
            Case::new("/fault/no-close-notify?of=100000", &[Right::Fail]).behind(GOOD),
            Case::new("/fault/no-close-notify?of=0", &[Right::Fail]).behind(GOOD),
            Case::new("/fault/no-close-notify?framed=yes", &[Right::Made(1000), Right::Fail])
                .behind(GOOD),
            Case::new("/fault/no-close-notify?framed=chunked", &[Right::Made(1000), Right::Fail])
                .behind(GOOD),
            // The same without that fault.
            Case::new("/unframed", &[Right::Made(1000)]).behind(GOOD),
        ],
    },
    Entry {
        about: About {
            name: "bad-record",
            does: "a body without length, then a TLS record that fails its check, and TCP's orderly close",
            example: "bad-record?of=1000",
            verdict: "failure under TLS (RFC 8446, section 5.2; RFC 9112, section 9.8); without, whole",
            counts: false,
        },
        make: |p| Ok(Act::Tls(Tls::BadRecord { of: p.number("of")? })),
        cases: &[
            Case::new("/fault/bad-record", &[Right::Fail]).behind(GOOD),
            Case::new("/fault/bad-record?of=100000", &[Right::Fail]).behind(GOOD),
        ],
    },
];

impl Tls {
    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        ex.close_without_notify();
        match self {
            Self::NoCloseNotify { of, framing } => {
                ex.resize(*of);
                framed(ex.ok(), *framing).await
            }
            Self::BadRecord { of } => {
                ex.resize(*of);
                framed(ex.ok(), Framing::Unframed).await?;
                ex.pause(HEADWAY).await?;
                ex.bad_record().await
            }
        }
    }
}

/// The time that the body gets to be read before the record that ends all.
const HEADWAY: Duration = Duration::from_millis(50);

/// The certificates that a server can have, for the list and for judging clients.
pub(crate) const CERTIFICATES: &[(Certificate, About, &[Case])] = &[
    (
        Certificate::Good,
        About {
            name: "good",
            does: "a certificate for localhost, 127.0.0.1 and ::1, signed by the rehearsal's authority",
            example: "--tls=good",
            verdict: "whole",
            counts: false,
        },
        &[Case::new("/bytes/70000", &[Right::Made(70_000)]).behind(GOOD)],
    ),
    (
        Certificate::Expired,
        About {
            name: "expired",
            does: "a certificate that was good until 2001",
            example: "--tls=expired",
            verdict: "failure (RFC 5280, section 6.1.3)",
            counts: false,
        },
        &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Tls(Certificate::Expired))],
    ),
    (
        Certificate::NotYet,
        About {
            name: "not-yet",
            does: "a certificate that will be good from 2100",
            example: "--tls=not-yet",
            verdict: "failure (RFC 5280, section 6.1.3)",
            counts: false,
        },
        &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Tls(Certificate::NotYet))],
    ),
    (
        Certificate::WrongHost,
        About {
            name: "wrong-host",
            does: "a certificate for elsewhere.invalid",
            example: "--tls=wrong-host",
            verdict: "failure (RFC 9110, section 4.3.4)",
            counts: false,
        },
        &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Tls(Certificate::WrongHost))],
    ),
    (
        Certificate::OnlyCommonName,
        About {
            name: "only-common-name",
            does: "a certificate whose common name is localhost, and that is for no name beside it",
            example: "--tls=only-common-name",
            verdict: "failure: a common name must not be used (RFC 9110, section 4.3.4)",
            counts: false,
        },
        &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Tls(Certificate::OnlyCommonName))],
    ),
    (
        Certificate::SelfSigned,
        About {
            name: "self-signed",
            does: "a certificate that no authority signed",
            example: "--tls=self-signed",
            verdict: "failure (RFC 5280, section 6.1)",
            counts: false,
        },
        &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Tls(Certificate::SelfSigned))],
    ),
    (
        Certificate::SignedByLeaf,
        About {
            name: "signed-by-leaf",
            does: "a certificate signed by a good one that is no authority's",
            example: "--tls=signed-by-leaf",
            verdict: "failure: only an authority may sign (RFC 5280, section 6.1.4)",
            counts: false,
        },
        &[Case::new("/bytes/1000", &[Right::Fail]).behind(Door::Tls(Certificate::SignedByLeaf))],
    ),
];

impl FromStr for Certificate {
    type Err = Wrong;

    fn from_str(word: &str) -> Result<Self, Wrong> {
        let found = CERTIFICATES.iter().find(|(_, about, _)| about.name == word);
        found.map(|(certificate, _, _)| *certificate).ok_or_else(|| {
            let words: Vec<_> = CERTIFICATES.iter().map(|(_, about, _)| about.name).collect();
            Wrong(format!("a certificate is one of {}, not {word}", words.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_certificate_has_its_word() {
        for (made, about, cases) in CERTIFICATES {
            assert_eq!(about.name.parse(), Ok(*made));
            assert_eq!(about.example, format!("--tls={}", about.name));
            assert!(!about.does.ends_with('.') && about.does.len() < 100, "{}", about.does);
            assert!(cases.iter().all(|case| case.door == Door::Tls(*made)));
        }
        let wrong = Certificate::from_str("better").unwrap_err().0;
        assert!(wrong.starts_with("a certificate is one of good, expired, "), "{wrong}");
    }
}
