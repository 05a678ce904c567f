//! What a fault does, whichever family it is of.

use std::time::Duration;

use super::body::Body;
use super::coding::Coding;
use super::field::Field;
use super::head::Head;
use super::interim::Interim;
use super::pace::Pace;
use super::policy::Policy;
use super::pool::Pool;
use super::redirect::Redirect;
use super::resume::Resume;
use super::size::Size;
use super::tls::Tls;
use super::two::Two;
use crate::http::exchange::{Answered, Exchange, Trouble};
use crate::http::within;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    Head(Head),
    Interim(Interim),
    Size(Size),
    Field(Field),
    Tls(Tls),
    Body(Body),
    Pace(Pace),
    Coding(Coding),
    Redirect(Redirect),
    Policy(Policy),
    Resume(Resume),
    Pool(Pool),
    Two(Two),
}

/// Where in a chain a fault may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before others; nothing is said by it.
    Wait,
    /// Before others; it says a part of the content.
    Part,
    /// At the end, also after a part of the content.
    Cut,
    /// At the end, and the answer is all its own.
    Whole,
}

impl Act {
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Body(body) => body.place(),
            Self::Pace(pace) => pace.place(),
            _ => Place::Whole,
        }
    }

    /// How long it waits first, with what is drawn at `share`.
    pub(crate) fn wait(&self, share: f64) -> Option<Duration> {
        match self {
            Self::Pace(Pace::Delay { time }) => Some(within(time, share)),
            _ => None,
        }
    }

    /// Whether it is about the bytes of HTTP/1.1, its lines, lengths and connections, of which HTTP/2 has
    /// nothing like.
    fn is_of_bytes(&self) -> bool {
        match self {
            Self::Head(_)
            | Self::Interim(_)
            | Self::Size(_)
            | Self::Field(_)
            | Self::Tls(_)
            | Self::Pool(_) => true,
            Self::Body(body) => body.is_of_bytes(),
            _ => false,
        }
    }

    /// Does it. Boxed, so that an idle connection does not carry the largest fault's state.
    pub(crate) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        if ex.is_two() && self.is_of_bytes() {
            return Err(Trouble::NeedsHttp11);
        }
        match self {
            Self::Head(head) => Box::pin(head.act(ex)).await,
            Self::Interim(interim) => Box::pin(interim.act(ex)).await,
            Self::Size(size) => Box::pin(size.act(ex)).await,
            Self::Field(field) => Box::pin(field.act(ex)).await,
            Self::Tls(tls) => Box::pin(tls.act(ex)).await,
            Self::Body(body) => Box::pin(body.act(ex)).await,
            Self::Pace(pace) => Box::pin(pace.act(ex)).await,
            Self::Coding(coding) => Box::pin(coding.act(ex)).await,
            Self::Redirect(redirect) => Box::pin(redirect.act(ex)).await,
            Self::Policy(policy) => Box::pin(policy.act(ex)).await,
            Self::Resume(resume) => Box::pin(resume.act(ex)).await,
            Self::Pool(pool) => Box::pin(pool.act(ex)).await,
            Self::Two(two) => Box::pin(two.act(ex)).await,
        }
    }
}
