//! The configuration in force: command line, environment and profiles brought together.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use cloudtwin_core::TrustedProxies;
use cloudtwin_core::authorize::Enforcement;

use crate::addresses::{self, DEFAULT_PORT, HostPort};
use crate::cli::{Cli, Durability, InstanceArgs, LogFormat, StartArgs};
use crate::directories;
use crate::failure::{Failure, Kind};
use crate::settings::{self, Settings};

/// The name that resolves to 127.0.0.1 in public DNS, in all URLs that are returned.
pub(crate) const DEFAULT_PUBLIC_HOST: &str = "localhost.localstack.cloud";

/// Services that each others' operations need, so that naming one enables both. The names are
/// those of LocalStack's health endpoint.
const DEPENDENCIES: &[(&str, &[&str])] = &[
    ("dynamodb", &["dynamodbstreams"]),
    ("dynamodbstreams", &["kinesis"]),
    ("es", &["opensearch"]),
    ("cloudformation", &["s3", "sts"]),
    ("lambda", &["s3", "sts"]),
    ("firehose", &["kinesis"]),
    ("transcribe", &["s3"]),
    ("secretsmanager", &["kms", "lambda"]),
    ("ssm", &["secretsmanager"]),
    ("serverless", &["cloudformation", "cloudwatch", "iam", "sts", "lambda", "dynamodb", "apigateway", "s3"]),
    ("cognito", &["cognito-idp", "cognito-identity"]),
    ("timestream", &["timestream-write", "timestream-query"]),
];

/// Which services may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EnabledServices {
    All,
    Only(BTreeSet<String>),
}

impl EnabledServices {
    fn from_settings(settings: &Settings) -> Self {
        let Some(text) = settings.text("SERVICES") else { return Self::All };
        if !settings.flag("STRICT_SERVICE_LOADING") {
            return Self::All;
        }
        let mut open: Vec<String> = text
            .split(',')
            // `s3:4572`, from the days when every service had its port.
            .filter_map(|part| part.split([':', '=']).next())
            .map(|name| name.trim().to_ascii_lowercase())
            .filter(|name| !name.is_empty())
            .collect();
        let mut enabled = BTreeSet::new();
        while let Some(name) = open.pop() {
            if let Some((_, needed)) = DEPENDENCIES.iter().find(|(service, _)| *service == name) {
                open.extend(
                    needed.iter().map(|name| (*name).to_owned()).filter(|name| !enabled.contains(name)),
                );
            }
            enabled.insert(name);
        }
        Self::Only(enabled)
    }
}

/// What browsers may do; see the CORS settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct CorsConfig {
    pub(crate) headers_disabled: bool,
    pub(crate) checks_disabled: bool,
    pub(crate) preflight_disabled: bool,
    pub(crate) apigateway_like_the_rest: bool,
    pub(crate) buckets_like_the_rest: bool,
    pub(crate) extra_origins: Vec<String>,
    pub(crate) extra_allowed_headers: Vec<String>,
    pub(crate) extra_exposed_headers: Vec<String>,
}

/// Everything `start` needs to know.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: Vec<HostPort>,
    pub(crate) legacy_ports: bool,
    pub(crate) in_container: bool,
    pub(crate) data_dir: PathBuf,
    pub(crate) ephemeral: bool,
    pub(crate) sync: bool,
    /// The host in returned URLs, and its port when it is not the one listened on.
    pub(crate) public_host: String,
    pub(crate) public_port: Option<u16>,
    pub(crate) public_https: bool,
    pub(crate) services: EnabledServices,
    pub(crate) sqs_endpoint_strategy: String,
    pub(crate) parity_access_keys: bool,
    /// How strictly IAM is applied at the start.
    pub(crate) enforcement: Enforcement,
    /// Refuse access keys that were not issued here.
    pub(crate) refuse_unknown_keys: bool,
    /// Whether calls over plain HTTP count as encrypted.
    pub(crate) plain_http_is_secure: bool,
    /// The proxies that tell the addresses of clients.
    pub(crate) trusted_proxies: TrustedProxies,
    /// Check signatures of access keys that were not issued here, with the secret `test`.
    pub(crate) verify_unknown_keys: bool,
    pub(crate) cors: CorsConfig,
    pub(crate) response_header: bool,
    pub(crate) custom_certificate: Option<PathBuf>,
    pub(crate) init_dirs: Vec<PathBuf>,
    pub(crate) init_timeout: Duration,
    pub(crate) serve_settings: bool,
    pub(crate) settings: Settings,
}

