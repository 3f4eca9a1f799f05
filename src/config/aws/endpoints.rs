//! Where the agent's SDK finds AWS's services: partitions, FIPS, dual-stack, and what the environment says instead.
//!
//! Pure. The names follow AWS's published endpoint rules; for STS a test compares them with those in AWS's own SDK.

use std::collections::BTreeMap;

use url::Url;

use crate::config::aws::Version;
use crate::config::values;

/// A service of AWS that the agent's SDK asks, or would ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// The Security Token Service.
    Sts,
    /// The Elastic Compute Cloud.
    Ec2,
    /// The Elastic Kubernetes Service, which the exporter alone asks.
    Eks,
}

/// What the environment says of endpoints.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Endpoints {
    fips: bool,
    dual_stack: bool,
    ignored: bool,
    legacy_sts: Option<bool>,
    everything: Option<Given>,
    sts: Option<Given>,
    ec2: Option<Given>,
    eks: Option<Given>,
}

/// An address that somebody wrote, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Given {
    name: &'static str,
    text: String,
}

/// Where a service is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// Its address: scheme, host, perhaps port and path.
    pub url: Url,
    /// The region that signatures name; the global endpoint has its own.
    pub signing_region: String,
    /// The setting that says so, when it is not AWS's own name.
    pub set_by: Option<&'static str>,
}

/// A part of AWS with names of its own.
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
/// All but the usual one; the first whose prefix fits.
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
/// Where the SDK's first generation asks the global STS unless it is told otherwise.
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
        let given = |name: &'static str| set(name).map(|text| Given { name, text });
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

    /// The same with what the profile says where the environment is silent.
    #[must_use]
    pub fn or_profile(&self, profile: &BTreeMap<String, String>) -> Self {
        let yes = |key: &str| {
            profile
                .get(key)
                .is_some_and(|text| text.eq_ignore_ascii_case("true"))
        };
        let text = |key: &str| profile.get(key).cloned();
        let url = text("endpoint_url").map(|text| Given {
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

    /// Where the agent asks this service for this region; an agent of unknown version counts as a new one.
    ///
    /// # Errors
    /// What in the settings the agent's SDK cannot use either.
    pub fn of(
        &self,
        service: Service,
        region: &str,
        agent: Option<Version>,
    ) -> Result<Endpoint, String> {
        let label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if region.is_empty() || region.len() > MAX_LABEL || !region.bytes().all(label) {
            return Err(format!(
                "{} is no region: it has to be one such as eu-central-1",
                values::shown(region)
            ));
        }
        // What the agent does not ask does not depend on its version.
        let old = service != Service::Eks && agent.is_some_and(|agent| agent < Version::SDK_V2);
        if let Some(given) = self.given(service).filter(|_| !old) {
            return self.as_given(given, region);
        }
        let global = service == Service::Sts && old && self.legacy_sts.unwrap_or(true);
        let (host, signing_region) =
            if global && LEGACY_REGIONS.contains(&region) && !self.fips && !self.dual_stack {
                ("sts.amazonaws.com".to_owned(), "us-east-1".to_owned())
            } else {
                (self.name(service, region), region.to_owned())
            };
        let url = Url::parse(&format!("https://{host}/"))
            .map_err(|error| format!("{host} is no host: {error}"))?;
        Ok(Endpoint {
            url,
            signing_region,
            set_by: None,
        })
    }

    fn given(&self, service: Service) -> Option<&Given> {
        let own = match service {
            Service::Sts => &self.sts,
            Service::Ec2 => &self.ec2,
            Service::Eks => &self.eks,
        };
        own.as_ref()
            .or(self.everything.as_ref())
            .filter(|_| !self.ignored)
    }

    fn as_given(&self, given: &Given, region: &str) -> Result<Endpoint, String> {
        let Given { name, text } = given;
        if self.fips || self.dual_stack {
            let with = if self.fips { "FIPS" } else { "dual-stack" };
            return Err(format!(
                "{name} is set together with {with} endpoints, which the agent's SDK refuses"
            ));
        }
        let url = Url::parse(text)
            .map_err(|error| format!("{name} is no URL ({error}): write https://host"))?;
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
            return Err(format!(
                "{name} begins with {}: it has to be an http or https URL",
                values::shown(url.scheme())
            ));
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(format!(
                "{name} holds more than scheme, host, port and path"
            ));
        }
        Ok(Endpoint {
            url,
            signing_region: region.to_owned(),
            set_by: Some(name),
        })
    }

    /// AWS's own name of the service.
    fn name(&self, service: Service, region: &str) -> String {
        let fits = |partition: &&Partition| region.starts_with(partition.prefix);
        let partition = OTHERS.iter().find(fits).unwrap_or(&AWS);
        // All endpoints of the government's regions are FIPS endpoints.
        let government = partition.prefix == GOVERNMENT.prefix && !self.dual_stack;
        let service = match (service, self.fips && !government) {
            (Service::Sts, false) => "sts",
            (Service::Sts, true) => "sts-fips",
            (Service::Ec2, false) => "ec2",
            (Service::Ec2, true) => "ec2-fips",
            (Service::Eks, false) => "eks",
            (Service::Eks, true) if partition.prefix.is_empty() && !self.dual_stack => "fips.eks",
            (Service::Eks, true) => "eks-fips",
        };
        let suffix = if self.dual_stack {
            partition.dual_stack
        } else {
            partition.suffix
        };
        format!("{service}.{region}.{suffix}")
    }
}

impl Service {
    /// The word for it, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sts => "STS",
            Self::Ec2 => "EC2",
            Self::Eks => "EKS",
        }
    }

    /// The name that signatures carry.
    pub const fn signing_name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Ec2 => "ec2",
            Self::Eks => "eks",
        }
    }
}
