//! EC2's `DescribeInstances`, the agent's one question to EC2, on the SDK's own engine and signatures.
//!
//! Wire format: the EC2 Query API, version 2016-11-15.

use aws_credential_types::Credentials;
use aws_smithy_query::QueryWriter;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};
use http::Request;

use crate::aws::signed::Signed;
use crate::aws::{Line, Refused};
use crate::config::aws::{Endpoint, Service};
use crate::net::Answer;

/// The code of an answer that says: you may.
pub const MAY: &str = "DryRunOperation";
/// Version of the Query API.
const VERSION: &str = "2016-11-15";
/// The most tags that EC2 gives an instance, with room.
const MAX_TAGS: usize = 100;

/// What is asked.
#[derive(Clone, Debug)]
enum Question {
    /// Whether it may be asked at all.
    DryRun,
    /// About the instance with this id, as the agent asks for the lifecycle of a node.
    Instance(String),
}

/// An instance as EC2 shows it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Its purchase option, when it is not on-demand.
    pub lifecycle: Option<String>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// EC2 at one address.
#[derive(Clone, Debug)]
pub struct Ec2(Signed);

impl Ec2 {
    /// EC2 at the end of a line, asked with these credentials.
    pub fn new(line: &Line, endpoint: &Endpoint, credentials: &Credentials) -> Self {
        Self(Signed::new(
            (Service::Ec2, "DescribeInstances"),
            line,
            endpoint,
            credentials,
        ))
    }

    /// Whether the caller may describe instances; the answer hoped for is a refusal with the code [`MAY`].
    pub async fn dry_run(&self) -> Refused {
        match self.0.ask(request(&Question::DryRun)).await {
            Ok(answer) => Refused::Answered(Box::new(answer)),
            Err(refused) => refused,
        }
    }

    /// What EC2 shows of an instance; nothing when it is not there.
    ///
    /// # Errors
    /// How far it got.
    pub async fn instance(&self, id: &str) -> Result<(Option<Instance>, Answer), Refused> {
        let answer = self
            .0
            .ask(request(&Question::Instance(id.to_owned())))
            .await?;
        match instances(&answer.body) {
            Ok(found) => Ok((found.into_iter().find(|instance| instance.id == id), answer)),
            Err(_) => Err(Refused::Answered(Box::new(answer))),
        }
    }
}

fn request(question: &Question) -> Request<String> {
    let mut body = String::new();
    let mut writer = QueryWriter::new(&mut body, "DescribeInstances", VERSION);
    match question {
        Question::DryRun => writer.prefix("DryRun").boolean(true),
        Question::Instance(id) => {
            writer.prefix("Filter.1.Name").string("instance-id");
            writer.prefix("Filter.1.Value.1").string(id);
        }
    }
    writer.finish();
    let request = Request::post("/")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    request.expect("path and header are constants")
}

/// The instances of an answer.
fn instances(body: &[u8]) -> Result<Vec<Instance>, XmlDecodeError> {
    let mut document = Document::try_from(body)?;
    let mut root = document.root_element()?;
    if root.start_el().local() != "DescribeInstancesResponse" {
        return Err(XmlDecodeError::custom("the answer is to no such question"));
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
                    found.push(instance(&mut item)?);
                }
            }
        }
    }
    Ok(found)
}

fn instance(item: &mut ScopedDecoder<'_, '_>) -> Result<Instance, XmlDecodeError> {
    let mut instance = Instance::default();
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

impl Instance {
    /// The cluster that the instance belongs to, by the tags that the agent looks for.
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

    const ANSWER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>
<reservationSet><item><reservationId>r-1</reservationId><groupSet/><instancesSet><item><instanceId>i-1</instanceId>
<instanceLifecycle>spot</instanceLifecycle><tagSet><item><key>Name</key><value>a &amp; b</value></item>
<item><key>kubernetes.io/cluster/lab</key><value>owned</value></item></tagSet></item></instancesSet></item></reservationSet>
</DescribeInstancesResponse>"#;

    #[test]
    fn an_instance_is_read_with_its_lifecycle_and_its_cluster() {
        let found = instances(ANSWER.as_bytes()).unwrap();
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
            Instance {
                tags,
                ..Instance::default()
            }
            .cluster()
            .map(str::to_owned)
        };
        assert_eq!(tagged("k8s.io/cluster/x", "owned").as_deref(), Some("x"));
        assert_eq!(tagged("KubernetesCluster", "y").as_deref(), Some("y"));
        assert_eq!(tagged("kubernetes.io/cluster/x", "shared"), None);
    }

    #[test]
    fn an_empty_answer_is_read_and_a_page_is_not() {
        let empty = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";
        assert_eq!(instances(empty.as_bytes()).unwrap(), []);
        for other in [
            "<html><body>hello</body></html>",
            "",
            "<a>",
            "no xml",
            "<Response><reservationSet/></Response>",
        ] {
            assert!(instances(other.as_bytes()).is_err(), "{other}");
        }
    }
}
