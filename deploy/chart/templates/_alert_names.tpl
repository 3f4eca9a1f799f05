{{- /* The names of all alerts in files/rules, and the selectors of the failures whose alert is
       disabled or is reported differently, as JSON. */ -}}
{{- define "castai-health-exporter.alerts" -}}
{{- $names := list -}}
{{- $hidden := list -}}
{{- $changed := list -}}
{{- $overrides := .Values.prometheusRule.overrides | default dict -}}
{{- $disabled := include "castai-health-exporter.disabledAlerts" . | fromJsonArray -}}
{{- range $path, $_ := .Files.Glob "files/rules/*.yaml" -}}
{{- range ($.Files.Get $path | fromYaml).groups -}}
{{- range .rules -}}
{{- if .alert -}}
{{- $names = append $names .alert -}}
{{- $override := get $overrides .alert | default dict -}}
{{- $failures := include "castai-health-exporter.failureSelector" . -}}
{{- if not $failures -}}
{{- else if has .alert $disabled -}}
{{- $hidden = append $hidden $failures -}}
{{- else if or $override.severity $override.for -}}
{{- $changed = append $changed $failures -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- dict "names" (uniq $names) "hidden" $hidden "changed" $changed | toJson -}}
{{- end -}}

{{- /* The names in prometheusRule.disabled, which is a list or a map, as JSON. */ -}}
{{- define "castai-health-exporter.disabledAlerts" -}}
{{- $disabled := .Values.prometheusRule.disabled | default list -}}
{{- if kindIs "map" $disabled -}}
{{- $names := list -}}
{{- range $name, $is := $disabled -}}
{{- if $is -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- else -}}
{{- toJson $disabled -}}
{{- end -}}
{{- end -}}

{{- /* The failures that a rule reports; empty for an alert about the exporter. */ -}}
{{- define "castai-health-exporter.failureSelector" -}}
{{- regexFind "castai_health_failure\\{check=[^}]*, caused_by=\"\"\\}" .expr -}}
{{- end -}}

{{- /* Fails if an option names an alert that does not exist, or sets a label that identifies one. */ -}}
{{- define "castai-health-exporter.checkRuleValues" -}}
{{- $rule := .root.Values.prometheusRule -}}
{{- $overrides := $rule.overrides | default dict -}}
{{- $errors := list -}}
{{- range $option, $names := dict "disabled" (include "castai-health-exporter.disabledAlerts" .root | fromJsonArray) "overrides" (keys $overrides | sortAlpha) -}}
{{- range $names -}}
{{- if not (has . $.names) -}}
{{- $near := include "castai-health-exporter.nearAlerts" (dict "name" . "names" $.names) -}}
{{- $errors = append $errors (printf "prometheusRule.%s: unknown alert %s%s" $option . $near) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $errors -}}
{{- $errors = append $errors "To list all alerts, run: castai-health-exporter catalogue" -}}
{{- end -}}
{{- $labels := dict "additionalRuleLabels" $rule.additionalRuleLabels -}}
{{- range $alert, $override := $overrides -}}
{{- $_ := set $labels (printf "overrides.%s.labels" $alert) (get ($override | default dict) "labels") -}}
{{- end -}}
{{- range $option, $set := $labels -}}
{{- range $label, $_ := pick ($set | default dict) "alertname" "check" "cluster" "mode" "namespace" -}}
{{- $errors = append $errors (printf "prometheusRule.%s: the label %s identifies the failure and cannot be changed" $option $label) -}}
{{- end -}}
{{- if hasKey ($set | default dict) "severity" -}}
{{- $errors = append $errors (printf "prometheusRule.%s: set the severity of an alert with prometheusRule.overrides.ALERT.severity" $option) -}}
{{- end -}}
{{- end -}}
{{- if $errors -}}
{{- fail (printf "\n%s\n" (join "\n" $errors)) -}}
{{- end -}}
{{- end -}}

{{- /* A suggestion of up to three similar names. */ -}}
{{- define "castai-health-exporter.nearAlerts" -}}
{{- $names := list -}}
{{- range .names -}}
{{- $names = append $names (dict "name" . "text" (lower . | trimPrefix "castai")) -}}
{{- end -}}
{{- include "castai-health-exporter.similar" (dict "text" (lower .name | trimPrefix "castai") "names" $names) -}}
{{- end -}}
