//! The settings that are used, as data.

use super::Kind::{Choice, Flag, Number, Secret, Text};
use super::{Setting, Status};

const fn used(
    name: &'static str,
    kind: super::Kind,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting { name, meaning, default, kind, status: Status::Used }
}

/// Names that other programs use as well: they are ours only with a prefix.
pub(super) const PREFIXED_ONLY: &[&str] = &["DATA_DIR", "DURABILITY", "INIT_DIR", "LOG_FORMAT"];

/// Levels of `LS_LOG`.
const LEVELS: &[&str] = &["trace", "trace-internal", "debug", "info", "warn", "warning", "error"];

pub(super) const USED: &[Setting] = &[
    // Where the server listens and how it is called from outside.
    used(
        "GATEWAY_LISTEN",
        Text,
        "",
        "Addresses to listen on, host:port[,host:port…]; in a container `:4566` means all its addresses",
    ),
    used(
        "LOCALSTACK_HOST",
        Text,
        "",
        "host[:port] in the URLs that are returned; localhost.localstack.cloud",
    ),
    used("USE_SSL", Flag, "0", "Whether returned URLs begin with https"),
    used("USE_LEGACY_PORTS", Flag, "0", "Listen on the old port of every service too (4563-4599)"),
    used("CUSTOM_SSL_CERT_PATH", Text, "", "PEM file with the certificate chain and key to use for TLS"),
    used("LOCALSTACK_RESPONSE_HEADER_ENABLED", Flag, "1", "Whether responses carry an x-localstack header"),
    used("OVERRIDE_IN_DOCKER", Flag, "", "Whether to take this machine for a container, instead of looking"),
    // State.
    used("PERSISTENCE", Flag, "1", "Whether state outlives the process; 0 is the same as --ephemeral"),
    used(
        "DATA_DIR",
        Text,
        "",
        "Directory of all state (read only as CLOUDTWIN_DATA_DIR or LOCALSTACK_DATA_DIR)",
    ),
    used("LOCALSTACK_VOLUME_DIR", Text, "", "Directory under which the data directory `cloudtwin` lies"),
    used(
        "DURABILITY",
        Choice(&["default", "sync"]),
        "default",
        "`sync` flushes every commit to the disk before it is acknowledged",
    ),
    // Which services, which accounts.
    used("SERVICES", Text, "", "Services to enable, separated by commas; all when unset"),
    used("STRICT_SERVICE_LOADING", Flag, "1", "Whether SERVICES disables the services it does not name"),
    used("PARITY_AWS_ACCESS_KEY_ID", Flag, "0", "Whether access keys begin with A, as on AWS"),
    used(
        "S3_SKIP_SIGNATURE_VALIDATION",
        Flag,
        "1",
        "Accept signatures of access keys that were not issued here",
    ),
    used(
        "SQS_ENDPOINT_STRATEGY",
        Choice(&["standard", "domain", "path", "dynamic", "off"]),
        "dynamic",
        "The form of queue URLs",
    ),
    // Permissions.
    used("ENFORCE_IAM", Flag, "0", "Refuse what IAM policies do not allow"),
    used("IAM_SOFT_MODE", Flag, "0", "Decide and log what IAM policies do not allow, and refuse nothing"),
    used(
        "IAM_UNKNOWN_KEYS",
        Choice(&["root", "deny"]),
        "root",
        "What access keys are that were not issued here: the account's root, or refused",
    ),
    used(
        "IAM_SECURE_TRANSPORT",
        Choice(&["always", "tls"]),
        "always",
        "Which calls have aws:SecureTransport: all, or those over TLS only",
    ),
    used(
        "IAM_TRUSTED_PROXIES",
        Text,
        "",
        "Proxies, as addresses or networks, whose X-Forwarded-For tells aws:SourceIp",
    ),
    // Browsers.
    used("DISABLE_CORS_HEADERS", Flag, "0", "Send no CORS headers but those of buckets and APIs"),
    used("DISABLE_CORS_CHECKS", Flag, "0", "Accept requests from every web origin"),
    used(
        "DISABLE_CUSTOM_CORS_APIGATEWAY",
        Flag,
        "0",
        "Apply the server's CORS rules to API Gateway instead of each API's",
    ),
    used("DISABLE_CUSTOM_CORS_S3", Flag, "0", "Apply the server's CORS rules to S3 instead of each bucket's"),
    used("DISABLE_PREFLIGHT_PROCESSING", Flag, "0", "Pass OPTIONS requests on to the services"),
    used("EXTRA_CORS_ALLOWED_ORIGINS", Text, "", "Further web origins to accept, separated by commas"),
    used("EXTRA_CORS_ALLOWED_HEADERS", Text, "", "Further headers that browsers may send"),
    used("EXTRA_CORS_EXPOSE_HEADERS", Text, "", "Further headers that browsers may read"),
    // Logs and insight.
    used("DEBUG", Flag, "0", "Log more, and serve /_localstack/config and /_localstack/diagnose"),
    used("LS_LOG", Choice(LEVELS), "", "Log level; overrides DEBUG"),
    used("LOG_FORMAT", Choice(&["text", "json"]), "text", "Form of log lines"),
    used("ENABLE_CONFIG_UPDATES", Flag, "0", "Serve the settings at /_localstack/config"),
    // Hooks and profiles.
    used("INIT_DIR", Text, "", "A further directory with boot.d, start.d, ready.d and shutdown.d"),
    used("INIT_SCRIPT_TIMEOUT", Number, "300", "Seconds after which an init script is ended"),
    used("CONFIG_PROFILE", Text, "default", "Profiles to load, separated by commas"),
    used("CONFIG_DIR", Text, "", "Directory of profiles; ~/.config/cloudtwin, then ~/.localstack"),
    // Accepted, and looked at nowhere but here: tokens must not be printed.
    Setting {
        name: "LOCALSTACK_AUTH_TOKEN",
        meaning: "LocalStack's licence token",
        default: "",
        kind: Secret,
        status: Status::Unneeded("no token is needed"),
    },
    Setting {
        name: "LOCALSTACK_API_KEY",
        meaning: "LocalStack's former licence key",
        default: "",
        kind: Secret,
        status: Status::Unneeded("no key is needed"),
    },
];
