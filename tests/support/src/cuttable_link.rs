//! A TCP link to a backend that a test can cut, freeze and heal.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Bytes flow.
    Up,
    /// Connections stay open and nothing flows: a network that swallows packets.
    Frozen,
    /// Connections are closed and new ones refused.
    Cut,
}

/// A forwarder from a local port to a backend.
#[derive(Debug)]
pub struct CuttableLink {
    port: u16,
    accepted: Arc<AtomicUsize>,
    state: watch::Sender<State>,
    /// Ended with the link.
    _tasks: JoinSet<()>,
}

impl CuttableLink {
    /// Starts forwarding from a free port of loopback.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn to(host: &str, port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = format!("{host}:{port}");
        let local = listener.local_addr().unwrap().port();
        let (state, watched) = watch::channel(State::Up);
        let mut tasks = JoinSet::new();
        let accepted = Arc::new(AtomicUsize::new(0));
        tasks.spawn(accept(listener, target, watched, Arc::clone(&accepted)));
        Self {
            port: local,
            accepted,
            state,
            _tasks: tasks,
        }
    }

    /// The port on loopback.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were made so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Closes every connection and refuses new ones.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Keeps every connection and lets nothing through.
    pub fn freeze(&self) {
        self.state.send_replace(State::Frozen);
    }

    /// Lets everything through again.
    pub fn heal(&self) {
        self.state.send_replace(State::Up);
    }
}

async fn accept(
    listener: TcpListener,
    target: String,
    state: watch::Receiver<State>,
    accepted: Arc<AtomicUsize>,
) {
    let mut links = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        accepted.fetch_add(1, Ordering::Relaxed);
        if *state.borrow() == State::Cut {
            continue;
        }
        let Ok(backend) = TcpStream::connect(&target).await else {
            continue;
        };
        client.set_nodelay(true).unwrap();
        backend.set_nodelay(true).unwrap();
        let (from_client, to_client) = client.into_split();
        let (from_backend, to_backend) = backend.into_split();
        let mut state = state.clone();
        links.spawn(async move {
            tokio::select! {
                () = pump(from_client, to_backend, state.clone()) => {}
                () = pump(from_backend, to_client, state.clone()) => {}
                _ = state.wait_for(|state| *state == State::Cut) => {}
            }
        });
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(count) = from.read(&mut buffer).await else {
            return;
        };
        if count == 0 || state.wait_for(|state| *state == State::Up).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
