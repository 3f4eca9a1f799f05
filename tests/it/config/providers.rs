//! Tests of provider detection and of provider-specific variables.

use castai_health_exporter::config::{Provider, ProviderVariables};

use super::of_environment;

fn told(variables: &[(&str, &str)]) -> ProviderVariables {
    ProviderVariables::read(&|name| {
        variables
            .iter()
            .find(|(of, _)| *of == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn every_provider_is_known_by_its_word() {
    for provider in Provider::ALL {
        assert_eq!(
            told(&[("PROVIDER", provider.label())]).provider,
            Some(*provider)
        );
    }
    for nothing in [
        vec![],
        vec![("PROVIDER", "")],
        vec![("PROVIDER", "EKS")],
        vec![("API_KEY", "x")],
    ] {
        assert_eq!(told(&nothing), ProviderVariables::default(), "{nothing:?}");
    }
}

#[test]
fn variables_of_a_provider_tell_of_it_and_go_before_the_word() {
    for (name, provider) in [
        ("EKS_REGION", Provider::Eks),
        ("EKS_API_TIMEOUT", Provider::Eks),
        ("SELFHOSTEDEC2_REGION", Provider::SelfHostedEc2),
        ("GKE_LOCATION", Provider::Gke),
        ("KOPS_CSP", Provider::Kops),
        ("AKS_LOCATION", Provider::Aks),
        ("ANYWHERE_CLUSTER_NAME", Provider::Anywhere),
    ] {
        for value in ["x", ""] {
            let told = told(&[(name, value), ("PROVIDER", "openshift")]);
            assert_eq!(
                (told.provider, told.overruled),
                (Some(provider), Some(Provider::Openshift)),
                "{name}={value}"
            );
            assert_eq!(told.set, [name]);
        }
    }
    assert_eq!(told(&[("OPENSHIFT_CSP", "aws")]).provider, None);
    assert_eq!(
        told(&[("GKE_REGION", "x"), ("EKS_REGION", "x")]).provider,
        Some(Provider::Eks)
    );
}

#[test]
fn what_is_empty_has_no_value() {
    let told = told(&[
        ("PROVIDER", "aks"),
        ("AKS_LOCATION", "westeurope"),
        ("AKS_SUBSCRIPTION_ID", ""),
    ]);
    assert_eq!(told.set, ["AKS_LOCATION", "AKS_SUBSCRIPTION_ID"]);
    assert_eq!(
        told.missing,
        ["AKS_NODE_RESOURCE_GROUP", "AKS_SUBSCRIPTION_ID"]
    );
    assert_eq!(
        (
            told.value("AKS_LOCATION"),
            told.value("AKS_SUBSCRIPTION_ID")
        ),
        (Some("westeurope"), None)
    );
}

#[test]
fn a_word_that_the_agent_does_not_know_is_its_trouble() {
    let config = of_environment(&[
        ("API_KEY", "x"),
        ("API_URL", "api.cast.ai"),
        ("PROVIDER", "azure"),
    ]);
    let problems = config.environment_problems.to_string();
    assert!(
        problems.contains("PROVIDER") && problems.contains("eks, selfhostedec2, gke, kops, aks"),
        "{problems}"
    );
}
