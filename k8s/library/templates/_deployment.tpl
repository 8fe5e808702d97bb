{{/*
A Deployment of one component with its service account. Argument: dict root, component, values, and:
command (list, empty: the image's own), port (0: none, health by metrics), keys (files of the key secret).
*/}}
{{- define "musicgen.deployment" -}}
{{- $global := .root.Values.global -}}
{{- $name := include "musicgen.name" . -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels: {{- include "musicgen.labels" . | nindent 4 }}
spec:
  {{- if not (or (.values.autoscaling).enabled (.values.keda).enabled) }}
  replicas: {{ .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy:
    type: RollingUpdate
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
  selector:
    matchLabels: {{- include "musicgen.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "musicgen.labels" . | nindent 8 }}
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "9000"
    spec:
      serviceAccountName: {{ $name }}
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: {{ .values.graceSeconds | default 20 }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        runAsGroup: 10001
        fsGroup: 10001
        seccompProfile: { type: RuntimeDefault }
      {{- with .values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "musicgen.selector" . | nindent 14 }}
      {{- if .values.fetchAssets }}
      initContainers:
        - name: assets
          image: {{ include "musicgen.image" . }}
          imagePullPolicy: {{ $global.image.pullPolicy }}
          command: [python, scripts/fetch_assets.py, --home, /var/lib/musicgen]
          {{- include "musicgen.hardening" . | nindent 10 }}
          resources: { requests: { cpu: 100m, memory: 128Mi }, limits: { memory: 512Mi } }
          volumeMounts:
            - { name: assets, mountPath: /var/lib/musicgen/assets }
            - { name: scratch, mountPath: /tmp }
      {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ include "musicgen.image" . }}
          imagePullPolicy: {{ $global.image.pullPolicy }}
          {{- with .command }}
          command: {{ toJson . }}
          {{- end }}
          env: {{- include "musicgen.environment" . | nindent 12 }}
          {{- with $global.storage.secret }}
          envFrom:
            - secretRef: { name: {{ . }} }
          {{- end }}
          {{- include "musicgen.hardening" . | nindent 10 }}
          ports:
            - { name: metrics, containerPort: 9000 }
            {{- if .port }}
            - { name: {{ if .http }}http{{ else }}grpc{{ end }}, containerPort: {{ .port }} }
            {{- end }}
          {{- include "musicgen.probes" . | nindent 10 }}
          resources: {{- toYaml .values.resources | nindent 12 }}
          volumeMounts:
            - { name: keys, mountPath: /run/secrets/musicgen, readOnly: true }
            - { name: scratch, mountPath: /tmp }
            {{- if .values.fetchAssets }}
            - { name: assets, mountPath: /var/lib/musicgen/assets }
            {{- end }}
            {{- if .values.modelsClaim }}
            - { name: models, mountPath: /var/lib/musicgen/models }
            {{- end }}
      volumes:
        - name: keys
          secret:
            secretName: {{ $global.keys.secret }}
            defaultMode: 0440
            items:
              {{- range .keys }}
              - { key: {{ . }}, path: {{ . }} }
              {{- end }}
        - name: scratch
          emptyDir: { sizeLimit: {{ .values.scratchSize | default "2Gi" }} }
        {{- if .values.fetchAssets }}
        - name: assets
          emptyDir: { sizeLimit: 1Gi }
        {{- end }}
        {{- with .values.modelsClaim }}
        - name: models
          persistentVolumeClaim: { claimName: {{ . }} }
        {{- end }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  labels: {{- include "musicgen.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}

{{- define "musicgen.image" -}}
{{ .root.Values.global.image.registry }}/{{ .root.Chart.Name }}:{{ .root.Values.global.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "musicgen.hardening" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* A start may compile kernels and fetch a model: it gets five minutes before liveness counts. */}}
{{- define "musicgen.probes" -}}
{{- if .http -}}
startupProbe: { httpGet: { path: /health/live, port: http }, periodSeconds: 2, failureThreshold: 150 }
livenessProbe: { httpGet: { path: /health/live, port: http }, periodSeconds: 10, timeoutSeconds: 3 }
readinessProbe: { httpGet: { path: /health/ready, port: http }, periodSeconds: 5, timeoutSeconds: 3 }
{{- else if .port -}}
startupProbe: { grpc: { port: {{ .port }} }, periodSeconds: 2, failureThreshold: 150 }
livenessProbe: { grpc: { port: {{ .port }} }, periodSeconds: 10, timeoutSeconds: 3 }
readinessProbe: { grpc: { port: {{ .port }} }, periodSeconds: 5, timeoutSeconds: 3 }
{{- else -}}
startupProbe: { httpGet: { path: /metrics, port: metrics }, periodSeconds: 2, failureThreshold: 150 }
livenessProbe: { httpGet: { path: /metrics, port: metrics }, periodSeconds: 10, timeoutSeconds: 3 }
{{- end }}
{{- end }}
