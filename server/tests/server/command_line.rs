//! The commands, as people and scripts use them.

use std::os::unix::process::CommandExt;

use crate::support::{Home, said};
use serde_json::Value;

fn printed(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_server_in_the_background_is_started_found_and_stopped() {
    let home = Home::new();
    let started = home.run(&["start", "-d", "--port", "0"]);
    assert!(started.status.success(), "{}", said(&started));
    assert_eq!(printed(&started), "Ready.\n");
    assert!(said(&started).contains("Cloudtwin runs in the background at http://127.0.0.1:"));

    let waited = home.run(&["wait", "-t", "30"]);
    assert!(waited.status.success(), "{}", said(&waited));
    let status: Value = serde_json::from_slice(&home.run(&["status", "--format", "json"]).stdout).unwrap();
    assert_eq!(status["running"], true);
    assert_eq!(status["runtime_version"], env!("CARGO_PKG_VERSION"));
    let services = home.run(&["status", "services", "--format", "json"]);
    assert!(serde_json::from_slice::<Value>(&services.stdout).unwrap().is_object());
    let logs = printed(&home.run(&["logs"]));
    assert!(logs.contains("listening on http://127.0.0.1:") && logs.contains("ready"), "{logs}");
    assert_eq!(printed(&home.run(&["logs", "-n", "1"])).lines().count(), 1);

    let second = home.run(&["start", "-d", "--port", "0"]);
    assert_eq!(second.status.code(), Some(5));
    assert!(said(&second).contains("is in use by the server with pid"), "{}", said(&second));

    let stopped = home.run(&["stop"]);
    assert!(stopped.status.success(), "{}", said(&stopped));
    assert!(printed(&stopped).starts_with("stopped the server at http://127.0.0.1:"));
    let again = home.run(&["stop"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).starts_with("error: no server runs with the data directory "));
    assert!(!home.data_dir().join("run").exists());
}

#[test]
fn under_the_name_localstack_it_does_the_same() {
    let home = Home::new();
    let localstack = |arguments: &[&str]| home.command(arguments).arg0("localstack").output().unwrap();
    let started = localstack(&["start", "-d", "--docker", "--no-banner", "-e", "GATEWAY_LISTEN=127.0.0.1:0"]);
    assert!(started.status.success(), "{}", said(&started));
    assert!(localstack(&["wait", "-t", "30"]).status.success());
    assert!(localstack(&["status", "services"]).status.success());
    assert!(localstack(&["stop"]).status.success());
    let noted = localstack(&["start", "--network", "x", "-v", "./a:/b", "-e", "GATEWAY_LISTEN=nowhere:x"]);
    assert_eq!(noted.status.code(), Some(2));
}

#[test]
fn a_background_start_that_fails_says_why() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let failed = home.run(&["start", "-d", "--port", &port]);
    assert_eq!(failed.status.code(), Some(3));
    assert!(
        said(&failed)
            .starts_with(&format!("error: cannot listen on 127.0.0.1:{port}: the port is in use; stop ")),
        "{}",
        said(&failed)
    );
}

#[test]
fn mistakes_are_explained_in_one_line_with_a_code() {
    let home = Home::new();
    let blocked = home.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let blocked = blocked.join("data");
    let missing = home.path().join("missing.pem");
    let missing_setting = format!("CUSTOM_SSL_CERT_PATH={}", missing.display());
    for (arguments, code, message) in [
        (&["--host", "192.0.2.1"][..], 3, "this machine does not have that address"),
        (&["--host", "no.such.host.invalid"], 3, "is not a name or address of this machine"),
        (&["--data-dir", blocked.to_str().unwrap()], 4, "choose another one with --data-dir"),
        (&["-e", "GATEWAY_LISTEN=localhost:http"], 2, "`http` is not a port"),
        (&["-e", "LOCALSTACK_HOST=[x"], 2, "is not host:port"),
        (&["-e", &missing_setting], 6, "CUSTOM_SSL_CERT_PATH"),
    ] {
        let mut all = vec!["start"];
        if !arguments.contains(&"--host") && !arguments.iter().any(|word| word.starts_with("GATEWAY")) {
            all.extend(["--port", "0"]);
        }
        all.extend(arguments);
        let output = home.run(&all);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        let error = said(&output).lines().last().unwrap().to_owned();
        assert!(error.starts_with("error: ") && error.contains(message), "{error}");
    }
}

