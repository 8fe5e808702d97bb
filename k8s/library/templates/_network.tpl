{{/*
Who may call a component: the named others on its port, Prometheus on 9000, nobody else.
Argument: dict root, component, port (0: none), callers (components; "*": whoever reaches the cluster's edge).
*/}}
{{- define "musicgen.network" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "musicgen.name" . }}
  labels: {{- include "musicgen.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "musicgen.selector" . | nindent 6 }}
  policyTypes: [Ingress]
  ingress:
    - from:
        - namespaceSelector:
            matchLabels: {{- toYaml .root.Values.global.monitoringNamespaceLabels | nindent 14 }}
      ports: [{ port: 9000 }]
    {{- if .port }}
    {{- if eq (toString (first .callers)) "*" }}
    - ports: [{ port: {{ .port }} }]
    {{- else }}
    - from:
        {{- range .callers }}
        - podSelector:
            matchLabels: {{- include "musicgen.selector" (dict "root" $.root "component" .) | nindent 14 }}
        {{- end }}
      ports: [{ port: {{ .port }} }]
    {{- end }}
    {{- end }}
{{- end }}
