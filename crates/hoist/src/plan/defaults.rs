//! Every default, with its unit and its reason.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

const fn count(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("defaults are not zero")
}

/// Attempts in flight over all origins, for URLs: enough to cover slow origins, few enough for a
/// default descriptor limit of 1,024.
pub const GET_IN_FLIGHT: NonZeroUsize = count(256);

/// Attempts in flight at an origin of which nothing is known yet: what browsers were once to keep to
/// (RFC 2616 §8.1.4).
pub const GET_PRIOR: NonZeroUsize = count(2);

/// Ranges of large bodies at once from an origin, where what it can take was not found out: what browsers
/// allow themselves over HTTP/1.1.
pub const GET_RANGES: NonZeroUsize = count(6);

/// No run waits longer for anything: ten years. Longer times of a plan mean this, so that no moment
/// in the future is beyond what the system's clock can tell.
pub const FOREVER: Duration = Duration::from_hours(10 * 365 * 24);

/// Names in flight: what a resolver on the local network answers without loss.
pub const PROBE_IN_FLIGHT: NonZeroUsize = count(4096);

/// Names at hand that are not asked yet: more than can be asked before the list is looked at again,
/// and few enough that what is kept of them stays in the processor's cache.
pub const PROBE_READ_AHEAD: usize = 1024;

/// Items that may be admitted at once: in flight, waiting for their origin, or for their turn.
pub const ADMITTED_ITEMS: NonZeroUsize = count(65_536);

/// Bytes that the admitted items' own text may take.
pub const ADMITTED_BYTES: usize = 16 << 20;

/// To make a connection: three times the retransmission of a lost SYN (1 s, 2 s, 4 s).
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Without a byte of progress: slower answers than this are seldom worth a place.
pub const PROGRESS_TIMEOUT: Duration = Duration::from_secs(30);

/// Tries after the first one, for URLs.
pub const GET_RETRIES: u32 = 3;

/// Redirects in one try: what curl's users and browsers lie around (RFC 9110 §15.4 sets none).
pub const MAX_REDIRECTS: u32 = 10;

/// The smallest body, in bytes: an empty file is a file.
pub const MIN_BODY: u64 = 0;

/// The largest body: far above what a list of files holds, below what fills a disk by surprise.
pub const MAX_BODY: u64 = 16 << 30;

/// Decoded bytes for each one of a coded body: httpd's bound for bodies that it inflates. Text comes
/// to 5 or 20, what is sparse or repeats itself to 100; `DEFLATE` can't go beyond 1,032, zstd and brotli
/// can go beyond 10,000.
pub const MAX_EXPANSION: NonZeroU32 = NonZeroU32::new(200).expect("defaults are not zero");

/// Bytes that a coded body may decode to however few they were: a small file of zeros is no attack,
/// and this harms no disk.
pub const FREE_EXPANSION: u64 = 8 << 20;

/// Content codings of one body: nobody needs two, and each one costs time.
pub const MAX_CODINGS: usize = 4;

/// Bytes of memory for decoders that are kept from one piece of a body to the next: 28 of zstd at once,
/// or 14 of brotli. Bodies up to 256 KiB are decoded in one go and take none of it, nor do single
/// `gzip` and `deflate`, which have 128 KiB each.
pub const DECODERS_MEMORY: usize = 256 << 20;

/// For all attempts of a URL together.
pub const GET_DEADLINE: Duration = Duration::from_mins(5);

/// Added to a URL's deadline for each MiB of its body that was received.
pub const GET_DEADLINE_PER_MIB: Duration = Duration::from_secs(1);

/// The first step of the backoff between tries; it doubles, and the wait is drawn from zero to it
/// ("full jitter").
pub const BACKOFF: Duration = Duration::from_millis(500);

/// The longest step of the backoff.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// An idle connection is kept this long: most servers close theirs after 5 to 75 s.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Idle connections kept over all origins, or as many as may be in flight where that is more: each
/// holds some 30 KB, and a list of a million origins would else keep what it never asks again.
pub const IDLE_CONNECTIONS: usize = 512;

/// Of these, so many at origins of which no item waited when the connection was taken: it may be that the
/// list comes back to them, but what waits is thousands of lines, and none of those does.
pub const IDLE_UNAWAITED: usize = 128;

/// The head of an answer, and the read buffer of a connection, in bytes.
pub const MAX_HEAD: usize = 64 << 10;

/// The head of a proxy's answer to CONNECT, in bytes: there is nothing in it but a status that we need.
pub const MAX_TUNNEL_HEAD: usize = 16 << 10;

/// Cookies of a run: what a browser is to keep at least (RFC 6265 §6.1).
pub const COOKIES: usize = 3_000;

/// Cookies of one domain: the same.
pub const COOKIES_PER_DOMAIN: usize = 50;

/// Bytes of a cookie, name and value: the same.
pub const COOKIE_BYTES: usize = 4_096;

/// Interim (1xx) answers before the real one.
pub const MAX_INTERIM: u32 = 8;

