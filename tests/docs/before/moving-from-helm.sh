# A release `edge` of a chart has made a class `edge`; somebody has changed its description.
mkdir -p chart/templates
cat > chart/Chart.yaml <<'END'
apiVersion: v2
name: edge
version: 1.0.0
END
cat > chart/templates/config.yaml <<'END'
apiVersion: v1
kind: ConfigMap
metadata: {name: edge}
END
cat > chart/templates/class.yaml <<'END'
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata:
  name: edge
  labels: {team: edge, edition: chart}
spec:
  controllerName: example.com/controller
  description: North-south traffic
  parametersRef: {group: example.com, kind: Parameters, name: edge, namespace: platform}
END
helm install edge chart
kubectl patch gatewayclass edge --field-manager kubectl-edit --type merge --patch '{"spec": {"description": "mine"}}'
