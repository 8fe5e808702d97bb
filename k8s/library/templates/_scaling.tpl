{{/* A pod disruption budget and, where it is wanted, scaling. Argument: dict root, component, values, queue. */}}
{{- define "musicgen.scaling" -}}
{{- $name := include "musicgen.name" . -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  labels: {{- include "musicgen.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "musicgen.selector" . | nindent 6 }}
{{- if (.values.autoscaling).enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $name }}
  labels: {{- include "musicgen.labels" . | nindent 4 }}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: {{ $name }} }
  minReplicas: {{ .values.autoscaling.min }}
  maxReplicas: {{ .values.autoscaling.max }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: { type: Utilization, averageUtilization: {{ .values.autoscaling.cpu }} }
{{- end }}
{{- if (.values.keda).enabled }}
---
# Workers follow the queue: jobs that wait or run, shared out over the slots of a worker.
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ $name }}
  labels: {{- include "musicgen.labels" . | nindent 4 }}
spec:
  scaleTargetRef: { name: {{ $name }} }
  minReplicaCount: {{ .values.keda.min }}
  maxReplicaCount: {{ .values.keda.max }}
  cooldownPeriod: {{ .values.keda.cooldownSeconds }}
  triggers:
    - type: prometheus
      metadata:
        serverAddress: {{ .root.Values.global.prometheusUrl | quote }}
        query: max(jobs_queued{queue={{ .queue | quote }}}) + max(jobs_running{queue={{ .queue | quote }}})
        threshold: {{ .values.keda.jobsPerWorker | quote }}
{{- end }}
{{- end }}
