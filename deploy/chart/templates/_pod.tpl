{{- /* The pod of the companion without its containers; also that of `helm test`. */ -}}
{{- define "castai-health-exporter.podSpec" -}}
{{- $values := .Values -}}
{{- $global := $values.global | default dict -}}
serviceAccountName: {{ include "castai-health-exporter.serviceAccount" . }}
{{- if not $values.serviceAccount.automount }}
automountServiceAccountToken: false
{{- end }}
enableServiceLinks: false
{{- $globalImage := include "castai-health-exporter.globalImage" . | fromJson }}
{{- with concat (list) ($values.imagePullSecrets | default list) ($global.imagePullSecrets | default list) ($globalImage.pullSecrets | default list) }}
imagePullSecrets:
  {{- range . }}
  - name: {{ ternary (get (ternary . dict (kindIs "map" .)) "name") . (kindIs "map" .) }}
  {{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- if $values.hostNetwork }}
hostNetwork: true
{{- end }}
{{- with $values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with $values.dnsConfig }}
dnsConfig: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.hostAliases }}
hostAliases: {{- toYaml . | nindent 2 }}
{{- end }}
terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
nodeSelector: {{- mergeOverwrite dict ($values.nodeSelector | default dict) (dict "kubernetes.io/os" "linux") | toYaml | nindent 2 }}
{{- with concat (list) ($values.tolerations | default list) ($global.tolerations | default list) | uniq }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "castai-health-exporter.affinity" . | fromYaml }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.podSecurityContext }}
securityContext: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "castai-health-exporter.volumes" . }}
volumes: {{- trim . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The affinity, with the architectures of the image in every required term. */ -}}
{{- define "castai-health-exporter.affinity" -}}
{{- $affinity := deepCopy (.Values.affinity | default dict) -}}
{{- if not $affinity -}}
{{- /* Preferred, not required: the companion must run even when the agent does not. */ -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "namespaces" (list (include "castai-health-exporter.agentNamespace" .)) "labelSelector" (dict "matchLabels" .Values.sidecar.podLabels) -}}
{{- $_ := set $affinity "podAffinity" (dict "preferredDuringSchedulingIgnoredDuringExecution" (list (dict "weight" 100 "podAffinityTerm" $term))) -}}
{{- end -}}
{{- with .Values.image.architectures -}}
{{- $architectures := dict "key" "kubernetes.io/arch" "operator" "In" "values" . -}}
{{- $node := $affinity.nodeAffinity | default dict -}}
{{- $terms := list -}}
{{- range dig "requiredDuringSchedulingIgnoredDuringExecution" "nodeSelectorTerms" (list dict) $node -}}
{{- $terms = append $terms (merge (dict "matchExpressions" (append (.matchExpressions | default list) $architectures)) .) -}}
{{- end -}}
{{- $_ := set $node "requiredDuringSchedulingIgnoredDuringExecution" (dict "nodeSelectorTerms" $terms) -}}
{{- $_ := set $affinity "nodeAffinity" $node -}}
{{- end -}}
{{- toYaml $affinity -}}
{{- end -}}

{{- /* The agent's Secrets as JSON: each with its name, and its keys if not all are mounted. */ -}}
{{- define "castai-health-exporter.agentSecrets" -}}
{{- $secrets := list -}}
{{- range .Values.agent.secrets -}}
{{- $secrets = append $secrets (kindIs "map" . | ternary . (dict "name" .)) -}}
{{- end -}}
{{- toJson $secrets -}}
{{- end -}}

{{- define "castai-health-exporter.volumes" -}}
{{- if .Values.companion.config }}
- name: config
  configMap: {name: {{ include "castai-health-exporter.fullname" . }}}
{{- end }}
{{- with include "castai-health-exporter.webConfigSecret" . }}
- name: web-config
  secret: {secretName: {{ . }}}
{{- end }}
{{- with .Values.web.tls.secretName }}
- name: web-tls
  secret: {secretName: {{ . }}, items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]}
{{- end }}
{{- if eq (include "castai-health-exporter.namespace" .) (include "castai-health-exporter.agentNamespace" .) }}
{{- /* Optional: the pod starts without them, and the kubelet mounts them once they exist. */}}
{{- range include "castai-health-exporter.agentSecrets" . | fromJsonArray }}
- name: {{ printf "secret-%s" .name | replace "." "-" | trunc 63 | trimSuffix "-" }}
  secret:
    secretName: {{ .name }}
    optional: true
    {{- with .keys }}
    items:
      {{- range . }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
    {{- end }}
{{- end }}
{{- range .Values.agent.configMaps }}
- name: {{ printf "configmap-%s" . | replace "." "-" | trunc 63 | trimSuffix "-" }}
  configMap: {name: {{ . }}, optional: true}
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "castai-health-exporter.volumeMounts" -}}
{{- if .Values.companion.config }}
- {name: config, mountPath: /etc/castai-health-exporter, readOnly: true}
{{- end }}
{{- if include "castai-health-exporter.webConfigSecret" . }}
- {name: web-config, mountPath: /etc/castai-health-exporter-web, readOnly: true}
{{- end }}
{{- if .Values.web.tls.secretName }}
- {name: web-tls, mountPath: /etc/castai-health-exporter-tls, readOnly: true}
{{- end }}
{{- if eq (include "castai-health-exporter.namespace" .) (include "castai-health-exporter.agentNamespace" .) }}
{{- range include "castai-health-exporter.agentSecrets" . | fromJsonArray }}
- {name: {{ printf "secret-%s" .name | replace "." "-" | trunc 63 | trimSuffix "-" }}, mountPath: /etc/castai-agent/{{ hasKey . "keys" | ternary "secret-keys" "secrets" }}/{{ .name }}, readOnly: true}
{{- end }}
{{- range .Values.agent.configMaps }}
- {name: {{ printf "configmap-%s" . | replace "." "-" | trunc 63 | trimSuffix "-" }}, mountPath: /etc/castai-agent/configmaps/{{ . }}, readOnly: true}
{{- end }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* What the companion's container and that of `helm test` have in common. */ -}}
{{- define "castai-health-exporter.container" -}}
image: {{ include "castai-health-exporter.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- $env := .Values.extraEnv | default list -}}
{{- if kindIs "map" $env -}}
{{- $list := list -}}
{{- range $name, $value := $env -}}
{{- $list = append $list (dict "name" $name "value" (toString $value)) -}}
{{- end -}}
{{- $env = $list -}}
{{- end }}
{{- with $env }}
env: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.envFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resources }}
resources: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.securityContext }}
securityContext: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "castai-health-exporter.volumeMounts" . }}
volumeMounts: {{- trim . | nindent 2 }}
{{- end }}
{{- end -}}
