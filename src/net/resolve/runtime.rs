//! The sockets of the DNS client, which note when this process cannot open one.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use hickory_resolver::net::runtime::{RuntimeProvider, TokioRuntimeProvider};

use crate::own_resources;

/// Tokio's sockets. The DNS client hides their errors behind those of the name.
#[derive(Clone, Default)]
pub(super) struct NotingRuntime(TokioRuntimeProvider);

type Opening<T> = Pin<Box<dyn Send + Future<Output = io::Result<T>>>>;

impl RuntimeProvider for NotingRuntime {
    type Handle = <TokioRuntimeProvider as RuntimeProvider>::Handle;
    type Timer = <TokioRuntimeProvider as RuntimeProvider>::Timer;
    type Udp = <TokioRuntimeProvider as RuntimeProvider>::Udp;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        self.0.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        local: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Opening<Self::Tcp> {
        let connecting = self.0.connect_tcp(server, local, timeout);
        Box::pin(async move {
            let connected = connecting.await;
            connected.inspect_err(|error| own_resources::note_connect(server, error))
        })
    }

    fn bind_udp(&self, local: SocketAddr, server: SocketAddr) -> Opening<Self::Udp> {
        let binding = self.0.bind_udp(local, server);
        Box::pin(async move { binding.await.inspect_err(own_resources::note) })
    }
}
