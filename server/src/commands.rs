//! The commands of the command line.

pub(crate) mod config_show;
pub(crate) mod iam;
pub(crate) mod logs;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod wait;

use std::path::PathBuf;

use crate::addresses::DEFAULT_PORT;
use crate::cli::{Cli, InstanceArgs};
use crate::config;
use crate::failure::Failure;
use crate::gateway::listeners;
use crate::instance::{self, Running};
use crate::settings::Settings;

/// Where the commands other than `start` look for a server.
struct Target {
    data_dir: PathBuf,
    port: Option<u16>,
    settings: Settings,
}

impl Target {
    fn new(cli: &Cli, instance: &InstanceArgs) -> Result<Self, Failure> {
        let settings = config::load_settings(cli, instance);
        Ok(Self { data_dir: config::data_dir(&settings)?, port: instance.port, settings })
    }

    fn default_port(&self) -> u16 {
        let listen = config::listen_addresses(&self.settings, false).ok();
        listen.and_then(|listen| Some(listen.first()?.port)).filter(|port| *port != 0).unwrap_or(DEFAULT_PORT)
    }

    /// The server that runs in the data directory.
    fn running(&self) -> Result<Option<Running>, Failure> {
        instance::find(&self.data_dir, self.port, self.default_port())
    }

    /// Where the server is, or would be: it may run in a container or under another user.
    fn url(&self) -> Result<String, Failure> {
        if let Some(running) = self.running()? {
            return Ok(running.record.url);
        }
        let port = self.port.unwrap_or_else(|| self.default_port());
        Ok(listeners::local_url(std::net::SocketAddr::from(([127, 0, 0, 1], port))))
    }
}
