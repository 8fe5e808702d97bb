{{/* The name of a component in a release: "music-generation-worker". Argument: dict root, component. */}}
{{- define "musicgen.name" -}}
{{ .root.Release.Name }}-{{ .component }}
{{- end }}

{{- define "musicgen.selector" -}}
app.kubernetes.io/part-of: music-gen-ai
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "musicgen.labels" -}}
{{ include "musicgen.selector" . }}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{/* "MUSICGEN_USER_MANAGEMENT": the prefix of a service's settings. */}}
{{- define "musicgen.prefix" -}}
MUSICGEN_{{ .root.Chart.Name | upper | replace "-" "_" }}
{{- end }}
