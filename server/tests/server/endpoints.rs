//! The emulator's own endpoints, asked as LocalStack's clients ask them.

use crate::support::Home;
use serde_json::json;

#[test]
fn tools_find_what_they_ask_localstack_for() {
    let home = Home::new();
    let server = home.server(&[]);
    let health = server.get("/_localstack/health");
    assert_eq!((health.status, health.header("content-type")), (200, Some("application/json")));
    let body = health.json();
    assert!(body["services"].is_object());
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(body["edition"], "community");
    assert_eq!(health.header("x-localstack"), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(server.get("/health").json()["version"], body["version"]);
    assert_eq!(server.request("HEAD", "/_localstack/health", &[], "").status, 200);

    let info = server.get("/_localstack/info").json();
    for (field, value) in [("is_license_activated", json!(false)), ("is_docker", json!(false))] {
        assert_eq!(info[field], value);
    }
    assert_eq!(info["session_id"].as_str().unwrap().len(), 36);
    assert!(info["machine_id"].as_str().unwrap().starts_with("gen_"));
    assert!(info["uptime"].is_u64());
    assert_eq!(info["server_time_utc"].as_str().unwrap().len(), "2026-01-01T00:00:00".len());

    assert_eq!(
        server.get("/_localstack/init").json(),
        json!({
            "completed": { "BOOT": true, "START": true, "READY": true, "SHUTDOWN": false },
            "scripts": []
        })
    );
    assert_eq!(server.get("/_localstack/init/ready").json(), json!({ "completed": true, "scripts": [] }));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn what_is_not_served_says_so() {
    let home = Home::new();
    let server = home.server(&[]);
    for (path, message) in [
        ("/_localstack/pods", "/_localstack/pods is not served by Cloudtwin"),
        ("/_cloudtwin/nothing", "/_cloudtwin/nothing is not served by Cloudtwin"),
        ("/_localstack/init/never", "no such stage never"),
        (
            "/_localstack/config",
            "/_localstack/config is not served: it shows the settings, which DEBUG=1 allows",
        ),
    ] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.json()), (404, json!({ "message": message })), "{path}");
    }
    let answer = server.request("DELETE", "/_localstack/health", &[], "");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, POST")));
    let answer = server.post("/_localstack/health", r#"{"action":"dance"}"#);
    assert_eq!(answer.json(), json!({ "message": "`action` must be restart or kill" }));
    assert_eq!(server.post("/_localstack/health", "{").status, 400);
    assert_eq!(server.post("/_localstack/health", &" ".repeat(70_000)).status, 400);
    assert_eq!(server.get("/_localstack/state/reset").status, 405);
    assert_eq!(server.post("/_localstack/state/nothing/reset", "").status, 404);
}

#[test]
fn state_is_reset_at_once() {
    let home = Home::new();
    let server = home.server(&[]);
    let answer = server.post("/_localstack/state/reset", "");
    assert_eq!((answer.status, answer.json()), (200, json!({ "status": "OK" })));
}

#[test]
fn the_clock_can_be_moved() {
    let home = Home::new();
    let server = home.server(&[]);
    assert_eq!(server.get("/_cloudtwin/clock").json()["offset_seconds"], 0);
    let moved = server.post("/_cloudtwin/clock", r#"{"advance_seconds":3600}"#).json();
    assert_eq!(moved["offset_seconds"], 3600);
    assert_eq!(server.get("/_cloudtwin/clock").json()["offset_seconds"], 3600);
    let answer = server.post("/_cloudtwin/clock", r#"{"advance_seconds":-1}"#);
    assert_eq!(answer.status, 400);
    assert!(server.get("/_cloudtwin/requests?limit=3").json()["requests"].is_array());
}

#[test]
fn a_client_can_end_or_restart_the_server() {
    let home = Home::new();
    let mut server = home.server(&[]);
    let pid = server.child.id();
    assert_eq!(server.post("/_localstack/health", r#"{"action":"restart"}"#).body, "ok");
    server.wait_until_ready();
    assert_eq!(server.child.id(), pid);
    assert_eq!(server.get("/_localstack/health").status, 200);
    assert_eq!(server.post("/_localstack/health", r#"{"action":"kill"}"#).body, "ok");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn settings_are_shown_only_when_debugging() {
    let home = Home::new();
    let server = home.server_with(&[], &[("DEBUG", "1"), ("LOCALSTACK_AUTH_TOKEN", "ls-secret")]);
    let config = server.get("/_localstack/config").json();
    assert_eq!(config["DEBUG"], "1");
    assert_eq!(config["LOCALSTACK_AUTH_TOKEN"], "********");
    assert_eq!(server.get("/_localstack/diagnose").json()["config"]["DEBUG"], "1");
}

#[test]
fn a_web_page_of_a_stranger_is_refused() {
    let home = Home::new();
    let server = home.server(&[]);
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(server.request("POST", "/_localstack/state/reset", &foreign, "").status, 403);
    let origin = format!("http://localhost:{}", server.port());
    let answer = server.request("GET", "/_localstack/health", &[("origin", &origin)], "");
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin.as_str()));
}

#[test]
fn the_identifying_header_can_be_left_out() {
    let home = Home::new();
    let server = home.server_with(&[], &[("LOCALSTACK_RESPONSE_HEADER_ENABLED", "0")]);
    assert_eq!(server.get("/_localstack/health").header("x-localstack"), None);
}
