//! Tests of provider detection and of provider-specific variables.

use castai_health_exporter::config::{Provider, ProviderVariables};

use super::of_environment;

fn provider_variables(variables: &[(&str, &str)]) -> ProviderVariables {
    ProviderVariables::read(&|name| {
        variables
            .iter()
            .find(|(of, _)| *of == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn provider_variable_selects_the_provider() {
    for provider in Provider::ALL {
        assert_eq!(
            provider_variables(&[("PROVIDER", provider.label())]).provider,
            Some(*provider)
        );
    }
    for nothing in [
        vec![],
        vec![("PROVIDER", "")],
        vec![("PROVIDER", "EKS")],
        vec![("API_KEY", "x")],
    ] {
        assert_eq!(
            provider_variables(&nothing),
            ProviderVariables::default(),
            "{nothing:?}"
        );
    }
}

#[test]
fn provider_specific_variables_override_provider_variable() {
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
            let provider_variables =
                provider_variables(&[(name, value), ("PROVIDER", "openshift")]);
            assert_eq!(
                (provider_variables.provider, provider_variables.overruled),
                (Some(provider), Some(Provider::Openshift)),
                "{name}={value}"
            );
            assert_eq!(provider_variables.set, [name]);
        }
    }
    assert_eq!(
        provider_variables(&[("OPENSHIFT_CSP", "aws")]).provider,
        None
    );
    assert_eq!(
        provider_variables(&[("GKE_REGION", "x"), ("EKS_REGION", "x")]).provider,
        Some(Provider::Eks)
    );
}

#[test]
fn empty_variable_counts_as_unset() {
    let provider_variables = provider_variables(&[
        ("PROVIDER", "aks"),
        ("AKS_LOCATION", "westeurope"),
        ("AKS_SUBSCRIPTION_ID", ""),
    ]);
    assert_eq!(
        provider_variables.set,
        ["AKS_LOCATION", "AKS_SUBSCRIPTION_ID"]
    );
    assert_eq!(
        provider_variables.missing,
        ["AKS_NODE_RESOURCE_GROUP", "AKS_SUBSCRIPTION_ID"]
    );
    assert_eq!(
        (
            provider_variables.value("AKS_LOCATION"),
            provider_variables.value("AKS_SUBSCRIPTION_ID")
        ),
        (Some("westeurope"), None)
    );
}

#[test]
fn unknown_provider_is_reported() {
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