/// The settings with the options that all commands share.
pub(crate) fn load_settings(cli: &Cli, instance: &InstanceArgs) -> Settings {
    let environment = settings::environment();
    let profiles = cli.profile.clone().or_else(|| settings::early(&environment, "CONFIG_PROFILE"));
    let dirs = directories::profile_dirs(settings::early(&environment, "CONFIG_DIR").as_deref());
    let (profiles, warnings) = settings::load_profiles(profiles.as_deref().unwrap_or("default"), &dirs);
    let mut settings = Settings::load(&environment, &profiles);
    for warning in warnings {
        settings.warn(warning);
    }
    if let Some(profile) = &cli.profile {
        settings.set_option("CONFIG_PROFILE", profile.clone(), "--profile");
    }
    if cli.debug {
        settings.set_option("DEBUG", "1".to_owned(), "--debug");
    }
    if let Some(dir) = &instance.data_dir {
        settings.set_option("DATA_DIR", dir.display().to_string(), "--data-dir");
    }
    settings
}

/// The data directory, absolute, or a failure that says what to give.
pub(crate) fn data_dir(settings: &Settings) -> Result<PathBuf, Failure> {
    let dir = directories::data_dir(settings).ok_or_else(|| {
        Failure::new(
            Kind::DataDir,
            "there is no home directory to keep state in: give --data-dir or --ephemeral",
        )
    })?;
    std::path::absolute(&dir)
        .map_err(|error| Failure::new(Kind::DataDir, format!("data directory {}: {error}", dir.display())))
}

/// Where the server listens unless it is told otherwise.
const LOOPBACK: &str = "127.0.0.1";

/// The addresses to listen on.
pub(crate) fn listen_addresses(settings: &Settings, in_container: bool) -> Result<Vec<HostPort>, Failure> {
    // `GATEWAY_LISTEN=:4566` in a container is how tools ask for all its addresses. Nothing but an
    // explicit wish opens more than loopback.
    let default_host = if in_container { "0.0.0.0" } else { LOOPBACK };
    match settings.text("GATEWAY_LISTEN") {
        Some(list) => addresses::parse_list(list, default_host).map_err(|problem| {
            let origin = settings.origin("GATEWAY_LISTEN");
            Failure::new(Kind::Usage, format!("cannot listen on `{list}` ({origin}): {problem}"))
        }),
        None => Ok(vec![HostPort { host: LOOPBACK.to_owned(), port: DEFAULT_PORT }]),
    }
}

impl Config {
    /// Brings everything together for `start`.
    pub(crate) fn for_start(cli: &Cli, arguments: &StartArgs) -> Result<Self, Failure> {
        let mut settings = load_settings(cli, &arguments.instance);
        settings.set_pairs(&arguments.env);
        apply_options(&mut settings, arguments);
        Self::from_settings(settings, arguments.init_dir.clone())
    }

    /// Reads the settings; the values of options are among them already.
    pub(crate) fn from_settings(settings: Settings, init_dirs: Vec<PathBuf>) -> Result<Self, Failure> {
        let in_container = directories::in_container(&settings);
        let listen = listen_addresses(&settings, in_container)?;
        let ephemeral = !settings.flag("PERSISTENCE");
        let data_dir = match data_dir(&settings) {
            Ok(dir) => dir,
            Err(_) if ephemeral => std::env::temp_dir().join("cloudtwin"),
            Err(failure) => return Err(failure),
        };
        let (public_host, public_port) = public_address(&settings)?;
        let mut hooks = directories::init_dirs();
        hooks.extend(settings.text("INIT_DIR").map(PathBuf::from));
        hooks.extend(init_dirs);
        Ok(Self {
            listen,
            legacy_ports: settings.flag("USE_LEGACY_PORTS"),
            in_container,
            data_dir,
            ephemeral,
            sync: settings.text("DURABILITY").is_some_and(|mode| mode.eq_ignore_ascii_case("sync")),
            public_host,
            public_port,
            public_https: settings.flag("USE_SSL"),
            services: EnabledServices::from_settings(&settings),
            sqs_endpoint_strategy: lowercase(&settings, "SQS_ENDPOINT_STRATEGY", "dynamic"),
            parity_access_keys: settings.flag("PARITY_AWS_ACCESS_KEY_ID"),
            enforcement: enforcement(&settings),
            refuse_unknown_keys: lowercase(&settings, "IAM_UNKNOWN_KEYS", "root") == "deny",
            plain_http_is_secure: lowercase(&settings, "IAM_SECURE_TRANSPORT", "always") != "tls",
            trusted_proxies: trusted_proxies(&settings)?,
            verify_unknown_keys: !settings.flag("S3_SKIP_SIGNATURE_VALIDATION"),
            cors: cors(&settings),
            response_header: settings.flag("LOCALSTACK_RESPONSE_HEADER_ENABLED"),
            custom_certificate: settings.text("CUSTOM_SSL_CERT_PATH").map(PathBuf::from),
            init_dirs: hooks,
            init_timeout: Duration::from_secs(settings.number("INIT_SCRIPT_TIMEOUT").unwrap_or(300)),
            serve_settings: settings.flag("ENABLE_CONFIG_UPDATES") || settings.flag("DEBUG"),
            settings,
        })
    }
}

