//! `/_cloudtwin/clock`: the time that services see.

use cloudtwin_smithy::ByteStream;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{AdminApi, json_response, message, method_not_allowed, read_json};
use crate::cloud::{Admin, Clock, ClockChange};

impl<C: Admin> AdminApi<C> {
    /// `GET`, or `POST {"advance_seconds": n}`, or `POST {"set": "2026-01-01T00:00:00Z"}`.
    pub(super) async fn clock(&self, head: &Parts, body: ByteStream) -> Response<ByteStream> {
        match head.method {
            Method::GET | Method::HEAD => json_response(&report(self.cloud.clock())),
            Method::POST => {
                let request = match read_json(body).await {
                    Ok(request) => request,
                    Err(response) => return *response,
                };
                match change(&request).and_then(|change| self.cloud.set_clock(change)) {
                    Ok(clock) => json_response(&report(clock)),
                    Err(problem) => message(StatusCode::BAD_REQUEST, &problem),
                }
            }
            _ => method_not_allowed("GET, HEAD, POST"),
        }
    }
}

fn report(clock: Clock) -> Value {
    json!({ "now": clock.now.format(&Rfc3339).unwrap_or_default(), "offset_seconds": clock.offset_seconds })
}

fn change(request: &Value) -> Result<ClockChange, String> {
    match (request.get("advance_seconds"), request.get("set")) {
        (Some(seconds), None) => match seconds.as_u64() {
            Some(seconds) => Ok(ClockChange::Advance { seconds }),
            None => Err("`advance_seconds` must be a whole number of seconds, 0 or more".to_owned()),
        },
        (None, Some(Value::String(text))) => OffsetDateTime::parse(text, &Rfc3339)
            .map(ClockChange::Set)
            .map_err(|_| "`set` must be a time as 2026-01-01T00:00:00Z".to_owned()),
        (None, Some(Value::Number(seconds))) => seconds
            .as_i64()
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            .map(ClockChange::Set)
            .ok_or_else(|| "`set` must be a time: seconds since 1970".to_owned()),
        _ => Err("give either `advance_seconds` or `set`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_moved_by_seconds_or_to_a_time() {
        assert_eq!(change(&json!({ "advance_seconds": 60 })), Ok(ClockChange::Advance { seconds: 60 }));
        let time = OffsetDateTime::from_unix_timestamp(1_767_225_600).unwrap();
        assert_eq!(change(&json!({ "set": "2026-01-01T00:00:00Z" })), Ok(ClockChange::Set(time)));
        assert_eq!(change(&json!({ "set": 1_767_225_600 })), Ok(ClockChange::Set(time)));
        for wrong in [json!({}), json!({ "advance_seconds": -1 }), json!({ "set": "noon" }), json!([])] {
            change(&wrong).unwrap_err();
        }
    }
}
