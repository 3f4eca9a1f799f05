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

{{- define "castai-health-exporter.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "castai-health-exporter.agentNamespace" -}}
{{- default (include "castai-health-exporter.namespace" .) .Values.agent.namespace -}}
{{- end -}}

{{- /* Must not match the agent's labels: its PodDisruptionBudget, its topology spread and our admission policy select by them. */ -}}
{{- define "castai-health-exporter.selector" -}}
app.kubernetes.io/name: {{ include "castai-health-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "castai-health-exporter.labels" -}}
{{- include "castai-health-exporter.labelsAnd" (dict "root" . "labels" dict) -}}
{{- end -}}

{{- /* The labels of an object and more of them; none can replace what selectors rely on. */ -}}
{{- define "castai-health-exporter.labelsAnd" -}}
{{- $selector := include "castai-health-exporter.selector" .root | fromYaml -}}
{{- $own := dict
      "app.kubernetes.io/version" .root.Chart.AppVersion
      "app.kubernetes.io/managed-by" .root.Release.Service
      "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_")
-}}
{{- mergeOverwrite $own (.root.Values.commonLabels | default dict) (.labels | default dict) $selector | toYaml -}}
{{- end -}}

{{- /* The labels of a monitor or of rules, from both names that charts have for them. */ -}}
{{- define "castai-health-exporter.selectionLabels" -}}
{{- mergeOverwrite dict (.labels | default dict) (.additionalLabels | default dict) | toYaml -}}
{{- end -}}

{{- /* Annotations in addition to the common ones, as YAML; empty if there are none. */ -}}
{{- define "castai-health-exporter.annotations" -}}
{{- with mergeOverwrite dict (.root.Values.commonAnnotations | default dict) (.annotations | default dict) -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{- /* The metadata of an object: `name`, `namespace` unless it has none, additional `labels` and
       `annotations`. */ -}}
{{- define "castai-health-exporter.metadata" -}}
name: {{ .name }}
{{- with .namespace }}
namespace: {{ . }}
{{- end }}
labels: {{- include "castai-health-exporter.labelsAnd" . | nindent 2 }}
{{- with include "castai-health-exporter.annotations" . }}
annotations: {{- . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* `global.image` of some umbrella charts, if it is a map. */ -}}
{{- define "castai-health-exporter.globalImage" -}}
{{- $global := .Values.global | default dict -}}
{{- kindIs "map" $global.image | ternary $global.image dict | toJson -}}
{{- end -}}

{{- define "castai-health-exporter.image" -}}
{{- $global := .Values.global | default dict -}}
{{- $globalImage := include "castai-health-exporter.globalImage" . | fromJson -}}
{{- $image := .Values.image -}}
{{- $name := $image.repository -}}
{{- with $global.imageRegistry | default $global.registry | default $globalImage.registry | default $image.registry -}}
{{- $name = printf "%s/%s" (toString . | trimSuffix "/") $name -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "castai-health-exporter.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "castai-health-exporter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* A resource quantity in thousandths of a unit; empty if it has another form. */ -}}
{{- define "castai-health-exporter.milli" -}}
{{- $text := toString . -}}
{{- $units := dict "" 1000 "m" 1 "k" 1000000 "M" 1000000000 "G" 1000000000000 "Ki" 1024000 "Mi" 1048576000 "Gi" 1073741824000 -}}
{{- $unit := regexFind "[A-Za-z]*$" $text -}}
{{- if and (hasKey $units $unit) (regexMatch "^[0-9]+(\\.[0-9]+)?[A-Za-z]*$" $text) -}}
{{- mulf (float64 (trimSuffix $unit $text)) (get $units $unit) | int64 -}}
{{- end -}}
{{- end -}}

{{- /* The API server rejects requests above limits. For the sidecar, that would block the agent's pod. */ -}}
{{- define "castai-health-exporter.checkResources" -}}
{{- range $what := list "cpu" "memory" -}}
{{- $request := dig "requests" $what "" ($.resources | default dict) | include "castai-health-exporter.milli" -}}
{{- $limit := dig "limits" $what "" ($.resources | default dict) | include "castai-health-exporter.milli" -}}
{{- if and $request $limit (gt (int64 $request) (int64 $limit)) -}}
{{- fail (printf "%s: the %s request is above its limit, so the API server would reject the pod" $.path $what) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The RBAC rules of one account in one namespace (or cluster-wide), from files/permissions.yaml. */ -}}
{{- define "castai-health-exporter.rules" -}}
{{- $names := dict "deployment" .root.Values.agent.deployment "serviceAccount" .root.Values.agent.serviceAccount -}}
{{- range (.root.Files.Get "files/permissions.yaml" | fromYaml | dig .account list) -}}
{{- if and (eq .place $.place) (or $.root.Values.agent.tokenRequests (ne .resource "serviceaccounts/token")) }}
- apiGroups: [{{ .apiGroup | quote }}]
  resources: [{{ .resource }}]
  {{- with .name }}
  resourceNames: [{{ default . (get $names .) }}]
  {{- end }}
  verbs: [{{ join ", " .verbs }}]
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Not empty if there is a NetworkPolicy: the values enable it, or say who connects. */ -}}
{{- define "castai-health-exporter.networkPolicyEnabled" -}}
{{- $policy := .Values.networkPolicy -}}
{{- if kindIs "bool" $policy.enabled | ternary $policy.enabled (not (empty $policy.from)) -}}true{{- end -}}
{{- end -}}
