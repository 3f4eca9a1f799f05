{{- /* A suggestion of up to three names (`names`: dicts with name and text) whose text is similar to
       `text`: those that share most pairs of letters (Dice's coefficient), because templates have no
       edit distance. */ -}}
{{- define "castai-health-exporter.similar" -}}
{{- $text := lower .text -}}
{{- $best := 0 -}}
{{- $scored := list -}}
{{- range .names -}}
{{- $candidate := lower .text -}}
{{- $shared := 0 -}}
{{- range $i := untilStep 0 (sub (len $text) 1 | int) 1 -}}
{{- if contains (substr $i (add $i 2 | int) $text) $candidate -}}
{{- $shared = add $shared 1 -}}
{{- end -}}
{{- end -}}
{{- $score := div (mul 2000 $shared) (add (len $text) (len $candidate)) -}}
{{- $best = max $best $score -}}
{{- $scored = append $scored (dict "name" .name "score" $score) -}}
{{- end -}}
{{- $near := list -}}
{{- range $scored -}}
{{- if and (ge .score 300) (ge (mul 5 .score) (mul 4 $best)) -}}
{{- $near = append $near (printf "%04d%s" (sub 9999 .score) .name) -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range sortAlpha $near -}}
{{- if lt (len $names) 3 -}}
{{- $names = append $names (substr 4 -1 .) -}}
{{- end -}}
{{- end -}}
{{- with $names -}}
{{- printf " (did you mean %s?)" (join ", " . ) -}}
{{- end -}}
{{- end -}}
