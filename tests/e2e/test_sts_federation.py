"""Federation: roles are taken on with the tokens of an OpenID Connect issuer and the assertions of a SAML provider,
both of which run here, on loopback."""

import base64
import datetime
import hashlib
import http.server
import json
import threading
import time
import uuid
from xml.etree.ElementTree import canonicalize

import boto3
import pytest
import rsa
from botocore import UNSIGNED
from botocore.config import Config

from support.errors import refusal

ACCOUNT = "000000000000"
SUBJECT = "repo:acme/shop:ref:refs/heads/main"


def trust(provider, action, **condition):
    statement = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": action}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def url_safe(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value):
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


@pytest.fixture(scope="module")
def cloud(request, clouds):
    """A cloud where trust policies decide."""
    return clouds(request, ENFORCE_IAM="1")


@pytest.fixture(scope="module")
def keys():
    """A public and a private key."""
    return rsa.newkeys(2048, poolsize=1)


@pytest.fixture
def anonymous(cloud):
    """STS for those who have no credentials yet."""
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    return boto3.client("sts", endpoint_url=cloud.url, region_name="us-east-1", config=config)


class Issuer:
    """An OpenID Connect issuer."""

    def __init__(self, keys):
        public, self.private = keys
        key = {"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256"}
        key |= {"n": url_safe(number(public.n)), "e": url_safe(number(public.e))}
        self.pages = {"/keys": {"keys": [key]}}
        self.asked = []
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked.append(self.path)
                page = issuer.pages.get(self.path)
                body = json.dumps(page).encode()
                self.send_response(200 if page else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.host = self.url.removeprefix("http://")
        self.pages["/.well-known/openid-configuration"] = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, **claims):
        now = int(time.time())
        claims = {"iss": self.url, "aud": "sts.amazonaws.com", "sub": SUBJECT, "iat": now, "exp": now + 300} | claims
        parts = ({"alg": "RS256", "kid": "1"}, claims)
        message = ".".join(url_safe(json.dumps(part).encode()) for part in parts)
        return f"{message}.{url_safe(rsa.sign(message.encode(), self.private, 'SHA-256'))}"


@pytest.fixture
def issuer(keys):
    issuer = Issuer(keys)
    yield issuer
    issuer.server.shutdown()


@pytest.fixture
def web_role(cloud, issuer, name):
    iam = cloud.client("iam")
    provider = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=["sts.amazonaws.com"])
    document = trust(
        provider["OpenIDConnectProviderArn"],
        "sts:AssumeRoleWithWebIdentity",
        StringLike={f"{issuer.host}:sub": "repo:acme/*"},
    )
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]


def client(cloud, service, credentials):
    return cloud.client(
        service, credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]
    )


def test_a_job_takes_on_a_role_with_its_token(cloud, anonymous, issuer, web_role, name):
    answer = anonymous.assume_role_with_web_identity(
        RoleArn=web_role, RoleSessionName="ci", WebIdentityToken=issuer.token()
    )
    assert answer["Provider"] == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer.host}"
    assert answer["SubjectFromWebIdentityToken"] == SUBJECT
    assert answer["Audience"] == "sts.amazonaws.com"
    identity = client(cloud, "sts", answer["Credentials"]).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/ci"
    # The keys are kept.
    anonymous.assume_role_with_web_identity(RoleArn=web_role, RoleSessionName="ci", WebIdentityToken=issuer.token())
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


def test_tokens_that_prove_nothing_are_refused(anonymous, issuer, web_role):
    header, claims, signature = issuer.token().split(".")
    forged = url_safe(base64.urlsafe_b64decode(claims + "==").replace(b"acme", b"evil"))
    now = int(time.time())
    for token, code in [
        (f"{header}.{forged}.{signature}", "InvalidIdentityToken"),
        (f"{url_safe(json.dumps({'alg': 'none'}).encode())}.{claims}.", "InvalidIdentityToken"),
        (issuer.token(aud="other"), "InvalidIdentityToken"),
        (issuer.token(iss="http://127.0.0.1:1"), "InvalidIdentityToken"),
        (issuer.token(exp=now - 10), "ExpiredTokenException"),
        ("token", "InvalidIdentityToken"),
    ]:
        assert refusal(
            anonymous.assume_role_with_web_identity,
            RoleArn=web_role,
            RoleSessionName="ci",
            WebIdentityToken=token,
        ) == (400, code)


def test_the_trust_policy_decides_whose_tokens_are_taken(anonymous, issuer, web_role):
    parameters = {"RoleArn": web_role, "RoleSessionName": "ci"}
    token = issuer.token(sub="repo:other/shop")
    assume = anonymous.assume_role_with_web_identity
    assert refusal(assume, WebIdentityToken=token, **parameters) == (403, "AccessDenied")
    assume(WebIdentityToken=issuer.token(sub="repo:acme/other"), **parameters)


def der(tag, *parts):
    content = b"".join(parts)
    size = len(content)
    head = bytes([size]) if size < 128 else bytes([0x80 | len(number(size))]) + number(size)
    return bytes([tag]) + head + content


