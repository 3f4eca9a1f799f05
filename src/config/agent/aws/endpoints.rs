//! Endpoints of AWS services as the agent's SDK resolves them: partitions, FIPS, dual-stack and
//! overrides in the environment.
//!
//! Pure. The names follow AWS's published endpoint rules; a test compares those of STS with AWS's
//! own SDK.

use std::collections::BTreeMap;

use url::Url;

use crate::config::agent::aws::version::Version;
use crate::config::agent::setting_error::SettingError;
use crate::config::values;

/// An AWS service that the agent's SDK calls, or could call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AwsService {
    /// The Security Token Service.
    Sts,
    /// The Elastic Compute Cloud.
    Ec2,
    /// The Elastic Kubernetes Service, which only the exporter calls.
    Eks,
}

/// Endpoint settings in the environment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Endpoints {
    fips: bool,
    dual_stack: bool,
    ignored: bool,
    legacy_sts: Option<bool>,
    everything: Option<EndpointOverride>,
    sts: Option<EndpointOverride>,
    ec2: Option<EndpointOverride>,
    eks: Option<EndpointOverride>,
}

/// A configured endpoint and the setting that contains it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct EndpointOverride {
    name: &'static str,
    text: String,
}

/// A service endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServiceEndpoint {
    /// Its URL.
    pub url: Url,
    /// Signing region; the global endpoint has its own.
    pub signing_region: String,
    /// The setting that overrides AWS's default endpoint.
    pub set_by: Option<&'static str>,
}

/// An AWS partition with its own domain names.
struct Partition {
    prefix: &'static str,
    suffix: &'static str,
    dual_stack: &'static str,
}

const AWS: Partition = Partition {
    prefix: "",
    suffix: "amazonaws.com",
    dual_stack: "api.aws",
};
const GOVERNMENT: Partition = Partition {
    prefix: "us-gov-",
    ..AWS
};
/// All partitions except the default; the first matching prefix wins.
const OTHERS: &[Partition] = &[
    Partition {
        prefix: "cn-",
        suffix: "amazonaws.com.cn",
        dual_stack: "api.amazonwebservices.com.cn",
    },
    GOVERNMENT,
    Partition {
        prefix: "us-iso-",
        suffix: "c2s.ic.gov",
        dual_stack: "api.aws.ic.gov",
    },
    Partition {
        prefix: "us-isob-",
        suffix: "sc2s.sgov.gov",
        dual_stack: "api.aws.scloud",
    },
    Partition {
        prefix: "us-isof-",
        suffix: "csp.hci.ic.gov",
        dual_stack: "api.aws.hci.ic.gov",
    },
    Partition {
        prefix: "eu-isoe-",
        suffix: "cloud.adc-e.uk",
        dual_stack: "api.cloud-aws.adc-e.uk",
    },
    Partition {
        prefix: "eusc-",
        suffix: "amazonaws.eu",
        dual_stack: "api.amazonwebservices.eu",
    },
];
/// Regions in which the first-generation SDK calls the global STS endpoint by default.
const LEGACY_REGIONS: &[&str] = &[
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "aws-global",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];
/// The longest label of a host name (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

