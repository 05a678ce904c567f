//! Who stands in between, and who is told who we are: proxies, users and passwords, other places to
//! connect to. What holds a password is not parsed by clap, which would print it where it is wrong.

use std::path::PathBuf;

use clap::Args;
use hoist::GetPlan;
use hoist::plan::{Bypass, ConnectTo, CookiePlan, Credentials, CredentialsPlan, Proxy, ProxyPlan};
use http::HeaderValue;
use http::header::{REFERER, USER_AGENT};

use super::get::Header;
use super::said::Refused;
use super::{cookie_file, header_file, netrc};

/// The network habits of a get.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub(super) struct NetworkArgs {
    /// Go through [http|https|socks5|socks5h://][USER:PASS@]HOST[:PORT]; '' for no proxy
    #[arg(short = 'x', long, value_name = "PROXY")]
    proxy: Option<String>,
    /// Hosts that no proxy is asked for
    #[arg(long, value_name = "LIST")]
    #[arg(
        help = "Go directly to these hosts: example.com,10.0.0.0/8, * for all; in place of no_proxy"
    )]
    noproxy: Option<Bypass>,
    /// Connect there in place of HOST1 and PORT1; parts may be empty; repeatable
    #[arg(long = "connect-to", value_name = "HOST1:PORT1:HOST2:PORT2")]
    connect_to: Vec<ConnectTo>,
    /// Tell each URL's own origin this user and password (Basic); 'ps' shows them, --netrc-file does not
    #[arg(short, long, value_name = "USER:PASS")]
    user: Option<String>,
    /// Users and passwords from ~/.netrc, or the file that NETRC names
    #[arg(short, long, conflicts_with = "netrc_file")]
    netrc: bool,
    /// Users and passwords from FILE, in the form of .netrc
    #[arg(long, value_name = "FILE")]
    netrc_file: Option<PathBuf>,
    /// Send the headers in FILE, 'Name: value' lines; -H comes before it; repeatable
    #[arg(long = "header-file", value_name = "FILE")]
    header_files: Vec<PathBuf>,
    /// Keep cookies while the run lasts; requests that run at once may lack each other's
    #[arg(long)]
    cookies: bool,
    /// The same, and begin with those in FILE (Netscape's form, as curl -c writes it)
    #[arg(long, value_name = "FILE")]
    load_cookies: Option<PathBuf>,
    /// Send this URL as the header Referer
    #[arg(short = 'e', long, value_name = "URL", value_parser = referer)]
    referer: Option<HeaderValue>,
}

/// What the environment says; each name is asked for once, so that tests can say it.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl NetworkArgs {
    /// Puts all of it into a plan whose headers hold those of `-H`.
    pub(super) fn apply(
        self,
        plan: &mut GetPlan,
        variables: Environment<'_>,
    ) -> Result<(), Refused> {
        plan.proxies = self.proxies(variables)?;
        plan.credentials = self.credentials(variables)?;
        plan.address.connect_to = self.connect_to;
        plan.cookies = match &self.load_cookies {
            Some(file) => {
                let loaded = cookie_file::read(file).map_err(|why| why.of("--load-cookies"))?;
                Some(CookiePlan { loaded })
            }
            None => self.cookies.then(CookiePlan::default),
        };
        let headers = &mut plan.request.headers;
        if let Some(referer) = self.referer {
            headers.insert(REFERER, referer);
        }
        let typed: Vec<_> = headers.keys().cloned().collect();
        for file in &self.header_files {
            let of_file = header_file::read(file).map_err(|why| why.of("--header-file"))?;
            for Header(name, value) in of_file {
                if name == USER_AGENT {
                    // Only the default gives way.
                    if plan.request.user_agent == hoist::plan::RequestPlan::default().user_agent {
                        plan.request.user_agent = value;
                    }
                } else if !typed.contains(&name) {
                    headers.append(name, value);
                }
            }
        }
        Ok(())
    }

    fn proxies(&self, variables: Environment<'_>) -> Result<ProxyPlan, Refused> {
        let read = |text: &str, whose: &str| {
            let proxy = text.parse::<Proxy>();
            proxy.map_err(|error| Refused::Usage("get", format!("{whose}: {error}")))
        };
        let bypass = match &self.noproxy {
            Some(typed) => typed.clone(),
            None => said(variables, &["no_proxy", "NO_PROXY"])
                .map(|(_, list)| Bypass::lenient(&list))
                .unwrap_or_default(),
        };
        if let Some(typed) = &self.proxy {
            let typed = typed.trim();
            let proxy = (!typed.is_empty()).then(|| read(typed, "--proxy")).transpose()?;
            return Ok(ProxyPlan { http: proxy.clone(), https: proxy, bypass });
        }
        let of = |names: &[&str]| {
            let said = said(variables, names);
            said.map(|(name, text)| read(&text, &format!("the variable {name}"))).transpose()
        };
        // Not HTTP_PROXY: a web server would set it from a request's Proxy field (CGI).
        Ok(ProxyPlan {
            http: of(&["http_proxy", "all_proxy", "ALL_PROXY"])?,
            https: of(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            bypass,
        })
    }

    fn credentials(&self, variables: Environment<'_>) -> Result<CredentialsPlan, Refused> {
        let usage = |message: String| Refused::Usage("get", message);
        let own = match &self.user {
            None => None,
            Some(typed) => {
                let (user, password) = typed.split_once(':').ok_or_else(|| {
                    usage(
                        "--user has no password, and hoist asks for none: write USER:PASS, or USER: \
                         where it is empty; --netrc-file keeps it off the command line"
                            .to_owned(),
                    )
                })?;
                let own = Credentials::new(user, password);
                Some(own.map_err(|error| usage(format!("--user: {error}")))?)
            }
        };
        let plan = match &self.netrc_file {
            Some(file) => netrc::read(file).map_err(|why| why.of("--netrc-file"))?,
            None if self.netrc => netrc::read(&netrc::usual(variables)?)?,
            None => CredentialsPlan::default(),
        };
        Ok(CredentialsPlan { own, ..plan })
    }
}

