{{/*
The environment of a container: what every process knows, addresses of the others, the service's own settings.
Argument: dict root, component, values.
*/}}
{{- define "musicgen.environment" -}}
{{- $prefix := include "musicgen.prefix" . -}}
{{- $global := .root.Values.global -}}
{{- $settings := dict
  "ENVIRONMENT" "production"
  "LOG_FORMAT" "json"
  "SECRETS_DIR" "/run/secrets/musicgen"
  "STORAGE_URL" $global.storage.url
  "METRICS_HOST" "0.0.0.0"
  "METRICS_PORT" "9000"
  "OTLP_ENDPOINT" $global.otlpEndpoint
  "USERS_ADDRESS" (printf "%s-user-management:50051" .root.Release.Name)
  "GENERATION_ADDRESS" (printf "%s-generation:50052" .root.Release.Name)
  "PROCESSING_ADDRESS" (printf "%s-processing:50053" .root.Release.Name) -}}
{{- if has .component (list "gateway" "user-management" "user-management-background") -}}
{{- $_ := set $settings "GUESTS" ($global.guests | default false | toString) -}}
{{- end }}
{{- range $name, $value := merge (dict) (.values.settings | default dict) (.root.Values.settings | default dict) $settings }}
- name: {{ $prefix }}_{{ $name }}
  value: {{ $value | quote }}
{{- end }}
- name: {{ $prefix }}_REDIS_URL
  valueFrom: { secretKeyRef: { name: {{ $global.redis.secret }}, key: url } }
{{- range .values.secretSettings | default list }}
- name: {{ $prefix }}_{{ .name }}
  valueFrom: { secretKeyRef: { name: {{ .secret }}, key: {{ .key }}, optional: {{ .optional | default false }} } }
{{- end }}
{{- end }}
