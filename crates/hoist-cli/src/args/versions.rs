use clap::Args;
use hoist::plan::HttpVersions;

use super::said::Refused;

/// Which versions of HTTP are spoken.
#[derive(Debug, Args)]
pub(super) struct VersionArgs {
    /// Speak HTTP/1.1 alone; else HTTP/2 with https servers that can
    #[arg(long = "http1.1", conflicts_with = "http2_prior_knowledge")]
    pub(super) http1: bool,
    /// Speak HTTP/2 without asking, in cleartext too
    #[arg(long)]
    pub(super) http2_prior_knowledge: bool,
}

impl VersionArgs {
    /// `decodes`: content codings are taken off.
    pub(super) fn plan(&self, decodes: bool) -> Result<HttpVersions, Refused> {
        Ok(match self {
            Self { http1: true, .. } => HttpVersions::Http1,
            Self { http2_prior_knowledge: true, .. } if decodes => {
                let message = "--decode is over HTTP/1.1: leave out --http2-prior-knowledge";
                return Err(Refused::Usage("get", message.to_owned()));
            }
            Self { http2_prior_knowledge: true, .. } => HttpVersions::Http2PriorKnowledge,
            _ => HttpVersions::Negotiated,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        versions: VersionArgs,
    }

    fn plan(typed: &[&str]) -> Option<HttpVersions> {
        let typed = Typed::try_parse_from(["hoist"].iter().chain(typed)).ok()?;
        typed.versions.plan(false).ok()
    }

    #[test]
    fn both_at_once_are_refused() {
        assert_eq!(plan(&[]), Some(HttpVersions::Negotiated));
        assert_eq!(plan(&["--http1.1"]), Some(HttpVersions::Http1));
        assert_eq!(plan(&["--http2-prior-knowledge"]), Some(HttpVersions::Http2PriorKnowledge));
        assert_eq!(plan(&["--http1.1", "--http2-prior-knowledge"]), None);
    }
}
