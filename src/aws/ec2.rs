//! The EC2 API: `DescribeInstances`, the only operation that the agent calls.
//!
//! Wire format: the EC2 Query API, version 2016-11-15.

use aws_credential_types::Credentials;
use aws_smithy_query::QueryWriter;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};
use http::Request;

use crate::aws::signed_operation::SignedOperation;
use crate::aws::{CallError, PhasedConnector};
use crate::config::agent::aws::{AwsService, ServiceEndpoint};
use crate::net::Response;

/// Error code of a dry run if the caller has the permission.
pub const DRY_RUN_ALLOWED: &str = "DryRunOperation";
/// Version of the EC2 Query API.
const API_VERSION: &str = "2016-11-15";
/// Number of tags that are read; EC2 allows 50 per instance.
const MAX_TAGS: usize = 100;

/// The two forms of the request.
#[derive(Clone, Debug)]
enum DescribeInstances {
    /// Checks the permission only.
    DryRun,
    /// Describes one instance, as the agent does for the lifecycle of a node.
    Instance(String),
}

/// An instance as EC2 describes it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DescribedInstance {
    /// Instance ID.
    pub id: String,
    /// Purchase option, unless on-demand.
    pub lifecycle: Option<String>,
    /// Tags.
    pub tags: Vec<(String, String)>,
}

/// A client for EC2 at one endpoint.
#[derive(Clone, Debug)]
pub struct Ec2(SignedOperation);

impl Ec2 {
    /// Creates a client.
    pub fn new(
        connector: &PhasedConnector,
        endpoint: &ServiceEndpoint,
        credentials: &Credentials,
    ) -> Self {
        Self(SignedOperation::new(
            (AwsService::Ec2, "DescribeInstances"),
            connector,
            endpoint,
            credentials,
        ))
    }

    /// Requests a dry run, which always fails: with code [`DRY_RUN_ALLOWED`] if the caller has the
    /// permission.
    pub async fn dry_run(&self) -> CallError {
        match self.0.invoke(request(&DescribeInstances::DryRun)).await {
            Ok(response) => CallError::Response(Box::new(response)),
            Err(error) => error,
        }
    }

    /// Describes an instance, or returns `None` if it does not exist.
    ///
    /// # Errors
    /// If EC2 does not return instances.
    pub async fn describe_instance(
        &self,
        id: &str,
    ) -> Result<(Option<DescribedInstance>, Response), CallError> {
        let response = self
            .0
            .invoke(request(&DescribeInstances::Instance(id.to_owned())))
            .await?;
        match parse_instances(&response.body) {
            Ok(instances) => Ok((
                instances.into_iter().find(|instance| instance.id == id),
                response,
            )),
            Err(_) => Err(CallError::Response(Box::new(response))),
        }
    }
}

fn request(operation: &DescribeInstances) -> Request<String> {
    let mut body = String::new();
    let mut writer = QueryWriter::new(&mut body, "DescribeInstances", API_VERSION);
    match operation {
        DescribeInstances::DryRun => writer.prefix("DryRun").boolean(true),
        DescribeInstances::Instance(id) => {
            writer.prefix("Filter.1.Name").string("instance-id");
            writer.prefix("Filter.1.Value.1").string(id);
        }
    }
    writer.finish();
    let request = Request::post("/")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    request.expect("path and header are valid constants")
}

/// Parses the instances of a response.
fn parse_instances(body: &[u8]) -> Result<Vec<DescribedInstance>, XmlDecodeError> {
    let mut document = Document::try_from(body)?;
    let mut root = document.root_element()?;
    if root.start_el().local() != "DescribeInstancesResponse" {
        return Err(XmlDecodeError::custom("not a DescribeInstancesResponse"));
    }
    let mut found = Vec::new();
    while let Some(mut part) = root.next_tag() {
        if part.start_el().local() != "reservationSet" {
            continue;
        }
        while let Some(mut reservation) = part.next_tag() {
            while let Some(mut part) = reservation.next_tag() {
                if part.start_el().local() != "instancesSet" {
                    continue;
                }
                while let Some(mut item) = part.next_tag() {
                    found.push(parse_instance(&mut item)?);
                }
            }
        }
    }
    Ok(found)
}

fn parse_instance(item: &mut ScopedDecoder<'_, '_>) -> Result<DescribedInstance, XmlDecodeError> {
    let mut instance = DescribedInstance::default();
    while let Some(mut field) = item.next_tag() {
        match field.start_el().local() {
            "instanceId" => instance.id = try_data(&mut field)?.into_owned(),
            "instanceLifecycle" => instance.lifecycle = Some(try_data(&mut field)?.into_owned()),
            "tagSet" => {
                while let Some(mut tag) = field.next_tag() {
                    let (mut key, mut value) = (String::new(), String::new());
                    while let Some(mut field) = tag.next_tag() {
                        match field.start_el().local() {
                            "key" => key = try_data(&mut field)?.into_owned(),
                            "value" => value = try_data(&mut field)?.into_owned(),
                            _ => {}
                        }
                    }
                    if instance.tags.len() < MAX_TAGS {
                        instance.tags.push((key, value));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(instance)
}

impl DescribedInstance {
    /// Returns the cluster in the tags that the agent looks for.
    pub fn cluster(&self) -> Option<&str> {
        let owned = |(key, value): &(String, String)| {
            let name = key
                .strip_prefix("kubernetes.io/cluster/")
                .or_else(|| key.strip_prefix("k8s.io/cluster/"));
            name.filter(|name| value == "owned" && !name.is_empty())
                .map(str::len)
        };
        let by_key = self
            .tags
            .iter()
            .find_map(|tag| owned(tag).map(|length| &tag.0[tag.0.len() - length..]));
        by_key.or_else(|| {
            self.tags
                .iter()
                .find(|(key, _)| key == "KubernetesCluster")
                .map(|(_, value)| value.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>
<reservationSet><item><reservationId>r-1</reservationId><groupSet/><instancesSet><item><instanceId>i-1</instanceId>
<instanceLifecycle>spot</instanceLifecycle><tagSet><item><key>Name</key><value>a &amp; b</value></item>
<item><key>kubernetes.io/cluster/lab</key><value>owned</value></item></tagSet></item></instancesSet></item></reservationSet>
</DescribeInstancesResponse>"#;

    #[test]
    fn describe_instances_response_contains_lifecycle_and_cluster() {
        let found = parse_instances(RESPONSE.as_bytes()).unwrap();
        let [instance] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(
            (instance.id.as_str(), instance.lifecycle.as_deref()),
            ("i-1", Some("spot"))
        );
        assert_eq!(instance.cluster(), Some("lab"));
        let tagged = |key: &str, value: &str| {
            let tags = vec![(key.to_owned(), value.to_owned())];
            DescribedInstance {
                tags,
                ..DescribedInstance::default()
            }
            .cluster()
            .map(str::to_owned)
        };
        assert_eq!(tagged("k8s.io/cluster/x", "owned").as_deref(), Some("x"));
        assert_eq!(tagged("KubernetesCluster", "y").as_deref(), Some("y"));
        assert_eq!(tagged("kubernetes.io/cluster/x", "shared"), None);
    }

    #[test]
    fn empty_reservation_set_is_valid_and_html_is_not() {
        let empty = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";
        assert_eq!(parse_instances(empty.as_bytes()).unwrap(), []);
        for other in [
            "<html><body>hello</body></html>",
            "",
            "<a>",
            "no xml",
            "<Response><reservationSet/></Response>",
        ] {
            assert!(parse_instances(other.as_bytes()).is_err(), "{other}");
        }
    }
}