/// The first of these variables that says something. An empty one says nothing, as with curl.
fn said<'a>(variables: Environment<'_>, names: &[&'a str]) -> Option<(&'a str, String)> {
    let mut said = names.iter().filter_map(|name| Some((*name, variables(name)?)));
    said.find(|(_, text)| !text.trim().is_empty())
}

/// The variables of the process.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn referer(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| "a header value has no line ends or other control characters".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        network: NetworkArgs,
    }

    fn proxies(line: &str, environment: &[(&str, &str)]) -> Result<[String; 2], String> {
        let words = std::iter::once("get").chain(line.split_whitespace());
        let words = words.map(|word| if word == "''" { "" } else { word });
        let typed = Typed::try_parse_from(words).map_err(|error| error.to_string())?;
        let variables = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let plan = typed.network.proxies(&variables).map_err(|refused| format!("{refused:?}"))?;
        let shown = |proxy: Option<Proxy>| proxy.map(|proxy| proxy.to_string()).unwrap_or_default();
        Ok([shown(plan.http), shown(plan.https)])
    }

    #[test]
    fn what_is_typed_comes_before_the_environment() {
        let all = [
            ("http_proxy", "h:1"),
            ("HTTP_PROXY", "cgi:1"),
            ("https_proxy", "s:1"),
            ("HTTPS_PROXY", "S:2"),
            ("all_proxy", "a:1"),
            ("ALL_PROXY", "A:2"),
        ];
        for (line, environment, expected) in [
            ("", &all[..0], ["", ""]),
            ("", &all[..1], ["h:1", ""]),
            ("", &all[1..2], ["", ""]),
            ("", &all[..], ["h:1", "s:1"]),
            ("", &all[3..4], ["", "s:2"]),
            ("", &all[4..], ["a:1", "a:1"]),
            ("", &all[5..], ["a:2", "a:2"]),
            (
                "",
                &[("http_proxy", ""), ("https_proxy", " "), ("all_proxy", "a")],
                ["a:1080", "a:1080"],
            ),
            ("-x p", &all[..], ["p:1080", "p:1080"]),
            ("--proxy ''", &all[..], ["", ""]),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(proxies(line, environment), Ok(expected), "{line} {environment:?}");
        }
    }

    #[test]
    fn a_bad_proxy_is_told_by_where_it_stands_and_without_its_password() {
        for (line, environment, whose) in [
            ("-x ftp://u:secret@p", &[][..], "--proxy"),
            ("", &[("http_proxy", "http://u:secret@p:x")][..], "the variable http_proxy"),
            ("", &[("ALL_PROXY", "socks4://u:secret@p")][..], "the variable ALL_PROXY"),
        ] {
            let error = proxies(line, environment).unwrap_err();
            assert!(error.contains(whose) && !error.contains("secret"), "{error}");
        }
        assert!(proxies("--noproxy 10.0.0.0/33", &[]).unwrap_err().contains("10.0.0.0/8"));
    }
}
