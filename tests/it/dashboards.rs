//! Grafana dashboards: queries, variables, layout and options.

use std::collections::BTreeSet;

use castai_health_exporter::alerting::dashboards::files;
use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::runbooks;
use castai_health_exporter::catalogue::CheckId;
use castai_health_exporter::catalogue::alert::modes_of;
use serde_json::Value;
use test_support::dashboards::{dashboards, expressions, panels};

use crate::rules::assert_published;

#[test]
fn panels_query_only_published_metrics() {
    for (path, dashboard) in dashboards() {
        let queries: Vec<String> = panels(&dashboard)
            .into_iter()
            .flat_map(expressions)
            .collect();
        assert!(queries.len() > 5, "{path}");
        for expr in queries {
            assert_published(&expr);
            let selected = expr.matches("cluster=~\"$cluster\"").count();
            assert!(selected > 0, "{path} does not select the cluster: {expr}");
            assert!(
                !expr.contains("_total") || expr.contains("[$__rate_interval]"),
                "counter without a rate: {expr}"
            );
        }
    }
}

#[test]
fn panels_have_title_description_data_source_and_unit() {
    for (path, dashboard) in dashboards() {
        assert!(
            dashboard["uid"].as_str().is_some_and(|uid| uid.len() <= 40),
            "{path}"
        );
        assert_eq!(dashboard["editable"], false, "{path}");
        assert!(dashboard.get("__inputs").is_none(), "{path}");
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        assert_eq!(
            (&variables[0]["name"], &variables[0]["label"]),
            (&"datasource".into(), &"Data source".into())
        );
        for variable in variables
            .iter()
            .filter(|variable| variable["type"] == "query")
        {
            assert_eq!(
                (&variable["refresh"], &variable["includeAll"]),
                (&2.into(), &true.into()),
                "{path}"
            );
        }
        for panel in panels(&dashboard)
            .into_iter()
            .filter(|panel| panel["type"] != "row")
        {
            let title = panel["title"].as_str().unwrap();
            assert!(
                !title.is_empty() && panel["description"].as_str().unwrap().ends_with('.'),
                "{path}: {title}"
            );
            for target in panel["targets"].as_array().unwrap() {
                assert_eq!(
                    target["datasource"]["uid"], "${datasource}",
                    "{path}: {title}"
                );
            }
            let unit = &panel["fieldConfig"]["defaults"]["unit"];
            assert_eq!(
                unit.is_null(),
                panel["type"] == "table",
                "{path}: {title}: every panel but a table has a unit"
            );
        }
    }
}

#[test]
fn panels_do_not_overlap_and_have_unique_ids() {
    for (path, dashboard) in dashboards() {
        let all = panels(&dashboard);
        let ids: BTreeSet<u64> = all
            .iter()
            .map(|panel| panel["id"].as_u64().unwrap())
            .collect();
        assert_eq!(ids.len(), all.len(), "{path}");
        let place = |panel: &Value, side: &str| panel["gridPos"][side].as_u64().unwrap();
        let mut taken = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            for x in place(panel, "x")..place(panel, "x") + place(panel, "w") {
                for y in place(panel, "y")..place(panel, "y") + place(panel, "h") {
                    assert!(
                        x < 24 && taken.insert((x, y)),
                        "{path}: {} overlaps at {x} {y}",
                        panel["title"]
                    );
                }
            }
        }
    }
}

#[test]
fn timelines_have_value_mappings_and_tables_link_by_column() {
    let mut timelines = 0;
    for (path, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            let (title, defaults) = (&panel["title"], &panel["fieldConfig"]["defaults"]);
            if panel["type"] == "state-timeline" {
                timelines += 1;
                assert!(
                    defaults["mappings"]
                        .as_array()
                        .is_some_and(|mappings| !mappings.is_empty()),
                    "{path}: {title}"
                );
                assert_eq!(
                    defaults["color"]["mode"], "fixed",
                    "{path}: {title}: Grafana ignores mappings in threshold mode"
                );
            }
            if panel["type"] == "table" {
                assert_eq!(
                    defaults["links"],
                    serde_json::json!([]),
                    "{path}: {title}: every cell would be a link"
                );
            }
        }
    }
    assert!(timelines > 4, "{timelines}");
}

