//! Queue URLs: how they are written, and the many forms in which they come back.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::ScopedDb;

use crate::errors::invalid_address;

/// The queue that a URL means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueueAddress {
    /// `None`: the caller's.
    pub(crate) account: Option<String>,
    /// `None`: the call's.
    pub(crate) region: Option<String>,
    pub(crate) name: String,
}

impl QueueAddress {
    /// Reads a queue URL: AWS's own (`https://sqs.eu-west-1.amazonaws.com/<account>/<name>`,
    /// `https://eu-west-1.queue.amazonaws.com/…`), LocalStack's (`http://<host>/<account>/<name>`,
    /// `http://<host>/queue/<region>/<account>/<name>`), the one of its first versions
    /// (`http://<host>:4576/queue/<name>`), or a queue's name alone, which AWS accepts too. `None`
    /// for anything else.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let (host, path) = match url.split_once("://") {
            Some((_, rest)) => match rest.split_once('/') {
                Some((host, path)) => (Some(host), path),
                None => return None,
            },
            None => (None, url),
        };
        let end = path.bytes().position(|byte| matches!(byte, b'?' | b'#'));
        let path = path.get(..end.unwrap_or(path.len())).unwrap_or_default();
        let is_slash = |byte: &u8| *byte == b'/';
        let mut segments = path.trim_matches('/').as_bytes().rsplit(is_slash);
        // What stands between slashes is text as much as the whole.
        let text = |segment| std::str::from_utf8(segment).ok();
        let name = segments.next().and_then(text).filter(|name| !name.is_empty())?.to_owned();
        let mut next = || segments.next().map(text);
        // No form has more than three.
        let rest = [next(), next(), next(), next()];
        let of_host = || host.and_then(region_of_host).map(str::to_owned);
        let (account, region) = match rest.map(Option::flatten) {
            [None, ..] if host.is_none() => (None, None),
            [Some("queue"), None, ..] => (None, of_host()),
            [Some(account), None, ..] | [Some(account), Some("queue"), None, _] if is_account(account) => {
                (Some(account.to_owned()), of_host())
            }
            [Some(account), Some(region), Some("queue"), None] if is_account(account) => {
                (Some(account.to_owned()), Some(region.to_owned()))
            }
            _ => return None,
        };
        Some(Self { account, region, name })
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether this has the form of a region (`eu-west-1`): names of hosts do not end so.
fn is_region(text: &str) -> bool {
    text.contains('-') && text.ends_with(|c: char| c.is_ascii_digit())
}

/// The region that a host of SQS names.
fn region_of_host(host: &str) -> Option<&str> {
    let host = host.split(':').next().unwrap_or_default();
    let mut labels = host.split('.').peekable();
    while let Some(label) = labels.next() {
        let next = labels.peek().copied();
        match label {
            "sqs" | "sqs-fips" => return next.filter(|region| is_region(region)),
            // `queue.amazonaws.com` is the first region's.
            "queue" => return next.map(|_| "us-east-1"),
            region if next == Some("queue") => return Some(region),
            _ => {}
        }
    }
    None
}

/// A queue's place in the store, for one call.
pub(crate) struct Place {
    /// The rows of its account and region.
    pub(crate) db: ScopedDb,
    /// Its name.
    pub(crate) name: String,
}

impl Place {
    /// The queue that `url` means to a call.
    pub(crate) fn of_url(ctx: &Ctx, url: &str) -> Result<Self, AwsError> {
        let address = QueueAddress::parse(url).ok_or_else(|| invalid_address(url))?;
        Ok(Self::of_address(ctx, address))
    }

    fn of_address(ctx: &Ctx, address: QueueAddress) -> Self {
        let QueueAddress { account, region, name } = address;
        let account = account.as_deref().unwrap_or_else(|| ctx.account());
        let region = region.as_deref().unwrap_or_else(|| ctx.region());
        Self { db: scoped(ctx, account, region), name }
    }

    /// The queue's ARN.
    pub(crate) fn arn(&self) -> String {
        crate::state::queue_arn(self.db.account(), self.db.region(), &self.name)
    }

