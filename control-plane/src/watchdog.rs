//! A program that ends when its user ends, in whichever way: returning, panicking, killed by SIGKILL.
//!
//! A shell in a process group of its own (so that Ctrl-C in a terminal reaches our user and not the program) runs the
//! program and reads a pipe whose only writing end we hold. The system closes it when we end; nothing of us has to run.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

const SCRIPT: &str = include_str!("watchdog.sh");

/// How long the shell waits after SIGTERM until it sends SIGKILL (5 s, see the script), and some more for itself.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// A running program and the shell that ends it.
#[derive(Debug)]
pub(crate) struct Watchdog {
    name: &'static str,
    folder: PathBuf,
    shell: Child,
    orders: Option<ChildStdin>,
}

impl Watchdog {
    /// Starts `program`. Its output goes to `NAME.out`, its messages to the end of `NAME.log` in `folder`, which is
    /// removed when we end without having called [`Watchdog::stop`].
    pub(crate) fn spawn(name: &'static str, program: &Command, folder: &Path) -> io::Result<Self> {
        let status = folder.join(format!("{name}.status"));
        match fs::remove_file(&status) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", SCRIPT, "watchdog", name])
            .arg(folder)
            .arg(program.get_program())
            .args(program.get_args())
            .stdin(Stdio::piped())
            .stdout(File::create(folder.join(format!("{name}.out")))?)
            .stderr(File::options().create(true).append(true).open(folder.join(format!("{name}.log")))?)
            .process_group(0);
        for (variable, value) in program.get_envs() {
            match value {
                Some(value) => shell.env(variable, value),
                None => shell.env_remove(variable),
            };
        }
        if let Some(directory) = program.get_current_dir() {
            shell.current_dir(directory);
        }
        let mut shell = shell.spawn()?;
        let orders = shell.stdin.take();
        Ok(Self { name, folder: folder.to_owned(), shell, orders })
    }

    /// The program's exit status as a shell counts (128 + signal), `None` while it runs.
    pub(crate) fn status(&mut self) -> Option<i32> {
        let status = fs::read_to_string(self.folder.join(format!("{}.status", self.name))).unwrap_or_default();
        match status.trim().parse() {
            Ok(status) => Some(status),
            // Somebody may have killed the shell itself; its own status is the best there is then.
            Err(_) => self.shell.try_wait().ok().flatten().map(|status| status.code().unwrap_or(-1)),
        }
    }

    /// The program's process id, once it has one.
    pub(crate) fn pid(&self) -> Option<u32> {
        fs::read_to_string(self.folder.join(format!("{}.pid", self.name))).ok()?.trim().parse().ok()
    }

    /// What the program printed on standard output.
    pub(crate) fn output(&self) -> io::Result<String> {
        fs::read_to_string(self.folder.join(format!("{}.out", self.name)))
    }

    /// The end of the program's messages, for an error.
    pub(crate) fn log_tail(&self) -> String {
        const LINES: usize = 20;
        let log = fs::read(self.folder.join(format!("{}.log", self.name))).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// Tells the shell to end the program and to keep the folder.
    pub(crate) fn order_stop(&mut self) {
        if let Some(mut orders) = self.orders.take() {
            // A shell that has ended has nothing to be told.
            let _ = orders.write_all(b"stop\n");
        }
    }

    /// Ends the program and keeps the folder; `false` if it still runs after the limit.
    pub(crate) async fn stop(&mut self) -> bool {
        self.order_stop();
        self.wait_for_shell().await
    }

    /// Ends the program and removes the folder; `false` if it still runs after the limit.
    pub(crate) async fn stop_and_remove(&mut self) -> bool {
        self.orders = None;
        self.wait_for_shell().await
    }

    async fn wait_for_shell(&mut self) -> bool {
        let deadline = Instant::now() + STOP_LIMIT;
        while matches!(self.shell.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }
}
