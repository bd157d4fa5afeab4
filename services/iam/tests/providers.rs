//! Identity providers, and who called which service.

#![cfg(test)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudtwin_core::federation::{OIDC_PROVIDERS, SAML_PROVIDERS, oidc_key};
use cloudtwin_core::service_access::{SERVICE_ACCESS, ServiceAccess};
use cloudtwin_smithy::AwsError;
use cloudtwin_store::StoreError;
use cloudtwin_testkit::TestCloud;
use serde_json::{Value, json};

fn cloud() -> TestCloud {
    TestCloud::start(vec![cloudtwin_iam::service()]).unwrap()
}

async fn iam(cloud: &TestCloud, operation: &str, input: Value) -> Value {
    cloud.call("iam", operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

async fn refused(cloud: &TestCloud, operation: &str, input: Value) -> AwsError {
    cloud.call("iam", operation, input).await.expect_err(operation)
}

#[tokio::test]
async fn an_oidc_provider_is_one_url() {
    let cloud = cloud();
    let url = "https://token.actions.githubusercontent.com";
    let thumbprint = "6938fd4d98bab03faadb97b34396831e3780aea1";
    let create = json!({"Url": url, "ClientIDList": ["sts.amazonaws.com"], "ThumbprintList": [thumbprint]});
    let arn =
        iam(&cloud, "CreateOpenIDConnectProvider", create.clone()).await["OpenIDConnectProviderArn"].clone();
    assert_eq!(arn, "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com");
    let taken = refused(&cloud, "CreateOpenIDConnectProvider", create).await;
    assert_eq!(
        (taken.code(), taken.message()),
        ("EntityAlreadyExists", format!("Provider with url {url} already exists.").as_str())
    );
    let on = |mut input: Value| {
        input["OpenIDConnectProviderArn"] = arn.clone();
        input
    };
    iam(&cloud, "AddClientIDToOpenIDConnectProvider", on(json!({"ClientID": "app"}))).await;
    iam(&cloud, "RemoveClientIDFromOpenIDConnectProvider", on(json!({"ClientID": "sts.amazonaws.com"})))
        .await;
    let new = "a".repeat(40);
    iam(&cloud, "UpdateOpenIDConnectProviderThumbprint", on(json!({"ThumbprintList": [new]}))).await;
    let found = iam(&cloud, "GetOpenIDConnectProvider", on(json!({}))).await;
    assert_eq!(found["Url"], "token.actions.githubusercontent.com");
    assert_eq!((&found["ClientIDList"], &found["ThumbprintList"]), (&json!(["app"]), &json!([new])));
    // What STS reads.
    let db = cloud.cloud().db().scoped("000000000000", "us-east-1");
    let row = db.read::<_, StoreError, _>(|tx| tx.get(&OIDC_PROVIDERS, oidc_key(url))).unwrap().unwrap();
    assert_eq!(row.client_ids, ["app"]);

    for _ in 0..2 {
        iam(&cloud, "DeleteOpenIDConnectProvider", on(json!({}))).await;
    }
    let gone = refused(&cloud, "GetOpenIDConnectProvider", on(json!({}))).await;
    assert_eq!(gone.message(), format!("OpenIDConnect Provider not found for arn {}", arn.as_str().unwrap()));
    let six: Vec<String> = (0..6).map(|_| "b".repeat(40)).collect();
    let many = json!({"Url": url, "ThumbprintList": six});
    let many = refused(&cloud, "CreateOpenIDConnectProvider", many).await;
    assert_eq!(many.message(), "Thumbprint list must contain fewer than 5 entries.");
    let wrong = refused(&cloud, "CreateOpenIDConnectProvider", json!({"Url": "example.org"})).await;
    assert_eq!((wrong.code(), wrong.message()), ("ValidationError", "Invalid Open ID Connect Provider URL"));
}

fn metadata(entity_id: &str) -> String {
    let key = rcgen::generate_simple_self_signed(["idp.example".to_owned()]).unwrap();
    let certificate = STANDARD.encode(key.cert.der());
    format!(
        r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}"><IDPSSODescriptor
        protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor><KeyInfo
        xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{certificate}</X509Certificate>
        </X509Data></KeyInfo></KeyDescriptor><SingleSignOnService Location="https://idp.example/sso"
        Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"/></IDPSSODescriptor></EntityDescriptor>{}"#,
        " ".repeat(1_000)
    )
}

#[tokio::test]
async fn a_saml_provider_is_what_its_metadata_say() {
    let cloud = cloud();
    let create = |document: String| json!({"Name": "corp", "SAMLMetadataDocument": document});
    let broken = refused(&cloud, "CreateSAMLProvider", create("x".repeat(1_000))).await;
    assert_eq!((broken.code(), broken.message()), ("InvalidInput", "Could not parse metadata"));
    let arn =
        iam(&cloud, "CreateSAMLProvider", create(metadata("https://one"))).await["SAMLProviderArn"].clone();
    assert_eq!(arn, "arn:aws:iam::000000000000:saml-provider/corp");
    let taken = refused(&cloud, "CreateSAMLProvider", create(metadata("https://one"))).await;
    assert_eq!(taken.code(), "EntityAlreadyExists");

    let update = json!({"SAMLProviderArn": arn, "SAMLMetadataDocument": metadata("https://two")});
    iam(&cloud, "UpdateSAMLProvider", update).await;
    let db = cloud.cloud().db().scoped("000000000000", "us-east-1");
    let row = db.read::<_, StoreError, _>(|tx| tx.get(&SAML_PROVIDERS, "corp")).unwrap().unwrap();
    assert_eq!((row.entity_id.as_str(), row.signing_certificates.len()), ("https://two", 1));
    let found = iam(&cloud, "GetSAMLProvider", json!({"SAMLProviderArn": arn})).await;
    let years =
        (found["ValidUntil"].as_f64().unwrap() - found["CreateDate"].as_f64().unwrap()) / 31_557_600.0;
    assert!((99.9..100.1).contains(&years));
    let listed = iam(&cloud, "ListSAMLProviders", json!({})).await;
    assert_eq!(listed["SAMLProviderList"][0]["Arn"], arn);
    assert_eq!(iam(&cloud, "GetAccountSummary", json!({})).await["SummaryMap"]["Providers"], 1);
    iam(&cloud, "DeleteSAMLProvider", json!({"SAMLProviderArn": arn})).await;
    let gone = refused(&cloud, "DeleteSAMLProvider", json!({"SAMLProviderArn": arn})).await;
    assert_eq!(gone.code(), "NoSuchEntity");
}

#[tokio::test]
async fn the_access_advisor_knows_what_was_called() {
    let cloud = cloud();
    for name in ["ann", "bob"] {
        iam(&cloud, "CreateUser", json!({"UserName": name})).await;
    }
    iam(&cloud, "CreateGroup", json!({"GroupName": "dev"})).await;
    iam(&cloud, "AddUserToGroup", json!({"GroupName": "dev", "UserName": "ann"})).await;
    let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:*","sqs:Send*"],"Resource":"*"}}"#;
    let put = json!({"GroupName": "dev", "PolicyName": "some", "PolicyDocument": document});
    iam(&cloud, "PutGroupPolicy", put).await;

    let arn = "arn:aws:iam::000000000000:user/ann";
    let access =
        ServiceAccess { at: 1_700_000_000_000, region: "eu-west-1".to_owned(), caller_arn: arn.to_owned() };
    let db = cloud.cloud().db().scoped("000000000000", "");
    db.write::<_, StoreError, _>(|tx| tx.put(&SERVICE_ACCESS, (arn, "sqs"), &access)).await.unwrap();

    let job = async |arn: &str| {
        let input = json!({"Arn": arn, "Granularity": "SERVICE_LEVEL"});
        iam(&cloud, "GenerateServiceLastAccessedDetails", input).await["JobId"].clone()
    };
    let of_ann = job(arn).await;
    let details = iam(&cloud, "GetServiceLastAccessedDetails", json!({"JobId": of_ann})).await;
    assert_eq!(details["JobStatus"], "COMPLETED");
    assert_eq!(
        details["ServicesLastAccessed"],
        json!([
            {"ServiceName": "Amazon S3", "ServiceNamespace": "s3", "TotalAuthenticatedEntities": 0},
            {"ServiceName": "Amazon SQS", "ServiceNamespace": "sqs", "TotalAuthenticatedEntities": 1,
             "LastAuthenticated": 1_700_000_000.0, "LastAuthenticatedEntity": arn, "LastAuthenticatedRegion": "eu-west-1"},
        ])
    );
    let of_dev = job("arn:aws:iam::000000000000:group/dev").await;
    let input = json!({"JobId": of_dev, "ServiceNamespace": "sqs"});
    let entities = iam(&cloud, "GetServiceLastAccessedDetailsWithEntities", input).await;
    assert_eq!(entities["EntityDetailsList"][0]["EntityInfo"]["Name"], "ann");
    assert_eq!(entities["EntityDetailsList"][0]["LastAuthenticated"], 1_700_000_000.0);

    let input = json!({"Arn": arn, "ServiceNamespaces": ["s3", "ec2"]});
    let granting = iam(&cloud, "ListPoliciesGrantingServiceAccess", input).await;
    assert_eq!(
        granting["PoliciesGrantingServiceAccess"],
        json!([
            {"ServiceNamespace": "s3", "Policies": [{"PolicyName": "some", "PolicyType": "INLINE",
             "EntityType": "GROUP", "EntityName": "dev"}]},
            {"ServiceNamespace": "ec2", "Policies": []},
        ])
    );
    let nobody = refused(
        &cloud,
        "GenerateServiceLastAccessedDetails",
        json!({"Arn": "arn:aws:iam::000000000000:user/eve"}),
    )
    .await;
    assert_eq!(nobody.code(), "NoSuchEntity");
    let missing = json!({"JobId": "00000000-0000-0000-0000-000000000000"});
    assert_eq!(refused(&cloud, "GetServiceLastAccessedDetails", missing).await.code(), "NoSuchEntity");
}
