//! From a path to its answer: a fault that the URL names, or content under the plan.

use super::decide::decide;
use super::exchange::{Answered, Exchange};
use super::server::Content;
use super::{faults, files, flags};

pub(crate) async fn answer(ex: &mut Exchange<'_>) -> Answered {
    let shared = ex.shared;
    // Boxed, so that an idle connection does not carry the largest fault's state.
    if let Some(fault) = faults::find(ex.request.path) {
        ex.decision = fault.name();
        return Box::pin(fault.answer(ex)).await;
    }
    let decision =
        decide(shared.seed, ex.request.method, ex.request.target, ex.attempt, &shared.plan);
    ex.delay = decision.delay;
    if let Some(status) = decision.status {
        ex.decision = "error";
        ex.wait(decision.delay).await?;
        return ex.text(status, super::reason(status)).await;
    }
    ex.decision = "content";
    match &shared.content {
        Content::Flags => flags::answer(ex).await,
        Content::Dir(dir) => Box::pin(files::answer(ex, dir)).await,
    }
}
