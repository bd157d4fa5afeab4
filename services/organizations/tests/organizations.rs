//! Organizations, their accounts and units, as a person who sets up a landing zone meets them.

#![cfg(test)]

use cloudtwin_smithy::AwsError;
use cloudtwin_testkit::TestCloud;
use serde_json::{Value, json};

const MANAGEMENT: &str = "000000000000";

fn cloud() -> TestCloud {
    TestCloud::start(vec![cloudtwin_iam::service(), cloudtwin_organizations::service()]).unwrap()
}

async fn organizations(cloud: &TestCloud, operation: &str, input: Value) -> Value {
    cloud.call("organizations", operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

async fn refused(cloud: &TestCloud, operation: &str, input: Value) -> AwsError {
    cloud.call("organizations", operation, input).await.expect_err(operation)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// A cloud with an organization, and the id of its root.
async fn organization() -> (TestCloud, String) {
    let cloud = cloud();
    organizations(&cloud, "CreateOrganization", json!({})).await;
    let roots = organizations(&cloud, "ListRoots", json!({})).await;
    let root = text(&roots["Roots"][0]["Id"]);
    (cloud, root)
}

async fn new_account(cloud: &TestCloud, name: &str) -> String {
    let input = json!({"AccountName": name, "Email": format!("{name}@corp.test")});
    let made = organizations(cloud, "CreateAccount", input).await;
    assert_eq!(made["CreateAccountStatus"]["State"], "SUCCEEDED");
    text(&made["CreateAccountStatus"]["AccountId"])
}

async fn new_unit(cloud: &TestCloud, parent: &str, name: &str) -> Value {
    let input = json!({"ParentId": parent, "Name": name});
    organizations(cloud, "CreateOrganizationalUnit", input).await["OrganizationalUnit"].clone()
}

#[tokio::test]
async fn an_organization_comes_and_goes() {
    let cloud = cloud();
    let none = refused(&cloud, "DescribeOrganization", json!({})).await;
    assert_eq!((none.code(), none.status()), ("AWSOrganizationsNotInUseException", 400));
    assert_eq!(none.message(), "Your account is not a member of an organization.");

    let made = organizations(&cloud, "CreateOrganization", json!({"FeatureSet": "ALL"})).await;
    let organization = &made["Organization"];
    let id = text(&organization["Id"]);
    assert!(id.starts_with("o-") && id.len() == 12, "{id}");
    assert_eq!(organization["Arn"], format!("arn:aws:organizations::{MANAGEMENT}:organization/{id}"));
    assert_eq!(
        organization["MasterAccountArn"],
        format!("arn:aws:organizations::{MANAGEMENT}:account/{id}/{MANAGEMENT}")
    );
    assert_eq!(organization["FeatureSet"], "ALL");
    let available = json!([{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}]);
    assert_eq!(organization["AvailablePolicyTypes"], available);
    assert_eq!(organizations(&cloud, "DescribeOrganization", json!({})).await, made);
    cloud
        .call("iam", "GetRole", json!({"RoleName": "AWSServiceRoleForOrganizations"}))
        .await
        .expect("Organizations makes its role");

    let again = refused(&cloud, "CreateOrganization", json!({})).await;
    assert_eq!(again.code(), "AlreadyInOrganizationException");

    let roots = organizations(&cloud, "ListRoots", json!({})).await;
    assert_eq!(roots["Roots"][0]["Name"], "Root");
    assert_eq!(roots["Roots"][0]["PolicyTypes"], json!([]));
    let accounts = organizations(&cloud, "ListAccounts", json!({})).await;
    assert_eq!(accounts["Accounts"][0]["JoinedMethod"], "INVITED");
    assert_eq!(accounts["Accounts"][0]["Email"], organization["MasterAccountEmail"]);

    organizations(&cloud, "DeleteOrganization", json!({})).await;
    refused(&cloud, "DescribeOrganization", json!({})).await;
    organizations(&cloud, "CreateOrganization", json!({})).await;
}

#[tokio::test]
async fn a_new_account_has_a_role_for_the_management_account() {
    let (cloud, root) = organization().await;
    let input =
        json!({"AccountName": "dev", "Email": "dev@corp.test", "Tags": [{"Key": "team", "Value": "a"}]});
    let made = organizations(&cloud, "CreateAccount", input).await["CreateAccountStatus"].clone();
    let (request, account) = (text(&made["Id"]), text(&made["AccountId"]));
    assert!(request.starts_with("car-"), "{request}");
    assert!(account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()), "{account}");
    let status =
        organizations(&cloud, "DescribeCreateAccountStatus", json!({"CreateAccountRequestId": request}))
            .await;
    assert_eq!(status["CreateAccountStatus"], made);
    let statuses = organizations(&cloud, "ListCreateAccountStatus", json!({"States": ["SUCCEEDED"]})).await;
    assert_eq!(statuses["CreateAccountStatuses"], json!([made]));

    let role = json!({"RoleName": "OrganizationAccountAccessRole"});
    let role = cloud.account(&account).call("iam", "GetRole", role).await.unwrap();
    assert!(text(&role["Role"]["AssumeRolePolicyDocument"]).contains(MANAGEMENT));
    let inline = json!({"RoleName": "OrganizationAccountAccessRole", "PolicyName": "AdministratorAccess"});
    cloud.account(&account).call("iam", "GetRolePolicy", inline).await.unwrap();

    let described = organizations(&cloud, "DescribeAccount", json!({"AccountId": account})).await;
    let described = &described["Account"];
    assert_eq!((&described["Status"], &described["State"]), (&json!("ACTIVE"), &json!("ACTIVE")));
    assert_eq!(described["JoinedMethod"], "CREATED");
    assert!(text(&described["Paths"][0]).ends_with(&format!("/{root}/{account}/")));
    let tags = organizations(&cloud, "ListTagsForResource", json!({"ResourceId": account})).await;
    assert_eq!(tags["Tags"], json!([{"Key": "team", "Value": "a"}]));

    let same = json!({"AccountName": "other", "Email": "DEV@corp.test"});
    let failed = organizations(&cloud, "CreateAccount", same).await;
    assert_eq!(failed["CreateAccountStatus"]["State"], "FAILED");
    assert_eq!(failed["CreateAccountStatus"]["FailureReason"], "EMAIL_ALREADY_EXISTS");

    // The new account sees the organization, but not what is in it.
    let member = cloud.account(&account);
    organizations(&member, "DescribeOrganization", json!({})).await;
    for operation in ["ListAccounts", "ListRoots"] {
        let denied = refused(&member, operation, json!({})).await;
        assert_eq!((denied.code(), denied.status()), ("AccessDeniedException", 400));
        assert_eq!(denied.message(), "You don't have permissions to access this resource.");
    }
}

#[tokio::test]
async fn accounts_move_close_and_leave() {
    let (cloud, root) = organization().await;
    let account = new_account(&cloud, "dev").await;
    let unit = text(&new_unit(&cloud, &root, "workloads").await["Id"]);
    assert!(unit.starts_with(&format!("ou-{}-", &root[2..])), "{unit}");

    let to_unit = json!({"AccountId": account, "SourceParentId": root, "DestinationParentId": unit});
    organizations(&cloud, "MoveAccount", to_unit.clone()).await;
    assert_eq!(refused(&cloud, "MoveAccount", to_unit).await.code(), "DuplicateAccountException");
    let nowhere = json!({"AccountId": account, "SourceParentId": unit, "DestinationParentId": "r-none"});
    assert_eq!(refused(&cloud, "MoveAccount", nowhere).await.code(), "DestinationParentNotFoundException");
    let parents = organizations(&cloud, "ListParents", json!({"ChildId": account})).await;
    assert_eq!(parents["Parents"], json!([{"Id": unit, "Type": "ORGANIZATIONAL_UNIT"}]));
    let parents = organizations(&cloud, "ListParents", json!({"ChildId": unit})).await;
    assert_eq!(parents["Parents"], json!([{"Id": root, "Type": "ROOT"}]));
    let children =
        organizations(&cloud, "ListChildren", json!({"ParentId": unit, "ChildType": "ACCOUNT"})).await;
    assert_eq!(children["Children"], json!([{"Id": account, "Type": "ACCOUNT"}]));
    let inside = organizations(&cloud, "ListAccountsForParent", json!({"ParentId": unit})).await;
    assert_eq!(inside["Accounts"][0]["Id"], json!(account));
    let delete = json!({"OrganizationalUnitId": unit});
    let not_empty = refused(&cloud, "DeleteOrganizationalUnit", delete.clone()).await;
    assert_eq!(not_empty.code(), "OrganizationalUnitNotEmptyException");

    organizations(&cloud, "CloseAccount", json!({"AccountId": account})).await;
    let closed = organizations(&cloud, "DescribeAccount", json!({"AccountId": account})).await;
    assert_eq!(closed["Account"]["Status"], "SUSPENDED");
    let twice = refused(&cloud, "CloseAccount", json!({"AccountId": account})).await;
    assert_eq!(twice.code(), "AccountAlreadyClosedException");
    assert_eq!(twice.message(), "The provided account is already closed.");

    let full = refused(&cloud, "DeleteOrganization", json!({})).await;
    assert_eq!(full.code(), "OrganizationNotEmptyException");
    organizations(&cloud, "RemoveAccountFromOrganization", json!({"AccountId": account})).await;
    let gone = refused(&cloud, "DescribeAccount", json!({"AccountId": account})).await;
    assert_eq!(gone.message(), "You specified an account that doesn't exist.");
    organizations(&cloud, "DeleteOrganizationalUnit", delete).await;

    let leaver = new_account(&cloud, "leaver").await;
    organizations(&cloud.account(&leaver), "LeaveOrganization", json!({})).await;
    assert_eq!(
        refused(&cloud, "LeaveOrganization", json!({})).await.code(),
        "MasterCannotLeaveOrganizationException"
    );
    organizations(&cloud, "DeleteOrganization", json!({})).await;
}

#[tokio::test]
async fn units_are_five_deep_and_have_names_of_their_own() {
    let (cloud, root) = organization().await;
    let mut parent = root.clone();
    for depth in 1..=5 {
        let unit = new_unit(&cloud, &parent, "same").await;
        parent = text(&unit["Id"]);
        assert_eq!(text(&unit["Path"]).matches("/ou-").count(), depth);
    }
    let deeper = refused(&cloud, "CreateOrganizationalUnit", json!({"ParentId": parent, "Name": "x"})).await;
    assert_eq!(deeper.code(), "ConstraintViolationException");

    let twice = refused(&cloud, "CreateOrganizationalUnit", json!({"ParentId": root, "Name": "same"})).await;
    assert_eq!(twice.code(), "DuplicateOrganizationalUnitException");
    assert_eq!(twice.message(), "An OU with the same name already exists.");
    let rename = json!({"OrganizationalUnitId": parent, "Name": "deepest"});
    let renamed = organizations(&cloud, "UpdateOrganizationalUnit", rename).await;
    assert_eq!(renamed["OrganizationalUnit"]["Name"], "deepest");
    let missing = json!({"OrganizationalUnitId": "ou-abcd-abcd1234"});
    let missing = refused(&cloud, "DescribeOrganizationalUnit", missing).await;
    assert_eq!(missing.message(), "You specified an organizational unit that doesn't exist.");
    let odd = refused(&cloud, "ListChildren", json!({"ParentId": root, "ChildType": "HOUSE"})).await;
    assert_eq!((odd.code(), odd.message()), ("InvalidInputException", "You specified an invalid value."));
}

#[tokio::test]
async fn lists_come_in_pages_of_twenty() {
    let (cloud, _) = organization().await;
    for number in 0..21 {
        new_account(&cloud, &format!("a{number}")).await;
    }
    let first = organizations(&cloud, "ListAccounts", json!({})).await;
    assert_eq!(first["Accounts"].as_array().unwrap().len(), 20);
    let rest = organizations(&cloud, "ListAccounts", json!({"NextToken": first["NextToken"]})).await;
    assert_eq!(rest["Accounts"].as_array().unwrap().len(), 2);
    assert!(rest.get("NextToken").is_none());
    let wrong = refused(&cloud, "ListAccounts", json!({"NextToken": "%"})).await;
    assert_eq!(wrong.code(), "InvalidInputException");
}

#[tokio::test]
async fn a_member_administers_a_service() {
    let (cloud, _) = organization().await;
    let account = new_account(&cloud, "security").await;
    let delegate = json!({"AccountId": account, "ServicePrincipal": "guardduty.amazonaws.com"});
    let first = refused(&cloud, "RegisterDelegatedAdministrator", delegate.clone()).await;
    assert!(first.message().starts_with("You must enable service access"), "{first}");
    let odd =
        refused(&cloud, "EnableAWSServiceAccess", json!({"ServicePrincipal": "odd.amazonaws.com"})).await;
    assert_eq!(odd.message(), "You specified an unrecognized service principal.");
    let enable = json!({"ServicePrincipal": "guardduty.amazonaws.com"});
    organizations(&cloud, "EnableAWSServiceAccess", enable).await;
    organizations(&cloud, "RegisterDelegatedAdministrator", delegate.clone()).await;
    let again = refused(&cloud, "RegisterDelegatedAdministrator", delegate.clone()).await;
    assert_eq!(again.code(), "AccountAlreadyRegisteredException");

    let member = cloud.account(&account);
    let listed = organizations(&member, "ListDelegatedAdministrators", json!({})).await;
    assert_eq!(listed["DelegatedAdministrators"][0]["Id"], json!(account));
    organizations(&member, "ListAccounts", json!({})).await;
    let services =
        organizations(&member, "ListDelegatedServicesForAccount", json!({"AccountId": account})).await;
    assert_eq!(services["DelegatedServices"][0]["ServicePrincipal"], "guardduty.amazonaws.com");
    let keep = refused(&cloud, "RemoveAccountFromOrganization", json!({"AccountId": account})).await;
    assert_eq!(keep.code(), "ConstraintViolationException");

    organizations(&cloud, "DeregisterDelegatedAdministrator", delegate).await;
    refused(&member, "ListAccounts", json!({})).await;
}

#[tokio::test]
async fn an_account_is_invited_and_joins() {
    let (cloud, _) = organization().await;
    let guest = cloud.account("111111111111");
    let invite = json!({"Target": {"Id": "111111111111", "Type": "ACCOUNT"}, "Notes": "welcome"});
    let sent =
        organizations(&cloud, "InviteAccountToOrganization", invite.clone()).await["Handshake"].clone();
    assert_eq!((&sent["State"], &sent["Action"]), (&json!("OPEN"), &json!("INVITE")));
    assert!(text(&sent["Arn"]).contains(":handshake/o-"));
    let twice = refused(&cloud, "InviteAccountToOrganization", invite.clone()).await;
    assert_eq!(twice.code(), "DuplicateHandshakeException");

    let id = json!({"HandshakeId": sent["Id"]});
    refused(&cloud.account("222222222222"), "DescribeHandshake", id.clone()).await;
    let received = organizations(&guest, "ListHandshakesForAccount", json!({})).await;
    assert_eq!(received["Handshakes"][0]["Id"], sent["Id"]);
    let accepted = organizations(&guest, "AcceptHandshake", id.clone()).await;
    assert_eq!(accepted["Handshake"]["State"], "ACCEPTED");
    let joined = organizations(&cloud, "DescribeAccount", json!({"AccountId": "111111111111"})).await;
    assert_eq!(joined["Account"]["JoinedMethod"], "INVITED");
    let late = refused(&guest, "DeclineHandshake", id.clone()).await;
    assert_eq!(late.code(), "InvalidHandshakeTransitionException");
    let member = refused(&cloud, "InviteAccountToOrganization", invite).await;
    assert_eq!(member.code(), "HandshakeConstraintViolationException");

    // Another is asked by its address, and declines; a third lets the time pass.
    let by_email = json!({"Target": {"Id": "333333333333@example.com", "Type": "EMAIL"}});
    let sent = organizations(&cloud, "InviteAccountToOrganization", by_email).await["Handshake"].clone();
    let id = json!({"HandshakeId": sent["Id"]});
    let declined = organizations(&cloud.account("333333333333"), "DeclineHandshake", id.clone()).await;
    assert_eq!(declined["Handshake"]["State"], "DECLINED");
    let third = json!({"Target": {"Id": "444444444444", "Type": "ACCOUNT"}});
    organizations(&cloud, "InviteAccountToOrganization", third.clone()).await;
    cloud.advance_seconds(16 * 24 * 3600);
    let expired = organizations(&cloud.account("444444444444"), "ListHandshakesForAccount", json!({})).await;
    assert_eq!(expired["Handshakes"][0]["State"], "EXPIRED");
    organizations(&cloud, "InviteAccountToOrganization", third).await;
    cloud.advance_seconds(31 * 24 * 3600);
    let forgotten = refused(&cloud, "DescribeHandshake", id).await;
    assert_eq!(forgotten.code(), "HandshakeNotFoundException");
}

#[tokio::test]
async fn consolidated_billing_grows_to_all_features() {
    let cloud = cloud();
    organizations(&cloud, "CreateOrganization", json!({"FeatureSet": "CONSOLIDATED_BILLING"})).await;
    let policy = json!({"Name": "p", "Description": "", "Type": "TAG_POLICY", "Content": "{\"tags\":{}}"});
    let early = refused(&cloud, "CreatePolicy", policy.clone()).await;
    assert_eq!(early.code(), "PolicyTypeNotAvailableForOrganizationException");
    let invite = json!({"Target": {"Id": "111111111111", "Type": "ACCOUNT"}});
    let invitation = organizations(&cloud, "InviteAccountToOrganization", invite).await["Handshake"].clone();
    let guest = cloud.account("111111111111");
    organizations(&guest, "AcceptHandshake", json!({"HandshakeId": invitation["Id"]})).await;

    let asked = organizations(&cloud, "EnableAllFeatures", json!({})).await["Handshake"].clone();
    assert_eq!(asked["State"], "REQUESTED");
    let whole = json!({"HandshakeId": asked["Id"]});
    refused(&cloud, "AcceptHandshake", whole.clone()).await;
    let filter = json!({"Filter": {"ActionType": "ENABLE_ALL_FEATURES"}});
    let part = organizations(&guest, "ListHandshakesForAccount", filter).await["Handshakes"][0].clone();
    organizations(&guest, "AcceptHandshake", json!({"HandshakeId": part["Id"]})).await;
    organizations(&cloud, "AcceptHandshake", whole).await;
    let grown = organizations(&cloud, "DescribeOrganization", json!({})).await;
    assert_eq!(grown["Organization"]["FeatureSet"], "ALL");
    organizations(&cloud, "CreatePolicy", policy).await;
}