fn apply_options(settings: &mut Settings, arguments: &StartArgs) {
    // `--host` without an address is LocalStack's "not in a container", which is always so.
    let host = arguments.host.as_deref().filter(|host| !host.is_empty());
    if host.is_some() || arguments.instance.port.is_some() {
        let host = host.unwrap_or(LOOPBACK);
        let host =
            if host.parse::<std::net::Ipv6Addr>().is_ok() { format!("[{host}]") } else { host.to_owned() };
        let port = arguments.instance.port.unwrap_or(DEFAULT_PORT);
        settings.set_option("GATEWAY_LISTEN", format!("{host}:{port}"), "--host/--port");
    }
    if arguments.ephemeral {
        settings.set_option("PERSISTENCE", "0".to_owned(), "--ephemeral");
    }
    if arguments.legacy_ports {
        settings.set_option("USE_LEGACY_PORTS", "1".to_owned(), "--legacy-ports");
    }
    if let Some(durability) = arguments.durability {
        let mode = match durability {
            Durability::Default => "default",
            Durability::Sync => "sync",
        };
        settings.set_option("DURABILITY", mode.to_owned(), "--durability");
    }
    if let Some(format) = arguments.log_format {
        let format = match format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        settings.set_option("LOG_FORMAT", format.to_owned(), "--log-format");
    }
}

fn public_address(settings: &Settings) -> Result<(String, Option<u16>), Failure> {
    let Some(text) = settings.text("LOCALSTACK_HOST") else {
        return Ok((DEFAULT_PUBLIC_HOST.to_owned(), None));
    };
    // Port 0 stands for "not given": no URL can carry it.
    let address = HostPort::parse(text, DEFAULT_PUBLIC_HOST, 0).map_err(|problem| {
        let origin = settings.origin("LOCALSTACK_HOST");
        Failure::new(Kind::Usage, format!("LOCALSTACK_HOST `{text}` ({origin}) is not host:port: {problem}"))
    })?;
    Ok((address.host, Some(address.port).filter(|port| *port != 0)))
}

fn lowercase(settings: &Settings, name: &str, default: &str) -> String {
    settings.text(name).map_or_else(|| default.to_owned(), str::to_ascii_lowercase)
}

/// Soft mode is asked for to see what enforcement would do, so it wins.
fn enforcement(settings: &Settings) -> Enforcement {
    if settings.flag("IAM_SOFT_MODE") {
        Enforcement::SoftMode
    } else if settings.flag("ENFORCE_IAM") {
        Enforcement::Enforced
    } else {
        Enforcement::Disabled
    }
}

fn trusted_proxies(settings: &Settings) -> Result<TrustedProxies, Failure> {
    settings.text("IAM_TRUSTED_PROXIES").unwrap_or_default().parse().map_err(|problem| {
        let origin = settings.origin("IAM_TRUSTED_PROXIES");
        Failure::new(Kind::Usage, format!("IAM_TRUSTED_PROXIES ({origin}): {problem}"))
    })
}

