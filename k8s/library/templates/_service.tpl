{{/* A cluster-internal Service. Argument: dict root, component, port, http. */}}
{{- define "musicgen.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "musicgen.name" . }}
  labels: {{- include "musicgen.labels" . | nindent 4 }}
spec:
  selector: {{- include "musicgen.selector" . | nindent 4 }}
  ports:
    - name: {{ if .http }}http{{ else }}grpc{{ end }}
      port: {{ .port }}
      targetPort: {{ if .http }}http{{ else }}grpc{{ end }}
      appProtocol: {{ if .http }}http{{ else }}kubernetes.io/h2c{{ end }}
{{- end }}
