//! Commands that a user can type in the demo.

use std::fmt::Write as _;
use std::str::FromStr;

use lab::{
    AgentFault, ApiFault, AzureImdsFault, CastAiFault, CloudApiFault, DnsFault, Ec2Fault, EksFault,
    Fault, GceFault, ImdsFault, ProxyFault, StsFault,
};

use super::check_script;
use super::exporter::end_of_log;
use super::test_bed::TestBed;

/// Result of a command.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// Print this text.
    Print(String),
    /// Restart the exporter, because its environment changed, and print this text.
    Restart(String),
    /// Quit the demo.
    Quit,
}

pub(crate) const HELP: &str = "\
Type a command to inject a fault:
  castai FAULT                      for example: castai tls-hang
  castai agent-status STATUS        for example: castai agent-status non-responding
  castai status STATUS              for example: castai status failed
  apiserver FAULT                   at the service address and all endpoints
  apiserver one-endpoint-down       one endpoint refuses connections
  apiserver service|endpoint-N FAULT
  dns FAULT [NAME]                  for example: dns nxdomain api.cast.lab
  imds FAULT                        for example: imds hop-limit-required
  agent FAULT                       for example: agent not-started
  agent log LINE                    append a line to the agent's log
  sts FAULT                         for example: sts throttled
  ec2 FAULT                         for example: ec2 denied-identity-policy
  eks FAULT                         for example: eks blocked
  gce FAULT, gke FAULT              with --provider gke, for example: gce refused, gke google-only
  azure FAULT, aks FAULT            with --provider aks, for example: azure restricted, aks private
  proxy FAULT                       for example: proxy 407 (CAST AI is then reached through the proxy)
  proxy use|bypass                  reach CAST AI through the proxy, or directly
  heal                              remove all faults, the proxy and what the agent logged
  check [FLAG]                      run all checks once, for example: check -o short
  log                               print the end of the exporter's log
  list [SERVER]                     list the faults of all servers, or of one: agent, apiserver,
                                    castai, dns, imds, sts, ec2, eks, gce, gke, azure, aks, proxy
  help, quit";

type Names = Vec<(&'static str, &'static str)>;

/// Runs a command.
pub(crate) async fn execute(line: &str, test_bed: &mut TestBed) -> Outcome {
    let words: Vec<&str> = line.split_whitespace().collect();
    match dispatch(&words, test_bed).await {
        Ok(outcome) => outcome,
        Err(problem) => Outcome::Print(format!("{problem}; try: help")),
    }
}

async fn dispatch(words: &[&str], test_bed: &mut TestBed) -> Result<Outcome, String> {
    match *words {
        [] => return Ok(Outcome::Print(String::new())),
        ["quit" | "exit"] => return Ok(Outcome::Quit),
        ["help"] => return Ok(Outcome::Print(HELP.to_owned())),
        ["list", ref servers @ ..] => return list(servers).map(Outcome::Print),
        ["heal"] => return Ok(heal(test_bed).await),
        ["log"] => return Ok(Outcome::Print(end_of_log(test_bed))),
        ["check", ref flags @ ..] => {
            return check_script::run(flags, test_bed).await.map(Outcome::Print);
        }
        ["castai", "agent-status", status] => {
            test_bed.castai.set_field("agentStatus", status.into());
        }
        ["castai", "status", status] => test_bed.castai.set_field("status", status.into()),
        ["castai", fault] => test_bed.castai.set(parse::<CastAiFault>(fault)?).await,
        ["apiserver", "one-endpoint-down"] => {
            endpoint(test_bed, "endpoint-1")?.set(Fault::Refused).await;
        }
        ["apiserver", fault] => test_bed.apiserver.set(parse::<ApiFault>(fault)?).await,
        ["apiserver", "service", fault] => {
            test_bed
                .apiserver
                .service()
                .set(parse::<ApiFault>(fault)?)
                .await;
        }
        ["apiserver", name, fault] => {
            endpoint(test_bed, name)?
                .set(parse::<ApiFault>(fault)?)
                .await;
        }
        ["dns", fault] => test_bed.dns.set(parse::<DnsFault>(fault)?),
        ["dns", fault, name] => test_bed.dns.set_for(name, parse::<DnsFault>(fault)?),
        ["agent", "log", ref line @ ..] => {
            test_bed.apiserver.logs().write(
                lab::apiserver::workload::POD,
                "agent",
                &line.join(" "),
            );
            test_bed.agent_logged = true;
        }
        ["agent", fault] => test_bed.agent.set(parse::<AgentFault>(fault)?).await,
        ["imds", fault] => test_bed.clouds.imds.set(parse::<ImdsFault>(fault)?).await,
        ["sts", fault] => test_bed.clouds.sts.set(parse::<StsFault>(fault)?).await,
        ["ec2", fault] => test_bed.clouds.ec2.set(parse::<Ec2Fault>(fault)?).await,
        ["eks", fault] => test_bed.clouds.eks.set(parse::<EksFault>(fault)?).await,
        ["gce", fault] => test_bed.clouds.gce.set(parse::<GceFault>(fault)?).await,
        ["gke", fault] => {
            test_bed
                .clouds
                .gke
                .set(parse::<CloudApiFault>(fault)?)
                .await;
        }
        ["azure", fault] => {
            test_bed
                .clouds
                .azure
                .set(parse::<AzureImdsFault>(fault)?)
                .await;
        }
        ["aks", fault] => {
            test_bed
                .clouds
                .aks
                .set(parse::<CloudApiFault>(fault)?)
                .await;
        }
        ["proxy", "use"] => return Ok(use_proxy(test_bed, true)),
        ["proxy", "bypass"] => return Ok(use_proxy(test_bed, false)),
        ["proxy", fault] => {
            test_bed.proxy.set(parse::<ProxyFault>(fault)?).await;
            if !test_bed.behind_proxy {
                return Ok(use_proxy(test_bed, true));
            }
        }
        _ => return Err(format!("unknown command {:?}", words.join(" "))),
    }
    Ok(Outcome::Print(format!("done: {}", words.join(" "))))
}

