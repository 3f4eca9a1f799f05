{{- /* Prefix of all routes: empty, or /… without a trailing slash. */ -}}
{{- define "castai-health-exporter.routePrefix" -}}
{{- $web := .Values.web -}}
{{- $path := $web.routePrefix -}}
{{- if and (not $path) $web.externalUrl -}}
{{- $path = get (urlParse $web.externalUrl) "path" -}}
{{- end -}}
{{- $path | default "" | trimSuffix "/" -}}
{{- end -}}

{{- /* Flags of the server that companion and sidecar share, as JSON. */ -}}
{{- define "castai-health-exporter.serverArguments" -}}
{{- $arguments := list (printf "--web.listen-address=:%d" (int .Values.port)) -}}
{{- with include "castai-health-exporter.routePrefix" . -}}
{{- $arguments = append $arguments (printf "--web.route-prefix=%s" .) -}}
{{- end -}}
{{- $arguments = concat $arguments (list (printf "--log.level=%s" .Values.log.level) (printf "--log.format=%s" .Values.log.format)) -}}
{{- with .Values.prometheusRule.runbookBaseUrl -}}
{{- $arguments = append $arguments (printf "--runbook.base-url=%s" .) -}}
{{- end -}}
{{- toJson $arguments -}}
{{- end -}}

{{- /* Name of the Secret with the web configuration file; empty if there is none. */ -}}
{{- define "castai-health-exporter.webConfigSecret" -}}
{{- $web := .Values.web -}}
{{- if $web.configSecret.name -}}
{{- $web.configSecret.name -}}
{{- else if or $web.tls.enabled $web.basicAuth.enabled -}}
{{- printf "%s-web" (include "castai-health-exporter.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- define "castai-health-exporter.webConfigKey" -}}
{{- if .Values.web.configSecret.name -}}{{- .Values.web.configSecret.key -}}{{- else -}}web-config.yaml{{- end -}}
{{- end -}}

{{- define "castai-health-exporter.scheme" -}}
{{- ternary "https" "http" .Values.web.tls.enabled -}}
{{- end -}}

{{- /* Not empty if /metrics requires a password. */ -}}
{{- define "castai-health-exporter.metricsNeedPassword" -}}
{{- with .Values.web.basicAuth -}}
{{- if and .enabled (not (has "metrics" .openRoutes)) -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A probe with the handler that the web configuration permits. */ -}}
{{- define "castai-health-exporter.probe" -}}
{{- $probe := deepCopy .probe -}}
{{- $web := .root.Values.web -}}
{{- if not (or $probe.httpGet $probe.tcpSocket $probe.exec $probe.grpc) -}}
{{- if or $web.configSecret.name (and $web.basicAuth.enabled (not (has "health" $web.basicAuth.openRoutes))) -}}
{{- /* The kubelet has no password, and with your own file it may need a client certificate. */ -}}
{{- $_ := set $probe "tcpSocket" (dict "port" "health-metrics") -}}
{{- else -}}
{{- $get := dict "path" (printf "%s/-/healthy" (include "castai-health-exporter.routePrefix" .root)) "port" "health-metrics" -}}
{{- if $web.tls.enabled -}}
{{- $_ := set $get "scheme" "HTTPS" -}}
{{- end -}}
{{- $_ := set $probe "httpGet" $get -}}
{{- end -}}
{{- end -}}
{{- toYaml $probe -}}
{{- end -}}

{{- /* Fails if a value bypasses `web`, on which probes and monitors rely, or if a monitor could not
       scrape the companion. */ -}}
{{- define "castai-health-exporter.checkWeb" -}}
{{- $values := .Values -}}
{{- $web := $values.web -}}
{{- $flags := dict "web.listen-address" "port" "web.config.file" "web.configSecret" "web.external-url" "web.externalUrl" "web.route-prefix" "web.routePrefix" "config.file" "companion.config" "web.open-route" "web.basicAuth.openRoutes" "agent.no-token-requests" "agent.tokenRequests" "events.enabled" "events.enabled" -}}
{{- range $values.extraArgs -}}
{{- with get $flags (regexFind "^--[a-z.-]+" . | trimPrefix "--") -}}
{{- fail (printf "extraArgs: set %s instead, because other objects of the chart rely on it" .) -}}
{{- end -}}
{{- end -}}
{{- range $key, $value := dict "listen_address" "port" "config_file" "web.configSecret" "external_url" "web.externalUrl" "route_prefix" "web.routePrefix" "open_routes" "web.basicAuth.openRoutes" -}}
{{- if hasKey (dig "web" dict ($values.companion.config | default dict)) $key -}}
{{- fail (printf "companion.config.web.%s: set %s instead, because probes and monitors rely on it" $key $value) -}}
{{- end -}}
{{- end -}}
{{- if and $web.configSecret.name (or $web.tls.secretName $web.basicAuth.users) -}}
{{- fail "web.configSecret: its file contains certificate and users, so web.tls.secretName and web.basicAuth.users must be empty" -}}
{{- end -}}
{{- if and $web.tls.enabled (not (or $web.tls.secretName $web.configSecret.name)) -}}
{{- fail "web.tls.enabled: set web.tls.secretName to a Secret of the type kubernetes.io/tls" -}}
{{- end -}}
{{- if and $web.basicAuth.enabled (not (or $web.basicAuth.users $web.configSecret.name)) -}}
{{- fail "web.basicAuth.enabled: add a user with a bcrypt hash to web.basicAuth.users" -}}
{{- end -}}
{{- if or (and $web.tls.secretName (not $web.tls.enabled)) (and $web.basicAuth.users (not $web.basicAuth.enabled)) -}}
{{- fail (printf "web.%s: set web.%s.enabled=true as well" (ternary "tls.secretName" "basicAuth.users" (ne $web.tls.secretName "")) (ternary "tls" "basicAuth" (ne $web.tls.secretName ""))) -}}
{{- end -}}
{{- range $monitor, $tls := dict "podMonitor" "tlsConfig" "podMonitoring" "tls" -}}
{{- $settings := get $values $monitor -}}
{{- if and $settings.enabled $values.companion.enabled -}}
{{- if and $web.tls.enabled (not (get $settings $tls)) -}}
{{- fail (printf "%s.%s: set the CA and the server name, or insecureSkipVerify, because web.tls is enabled and pods are scraped by address" $monitor $tls) -}}
{{- end -}}
{{- if and (include "castai-health-exporter.metricsNeedPassword" $) (not (or $settings.basicAuth $settings.authorization $settings.oauth2 $settings.bearerTokenSecret)) -}}
{{- fail (printf "%s.basicAuth: set user and password, because web.basicAuth is enabled" $monitor) -}}
{{- end -}}
{{- if and $web.tls.enabled (eq (get $settings "scheme" | default "https") "http") -}}
{{- fail (printf "%s.scheme: must be https, because web.tls is enabled" $monitor) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
