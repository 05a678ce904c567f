//! HTTP/2 (RFC 9113): what only its frames, streams and windows can do. Over HTTP/1.1 nothing is wrong
//! with these URLs. With `to`, the answer is a redirect there, so that a client with one URL also has
//! reason to use its connection again.

mod begins;
pub(super) mod broken;
pub(super) mod fields;
pub(super) mod flood;
pub(super) mod goodbye;
pub(super) mod length;
pub(super) mod right;

pub(crate) use begins::Begins;
pub(super) use begins::CONNECTIONS;

use super::act::Act;
use super::{Case, Door, Entry, Right};
use crate::catalogue::About;
use crate::http::exchange::{Answered, Exchange, Trouble};
use crate::http::two::frame::{self, Code};
use crate::http::two::{Field, block};
use crate::spec::{Params, Wrong};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Two {
    of: Option<u64>,
    to: Option<String>,
    how: How,
}

#[derive(Clone, Debug, PartialEq)]
enum How {
    Right(right::Right),
    Goodbye(goodbye::Goodbye),
    Length(length::Length),
    Fields(fields::Fields),
    Broken(broken::Broken),
    Flood(flood::Flood),
}

const WHOLE: &[Right] = &[Right::Made(1000)];
const FAIL: &[Right] = &[Right::Fail];
const WHOLE_OR_FAIL: &[Right] = &[Right::Made(1000), Right::Fail];

const fn whole(target: &'static str) -> Case {
    Case::over_two(target, WHOLE)
}

const fn fail(target: &'static str) -> Case {
    Case::over_two(target, FAIL)
}

const fn either(target: &'static str) -> Case {
    Case::over_two(target, WHOLE_OR_FAIL)
}

fn two(p: &mut Params<'_>, how: How) -> Result<Act, Wrong> {
    let (of, to) = (p.number("of")?, p.line("to")?.map(Into::into));
    Ok(Act::Two(Two { of, to, how }))
}

/// An error code by its name.
fn code(p: &mut Params<'_>, or: Code) -> Result<Code, Wrong> {
    let Some(text) = p.text("code")? else { return Ok(or) };
    let known = Code::NAMES.iter().find(|(name, _)| *name == text).map(|(_, code)| *code);
    let code = known.or_else(|| text.parse().ok().map(Code));
    code.ok_or_else(|| {
        let names: Vec<_> = Code::NAMES.iter().map(|(name, _)| *name).collect();
        Wrong(format!("code is a number or one of {}, not {text}", names.join(", ")))
    })
}

impl Two {
    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        ex.resize(self.of);
        if !ex.is_two() {
            self.head(ex);
            return self.body(ex).await;
        }
        match &self.how {
            How::Right(right) => right.act(self, ex).await,
            How::Goodbye(goodbye) => goodbye.act(self, ex).await,
            How::Length(length) => length.act(ex).await,
            How::Fields(fields) => fields.act(ex).await,
            How::Broken(broken) => broken.act(ex).await,
            How::Flood(flood) => flood.act(ex).await,
        }
    }

    /// The head of the content, or of a redirect; not handed over yet.
    fn head(&self, ex: &mut Exchange<'_>) {
        match &self.to {
            None => {
                let of = ex.content.length();
                ex.ok().length(of).end_head();
            }
            Some(to) => {
                ex.head(302).header("Location", to).length(0).end_head();
            }
        }
    }

    /// The content, unless it is a redirect.
    async fn body(&self, ex: &mut Exchange<'_>) -> Answered {
        if self.to.is_none() {
            ex.part(0, ex.content.length()).await?;
        }
        ex.flush().await
    }

    /// The whole answer, as it should be.
    async fn answer(&self, ex: &mut Exchange<'_>) -> Answered {
        self.head(ex);
        self.body(ex).await
    }
}

/// The fields of a right head, with or without its length; nothing has been handed over yet.
fn right_fields(ex: &mut Exchange<'_>, length: bool) -> Result<Vec<Field>, Trouble> {
    let of = ex.content.length();
    ex.ok();
    if length {
        ex.length(of);
    }
    ex.end_head();
    ex.fields()
}

/// Hands over a head of these fields, which may be any.
async fn say(ex: &mut Exchange<'_>, fields: &[Field], flags: u8) -> Answered {
    let frames = frame::headers(ex.stream()?.id, flags, &block(fields), frame::USUAL);
    ex.frames(&frames).await
}

fn field(name: &str, value: &str) -> Field {
    (name.into(), value.into())
}
