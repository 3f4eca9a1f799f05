//! The attacks.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lab::apiserver::workload;
use lab::{ApiFault, CastAiFault, DnsFault, ImdsFault, ProxyFault};
use serde_json::json;
use test_support::lab_cluster::LabCluster;
use tokio::task::JoinSet;

use super::clients;
use super::exporter::Setup;

/// One attack.
pub(super) struct Attack {
    pub(super) name: &'static str,
    pub(super) setup: Setup,
    /// Changes the lab before the exporter starts.
    pub(super) prepare: fn(&mut LabCluster),
    /// Starts the attack on a healthy exporter, and returns the clients that it needs.
    pub(super) begin: for<'a> fn(&'a LabCluster, String) -> BoxFuture<'a, JoinSet<()>>,
}

macro_rules! attacks {
    ($( $name:literal: $kind:ident($($argument:expr),*); )+) => {
        pub(super) const ATTACKS: &[Attack] = &[$( attack!($kind, $name, $($argument),*) ),+];
    };
}

macro_rules! attack {
    (nothing, $name:literal, ) => {
        attack!(@ $name, |_| (), |_, _| async { JoinSet::new() }.boxed())
    };
    (castai, $name:literal, $fault:expr) => { attack!(fault, $name, castai, CastAiFault, $fault) };
    (apiserver, $name:literal, $fault:expr) => {
        attack!(@ $name, |_| (), |world, _| {
            async move {
                world.api.set($fault.parse::<ApiFault>().unwrap()).await;
                // The exporter has to list everything again.
                world.api.objects().compact();
                world.api.objects().close_watches();
                JoinSet::new()
            }
            .boxed()
        })
    };
    (dns, $name:literal, $fault:expr) => {
        attack!(running, $name, |world: &LabCluster| world.dns.set($fault.parse::<DnsFault>().unwrap()))
    };
    (proxy, $name:literal, $fault:expr) => { attack!(fault, $name, proxy, ProxyFault, $fault) };
    (imds, $name:literal, $fault:expr) => { attack!(fault, $name, imds, ImdsFault, $fault) };
    (fault, $name:literal, $server:ident, $Fault:ty, $fault:expr) => {
        attack!(@ $name, |_| (), |world, _| {
            async move {
                world.$server.set($fault.parse::<$Fault>().unwrap()).await;
                JoinSet::new()
            }
            .boxed()
        })
    };
    (at_start, $name:literal, $prepare:expr) => {
        attack!(@ $name, $prepare, |_, _| async { JoinSet::new() }.boxed())
    };
    (setup, $name:literal, $setup:expr, $clients:expr) => {
        Attack {
            setup: $setup,
            ..attack!(clients, $name, $clients)
        }
    };
    (unread_log, $name:literal, ) => {
        Attack {
            setup: Setup::UnreadLog,
            ..attack!(at_start, $name, |world: &mut LabCluster| {
                world.file.push_str("log: { level: debug }\n");
            })
        }
    };
    (running, $name:literal, $change:expr) => {
        attack!(@ $name, |_| (), |world, _| {
            $change(world);
            async { JoinSet::new() }.boxed()
        })
    };
    (clients, $name:literal, $clients:expr) => {
        attack!(@ $name, |_| (), |_, address| {
            let clients = $clients(&address);
            async { clients }.boxed()
        })
    };
    (@ $name:literal, $prepare:expr, $begin:expr) => {
        Attack { name: $name, setup: Setup::Plain, prepare: $prepare, begin: $begin }
    };
}

