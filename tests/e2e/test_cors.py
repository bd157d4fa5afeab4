"""What web pages may do: the pages of this machine anything, strange ones what a bucket's rules allow."""

import pytest

from support import http

SITE, STRANGER = "https://app.example.com", "https://evil.example.org"


def preflight(cloud, path, origin, method, headers="content-type"):
    asked = {"origin": origin, "access-control-request-method": method, "access-control-request-headers": headers}
    return http.request("OPTIONS", cloud.url + path, headers=asked)


def test_strange_pages_cannot_use_the_cloud(cloud, queue):
    """Any page that a developer visits can send requests to localhost."""
    form = {"Action": "DeleteQueue", "QueueUrl": queue}
    answer = cloud.post("/", form, headers={"origin": STRANGER})
    assert answer.status == 403
    assert cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    for path in ("/_localstack/state/reset", "/_localstack/health"):
        assert cloud.post(path, b'{"action":"kill"}', headers={"origin": STRANGER}).status == 403
    assert preflight(cloud, "/_localstack/health", STRANGER, "POST").status == 403


def test_pages_of_this_machine_can(cloud):
    origin = f"http://localhost:{cloud.port}"
    allowed = preflight(cloud, "/", origin, "POST", "x-amz-target,content-type")
    assert allowed.status == 204 and allowed.headers["access-control-allow-origin"] == origin
    assert "x-amz-target" in allowed.headers["access-control-allow-headers"]
    health = cloud.get("/_localstack/health", headers={"origin": origin})
    assert health.headers["access-control-allow-origin"] == origin


def test_further_origins_can_be_allowed(request, clouds):
    cloud = clouds(request, EXTRA_CORS_ALLOWED_ORIGINS=SITE)
    assert cloud.get("/_localstack/health", headers={"origin": SITE}).headers["access-control-allow-origin"] == SITE
    assert cloud.get("/_localstack/health", headers={"origin": STRANGER}).status == 403


# What a bucket allows. The site keeps its uploads in a bucket, and its pages talk to the bucket themselves.

RULES = [
    {
        "AllowedOrigins": [SITE, "https://*.preview.example.com"],
        "AllowedMethods": ["GET", "PUT"],
        "AllowedHeaders": ["content-*", "X-Amz-Date"],
        "ExposeHeaders": ["ETag", "x-amz-request-id"],
        "MaxAgeSeconds": 600,
    },
    {"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD"]},
]
VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
NOT_ENABLED = "CORSResponse: CORS is not enabled for this bucket."
NOT_ALLOWED = "CORSResponse: This CORS request is not allowed."


def cors_headers(answer):
    return {
        name.lower().removeprefix("access-control-"): value
        for name, value in answer.headers.items()
        if name.lower().startswith("access-control-")
    }


def element(answer, name):
    return answer.text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]


def refusal(answer):
    return (answer.status, *(element(answer, name) for name in ("Code", "Method", "ResourceType")))


@pytest.fixture
def uploads(s3, bucket):
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    s3.put_object(Bucket=bucket, Key="photo.jpg", Body=b"jpeg")
    return bucket


@pytest.fixture(params=["path", "host"])
def photo(request, cloud, uploads):
    """Asks for the photo, with the bucket in the path or in the host."""

    def ask(method, headers, body=None):
        path, host = f"/{uploads}/photo.jpg", f"localhost:{cloud.port}"
        if request.param == "host":
            path, host = "/photo.jpg", f"{uploads}.s3.localhost.localstack.cloud:{cloud.port}"
        return http.request(method, cloud.url + path, body, {"host": host, **headers})

    return ask


def test_the_site_may_upload(photo):
    asked = {
        "origin": SITE,
        "access-control-request-method": "PUT",
        "access-control-request-headers": "Content-Type,x-amz-date",
    }
    answer = photo("OPTIONS", asked)
    assert (answer.status, answer.body, answer.headers["vary"]) == (200, b"", VARY)
    allowed = {
        "allow-origin": SITE,
        "allow-credentials": "true",
        "allow-methods": "GET, PUT",
        "expose-headers": "ETag, x-amz-request-id",
        "max-age": "600",
    }
    assert cors_headers(answer) == {**allowed, "allow-headers": "content-type, x-amz-date"}
    assert answer.headers["x-amz-request-id"] and answer.headers["x-amz-id-2"]

    answer = photo("PUT", {"origin": SITE, "content-type": "image/jpeg"}, b"new jpeg")
    assert (answer.status, cors_headers(answer)) == (200, allowed)
    answer = photo("GET", {"origin": SITE})
    assert (answer.body, cors_headers(answer), answer.headers["vary"]) == (b"new jpeg", allowed, VARY)


def test_a_page_may_read_why_it_failed(cloud, uploads):
    answer = cloud.get(f"/{uploads}/missing", headers={"origin": SITE})
    assert (answer.status, element(answer, "Code")) == (404, "NoSuchKey")
    assert answer.headers["access-control-allow-origin"] == SITE


def test_previews_of_the_site_may_too(photo):
    origin = "https://branch-7.preview.example.com"
    assert photo("GET", {"origin": origin}).headers["access-control-allow-origin"] == origin
    for other in ("http://branch-7.preview.example.com", "https://preview.example.com", f"{origin}.evil.test"):
        assert not cors_headers(photo("GET", {"origin": other})), other


