{{- define "castai-health-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride -}}
{{- end -}}

{{- define "castai-health-exporter.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := include "castai-health-exporter.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Must not match the agent's labels: its PodDisruptionBudget, its topology spread and our admission policy select by them. */ -}}
{{- define "castai-health-exporter.selector" -}}
app.kubernetes.io/name: {{ include "castai-health-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "castai-health-exporter.labels" -}}
{{ include "castai-health-exporter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "castai-health-exporter.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "castai-health-exporter.agentNamespace" -}}
{{- default .Release.Namespace .Values.agent.namespace -}}
{{- end -}}

{{- define "castai-health-exporter.serviceAccount" -}}
{{- if .Values.companion.serviceAccount.create -}}
{{- default (include "castai-health-exporter.fullname" .) .Values.companion.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.companion.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* A resource quantity in thousandths of a unit. */ -}}
{{- define "castai-health-exporter.milli" -}}
{{- $text := toString . -}}
{{- $units := dict "m" 1 "k" 1000000 "M" 1000000000 "G" 1000000000000 "Ki" 1024000 "Mi" 1048576000 "Gi" 1073741824000 -}}
{{- $unit := regexFind "[A-Za-z]*$" $text -}}
{{- $number := trimSuffix $unit $text -}}
{{- $scale := ternary 1000 (get $units $unit) (eq $unit "") -}}
{{- mulf (float64 $number) $scale | int64 -}}
{{- end -}}

{{- /* The API server rejects requests above limits. For the sidecar, that would block the agent's pod. */ -}}
{{- define "castai-health-exporter.resources" -}}
{{- $of := .of -}}
{{- range $what := list "cpu" "memory" -}}
{{- $request := include "castai-health-exporter.milli" (get $.resources.requests $what) | int64 -}}
{{- $limit := include "castai-health-exporter.milli" (get $.resources.limits $what) | int64 -}}
{{- if gt $request $limit -}}
{{- fail (printf "%s.resources: the %s request is above its limit, so the API server would reject the pod" $of $what) -}}
{{- end -}}
{{- end -}}
requests: {cpu: {{ .resources.requests.cpu | toString | quote }}, memory: {{ .resources.requests.memory | quote }}}
limits: {cpu: {{ .resources.limits.cpu | toString | quote }}, memory: {{ .resources.limits.memory | quote }}}
{{- end -}}

{{- /* The RBAC rules of one account in one namespace (or cluster-wide), from files/permissions.yaml. */ -}}
{{- define "castai-health-exporter.rules" -}}
{{- $names := dict "deployment" .root.Values.agent.deployment "serviceAccount" .root.Values.agent.serviceAccount -}}
{{- range (.root.Files.Get "files/permissions.yaml" | fromYaml | dig .account list) -}}
{{- if eq .place $.place }}
- apiGroups: [{{ .apiGroup | quote }}]
  resources: [{{ .resource }}]
  {{- with .name }}
  resourceNames: [{{ default . (get $names .) }}]
  {{- end }}
  verbs: [{{ join ", " .verbs }}]
{{- end -}}
{{- end -}}
{{- end -}}