attacks! {
    "none": nothing();
    "CAST AI: endless body": castai("endless-body");
    "CAST AI: chunks of one byte": castai("endless-chunks");
    "CAST AI: endless 1xx responses": castai("endless-interim");
    "CAST AI: endless headers": castai("endless-headers");
    "CAST AI: huge headers": castai("huge-headers");
    "CAST AI: one byte per second": castai("drip-body");
    "CAST AI: garbage instead of HTTP": castai("noise");
    "CAST AI: garbage instead of TLS": castai("tls-noise");
    "CAST AI: huge certificate chain": castai("cert-huge");
    "CAST AI: redirect loop": castai("redirect-loop");
    "CAST AI: escape sequences and markup": castai("hostile");
    "CAST AI: echoes the key": castai("echo-as:base64");
    "API server: endless body": apiserver("endless-body");
    "API server: chunks of one byte": apiserver("endless-chunks");
    "API server: endless 1xx responses": apiserver("endless-interim");
    "API server: endless pages": apiserver("endless-pages");
    "API server: echoes the token": apiserver("echo-as:halves");
    "API server: echoes the token in a watch": apiserver("echo-in-watch");
    "DNS: garbage": dns("noise");
    "DNS: silent": dns("silent");
    "proxy: endless headers": proxy("endless-headers");
    "proxy: one byte per second": proxy("drip-head");
    "proxy: escape sequences and markup": proxy("hostile");
    "metadata service: endless body": imds("endless-body");
    "60 pending pods with 700 KB images, at start": at_start(huge_pods);
    "60 pending pods with 700 KB images, later": running(huge_pods_in);
    "80 events with 1 MB reasons, at start": at_start(huge_events);
    "3000 pending pods": at_start(many_pods);
    "odd numbers and dates": at_start(odd_objects);
    "5,000 log lines of the agent": running(log_lines);
    "400 idle connections": clients(clients::idle);
    "400 dripping connections": clients(clients::dripping);
    "clients that send garbage": clients(clients::garbage);
    "clients that scrape without a pause": clients(clients::requests);
    "400 idle connections from the address that asks for health": clients(clients::idle_from_here);
    "clients that send passwords and hang up": setup(Setup::Passwords, clients::passwords);
    "clients that begin TLS handshakes with an RSA-4096 key": setup(Setup::Rsa4096, clients::handshakes);
    "log pipe without a reader": unread_log();
}

fn huge_pods(world: &mut LabCluster) {
    huge_pods_in(world);
}

fn huge_pods_in(world: &LabCluster) {
    pending_pods(world, 60, &"x".repeat(700_000));
}

fn many_pods(world: &mut LabCluster) {
    pending_pods(world, 3000, &"x".repeat(1000));
}

fn pending_pods(world: &LabCluster, count: usize, image: &str) {
    for number in 0..count {
        let name = format!("web-{number}");
        let mut pod = workload::pod(&name, workload::REPLICA_SET, &json!({}), "web", image);
        pod["metadata"]["namespace"] = json!("shop");
        pod["status"] = json!({ "phase": "Pending", "containerStatuses": [{
            "name": "web", "image": image,
            "state": { "waiting": { "reason": "ErrImagePull", "message": image } },
        }] });
        world.api.objects().put(pod);
    }
}

fn huge_events(world: &mut LabCluster) {
    let reason = "x".repeat(1_000_000);
    for number in 0..80 {
        let mut event = workload::event("Pod", workload::POD, &reason, "x");
        event["metadata"]["name"] = json!(format!("event-{number}"));
        event["metadata"]["uid"] = json!(format!("uid-{number}"));
        world.api.objects().put(event);
    }
}

fn odd_objects(world: &mut LabCluster) {
    let objects = world.api.objects();
    let mut event = workload::event("Pod", workload::POD, "BackOff", "x");
    event["count"] = json!(-1);
    event["lastTimestamp"] = json!("9999-12-31T23:59:59Z");
    objects.put(event);
    objects.change("Pod", workload::AGENT, workload::POD, |pod| {
        pod["status"]["containerStatuses"][0]["restartCount"] = json!(-1);
    });
}

fn log_lines(world: &LabCluster) {
    let line = format!("level=error msg=\"{}\"", "\\u001b[31m<b>".repeat(80));
    for _ in 0..5000 {
        world.api.logs().write(workload::POD, "agent", &line);
    }
}
