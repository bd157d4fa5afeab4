//! Init hooks in a real server.

use crate::support::Home;
use serde_json::json;

#[test]
fn scripts_run_at_their_stages_and_reach_the_server() {
    let home = Home::new();
    let log = home.path().join("log");
    let note = |word: &str| format!("echo {word} >> {}", log.display());
    let ask = format!(
        "{} status services --format json --data-dir {} > /dev/null && echo",
        env!("CARGO_BIN_EXE_cloudtwin"),
        home.data_dir().display()
    );
    home.script("boot.d/1.sh", &note("boot"));
    home.script("start.d/1.sh", &note("start"));
    home.script("ready.d/1.sh", &format!("{ask} served at $AWS_ENDPOINT_URL >> {}", log.display()));
    home.script("ready.d/2.sh", "echo from the script; exit 7");
    home.script("shutdown.d/1.sh", &format!("{ask} still served >> {}", log.display()));
    let mut server = home.server(&[]);
    let expected = format!("boot\nstart\nserved at http://{}\n", server.address());
    assert_eq!(std::fs::read_to_string(&log).unwrap(), expected);
    assert_eq!(
        server.get("/_localstack/init").json(),
        json!({
            "completed": { "BOOT": true, "START": true, "READY": true, "SHUTDOWN": false },
            "scripts": [
                { "stage": "BOOT", "name": "1.sh", "state": "SUCCESSFUL" },
                { "stage": "START", "name": "1.sh", "state": "SUCCESSFUL" },
                { "stage": "READY", "name": "1.sh", "state": "SUCCESSFUL" },
                { "stage": "READY", "name": "2.sh", "state": "ERROR" },
                { "stage": "SHUTDOWN", "name": "1.sh", "state": "UNKNOWN" },
            ]
        })
    );
    let logged = server.log().join("\n");
    assert!(logged.contains("from the script") && logged.contains("exit status: 7"), "{logged}");
    assert_eq!(server.stop(), Some(0));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), expected + "still served\n");
}

#[test]
fn a_hanging_script_delays_the_ready_line_but_not_for_ever() {
    let home = Home::new();
    home.script("ready.d/hang.sh", "sleep 600");
    let mut server = home.starting(&[], &[("INIT_SCRIPT_TIMEOUT", "1")]);
    server.wait_for_address();
    assert_eq!(server.get("/_localstack/init/ready").json()["completed"], false);
    assert_eq!(server.get("/_localstack/health").status, 200);
    assert_eq!(server.stdout.recv_timeout(crate::support::LIMIT).unwrap(), "Ready.");
    assert_eq!(server.get("/_localstack/init/ready").json()["scripts"][0]["state"], "ERROR");
}

#[test]
fn a_server_that_is_told_to_stop_does_not_wait_for_scripts() {
    let home = Home::new();
    home.script("ready.d/hang.sh", "sleep 600");
    let mut server = home.starting(&[], &[]);
    server.wait_for_address();
    assert_eq!(server.stop(), Some(0));
}
