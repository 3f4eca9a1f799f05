{{- /* The groups of one file of rules, as this release changes them; empty if no alert is left. */ -}}
{{- define "castai-health-exporter.ruleGroups" -}}
{{- $root := .root -}}
{{- $values := $root.Values.prometheusRule -}}
{{- $optional := dict "CastaiHealthWatchdog" $values.watchdog "CastaiHealthSameRootInManyClusters" $values.sameRootInManyClusters -}}
{{- $disabled := include "castai-health-exporter.disabledAlerts" $root | fromJsonArray -}}
{{- range $name, $wanted := $optional -}}
{{- if not $wanted -}}
{{- $disabled = append $disabled $name -}}
{{- end -}}
{{- end -}}
{{- $commands := include "castai-health-exporter.commands" $root | fromJsonArray -}}
{{- $groups := list -}}
{{- range ($root.Files.Get .path | fromYaml).groups -}}
{{- $rules := list -}}
{{- $alerts := 0 -}}
{{- range .rules -}}
{{- if not .alert -}}
{{- $rules = append $rules . -}}
{{- else if not (has .alert $disabled) -}}
{{- include "castai-health-exporter.changeAlert" (dict "values" $values "rule" . "alerts" $.alerts "commands" $commands "dashboards" $root.Values.dashboards.baseUrl) -}}
{{- $rules = append $rules . -}}
{{- $alerts = add $alerts 1 -}}
{{- end -}}
{{- end -}}
{{- /* Recording rules serve the alerts of their group only. */ -}}
{{- if $alerts -}}
{{- $groups = append $groups (set . "rules" $rules) -}}
{{- end -}}
{{- end -}}
{{- if $groups -}}
{{- toYaml $groups -}}
{{- end -}}
{{- end -}}

{{- /* Changes an alert in place. */ -}}
{{- define "castai-health-exporter.changeAlert" -}}
{{- $rule := .rule -}}
{{- $override := get (.values.overrides | default dict) $rule.alert | default dict -}}
{{- $failures := include "castai-health-exporter.failureSelector" $rule -}}
{{- $annotations := dict -}}
{{- range $name, $text := $rule.annotations -}}
{{- range $.commands -}}
{{- $text = replace .from .to $text -}}
{{- end -}}
{{- $_ := set $annotations $name $text -}}
{{- end -}}
{{- with .values.runbookBaseUrl -}}
{{- $anchor := "" -}}
{{- /* The first check of the selector is the one whose sections the runbook contains. */ -}}
{{- with regexFind "[a-z0-9_]+" (trimPrefix "castai_health_failure{check" $failures) -}}
{{- $anchor = printf "#%s-{{ reReplaceAll \"_\" \"-\" $labels.mode }}" (replace "_" "-" .) -}}
{{- end -}}
{{- $annotations = omit $annotations "runbook" -}}
{{- $_ := set $annotations "runbook_url" (printf "%s/%s.md%s" (trimSuffix "/" .) $rule.alert $anchor) -}}
{{- end -}}
{{- with .dashboards -}}
{{- $_ := set $annotations "dashboard_url" (printf "%s/d/castai-agent-health?var-cluster={{ $labels.cluster | urlquery }}&var-namespace={{ $labels.namespace | urlquery }}" (trimSuffix "/" .)) -}}
{{- end -}}
{{- $_ := set $rule "annotations" (mergeOverwrite $annotations (.values.additionalRuleAnnotations | default dict)) -}}
{{- $labels := mergeOverwrite dict ($rule.labels | default dict) (.values.additionalRuleLabels | default dict) ($override.labels | default dict) -}}
{{- with $override.severity -}}
{{- $_ := set $labels "severity" . -}}
{{- /* Without this, two exporters that disagree about the severity would give the same alert twice. */ -}}
{{- $_ := set $rule "expr" (replace "check, mode, severity)" "check, mode)" $rule.expr) -}}
{{- end -}}
{{- with $labels -}}
{{- $_ := set $rule "labels" . -}}
{{- end -}}
{{- with $override.for -}}
{{- $_ := set $rule "for" . -}}
{{- end -}}
{{- with $override.keepFiringFor -}}
{{- $_ := set $rule "keep_firing_for" . -}}
{{- end -}}
{{- include "castai-health-exporter.keepQuiet" (dict "rule" $rule "alerts" .alerts) -}}
{{- end -}}

