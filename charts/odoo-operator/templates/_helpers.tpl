{{- define "odoo-operator.labels" -}}
app.kubernetes.io/name: odoo-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "odoo-operator.selector" -}}
app.kubernetes.io/name: odoo-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "odoo-operator.serviceAccount" -}}
{{- default .Release.Name .Values.serviceAccount.name }}
{{- end }}

{{- /* Cluster-scoped objects of two releases must not meet; one operator serves a cluster. */ -}}
{{- define "odoo-operator.configuration" -}}
{{ .Release.Name }}
{{- end }}

{{- define "odoo-operator.pullSecrets" -}}
{{- range $at, $login := .Values.imagePullSecrets }}
- name: {{ $.Release.Name }}-pull-{{ $at }}
{{- end }}
{{- end }}

{{- define "odoo-operator.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "odoo-operator.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "odoo-operator.clientConfig" -}}
{{- if .root.Values.webhook.url }}
url: {{ printf "%s%s" (trimSuffix "/" .root.Values.webhook.url) .path | quote }}
{{- else }}
service:
  name: {{ .root.Release.Name }}-webhook
  namespace: {{ .root.Release.Namespace }}
  path: {{ .path }}
  port: 443
{{- end }}
{{- end }}

{{- define "odoo-operator.webhookRules" -}}
- apiGroups: [bemade.org]
  apiVersions: [v1]
  operations: [CREATE, UPDATE]
  resources:
    - odooinstances
    - odooinitjobs
    - odooupgradejobs
    - odoobackupjobs
    - odoorestorejobs
    - odoostagingrefreshjobs
    - odoobackupschedules
  scope: Namespaced
{{- end }}

{{- define "odoo-operator.uninstallRights" -}}
helm.sh/hook: pre-delete
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded,hook-failed
{{- end }}
