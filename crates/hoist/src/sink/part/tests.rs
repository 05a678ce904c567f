use std::sync::Arc;

use fastrand::Rng;

use super::*;
use crate::item::FileName;
use crate::sink::{HashWish, Left, Staging, Validator};
use crate::sys::{Fault, Memory};

const OF: usize = 400;
const POSITION: Position = Position(3);

/// The body as it is in one version.
fn body(version: u8) -> Vec<u8> {
    (0..OF)
        .map(|n| u8::try_from((n * 7 + n / 256 + usize::from(version) * 31) % 251).unwrap())
        .collect()
}

fn source(version: u8) -> Source {
    let Asked { url, from, .. } = asked();
    let validator = Validator::Etag(format!("\"{version}\""));
    Source { url, from, validator, length: Some(OF as u64), content_type: None, coding: None }
}

fn asked() -> Asked {
    Asked {
        url: "http://a.example/x".to_owned(),
        from: "http://b.example/x".to_owned(),
        scattered: true,
    }
}

fn wanted(version: Option<u8>) -> Wanted {
    Wanted {
        position: POSITION,
        name: FileName::from_text("x"),
        hash: HashWish::default(),
        late: None,
        coded: None,
        source: version.map(|version| Box::new(source(version))),
    }
}

fn parts(fs: &Memory, boot: u8, durable: bool) -> Parts<Staging> {
    let fs: Arc<dyn Fs> = Arc::new(fs.clone());
    let beneath = Staging { fs: Arc::clone(&fs), parts: "/parts".into() };
    let parts = Parts::new(beneath, fs, "/parts".into(), [boot; 16], durable);
    Parts { pace: Pace { look: 50, sync: 100, note: Duration::ZERO }, ..parts }
}

/// What is opened, and how far it goes; it is checked that it is what it says.
type Opened = Option<(Part<<Staging as Sink>::Part>, u8, usize)>;

fn open(sink: &mut Parts<Staging>) -> Result<Opened, Error> {
    open_in(sink, true)
}

/// In several places, or in one alone.
fn open_in(sink: &mut Parts<Staging>, scattered: bool) -> Result<Opened, Error> {
    let mut seen = Vec::new();
    let mut each = |bytes: &[u8]| seen.extend_from_slice(bytes);
    let opened = sink.open(&wanted(None), &Asked { scattered, ..asked() }, Some(&mut each))?;
    let Some((part, kept)) = opened else { return Ok(None) };
    assert_eq!(kept.is_scattered(), waiting(&part).runs.end() > kept.bytes);
    let Validator::Etag(tag) = &kept.source.validator else { panic!("{kept:?}") };
    let version = tag.trim_matches('"').parse().unwrap();
    let bytes = usize::try_from(kept.bytes).unwrap();
    let mut there = Vec::new();
    let mut input = sink.fs.read(&waiting(&part).path, 0).unwrap();
    input.read_to_end(&mut there).unwrap();
    for (from, to) in &kept.runs {
        let range = usize::try_from(*from).unwrap()..usize::try_from(*to).unwrap();
        assert!(there[range.clone()] == body(version)[range], "version {version}: {kept:?}");
    }
    if waiting(&part).scattered {
        return Ok(Some((part, version, bytes)));
    }
    assert!(bytes > 0 && bytes < OF, "{kept:?}");
    assert!(seen == body(version)[..bytes], "version {version}, {bytes} bytes");
    Ok(Some((part, version, bytes)))
}

/// Writes all of a part from `at` on.
fn write_rest(
    sink: &mut Parts<Staging>,
    part: &mut Part<<Staging as Sink>::Part>,
    version: u8,
    at: usize,
) {
    if let Part::Kept(_) = part
        && is_scattered(part)
    {
        for (from, to) in missing(part) {
            sink.write_at(part, from as u64, &body(version)[from..to]).unwrap();
        }
        return;
    }
    for piece in body(version)[at..].chunks(30) {
        sink.write(part, piece).unwrap();
    }
}

fn assert_whole(fs: &Memory, finished: &Finished, version: u8) {
    let Finished::Left(Left::File { bytes, crc, .. }) = finished else { panic!("{finished:?}") };
    assert_eq!((*bytes, *crc), (OF as u64, crc32c::crc32c(&body(version))));
    let mut files = fs.files();
    files.remove("/parts/other");
    assert_eq!(files.keys().collect::<Vec<_>>(), ["/parts/3"]);
    assert!(files["/parts/3"] == body(version));
}

fn disk() -> Memory {
    let fs = Memory::new(0);
    fs.put("/parts/other", b"");
    fs.remove(Path::new("/parts/other")).unwrap();
    fs
}

