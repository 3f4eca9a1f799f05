//! Values of the chart: valid sets and rejected ones.

/// Sets of values that together cover every template.
pub(in crate::cluster) const VALUE_SETS: &[&[&str]] = &[
    &[],
    &["sidecar.enabled=true"],
    &["sidecar.enabled=true", "companion.enabled=false"],
    &[
        "agent.namespace=elsewhere",
        "sidecar.enabled=true",
        "agent.deployment=other",
        "agent.serviceAccount=other",
    ],
    &[
        "rbac.create=false",
        "serviceAccount.create=false",
        "serviceAccount.name=mine",
    ],
    &["rbac.endpointSlices=false"],
    &["events.enabled=true", "sidecar.enabled=true"],
    &["dashboards.enabled=true", "dashboards.labels.folder=castai"],
    &[
        "networkPolicy.enabled=true",
        "networkPolicy.from[0].namespaceSelector.matchLabels.name=monitoring",
    ],
    &[
        "companion.config.log.level=debug",
        "hostNetwork=true",
        "dnsPolicy=Default",
        "port=12345",
    ],
    &[
        "companion.scrapeAnnotations=false",
        "podLabels.team=sre",
        "podAnnotations.a=b",
    ],
    &[
        "image.digest=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "imagePullSecrets={pull}",
    ],
    &[
        "agent.secrets={one,two.three}",
        "agent.configMaps={four}",
        "priorityClassName=system-cluster-critical",
    ],
    &[
        "extraArgs={--scope=all}",
        "extraEnv[0].name=A",
        "extraEnv[0].value=b",
    ],
    &[
        "prometheusRule.runbookBaseUrl=https://runbooks.example.com/castai",
        "sidecar.enabled=true",
    ],
    &[
        "nameOverride=other",
        "fullnameOverride=another",
        "log.level=debug",
        "log.format=json",
        "image.pullPolicy=Always",
    ],
];

/// All values of a `PodMonitor` that change its specification.
pub(in crate::cluster) const POD_MONITOR_VALUES: &[&str] = &[
    "podMonitor.enabled=true",
    "podMonitor.apiVersion=",
    "podMonitor.namespace=monitoring",
    "podMonitor.jobLabel=app",
    "podMonitor.podTargetLabels={team}",
    "podMonitor.sampleLimit=1000",
    "podMonitor.labelNameLengthLimit=100",
    "podMonitor.labelValueLengthLimit=1000",
    "podMonitor.attachMetadata.node=true",
    "podMonitor.interval=1m30s",
    "podMonitor.scrapeTimeout=",
    "podMonitor.relabelings[0].targetLabel=node",
    "podMonitor.metricRelabelings[0].action=drop",
    "podMonitor.scheme=https",
    "podMonitor.proxyUrl=http://proxy",
    "podMonitor.honorLabels=true",
    "podMonitor.honorTimestamps=false",
    "podMonitor.followRedirects=false",
    "podMonitor.enableHttp2=true",
    "podMonitor.filterRunning=false",
    "podMonitor.params.verbose={yes}",
    "podMonitor.authorization.credentials.key=token",
    "podMonitor.oauth2.clientId.secret.key=id",
    "podMonitor.oauth2.clientSecret.key=secret",
    "podMonitor.oauth2.tokenUrl=https://example.com",
    "podMonitor.bearerTokenSecret.key=token",
];

