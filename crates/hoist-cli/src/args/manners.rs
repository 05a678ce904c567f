use clap::Args;
use hoist::GetPlan;
use http::HeaderValue;

use super::said::Refused;

/// How servers are treated, and who asks.
#[derive(Debug, Args)]
pub(super) struct MannersArgs {
    /// Heed robots.txt, as the robot hoist, and its Crawl-delay; one connection to each origin
    #[arg(long, conflicts_with = "per_origin")]
    polite: bool,
    /// Tell servers whom to write to: User-Agent becomes hoist/VERSION (+CONTACT)
    #[arg(long, value_name = "MAIL|URL", value_parser = contact, conflicts_with = "user_agent")]
    contact: Option<String>,
}

impl MannersArgs {
    pub(super) fn apply(&self, plan: &mut GetPlan, agent_given: bool) -> Result<(), Refused> {
        plan.manners.polite = self.polite;
        let Some(contact) = &self.contact else { return Ok(()) };
        let refused = |why: &str| Refused::Usage("get", why.to_owned());
        if agent_given {
            return Err(refused("--contact and -H User-Agent both say who asks: give one of them"));
        }
        let agent = format!("hoist/{} (+{contact})", env!("CARGO_PKG_VERSION"));
        plan.request.user_agent = HeaderValue::from_str(&agent)
            .map_err(|_| refused("--contact has characters that no header can hold"))?;
        Ok(())
    }
}

/// A mail address or a URL, in characters that can stand in a comment of a header (RFC 9110 §5.6.5).
fn contact(text: &str) -> Result<String, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"()\\".contains(&byte));
    let mail = text.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && !host.is_empty() && !host.contains(['@', '/'])
    });
    let url = ["http://", "https://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    if plain && (mail || url) {
        return Ok(text.to_owned());
    }
    Err("write a mail address or a URL, such as me@example.com or https://example.com/bot, without \
         blanks and parentheses"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_a_mail_address_or_a_url() {
        for good in ["me@example.com", "https://example.com/bot?x", "http://a"] {
            assert_eq!(contact(good), Ok(good.to_owned()));
        }
        for bad in ["", "me", "@a", "me@", "a@b@c", "https://", "a b@c", "a@b)", "mü@a", "ftp://a"]
        {
            assert!(contact(bad).is_err(), "{bad}");
        }
    }
}
