//! Which service and operation a request means.
//!
//! The order follows the facts of AWS's models: the credential scope names the service, the
//! protocol names the operation; without a signature the target prefix, `Action` and `Version`,
//! the host, the port and at last S3 decide. The rule that decided is logged.

use std::sync::Arc;

use bytes::Bytes;
use cloudtwin_sigv4::{CredentialScope, RequestView, credential_scope};
use cloudtwin_smithy::schema::{Discriminator, ProtocolId, ServiceSchema};
use http::request::Parts;

use crate::api_index::{self, IndexedService};
use crate::cloud::Cloud;
use crate::config::ConnectionInfo;
use crate::s3_host;
use crate::service::Service;

/// The service that a request means.
#[derive(Clone)]
pub(crate) enum Found {
    /// One of ours.
    Served(Arc<Service>),
    /// One of AWS's that we do not have.
    Indexed(&'static IndexedService),
}

impl Found {
    pub(crate) fn schema(&self) -> &'static ServiceSchema {
        match self {
            Self::Served(service) => service.schema,
            Self::Indexed(service) => &service.schema,
        }
    }
}

/// What a request means, as far as its head (and a form's `Action`) tell.
pub(crate) struct Identified {
    pub(crate) service: Found,
    pub(crate) protocol: ProtocolId,
    /// The operation's name, for protocols that send it.
    pub(crate) operation: Option<String>,
    /// The path that is routed: with the bucket, where the host names it.
    pub(crate) path: String,
    /// The bucket that the host names.
    pub(crate) bucket_of_host: Option<String>,
}

impl Identified {
    /// Whether an operation must be named, as everywhere but in REST, and is not.
    pub(crate) fn names_no_operation(&self) -> bool {
        let rest = matches!(self.protocol, ProtocolId::RestJson | ProtocolId::RestXml);
        self.operation.is_none() && !rest
    }
}

/// No service is meant that anybody knows.
pub(crate) struct Unidentified;

/// Looks at the head of a request, and at its body where that is a form.
pub(crate) fn identify(
    cloud: &Cloud,
    parts: &Parts,
    form: Option<&Bytes>,
) -> Result<Identified, Unidentified> {
    let view = RequestView::of_parts(parts);
    let scope = credential_scope(&view);
    let signing_name = scope.as_ref().map(CredentialScope::service);
    let host = host_of(parts);
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();

    if let Some(found) = rpc_v2(cloud, parts, path) {
        return Ok(found);
    }
    if let Some(found) = target(cloud, parts, signing_name) {
        return Ok(found);
    }
    if signing_name.is_none_or(|name| name != "s3")
        && let Some(found) = action(cloud, query, form, signing_name, host)
    {
        return Ok(Identified { path: path.to_owned(), ..found });
    }
    rest(cloud, parts, signing_name, host, path, query)
}

/// The host that the request names, without port.
pub(crate) fn host_of(parts: &Parts) -> &str {
    let named = parts.uri.authority().map(http::uri::Authority::as_str);
    let header = || parts.headers.get(http::header::HOST)?.to_str().ok();
    let host = named.or_else(header).unwrap_or_default();
    match host.rsplit_once(':') {
        // An IPv6 address without port ends in a bracket.
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn header<'p>(parts: &'p Parts, name: &str) -> Option<&'p str> {
    parts.headers.get(name)?.to_str().ok()
}

/// `smithy-protocol: rpc-v2-cbor` and `/service/{prefix}/operation/{Operation}`.
fn rpc_v2(cloud: &Cloud, parts: &Parts, path: &str) -> Option<Identified> {
    let protocol = match header(parts, "smithy-protocol")? {
        "rpc-v2-cbor" => ProtocolId::RpcV2Cbor,
        "rpc-v2-json" => ProtocolId::RpcV2Json,
        _ => return None,
    };
    let (_, rest) = path.rsplit_once("/service/")?;
    let (prefix, operation) = rest.split_once("/operation/")?;
    let service = cloud.service_by_target(prefix)?;
    Some(Identified {
        service,
        protocol,
        operation: Some(operation.to_owned()),
        path: path.to_owned(),
        bucket_of_host: None,
    })
}

/// `X-Amz-Target: {prefix}.{Operation}`.
fn target(cloud: &Cloud, parts: &Parts, signing_name: Option<&str>) -> Option<Identified> {
    let (prefix, operation) = header(parts, "x-amz-target")?.rsplit_once('.')?;
    let by_target = cloud.service_by_target(prefix);
    let by_scope = || signing_name.and_then(|name| cloud.services_by_signing_name(name).into_iter().next());
    let service = by_target.or_else(by_scope)?;
    Some(Identified {
        service,
        protocol: ProtocolId::Json,
        operation: Some(operation.to_owned()),
        path: parts.uri.path().to_owned(),
        bucket_of_host: None,
    })
}