/// Bytes that an HTTP/2 server may send ahead of being read, over all bodies of a connection: 200 MB/s at a
/// round trip of 20 ms. It is memory where the disk is slower than the network.
pub const HTTP2_CONNECTION_WINDOW: u32 = 4 << 20;

/// The same for one body: as much, since over HTTP/1.1 a large one alone has some megabytes of the
/// system's buffers too.
pub const HTTP2_STREAM_WINDOW: u32 = HTTP2_CONNECTION_WINDOW;

/// The largest HTTP/2 frame that a server may send, in bytes: fewer heads of frames in a large body
/// than with the 16 KiB every peer may send (RFC 9113 §4.2), and no more than is gathered for a writer.
pub const HTTP2_FRAME: u32 = 64 << 10;

/// The table of header fields that a server may refer to, in bytes (RFC 7541 §4.2): the protocol's own
/// default.
pub const HTTP2_HEADER_TABLE: u32 = 4 << 10;

/// How long the first connection to an origin goes alone, before another attempt opens one too: time for
/// one lost SYN, and a handshake. A quarter of the connect timeout where that is less.
pub const FIRST_ALONE: Duration = Duration::from_secs(2);

/// Servers whose TLS sessions are kept for resumption: four times as many as may have idle connections.
/// Each takes some kilobytes.
pub const TLS_SESSIONS: usize = 4 * IDLE_CONNECTIONS;

/// Bytes of bodies between the network and the writers, at most.
pub const WRITE_BACKLOG: usize = 16 << 20;

/// Threads that write files, at most: no more than there are cores.
pub const WRITERS: NonZeroUsize = count(2);

/// For all queries about a name together.
pub const PROBE_DEADLINE: Duration = Duration::from_secs(30);

/// For the answer to the first query about a name; each next one is given half as much again, up
/// to `DNS_TIMEOUT_MAX`. An answer that comes late still counts.
pub const DNS_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest wait for one query.
pub const DNS_TIMEOUT_MAX: Duration = Duration::from_secs(4);

/// Queries after the first one: with the timeouts above, ten queries take the deadline.
pub const DNS_RETRIES: u32 = 9;

/// The same for names that are probed. Where it is known how long answers take, up to eight tries come
/// within a second; eight more take the deadline.
pub const PROBE_RETRIES: u32 = 15;

/// Queries under way to one server at the start of a probe, or as many as `-m` where that is less: a
/// resolver at the other end of a continent then answers some 5,000 a second from the first moment on, and
/// what a small one drops of them is asked again.
pub const DNS_WINDOW: NonZeroUsize = count(1_000);

/// No window is smaller than this because of `-m`: a name may take two queries at once, and aliases.
pub const DNS_WINDOW_LEAST: NonZeroUsize = count(16);

/// Names whose addresses are remembered, at most: more hosts than most lists have, in some 13 MB.
pub const DNS_CACHE_NAMES: usize = 30_000;

/// Bytes of what is remembered of names, at most: names of many addresses take more than others.
pub const DNS_CACHE_BYTES: usize = 16 << 20;

/// Addresses are remembered for this long at most, whatever their time to live: a list that runs for
/// days sees a host move within one.
pub const DNS_TTL_MAX: Duration = Duration::from_hours(24);

/// That a name has no address is remembered for this long at most (RFC 2308 §5: one to three hours).
pub const DNS_NEGATIVE_TTL_MAX: Duration = Duration::from_hours(3);

/// That a lookup failed is remembered for this long: the least that RFC 9520 §3.2 asks for. All lines of
/// a dead host that come up meanwhile fail with it; yet the waits before an item's other tries are 1.75 s
/// together on average, and longer than this in 85 of 100, so it does ask again.
pub const DNS_FAILURE_KEPT: Duration = Duration::from_secs(1);

/// What getaddrinfo found is remembered for this long, since it tells no time to live: what curl takes,
/// and short beside the TTLs of hosts that move.
pub const SYSTEM_KEPT: Duration = Duration::from_mins(1);

/// That getaddrinfo found nothing is remembered for this long: a host that has just been set up is
/// seen soon.
pub const SYSTEM_NEGATIVE_KEPT: Duration = Duration::from_secs(10);

/// Positions at the start of a list whose two address types are asked at once: a short list ends
/// one round trip earlier, and a long one does not pay twice for it.
pub const EAGER_POSITIONS: u64 = 1_000;

/// Threads that call getaddrinfo, at most: each holds a stack and a socket.
pub const SYSTEM_THREADS_MAX: usize = 512;

/// Records of outcomes are handed to the system within this time: what a kill can take.
pub const RECORD_BATCH: Duration = Duration::from_millis(20);

/// Of this time, outcomes may take so long on their way to the thread that writes them: so they come to
/// it many at a time.
pub const RECORD_GATHER: Duration = Duration::from_millis(5);

/// The first group of outcomes is committed after this time; each next one may take twice as long.
pub const GROUP_FIRST: Duration = Duration::from_millis(20);

/// The longest time that outcomes wait to be committed together: what a power cut can take.
pub const GROUP_LONGEST: Duration = Duration::from_secs(1);

