//! Cloud APIs and metadata services of the demo, and the agent's settings for them.

use std::io;
use std::net::IpAddr;
use std::path::Path;

use lab::aws::{Account, Endpoint};
use lab::cloud_api::{Kind, Options};
use lab::{AzureImds, CloudApi, Ec2, Eks, Gce, Imds, Pki, Sts, azure_imds, gce, imds};

/// Cloud provider of the cluster.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Provider {
    #[default]
    Eks,
    Gke,
    Aks,
}

/// All clouds run, whatever the provider, so that requests to the wrong one are visible.
pub(crate) struct Clouds {
    pub(crate) provider: Provider,
    pub(crate) imds: Imds,
    pub(crate) sts: Sts,
    pub(crate) ec2: Ec2,
    pub(crate) eks: Eks,
    pub(crate) gce: Gce,
    pub(crate) azure: AzureImds,
    pub(crate) gke: CloudApi,
    pub(crate) aks: CloudApi,
}

pub(crate) const STS_NAME: &str = "sts.lab";
pub(crate) const EC2_NAME: &str = "ec2.lab";
pub(crate) const EKS_NAME: &str = "eks.lab";
const GKE_NAME: &str = "container.lab";
const AKS_NAME: &str = "management.lab";

// === impl Provider ===

impl Provider {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Eks, Self::Gke, Self::Aks]
            .into_iter()
            .find(|provider| provider.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Eks => "eks",
            Self::Gke => "gke",
            Self::Aks => "aks",
        }
    }
}

// === impl Clouds ===

impl Clouds {
    pub(crate) fn start(public: &Pki, provider: Provider) -> io::Result<Self> {
        let account = Account::default();
        Ok(Self {
            provider,
            imds: Imds::start(imds::Options::default())?,
            sts: Sts::start(&account, Some(public), Endpoint::sts())?,
            ec2: Ec2::start(&account, Some(public), Endpoint::ec2())?,
            eks: Eks::start(&account, Some(public), Endpoint::eks())?,
            gce: Gce::start(gce::Options::default())?,
            azure: AzureImds::start(azure_imds::Options::default())?,
            gke: CloudApi::start(public, Options::new(Kind::Google, GKE_NAME))?,
            aks: CloudApi::start(public, Options::new(Kind::Azure, AKS_NAME))?,
        })
    }

    /// Returns the DNS records of the cloud APIs.
    pub(crate) fn dns_records(&self) -> [(&'static str, IpAddr); 5] {
        [
            (STS_NAME, self.sts.addr().ip()),
            (EC2_NAME, self.ec2.addr().ip()),
            (EKS_NAME, self.eks.addr().ip()),
            (GKE_NAME, self.gke.addr().ip()),
            (AKS_NAME, self.aks.addr().ip()),
        ]
    }

    /// Returns the agent's environment. Only on EKS does it name the cluster; elsewhere the agent
    /// discovers it.
    pub(crate) fn environment(&self, directory: &Path) -> Vec<(&'static str, String)> {
        let url = |name: &str, port: u16| format!("https://{name}:{port}");
        let mut environment = vec![
            ("PROVIDER", self.provider.name().to_owned()),
            (
                "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                format!("http://{}", self.imds.addr()),
            ),
            (
                "AWS_ENDPOINT_URL_STS",
                url(STS_NAME, self.sts.addr().port()),
            ),
            (
                "AWS_ENDPOINT_URL_EC2",
                url(EC2_NAME, self.ec2.addr().port()),
            ),
            (
                "AWS_ENDPOINT_URL_EKS",
                url(EKS_NAME, self.eks.addr().port()),
            ),
            (
                "AWS_CA_BUNDLE",
                directory.join("public.crt").display().to_string(),
            ),
            ("GCE_METADATA_HOST", self.gce.addr().to_string()),
        ];
        if self.provider == Provider::Eks {
            let cluster = [
                ("EKS_ACCOUNT_ID", "123456789012"),
                ("EKS_REGION", "eu-central-1"),
                ("EKS_CLUSTER_NAME", "lab"),
            ];
            environment.extend(cluster.map(|(name, value)| (name, value.to_owned())));
        }
        environment
    }

    /// Returns the settings that have no environment variable.
    pub(crate) fn config(&self, directory: &Path) -> String {
        format!(
            "azure:\n  metadata_address: '{}'\ncontrol_plane:\n  ca_file: {}\n  google_api: https://{GKE_NAME}:{}\n  \
             azure_api: https://{AKS_NAME}:{}\n",
            self.azure.addr(),
            directory.join("public.crt").display(),
            self.gke.addr().port(),
            self.aks.addr().port(),
        )
    }

    /// Describes the addresses of the servers.
    pub(crate) fn description(&self) -> Vec<String> {
        match self.provider {
            Provider::Eks => vec![
                format!("imds          http://{}", self.imds.addr()),
                format!("sts           https://{}  as {STS_NAME}", self.sts.addr()),
                format!("ec2           https://{}  as {EC2_NAME}", self.ec2.addr()),
                format!("eks           https://{}  as {EKS_NAME}", self.eks.addr()),
            ],
            Provider::Gke => vec![
                format!("gce           http://{}", self.gce.addr()),
                format!("gke           https://{}  as {GKE_NAME}", self.gke.addr()),
            ],
            Provider::Aks => vec![
                format!("azure         http://{}", self.azure.addr()),
                format!("aks           https://{}  as {AKS_NAME}", self.aks.addr()),
            ],
        }
    }

    /// Removes all faults.
    pub(crate) async fn heal(&self) {
        self.imds.heal().await;
        self.sts.heal().await;
        self.ec2.heal().await;
        self.eks.heal().await;
        self.gce.heal().await;
        self.azure.heal().await;
        self.gke.heal().await;
        self.aks.heal().await;
    }
}
