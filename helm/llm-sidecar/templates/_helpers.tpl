{{- define "llm-sidecar.name" -}}
{{- .Values.fullnameOverride | default (printf "%s-llm-sidecar" .Release.Name) | trunc 36 | trimSuffix "-" -}}
{{- end -}}

{{- define "llm-sidecar.injector" -}}
{{- printf "%s-injector" (include "llm-sidecar.name" .) -}}
{{- end -}}

{{/* Of objects that belong to no namespace, which two releases of one name must not share. */}}
{{- define "llm-sidecar.clusterName" -}}
{{- printf "%s.%s" (include "llm-sidecar.injector" .) .Release.Namespace -}}
{{- end -}}

{{/* What never changes over a release's life: selectors are immutable. Called with (list $ COMPONENT). */}}
{{- define "llm-sidecar.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: llm-sidecar
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "llm-sidecar.labels" -}}
{{- $root := index . 0 -}}
{{ include "llm-sidecar.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "llm-sidecar.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $image.repository $image.digest }}
{{- else -}}
{{ printf "%s:%s" $image.repository ($image.tag | default .Chart.AppVersion) }}
{{- end -}}
{{- end -}}

{{- define "llm-sidecar.gateway.serviceAccount" -}}
{{- with .Values.gateway.serviceAccount -}}
{{- if .create }}{{ .name | default (include "llm-sidecar.name" $) }}{{ else }}{{ .name | default "default" }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "llm-sidecar.injector.serviceAccount" -}}
{{- with .Values.injector.serviceAccount -}}
{{- if .create }}{{ .name | default (include "llm-sidecar.injector" $) }}{{ else }}{{ .name | default "default" }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* The Secret that holds the webhook's certificate. Each mode has its own, so that an upgrade to another mode, which removes what the
     chart held before, does not remove the new one. */}}
{{- define "llm-sidecar.injector.secret" -}}
{{- with .Values.injector.certificates -}}
{{- if eq .mode "existing" }}{{ .existingSecret }}{{ else }}{{ printf "%s-%s" (include "llm-sidecar.injector" $) (get (dict "selfManaged" "tls" "hook" "hook-tls" "certManager" "issued-tls") .mode) }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* The names by which the API server knows the injector. */}}
{{- define "llm-sidecar.injector.host" -}}
{{- printf "%s.%s.svc" (include "llm-sidecar.injector" .) .Release.Namespace -}}
{{- end -}}

{{/* Both fit Pod Security's `restricted`. */}}
{{- define "llm-sidecar.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}
{{- define "llm-sidecar.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where pods run. Called with (list $ COMPONENT VALUES). */}}
{{- define "llm-sidecar.scheduling" -}}
{{- $root := index . 0 -}}{{- $values := index . 2 -}}
{{- if $values.spread }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "llm-sidecar.selector" (list $root (index . 1)) | nindent 8 }}
{{- end }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Labels and annotations of a pod. No pod of the chart is ever injected: an injector that waits for itself would never start.
     Called with (list $ COMPONENT VALUES). */}}
{{- define "llm-sidecar.podLabels" -}}
{{- $values := index . 2 -}}
{{ include "llm-sidecar.labels" (list (index . 0) (index . 1)) }}
llm-sidecar.dev/inject: "false"
{{- with $values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "llm-sidecar.health" -}}
startupProbe:
  httpGet: {path: /readyz, port: {{ . }}}
  periodSeconds: 1
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /readyz, port: {{ . }}}
  periodSeconds: 5
livenessProbe:
  httpGet: {path: /livez, port: {{ . }}}
  periodSeconds: 10
  failureThreshold: 6
{{- end -}}

{{/* "true" where objects of the Prometheus operator can be made. */}}
{{- define "llm-sidecar.hasOperator" -}}
{{- if or .Values.monitoring.force (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1") }}true{{ end -}}
{{- end -}}