{{- /* Excludes failures from a rule that reports what no other alert reports: it must not replace an
       alert that is disabled. */ -}}
{{- define "castai-health-exporter.keepQuiet" -}}
{{- $rule := .rule -}}
{{- if contains "ALERTS{" $rule.expr -}}
{{- $window := regexReplaceAll "(?s)^.*ALERTS\\{[^}]*\\}(\\[\\w+\\])?.*$" $rule.expr "${1}" -}}
{{- /* Without a window, it would also replace one that does not fire yet, or has another severity. */ -}}
{{- range ternary (concat .alerts.hidden .alerts.changed) .alerts.hidden (eq $window "") -}}
{{- $failures := ternary . (printf "max_over_time(%s%s)" . $window) (eq $window "") -}}
{{- $_ := set $rule "expr" (printf "%s\nunless on (cluster, namespace, check)\n  %s\n" (trimSuffix "\n" $rule.expr) $failures) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Replacements in annotations, as JSON: the commands in files/rules are for a release, an agent
       and a companion with the default names. */ -}}
{{- define "castai-health-exporter.commands" -}}
{{- $agentNamespace := include "castai-health-exporter.agentNamespace" . -}}
{{- $label := "{{ $labels.namespace }}" -}}
{{- $namespace := include "castai-health-exporter.namespace" . -}}
{{- $here := eq $namespace $agentNamespace -}}
{{- /* The series of a companion elsewhere have its namespace, not the agent's. */ -}}
{{- $ofAgent := printf "kubectl -n %s" (ternary $label $agentNamespace $here) -}}
{{- $ofRelease := printf "kubectl -n %s" (ternary $label $namespace $here) -}}
{{- $any := printf "kubectl -n %s" $label -}}
{{- $program := "-- /castai-health-exporter" -}}
{{- $sidecar := printf "%s exec deploy/%s -c castai-health-exporter %s" $ofAgent .Values.agent.deployment $program -}}
{{- $exec := $sidecar -}}
{{- $check := printf "%s check" $sidecar -}}
{{- $configCheck := printf "%s --config.check" $sidecar -}}
{{- $logs := printf "%s logs deploy/%s -c castai-health-exporter" $ofAgent .Values.agent.deployment -}}
{{- if .Values.companion.enabled -}}
{{- $exec = printf "%s exec deploy/%s %s" $ofRelease (include "castai-health-exporter.fullname" .) $program -}}
{{- $check = printf "%s check --vantage=companion%s" $exec (include "castai-health-exporter.checkFlags" .) -}}
{{- $configCheck = printf "%s --config.check%s" $exec (include "castai-health-exporter.configFlag" .) -}}
{{- $logs = printf "%s logs -l app.kubernetes.io/name=%s" $ofRelease (include "castai-health-exporter.name" .) -}}
{{- end -}}
{{- $podLabels := list -}}
{{- range $key, $value := .Values.sidecar.podLabels -}}
{{- $podLabels = append $podLabels (printf "%s=%s" $key $value) -}}
{{- end -}}
{{- $replacements := list
      (list (printf "%s exec deploy/castai-agent -c castai-health-exporter %s" $any $program) $sidecar)
      (list (printf "%s exec deploy/castai-health-exporter %s check --vantage=companion" $any $program) $check)
      (list (printf "%s exec deploy/castai-health-exporter %s --config.check" $any $program) $configCheck)
      (list (printf "%s exec deploy/castai-health-exporter %s" $any $program) $exec)
      (list (printf "%s logs -l app.kubernetes.io/name=castai-health-exporter" $any) $logs)
      (list (printf "%s logs deployment/castai-agent -c agent" $any) (printf "%s logs deployment/%s -c %s" $ofAgent .Values.agent.deployment .Values.sidecar.agentContainer))
      (list (printf "%s get pods -l app.kubernetes.io/name=castai-agent" $any) (printf "%s get pods -l %s" $ofAgent (join "," $podLabels)))
-}}
{{- $pairs := list -}}
{{- range $replacements -}}
{{- $pairs = append $pairs (dict "from" (first .) "to" (last .)) -}}
{{- end -}}
{{- toJson $pairs -}}
{{- end -}}

{{- /* Flags that a check in the companion's pod needs, because only the running exporter has them. */ -}}
{{- define "castai-health-exporter.checkFlags" -}}
{{- range include "castai-health-exporter.checkArguments" . | fromJsonArray }} {{ . }}{{ end -}}
{{- end -}}

{{- /* The same flags, as JSON. */ -}}
{{- define "castai-health-exporter.checkArguments" -}}
{{- $arguments := list -}}
{{- $agentNamespace := include "castai-health-exporter.agentNamespace" . -}}
{{- if ne (include "castai-health-exporter.namespace" .) $agentNamespace -}}
{{- $arguments = append $arguments (printf "--agent.namespace=%s" $agentNamespace) -}}
{{- end -}}
{{- if ne .Values.agent.deployment "castai-agent" -}}
{{- $arguments = append $arguments (printf "--agent.deployment=%s" .Values.agent.deployment) -}}
{{- end -}}
{{- if ne .Values.agent.serviceAccount "castai-agent" -}}
{{- $arguments = append $arguments (printf "--agent.service-account=%s" .Values.agent.serviceAccount) -}}
{{- end -}}
{{- if not .Values.agent.tokenRequests -}}
{{- $arguments = append $arguments "--agent.no-token-requests" -}}
{{- end -}}
{{- with include "castai-health-exporter.configFlag" . -}}
{{- $arguments = append $arguments (trim .) -}}
{{- end -}}
{{- toJson $arguments -}}
{{- end -}}

{{- define "castai-health-exporter.configFlag" -}}
{{- if .Values.companion.config }} --config.file=/etc/castai-health-exporter/exporter.yaml{{ end -}}
{{- end -}}
