//! MFA devices, certificates, SSH keys, passwords and the report about them.

#![cfg(test)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudtwin_core::mfa::{MFA_DEVICES, MfaDevice, MfaFailure, verify};
use cloudtwin_core::{Caller, Principal};
use cloudtwin_smithy::AwsError;
use cloudtwin_store::StoreError;
use cloudtwin_testkit::TestCloud;
use serde_json::{Value, json};

const SERIAL: &str = "arn:aws:iam::000000000000:mfa/phone";
const SSH: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC";

/// A cloud with the user `ann`.
async fn cloud() -> TestCloud {
    let cloud = TestCloud::start(vec![cloudtwin_iam::service()]).unwrap();
    iam(&cloud, "CreateUser", json!({"UserName": "ann"})).await;
    cloud
}

async fn iam(cloud: &TestCloud, operation: &str, input: Value) -> Value {
    cloud.call("iam", operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

async fn refused(cloud: &TestCloud, operation: &str, input: Value) -> AwsError {
    cloud.call("iam", operation, input).await.expect_err(operation)
}

fn device(cloud: &TestCloud, serial: &str) -> MfaDevice {
    let db = cloud.cloud().db().scoped("000000000000", "us-east-1");
    db.read::<_, StoreError, _>(|tx| tx.get(&MFA_DEVICES, serial)).unwrap().unwrap()
}

async fn ann(cloud: &TestCloud) -> Caller {
    let user = iam(cloud, "GetUser", json!({"UserName": "ann"})).await["User"].clone();
    Caller {
        arn: user["Arn"].as_str().unwrap().to_owned(),
        user_id: user["UserId"].as_str().unwrap().to_owned(),
        principal: Principal::User { name: "ann".to_owned() },
        ..Caller::root("000000000000")
    }
}

#[tokio::test]
async fn a_phone_becomes_a_second_factor() {
    let cloud = cloud().await;
    let made = iam(&cloud, "CreateVirtualMFADevice", json!({"VirtualMFADeviceName": "phone"})).await;
    let made = made["VirtualMFADevice"].clone();
    assert_eq!(made["SerialNumber"], SERIAL);
    let seed = STANDARD.decode(made["Base32StringSeed"].as_str().unwrap()).unwrap();
    assert_eq!(seed.len(), 64);
    assert!(seed.iter().all(|byte| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".contains(byte)));
    assert!(STANDARD.decode(made["QRCodePNG"].as_str().unwrap()).unwrap().starts_with(b"\x89PNG"));
    let again = refused(&cloud, "CreateVirtualMFADevice", json!({"VirtualMFADeviceName": "phone"})).await;
    assert_eq!(again.message(), "MFADevice entity at the same path and name already exists.");

    let phone = device(&cloud, SERIAL);
    let now = cloud.cloud().clock().now_millis();
    let codes = |first: &str, second: &str| json!({"UserName": "ann", "SerialNumber": SERIAL, "AuthenticationCode1": first, "AuthenticationCode2": second});
    let (first, second) = (phone.code_at(now - 30_000), phone.code_at(now));
    let wrong = refused(&cloud, "EnableMFADevice", codes(&second, &first)).await;
    assert_eq!((wrong.code(), wrong.status()), ("InvalidAuthenticationCode", 403));
    iam(&cloud, "EnableMFADevice", codes(&first, &second)).await;
    let twice = refused(&cloud, "EnableMFADevice", codes(&first, &second)).await;
    assert_eq!(twice.code(), "EntityAlreadyExists");

    let listed = iam(&cloud, "ListMFADevices", json!({"UserName": "ann"})).await;
    assert_eq!(listed["MFADevices"][0]["SerialNumber"], SERIAL);
    let listed = iam(&cloud, "ListVirtualMFADevices", json!({"AssignmentStatus": "Assigned"})).await;
    assert_eq!(listed["VirtualMFADevices"][0]["User"]["UserName"], "ann");
    let found = iam(&cloud, "GetMFADevice", json!({"SerialNumber": SERIAL})).await;
    assert_eq!(found["UserName"], "ann");
    let summary = iam(&cloud, "GetAccountSummary", json!({})).await;
    assert_eq!(summary["SummaryMap"]["MFADevicesInUse"], 1);

    // What STS asks.
    let caller = ann(&cloud).await;
    let check = async |owner: &str, serial: &str, code: &str| {
        let db = cloud.cloud().db().scoped("000000000000", "us-east-1");
        db.write::<_, StoreError, _>(|tx| verify(tx, owner, serial, code, now)).await.unwrap()
    };
    assert_eq!(check(&caller.user_id, SERIAL, "000000x").await, Err(MfaFailure::WrongCode));
    assert_eq!(check("AIDAOTHER", SERIAL, &second).await, Err(MfaFailure::UnknownDevice));
    assert_eq!(check(&caller.user_id, SERIAL, &second).await, Ok(()));
    assert_eq!(check(&caller.user_id, SERIAL, &second).await, Err(MfaFailure::WrongCode));

    let in_use = refused(&cloud, "DeleteVirtualMFADevice", json!({"SerialNumber": SERIAL})).await;
    assert_eq!(
        (in_use.code(), in_use.message()),
        ("DeleteConflict", "MFA VirtualDevice in use. Must deactivate first.")
    );
    assert_eq!(refused(&cloud, "DeleteUser", json!({"UserName": "ann"})).await.code(), "DeleteConflict");
    iam(&cloud, "DeactivateMFADevice", json!({"UserName": "ann", "SerialNumber": SERIAL})).await;
    iam(&cloud, "DeleteVirtualMFADevice", json!({"SerialNumber": SERIAL})).await;
    let gone = refused(&cloud, "GetMFADevice", json!({"SerialNumber": SERIAL})).await;
    assert_eq!(gone.message(), format!("VirtualMFADevice with serial number {SERIAL} doesn't exist."));
}

#[tokio::test]
async fn a_hardware_device_is_synchronised_again() {
    let cloud = cloud().await;
    let token = MfaDevice {
        serial_number: "GAHT12345678".to_owned(),
        seed: b"GAHT12345678".to_vec(),
        enabled: None,
        owner: None,
        drift: 0,
        last_step: None,
        tags: Vec::new(),
    };
    let codes = |ahead: i64| {
        let now = cloud.cloud().clock().now_millis() + ahead;
        json!({"UserName": "ann", "SerialNumber": "GAHT12345678",
            "AuthenticationCode1": token.code_at(now - 30_000), "AuthenticationCode2": token.code_at(now)})
    };
    let early = refused(&cloud, "ResyncMFADevice", codes(0)).await;
    assert_eq!((early.code(), early.message()), ("NoSuchEntity", "MFA Device invalid for user."));
    iam(&cloud, "EnableMFADevice", codes(0)).await;
    iam(&cloud, "ResyncMFADevice", codes(600_000)).await;
    assert_eq!(device(&cloud, "GAHT12345678").drift, 20);
    assert_eq!(iam(&cloud, "ListVirtualMFADevices", json!({})).await["VirtualMFADevices"], json!([]));
    iam(&cloud, "DeactivateMFADevice", json!({"UserName": "ann", "SerialNumber": "GAHT12345678"})).await;
    assert_eq!(iam(&cloud, "ListMFADevices", json!({"UserName": "ann"})).await["MFADevices"], json!([]));
}

#[tokio::test]
async fn devices_and_providers_have_tags() {
    let cloud = cloud().await;
    iam(&cloud, "CreateVirtualMFADevice", json!({"VirtualMFADeviceName": "phone"})).await;
    let tags = json!([{"Key": "a", "Value": "1"}]);
    iam(&cloud, "TagMFADevice", json!({"SerialNumber": SERIAL, "Tags": tags})).await;
    assert_eq!(iam(&cloud, "ListMFADeviceTags", json!({"SerialNumber": SERIAL})).await["Tags"], tags);
    iam(&cloud, "UntagMFADevice", json!({"SerialNumber": SERIAL, "TagKeys": ["a"]})).await;
    assert_eq!(iam(&cloud, "ListMFADeviceTags", json!({"SerialNumber": SERIAL})).await["Tags"], json!([]));
}

#[tokio::test]
async fn a_user_changes_the_password() {
    let cloud = cloud().await;
    iam(&cloud, "CreateLoginProfile", json!({"UserName": "ann", "Password": "First-one1"})).await;
    iam(
        &cloud,
        "UpdateAccountPasswordPolicy",
        json!({"MinimumPasswordLength": 8, "PasswordReusePrevention": 2}),
    )
    .await;
    let change = |old: &str, new: &str| json!({"OldPassword": old, "NewPassword": new});
    let root = refused(&cloud, "ChangePassword", change("First-one1", "Second-one2")).await;
    assert_eq!(root.code(), "InvalidUserType");

    let as_ann = cloud.caller(ann(&cloud).await);
    let wrong = refused(&as_ann, "ChangePassword", change("nonsense", "Second-one2")).await;
    assert_eq!((wrong.code(), wrong.status()), ("AccessDenied", 403));
    let short = refused(&as_ann, "ChangePassword", change("First-one1", "x")).await;
    assert_eq!(short.code(), "PasswordPolicyViolation");
    iam(&as_ann, "ChangePassword", change("First-one1", "Second-one2")).await;
    let used = refused(&as_ann, "ChangePassword", change("Second-one2", "First-one1")).await;
    assert_eq!(used.code(), "PasswordPolicyViolation");
    iam(&as_ann, "ChangePassword", change("Second-one2", "Third-one3")).await;
    iam(&as_ann, "ChangePassword", change("Third-one3", "First-one1")).await;
}

fn certified(name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[tokio::test]
async fn a_server_certificate_is_checked_with_its_key() {
    let cloud = cloud().await;
    let ((body, key), (other_body, other_key)) = (certified("a.example"), certified("b.example"));
    let upload = |body: &str, key: &str| json!({"ServerCertificateName": "web", "CertificateBody": body, "PrivateKey": key});
    for (input, code, message) in [
        (
            upload("nonsense", &key),
            "MalformedCertificate",
            "Unable to parse certificate. Please ensure the certificate is in PEM format.",
        ),
        (upload(&body, "nonsense"), "MalformedCertificate", "Invalid Private Key."),
        (
            upload(&body, &other_key),
            "KeyPairMismatch",
            "The public key certificate and the private key do not match.",
        ),
    ] {
        let error = refused(&cloud, "UploadServerCertificate", input).await;
        assert_eq!((error.code(), error.message()), (code, message));
    }
    let mut chained = upload(&body, &key);
    chained["CertificateChain"] = other_body.into();
    let chain = refused(&cloud, "UploadServerCertificate", chained).await;
    assert!(chain.message().ends_with("The index within the chain of the invalid certificate is: -1"));

    let made = iam(&cloud, "UploadServerCertificate", upload(&body, &key)).await;
    let made = made["ServerCertificateMetadata"].clone();
    assert_eq!(made["Arn"], "arn:aws:iam::000000000000:server-certificate/web");
    assert!(made["Expiration"].as_f64().unwrap() > made["UploadDate"].as_f64().unwrap());
    let taken = refused(&cloud, "UploadServerCertificate", upload(&body, &key)).await;
    assert_eq!(taken.message(), "The Server Certificate with name web already exists.");

    let rename = json!({"ServerCertificateName": "web", "NewServerCertificateName": "site", "NewPath": "/cloudfront/"});
    iam(&cloud, "UpdateServerCertificate", rename).await;
    let found = iam(&cloud, "GetServerCertificate", json!({"ServerCertificateName": "site"})).await;
    assert_eq!(found["ServerCertificate"]["CertificateBody"], body.trim());
    let listed = iam(&cloud, "ListServerCertificates", json!({"PathPrefix": "/cloudfront"})).await;
    assert_eq!(listed["ServerCertificateMetadataList"][0]["Path"], "/cloudfront/");
    iam(&cloud, "DeleteServerCertificate", json!({"ServerCertificateName": "site"})).await;
    let gone = refused(&cloud, "GetServerCertificate", json!({"ServerCertificateName": "site"})).await;
    assert_eq!(gone.message(), "The Server Certificate with name site cannot be found.");
}

#[tokio::test]
async fn a_user_has_two_signing_certificates_at_most() {
    let cloud = cloud().await;
    let upload = |body: &str| json!({"UserName": "ann", "CertificateBody": body});
    let bodies: Vec<String> = ["a", "b", "c"].iter().map(|name| certified(name).0).collect();
    let made = iam(&cloud, "UploadSigningCertificate", upload(&bodies[0])).await["Certificate"].clone();
    assert_eq!(
        (made["Status"].as_str(), made["CertificateId"].as_str().unwrap().len()),
        (Some("Active"), 32)
    );
    assert_eq!(refused(&cloud, "UploadSigningCertificate", upload("x")).await.code(), "MalformedCertificate");
    assert_eq!(
        refused(&cloud, "UploadSigningCertificate", upload(&bodies[0])).await.code(),
        "DuplicateCertificate"
    );
    iam(&cloud, "UploadSigningCertificate", upload(&bodies[1])).await;
    assert_eq!(refused(&cloud, "UploadSigningCertificate", upload(&bodies[2])).await.code(), "LimitExceeded");

    let id = &made["CertificateId"];
    iam(
        &cloud,
        "UpdateSigningCertificate",
        json!({"UserName": "ann", "CertificateId": id, "Status": "Inactive"}),
    )
    .await;
    let listed = iam(&cloud, "ListSigningCertificates", json!({"UserName": "ann"})).await;
    assert_eq!(listed["Certificates"][0]["Status"], "Inactive");
    iam(&cloud, "DeleteSigningCertificate", json!({"UserName": "ann", "CertificateId": id})).await;
    let gone =
        refused(&cloud, "DeleteSigningCertificate", json!({"UserName": "ann", "CertificateId": id})).await;
    assert_eq!(gone.code(), "NoSuchEntity");
}

#[tokio::test]
async fn an_ssh_key_is_shown_in_both_encodings() {
    let cloud = cloud().await;
    let wire = |modulus: u8| {
        let modulus: Vec<u8> = [0].into_iter().chain([modulus; 256]).collect();
        let parts: [&[u8]; 3] = [b"ssh-rsa", &[1, 0, 1], &modulus];
        let bytes: Vec<u8> =
            parts.iter().flat_map(|part| [&(part.len() as u32).to_be_bytes()[..], part].concat()).collect();
        format!("ssh-rsa {}", STANDARD.encode(bytes))
    };
    let upload = |body: String| json!({"UserName": "ann", "SSHPublicKeyBody": body});
    let made = iam(&cloud, "UploadSSHPublicKey", upload(wire(0xab))).await["SSHPublicKey"].clone();
    assert!(made["SSHPublicKeyId"].as_str().unwrap().starts_with("APKA"));
    assert_eq!(made["Fingerprint"].as_str().unwrap().split(':').count(), 16);
    assert_eq!(
        refused(&cloud, "UploadSSHPublicKey", upload(wire(0xab))).await.code(),
        "DuplicateSSHPublicKey"
    );
    assert_eq!(
        refused(&cloud, "UploadSSHPublicKey", upload(SSH.to_owned())).await.code(),
        "InvalidPublicKey"
    );

    let get = |encoding: &str| json!({"UserName": "ann", "SSHPublicKeyId": made["SSHPublicKeyId"], "Encoding": encoding});
    let ssh = iam(&cloud, "GetSSHPublicKey", get("SSH")).await;
    assert_eq!(ssh["SSHPublicKey"]["SSHPublicKeyBody"], wire(0xab));
    let pem = iam(&cloud, "GetSSHPublicKey", get("PEM")).await["SSHPublicKey"]["SSHPublicKeyBody"].clone();
    assert_eq!(
        refused(&cloud, "UploadSSHPublicKey", upload(pem.as_str().unwrap().to_owned())).await.code(),
        "DuplicateSSHPublicKey"
    );
    let id = &made["SSHPublicKeyId"];
    iam(&cloud, "UpdateSSHPublicKey", json!({"UserName": "ann", "SSHPublicKeyId": id, "Status": "Inactive"}))
        .await;
    let listed = iam(&cloud, "ListSSHPublicKeys", json!({"UserName": "ann"})).await;
    assert_eq!(listed["SSHPublicKeys"][0]["Status"], "Inactive");
    iam(&cloud, "DeleteSSHPublicKey", json!({"UserName": "ann", "SSHPublicKeyId": id})).await;
}

#[tokio::test]
async fn the_credential_report_is_good_for_four_hours() {
    let cloud = cloud().await;
    let none = refused(&cloud, "GetCredentialReport", json!({})).await;
    assert_eq!((none.code(), none.status()), ("ReportNotPresent", 410));
    iam(&cloud, "CreateAccessKey", json!({"UserName": "ann"})).await;
    assert_eq!(iam(&cloud, "GenerateCredentialReport", json!({})).await["State"], "STARTED");
    assert_eq!(iam(&cloud, "GenerateCredentialReport", json!({})).await["State"], "COMPLETE");
    let report = iam(&cloud, "GetCredentialReport", json!({})).await;
    let text = String::from_utf8(STANDARD.decode(report["Content"].as_str().unwrap()).unwrap()).unwrap();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert!(lines.iter().all(|line| line.len() == 22), "{text}");
    assert_eq!(
        lines[1][..4],
        ["<root_account>", "arn:aws:iam::000000000000:root", lines[1][2], "not_supported"]
    );
    assert_eq!(
        (lines[2][0], lines[2][3], lines[2][7], lines[2][8], lines[2][13]),
        ("ann", "false", "false", "true", "false")
    );
    assert_eq!((lines[2][10], lines[2][11]), ("N/A", "N/A"));

    cloud.advance_seconds(4 * 3_600);
    assert_eq!(refused(&cloud, "GetCredentialReport", json!({})).await.code(), "ReportExpired");
    assert_eq!(iam(&cloud, "GenerateCredentialReport", json!({})).await["State"], "STARTED");
}
