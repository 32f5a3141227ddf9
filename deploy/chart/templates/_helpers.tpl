{{- define "rehup.name" -}}
{{- if contains "rehup-controller" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-rehup-controller" (.Release.Name | trunc 23 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "rehup.selector" -}}
app.kubernetes.io/name: rehup-controller
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "rehup.labels" -}}
{{ include "rehup.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* What it reads and writes of what it looks after: in a ClusterRole, or in a Role of each namespace. */}}
{{- define "rehup.rules" -}}
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, list, watch, patch]
- apiGroups: [""]
  resources: [configmaps{{ if .Values.rights.secrets }}, secrets{{ end }}]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, delete]
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- if .Values.rights.rollback }}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create, update, delete]
{{- end }}
{{- if .Values.rights.fleetLock }}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [list, watch, create, update]
- apiGroups: [""]
  resources: [pods]
  verbs: [get]
{{- end }}
{{- end }}