def test_everybody_may_look_without_credentials(photo):
    answer = photo("HEAD", {"origin": STRANGER})
    assert (answer.status, cors_headers(answer)) == (200, {"allow-origin": "*", "allow-methods": "HEAD"})


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [(STRANGER, "GET", ""), (SITE, "DELETE", ""), (SITE, "PUT", "content-type,x-amz-acl"), (STRANGER, "HEAD", "range")],
)
def test_what_no_rule_allows_is_refused(photo, origin, method, headers):
    asked = {"origin": origin, "access-control-request-method": method, "access-control-request-headers": headers}
    answer = photo("OPTIONS", asked)
    assert refusal(answer) == (403, "AccessForbidden", method, "OBJECT")
    assert element(answer, "Message").startswith(NOT_ALLOWED)
    assert not cors_headers(answer)


def test_a_stranger_cannot_read_the_answer(photo):
    """The object is as public as it was; the browser keeps it from the page."""
    answer = photo("GET", {"origin": STRANGER})
    assert (answer.status, answer.body, cors_headers(answer)) == (200, b"jpeg", {})


def test_incomplete_questions_are_refused(photo):
    answer = photo("OPTIONS", {"access-control-request-method": "GET"})
    assert (answer.status, element(answer, "Code")) == (400, "BadRequest")
    assert element(answer, "Message") == "Insufficient information. Origin request header needed."
    assert refusal(photo("OPTIONS", {"origin": SITE})) == (403, "AccessForbidden", "OPTIONS", "OBJECT")
    answer = photo("OPTIONS", {"origin": SITE, "access-control-request-method": "get"})
    assert (answer.status, element(answer, "Message")) == (400, "Invalid Access-Control-Request-Method: get")


def test_a_bucket_without_rules_is_for_pages_of_this_machine(cloud, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = preflight(cloud, f"/{bucket}/k", STRANGER, "PUT")
    assert refusal(answer) == (403, "AccessForbidden", "PUT", "BUCKET")
    assert element(answer, "Message") == NOT_ENABLED
    answer = cloud.get(f"/{bucket}/k", headers={"origin": STRANGER})
    assert (answer.body, cors_headers(answer)) == (b"x", {})
    own = f"http://localhost:{cloud.port}"
    assert preflight(cloud, f"/{bucket}/k", own, "PUT").headers["access-control-allow-origin"] == own
    assert cloud.get(f"/{bucket}/k", headers={"origin": own}).headers["access-control-allow-origin"] == own


def test_rules_go_with_their_configuration(cloud, s3, uploads):
    path = f"/{uploads}/photo.jpg"
    assert preflight(cloud, path, SITE, "PUT").status == 200
    s3.delete_bucket_cors(Bucket=uploads)
    assert element(preflight(cloud, path, SITE, "PUT"), "Message") == NOT_ENABLED


def test_a_strange_page_cannot_hide_behind_a_bucket(cloud, uploads, queue):
    """A form can name an operation of any service; a path that looks like a bucket's changes nothing."""
    form = {"Action": "DeleteQueue", "QueueUrl": queue, "Version": "2012-11-05"}
    for host in (f"localhost:{cloud.port}", f"{uploads}.s3.localhost.localstack.cloud:{cloud.port}"):
        for origin in (STRANGER, SITE):
            answer = cloud.post(f"/{uploads}", form, headers={"host": host, "origin": origin})
            assert answer.status == 403, answer
    assert cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]


def test_no_page_makes_or_lists_buckets(cloud, uploads, name):
    assert http.request("PUT", f"{cloud.url}/{name}-new", headers={"origin": SITE}).status == 403
    assert http.request("PUT", f"{cloud.url}/{uploads}", headers={"origin": SITE}).status == 403
    assert cloud.get("/", headers={"origin": SITE}).status == 403


def test_rules_are_checked(s3, bucket):
    def put(**rule):
        rules = [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], **rule}]
        with pytest.raises(s3.exceptions.ClientError) as error:
            s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
        return error.value.response["Error"]["Message"]

    crowded = 'AllowedOrigin "https://*.*.com" can not have more than one wildcard.'
    assert put(AllowedOrigins=["https://*.*.com"]) == crowded
    assert put(AllowedHeaders=["x-*-*"]) == 'AllowedHeader "x-*-*" can not have more than one wildcard.'
    exposed = 'ExposeHeader "x-amz-*" contains wildcard. We currently do not support wildcard for ExposeHeader.'
    assert put(ExposeHeaders=["x-amz-*"]) == exposed


def test_the_rules_of_buckets_can_be_switched_off(request, clouds, name):
    cloud = clouds(request, DISABLE_CUSTOM_CORS_S3=1)
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": RULES})
    assert preflight(cloud, f"/{name}/k", SITE, "PUT").status == 403
    assert cloud.get(f"/{name}/k", headers={"origin": SITE}).status == 403
    own = f"http://localhost:{cloud.port}"
    assert preflight(cloud, f"/{name}/k", own, "PUT").status == 204
