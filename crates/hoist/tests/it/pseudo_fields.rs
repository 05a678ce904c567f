//! Answers of HTTP/2 with pseudo-fields that they may not have (RFC 9113 §8.1, §8.3).

use std::num::NonZeroUsize;

use hoist::{FailureKind, GetVerdict};
use tempfile::TempDir;

use crate::http2_server::{
    BODY, DATA, END_HEADERS, END_STREAM, HEADERS, Http2Server, Peer, Secure, count, literal,
};
use crate::support::{files, get_all, plan};

const CONTINUATION: u8 = 9;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

/// What is sent to one stream.
#[derive(Debug, Clone)]
enum Answer {
    /// Frames of a head: flags, bytes; then the body.
    Head(Vec<(u8, Vec<u8>)>),
    /// A head, the body, and then these trailers.
    Trailers(Vec<u8>),
}

impl Answer {
    async fn send(&self, peer: &mut Peer, stream: u32) -> Option<()> {
        peer.ended();
        match self {
            Self::Head(frames) => {
                for (nth, (flags, bytes)) in frames.iter().enumerate() {
                    let kind = if nth == 0 { HEADERS } else { CONTINUATION };
                    peer.send(kind, *flags, stream, bytes).await?;
                }
                peer.send(DATA, END_STREAM, stream, BODY).await
            }
            Self::Trailers(block) => {
                peer.head(stream, "200", None).await?;
                peer.data(stream, BODY).await?;
                peer.send(HEADERS, END_HEADERS | END_STREAM, stream, block).await
            }
        }
    }
}

/// The bad answer is to the second of four requests at once; two more follow. All good ones have a field by
/// its place in the table, which may have moved with what was bad.
#[track_caller]
fn fails_alone(bad: &Answer, secure: bool, place: u8) {
    let root = TempDir::new().unwrap();
    let sent = bad.clone();
    let server = Http2Server::start(secure.then(Secure::default), async move |peer| {
        peer.settle(Some(100)).await?;
        let mut streams = Vec::new();
        for _ in 0..4 {
            streams.push(peer.request().await?);
        }
        // Kept: `server: a`.
        let first = [&[0x88][..], &literal(&[0x40 + 54], "a")].concat();
        Answer::Head(vec![(END_HEADERS, first)]).send(peer, streams[0]).await?;
        sent.send(peer, streams[1]).await?;
        for stream in &streams[2..] {
            let head = vec![(END_HEADERS, vec![0x88, 0x80 + place])];
            Answer::Head(head).send(peer, *stream).await?;
        }
        loop {
            let stream = peer.request().await?;
            Answer::Trailers(vec![0x80 + place]).send(peer, stream).await?;
        }
    });
    let mut plan = server.plan(plan(root.path()));
    plan.limits.per_origin = NonZeroUsize::new(4).unwrap().into();
    let outcomes = get_all(plan, server.urls(6));
    let (good, failed): (Vec<_>, Vec<_>) =
        outcomes.iter().partition(|outcome| outcome.verdict == GetVerdict::Ok);
    assert_eq!((good.len(), failed.len()), (5, 1), "{bad:?}: {outcomes:?}");
    let failure = failed[0].failure.as_ref().unwrap();
    assert_eq!(failure.kind, FailureKind::Malformed, "{bad:?}: {failure}");
    assert!(failure.reason.contains("not HTTP/2"), "{bad:?}: {failure}");
    assert_eq!(failed[0].attempts, 1, "{bad:?}");
    assert_eq!(files(root.path()).len(), 5, "{bad:?}");
    assert_eq!(count(&server.seen.connections), 1, "{bad:?}");
}

#[test]
fn a_head_with_pseudo_fields_of_a_request_fails_alone() {
    for bad in [
        vec![(END_HEADERS, vec![0x88, 0x84])],
        vec![(END_HEADERS, b"\x88\x00\x09:protocol\x01x".to_vec())],
        vec![(END_HEADERS | PADDED | PRIORITY, b"\x02\0\0\0\0\x10\x88\x87\0\0".to_vec())],
        vec![(0, vec![0x88]), (END_HEADERS, vec![0x82])],
        vec![(0, vec![0x88, 0x84]), (0, Vec::new()), (END_HEADERS, Vec::new())],
    ] {
        fails_alone(&Answer::Head(bad), false, 62);
    }
    // Two fields are kept, before that of the first answer.
    let keeps = b"\x88\x40\x05:path\x01/\x40\x01x\x01y".to_vec();
    fails_alone(&Answer::Head(vec![(END_HEADERS, keeps)]), true, 64);
}

#[test]
fn trailers_with_pseudo_fields_fail_alone() {
    fails_alone(&Answer::Trailers(vec![0x88]), true, 62);
    fails_alone(&Answer::Trailers(b"\x00\x01x\x01y\x08\x03103".to_vec()), false, 62);
    fails_alone(&Answer::Trailers(vec![0x84]), false, 62);
}