/// Writes so much of the first version, as a run does that is killed then.
fn begun(fs: &Memory, bytes: usize, durable: bool) {
    let mut sink = parts(fs, 1, durable);
    let mut part = sink.begin(wanted(Some(1))).unwrap();
    for piece in body(1)[..bytes].chunks(30) {
        sink.write(&mut part, piece).unwrap();
    }
}

#[test]
fn a_kill_takes_nothing_once_there_is_a_sidecar() {
    for durable in [true, false] {
        for (bytes, there) in [(40, None), (60, Some(60)), (130, Some(130)), (400, Some(399))] {
            let fs = disk();
            begun(&fs, bytes, durable);
            fs.restart();
            let mut sink = parts(&fs, 1, durable);
            let swept = sink.sweep().unwrap();
            assert_eq!(swept.contains(&POSITION), there.is_some());
            let opened = open(&mut sink).unwrap();
            assert_eq!(opened.as_ref().map(|(.., bytes)| *bytes), there, "{bytes}");
            let Some((mut part, version, at)) = opened else {
                assert!(fs.files().is_empty(), "what can't be gone on with is gone");
                continue;
            };
            write_rest(&mut sink, &mut part, version, at);
            let finished = sink.finish(part).unwrap();
            assert_whole(&fs, &finished, 1);
        }
    }
}

#[test]
fn after_a_power_cut_only_what_was_synced_is_trusted() {
    // With pieces of 30 bytes there is a sidecar at 60, and 120 are synced; then 240, 360.
    for (bytes, there) in [(90, None), (150, Some(120)), (220, Some(120)), (290, Some(240))] {
        let fs = disk();
        begun(&fs, bytes, true);
        // It may all be there, but nobody knows.
        fs.restart();
        let mut sink = parts(&fs, 2, true);
        sink.sweep().unwrap();
        let opened = open(&mut sink).unwrap();
        assert_eq!(opened.map(|(.., bytes)| bytes), there, "{bytes}");
    }
    let fs = disk();
    begun(&fs, 290, false);
    fs.restart();
    assert!(open(&mut parts(&fs, 2, false)).unwrap().is_none(), "nothing was synced");
    // A system that does not say which boot it is.
    let fs = disk();
    begun(&fs, 290, true);
    fs.restart();
    let mut sink = Parts { boot: [0; 16], ..parts(&fs, 0, true) };
    assert_eq!(open(&mut sink).unwrap().map(|(.., bytes)| bytes), Some(240));
}

#[test]
fn what_fits_no_more_goes_when_the_body_is_begun() {
    for plain in [true, false] {
        let fs = disk();
        begun(&fs, 200, true);
        let mut sink = parts(&fs, 1, true);
        let elsewhere = Asked { from: "http://c.example/x".to_owned(), ..asked() };
        assert!(sink.open(&wanted(None), &elsewhere, None).unwrap().is_none());
        assert_eq!(fs.files().len(), 2, "it may be asked where it came from later");
        let mut part = sink.begin(wanted((!plain).then_some(2))).unwrap();
        write_rest(&mut sink, &mut part, 2, 0);
        let finished = sink.finish(part).unwrap();
        assert_whole(&fs, &finished, 2);
    }
}

#[test]
fn what_waits_is_forgotten_in_the_end() {
    for (bytes, remove, stays) in [(40, false, 0), (200, false, 2), (200, true, 0)] {
        let fs = disk();
        let mut sink = parts(&fs, 1, true);
        let mut part = sink.begin(wanted(Some(1))).unwrap();
        sink.write(&mut part, &body(1)[..bytes]).unwrap();
        sink.suspend(part).unwrap();
        let (part, _, at) = open(&mut sink).unwrap().unwrap();
        assert_eq!(at, bytes, "in the same run all of it can be gone on with");
        sink.suspend(part).unwrap();
        sink.forget(POSITION, remove).unwrap();
        assert_eq!(fs.files().len(), stays);
        sink.close().unwrap();
        assert_eq!(fs.files().len(), stays);
        assert!(sink.waiting.is_empty() && sink.stale.is_empty());
    }
}

fn waiting<P>(part: &Part<P>) -> &Waiting {
    let Part::Kept(part) = part else { panic!("it is plain") };
    &part.waiting
}

fn is_scattered<P>(part: &Part<P>) -> bool {
    waiting(part).scattered
}

fn is_whole<P>(part: &Part<P>) -> bool {
    waiting(part).runs.start().0 == OF as u64
}

/// What is missing of it, in pieces of at most 60 bytes.
fn missing<P>(part: &Part<P>) -> Vec<(usize, usize)> {
    let mut missing = Vec::new();
    let mut at = 0;
    let end = [(OF as u64, OF as u64)];
    for (from, to) in waiting(part).runs.iter().map(|run| (run.from, run.to)).chain(end) {
        let [from, to] = [from, to].map(|at| usize::try_from(at).unwrap());
        while at < from {
            missing.push((at, from.min(at + 60)));
            at = from.min(at + 60);
        }
        at = to;
    }
    missing
}