impl Endpoints {
    pub(super) fn read(set: &dyn Fn(&str) -> Option<String>) -> Self {
        let given = |name: &'static str| set(name).map(|text| EndpointOverride { name, text });
        let yes = |name: &str| set(name).is_some_and(|text| text.eq_ignore_ascii_case("true"));
        Self {
            fips: yes("AWS_USE_FIPS_ENDPOINT"),
            dual_stack: yes("AWS_USE_DUALSTACK_ENDPOINT"),
            ignored: yes("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
            legacy_sts: set("AWS_STS_REGIONAL_ENDPOINTS")
                .map(|text| text.eq_ignore_ascii_case("legacy")),
            everything: given("AWS_ENDPOINT_URL"),
            sts: given("AWS_ENDPOINT_URL_STS"),
            ec2: given("AWS_ENDPOINT_URL_EC2"),
            eks: given("AWS_ENDPOINT_URL_EKS"),
        }
    }

    /// Completes settings from a profile where the environment has none.
    #[must_use]
    pub fn or_profile(&self, profile: &BTreeMap<String, String>) -> Self {
        let yes = |key: &str| {
            profile
                .get(key)
                .is_some_and(|text| text.eq_ignore_ascii_case("true"))
        };
        let text = |key: &str| profile.get(key).cloned();
        let url = text("endpoint_url").map(|text| EndpointOverride {
            name: "endpoint_url of the profile",
            text,
        });
        Self {
            fips: self.fips || yes("use_fips_endpoint"),
            dual_stack: self.dual_stack || yes("use_dualstack_endpoint"),
            ignored: self.ignored || yes("ignore_configured_endpoint_urls"),
            legacy_sts: self.legacy_sts.or_else(|| {
                text("sts_regional_endpoints").map(|text| text.eq_ignore_ascii_case("legacy"))
            }),
            everything: self.everything.clone().or(url),
            ..self.clone()
        }
    }

    /// Returns the endpoint that the agent uses; an agent of unknown version counts as a new one.
    ///
    /// # Errors
    /// The setting that the agent's SDK cannot use either.
    pub fn of(
        &self,
        service: AwsService,
        region: &str,
        agent: Option<Version>,
    ) -> Result<ServiceEndpoint, SettingError> {
        let label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if region.is_empty() || region.len() > MAX_LABEL || !region.bytes().all(label) {
            return Err(SettingError::from(format!(
                "{} is not a region; expected one such as eu-central-1",
                values::shown(region)
            )));
        }
        // A service that the agent does not call does not depend on its version.
        let old = service != AwsService::Eks && agent.is_some_and(|agent| agent < Version::SDK_V2);
        if let Some(given) = self.given(service).filter(|_| !old) {
            return self.as_given(given, region);
        }
        let global = service == AwsService::Sts && old && self.legacy_sts.unwrap_or(true);
        let (host, signing_region) =
            if global && LEGACY_REGIONS.contains(&region) && !self.fips && !self.dual_stack {
                ("sts.amazonaws.com".to_owned(), "us-east-1".to_owned())
            } else {
                (self.name(service, region), region.to_owned())
            };
        let url = Url::parse(&format!("https://{host}/"))
            .map_err(|error| format!("{host} is not a host: {error}"))?;
        Ok(ServiceEndpoint {
            url,
            signing_region,
            set_by: None,
        })
    }

    fn given(&self, service: AwsService) -> Option<&EndpointOverride> {
        let own = match service {
            AwsService::Sts => &self.sts,
            AwsService::Ec2 => &self.ec2,
            AwsService::Eks => &self.eks,
        };
        own.as_ref()
            .or(self.everything.as_ref())
            .filter(|_| !self.ignored)
    }

    fn as_given(
        &self,
        given: &EndpointOverride,
        region: &str,
    ) -> Result<ServiceEndpoint, SettingError> {
        let EndpointOverride { name, text } = given;
        if self.fips || self.dual_stack {
            let with = if self.fips { "FIPS" } else { "dual-stack" };
            return Err(SettingError::from(format!(
                "{name} cannot be combined with {with} endpoints: the agent's SDK rejects both together"
            )));
        }
        let url = Url::parse(text)
            .map_err(|error| format!("{name} is not a URL ({error}): write https://host"))?;
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
            return Err(SettingError::from(format!(
                "{name} has the scheme {}: expected an http or https URL",
                values::shown(url.scheme())
            )));
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(SettingError::from(format!(
                "{name} contains more than scheme, host, port and path"
            )));
        }
        Ok(ServiceEndpoint {
            url,
            signing_region: region.to_owned(),
            set_by: Some(name),
        })
    }

    /// Returns AWS's default host name of the service.
    fn name(&self, service: AwsService, region: &str) -> String {
        let fits = |partition: &&Partition| region.starts_with(partition.prefix);
        let partition = OTHERS.iter().find(fits).unwrap_or(&AWS);
        // All endpoints of government regions are FIPS endpoints.
        let government = partition.prefix == GOVERNMENT.prefix && !self.dual_stack;
        let service = match (service, self.fips && !government) {
            (AwsService::Sts, false) => "sts",
            (AwsService::Sts, true) => "sts-fips",
            (AwsService::Ec2, false) => "ec2",
            (AwsService::Ec2, true) => "ec2-fips",
            (AwsService::Eks, false) => "eks",
            (AwsService::Eks, true) if partition.prefix.is_empty() && !self.dual_stack => {
                "fips.eks"
            }
            (AwsService::Eks, true) => "eks-fips",
        };
        let suffix = if self.dual_stack {
            partition.dual_stack
        } else {
            partition.suffix
        };
        format!("{service}.{region}.{suffix}")
    }
}

impl AwsService {
    /// Returns the name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sts => "STS",
            Self::Ec2 => "EC2",
            Self::Eks => "EKS",
        }
    }

    /// Returns the name used in signatures.
    pub const fn signing_name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Ec2 => "ec2",
            Self::Eks => "eks",
        }
    }
}