/// Values that the chart must reject, and a word of the error.
pub(super) const INVALID_VALUES: &[(&[&str], &str)] = &[
    (&["image.repository="], "repository"),
    (&["image.repository=Has Spaces"], "repository"),
    (&["image.digest=sha256:short"], "digest"),
    (&["image.pullPolicy=Sometimes"], "pullPolicy"),
    (&["port=0"], "port"),
    (&["port=99999"], "port"),
    (&["port=9876"], "port"),
    (&["sidecar.resources.requests.memory=16Mib"], "memory"),
    (&["sidecar.resources.limits.cpu=lots"], "cpu"),
    (&["sidecar.resources.limits=null"], "limits"),
    (
        &[
            "sidecar.enabled=true",
            "sidecar.resources.requests.memory=65Mi",
        ],
        "above its limit",
    ),
    (
        &["resources.limits.cpu=200m", "resources.requests.cpu=201m"],
        "above its limit",
    ),
    (
        &["resources.limits.cpu=0.2", "resources.requests.cpu=0.21"],
        "above its limit",
    ),
    (&["sidecar.podLabels=null"], "podLabels"),
    (&["agent.namespace=No_Name"], "namespace"),
    (&["agent.secrets={Not A Name}"], "secrets"),
    (&["log.level=loud"], "level"),
    (&["companion.replicas=2"], "replicas"),
    (&["image.architectures={s390x}"], "architectures"),
    (
        &["global.imageRegistry=Not A Registry"],
        "is not the name of an image",
    ),
    (
        &["image.repository=castai-health-exporter"],
        "image.registry",
    ),
    (&["networkPolicy.egress.ports={0}"], "ports"),
    (&["web.basicAuth.users.a=plain"], "users"),
    (
        &["companion.config.control_plane.castai_addresses={35.221.40.21/32}"],
        "castai_addresses",
    ),
    (
        &["companion.config.control_plane.azure_cluster=lab"],
        "azure_cluster",
    ),
    (
        &["companion.config.control_plane.google_api=http://container.lab"],
        "google_api",
    ),
    (
        &["companion.config.control_plane.addresses={35.221.40.21}"],
        "addresses",
    ),
    (&["podMonitor.interval=soon"], "interval"),
    (&["prometheusRule.disable={CastaiClockSkew}"], "disable"),
    (&["prometheusRule.disabled=CastaiClockSkew"], "disabled"),
    (&["prometheusRule.disabled.CastaiClockSkew=1"], "disabled"),
    (&["prometheusRule.namespace=No_Name"], "namespace"),
    (
        &["prometheusRule.overrides.CastaiClockSkew.keep_firing_for=5m"],
        "keep_firing_for",
    ),
    (
        &["prometheusRule.overrides.CastaiClockSkew.for=soon"],
        "for",
    ),
    (
        &["prometheusRule.overrides.CastaiClockSkew.severity="],
        "severity",
    ),
    (
        &["prometheusRule.additionalRuleLabels.not-a-label=x"],
        "not-a-label",
    ),
    (
        &["prometheusRule.additionalRuleAnnotations.a=1"],
        "additionalRuleAnnotations",
    ),
    (&["prometheusRule.runbookBaseUrl=docs"], "runbookBaseUrl"),
    (
        &["prometheusRule.runbookBaseUrl=https://example.com/{{ $labels.x }}"],
        "runbookBaseUrl",
    ),
    (&["prometheusRule.watchdog=yes"], "watchdog"),
];

/// Values in maps whose names the chart does not know.
pub(super) const FREE_VALUES: &[&str] = &[
    "global.anything.at=all",
    "commonLabels.a=b",
    "commonAnnotations.a=b",
    "deploymentAnnotations.a=b",
    "podLabels.a=b",
    "podAnnotations.a=b",
    "nodeSelector.a=b",
    "affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight=1",
    "resources.requests.ephemeral-storage=1Mi",
    "podSecurityContext.fsGroup=1",
    "securityContext.runAsUser=1",
    "dnsConfig.nameservers[0]=10.0.0.1",
    "strategy.type=RollingUpdate",
    "strategy.rollingUpdate.maxSurge=1",
    "livenessProbe.periodSeconds=1",
    "serviceAccount.labels.a=b",
    "service.annotations.a=b",
    "companion.config.checks.dns.interval=1m",
    "podMonitor.tlsConfig.insecureSkipVerify=true",
    "podMonitor.params.a={b}",
    "podMonitor.oauth2.a=b",
    "dashboards.annotations.a=b",
];
