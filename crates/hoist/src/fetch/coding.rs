use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue};
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use crate::outcome::{Failure, FailureKind};
use crate::plan::{DecodePlan, RequestPlan, defaults};
use crate::sink::{Coded, ContentCoding, DecodeLimits};

/// What is asked for. Servers choose among these by their own taste.
const ASKED: &str = "gzip, deflate, zstd, br";

/// Reads which codings a body has, and gives out memory to decode it. Undoing them is the writers'.
#[derive(Debug)]
pub(super) struct Codings {
    limits: DecodeLimits,
    /// In KiB.
    memory: Arc<Semaphore>,
}

impl Codings {
    /// Has the request ask for codings, unless its headers say what they take.
    pub(super) fn new(plan: &DecodePlan, request: &mut RequestPlan) -> Self {
        if !request.headers.contains_key(ACCEPT_ENCODING) {
            request.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(ASKED));
        }
        let limits = DecodeLimits {
            max_expansion: plan.max_expansion.get().into(),
            min: request.min_body,
            max: request.max_body,
        };
        Self { limits, memory: Arc::new(Semaphore::new(defaults::DECODERS_MEMORY >> 10)) }
    }

    /// How a body is coded, by the head of its answer. None: not at all.
    pub(super) fn of(&self, headers: &HeaderMap) -> Result<Option<Box<Coded>>, Failure> {
        let mut codings = Vec::new();
        for name in names(headers) {
            let Some(coding) = coding(name)? else { continue };
            if codings.len() == defaults::MAX_CODINGS {
                let reason = format!(
                    "the body has more than {} content codings, one over the other",
                    defaults::MAX_CODINGS
                );
                return Err(Failure::new(FailureKind::NotAcceptable, reason));
            }
            codings.push(coding);
        }
        if codings.is_empty() {
            return Ok(None);
        }
        // They are listed in the order in which they were applied (RFC 9110 §8.4).
        codings.reverse();
        let (limits, spoiled) = (self.limits, Arc::new(OnceLock::new()));
        Ok(Some(Box::new(Coded { codings, limits, spoiled, memory: None })))
    }

    /// Waits for the memory that the decoder of a long body keeps. False: it has not come in time.
    pub(super) async fn reserve(&self, coded: &mut Coded, deadline: Instant) -> bool {
        let needed = match *coded.codings {
            // These take little.
            [ContentCoding::Gzip | ContentCoding::Deflate] => return true,
            ref codings => codings.iter().map(|coding| coding.memory()).sum::<usize>() >> 10,
        };
        let needed = u32::try_from(needed).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.memory).acquire_many_owned(needed);
        match timeout_at(deadline.into(), room).await {
            Ok(room) => {
                // The semaphore is never closed.
                coded.memory = room.ok();
                true
            }
            Err(_) => false,
        }
    }
}

/// Whether a body is coded at all, be it in a way that is not known here.
pub(super) fn is_coded(headers: &HeaderMap) -> bool {
    names(headers).any(|name| !matches!(coding(name), Ok(None)))
}

/// The codings that are told, in their order.
fn names(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii))
}

/// A coding by its name (RFC 9110 §8.4.1; names have no case). None: nothing is to be undone.
fn coding(name: &[u8]) -> Result<Option<ContentCoding>, Failure> {
    let is = |known: &[&str]| known.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
    match () {
        // Empty members of a list are none (RFC 9110 §5.6.1.2).
        () if is(&["", "identity"]) => Ok(None),
        () if is(&["gzip", "x-gzip"]) => Ok(Some(ContentCoding::Gzip)),
        () if is(&["deflate"]) => Ok(Some(ContentCoding::Deflate)),
        () if is(&["zstd"]) => Ok(Some(ContentCoding::Zstd)),
        () if is(&["br"]) => Ok(Some(ContentCoding::Brotli)),
        () => {
            let shown = String::from_utf8_lossy(&name[..name.len().min(100)]);
            let reason = format!(
                "the body has the content coding {shown:?}, which is not known here; without \
                 --decode it is saved as it is sent"
            );
            Err(Failure::new(FailureKind::NotAcceptable, reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codings(values: &[&'static str]) -> Result<Vec<&'static str>, FailureKind> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
        }
        let codings = Codings::new(&DecodePlan::default(), &mut RequestPlan::default());
        let coded = codings.of(&headers).map_err(|failure| failure.kind)?;
        let names = |coded: Box<Coded>| coded.codings.iter().map(|coding| coding.name()).collect();
        Ok(coded.map(names).unwrap_or_default())
    }

    #[test]
    fn what_was_applied_last_is_undone_first() {
        assert_eq!(codings(&["gzip, br"]), Ok(vec!["br", "gzip"]));
        assert_eq!(
            codings(&["gzip ,identity", ", X-GZip,", "ZSTD"]),
            Ok(vec!["zstd", "gzip", "gzip"])
        );
        for none in [&[][..], &["identity"], &[""], &[" , ,"]] {
            assert_eq!(codings(none), Ok(vec![]), "{none:?}");
            let mut headers = HeaderMap::new();
            for value in none {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            assert!(!is_coded(&headers), "{none:?}");
            headers.append(CONTENT_ENCODING, HeaderValue::from_static("identity, x-own"));
            assert!(is_coded(&headers));
        }
        let not = Err(FailureKind::NotAcceptable);
        for bad in ["compress", "gzip, utf-8", "gzip;q=1", "gzip,gzip,gzip,gzip,gzip"] {
            assert_eq!(codings(&[bad]), not, "{bad}");
        }
        assert!(codings(&["gzip, gzip, gzip, gzip"]).is_ok());
    }

    #[test]
    fn decoders_of_long_bodies_share_a_bound() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let codings = Codings::new(&DecodePlan::default(), &mut RequestPlan::default());
            let coded = |name| {
                let mut headers = HeaderMap::new();
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
                codings.of(&headers).unwrap().unwrap()
            };
            let now = Instant::now();
            let mut kept = Vec::new();
            for (name, at_once) in [("br", 14), ("zstd", 28), ("br, zstd", 9)] {
                loop {
                    let mut coded = coded(name);
                    if !codings.reserve(&mut coded, now).await {
                        break;
                    }
                    kept.push(coded);
                }
                assert_eq!(kept.len(), at_once, "{name}");
                // These take none of it.
                assert!(codings.reserve(&mut coded("gzip"), now).await);
                let mut next = coded(name);
                let later = now + std::time::Duration::from_mins(1);
                let waits = codings.reserve(&mut next, later);
                let ends = async { kept.clear() };
                assert!(tokio::join!(waits, ends).0, "the memory is given back");
            }
        });
    }

    #[test]
    fn codings_are_asked_for_unless_the_user_says_what() {
        let mut request = RequestPlan::default();
        Codings::new(&DecodePlan::default(), &mut request);
        assert_eq!(request.headers[ACCEPT_ENCODING], ASKED);
        request.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("br"));
        Codings::new(&DecodePlan::default(), &mut request);
        assert_eq!(request.headers[ACCEPT_ENCODING], "br");
    }
}
