//! Interim answers (RFC 9110, section 15.2): none, some, without end, and a switch nobody asked for.

use super::act::Act;
use super::pace::Pacer;
use super::{Case, Entry, Right};
use crate::catalogue::About;
use crate::http::exchange::{Answered, Exchange};
use crate::truth::End;

/// The most interim answers given when a number is asked for.
const LIMIT: u64 = 100_000;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Interim {
    Some { n: u64, status: u16 },
    Endless { rate: u64 },
    Switch,
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "interim",
            does: "so many interim answers (103; or 100, 102), then the body",
            example: "interim?n=3&status=103",
            verdict: "whole: interim answers are skipped; failure where there are absurdly many",
            counts: false,
        },
        make: |p| {
            let n = p.number_or("n", 1)?.min(LIMIT);
            let status = p.one_of("status", &[("103", 103), ("100", 100), ("102", 102)])?;
            Ok(Act::Interim(Interim::Some { n, status }))
        },
        cases: &[
            Case::new("/interim?n=1", &[Right::Made(1000)]),
            Case::new("/interim?n=1&status=100", &[Right::Made(1000)]),
            Case::new("/interim?n=8&status=102", &[Right::Made(1000)]),
            Case::new("/interim?n=1000", &[Right::Made(1000), Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "interim-endless",
            does: "interim answers without end, so many a second (1000)",
            example: "interim-endless?rate=1000",
            verdict: "failure, when the client's limit of number or time is reached",
            counts: false,
        },
        make: |p| Ok(Act::Interim(Interim::Endless { rate: p.number_or("rate", 1000)?.max(1) })),
        cases: &[Case::new("/fault/interim-endless", &[Right::Fail])],
    },
    Entry {
        about: About {
            name: "switch",
            does: "101 Switching Protocols, which nobody asked for, and bytes of that protocol",
            example: "switch",
            verdict: "failure: only what the client offered can be switched to (RFC 9110, section 7.8)",
            counts: false,
        },
        make: |_| Ok(Act::Interim(Interim::Switch)),
        cases: &[Case::new("/fault/switch", &[Right::Fail])],
    },
];

impl Interim {
    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        match self {
            Self::Some { n, status } => {
                for _ in 0..*n {
                    early(ex, *status).await?;
                }
                ex.rest().await
            }
            Self::Endless { rate } => {
                ex.end = End::Close;
                let mut pacer = Pacer::new(ex, *rate);
                let mut given = 0;
                loop {
                    let due = pacer.next(ex, given, u64::MAX).await?;
                    while given < due {
                        early(ex, 103).await?;
                        given += 1;
                    }
                }
            }
            Self::Switch => {
                ex.end = End::Close;
                ex.interim(101, "Upgrade: rehearsal\r\nConnection: upgrade");
                ex.raw(b"\x81\x05hello").flush().await
            }
        }
    }
}

async fn early(ex: &mut Exchange<'_>, status: u16) -> Answered {
    ex.interim(status, "Link: </style.css>; rel=preload; as=style").flush().await
}
