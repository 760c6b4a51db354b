//! A network between two processes that can be cut: a TCP proxy on loopback.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a link does with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It carries them.
    Open,
    /// Every connection is reset, new ones too.
    Refusing,
    /// They stand still, as if packets were lost, and go on when the link is open again.
    Silent,
    /// Requests arrive, answers stand still.
    Mute,
}

/// A link from one process to one server.
#[derive(Debug)]
pub struct Link {
    /// Where the process finds the server.
    pub address: SocketAddr,
    state: watch::Sender<State>,
    accepting: JoinHandle<()>,
}

impl Link {
    /// Opens a link to `server`.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn open(server: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no port for a link")?;
        let address = listener.local_addr()?;
        let (state, seen) = watch::channel(State::Open);
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    continue;
                };
                let state = seen.clone();
                if *state.borrow() != State::Refusing {
                    tokio::spawn(carry(client, server, state));
                }
            }
        });
        Ok(Self {
            address,
            state,
            accepting,
        })
    }

    /// Cuts or heals it.
    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.state.send_replace(State::Refusing);
        self.accepting.abort();
    }
}

async fn carry(client: TcpStream, server: SocketAddr, mut state: watch::Receiver<State>) {
    // While the link is silent nobody answers a new connection.
    if state
        .wait_for(|state| *state != State::Silent)
        .await
        .is_err()
        || *state.borrow() == State::Refusing
    {
        return;
    }
    let Ok(upstream) = TcpStream::connect(server).await else {
        return;
    };
    drop((client.set_nodelay(true), upstream.set_nodelay(true)));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = upstream.into_split();
    let requests = copy(from_client, to_server, state.clone(), |state| {
        state != State::Silent
    });
    let answers = copy(from_server, to_client, state.clone(), |state| {
        state == State::Open
    });
    let refused = async { drop(state.wait_for(|state| *state == State::Refusing).await) };
    tokio::select! {
        () = async { tokio::join!(requests, answers); } => {}
        () = refused => {}
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    carries: impl Fn(State) -> bool,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await.unwrap_or(0);
        if state
            .wait_for(|state| carries(*state) || *state == State::Refusing)
            .await
            .is_err()
        {
            return;
        }
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            drop(to.shutdown().await);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    drop(tokio::io::copy(&mut read, &mut write).await);
                });
            }
        });
        address
    }

    #[tokio::test]
    async fn a_silent_link_holds_bytes_and_a_refusing_one_breaks_connections() {
        let link = Link::open(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(link.address).await.unwrap();
        let mut byte = [0];
        stream.write_all(b"a").await.unwrap();
        stream.read_exact(&mut byte).await.unwrap();
        link.set(State::Silent);
        stream.write_all(b"b").await.unwrap();
        let waiting =
            tokio::time::timeout(Duration::from_millis(100), stream.read_exact(&mut byte));
        assert!(waiting.await.is_err());
        link.set(State::Open);
        stream.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"b");
        link.set(State::Refusing);
        assert!(matches!(stream.read(&mut byte).await, Ok(0) | Err(_)));
    }
}
