//! What a person can type, and what becomes of the world.

use std::fmt::Write as _;
use std::str::FromStr;

use lab::{
    AgentFault, ApiFault, AzureImdsFault, CastAiFault, CloudApiFault, DnsFault, Ec2Fault, EksFault,
    Fault, GceFault, ImdsFault, ProxyFault, StsFault,
};

use super::world::World;

/// What a line led to.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// Only this.
    Said(String),
    /// The exporter must be started anew, because its environment changed.
    Restart(String),
    /// The demo ends.
    Quit,
}

pub(crate) const HELP: &str = "\
Break the world by name, one line each:
  castai FAULT                      such as: castai tls-hang
  castai agent-status STATUS        such as: castai agent-status non-responding
  castai status STATUS              such as: castai status failed
  apiserver FAULT                   at all of its addresses
  apiserver one-endpoint-down       one endpoint refuses connections
  apiserver service|endpoint-N FAULT
  dns FAULT [NAME]                  such as: dns nxdomain api.cast.lab
  imds FAULT                        such as: imds hop-limit-required
  agent FAULT                       such as: agent not-started
  agent says LINE                   a line of the agent's log
  sts FAULT                         such as: sts throttled
  ec2 FAULT                         such as: ec2 denied-identity-policy
  eks FAULT                         such as: eks blocked
  gce FAULT, gke FAULT              with --provider gke, such as: gce refused, gke google
  azure FAULT, aks FAULT            with --provider aks, such as: azure restricted, aks private
  proxy FAULT                       such as: proxy 407 (CAST AI is then reached through the proxy)
  proxy use|bypass
  heal                              makes everything healthy
  list [agent|castai|apiserver|dns|imds|sts|ec2|eks|gce|gke|azure|aks|proxy] the names of all faults
  help, quit";

type Names = Vec<(&'static str, &'static str)>;

/// Does what a line says.
pub(crate) async fn apply(line: &str, world: &mut World) -> Outcome {
    let words: Vec<&str> = line.split_whitespace().collect();
    match obey(&words, world).await {
        Ok(outcome) => outcome,
        Err(problem) => Outcome::Said(format!("{problem}; try: help")),
    }
}

async fn obey(words: &[&str], world: &mut World) -> Result<Outcome, String> {
    match *words {
        [] => return Ok(Outcome::Said(String::new())),
        ["quit" | "exit"] => return Ok(Outcome::Quit),
        ["help"] => return Ok(Outcome::Said(HELP.to_owned())),
        ["list", ref servers @ ..] => return list(servers).map(Outcome::Said),
        ["heal"] => world.heal().await,
        ["castai", "agent-status", status] => world.castai.set_field("agentStatus", status.into()),
        ["castai", "status", status] => world.castai.set_field("status", status.into()),
        ["castai", fault] => world.castai.set(read::<CastAiFault>(fault)?).await,
        ["apiserver", "one-endpoint-down"] => {
            endpoint(world, "endpoint-1")?.set(Fault::Refused).await
        }
        ["apiserver", fault] => world.apiserver.set(read::<ApiFault>(fault)?).await,
        ["apiserver", "service", fault] => {
            world
                .apiserver
                .service()
                .set(read::<ApiFault>(fault)?)
                .await
        }
        ["apiserver", name, fault] => endpoint(world, name)?.set(read::<ApiFault>(fault)?).await,
        ["dns", fault] => world.dns.set(read::<DnsFault>(fault)?),
        ["dns", fault, name] => world.dns.set_for(name, read::<DnsFault>(fault)?),
        ["agent", "says", ref line @ ..] => {
            world
                .apiserver
                .logs()
                .write(lab::apiserver::workload::POD, "agent", &line.join(" "));
        }
        ["agent", fault] => world.agent.set(read::<AgentFault>(fault)?).await,
        ["imds", fault] => world.clouds.imds.set(read::<ImdsFault>(fault)?).await,
        ["sts", fault] => world.clouds.sts.set(read::<StsFault>(fault)?).await,
        ["ec2", fault] => world.clouds.ec2.set(read::<Ec2Fault>(fault)?).await,
        ["eks", fault] => world.clouds.eks.set(read::<EksFault>(fault)?).await,
        ["gce", fault] => world.clouds.gce.set(read::<GceFault>(fault)?).await,
        ["gke", fault] => world.clouds.gke.set(read::<CloudApiFault>(fault)?).await,
        ["azure", fault] => world.clouds.azure.set(read::<AzureImdsFault>(fault)?).await,
        ["aks", fault] => world.clouds.aks.set(read::<CloudApiFault>(fault)?).await,
        ["proxy", "use"] => return Ok(go_through_proxy(world, true)),
        ["proxy", "bypass"] => return Ok(go_through_proxy(world, false)),
        ["proxy", fault] => {
            world.proxy.set(read::<ProxyFault>(fault)?).await;
            if !world.behind_proxy {
                return Ok(go_through_proxy(world, true));
            }
        }
        _ => return Err(format!("no switch is called {:?}", words.join(" "))),
    }
    Ok(Outcome::Said(format!("done: {}", words.join(" "))))
}

