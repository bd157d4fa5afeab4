//! S3's virtual-hosted addressing: the bucket in the host name.

/// The bucket that `host` (without port) names, if it is one of S3's virtual hosts.
///
/// Known suffixes are stripped from the right, because bucket names may hold dots:
/// `s3.amazonaws.com`, `s3.<region>.…`, `s3-<region>.…`, `s3.dualstack.<region>.…`,
/// `s3-accelerate.…`, each of AWS's domains, and `localhost.localstack.cloud`, `localhost` and our
/// own public host for S3 at home.
pub(crate) fn bucket_of_host<'h>(host: &'h str, public_host: Option<&str>) -> Option<&'h str> {
    let base = base_of(host, public_host)?;
    // The label that says S3, from the right: what stands before it is the bucket.
    let mut end = base.len();
    while end > 0 {
        let start = base.get(..end)?.rfind('.').map_or(0, |dot| dot + 1);
        let label = base.get(start..end)?;
        if is_s3_label(label) {
            let bucket = base.get(..start)?.strip_suffix('.')?;
            return (!bucket.is_empty()).then_some(bucket);
        }
        end = start.saturating_sub(1);
        if start == 0 {
            break;
        }
    }
    None
}

/// The bucket of `<bucket>.<our host>`, without a label that says S3; only to be asked when the
/// request is known to be S3's.
pub(crate) fn bucket_of_bare_host<'h>(host: &'h str, public_host: Option<&str>) -> Option<&'h str> {
    let base = base_of(host, public_host)?;
    (!base.is_empty() && !base.split('.').any(is_s3_label)).then_some(base)
}

/// What stands before the domain.
fn base_of<'h>(host: &'h str, public_host: Option<&str>) -> Option<&'h str> {
    let domains = ["amazonaws.com.cn", "amazonaws.com", "localhost.localstack.cloud", "localhost"];
    public_host.into_iter().chain(domains).find_map(|domain| host.strip_suffix(domain)?.strip_suffix('.'))
}

fn is_s3_label(label: &str) -> bool {
    label == "s3" || label == "s3-accelerate" || label.strip_prefix("s3-").is_some_and(is_region)
}

fn is_region(text: &str) -> bool {
    let mut parts = text.split('-');
    parts.next().is_some_and(|first| first.len() == 2)
        && text.ends_with(|c: char| c.is_ascii_digit())
        && parts.count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, expected: Option<&str>) {
        assert_eq!(bucket_of_host(host, Some("cloud.test")), expected, "{host}");
    }

    #[test]
    fn the_bucket_stands_before_the_service() {
        check("photos.s3.amazonaws.com", Some("photos"));
        check("my.photos.s3.eu-west-1.amazonaws.com", Some("my.photos"));
        check("photos.s3-eu-west-1.amazonaws.com", Some("photos"));
        check("photos.s3.dualstack.eu-west-1.amazonaws.com", Some("photos"));
        check("photos.s3-accelerate.amazonaws.com", Some("photos"));
        check("photos.s3.localhost.localstack.cloud", Some("photos"));
        check("photos.s3.us-east-1.localhost.localstack.cloud", Some("photos"));
        check("photos.s3.localhost", Some("photos"));
        check("photos.s3.cloud.test", Some("photos"));
        check("s3.s3.amazonaws.com", Some("s3"));
    }

    #[test]
    fn hosts_without_a_bucket_have_none() {
        for host in [
            "s3.amazonaws.com",
            "s3.localhost.localstack.cloud",
            "localhost",
            "127.0.0.1",
            "sqs.us-east-1.amazonaws.com",
            "",
        ] {
            check(host, None);
        }
    }

    #[test]
    fn a_bare_host_is_a_bucket_when_the_request_is_s3s() {
        assert_eq!(bucket_of_bare_host("photos.localhost", None), Some("photos"));
        assert_eq!(bucket_of_bare_host("s3.localhost", None), None);
        assert_eq!(bucket_of_bare_host("localhost", None), None);
    }
}
