{{/* A pod of services or workers. Takes a list: the chart's context, the part's name, its values. */}}
{{- define "footnote.pod" -}}
{{- $ := index . 0 }}{{ $part := index . 1 }}{{ $values := index . 2 -}}
metadata:
  labels: {app.kubernetes.io/name: footnote, app.kubernetes.io/instance: {{ $.Release.Name }}, app.kubernetes.io/component: {{ $part }}}
spec:
  automountServiceAccountToken: false
  # RAG_STOP_DELAY, and 30 seconds for what is being answered.
  terminationGracePeriodSeconds: 60
  securityContext: {runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: {{ $part }}
      image: "{{ $.Values.image.repository }}:{{ $.Values.image.tag | default $.Chart.AppVersion }}"
      args: {{ if eq $part "service" }}[serve, --host, 0.0.0.0, --log-format, json]{{ else }}[work]{{ end }}
      envFrom: [{secretRef: {name: {{ $.Values.secret }}}}]
      env:
        - {name: RAG_STOP_DELAY, value: "5"}
        {{- if eq $part "service" }}
        - {name: RAG_ALLOWED_HOSTS, value: {{ $values.allowedHosts | quote }}}
        {{- end }}
        {{- if $.Values.database.create }}
        {{- $db := printf "%s-db" $.Release.Name }}
        # Changes go to the node that may be written to, questions to standbys where there are some.
        - name: RAG_STORE
          value: "postgresql://footnote@{{ $db }}-rw,{{ $db }}-ro/footnote?target_session_attrs=prefer-standby
            {{- if and $.Values.milvus (eq $part "service") }}&milvus={{ $.Values.milvus }}{{ end }}"
        - name: PGPASSWORD
          valueFrom: {secretKeyRef: {name: {{ $db }}-app, key: password}}
        {{- end }}
        {{- with $values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- if eq $part "service" }}
      ports: [{name: http, containerPort: 8000}]
      startupProbe: {httpGet: {path: /livez, port: http, httpHeaders: [{name: Host, value: localhost}]}, periodSeconds: 2, failureThreshold: 60}
      livenessProbe: {httpGet: {path: /livez, port: http, httpHeaders: [{name: Host, value: localhost}]}, periodSeconds: 10, failureThreshold: 6}
      readinessProbe: {httpGet: {path: /readyz, port: http, httpHeaders: [{name: Host, value: localhost}]}, periodSeconds: 5}
      {{- end }}
      resources: {{ toJson $values.resources }}
      securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: scratch, mountPath: /tmp, subPath: tmp}, {name: scratch, mountPath: /data, subPath: data}]
  volumes: [{name: scratch, emptyDir: {}}]
{{- end }}
