use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, HeaderValue,
    PROXY_AUTHORIZATION, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, Request, Uri};
use http_body_util::Empty;
use url::{Position, Url};

use crate::item::{MediaRange, Origin};
use crate::outcome::{Failure, FailureKind};
use crate::plan::RequestPlan;

/// Fields that hold secrets of an origin and are told to no other (RFC 9110 §15.4).
const SECRET: [HeaderName; 2] = [AUTHORIZATION, COOKIE];

/// The fields that go with every request of a run.
#[derive(Debug)]
pub(super) struct Fields {
    /// To the item's own origin.
    own: HeaderMap,
    /// To where it redirects.
    foreign: HeaderMap,
    /// The last ones that were sent, with the Host: to this origin, and whether it was the item's own.
    last: RefCell<Option<(Origin, bool, HeaderMap)>>,
}

impl Fields {
    /// `identity` asks for bodies as they are: a coding is often made anew for each answer, and then
    /// has no strong validator.
    pub(super) fn new(plan: &RequestPlan, identity: bool) -> Self {
        let mut own = plan.headers.clone();
        // A request of ours has no body: these could only make it ambiguous.
        own.remove(CONTENT_LENGTH);
        own.remove(TRANSFER_ENCODING);
        // It is a proxy's, and no origin's.
        own.remove(PROXY_AUTHORIZATION);
        if !own.contains_key(USER_AGENT) {
            own.insert(USER_AGENT, plan.user_agent.clone());
        }
        if !own.contains_key(ACCEPT) {
            own.insert(ACCEPT, accept(&plan.accept));
        }
        if identity && !own.contains_key(ACCEPT_ENCODING) {
            own.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let mut foreign = own.clone();
        for name in SECRET.iter().chain([&HOST]) {
            foreign.remove(name);
        }
        Self { own, foreign, last: RefCell::default() }
    }

    /// A GET. `own` says whether it goes to the item's own origin. `authorization` is for the
    /// origin that it goes to; what the plan's fields say comes before it. `interim` counts the interim answers to it.
    pub(super) fn get(
        &self,
        url: &Url,
        origin: &Origin,
        own: bool,
        authorization: Option<&HeaderValue>,
        interim: Arc<AtomicU32>,
    ) -> Result<Request<Empty<Bytes>>, Failure> {
        let unfit = |error: http::Error| {
            let reason = format!("the URL can't be put into a request: {error}");
            Failure::new(FailureKind::BadInput, reason)
        };
        let target = &url[Position::BeforePath..Position::AfterQuery];
        let target = Uri::try_from(target).map_err(|error| unfit(error.into()))?;
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = target;
        let fields = request.headers_mut();
        *fields = self.with_host(origin, own).map_err(unfit)?;
        if let Some(authorization) = authorization
            && !fields.contains_key(AUTHORIZATION)
        {
            fields.insert(AUTHORIZATION, authorization.clone());
        }
        hyper::ext::on_informational(&mut request, move |_| {
            interim.fetch_add(1, Ordering::Relaxed);
        });
        Ok(request)
    }
}

impl Fields {
    fn with_host(&self, origin: &Origin, own: bool) -> Result<HeaderMap, http::Error> {
        let mut last = self.last.borrow_mut();
        if let Some((_, _, fields)) = last.as_ref().filter(|(to, of, _)| to == origin && *of == own)
        {
            return Ok(fields.clone());
        }
        let mut fields = if own { self.own.clone() } else { self.foreign.clone() };
        if !fields.contains_key(HOST) {
            fields.insert(HOST, HeaderValue::try_from(origin.authority())?);
        }
        *last = Some((origin.clone(), own, fields.clone()));
        Ok(fields)
    }
}

/// What is taken, in the form of RFC 9110 §12.5.1.
fn accept(ranges: &[MediaRange]) -> HeaderValue {
    let ranges: Vec<String> = ranges.iter().map(ToString::to_string).collect();
    match HeaderValue::try_from(ranges.join(", ")) {
        Ok(value) if !value.is_empty() => value,
        // Ranges are tokens, which any field can hold.
        _ => HeaderValue::from_static("*/*"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(own: bool) -> HeaderMap {
        let mut plan = RequestPlan::default();
        for (name, value) in [("authorization", "Bearer x"), ("cookie", "a=b"), ("x-own", "1")] {
            plan.headers.insert(name, HeaderValue::from_static(value));
        }
        plan.headers.insert("content-length", HeaderValue::from_static("5"));
        let url = Url::parse("http://a.example:8000/x?y#z").unwrap();
        let origin = Origin::of(&url).unwrap();
        let request =
            Fields::new(&plan, false).get(&url, &origin, own, None, Arc::default()).unwrap();
        assert_eq!(request.uri(), "/x?y");
        request.headers().clone()
    }

    #[test]
    fn secrets_stay_with_their_origin() {
        let own = request(true);
        let foreign = request(false);
        assert_eq!(own["authorization"], "Bearer x");
        for name in ["authorization", "cookie"] {
            assert!(own.contains_key(name) && !foreign.contains_key(name), "{name}");
        }
        assert_eq!(foreign["x-own"], "1");
        assert_eq!(foreign["host"], "a.example:8000");
        assert!(foreign["user-agent"].to_str().unwrap().starts_with("hoist/"));
        assert!(!own.contains_key("content-length"));
    }

    #[test]
    fn what_is_taken_is_told_unless_the_user_does() {
        let mut plan = RequestPlan::default();
        let sent = |plan: &RequestPlan| Fields::new(plan, false).own[ACCEPT].clone();
        assert_eq!(sent(&plan), "*/*");
        plan.accept = ["Image/*", "text/html"].map(|range| range.parse().unwrap()).into();
        assert_eq!(sent(&plan), "image/*, text/html");
        plan.headers.insert(ACCEPT, HeaderValue::from_static("text/html;q=0.5"));
        assert_eq!(sent(&plan), "text/html;q=0.5");
    }
}