#[test]
fn waiting_for_nobody_times_out() {
    let home = Home::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let output = home.run(&["wait", "-t", "0.2", "--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).starts_with("error: timeout: the server at http://127.0.0.1:"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_misspelt_setting_is_named_at_start() {
    let home = Home::new();
    let mut server = home.server_with(&[], &[("PERSISTANCE", "1"), ("LAMBDA_DEBUG_MODE", "1")]);
    let log = server.log().join("\n");
    assert!(log.contains("unknown setting PERSISTANCE: did you mean PERSISTENCE?"), "{log}");
    assert!(log.contains("LAMBDA_DEBUG_MODE is set but has no effect: "), "{log}");
}

#[test]
fn config_show_tells_every_value_and_its_origin() {
    let home = Home::new();
    let profiles = home.path().join(".localstack");
    std::fs::create_dir_all(&profiles).unwrap();
    std::fs::write(profiles.join("dev.env"), "SERVICES=s3,sqs\n").unwrap();
    let output = home
        .command(&["--profile", "dev", "config", "show", "--format", "json"])
        .env("LOCALSTACK_DEBUG", "1")
        .output()
        .unwrap();
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let settings = &shown["settings"];
    assert_eq!(settings["DEBUG"]["value"], "1");
    assert_eq!(settings["DEBUG"]["origin"], "environment LOCALSTACK_DEBUG");
    assert_eq!(settings["SERVICES"]["value"], "s3,sqs");
    assert!(settings["SERVICES"]["origin"].as_str().unwrap().ends_with("/.localstack/dev.env"));
    assert_eq!(settings["DATA_DIR"]["origin"], "environment CLOUDTWIN_DATA_DIR");
    assert_eq!(settings["GATEWAY_LISTEN"]["value"], "127.0.0.1:4566");
    assert_eq!(settings["GATEWAY_LISTEN"]["origin"], "default");
    assert_eq!(settings["ACTIVATE_PRO"]["because"], "there is no licence");
    let table = printed(&home.run(&["config", "show"]));
    assert!(table.lines().any(|line| line.starts_with("GATEWAY_LISTEN")), "{table}");
    let pem = printed(&home.run(&["config", "show", "--ca-certificate"]));
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
}

#[test]
fn without_persistence_nothing_is_left() {
    let home = Home::new();
    let server = home.server(&["--ephemeral"]);
    assert_eq!(server.get("/_localstack/health").status, 200);
    assert_eq!(server.stop(), Some(0));
    assert!(!home.data_dir().exists());
}

#[test]
fn two_servers_that_keep_nothing_run_side_by_side() {
    let home = Home::new();
    let one = home.server(&["--ephemeral"]);
    let two = home.server(&["--ephemeral"]);
    let output = home.run(&["stop", "--port", &two.port()]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(one.get("/_localstack/health").status, 200);
}

#[test]
fn log_lines_can_be_json() {
    let home = Home::new();
    let mut server = home.server(&["--log-format", "json"]);
    let line = server.log().iter().find(|line| line.contains("listening")).unwrap().clone();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "INFO");
    assert!(line["addresses"].as_str().unwrap().starts_with("127.0.0.1:"));
}

#[test]
fn the_version_is_told() {
    let home = Home::new();
    for flag in ["-v", "--version"] {
        assert_eq!(printed(&home.run(&[flag])), format!("cloudtwin {}\n", env!("CARGO_PKG_VERSION")));
    }
}
