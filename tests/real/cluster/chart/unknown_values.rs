//! Tests of the names that the chart suggests for unknown values.

use super::template;
use super::values::FREE_VALUES;
use crate::support::helm::Helm;

#[tokio::test]
async fn unknown_values_fail_with_similar_names() {
    for helm in Helm::both() {
        for (value, wanted) in [
            (
                "nodeSelect.a=b",
                "unknown value nodeSelect (did you mean nodeSelector?)\n",
            ),
            (
                "image.repo=x",
                "unknown value image.repo (did you mean image.repository?)\n",
            ),
            (
                "image.pullSecrets=x",
                "unknown value image.pullSecrets (did you mean imagePullSecrets",
            ),
            (
                "companion.nodeSelector.a=b",
                "unknown value companion.nodeSelector (did you mean nodeSelector?)\n",
            ),
            (
                "web.tls.secret=x",
                "unknown value web.tls.secret (did you mean web.tls.secretName?)\n",
            ),
            (
                "podMonitor.relabeling=x",
                "unknown value podMonitor.relabeling (did you mean podMonitor.relabelings",
            ),
            ("qqq=1", "unknown value qqq\n"),
        ] {
            let error = template(&helm, &[value]).await.expect_err(value);
            assert!(error.contains(&format!("\n{wanted}")), "{value}: {error}");
        }
        let both = template(&helm, &["affinities.a=b", "tolerance=x"]).await;
        let both = both.unwrap_err();
        for wanted in [
            "affinities (did you mean affinity?)",
            "tolerance (did you mean tolerations?)",
        ] {
            assert!(both.contains(wanted), "{both}");
        }
    }
}

#[tokio::test]
async fn free_maps_accept_any_name() {
    for helm in Helm::both() {
        template(&helm, FREE_VALUES).await.unwrap();
    }
}
