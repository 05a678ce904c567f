use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use hoist::GetPlan;
use hoist::item::{HashAlgorithm, MediaRange};
use hoist::plan::{AddressOverride, BadShards, ShardTemplate, defaults};
use http::{HeaderName, HeaderValue};

use super::ceilings::CeilingArgs;
use super::decode::DecodeArgs;
use super::exit::{Allowance, ExitArgs};
use super::giving_up::GivingUpArgs;
use super::input::Input;
use super::large::LargeArgs;
use super::ledger::LedgerArgs;
use super::list::ListArgs;
use super::manners::MannersArgs;
use super::names::NamesArgs;
use super::naming::NamingArgs;
use super::network::NetworkArgs;
use super::tuning::TuningArgs;
use super::values;
use super::versions::VersionArgs;

const EXAMPLES: &str = "\
Examples:
  hoist get https://example.com/file.pdf            saved in the current folder
  hoist get -o - https://example.com/ | less        the body to standard output
  hoist get -i urls.txt -o pages -m 64              a list into the folder pages
  hoist get -i urls.txt -o pages --format jsonl > outcomes.jsonl
  hoist get -i urls.txt -o pages --again failed     those that failed, once more
  hoist get -i urls.txt -o set --to 'tar:shards/{shard:06}.tar'   into shards
  hoist get -i urls.txt -o pages --accept 'image/*' --min-size 1K --hash sha256
  hoist get -i urls.txt --name '{index}-{host}{ext}' -H 'Accept-Language: de'
  hoist get -i urls.txt.gz --name '{url_hash:2}/{url_hash}{ext}'  for any number

A line of a list is a URL, or URL<TAB>name, or URL<TAB>name<TAB>hash with the
name empty or not, or a JSON object with url, name and hash. A hash is written
sha256:DIGITS, or with md5 or blake3; a body that has another is a failure, and
no file. Blank lines and lines that begin with # are skipped. A list may be
compressed, with gzip or zstd. It never overwrites a file that was there: it
saves as name~POSITION. URLs given as arguments do overwrite, as with curl, but
not with -J.

--accept also goes to the servers, as the header Accept, unless -H gives that.
What another type comes as, or smaller than --min-size, is a failure
(not_acceptable), and no file. An answer without a type counts as
application/octet-stream.

Bodies are saved as they are sent, and none is asked for coded. With --decode
they are; then sizes and hashes are those of the decoded bytes (--max-size holds
for the received ones too), the name and the type stay. What can't be decoded
whole is a failure, and no file.

In a shard each body is POSITION.EXT, or NAME~POSITION.EXT where a name is
given, and its outcome is beside it as .json. A shard has its name once it is
full, or the run complete: then it is whole.

What became of each line of a list is on record in DIR/.hoist. The same command
again goes on where it stopped, however it stopped; 'hoist outcomes DIR' prints
the record.

Host names are looked up as resolv.conf says (also LOCALDOMAIN and RES_OPTIONS),
and remembered for as long as the DNS allows. --via system asks getaddrinfo: for
nsswitch, mDNS or split DNS. Of servers named with --via dns:// alone, names are
asked as they stand.

Durations: 30s, 500ms, 2m; a bare number is in seconds. Bytes: 1000, 64K, 16G.
SSL_CERT_FILE names the trusted certificates in place of the system's.

Without --proxy, the variables http_proxy, https_proxy, all_proxy and no_proxy
say it, all but the first in capitals too. A proxy is http:// unless it says
otherwise; its port is 1080, or 443 for https://, as with curl. socks5:// looks
names up here, the others have the proxy do it. --cacert and -k count for https
proxies too. An Authorization from -H comes before a user in the URL, that
before --user, that before .netrc. A redirect to another origin takes along only
what .netrc has for that host.

A quota that a server tells (RateLimit, or Retry-After with 429 and 503) is kept
for its whole origin; what would have to wait longer than the deadline is
deferred. robots.txt is not asked for, as the list says what is wanted; with
--polite it is, and what it disallows fails as disallowed.

--rate and --bandwidth are ceilings: waiting for them costs no URL its time.
--rate holds for each origin (scheme, host and port), --bandwidth for all that
is read, heads included. Of the requests to an origin at most a tenth are
retries, beside 10 in 10 s: more wait for it within their deadline
(--retry-budget).

Exit codes: 0 every URL ok, 1 some are not (404 included), 2 usage, 3 the run
could not go on (disk full, folder not writable), 130 interrupted.";