/// Removes all faults. What only lives in the exporter, the proxy in its environment and its memory
/// of the agent's log, goes with a restart.
async fn heal(test_bed: &mut TestBed) -> Outcome {
    test_bed.heal().await;
    let restart = test_bed.behind_proxy || test_bed.agent_logged;
    (test_bed.behind_proxy, test_bed.agent_logged) = (false, false);
    if restart {
        Outcome::Restart(
            "done: heal; exporter restarted without the proxy and without what the agent logged"
                .to_owned(),
        )
    } else {
        Outcome::Print("done: heal".to_owned())
    }
}

fn use_proxy(test_bed: &mut TestBed, behind_proxy: bool) -> Outcome {
    test_bed.behind_proxy = behind_proxy;
    let route = if behind_proxy {
        "through the proxy"
    } else {
        "directly"
    };
    Outcome::Restart(format!(
        "done: exporter restarted; it reaches CAST AI {route}"
    ))
}

fn parse<F: FromStr<Err = lab::UnknownFaultError>>(name: &str) -> Result<F, String> {
    name.parse()
        .map_err(|unknown: lab::UnknownFaultError| unknown.to_string())
}

fn endpoint<'a>(test_bed: &'a TestBed, name: &str) -> Result<&'a lab::Server<ApiFault>, String> {
    let number = name
        .strip_prefix("endpoint-")
        .and_then(|number| number.parse::<usize>().ok());
    let found =
        number.and_then(|number| test_bed.apiserver.endpoints().get(number.checked_sub(1)?));
    found.ok_or_else(|| format!("unknown API-server endpoint {name:?}"))
}

/// Lists the faults of some servers, or of all.
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
        return Err(format!("unknown server {unknown:?}"));
    }
    let mut text = String::new();
    let common = Fault::names();
    let selected = |server: &str| servers.is_empty() || servers.contains(&server);
    for (server, names) in all.iter().filter(|(server, _)| selected(server)) {
        // Faults common to all servers are listed once at the end, unless servers are named.
        for (name, meaning) in names
            .iter()
            .filter(|name| !servers.is_empty() || !common.contains(name))
        {
            writeln!(text, "{server} {name:<28} {meaning}")
                .expect("writing to a String never fails");
        }
    }
    if servers.is_empty() {
        for (name, meaning) in common {
            writeln!(text, "castai|apiserver|CLOUD {name:<12} {meaning}")
                .expect("writing to a String never fails");
        }
    }
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn heal_forgets_the_agents_log_and_the_proxy() {
        let mut test_bed = TestBed::start().unwrap();
        for command in ["agent log level=error msg=x", "proxy use"] {
            execute(command, &mut test_bed).await;
            let outcome = execute("heal", &mut test_bed).await;
            assert!(
                matches!(outcome, Outcome::Restart(_)),
                "{command}: {outcome:?}"
            );
            assert!(!test_bed.behind_proxy);
        }
    }

    #[tokio::test]
    async fn every_listed_fault_can_be_injected_and_unknown_commands_are_rejected() {
        let mut test_bed = TestBed::start().unwrap();
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
                let command = format!("{server} {name}");
                match execute(&command, &mut test_bed).await {
                    Outcome::Print(text) => assert_eq!(text, format!("done: {command}")),
                    outcome => assert!(
                        server == "proxy" && matches!(outcome, Outcome::Restart(_)),
                        "{outcome:?}"
                    ),
                }
            }
        }
        for line in [
            "unknown",
            "castai",
            "castai unknown",
            "apiserver endpoint-3 refused",
            "list unknown",
            "heal x",
        ] {
            let Outcome::Print(text) = execute(line, &mut test_bed).await else {
                panic!("{line}")
            };
            assert!(text.ends_with("try: help"), "{line}: {text}");
        }
        let restarts = execute("heal", &mut test_bed).await;
        assert!(matches!(restarts, Outcome::Restart(_)), "{restarts:?}");
        assert_eq!(
            execute("heal", &mut test_bed).await,
            Outcome::Print("done: heal".to_owned())
        );
        assert_eq!(execute("quit", &mut test_bed).await, Outcome::Quit);
    }
}
