//! Where the table comes from: a file, control planes, or a control plane's on top of a file.

use std::{
    fs,
    future::pending,
    path::{Path, PathBuf},
    sync::Arc,
};

use outrigger_config::{
    Config, Problems,
    model::{Cluster, Listener},
};

use crate::{
    control::{Control, Merged, Table},
    discovery::file::Watch,
};

/// Both, as far as there are any.
pub struct Sources {
    file: Option<File>,
    control: Option<Control>,
    /// What the control plane said last.
    pushed: Arc<Table>,
    /// What of it is in force, and what was left out, a sentence each.
    in_force: (Arc<Table>, Vec<String>),
}

/// A file, as the command line names it.
pub struct File {
    path: PathBuf,
    /// Of the command line, in place of the file's.
    zone: Option<Arc<str>>,
    watch: Watch,
}

/// Who says something new.
pub enum News {
    /// The file, perhaps.
    File,
    /// The control plane.
    Control,
}

impl File {
    /// A file that is watched from now on.
    pub fn new(path: PathBuf, zone: Option<Arc<str>>) -> Self {
        let watch = Watch::new(&path, &fs::read(&path).unwrap_or_default());
        Self { path, zone, watch }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says.
    pub fn load(&self) -> Result<Config, Problems> {
        load(&self.path, self.zone.as_ref())
    }
}

/// The table in a file, with what the command line says in place of it.
pub fn load(path: &Path, zone: Option<&Arc<str>>) -> Result<Config, Problems> {
    let mut config = outrigger_config::load(path)?;
    config.zone = zone.cloned().or(config.zone);
    Ok(config)
}

impl Sources {
    /// These, and the table that there is already.
    pub fn new(file: Option<File>, control: Option<Control>, pushed: Arc<Table>) -> Self {
        Self {
            file,
            control,
            in_force: (Arc::clone(&pushed), Vec::new()),
            pushed,
        }
    }

    /// Waits until there is something new. May be dropped at any time and begun anew.
    pub async fn changed(&mut self) -> News {
        let file = async {
            match &mut self.file {
                Some(file) => file.watch.changed().await,
                None => pending().await,
            }
        };
        let pushed = async {
            if let Some(control) = &mut self.control
                && control.tables.changed().await.is_ok()
            {
                return Arc::clone(&control.tables.borrow_and_update());
            }
            pending().await
        };
        tokio::select! {
            () = file => News::File,
            table = pushed => {
                self.pushed = table;
                News::Control
            }
        }
    }

    /// The file, if there is one.
    pub fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// The table, on top of what a file says.
    pub fn on(&self, file: &Config) -> Merged {
        self.pushed.on(file)
    }

    /// The clusters that list other endpoints than in the pushed table that is in force, if no more than that has changed.
    pub fn moved(&self) -> Option<Vec<&Arc<Cluster>>> {
        self.pushed.moved_since(&self.in_force.0)
    }

    /// The table is in force, but for this.
    pub fn in_force(&mut self, left_out: Vec<String>) {
        self.in_force = (Arc::clone(&self.pushed), left_out);
        self.tell();
    }

    /// The table is in force, but for what was left out before.
    pub fn still_in_force(&mut self) {
        self.in_force.0 = Arc::clone(&self.pushed);
        self.tell();
    }

    fn tell(&self) {
        if let Some(control) = &self.control {
            let (table, left_out) = &self.in_force;
            control.in_force(table, left_out);
        }
    }
}

/// Whether a listener is the control plane's, so that its trouble must not keep the rest from being served.
pub fn pushed(file: &Config) -> impl Fn(&Listener) -> bool {
    |listener| file.listeners.iter().all(|own| own.name != listener.name)
}