/// Bring back every URL
///
/// URLs come from the command line, from a file, or from standard input when it is a pipe or a
/// file and nothing else is given. Failures are told on standard error, with a summary at the end.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option as typed")]
pub(super) struct GetArgs {
    /// URLs to get
    #[arg(value_name = "URL")]
    pub(super) urls: Vec<String>,
    /// Read URLs from FILE, one a line (- is standard input)
    #[arg(short, long, value_name = "FILE")]
    pub(super) input: Option<PathBuf>,
    /// Save into this folder (- with one URL: standard output)
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(super) output: PathBuf,
    /// Requests at once, over all hosts
    #[arg(short = 'm', long, value_name = "N", default_value_t = defaults::GET_IN_FLIGHT)]
    #[arg(value_parser = values::some::<NonZeroUsize>)]
    pub(super) max: NonZeroUsize,
    #[command(flatten)]
    pub(super) tuning: TuningArgs,
    #[command(flatten)]
    pub(super) ceilings: CeilingArgs,
    /// Give up a try after this long without a byte
    #[arg(long, value_name = "D", value_parser = values::some_time, default_value = "30s")]
    pub(super) timeout: Duration,
    /// For a connection: name, TCP and TLS
    #[arg(long, value_name = "D", value_parser = values::some_time, default_value = "10s")]
    pub(super) connect_timeout: Duration,
    /// For all tries of a URL together [default: 5m, plus 1 s for each MiB received]
    #[arg(long, value_name = "D", value_parser = values::some_time)]
    pub(super) deadline: Option<Duration>,
    /// Tries after the first one, where another try can help
    #[arg(long, value_name = "N", default_value_t = defaults::GET_RETRIES)]
    #[arg(value_parser = values::number::<u32>)]
    pub(super) retries: u32,
    /// Redirects followed in one try
    #[arg(long, value_name = "N", default_value_t = defaults::MAX_REDIRECTS)]
    #[arg(value_parser = values::number::<u32>)]
    pub(super) max_redirects: u32,
    /// Take these media types alone, such as image/* or text/html; repeatable
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    pub(super) accept: Vec<MediaRange>,
    /// The smallest body
    #[arg(long, value_name = "BYTES", value_parser = values::bytes, default_value = "0")]
    pub(super) min_size: u64,
    /// The largest body
    #[arg(long, value_name = "BYTES", value_parser = values::bytes, default_value = "16G")]
    pub(super) max_size: u64,
    #[command(flatten)]
    pub(super) decode: DecodeArgs,
    /// Tell each body's hash: in JSON lines and on record
    #[arg(long, value_name = "blake3|sha256|md5")]
    pub(super) hash: Option<HashAlgorithm>,
    /// Send this header; repeatable
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(super) headers: Vec<Header>,
    /// Send this User-Agent [default: hoist/VERSION]
    #[arg(short = 'A', long, value_name = "AGENT", value_parser = header_value)]
    pub(super) user_agent: Option<HeaderValue>,
    /// Accept any certificate: whoever stands in between can read and change everything
    #[arg(short = 'k', long)]
    pub(super) insecure: bool,
    /// Trust the certificates in FILE (PEM), in place of the system's
    #[arg(long, value_name = "FILE")]
    pub(super) cacert: Option<PathBuf>,
    /// Connect over IPv4 alone
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(super) ipv4: bool,
    /// Connect over IPv6 alone
    #[arg(short = '6', long)]
    pub(super) ipv6: bool,
    /// Connect to ADDR for this host and port; repeatable
    #[arg(long = "resolve", value_name = "HOST:PORT:ADDR")]
    pub(super) overrides: Vec<Override>,
    /// Into tar files below DIR, in place of one file for each URL: tar:shards/{shard:06}.tar
    #[arg(long, value_name = "tar:TEMPLATE")]
    pub(super) to: Option<Shards>,
    /// Samples of a tar file
    #[arg(long, value_name = "N", requires = "to")]
    #[arg(help = format!("Samples of a tar file [default: {}]", defaults::SHARD_SAMPLES))]
    #[arg(value_parser = values::some::<NonZeroU64>)]
    pub(super) shard_count: Option<NonZeroU64>,
    /// Bytes of a tar file [default: 1G]
    #[arg(long, value_name = "BYTES", value_parser = values::bytes, requires = "to")]
    pub(super) shard_size: Option<u64>,
    /// text: failures on standard error; jsonl: every outcome on standard output
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    #[arg(value_name = "text|jsonl")]
    pub(super) format: GetFormat,
    /// Tell outcomes in the order of the list, not as they come
    #[arg(long)]
    pub(super) ordered: bool,
    /// No progress, no failures, no summary; the exit code tells
    #[arg(short, long)]
    pub(super) quiet: bool,
    #[command(flatten, next_help_heading = "Lists and records")]
    pub(super) list: ListArgs,
    #[command(flatten)]
    pub(super) ledger: LedgerArgs,
    #[command(flatten)]
    pub(super) exit: ExitArgs,
    #[command(flatten)]
    pub(super) naming: NamingArgs,
    #[command(flatten, next_help_heading = "Large files")]
    pub(super) large: LargeArgs,
    #[command(flatten, next_help_heading = "Servers that are slow or gone")]
    pub(super) giving_up: GivingUpArgs,
    #[command(flatten, next_help_heading = "Manners")]
    pub(super) manners: MannersArgs,
    #[command(flatten)]
    pub(super) network: NetworkArgs,
    #[command(flatten)]
    pub(super) versions: VersionArgs,
    #[command(flatten)]
    pub(super) names: NamesArgs,
}

