//! Coded answers.

use tokio::time::timeout;

use super::{Coding, Label};
use crate::coded::{ContentCoding, How, Run, accepts};
use crate::http::exchange::{Answered, Exchange, PATIENCE, PIECE, Trouble};
use crate::http::representation::blocking;
use crate::spec::Wrong;

/// The longest content that is coded: it is held in memory until it is sent.
const LIMIT: u64 = 4 << 20;
/// Content longer than this is coded off the serving thread.
const QUICK: u64 = 256 << 10;

impl Coding {
    pub(in crate::http::faults) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        // Bodies in memory are bounded over all connections: clients need not read what they ask for.
        let coding = &ex.shared.coding;
        let turn = timeout(PATIENCE, coding.acquire()).await;
        let _turn = turn.map_err(std::io::Error::from)?;
        match self {
            Self::Asked { by, of, chunked } => {
                ex.resize(*of);
                let accepted = ex.request.header("Accept-Encoding");
                let coded = accepted.is_some_and(|value| accepts(value, by.name()));
                let bytes =
                    if coded { sent(ex, *by, How::Whole).await? } else { plain(ex).await? };
                ex.ok().header("Vary", "Accept-Encoding");
                if coded {
                    ex.header("Content-Encoding", by.name());
                }
                if *chunked { in_chunks(ex, &bytes).await } else { sized(ex, &bytes).await }
            }
            Self::Always { by, how, of, label } => {
                ex.resize(*of);
                let bytes = sent(ex, *by, *how).await?;
                ex.ok();
                label.say(ex, *by, *how);
                sized(ex, &bytes).await
            }
            Self::Plain { is, of } => {
                ex.resize(*of);
                let length = ex.content.length();
                ex.ok().header("Content-Encoding", is).length(length).end_head();
                ex.part(0, length).await?;
                ex.flush().await
            }
            Self::Bomb { by, of } => {
                let run = by.zeros(*of);
                ex.ok().header("Content-Encoding", by.name()).length(run.length()).end_head();
                run_on(ex, &run).await
            }
        }
    }
}

impl Label {
    fn say(&self, ex: &mut Exchange<'_>, by: ContentCoding, how: How) {
        // In the order in which they were applied (RFC 9110, section 8.4).
        match (self, how) {
            (Self::Text(text), _) => ex.header("Content-Encoding", text),
            (Self::Lines, How::Over(inner)) => {
                ex.header("Content-Encoding", inner.name()).header("Content-Encoding", by.name())
            }
            (_, How::Over(inner)) => {
                ex.header("Content-Encoding", format_args!("{}, {}", inner.name(), by.name()))
            }
            _ => ex.header("Content-Encoding", by.name()),
        };
    }
}

async fn plain(ex: &Exchange<'_>) -> Result<Vec<u8>, Trouble> {
    let length = ex.content.length();
    if length > LIMIT {
        return Err(Wrong(format!("at most {LIMIT} bytes can be coded, not {length}")).into());
    }
    let mut bytes = Vec::new();
    ex.content.read(0, length, &mut bytes).await?;
    Ok(bytes)
}

async fn sent(ex: &Exchange<'_>, by: ContentCoding, how: How) -> Result<Vec<u8>, Trouble> {
    let plain = plain(ex).await?;
    if plain.len() as u64 <= QUICK {
        return Ok(how.of(by, &plain));
    }
    Ok(blocking(move || Ok(how.of(by, &plain))).await?)
}

async fn sized(ex: &mut Exchange<'_>, bytes: &[u8]) -> Answered {
    ex.length(bytes.len() as u64).end_head();
    body(ex, bytes).await?;
    ex.flush().await
}

async fn in_chunks(ex: &mut Exchange<'_>, bytes: &[u8]) -> Answered {
    ex.header("Transfer-Encoding", "chunked").end_head();
    let (first, rest) = bytes.split_at(bytes.len().min(1));
    let size = (rest.len() / 3).clamp(1, 16 << 10);
    for chunk in first.chunks(1).chain(rest.chunks(size)) {
        if ex.request.is_head() {
            break;
        }
        ex.raw(format!("{:x}\r\n", chunk.len()).as_bytes()).body(chunk).await?;
        ex.flush().await?;
        ex.raw(b"\r\n");
    }
    ex.last_chunk().await
}

async fn run_on(ex: &mut Exchange<'_>, run: &Run) -> Answered {
    body(ex, &run.head).await?;
    if !run.again.is_empty() && !ex.request.is_head() {
        // Many at once.
        let many = PIECE.div_ceil(run.again.len() as u64);
        let piece = run.again.repeat(usize::try_from(many.min(run.times)).unwrap_or_default());
        for _ in 0..run.times / many {
            ex.body(&piece).await?;
        }
        let left = usize::try_from(run.times % many).unwrap_or_default();
        ex.body(piece.get(..left * run.again.len()).unwrap_or_default()).await?;
    }
    body(ex, &run.tail).await?;
    ex.flush().await
}

/// Body bytes, a piece at a time.
async fn body(ex: &mut Exchange<'_>, bytes: &[u8]) -> Answered {
    for piece in bytes.chunks(usize::try_from(PIECE).unwrap_or(usize::MAX)) {
        ex.body(piece).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use crate::http::Chain;
    use crate::scenario::RequestRule;
    use crate::{HttpRehearsal, Scenario};

    #[test]
    fn whatever_stands_at_the_url_is_coded() {
        let chain = Chain::parse(&["coding-unasked?as=zstd"]).unwrap();
        let rule = RequestRule {
            method: None,
            path: None,
            host: None,
            attempt: None,
            number: None,
            probability: 1.0,
            chain,
        };
        let mut scenario = Scenario::default();
        scenario.requests = vec![rule];
        let rehearsal = HttpRehearsal { scenario, ..HttpRehearsal::local() };
        let server = rehearsal.spawn(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let mut client = TcpStream::connect(server.addr()).unwrap();
        client.write_all(b"GET /flags/fr/fr.gif HTTP/1.0\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        let has = |part: &[u8]| answer.windows(part.len()).any(|window| window == part);
        assert!(has(b"Content-Type: image/gif\r\nContent-Encoding: zstd\r\n"));
        assert!(has(b"\x28\xb5\x2f\xfd") && has(b"GIF89a"), "stored in a frame");
    }
}