def certificate(public, private):
    """A certificate of the key, by itself."""

    def integer(value):
        return der(2, number(value) if number(value)[0] < 128 else b"\0" + number(value))

    def identifier(*numbers):
        return der(6, bytes(numbers))

    rsa_key = der(0x30, identifier(42, 134, 72, 134, 247, 13, 1, 1, 1), der(5))
    sha256_with_rsa = der(0x30, identifier(42, 134, 72, 134, 247, 13, 1, 1, 11), der(5))
    name = der(0x30, der(0x31, der(0x30, identifier(85, 4, 3), der(12, b"idp.example.com"))))
    validity = der(0x30, der(23, b"200101000000Z"), der(23, b"490101000000Z"))
    key = der(0x30, rsa_key, der(3, b"\0", der(0x30, integer(public.n), integer(public.e))))
    content = der(0x30, der(0xA0, integer(2)), integer(1), sha256_with_rsa, name, validity, name, key)
    return der(0x30, content, sha256_with_rsa, der(3, b"\0", rsa.sign(content, private, "SHA-256")))


ENTITY = "https://idp.example.com/saml"

SIGNED_INFO = """<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
  <ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
  <ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
  <ds:Reference URI="#{id}"><ds:Transforms>
    <ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
    <ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>
    <ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>
    <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"""

ASSERTION = """<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" Version='2.0' ID="{id}"
    xmlns:xs="http://www.w3.org/2001/XMLSchema" IssueInstant="{now}">
  <Issuer>{entity}</Issuer>{signature}
  <Subject><NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{subject}</NameID>
    <SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><SubjectConfirmationData
      Recipient="https://signin.aws.amazon.com/saml" NotOnOrAfter="{end}" /></SubjectConfirmation></Subject>
  <Conditions NotBefore="{now}" NotOnOrAfter="{end}"><AudienceRestriction>
    <Audience>https://signin.aws.amazon.com/saml</Audience></AudienceRestriction></Conditions>
  <AttributeStatement>
    <Attribute Name="https://aws.amazon.com/SAML/Attributes/Role"><AttributeValue
      xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string"
      >{role},{provider}</AttributeValue></Attribute>
    <Attribute Name="https://aws.amazon.com/SAML/Attributes/RoleSessionName"
      ><AttributeValue>ann&#64;example.com</AttributeValue></Attribute>
    <Attribute Name="https://aws.amazon.com/SAML/Attributes/PrincipalTag:Title"
      ><AttributeValue>R&amp;D</AttributeValue></Attribute>
  </AttributeStatement></Assertion>"""

RESPONSE = """<?xml version="1.0" encoding="UTF-8"?>
<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_response" Version="2.0">
  <samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
  {assertion}
</samlp:Response>"""


def metadata(certificate):
    return f"""<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{ENTITY}">
  <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>
      <X509Certificate>{base64.b64encode(certificate).decode()}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
    <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{ENTITY}/sso"/>
  </IDPSSODescriptor></EntityDescriptor>"""


def response(private, role, provider, subject="ann", lasts=240):
    """A signed response, its canonical form by Python's own implementation."""
    now = datetime.datetime.now(datetime.UTC)
    facts = {
        "id": f"_{uuid.uuid4()}",
        "entity": ENTITY,
        "subject": subject,
        "role": role,
        "provider": provider,
        "now": (now - datetime.timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "end": (now + datetime.timedelta(seconds=lasts)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    }
    content = canonicalize(ASSERTION.format(signature="", **facts))
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    info = SIGNED_INFO.format(id=facts["id"], digest=digest)
    value = base64.b64encode(rsa.sign(canonicalize(info).encode(), private, "SHA-256")).decode()
    signature = (
        f'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">{info}'
        f"<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>"
    )
    return RESPONSE.format(assertion=ASSERTION.format(signature=signature, **facts))


def test_staff_takes_on_a_role_with_an_assertion(cloud, anonymous, keys, name):
    public, private = keys
    iam = cloud.client("iam")
    provider = iam.create_saml_provider(
        Name=name, SAMLMetadataDocument=metadata(certificate(public, private))
    )["SAMLProviderArn"]
    document = trust(
        provider,
        # The assertion brings a tag along.
        ["sts:AssumeRoleWithSAML", "sts:TagSession"],
        StringEquals={"SAML:aud": "https://signin.aws.amazon.com/saml"},
    )
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]

    def assume(text):
        return anonymous.assume_role_with_saml(
            RoleArn=role, PrincipalArn=provider, SAMLAssertion=base64.b64encode(text.encode()).decode()
        )

    good = response(private, role, provider)
    answer = assume(good)
    assert (answer["Subject"], answer["SubjectType"], answer["Issuer"]) == ("ann", "persistent", ENTITY)
    text = f"{ENTITY}{ACCOUNT}/{name}".encode()
    assert answer["NameQualifier"] == base64.b64encode(hashlib.sha1(text).digest()).decode()
    identity = client(cloud, "sts", answer["Credentials"]).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/ann@example.com"

    for text, code in [
        (good.replace(">ann<", ">eve<"), "InvalidIdentityToken"),
        (response(rsa.newkeys(1024)[1], role, provider), "InvalidIdentityToken"),
        (response(private, role, provider, lasts=-10), "ExpiredTokenException"),
    ]:
        assert refusal(assume, text) == (400, code)
    assert refusal(assume, response(private, f"{role}-other", provider)) == (403, "AccessDenied")


def test_keys_of_sessions_that_are_forgotten_stay_refused(own_cloud):
    session = own_cloud.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    sts = client(own_cloud, "sts", session)
    assert sts.get_caller_identity()["Account"] == ACCOUNT
    own_cloud.post("/_localstack/state/reset")
    assert refusal(sts.get_caller_identity) == (403, "ExpiredToken")
    without_token = own_cloud.client("sts", session["AccessKeyId"], session["SecretAccessKey"])
    assert refusal(without_token.get_caller_identity) == (403, "InvalidClientTokenId")