    /// The signal that is sent when messages of this queue may have become receivable.
    pub(crate) fn signal(&self) -> String {
        signal(self.db.account(), self.db.region(), &self.name)
    }
}

/// The rows of an account and region.
pub(crate) fn scoped(ctx: &Ctx, account: &str, region: &str) -> ScopedDb {
    if account == ctx.account() && region == ctx.region() {
        ctx.db().clone()
    } else {
        ctx.db().db().scoped(account, region)
    }
}

/// The signal of a queue.
pub(crate) fn signal(account: &str, region: &str, name: &str) -> String {
    format!("sqs/{account}/{region}/{name}")
}

/// Writes a queue's URL.
pub(crate) fn queue_url(ctx: &Ctx, account: &str, region: &str, name: &str) -> String {
    let base = base_of(&ctx.config().sqs_endpoint_strategy, &ctx.base_url(), region);
    format!("{base}/{account}/{name}")
}

/// LocalStack's public domain, whose names all mean this machine. A client that came by it can
/// resolve all of them.
const PUBLIC_DOMAIN: &str = "localhost.localstack.cloud";

/// What stands before `/<account>/<name>`.
///
/// With the strategy `dynamic` the URL leads back to the host that the client has used, which is
/// the one that it can reach; the form follows the host. On hosts without a form of their own the
/// URL has no region, which is then the one of the request's signature: Terraform's provider takes
/// no path but `/<account>/<name>`.
fn base_of(strategy: &str, base: &str, region: &str) -> String {
    let (scheme, host) = base.split_once("://").unwrap_or(("http", base));
    // The client's own host names a service or a region, perhaps; these are written anew.
    let port =
        host.rsplit_once(':').map(|(_, port)| port).filter(|port| port.bytes().all(|b| b.is_ascii_digit()));
    let domain = match (strategy, port) {
        ("standard" | "domain" | "path" | "off", Some(port)) => format!("{PUBLIC_DOMAIN}:{port}"),
        ("standard" | "domain" | "path" | "off", None) => PUBLIC_DOMAIN.to_owned(),
        _ => host.to_owned(),
    };
    let domain_form = |domain: &str| match region {
        "us-east-1" => format!("{scheme}://queue.{domain}"),
        region => format!("{scheme}://{region}.queue.{domain}"),
    };
    match strategy {
        "standard" => format!("{scheme}://sqs.{region}.{domain}"),
        "domain" => domain_form(&domain),
        "path" => format!("{scheme}://{domain}/queue/{region}"),
        "off" => format!("{scheme}://{domain}"),
        _ => {
            let mut labels = domain.splitn(3, '.');
            match (labels.next(), labels.next(), labels.next()) {
                (Some("sqs"), Some(named), Some(rest)) if is_region(named) => {
                    format!("{scheme}://sqs.{region}.{rest}")
                }
                (Some("queue"), Some(a), Some(rest)) => domain_form(&format!("{a}.{rest}")),
                (Some(_), Some("queue"), Some(rest)) => domain_form(rest),
                _ => match domain.find(PUBLIC_DOMAIN).and_then(|at| domain.get(at..)) {
                    Some(public) => format!("{scheme}://sqs.{region}.{public}"),
                    None => format!("{scheme}://{domain}"),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(account: Option<&str>, region: Option<&str>, name: &str) -> Option<QueueAddress> {
        let (account, region) = (account.map(str::to_owned), region.map(str::to_owned));
        Some(QueueAddress { account, region, name: name.to_owned() })
    }

    #[test]
    fn every_form_of_a_queue_url_is_understood() {
        let account = Some("000000000000");
        for (url, expected) in [
            ("http://localhost:4566/000000000000/jobs", address(account, None, "jobs")),
            ("http://127.0.0.1:4566/000000000000/jobs.fifo/", address(account, None, "jobs.fifo")),
            (
                "http://localhost:4566/queue/eu-west-1/000000000000/jobs",
                address(account, Some("eu-west-1"), "jobs"),
            ),
            (
                "http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000000/jobs",
                address(account, Some("eu-west-1"), "jobs"),
            ),
            ("http://sqs.localhost.localstack.cloud:4566/000000000000/jobs", address(account, None, "jobs")),
            (
                "https://eu-west-1.queue.amazonaws.com/000000000000/jobs",
                address(account, Some("eu-west-1"), "jobs"),
            ),
            ("https://queue.amazonaws.com/000000000000/jobs", address(account, Some("us-east-1"), "jobs")),
            (
                "https://sqs.ap-southeast-2.amazonaws.com/123456789012/a_b-C",
                address(Some("123456789012"), Some("ap-southeast-2"), "a_b-C"),
            ),
            (
                "http://localstack:4576/queue/cloud-job-results-queue",
                address(None, None, "cloud-job-results-queue"),
            ),
            ("jobs", address(None, None, "jobs")),
            ("000000000000/jobs", address(account, None, "jobs")),
            ("http://localhost:4566/nonsense", None),
            ("http://localhost:4566", None),
            ("http://localhost:4566/a/b/c/d/e", None),
            ("", None),
            ("/", None),
        ] {
            assert_eq!(QueueAddress::parse(url), expected, "{url}");
        }
    }

    #[test]
    fn urls_lead_back_to_where_the_client_came_from() {
        let base = base_of;
        assert_eq!(base("dynamic", "http://localhost:4566", "us-east-1"), "http://localhost:4566");
        assert_eq!(base("dynamic", "http://172.17.0.2:32768", "us-east-1"), "http://172.17.0.2:32768");
        assert_eq!(base("dynamic", "http://localhost:4566", "eu-west-1"), "http://localhost:4566");
        assert_eq!(
            base("dynamic", "https://localhost.localstack.cloud:4566", "eu-west-1"),
            "https://sqs.eu-west-1.localhost.localstack.cloud:4566"
        );
        assert_eq!(
            base("dynamic", "http://sqs.us-east-1.localhost.localstack.cloud:4566", "us-east-1"),
            "http://sqs.us-east-1.localhost.localstack.cloud:4566"
        );
        assert_eq!(
            base("dynamic", "http://queue.amazonaws.com", "eu-west-1"),
            "http://eu-west-1.queue.amazonaws.com"
        );
    }

    #[test]
    fn the_strategies_of_localstack_are_kept() {
        let base = |strategy, region| base_of(strategy, "http://localhost:4566", region);
        assert_eq!(base("standard", "us-east-1"), "http://sqs.us-east-1.localhost.localstack.cloud:4566");
        assert_eq!(base("domain", "us-east-1"), "http://queue.localhost.localstack.cloud:4566");
        assert_eq!(base("domain", "eu-west-1"), "http://eu-west-1.queue.localhost.localstack.cloud:4566");
        assert_eq!(base("path", "eu-west-1"), "http://localhost.localstack.cloud:4566/queue/eu-west-1");
        assert_eq!(base("off", "eu-west-1"), "http://localhost.localstack.cloud:4566");
    }

    proptest! {
        #[test]
        fn what_is_written_is_understood(
            strategy in "standard|domain|path|dynamic",
            host in "localhost|10\\.0\\.0\\.1|sqs\\.us-east-1\\.localhost\\.localstack\\.cloud|queue\\.amazonaws\\.com",
            region in "[a-z]{2}-[a-z]{4,9}-[1-9]",
            name in "[A-Za-z0-9_-]{1,75}(\\.fifo)?",
        ) {
            let base = base_of(&strategy, &format!("http://{host}:4566"), &region);
            let parsed = QueueAddress::parse(&format!("{base}/000000000000/{name}"));
            let has_form = strategy != "dynamic" || !matches!(host.as_str(), "localhost" | "10.0.0.1");
            prop_assert_eq!(parsed, address(Some("000000000000"), has_form.then_some(region.as_str()), &name));
        }

        #[test]
        fn no_text_is_too_strange(url in ".*") {
            let _ = QueueAddress::parse(&url);
        }
    }
}
