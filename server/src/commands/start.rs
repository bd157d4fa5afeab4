//! `start`: the life of a server.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::config_show;
use crate::admin::{AdminApi, Control, Facts};
use crate::cli::{Cli, StartArgs};
use crate::cloud::Admin;
use crate::config::Config;
use crate::detach;
use crate::failure::{Failure, Kind};
use crate::gateway::cors::Cors;
use crate::gateway::header_case::HeaderCase;
use crate::gateway::listeners::{self, Listeners};
use crate::gateway::tls::Tls;
use crate::gateway::{Gateway, VERSION};
use crate::hooks::{InitHooks, Stage};
use crate::instance::{self, DataDirLock, PidFile, Record};
use crate::logging;
use crate::machine;
use crate::served::Served;

/// The line on standard output that tools wait for.
pub(crate) const READY_LINE: &str = "Ready.";

/// How long requests that are under way may take once the server stops.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// How long the scripts of `shutdown.d` may take together.
const LAST_SCRIPTS: Duration = Duration::from_secs(60);

/// Runs a server in the foreground, or starts one in the background.
pub(crate) fn start(cli: &Cli, arguments: &StartArgs) -> Result<(), Failure> {
    let config = Config::for_start(cli, arguments)?;
    let mut notes = config.settings.warnings();
    notes.extend(arguments.without_meaning.notes());
    if arguments.detached && !arguments.background {
        for note in &notes {
            // A note that cannot be written is in the log as well.
            let _ = writeln!(std::io::stderr(), "warning: {note}");
        }
        instance::prepare_data_dir(&config.data_dir)?;
        detach::start(&config)?;
        let _ = detach::announce(&config);
        return Ok(());
    }
    if arguments.background {
        detach::leave_session();
    }
    logging::start(&config.settings);
    for note in &notes {
        tracing::warn!("{note}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Kind::Failed, format!("no threads can be started: {error}")))?;
    let end = runtime.block_on(serve(config));
    // Nothing that matters is left in it; what hangs must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    let (end, claims) = end?;
    // They go last: `stop` and the next server wait for them.
    drop(claims);
    match end {
        Control::Restart => Err(restart()),
        Control::Run | Control::Stop => Ok(()),
    }
}

/// Begins anew in the same process; returns only when that fails.
fn restart() -> Failure {
    let failed = |error: std::io::Error| {
        Failure::new(Kind::Failed, format!("the server cannot be restarted: {error}"))
    };
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    match std::env::current_exe() {
        Ok(program) => failed(Command::new(program).arg0(name).args(arguments).exec()),
        Err(error) => failed(error),
    }
}

/// What must be kept for as long as the server lives.
struct Claims {
    _data_dir: Option<DataDirLock>,
    _pid_file: Option<PidFile>,
}

/// Serves until it is asked to stop or to restart.
async fn serve(config: Config) -> Result<(Control, Claims), Failure> {
    let started = machine::instant();
    let (data_dir_lock, data_dir_usable) = claim_data_dir(&config)?;
    let bound = listeners::bind(&config.listen, config.legacy_ports)?;
    let Some(first) = bound.first().map(|bound| bound.address) else {
        return Err(Failure::new(Kind::Address, "there is no address to listen on: give one with --host"));
    };
    let url = listeners::local_url(first);
    let record = Record { pid: std::process::id(), port: first.port(), url: url.clone() };
    let pid_file = if data_dir_usable { Some(PidFile::write(&config.data_dir, &record)?) } else { None };
    let claims = Claims { _data_dir: data_dir_lock, _pid_file: pid_file };

    let control = watch::Sender::new(Control::Run);
    let mut stopping = stop_on_signals(&control)?;
    let hooks = Arc::new(InitHooks::find(&config.init_dirs, config.init_timeout, &url));
    hooks.run(Stage::Boot, stopping.clone()).await;
    hooks.run(Stage::Start, stopping.clone()).await;

    let kept = (!config.ephemeral).then(|| config.data_dir.clone());
    let tls = Tls::new(config.custom_certificate.as_deref(), kept.as_deref(), &config.public_host)?;
    let tls = Arc::new(tls);
    let cloud = Arc::new(Served::open(&config, first.port())?);
    let ports: Vec<u16> = bound.iter().map(|bound| bound.address.port()).collect();
    let gateway = Arc::new(Gateway {
        admin: AdminApi {
            cloud: Arc::clone(&cloud),
            hooks: Arc::clone(&hooks),
            tls: Arc::clone(&tls),
            control: control.clone(),
            facts: facts(&config, started, kept),
            settings: config.serve_settings.then(|| config_show::values(&config.settings)),
        },
        cloud: Arc::clone(&cloud),
        cors: Cors::new(config.cors.clone(), &ports, &config.public_host),
        tls,
        header_case: HeaderCase::learn().await,
        response_header: config.response_header,
    });
    let addresses: Vec<String> = bound.iter().map(|bound| bound.address.to_string()).collect();
    let listeners = Listeners::open(bound, &gateway)?;
    tracing::info!(version = VERSION, addresses = addresses.join(","), "listening on {url}");

    hooks.run(Stage::Ready, stopping.clone()).await;
    if !*stopping.borrow() {
        say_ready(started);
    }
    // The sender lives in this function, so this ends only when the server is to stop.
    let _ = stopping.wait_for(|stopping| *stopping).await;
    let end = *control.borrow();
    shut_down(&hooks, listeners, &*cloud).await;
    tracing::info!("stopped");
    Ok((end, claims))
}

/// Takes the data directory. A server that keeps nothing does without one, then nobody can find it
/// through its pid file.
fn claim_data_dir(config: &Config) -> Result<(Option<DataDirLock>, bool), Failure> {
    match instance::prepare_data_dir(&config.data_dir) {
        Ok(()) if config.ephemeral => Ok((None, true)),
        Ok(()) => Ok((Some(DataDirLock::take(&config.data_dir)?), true)),
        Err(failure) if config.ephemeral => {
            tracing::warn!("{failure}; without it `stop` and `status` do not find this server");
            Ok((None, false))
        }
        Err(failure) => Err(failure),
    }
}

fn facts(config: &Config, started: Instant, data_dir: Option<PathBuf>) -> Facts {
    let machine_id = data_dir.as_deref().and_then(|dir| machine_id(dir).ok());
    Facts {
        started,
        session_id: machine::unique_id().to_string(),
        machine_id: machine_id.unwrap_or_else(new_machine_id),
        in_container: config.in_container,
        data_dir,
    }
}

/// An id that a data directory keeps.
fn machine_id(data_dir: &Path) -> std::io::Result<String> {
    let path = data_dir.join("machine-id");
    if let Ok(text) = std::fs::read_to_string(&path)
        && text.starts_with("gen_")
        && text.len() < 64
    {
        return Ok(text.trim().to_owned());
    }
    let id = new_machine_id();
    std::fs::write(path, &id)?;
    Ok(id)
}

/// The form that LocalStack gives such ids.
fn new_machine_id() -> String {
    let mut id = machine::unique_id().simple().to_string();
    id.truncate(12);
    format!("gen_{id}")
}

/// Turns SIGINT and SIGTERM, and requests to stop or restart, into one flag. A second signal ends
/// the process at once.
fn stop_on_signals(control: &watch::Sender<Control>) -> Result<watch::Receiver<bool>, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(Kind::Failed, format!("signals cannot be received: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let (stop, stopping) = watch::channel(false);
    let sender = control.clone();
    let mut asked = control.subscribe();
    tokio::spawn(async move {
        let by_signal = tokio::select! {
            _ = interrupt.recv() => true,
            _ = terminate.recv() => true,
            _ = asked.wait_for(|control| *control != Control::Run) => false,
        };
        if by_signal {
            sender.send_replace(Control::Stop);
        }
        tracing::info!("stopping");
        stop.send_replace(true);
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::warn!("stopped at once by a second signal");
        std::process::exit(130);
    });
    Ok(stopping)
}

fn say_ready(started: Instant) {
    tracing::info!(milliseconds = started.elapsed().as_secs_f64() * 1000.0, "ready");
    let mut stdout = std::io::stdout();
    // Nobody reads it when the parent of a server in the background has gone.
    let _ = writeln!(stdout, "{READY_LINE}");
    let _ = stdout.flush();
}

/// Runs the last scripts while requests are still served, as in LocalStack, so that they can save
/// what is there; then answers what is under way, and closes the store.
async fn shut_down(hooks: &InitHooks, listeners: Listeners, cloud: &impl Admin) {
    let (give_up, given_up) = watch::channel(false);
    let scripts = hooks.run(Stage::Shutdown, given_up);
    tokio::pin!(scripts);
    tokio::select! {
        () = &mut scripts => {}
        () = tokio::time::sleep(LAST_SCRIPTS) => {
            give_up.send_replace(true);
            scripts.await;
        }
    }
    if !listeners.close(LAST_REQUESTS).await {
        tracing::warn!("requests that took longer than {} seconds are cut off", LAST_REQUESTS.as_secs());
    }
    cloud.close().await;
}
