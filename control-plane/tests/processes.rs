//! However the user of a control plane ends, its processes and files go.

#![expect(clippy::unwrap_used, reason = "the functions of a test are tests too")]

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use control_plane::{ControlPlane, Crds, Options, Program};

/// A `control-plane up`, in a process group of its own as a shell's jobs are.
struct Up {
    program: Child,
    _stdin: ChildStdin,
    folder: PathBuf,
    pids: [String; 2],
}

fn up() -> Up {
    let mut program = Command::new(env!("CARGO_BIN_EXE_control-plane"))
        .args(["up", "--crds", "none", "--until-eof"])
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut kubeconfig = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut kubeconfig).unwrap();
    let folder = Path::new(kubeconfig.trim_end()).parent().unwrap().to_owned();
    let pids = ["etcd", "kube-apiserver"]
        .map(|name| fs::read_to_string(folder.join(name).with_extension("pid")).unwrap().trim_end().to_owned());
    assert!(pids.iter().all(|pid| is_alive(pid)));
    let stdin = program.stdin.take().unwrap();
    Up { program, _stdin: stdin, folder, pids }
}

fn kill(signal: &str, target: &str) -> bool {
    Command::new("kill").args([signal, "--", target]).stderr(Stdio::null()).status().unwrap().success()
}

fn is_alive(pid: &str) -> bool {
    kill("-0", pid)
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn exit(program: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(status) = program.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < deadline, "control-plane runs on");
        thread::sleep(Duration::from_millis(50));
    }
}

fn assert_nothing_left(up: &Up) {
    wait_until("the processes have gone", || !up.pids.iter().any(|pid| is_alive(pid)));
    wait_until("the folder has gone", || !up.folder.exists());
}

#[test]
fn killed_user_leaves_nothing() {
    let mut up = up();
    up.program.kill().unwrap();
    exit(&mut up.program);
    assert_nothing_left(&up);
}

#[test]
fn user_killed_after_a_crash_leaves_nothing() {
    let mut up = up();
    // So that it doesn't see the crash, and clean up itself.
    assert!(kill("-STOP", &up.program.id().to_string()));
    for pid in &up.pids {
        assert!(kill("-KILL", pid));
    }
    up.program.kill().unwrap();
    exit(&mut up.program);
    assert_nothing_left(&up);
}

#[test]
fn user_killed_with_a_hanging_apiserver_leaves_nothing() {
    let mut up = up();
    assert!(kill("-STOP", &up.pids[1]));
    up.program.kill().unwrap();
    exit(&mut up.program);
    assert_nothing_left(&up);
}

#[test]
fn interrupt_of_a_terminal_stops_in_order() {
    let mut up = up();
    // Ctrl-C reaches the whole process group: etcd must not be in it.
    assert!(kill("-INT", &format!("-{}", up.program.id())));
    assert!(exit(&mut up.program).success());
    assert!(!up.pids.iter().any(|pid| is_alive(pid)) && !up.folder.exists(), "stopped before it ended");
}

#[test]
fn end_of_input_stops_in_order() {
    let Up { mut program, _stdin: stdin, folder, pids } = up();
    drop(stdin);
    assert!(exit(&mut program).success());
    assert!(!pids.iter().any(|pid| is_alive(pid)) && !folder.exists(), "stopped before it ended");
}

#[test]
fn crash_of_a_program_is_told() {
    let mut up = up();
    assert!(kill("-KILL", &up.pids[0]));
    assert!(!exit(&mut up.program).success());
    assert_nothing_left(&up);
}

#[tokio::test]
async fn dropped_control_plane_leaves_nothing() {
    let control_plane = ControlPlane::start(Options { crds: Crds::None, ..Options::default() }).await.unwrap();
    let folder = control_plane.kubeconfig().parent().unwrap().to_owned();
    let etcd = control_plane.pid(Program::Etcd).await.unwrap().to_string();
    let apiserver = control_plane.pid(Program::KubeApiserver).await.unwrap().to_string();
    drop(control_plane);
    wait_until("the processes have gone", || !is_alive(&etcd) && !is_alive(&apiserver));
    wait_until("the folder has gone", || !folder.exists());
}