/// Returns the URL of every link in a dashboard.
fn links(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("url").and_then(Value::as_str);
            own.into_iter()
                .chain(fields.values().flat_map(links))
                .filter(|url| !url.is_empty())
                .collect()
        }
        Value::Array(items) => items.iter().flat_map(links).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn links_lead_to_a_dashboard_or_to_an_absolute_runbook_url() {
    for base in ["", "https://example.org/runbooks"] {
        let options = GeneratorOptions {
            runbook_base: base,
            ..GeneratorOptions::DEFAULT
        };
        let mut runbooks = 0;
        for file in files(&options) {
            let dashboard: Value = serde_json::from_str(&file.contents).unwrap();
            for url in links(&dashboard) {
                // Grafana prefixes the path of its root URL only if a path starts with a slash.
                let dashboard = url.starts_with("/d/castai-agent-health?var-cluster=");
                let runbook = !base.is_empty() && url.starts_with(base);
                assert!(dashboard || runbook, "{}: {url:?} with {base:?}", file.path);
                runbooks += usize::from(runbook);
            }
        }
        assert_eq!(runbooks > 2, !base.is_empty(), "{runbooks} with {base:?}");
    }
}

#[test]
fn root_causes_and_consequences_have_tables_of_their_own() {
    for (path, dashboard) in dashboards() {
        let table = |title: &str| {
            panels(&dashboard)
                .into_iter()
                .find(|panel| panel["title"] == title)
                // Further queries add columns.
                .map(|panel| expressions(panel).swap_remove(0))
        };
        let roots = table("Root causes").unwrap_or_else(|| panic!("{path}"));
        assert!(
            roots.contains("caused_by=\"\"") && !roots.contains("caused_by!="),
            "{roots}"
        );
        if path.contains("agent-health") {
            let affected = table("Also affected").unwrap();
            assert!(
                affected.contains("caused_by!=\"\"") && !affected.contains("caused_by=\"\""),
                "{affected}"
            );
        }
    }
}

#[test]
fn fleet_dashboard_is_legible_with_hundreds_of_clusters() {
    let all = dashboards();
    let (_, fleet) = all.iter().find(|(path, _)| path.contains("fleet")).unwrap();
    let mut sorted = 0;
    for panel in panels(fleet) {
        let title = &panel["title"];
        let options = &panel["options"];
        match panel["type"].as_str().unwrap() {
            "table" => {
                assert_eq!(options["footer"]["enablePagination"], true, "{title}");
                sorted += usize::from(!options["sortBy"].as_array().unwrap().is_empty());
            }
            "state-timeline" | "timeseries" => {
                for expr in expressions(panel) {
                    let few = expr.starts_with("count(") || expr.contains("topk(");
                    assert!(few, "{title}: one series per cluster: {expr}");
                }
            }
            _ => {}
        }
    }
    assert!(sorted > 2, "{sorted}");
    for name in ["cluster", "severity"] {
        let variables = fleet["templating"]["list"].as_array().unwrap();
        assert!(variables.iter().any(|variable| variable["name"] == name));
        let filtered = panels(fleet)
            .into_iter()
            .filter(|panel| expressions(panel).concat().contains(&format!("${name}\"")));
        assert!(filtered.count() > 5, "{name}");
    }
}

