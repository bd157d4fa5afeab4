//! `/_localstack/health`, `/_localstack/info` and `/_localstack/diagnose`.

use cloudtwin_smithy::ByteStream;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde_json::{Map, Value, json};
use time::macros::format_description;

use super::{AdminApi, Control, json_response, message, method_not_allowed, read_json};
use crate::cloud::Admin;
use crate::gateway::VERSION;
use crate::machine;

/// One of the words that LocalStack's API description allows; generated clients know no other.
const EDITION: &str = "community";

impl<C: Admin> AdminApi<C> {
    pub(super) async fn health(&self, head: &Parts, body: ByteStream) -> Response<ByteStream> {
        match head.method {
            Method::GET => json_response(
                &json!({ "services": self.service_states(), "edition": EDITION, "version": VERSION }),
            ),
            Method::HEAD => plain("ok"),
            Method::POST => self.act(body).await,
            _ => method_not_allowed("GET, HEAD, POST"),
        }
    }

    fn service_states(&self) -> Value {
        let states: Map<String, Value> =
            self.cloud.services().into_iter().map(|(name, state)| (name, json!(state))).collect();
        Value::Object(states)
    }

    /// `POST {"action": "restart" | "kill"}`.
    async fn act(&self, body: ByteStream) -> Response<ByteStream> {
        let request = match read_json(body).await {
            Ok(request) => request,
            Err(response) => return *response,
        };
        let control = match request.get("action").and_then(Value::as_str) {
            Some("restart") => Control::Restart,
            Some("kill") => Control::Stop,
            _ => return message(StatusCode::BAD_REQUEST, "`action` must be restart or kill"),
        };
        // The answer still goes out: stopping waits for requests that are under way.
        self.control.send_replace(control);
        plain("ok")
    }

    pub(super) fn info(&self) -> Value {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
        json!({
            "version": VERSION,
            "edition": EDITION,
            "is_license_activated": false,
            "session_id": self.facts.session_id,
            "machine_id": self.facts.machine_id,
            "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            "is_docker": self.facts.in_container,
            "server_time_utc": machine::now().format(&format).unwrap_or_default(),
            "uptime": self.facts.started.elapsed().as_secs(),
        })
    }

    pub(super) fn diagnose(&self) -> Value {
        json!({
            "version": { "localstack-version": VERSION },
            "info": self.info(),
            "services": self.service_states(),
            "config": self.settings,
            "data-directory": self.facts.data_dir,
        })
    }
}

fn plain(text: &str) -> Response<ByteStream> {
    Response::new(ByteStream::from(text.to_owned()))
}