/// How the outcomes of a get are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum GetFormat {
    /// Failures, on standard error.
    #[default]
    Text,
    /// One JSON object a line, on standard output.
    Jsonl,
}

/// A header to send, as typed.
#[derive(Debug, Clone)]
pub(super) struct Header(pub(super) HeaderName, pub(super) HeaderValue);

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) =
            text.split_once(':').ok_or("write it as 'Name: value', with a colon")?;
        let name: HeaderName =
            name.trim().parse().map_err(|_| format!("{:?} is no header name", name.trim()))?;
        let ours = match name.as_str() {
            "host" => Some("the host comes from the URL; see --resolve"),
            "connection" | "keep-alive" | "te" | "trailer" | "transfer-encoding" | "upgrade"
            | "content-length" | "proxy-connection" => Some("hoist itself sends that header"),
            "proxy-authorization" => Some("a proxy's user and password stand in --proxy"),
            "range" | "if-range" => Some("a part of a file would be taken for the whole"),
            _ => None,
        };
        match ours {
            Some(reason) => Err(reason.to_owned()),
            None => Ok(Self(name, header_value(value.trim())?)),
        }
    }
}

fn header_value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| "a header value has no line ends or other control characters".to_owned())
}

/// Addresses for a host and port, as typed.
#[derive(Debug, Clone)]
pub(super) struct Override(pub(super) Vec<AddressOverride>);

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write it as example.com:443:192.0.2.1 or example.com:443:[2001:db8::1]";
        let (host, rest) = text.split_once(':').ok_or(FORM)?;
        let (port, addresses) = rest.split_once(':').ok_or(FORM)?;
        let port = port.parse().map_err(|_| FORM)?;
        if host.is_empty() {
            return Err(FORM.to_owned());
        }
        let host = host.to_ascii_lowercase();
        let one = |address: &str| {
            let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']'));
            let address = bare.unwrap_or(address).parse().map_err(|_| FORM)?;
            Ok(AddressOverride { host: host.clone(), port, address })
        };
        addresses.split(',').map(one).collect::<Result<_, String>>().map(Self)
    }
}

/// Tar files to save into, as typed.
#[derive(Debug, Clone)]
pub(super) struct Shards(pub(super) ShardTemplate);

impl FromStr for Shards {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write it as tar:shards/{shard:06}.tar";
        let template = text
            .strip_prefix("tar:")
            .ok_or_else(|| format!("only tar files can be named here; {FORM}"))?;
        template.parse().map(Self).map_err(|bad: BadShards| format!("{bad}; {FORM}"))
    }
}

/// A get, ready to run.
#[derive(Debug)]
pub(crate) struct GetJob {
    /// The engine's settings.
    pub(crate) plan: GetPlan,
    /// The URLs.
    pub(crate) input: Input,
    /// Where bodies go.
    pub(crate) saving: Saving,
    /// The folder, where a ledger is kept in it.
    pub(crate) on_record: Option<PathBuf>,
    /// How outcomes are printed.
    pub(crate) format: GetFormat,
    /// In the order of the list.
    pub(crate) ordered: bool,
    /// Nothing but what is fatal.
    pub(crate) quiet: bool,
    /// The share that may be not ok.
    pub(crate) allowed: Option<Allowance>,
}

/// Where bodies go, as far as the screen is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saving {
    /// Into files.
    Files,
    /// To standard output.
    Stdout,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_checked() {
        let Header(name, value) = "Accept-Language:  de, en ".parse().unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("accept-language", "de, en"));
        for bad in ["Accept", "A B: c", ": c", "A: b\r\nC: d", "Host: a", "Content-Length: 3"] {
            assert!(bad.parse::<Header>().is_err(), "{bad}");
        }
    }

    #[test]
    fn shards_are_tar_files() {
        assert!("tar:shards/{shard:06}.tar".parse::<Shards>().is_ok());
        for bad in ["shards/{shard:06}.tar", "tar:", "tar:x.tar", "zip:{shard}.zip"] {
            let error = bad.parse::<Shards>().unwrap_err();
            assert!(error.ends_with("write it as tar:shards/{shard:06}.tar"), "{error}");
        }
    }

    #[test]
    fn overrides_take_both_families() {
        let Override(of) = "A.example:443:192.0.2.1,[2001:db8::1]".parse().unwrap();
        assert_eq!(of.len(), 2);
        assert_eq!((of[0].host.as_str(), of[0].port), ("a.example", 443));
        assert!(of[1].address.is_ipv6());
        assert!("a:1:2001:db8::1".parse::<Override>().is_ok());
        for bad in ["a", "a:1", "a:x:192.0.2.1", "a:1:b", ":1:192.0.2.1", "a:1:"] {
            assert!(bad.parse::<Override>().is_err(), "{bad}");
        }
    }
}
