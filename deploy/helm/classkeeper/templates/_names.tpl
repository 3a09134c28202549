{{/*
The name of all objects, and the field manager if the values name none: `classkeeper` for a release of this name, else
`classkeeper-RELEASE`. There is nothing to override it by: the names of the cluster-scoped objects are what keeps two
releases in two namespaces from sharing a field manager, since Helm refuses a second owner of a ClusterRole.
*/}}
{{- define "classkeeper.name" -}}
{{- $name := printf "classkeeper-%s" .Release.Name -}}
{{- if eq .Release.Name "classkeeper" -}}{{- $name = "classkeeper" -}}{{- end -}}
{{- if or (gt (len $name) 63) (contains "." $name) -}}
{{- fail (printf "the release's name %q makes the name %q, which a Service can't have: take one without dots, of 51 characters at most" .Release.Name $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{- define "classkeeper.fieldManager" -}}
{{- .Values.fieldManager | default (include "classkeeper.name" .) -}}
{{- end -}}

{{- define "classkeeper.configMap" -}}
{{- .Values.existingConfigMap | default (printf "%s-defaults" (include "classkeeper.name" .)) -}}
{{- end -}}

{{/* Whether there is a directory of files: not if all of them are read from the API server. */}}
{{- define "classkeeper.mounts" -}}
{{- if or .Values.defaults .Values.existingConfigMap (not .Values.configMaps) -}}true{{- end -}}
{{- end -}}

{{/* The Secret with the webhook's certificate, if somebody else keeps it. */}}
{{- define "classkeeper.certificate" -}}
{{- if .Values.admission.enabled -}}{{- .Values.admission.certificateSecret -}}{{- end -}}
{{- end -}}

{{/* What selects the controller's Pods. It never changes. */}}
{{- define "classkeeper.selector" -}}
app.kubernetes.io/name: classkeeper
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end -}}

{{- define "classkeeper.labels" -}}
app.kubernetes.io/name: classkeeper
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "classkeeper.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}
