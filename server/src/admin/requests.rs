//! `/_cloudtwin/requests`: what was asked of the cloud lately.

use cloudtwin_core::RequestFilter;
use cloudtwin_smithy::ByteStream;
use http::request::Parts;
use http::{Response, StatusCode};
use serde_json::json;

use super::{AdminApi, json_response, message, only_get, query_pairs};
use crate::cloud::Admin;

const DEFAULT_LIMIT: usize = 100;
const HIGHEST_LIMIT: usize = 1000;

impl<C: Admin> AdminApi<C> {
    /// `GET ?service=&operation=&status=&request_id=&limit=`, newest first.
    pub(super) fn requests(&self, head: &Parts) -> Response<ByteStream> {
        match filter(head) {
            Ok(filter) => {
                only_get(head, || json_response(&json!({ "requests": self.cloud.recent_requests(&filter) })))
            }
            Err(problem) => message(StatusCode::BAD_REQUEST, &problem),
        }
    }
}

fn filter(head: &Parts) -> Result<RequestFilter, String> {
    let mut filter = RequestFilter { limit: DEFAULT_LIMIT, ..RequestFilter::default() };
    for (name, value) in query_pairs(head) {
        match name.as_str() {
            "service" => filter.service = Some(value),
            "operation" => filter.operation = Some(value),
            "status" => filter.status = Some(value.parse().map_err(|_| "`status` must be a number")?),
            "request_id" => filter.request_id = Some(value),
            "limit" => match value.parse() {
                Ok(limit) if (1..=HIGHEST_LIMIT).contains(&limit) => filter.limit = limit,
                _ => return Err(format!("`limit` must be a number from 1 to {HIGHEST_LIMIT}")),
            },
            other => {
                return Err(format!(
                    "unknown parameter `{other}`: use service, operation, status, request_id, limit"
                ));
            }
        }
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<RequestFilter, String> {
        let request = http::Request::builder().uri(format!("/_cloudtwin/requests{query}")).body(()).unwrap();
        filter(&request.into_parts().0)
    }

    #[test]
    fn parameters_are_read_and_checked() {
        let expected = RequestFilter {
            service: Some("s3".into()),
            operation: Some("PutObject".into()),
            status: Some(404),
            request_id: None,
            limit: 5,
        };
        assert_eq!(parse("?service=%733&operation=PutObject&status=404&limit=5").unwrap(), expected);
        assert_eq!(parse("").unwrap().limit, DEFAULT_LIMIT);
        assert_eq!(parse("?limit=0").unwrap_err(), "`limit` must be a number from 1 to 1000");
        assert_eq!(parse("?status=x").unwrap_err(), "`status` must be a number");
        assert!(parse("?servise=s3").unwrap_err().starts_with("unknown parameter `servise`"));
    }
}