/// Returns the value mappings of a table column.
fn texts<'a>(panel: &'a Value, column: &str) -> &'a serde_json::Map<String, Value> {
    let overrides = panel["fieldConfig"]["overrides"].as_array().unwrap();
    let properties = overrides
        .iter()
        .filter(|one| one["matcher"]["options"] == column)
        .flat_map(|one| one["properties"].as_array().unwrap());
    let mappings = properties
        .into_iter()
        .find(|property| property["id"] == "mappings")
        .unwrap_or_else(|| panic!("{column} has no mappings"));
    mappings["value"][0]["options"].as_object().unwrap()
}

#[test]
fn every_root_cause_has_a_problem_a_fix_and_a_section_of_the_runbooks() {
    let options = GeneratorOptions {
        runbook_base: "https://example.org/runbooks",
        ..GeneratorOptions::DEFAULT
    };
    let pages = runbooks::files();
    let [agent_health, _] = files(&options);
    let dashboard: Value = serde_json::from_str(&agent_health.contents).unwrap();
    let table = panels(&dashboard)
        .into_iter()
        .find(|panel| panel["title"] == "Root causes")
        .unwrap();
    let (problems, fixes, sections) = (
        texts(table, "problem"),
        texts(table, "fix"),
        texts(table, "page"),
    );
    let text = |texts: &serde_json::Map<String, Value>, key: &str| -> String {
        let text = texts
            .get(key)
            .unwrap_or_else(|| panic!("{key} has no text"));
        text["text"].as_str().unwrap().to_owned()
    };
    for check in CheckId::ALL {
        for mode in modes_of(*check) {
            let pair = format!("{check} {mode}");
            for sentence in [text(problems, mode.label()), text(fixes, &pair)] {
                assert!(sentence.len() > 4, "{pair}: {sentence}");
                assert!(!sentence.contains(['`', '\n', '{']), "{pair}: {sentence}");
            }
            let section = text(sections, &pair);
            let (page, anchor) = section.split_once('#').unwrap();
            let page = pages
                .iter()
                .find(|file| file.path.ends_with(&format!("/{page}")))
                .unwrap_or_else(|| panic!("{page} is no runbook"));
            let target = format!("<a id=\"{anchor}\"></a>");
            assert!(page.contents.contains(&target), "{pair}: {section}");
        }
    }
    // The labels of the series become these keys.
    let queries = expressions(table);
    assert!(
        queries[0].contains("\"problem\", \"\", \"mode\")")
            && queries[0].contains("\"fix\", \" \", \"check\", \"mode\")")
            && queries[0].contains("\"page\", \" \", \"check\", \"mode\")"),
        "{queries:?}"
    );
    assert!(queries[0].contains("absent("), "no exporter is not healthy");
    assert_eq!(queries.len(), 3, "severity, since, affects");
}

#[test]
fn every_check_has_a_timeline_in_one_group() {
    let all = dashboards();
    let (_, dashboard) = all
        .iter()
        .find(|(path, _)| path.contains("agent-health"))
        .unwrap();
    let groups: Vec<String> = panels(dashboard)
        .into_iter()
        .filter(|panel| panel["title"].as_str().unwrap().starts_with("Checks: "))
        .map(|panel| expressions(panel).concat())
        .collect();
    for check in CheckId::ALL {
        let listed = |group: &&String| {
            let (_, from) = group.split_once("check=~\"").unwrap();
            let (checks, _) = from.split_once('"').unwrap();
            checks.split('|').any(|listed| listed == check.label())
        };
        assert_eq!(groups.iter().filter(listed).count(), 1, "{check}");
    }
}

#[test]
fn dashboards_fit_into_an_annotation() {
    // `kubectl apply` keeps a copy of a ConfigMap in an annotation of at most 256 KiB.
    let options = GeneratorOptions {
        runbook_base: "https://example.org/runbooks",
        ..GeneratorOptions::DEFAULT
    };
    for file in files(&options) {
        let quoted = Value::from(file.contents).to_string();
        assert!(
            quoted.len() < 258_000,
            "{}: {} bytes",
            file.path,
            quoted.len()
        );
    }
}
