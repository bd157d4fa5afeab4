//! Every service and operation that AWS has, so that what is not served is answered by its name
//! and in its own protocol. The table is large and rarely needed: it is read when the first
//! request for an unserved service arrives.

use std::collections::HashMap;
use std::sync::OnceLock;

use cloudtwin_smithy::route::Router;
use cloudtwin_smithy::schema::{ProtocolId, ServiceSchema, XmlNamespace};
use serde::Deserialize;

/// A service that is not served.
#[derive(Debug)]
pub(crate) struct IndexedService {
    pub(crate) schema: ServiceSchema,
    operations: Vec<&'static str>,
    routes: Vec<(&'static str, &'static str, &'static str)>,
    router: OnceLock<Router<&'static str>>,
}

impl IndexedService {
    /// The operation's name as the model writes it.
    pub(crate) fn operation(&self, name: &str) -> Option<&'static str> {
        self.operations.iter().copied().find(|known| *known == name)
    }

    /// The operation that a REST request means.
    pub(crate) fn route(&self, method: &str, path: &str, query: &str) -> Option<&'static str> {
        let router = self.router.get_or_init(|| {
            let mut router = Router::default();
            for &(name, method, uri) in &self.routes {
                if let Err(error) = router.add(method, uri, name) {
                    tracing::debug!(operation = name, ?error, "a URI pattern of the index is not understood");
                }
            }
            router
        });
        let matched = router.find(method, path, query).ok()?;
        matched.candidates().first().map(|route| route.value)
    }
}

#[derive(Deserialize)]
struct File {
    services: HashMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    protocols: Vec<String>,
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    endpoint_prefix: String,
    #[serde(default)]
    signing_name: String,
    #[serde(default)]
    service_id: String,
    #[serde(default)]
    target_prefix: String,
    #[serde(default)]
    json_version: String,
    #[serde(default)]
    aws_query_compatible: bool,
    xml_namespace: Option<Namespace>,
    #[serde(default)]
    operations: Vec<String>,
    #[serde(default)]
    routes: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Namespace {
    uri: String,
}

fn keep(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

impl Entry {
    fn index(self, name: String) -> IndexedService {
        let protocols: Vec<ProtocolId> = self.protocols.iter().filter_map(|name| protocol(name)).collect();
        let mut operations: Vec<&'static str> = self.operations.into_iter().map(keep).collect();
        let mut routes = Vec::new();
        for (name, route) in self.routes {
            let name = keep(name);
            operations.push(name);
            if let Some((method, uri)) = keep(route).split_once(' ') {
                routes.push((name, method, uri));
            }
        }
        let schema = ServiceSchema {
            name: keep(name),
            service_id: keep(self.service_id),
            endpoint_prefix: keep(self.endpoint_prefix),
            signing_name: keep(self.signing_name),
            api_version: keep(self.api_version),
            target_prefix: keep(self.target_prefix),
            json_version: keep(self.json_version),
            protocols: Vec::leak(protocols),
            xml_namespace: self.xml_namespace.map(|ns| XmlNamespace { prefix: "", uri: keep(ns.uri) }),
            query_compatible: self.aws_query_compatible,
        };
        IndexedService { schema, operations, routes, router: OnceLock::new() }
    }
}

fn protocol(name: &str) -> Option<ProtocolId> {
    match name {
        "query" => Some(ProtocolId::Query),
        "ec2" => Some(ProtocolId::Ec2),
        "json-1.0" | "json-1.1" => Some(ProtocolId::Json),
        "rest-json" => Some(ProtocolId::RestJson),
        "rest-xml" => Some(ProtocolId::RestXml),
        "rpc-v2-cbor" => Some(ProtocolId::RpcV2Cbor),
        "rpc-v2-json" => Some(ProtocolId::RpcV2Json),
        _ => None,
    }
}

/// Every service of AWS, sorted by name.
pub(crate) fn all() -> &'static [IndexedService] {
    static INDEX: OnceLock<Vec<IndexedService>> = OnceLock::new();
    INDEX.get_or_init(|| {
        let file: Result<File, _> = serde_json::from_str(include_str!("../../../models/index.json"));
        match file {
            Ok(file) => {
                let mut services: Vec<IndexedService> =
                    file.services.into_iter().map(|(name, entry)| entry.index(name)).collect();
                services.sort_by_key(|service| service.schema.name);
                services
            }
            Err(error) => {
                tracing::error!(%error, "the index of AWS's services cannot be read");
                Vec::new()
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_has_a_protocol_and_operations() {
        assert!(all().len() > 400);
        for service in all() {
            assert!(!service.schema.protocols.is_empty(), "{}", service.schema.name);
            assert!(!service.operations.is_empty(), "{}", service.schema.name);
        }
    }

    #[test]
    fn rest_operations_are_found_by_their_route() {
        let lambda = all().iter().find(|service| service.schema.name == "lambda").unwrap();
        let found = lambda.route("POST", "/2015-03-31/functions/f/invocations", "");
        assert_eq!(found, Some("Invoke"));
    }
}