/// A group is committed when it has this many outcomes: a sixteenth of what may be admitted, so that
/// reading never waits for a sync; each takes about a kilobyte of memory meanwhile.
pub const GROUP_ITEMS: usize = ADMITTED_ITEMS.get() / 16;

/// A group is committed when its files have this many bytes: a disk writes them in about a second.
pub const GROUP_BYTES: u64 = 64 << 20;

/// Samples of a shard: a training run reads shards whole, in turn, and wants some hundreds of them to
/// shuffle; a set of a million samples has a hundred.
pub const SHARD_SAMPLES: u64 = 10_000;

/// Bytes of a shard: what a worker or an object store takes in one go.
pub const SHARD_BYTES: u64 = 1 << 30;

/// Bytes of one body that waits in memory to be put into a shard. A larger one is written twice, which
/// costs little beside getting it.
pub const HELD_BODY: usize = 1 << 20;

/// Bytes of all such bodies together: 128 KiB for each of those in flight by default.
pub const HELD_BODIES: usize = 32 << 20;

/// Bytes a second that an answer has to come with: each of 256 that share a line of 64 kbit/s has
/// three times as many. A server that sends a byte now and then would else hold its place until the
/// deadline.
pub const MIN_RATE: u64 = 10;

/// The time over which that rate is taken: as long as may pass without any byte.
pub const MIN_RATE_WINDOW: Duration = PROGRESS_TIMEOUT;

/// Attempts in a row without a byte of an answer, after which an origin is down: more than its
/// permits, so that one bad moment is not enough; of a server that fails every fourth, one in a
/// million begins such a row.
pub const BREAKER_FAILURES: u32 = 10;

/// What waits for an origin that is down is given up once there was no sign of life for so long: a
/// server that restarts is back by then.
pub const BREAKER_PATIENCE: Duration = Duration::from_secs(30);

/// The pause before the first trial of an origin that is down; it doubles with each.
pub const BREAKER_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between trials, which is what the last items of an origin may wait for.
pub const BREAKER_PAUSE_MAX: Duration = Duration::from_secs(30);
/// Bytes of a body from which on another run can go on with it: getting less again costs less than
/// another file beside each.
pub const PART_BYTES: u64 = 1 << 20;

/// Bytes of a body that can be gone on with which are synced together: what a power cut can take of
/// it, and what a fast disk writes in a moment.
pub const PART_SYNC_BYTES: u64 = 64 << 20;

/// The same after this time, where the body comes slowly.
pub const PART_SYNC: Duration = Duration::from_secs(5);

/// Between two notes of what is there of a body that comes in several ranges: what a kill can take.
pub const PART_NOTE: Duration = Duration::from_millis(200);

/// Bytes of a range of a body that comes in several at once: so many that the request and the
/// connection's slow start are little beside them.
pub const PIECE_BYTES: NonZeroU64 = NonZeroU64::new(16 << 20).expect("not zero");

/// Parents of found names of which it is known whether they have a wildcard, at most: names of a list
/// that have one in common mostly stand near each other.
pub const WILDCARD_PARENTS: usize = 65_536;

/// Bytes of what is known of these, at most: 16 MiB, for some 250 bytes each.
pub const WILDCARD_BYTES: usize = 16 << 20;

/// Bytes of a robots.txt that are heeded: what a robot must read at least (RFC 9309 §2.5).
pub const ROBOTS_BYTES: usize = 500 << 10;

/// Redirects to a robots.txt that are followed: what a robot should at least (RFC 9309 §2.3.1.2).
pub const ROBOTS_REDIRECTS: u32 = 5;

/// A robots.txt is remembered for this long: longer should none be (RFC 9309 §2.4).
pub const ROBOTS_KEPT: Duration = Duration::from_hours(24);

/// That a robots.txt could not be read is remembered for this long: what waits for its origin asks for it
/// once a second then, and an item's own tries, 1.75 s apart altogether, do ask again.
pub const ROBOTS_FAILURE_KEPT: Duration = Duration::from_secs(1);

/// Origins whose robots.txt is remembered, at most: as many as may have an item waiting.
pub const ROBOTS_ORIGINS: usize = 65_536;

/// Bytes of what is remembered of robots.txt, at most; most take less than one KiB.
pub const ROBOTS_MEMORY: usize = 32 << 20;

/// Lines that wait for their origin may take one part in so many of what was free on the disk: the rest is
/// there for what the run is for.
pub const ASIDE_OF_FREE: u64 = 4;

/// Retries in a hundred of an origin's requests: a server that fails one in ten is helped by asking again,
/// one that fails half of all is not.
pub const RETRY_PERCENT: u32 = 10;

/// Retries at an origin in each window beside these, so that short lists have their tries.
pub const RETRIES_FREE: u32 = 10;

/// The time over which requests and retries are counted: longer than the waits between an item's tries,
/// and short enough that an origin which is well again has its budget soon.
pub const RETRY_WINDOW: Duration = Duration::from_secs(10);

/// What an attempt occupies a simulated client with: a get of small files takes about so much of one
/// core.
pub const SIMULATED_CPU: Duration = Duration::from_micros(40);
