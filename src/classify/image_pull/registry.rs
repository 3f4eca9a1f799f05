//! Kinds of registries.

/// Returns the kind of registry in an image name: one of [`crate::catalogue::metric::REGISTRIES`].
pub fn registry(image: &str) -> &'static str {
    let Some((host, _)) = image.split_once('/') else {
        return "dockerhub";
    };
    let host = host
        .split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let ends = |names: &[&str]| {
        names
            .iter()
            .any(|name| host == name.trim_start_matches('.') || host.ends_with(name))
    };
    if !host.contains('.') && host != "localhost"
        || host == "docker.io"
        || host.ends_with(".docker.io")
    {
        "dockerhub"
    } else if ends(&[".azurecr.io", ".azurecr.cn", ".azurecr.us"]) {
        "acr"
    } else if host.contains(".dkr.ecr.") || host == "public.ecr.aws" {
        "ecr"
    } else if host == "k8s.gcr.io" || ends(&["registry.k8s.io"]) {
        "k8s"
    } else if host.ends_with("-docker.pkg.dev") || host == "docker.pkg.dev" {
        "gar"
    } else if ends(&[".gcr.io"]) {
        "gcr"
    } else if ends(&[".quay.io"]) {
        "quay"
    } else if ends(&[".ghcr.io"]) {
        "ghcr"
    } else if host == "mcr.microsoft.com" || host.ends_with(".mcr.microsoft.com") {
        "mcr"
    } else {
        "other"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_one_kind_of_registry() {
        for (image, kind) in [
            ("nginx", "dockerhub"),
            ("library/nginx:1", "dockerhub"),
            ("docker.io/library/nginx", "dockerhub"),
            ("shop.azurecr.io/web:1", "acr"),
            ("shop.azurecr.cn/web", "acr"),
            ("123456789012.dkr.ecr.eu-central-1.amazonaws.com/web", "ecr"),
            ("public.ecr.aws/x/y", "ecr"),
            ("us-docker.pkg.dev/castai-hub/library/agent:v1", "gar"),
            ("gcr.io/x/y", "gcr"),
            ("eu.gcr.io/x/y", "gcr"),
            ("registry.k8s.io/pause:3.9", "k8s"),
            ("k8s.gcr.io/cpvpa-amd64:v0.8.3", "k8s"),
            ("quay.io/x/y", "quay"),
            ("ghcr.io/x/y", "ghcr"),
            ("mcr.microsoft.com/x", "mcr"),
            ("registry.example.com:5000/x", "other"),
            ("localhost:5000/x", "other"),
            ("notazurecr.io/x", "other"),
        ] {
            assert_eq!(registry(image), kind, "{image}");
        }
    }
}
