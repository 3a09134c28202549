//! A way between an API server and etcd that can be shut: what is under way stays where it is, and no connection ends.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A TCP proxy on loopback that runs as long as its runtime.
pub struct Valve {
    pub address: SocketAddr,
    flow: watch::Sender<Flow>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Open,
    Shut,
}

impl Valve {
    /// An open one.
    pub async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, flow) = (listener.local_addr().unwrap(), watch::channel(Flow::Open).0);
        let seen = flow.subscribe();
        tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                let seen = seen.clone();
                tokio::spawn(async move {
                    let Ok(to) = TcpStream::connect(to).await else { return };
                    let ((from_read, from_write), (to_read, to_write)) = (from.into_split(), to.into_split());
                    tokio::select! {
                        () = pass(from_read, to_write, seen.clone()) => {}
                        () = pass(to_read, from_write, seen) => {}
                    }
                });
            }
        });
        Self { address, flow }
    }

    /// Lets nothing through until it is opened.
    pub fn shut(&self) {
        self.flow.send_replace(Flow::Shut);
    }

    pub fn open(&self) {
        self.flow.send_replace(Flow::Open);
    }
}

/// Passes on what comes, while the valve is open, until one of both ends.
async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut flow: watch::Receiver<Flow>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let is_open = flow.wait_for(|flow| *flow == Flow::Open).await.is_ok();
        if !is_open || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
