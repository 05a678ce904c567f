//! From a request to its answer: a fault that the URL names, one that a rule of the scenario asks for,
//! or content under the plan.

use std::sync::atomic::Ordering::Relaxed;

use super::decide::decide;
use super::exchange::{Answered, Exchange};
use super::faults::{Chain, named_by};
use super::representation::Representation;
use super::server::Content;
use super::{files, flags};
use crate::scenario::Asked;

pub(crate) async fn answer(ex: &mut Exchange<'_>) -> Answered {
    let shared = ex.shared;
    let number = shared.arrivals.fetch_add(1, Relaxed) + 1;
    if let Some(fault) = named_by(ex.request.path, ex.request.query)
        && !is_a_file(ex).await?
    {
        let chain = Chain::one(fault?);
        ex.decision = chain.name();
        return chain.act(ex).await;
    }
    let asked = Asked {
        method: ex.request.method,
        host: ex.request.host,
        target: ex.request.target,
        attempt: ex.attempt,
        number: Some(number),
    };
    if let Some((rule, chain)) = shared.scenario.chain_for(shared.seed, asked) {
        (ex.rule, ex.decision) = (Some(rule), chain.name());
        // A fault works on whatever stands there; where nothing does, on made bytes.
        if let Some(found) = find(ex).await? {
            ex.content = found;
        }
        return chain.act(ex).await;
    }
    content(ex).await
}

/// Whether a file of the folder stands where a short path would name a fault: a site may have a page
/// called `/status/`. Below `/fault/` nothing else can stand.
async fn is_a_file(ex: &Exchange<'_>) -> std::io::Result<bool> {
    let own = ex.request.path.starts_with("/fault/");
    let folder = matches!(ex.shared.content, Content::Dir(_));
    Ok(folder && !own && find(ex).await?.is_some())
}

async fn content(ex: &mut Exchange<'_>) -> Answered {
    let shared = ex.shared;
    let decision =
        decide(shared.seed, ex.request.method, ex.request.target, ex.attempt, &shared.plan);
    let held = ex.held();
    ex.delay = decision.delay;
    if let Some(status) = decision.status {
        ex.decision = "error";
        ex.wait(held + decision.delay).await?;
        return ex.text(status, super::reason(status)).await;
    }
    ex.decision = "content";
    let found = find(ex).await?;
    ex.wait(held + decision.delay).await?;
    match found {
        Some(content) => {
            ex.content = content;
            ex.rest().await
        }
        None => ex.text(404, "nothing is here").await,
    }
}

async fn find(ex: &Exchange<'_>) -> std::io::Result<Option<Representation>> {
    match &ex.shared.content {
        Content::Flags => flags::find(ex.request.path).await,
        Content::Dir(dir) => files::find(ex.request.path, dir).await,
    }
}