fn go_through_proxy(world: &mut World, behind_proxy: bool) -> Outcome {
    world.behind_proxy = behind_proxy;
    let way = if behind_proxy {
        "through the proxy"
    } else {
        "directly"
    };
    Outcome::Restart(format!(
        "done: the exporter starts anew and reaches CAST AI {way}"
    ))
}

fn read<F: FromStr<Err = lab::UnknownFault>>(name: &str) -> Result<F, String> {
    name.parse()
        .map_err(|unknown: lab::UnknownFault| unknown.to_string())
}

fn endpoint<'a>(world: &'a World, name: &str) -> Result<&'a lab::Server<ApiFault>, String> {
    let number = name
        .strip_prefix("endpoint-")
        .and_then(|number| number.parse::<usize>().ok());
    let found = number.and_then(|number| world.apiserver.endpoints().get(number.checked_sub(1)?));
    found.ok_or_else(|| format!("the API server has no {name:?}"))
}

/// All names of one server, or of all.
fn list(servers: &[&str]) -> Result<String, String> {
    let all: [(&str, Names); 13] = [
        ("agent", AgentFault::names()),
        ("apiserver", ApiFault::names()),
        ("castai", CastAiFault::names()),
        ("dns", DnsFault::names()),
        ("imds", ImdsFault::names()),
        ("sts", StsFault::names()),
        ("ec2", Ec2Fault::names()),
        ("eks", EksFault::names()),
        ("gce", GceFault::names()),
        ("gke", CloudApiFault::names()),
        ("azure", AzureImdsFault::names()),
        ("aks", CloudApiFault::names()),
        ("proxy", ProxyFault::names()),
    ];
    if let Some(unknown) = servers
        .iter()
        .find(|server| all.iter().all(|(known, _)| known != *server))
    {
        return Err(format!("no server is called {unknown:?}"));
    }
    let mut text = String::new();
    let common = Fault::names();
    let chosen = |server: &str| servers.is_empty() || servers.contains(&server);
    for (server, names) in all.iter().filter(|(server, _)| chosen(server)) {
        // What all servers have in common is listed once at the end, unless one server was asked for.
        for (name, meaning) in names
            .iter()
            .filter(|name| !servers.is_empty() || !common.contains(name))
        {
            writeln!(text, "{server} {name:<28} {meaning}").expect("a String takes everything");
        }
    }
    if servers.is_empty() {
        for (name, meaning) in common {
            writeln!(text, "castai|apiserver|CLOUD {name:<12} {meaning}")
                .expect("a String takes everything");
        }
    }
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_listed_switch_works_and_nonsense_is_told() {
        let mut world = World::start().unwrap();
        for server in [
            "agent",
            "apiserver",
            "castai",
            "dns",
            "imds",
            "sts",
            "ec2",
            "eks",
            "gce",
            "gke",
            "azure",
            "aks",
            "proxy",
        ] {
            for line in list(&[server]).unwrap().lines() {
                let name = line.split_whitespace().nth(1).unwrap();
                let switch = format!("{server} {name}");
                match apply(&switch, &mut world).await {
                    Outcome::Said(text) => assert_eq!(text, format!("done: {switch}")),
                    outcome => assert!(
                        server == "proxy" && matches!(outcome, Outcome::Restart(_)),
                        "{outcome:?}"
                    ),
                }
            }
        }
        for line in [
            "nonsense",
            "castai",
            "castai nonsense",
            "apiserver endpoint-3 refused",
            "list nonsense",
            "heal x",
        ] {
            let Outcome::Said(text) = apply(line, &mut world).await else {
                panic!("{line}")
            };
            assert!(text.ends_with("try: help"), "{line}: {text}");
        }
        assert_eq!(
            apply("heal", &mut world).await,
            Outcome::Said("done: heal".to_owned())
        );
        assert_eq!(apply("quit", &mut world).await, Outcome::Quit);
    }
}
