{{- /* Fails if a value is unknown, and names similar ones. The schema cannot do that. The maps of
       files/values.json are complete, everything else in it is free. */ -}}
{{- define "castai-health-exporter.checkNames" -}}
{{- $known := .Files.Get "files/values.json" | fromJson -}}
{{- $unknown := include "castai-health-exporter.unknownValues" (dict "values" .Values "known" $known "prefix" "") | fromJsonArray -}}
{{- $errors := list -}}
{{- range $unknown -}}
{{- $names := include "castai-health-exporter.namesOf" (dict "known" .known "prefix" .prefix) | fromJsonArray -}}
{{- $near := include "castai-health-exporter.similar" (dict "text" .key "names" $names) -}}
{{- if not $near -}}
{{- $all := include "castai-health-exporter.namesOf" (dict "known" $known "prefix" "" "below" true) | fromJsonArray -}}
{{- $near = include "castai-health-exporter.similar" (dict "text" .key "names" $all) -}}
{{- end -}}
{{- $errors = append $errors (printf "unknown value %s%s%s" .prefix .key $near) -}}
{{- end -}}
{{- if $errors -}}
{{- $errors = append $errors "All values: helm show values, or the README of the chart." -}}
{{- fail (printf "\n%s\n" (join "\n" $errors)) -}}
{{- end -}}
{{- end -}}

{{- /* Values that are not in `known`, as JSON. */ -}}
{{- define "castai-health-exporter.unknownValues" -}}
{{- $unknown := list -}}
{{- range $key, $value := .values -}}
{{- if not (hasKey $.known $key) -}}
{{- $unknown = append $unknown (dict "prefix" $.prefix "key" $key "known" $.known) -}}
{{- else if and (kindIs "map" (get $.known $key)) (kindIs "map" $value) -}}
{{- $below := include "castai-health-exporter.unknownValues" (dict "values" $value "known" (get $.known $key) "prefix" (printf "%s%s." $.prefix $key)) -}}
{{- $unknown = concat $unknown (fromJsonArray $below) -}}
{{- end -}}
{{- end -}}
{{- toJson $unknown -}}
{{- end -}}

{{- /* The names in `known`, with those of maps in it if `below` is set, as JSON. */ -}}
{{- define "castai-health-exporter.namesOf" -}}
{{- $names := list -}}
{{- range $key, $value := .known -}}
{{- $names = append $names (dict "name" (printf "%s%s" $.prefix $key) "text" $key) -}}
{{- if and $.below (kindIs "map" $value) -}}
{{- $inner := include "castai-health-exporter.namesOf" (dict "known" $value "prefix" (printf "%s%s." $.prefix $key) "below" true) -}}
{{- $names = concat $names (fromJsonArray $inner) -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{- /* Fails if the image cannot be pulled: an invalid name would also keep agent pods with a sidecar
       from becoming ready. */ -}}
{{- define "castai-health-exporter.checkImage" -}}
{{- $image := include "castai-health-exporter.image" . -}}
{{- if not (regexMatch "^[A-Za-z0-9._/:@-]+$" $image) -}}
{{- fail (printf "image.registry and image.repository: %s is not the name of an image" $image) -}}
{{- end -}}
{{- if not (regexMatch "^(localhost|[a-zA-Z0-9-]+(\\.[a-zA-Z0-9-]+)+|[a-zA-Z0-9.-]+:[0-9]+)(:[0-9]+)?/" $image) -}}
{{- fail (printf "image.registry: this version of the chart names no registry, so %s cannot be pulled; push the image to your own registry and add --set image.registry=REGISTRY (or global.imageRegistry)" $image) -}}
{{- end -}}
{{- if not (regexMatch "^[a-zA-Z0-9.-]+(:[0-9]+)?(/[a-z0-9]+((\\.|_{1,2}|-+)[a-z0-9]+)*)+(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})$" $image) -}}
{{- fail (printf "image.registry and image.repository: %s is not the name of an image" $image) -}}
{{- end -}}
{{- end -}}