fn list(settings: &Settings, name: &str) -> Vec<String> {
    let items = settings.text(name).unwrap_or_default().split(',');
    items.map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn cors(settings: &Settings) -> CorsConfig {
    CorsConfig {
        headers_disabled: settings.flag("DISABLE_CORS_HEADERS"),
        checks_disabled: settings.flag("DISABLE_CORS_CHECKS"),
        preflight_disabled: settings.flag("DISABLE_PREFLIGHT_PROCESSING"),
        apigateway_like_the_rest: settings.flag("DISABLE_CUSTOM_CORS_APIGATEWAY"),
        buckets_like_the_rest: settings.flag("DISABLE_CUSTOM_CORS_S3"),
        extra_origins: list(settings, "EXTRA_CORS_ALLOWED_ORIGINS"),
        extra_allowed_headers: list(settings, "EXTRA_CORS_ALLOWED_HEADERS"),
        extra_exposed_headers: list(settings, "EXTRA_CORS_EXPOSE_HEADERS"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, Failure> {
        let mut all = vec![("OVERRIDE_IN_DOCKER", "0"), ("CLOUDTWIN_DATA_DIR", "/srv/cloud")];
        all.extend_from_slice(variables);
        let all: Vec<_> = all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::from_settings(Settings::load(&all, &[]), Vec::new())
    }

    #[test]
    fn without_settings_it_listens_on_loopback_and_persists() {
        let config = config(&[]).unwrap();
        assert_eq!(config.listen[0].to_string(), "127.0.0.1:4566");
        assert!(!config.ephemeral && !config.sync && config.response_header);
        assert_eq!(config.public_host, "localhost.localstack.cloud");
        assert_eq!(config.services, EnabledServices::All);
    }

    #[test]
    fn in_a_container_it_listens_on_every_address() {
        let config = config(&[("OVERRIDE_IN_DOCKER", "1"), ("GATEWAY_LISTEN", ":4566,:443")]).unwrap();
        let listen: Vec<_> = config.listen.iter().map(ToString::to_string).collect();
        assert_eq!(listen, ["0.0.0.0:4566", "0.0.0.0:443"]);
    }

    #[test]
    fn persistence_0_is_ephemeral() {
        assert!(config(&[("PERSISTENCE", "0")]).unwrap().ephemeral);
        assert!(!config(&[("PERSISTENCE", "1")]).unwrap().ephemeral);
    }

    #[test]
    fn services_bring_what_they_need() {
        let EnabledServices::Only(services) =
            config(&[("SERVICES", "s3:4572, SQS,lambda")]).unwrap().services
        else {
            panic!("every service is enabled");
        };
        for name in ["s3", "sqs", "lambda", "sts"] {
            assert!(services.contains(name), "{name}");
        }
        assert!(!services.contains("iam"));
        let lenient = config(&[("SERVICES", "s3"), ("STRICT_SERVICE_LOADING", "0")]).unwrap().services;
        assert!(matches!(lenient, EnabledServices::All));
    }

    #[test]
    fn a_bad_address_says_where_it_came_from() {
        let failure = config(&[("LOCALSTACK_GATEWAY_LISTEN", "localhost:http")]).unwrap_err();
        assert_eq!(failure.kind(), Kind::Usage);
        assert_eq!(
            failure.to_string(),
            "cannot listen on `localhost:http` (environment LOCALSTACK_GATEWAY_LISTEN): `http` is not a port: \
             use a number from 0 to 65535"
        );
    }

    #[test]
    fn proxies_that_are_no_addresses_are_refused() {
        let trusted = config(&[("IAM_TRUSTED_PROXIES", "10.0.0.0/8, ::1")]).unwrap().trusted_proxies;
        assert_ne!(trusted, TrustedProxies::default());
        let failure = config(&[("IAM_TRUSTED_PROXIES", "10.0.0.0/8,proxy.internal")]).unwrap_err();
        assert_eq!(failure.kind(), Kind::Usage);
        let message = failure.to_string();
        assert!(message.starts_with("IAM_TRUSTED_PROXIES (environment"), "{message}");
        assert!(message.contains("`proxy.internal` is neither"), "{message}");
    }

    #[test]
    fn the_public_address_may_leave_out_the_port() {
        let localstack = config(&[("LOCALSTACK_HOST", "localstack")]).unwrap();
        assert_eq!((localstack.public_host.as_str(), localstack.public_port), ("localstack", None));
        let full = config(&[("LOCALSTACK_HOST", "localhost.localstack.cloud:4599")]).unwrap();
        assert_eq!(full.public_port, Some(4599));
    }
}
