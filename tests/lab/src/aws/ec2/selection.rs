//! Selection of instances by the parameters of `DescribeInstances`.

use crate::aws::Instance;
use crate::aws::xml::AwsError;

/// Selects instances by ID, then by filter.
pub(super) fn select(
    instances: Vec<Instance>,
    parameters: &[(String, String)],
) -> Result<Vec<Instance>, AwsError> {
    let numbered = |name: &str| -> Vec<&str> {
        let values = parameters
            .iter()
            .filter(|(given, _)| given.strip_prefix(name).is_some_and(is_number));
        values.map(|(_, value)| value.as_str()).collect()
    };
    let ids = numbered("InstanceId.");
    let limit = match parameters
        .iter()
        .find(|(name, _)| name == "MaxResults")
        .map(|(_, value)| value.parse::<usize>())
    {
        None => usize::MAX,
        Some(_) if !ids.is_empty() => {
            let text = "The parameter instancesSet cannot be used with the parameter maxResults";
            return Err(AwsError::new(400, "InvalidParameterCombination", text));
        }
        Some(Ok(limit @ 5..=1000)) => limit,
        Some(_) => {
            let text =
                "Value for parameter maxResults is invalid. Expecting a value between 5 and 1000.";
            return Err(AwsError::new(400, "InvalidParameterValue", text));
        }
    };
    let unknown: Vec<&str> = ids
        .iter()
        .filter(|id| !instances.iter().any(|instance| instance.id == **id))
        .copied()
        .collect();
    if unknown.iter().any(|id| !is_id(id)) {
        return Err(AwsError::new(
            400,
            "InvalidInstanceID.Malformed",
            format!("Invalid id: \"{}\"", unknown[0]),
        ));
    }
    if !unknown.is_empty() {
        return Err(no_such_instance(&unknown));
    }
    let mut found = instances;
    found.retain(|instance| ids.is_empty() || ids.contains(&instance.id.as_str()));
    for (name, filter) in parameters
        .iter()
        .filter(|(name, _)| name.starts_with("Filter.") && name.ends_with(".Name"))
    {
        let values = numbered(&format!("{}.Value.", name.trim_end_matches(".Name")));
        match filter.as_str() {
            "instance-id" => found.retain(|instance| values.contains(&instance.id.as_str())),
            other => {
                let text = format!("The filter '{other}' is invalid");
                return Err(AwsError::new(400, "InvalidParameterValue", text));
            }
        }
    }
    found.truncate(limit);
    Ok(found)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix("i-").unwrap_or_default();
    matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns the error for unknown instance IDs.
pub(super) fn no_such_instance(ids: &[&str]) -> AwsError {
    let (noun, verb) = if ids.len() == 1 {
        ("ID", "does")
    } else {
        ("IDs", "do")
    };
    let text = format!("The instance {noun} '{}' {verb} not exist", ids.join(", "));
    AwsError::new(400, "InvalidInstanceID.NotFound", text)
}