/// A run: goes on or starts over, and ends somewhere. Whether the body is whole then.
fn live(
    fs: &Memory,
    boot: u8,
    version: &mut u8,
    random: &mut Rng,
    went_on: &mut u64,
) -> Result<bool, Error> {
    let mut sink = parts(fs, boot, random.u8(0..4) > 0);
    sink.sweep()?;
    // As one run does it in all its tries.
    let scattered = random.bool();
    for _ in 0..random.u8(1..4) {
        let (mut part, mut at) = match open_in(&mut sink, scattered)? {
            Some((part, of, at)) if of == *version && random.u8(0..5) > 0 => {
                *went_on += 1;
                (part, at)
            }
            opened => {
                // There is another version now.
                if let Some((part, ..)) = opened {
                    sink.discard(part)?;
                }
                *version += u8::from(random.bool());
                (sink.begin(wanted(Some(*version)))?, 0)
            }
        };
        if scattered && (is_scattered(&part) || random.bool()) {
            // In pieces, of which some are not done.
            let mut missing = missing(&part);
            random.shuffle(&mut missing);
            missing.truncate(random.usize(1..=missing.len() + 1));
            for (from, to) in missing {
                let to = if random.u8(0..4) == 0 { random.usize(from..=to) } else { to };
                let mut at = from;
                while at < to {
                    let next = (at + random.usize(1..40)).min(to);
                    let bytes = &body(*version)[at..next];
                    if let Err(error) = sink.write_at(&mut part, at as u64, bytes) {
                        let _ = sink.suspend(part);
                        let _ = sink.close();
                        return Err(error);
                    }
                    at = next;
                }
            }
            if is_whole(&part) {
                let finished = sink.finish(part)?;
                assert_whole(fs, &finished, *version);
                return Ok(true);
            }
            match random.u8(0..6) {
                0 => sink.discard(part)?,
                1 => return Ok(false),
                _ => sink.suspend(part)?,
            }
            continue;
        }
        let to = random.usize(at..=OF);
        while at < to {
            let next = (at + random.usize(1..40)).min(to);
            if let Err(error) = sink.write(&mut part, &body(*version)[at..next]) {
                let _ = sink.suspend(part);
                let _ = sink.close();
                return Err(error);
            }
            at = next;
        }
        if at == OF {
            let finished = sink.finish(part)?;
            assert_whole(fs, &finished, *version);
            return Ok(true);
        }
        match random.u8(0..6) {
            0 => sink.discard(part)?,
            1 => return Ok(false),
            _ => sink.suspend(part)?,
        }
    }
    sink.forget(POSITION, random.u8(0..8) == 0)?;
    sink.close()?;
    Ok(false)
}

/// Whatever fails, and however often: what is opened is of one version. `HOIST_FAILURES` says how many
/// such stories are tried.
#[test]
fn no_failure_puts_two_versions_together() {
    let (mut went_on, mut failed) = (0, 0);
    let stories = std::env::var("HOIST_FAILURES").ok().and_then(|n| n.parse().ok());
    let stories = stories.unwrap_or(600);
    for seed in 0..stories {
        let mut random = Rng::with_seed(seed);
        let fs = Memory::new(seed);
        fs.put("/parts/other", b"");
        fs.remove(Path::new("/parts/other")).unwrap();
        let (mut boot, mut version) = (1, 1);
        for _ in 0..8 {
            let fault = [
                Fault::Error(ErrorKind::Other),
                Fault::Error(ErrorKind::StorageFull),
                Fault::Full,
                Fault::Short,
                Fault::Kill,
                Fault::KillAfter,
            ];
            fs.fail_at(random.u64(0..40), *random.choice(&fault).unwrap());
            let whole = live(&fs, boot, &mut version, &mut random, &mut went_on);
            failed += u64::from(whole.is_err());
            if random.u8(0..3) == 0 {
                fs.power_cut();
                boot += 1;
            } else {
                fs.restart();
            }
            // The ledger's part.
            gone(fs.remove(Path::new("/parts/3"))).unwrap();
        }
        // Nothing stays in the way.
        let mut sink = parts(&fs, boot, true);
        sink.sweep().unwrap();
        let (mut part, at) = match open(&mut sink).unwrap() {
            Some((part, of, at)) => {
                version = of;
                (part, at)
            }
            None => (sink.begin(wanted(Some(version))).unwrap(), 0),
        };
        write_rest(&mut sink, &mut part, version, at);
        let finished = sink.finish(part).unwrap();
        assert_whole(&fs, &finished, version);
    }
    let some = stories / 2;
    assert!(went_on > some && failed > some, "{went_on} went on, {failed} failed");
}
