{{- define "llm-sidecar.name" -}}
{{- printf "%s-llm-sidecar" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What never changes over a release's life: selectors are immutable. */}}
{{- define "llm-sidecar.selector" -}}
app.kubernetes.io/name: llm-sidecar
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "llm-sidecar.labels" -}}
{{ include "llm-sidecar.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}