/// `Action` and `Version` in the query string or a form.
fn action(
    cloud: &Cloud,
    query: &str,
    form: Option<&Bytes>,
    signing_name: Option<&str>,
    host: &str,
) -> Option<Identified> {
    let form = form.and_then(|form| std::str::from_utf8(form).ok()).unwrap_or_default();
    let parameter = |name: &str| form_value(form, name).or_else(|| form_value(query, name));
    let action = parameter("Action")?;
    let version = parameter("Version");
    let speaks_forms = |service: &Found| {
        service.schema().protocols.iter().any(|p| matches!(p, ProtocolId::Query | ProtocolId::Ec2))
    };
    let candidates: Vec<Found> = match signing_name {
        Some(name) => cloud.services_by_signing_name(name),
        None => Vec::new(),
    };
    let mut candidates: Vec<Found> = candidates.into_iter().filter(speaks_forms).collect();
    if candidates.is_empty() {
        candidates = cloud.services_by_host(host).into_iter().filter(speaks_forms).collect();
    }
    if candidates.is_empty() {
        candidates = cloud.services_with_action(action, version);
    }
    let by_version = |service: &&Found| version.is_none_or(|v| v == service.schema().api_version);
    let service = candidates.iter().find(by_version).or_else(|| candidates.first())?.clone();
    let protocol = match service.schema().protocols.contains(&ProtocolId::Ec2) {
        true => ProtocolId::Ec2,
        false => ProtocolId::Query,
    };
    Some(Identified {
        service,
        protocol,
        operation: Some(action.to_owned()),
        path: String::new(),
        bucket_of_host: None,
    })
}

/// The raw value of a form's parameter; names and values that matter here need no decoding.
fn form_value<'f>(form: &'f str, name: &str) -> Option<&'f str> {
    form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// REST: by scope, host, port, path; at last it is S3's.
fn rest(
    cloud: &Cloud,
    parts: &Parts,
    signing_name: Option<&str>,
    host: &str,
    path: &str,
    query: &str,
) -> Result<Identified, Unidentified> {
    let public_host = cloud.config().public_host.as_deref().map(without_port);
    let s3_name = |name: &str| matches!(name, "s3" | "s3express" | "s3-outposts" | "s3-object-lambda");
    let control = header(parts, "x-amz-account-id").is_some() && path.starts_with("/v20180820/");
    let virtual_bucket = s3_host::bucket_of_host(host, public_host);
    if signing_name.is_some_and(s3_name) || (signing_name.is_none() && virtual_bucket.is_some()) {
        if control {
            return cloud.service("s3control").map(|s| rest_of(s, path, None)).ok_or(Unidentified);
        }
        let bucket = virtual_bucket.or_else(|| s3_host::bucket_of_bare_host(host, public_host));
        return cloud.service("s3").map(|s| rest_of(s, path, bucket)).ok_or(Unidentified);
    }
    let mut candidates = signing_name.map(|name| cloud.services_by_signing_name(name)).unwrap_or_default();
    if candidates.is_empty() {
        candidates = cloud.services_by_host(host);
    }
    if candidates.is_empty() {
        let port_service = parts.extensions.get::<ConnectionInfo>().and_then(|info| info.port_service);
        candidates.extend(port_service.and_then(|name| cloud.service(name)));
    }
    if candidates.is_empty() && signing_name.is_none() {
        // Nothing says which service is meant. Fixed paths of served services win; what is left is
        // an unsigned S3 request.
        candidates.extend(cloud.services_with_route(parts.method.as_str(), path, query));
        candidates.extend(cloud.service("s3"));
    }
    let routed = |service: &&Found| has_route(service, parts.method.as_str(), path, query);
    let chosen = candidates.iter().find(routed).or_else(|| candidates.first()).ok_or(Unidentified)?;
    let bucket = (chosen.schema().name == "s3").then_some(virtual_bucket).flatten();
    Ok(rest_of(chosen.clone(), path, bucket))
}

fn without_port(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn has_route(service: &Found, method: &str, path: &str, query: &str) -> bool {
    match service {
        Found::Served(service) => service.router.find(method, path, query).is_ok(),
        Found::Indexed(service) => service.route(method, path, query).is_some(),
    }
}

fn rest_of(service: Found, path: &str, bucket: Option<&str>) -> Identified {
    let rest = |p: &&ProtocolId| matches!(p, ProtocolId::RestJson | ProtocolId::RestXml);
    let protocols = service.schema().protocols;
    let protocol = protocols.iter().find(rest).or_else(|| protocols.first()).copied();
    let routed = match bucket {
        Some(bucket) => format!("/{bucket}{path}"),
        None => path.to_owned(),
    };
    Identified {
        service,
        protocol: protocol.unwrap_or(ProtocolId::RestXml),
        operation: None,
        path: routed,
        bucket_of_host: bucket.map(str::to_owned),
    }
}

/// Whether the request carries every discriminator, and how many there are.
pub(crate) fn discriminates(parts: &Parts, all: &[Discriminator]) -> Option<usize> {
    let query = parts.uri.query().unwrap_or_default();
    let present = |discriminator: &Discriminator| match *discriminator {
        Discriminator::Query(name) => {
            query.split('&').any(|pair| pair.split_once('=').map_or(pair, |(key, _)| key) == name)
        }
        Discriminator::Header(name) => parts.headers.contains_key(name),
    };
    all.iter().all(present).then_some(all.len())
}

/// The services of AWS that are not ours, for the rules above.
pub(crate) fn indexed(
    matching: impl Fn(&IndexedService) -> bool,
) -> impl Iterator<Item = &'static IndexedService> {
    api_index::all().iter().filter(move |service| matching(service))
}
